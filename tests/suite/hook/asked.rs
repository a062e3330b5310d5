//! Who makes webhooks, by which ways, and what they are shown.

use super::*;

#[tokio::test]
async fn who_makes_a_webhook_is_a_person_who_has_just_shown_who_they_are() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let address = server.server.addresses()[0];
    let receiver = Receiver::start().await;
    let (mut program, _) = Program::log_in(address, "alice").await;
    let new = json!({ "url": receiver.url(), "kinds": ["presence"], "description": "doorbell" });
    let made = program.post("/hooks", new.clone()).await;
    assert_eq!((made.status, &made.body["id"]), (StatusCode::OK, &json!("1")), "{made:?}");
    assert!(made.body["secret"].as_str().unwrap().starts_with("whsec_"));
    let listed = program.get("/hooks").await.body;
    assert_eq!(listed["hooks"][0]["kinds"], json!(["presence"]));
    assert_eq!((&listed["hooks"][0]["off"], &listed["hooks"][0]["waiting"]), (&json!("on"), &json!("0")));
    let tested = program.post("/hooks/1/test", json!({})).await;
    assert_eq!((tested.status, &tested.body["id"]), (StatusCode::CREATED, &json!("1")));
    receiver.wait(1).await;
    let path = "/hooks/1/deliveries?limit=1";
    let told = eventually("it is taken", async || {
        let told = program.get(path).await.body["deliveries"][0].clone();
        (told["state"] == "delivered").then_some(told)
    })
    .await;
    assert_eq!((&told["type"], &told["tries"][0]["status"]), (&json!("test"), &json!(204)));
    let again = program.post("/hooks/1/replay", json!({ "delivery": "1" })).await;
    assert_eq!((again.status, &again.body["messages"]), (StatusCode::OK, &json!("1")));
    let off = program.ask(Method::PATCH, "/hooks/1", Some(&json!({ "on": false }))).await;
    assert_eq!(off.status, StatusCode::NO_CONTENT);

    // What can't be sent to, and what there isn't.
    for (wrong, because) in [
        (json!({ "url": "http://10.0.0.1/" }), "private"),
        (json!({ "url": "ftp://example.org/" }), "http"),
        (json!({ "url": "https://2130706433:1/" , "kinds": ["tea"] }), "kinds"),
        (json!({ "url": "" }), "address"),
    ] {
        let refused = program.post("/hooks", wrong.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}: {refused:?}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(because), "{wrong}: {detail}");
    }
    for missing in ["/hooks/2/test", "/hooks/2/secret"] {
        assert_eq!(program.post(missing, json!({})).await.status, StatusCode::NOT_FOUND);
    }
    for _ in 1..parlour::bounds::MAX_HOOKS {
        assert_eq!(program.post("/hooks", new.clone()).await.status, StatusCode::OK);
    }
    let refused = program.post("/hooks", new.clone()).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "too-many"));

    // An access token that isn't fresh makes nothing that lasts, and a key nothing at all.
    clock.advance(6 * MINUTE);
    for (method, path) in
        [(Method::POST, "/hooks"), (Method::PATCH, "/hooks/1"), (Method::POST, "/hooks/1/secret")]
    {
        let body = if path == "/hooks" { new.clone() } else { json!({}) };
        let refused = program.ask(method, path, Some(&body)).await;
        assert_eq!(refused.code(), "log-in-anew", "{path}");
    }
    let alice = server.log_in("alice").await;
    let key = alice.create_api_key("all", Permissions::VIEW, None).await.unwrap().key;
    let mut by_key = Program::at(address, &key).await;
    assert_eq!(by_key.post("/hooks", new).await.status, StatusCode::FORBIDDEN);
    assert_eq!(by_key.get("/hooks").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_command_makes_tries_and_takes_away_webhooks() {
    let server = TestServer::with(LOOPBACK).await;
    let receiver = Receiver::start().await;
    with(&server, Credentials::password("alice", PASSWORD, "test")).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let at = format!("parlour://alice@{}", server.server.addresses()[0]);
    let run = async |args: &[&str], input: &str| {
        let (home, input) = (home.path().to_owned(), input.to_owned());
        let args: Vec<_> = args.iter().map(ToString::to_string).collect();
        let work = move || {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            as_profile(&home, "alice", &args, &input)
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    };
    run(&["login", &at, "--password-stdin"], PASSWORD).await;
    let added = run(&["hook", "add", &receiver.url(), "--events", "presence, texts"], "").await;
    assert!(added[0]["secret"].as_str().unwrap().starts_with("whsec_"), "{added:?}");
    let listed = run(&["hook", "list"], "").await;
    assert_eq!((&listed[0]["id"], &listed[0]["events"]), (&json!(1), &json!("presence, texts")));
    let tested = run(&["hook", "test", "1"], "").await;
    assert_eq!(tested[0]["status"], json!(204), "{tested:?}");
    receiver.answer(Answer::Status(500, "no tea"));
    let failed = run(&["hook", "test", "1"], "").await;
    assert_eq!((&failed[0]["status"], &failed[0]["answer"]), (&json!(500), &json!("no tea")));
    assert!(failed[1]["error"]["message"].as_str().unwrap().contains("status 500"), "{failed:?}");
    let messages = run(&["hook", "deliveries", "1"], "").await;
    assert!(messages.iter().any(|one| one["type"] == "test" && one["state"] == "waiting"), "{messages:?}");
    let tries = run(&["hook", "deliveries", "1", "--message", "1"], "").await;
    assert_eq!(tries[0]["status"], json!(204));
    for (args, answer) in [
        (vec!["hook", "off", "1"], json!({ "off": 1 })),
        (vec!["hook", "on", "1"], json!({ "on": 1 })),
        (vec!["hook", "remove", "1"], json!({ "removed": 1 })),
    ] {
        assert_eq!(run(&args, "").await, [answer]);
    }
    let refused = run(&["hook", "test", "1"], "").await;
    assert!(refused[0]["error"]["message"].as_str().unwrap().contains("no such webhook"), "{refused:?}");
}

#[tokio::test]
async fn the_receiver_of_the_documentation_prints_what_is_signed_and_refuses_the_rest() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}/");
    let create =
        || wire::CreateHook { url: url.clone(), kinds: vec!["texts".to_owned()], ..Default::default() };
    let (made, another) =
        (root.create_hook(create()).await.unwrap(), root.create_hook(create()).await.unwrap());
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/webhooks.md"));
    let source = page.split_once("```python\n").unwrap().1.split_once("```").unwrap().0;
    let source = source.replace("8000", &free.port().to_string());
    let mut script = Command::new("python3")
        .args(["-c", &source])
        .env("SECRET", &made.secret)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(script.stdout.take().unwrap()).lines();
    let _script = Script(script);
    eventually("it listens", async || tokio::net::TcpStream::connect(free).await.ok()).await;
    let tried = async |id: u64| {
        eventually("it is tried", async || {
            let found = root.hook_deliveries(id, 0, 1).await.unwrap();
            found[0].tries.last().map(|last| last.status)
        })
        .await
    };
    root.test_hook(another.id).await.unwrap();
    assert_eq!(tried(another.id).await, 401, "it is signed by another secret");
    root.test_hook(made.id).await.unwrap();
    assert_eq!(tried(made.id).await, 204);
    let line = tokio::task::spawn_blocking(move || printed.next().unwrap().unwrap()).await.unwrap();
    assert_eq!(line, "test {}");
}
