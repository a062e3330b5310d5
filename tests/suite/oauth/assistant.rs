//! The assistant's door (docs/assistant.md): what is done there, and what is refused.

mod sdk;

use std::collections::BTreeSet;

use parlour::auth::oauth::assistant_at;
use serde_json::json;

use super::*;
use crate::support::{Process, channel_id, eventually};

const ON: &[(&str, &str)] = &[("assistant.enabled", "true")];
const ALL: &str = "view join speak text whisper listen create-temporary create-channel edit-channel manage-users manage-organization \
     move-others kick offline_access destructive";

/// An assistant that is registered for the server, for these scopes.
fn assistant(server: &TestServer, scope: &str) -> wire::CreateOauthClient {
    let issuer = format!("https://127.0.0.1:{}", server.server.addresses()[0].port());
    wire::CreateOauthClient {
        name: "Helper".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        resources: vec![assistant_at(&issuer)],
        scope: scope.to_owned(),
        public: true,
        ..Default::default()
    }
}

/// One whose token somebody has allowed already, with these scopes.
struct Held<'a> {
    server: &'a TestServer,
    token: String,
}

impl<'a> Held<'a> {
    async fn of(server: &'a TestServer, name: &str, registered: &str, scope: &str) -> Self {
        let program = register_as(server, assistant(server, registered), "127.0.0.1").await;
        let token = token_of(server, &program, name, &[("scope", scope)]).await;
        Self { server, token }
    }

    async fn post(&self, headers: &str, message: &Value) -> Answer {
        let headers = format!("Authorization: Bearer {}\r\n{JSON}{headers}", self.token);
        send(self.server, "POST", "/mcp", &headers, &message.to_string()).await
    }

    /// As the revision before the one in force asks.
    async fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.post("", &request("tools/call", json!({ "name": tool, "arguments": arguments }))).await
    }

    async fn result(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["result"].clone()
    }

    async fn tools(&self) -> BTreeSet<String> {
        let answer = self.post("", &request("tools/list", json!({}))).await.json();
        let tools = answer["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }
}

const JSON: &str = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

fn request(method: &str, parameters: Value) -> Value {
    let mut request = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
    request["params"] = parameters;
    request
}

/// A token that somebody allows a public program.
async fn token_of(server: &TestServer, program: &Program, name: &str, changes: &[(&str, &str)]) -> String {
    let allowed = program.decide(server, &program.query(changes), name, PASSWORD).await;
    let code = allowed.sent("code").unwrap_or_else(|| panic!("{allowed:?}"));
    let pairs = [
        ("grant_type", "authorization_code"),
        ("client_id", program.id.as_str()),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let given = post(server, "/oauth/token", "", &encoded(&pairs)).await;
    assert_eq!(given.status, 200, "{given:?}");
    given.text("access_token")
}

async fn calls(server: &TestServer) -> Vec<wire::AssistantCall> {
    let root = server.log_in("root").await;
    root.assistant_calls(0, 100).await.unwrap()
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[tokio::test]
async fn without_a_token_that_is_for_it_nobody_asks() {
    let server = TestServer::with(ON).await;
    let port = server.server.addresses()[0].port();
    let issuer = format!("https://127.0.0.1:{port}");
    let metadata = format!("{issuer}/.well-known/oauth-protected-resource/mcp");
    let shown = |header: String| send_message(&server, header);
    let nobody = shown(String::new()).await;
    let told = nobody.head.to_lowercase();
    assert_eq!(nobody.status, 401);
    assert!(
        told.contains(&format!("www-authenticate: bearer resource_metadata=\"{metadata}\"\r\n")),
        "{told}"
    );
    let about = get(&server, "/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(about["resource"], format!("{issuer}/mcp"));
    assert_eq!(about["authorization_servers"], json!([issuer]));
    let scopes = names(&about["scopes_supported"]);
    assert!(scopes.contains("view") && !scopes.contains("destructive") && !scopes.contains("openid"));

    // What is for something else: the interface for programs, another resource, a key, a session.
    let held = Held::of(&server, "root", ALL, "view").await;
    let for_programs = token_for(&server, "root", "openid view").await;
    let other = wire::CreateOauthClient {
        resources: vec!["https://other.example/mcp".to_owned()],
        ..assistant(&server, "view")
    };
    let other = register_as(&server, other, "127.0.0.1").await;
    let other =
        token_of(&server, &other, "root", &[("scope", "view"), ("resource", "https://other.example/mcp")])
            .await;
    let root = server.log_in("root").await;
    let key = root.create_api_key("all", parlour::permission::Permissions::ALL, None).await.unwrap().key;
    let address = server.server.addresses()[0];
    let (person, _) = crate::rest::Program::log_in(address, "root").await;
    let session = person.token.clone();
    for (what, token) in
        [("programs", &for_programs), ("another", &other), ("a key", &key), ("a session", &session)]
    {
        let refused = shown(format!("Authorization: Bearer {token}\r\n")).await;
        assert_eq!((refused.status, refused.text("code").as_str()), (401, "token-invalid"), "{what}");
        assert!(refused.head.contains("error=\"invalid_token\""), "{what}: {refused:?}");
    }
    // And the reverse.
    let listing = async |token: &str| {
        send(&server, "GET", "/api/listing", &format!("Authorization: Bearer {token}\r\n"), "").await.status
    };
    assert_eq!((listing(&held.token).await, listing(&for_programs).await), (401, 200));
    assert_eq!(claims(&held.token)["aud"], format!("{issuer}/mcp"));
    assert_eq!(held.call("list", json!({})).await.status, 200);
    assert_eq!(calls(&server).await.len(), 1, "what was refused before came to no call");
}

async fn send_message(server: &TestServer, headers: String) -> Answer {
    let body = request("tools/list", json!({})).to_string();
    send(server, "POST", "/mcp", &format!("{JSON}{headers}"), &body).await
}

#[tokio::test]
async fn pages_of_other_origins_and_what_is_no_message_are_refused() {
    let server = TestServer::with(&[ON[0], ("web.api_origins", "https://club.example")]).await;
    let held = Held::of(&server, "root", ALL, "view").await;
    let list = request("tools/list", json!({}));
    let port = server.server.addresses()[0].port();
    for (origin, status) in [
        (format!("https://127.0.0.1:{port}"), 200),
        ("https://club.example".to_owned(), 200),
        ("https://evil.example".to_owned(), 403),
        (format!("https://evil.example:{port}"), 403),
        (format!("http://127.0.0.1:{port}"), 403),
        ("null".to_owned(), 403),
    ] {
        let answer = held.post(&format!("Origin: {origin}\r\n"), &list).await;
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
        let allowed = answer.head.contains("access-control-allow-origin: https://club.example");
        assert_eq!(allowed, origin == "https://club.example");
    }
    let bearer = format!("Authorization: Bearer {}\r\n", held.token);
    for method in ["GET", "DELETE", "PUT"] {
        let answer = send(&server, method, "/mcp", &format!("{bearer}{JSON}"), "").await;
        assert!(answer.status == 405 && answer.head.contains("allow: POST"), "{method}: {answer:?}");
    }
    let post = |headers: &str, body: String| {
        let headers = format!("{bearer}{headers}");
        let server = &server;
        async move { send(server, "POST", "/mcp", &headers, &body).await }
    };
    assert_eq!(post("", list.to_string()).await.status, 415);
    assert_eq!(
        post("Content-Type: application/json\r\nAccept: text/html\r\n", list.to_string()).await.status,
        406
    );
    let code = |answer: &Answer| answer.json()["error"]["code"].as_i64();
    let batch = post(JSON, json!([list, list]).to_string()).await;
    assert_eq!((batch.status, code(&batch)), (400, Some(-32_600)));
    let long = request("tools/call", json!({ "name": "x".repeat(70_000) }));
    assert_eq!(post(JSON, long.to_string()).await.status, 413);
    let unknown = held.call("no_such_tool", json!({})).await;
    assert_eq!((unknown.status, code(&unknown)), (200, Some(-32_602)));
    let unknown = held.post("", &request("resources/list", json!({}))).await;
    assert_eq!((unknown.status, code(&unknown)), (200, Some(-32_601)));
    let notified = held.post("", &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    assert_eq!((notified.status, notified.body.as_str()), (202, ""));
}

#[tokio::test]
async fn the_door_is_shut_unless_the_machine_s_owner_opens_it() {
    let server = TestServer::start().await;
    for (method, path) in
        [("POST", "/mcp"), ("GET", "/mcp"), ("GET", "/.well-known/oauth-protected-resource/mcp")]
    {
        let answer = send(&server, method, path, JSON, "{}").await;
        assert!([404, 405].contains(&answer.status), "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn an_assistant_does_what_its_person_may_and_its_token_allows() {
    let server = TestServer::with(ON).await;
    let root = server.log_in("root").await;
    let general = channel_id(&root, "General").0.to_string();
    // A member sees no tools of administrators, and is refused what they are refused.
    let of_alice = Held::of(&server, "alice", ALL, ALL).await;
    let (hers, all) = (of_alice.tools().await, Held::of(&server, "root", ALL, "view").await.tools().await);
    assert!(
        hers.contains("list") && !hers.contains("delete_user") && all.contains("delete_user"),
        "{hers:?}"
    );
    assert!(hers.is_subset(&all));
    let refused = of_alice.result("delete_user", json!({ "name": "bob" })).await;
    assert_eq!(
        (&refused["isError"], &refused["structuredContent"]["code"]),
        (&json!(true), &json!("forbidden"))
    );

    // What a token lacks and the registration has is asked for; what the registration lacks is said.
    let few = Held::of(&server, "root", "view edit-channel destructive", "view").await;
    let edit = json!({ "channel": general, "description": "Tea" });
    let lacking = few.call("edit_channel", edit.clone()).await;
    assert_eq!(lacking.status, 403);
    assert!(lacking.head.contains("error=\"insufficient_scope\", scope=\"destructive view\""), "{lacking:?}");
    let more = Held::of(&server, "root", "view edit-channel destructive", "view destructive").await;
    let lacking = more.call("edit_channel", edit.clone()).await;
    assert!(lacking.head.contains("scope=\"destructive view edit-channel\""), "{lacking:?}");
    let never = Held::of(&server, "root", "view edit-channel", "view edit-channel").await;
    let refused = never.result("edit_channel", edit.clone()).await;
    assert!(refused["structuredContent"]["detail"].as_str().unwrap().contains("`destructive`"), "{refused}");
    let enough = Held::of(&server, "root", ALL, ALL).await;
    assert_eq!(enough.result("edit_channel", edit).await["structuredContent"], json!({ "done": true }));

    // What a token has no permission for isn't done, whatever its person may.
    let seen = never.result("list_users", json!({})).await;
    assert_eq!(seen["isError"], true, "{seen}");
    assert_eq!(enough.result("list_users", json!({ "limit": 1 })).await["isError"], false);
}

#[tokio::test]
async fn calls_are_noted_without_secrets_and_read_by_whoever_looks_after_the_organization() {
    let server = TestServer::with(ON).await;
    let held = Held::of(&server, "root", ALL, ALL).await;
    let create = json!({ "name": "dave", "password": PASSWORD, "pasword": PASSWORD });
    assert_eq!(held.result("create_user", create).await["structuredContent"]["code"], "malformed");
    let created = held.result("create_user", json!({ "name": "dave", "password": PASSWORD })).await;
    assert_eq!(created["isError"], false, "{created}");
    let long = json!({ "channel": "1", "description": "t".repeat(3_000) });
    held.result("edit_channel", long).await;
    held.result("set_note", json!({ "name": "bob", "text": "a note about bob" })).await;
    held.result("send_text", json!({ "channel": "1", "text": "a note about bob" })).await;
    let noted = calls(&server).await;
    let shown: Vec<_> = noted.iter().rev().map(|call| call.arguments.as_str()).collect();
    let hidden = "{\"name\":\"dave\",\"password\":\"(hidden)\"}";
    assert_eq!(shown[..2], [hidden, hidden]);
    assert_eq!(shown[3], "{\"name\":\"bob\",\"text\":\"(hidden)\"}");
    assert!(noted.iter().all(|call| !call.arguments.contains("about bob")));
    assert!(shown[2].len() < 2_100 && shown[2].ends_with('\u{2026}'), "{}", shown[2]);
    assert!(noted.iter().all(|call| !call.arguments.contains(PASSWORD) && call.from == "127.0.0.1"));
    // What it changed says in the audit trail that it did.
    let root = server.log_in("root").await;
    let read = wire::ReadAudit { subject: "user".to_owned(), limit: 1, ..Default::default() };
    let entry = root.audit_trail(read).await.unwrap().remove(0);
    assert!(entry.by == "root" && entry.way.starts_with("program"), "{entry:?}");
    // Over HTTP, by the assistant itself, and by nobody else.
    let address = server.server.addresses()[0];
    let (mut person, _) = crate::rest::Program::log_in(address, "root").await;
    let told = person.get("/assistant/calls?limit=1").await.body;
    assert_eq!(
        (&told["calls"][0]["tool"], &told["calls"][0]["outcome"]),
        (&json!("send_text"), &json!(noted[0].outcome))
    );
    let own = held.result("list_assistant_calls", json!({ "limit": 1 })).await;
    let own = &own["structuredContent"]["answer"]["calls"][0];
    assert_eq!((&own["tool"], &own["ended"]), (&json!("list_assistant_calls"), &Value::Null));
    let (mut alice, _) = crate::rest::Program::log_in(address, "alice").await;
    assert_eq!(alice.get("/assistant/calls").await.code(), "forbidden");
}

/// Passwords are hashed one after the other, so of many calls that make accounts most are under way when the first is answered.
#[tokio::test]
async fn a_call_during_which_the_server_is_killed_was_noted_and_never_ended() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("parlour/parlour.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let settings = "[assistant]\nenabled = true\n\n[web]\npublic_address = \"https://voice.example\"\n";
    std::fs::write(&file, settings).unwrap();
    let serve = || Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let process = serve();
    let address = process.address;
    let password = "parlour-demo";
    let owned = |args: &[&str]| as_profile(home.path(), "owner", args, "");
    let scope = "view,join,speak,text,whisper,listen,create-temporary,manage-users";
    let registered = owned(&["assistant", "add", "Helper", "--as", "demo", "--scope", scope]);
    assert_eq!(registered[0]["address"], "https://voice.example/mcp", "{registered:?}");
    let (client, secret) = (&registered[0]["client"], registered[0]["secret"].as_str().unwrap());
    let public = owned(&[
        "assistant",
        "add",
        "Claude",
        "--redirect",
        "http://localhost:8080/callback",
        "--destructive",
    ]);
    assert_eq!(public[0]["secret"], "", "{public:?}");
    let listed = owned(&["oauth", "client", "list"]);
    assert!(listed.iter().any(|row| row["scope"] == "offline_access destructive view"), "{listed:?}");
    let basic = BASE64.encode(format!("{client}:{secret}").as_bytes());
    let form = "grant_type=client_credentials";
    let ask = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Basic {basic}\r\n{FORM}Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = https(address, &ask).await;
    let given: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let token = given["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..8 {
        let create = json!({ "name": format!("user{number}"), "password": password });
        let body = request("tools/call", json!({ "name": "create_user", "arguments": create })).to_string();
        let ask = format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{JSON}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        asking.spawn(async move { https(address, &ask).await });
    }
    let noted = || owned(&["assistant", "calls", "--limit", "100"]);
    eventually("all are noted", async || (noted().len() == 8).then_some(())).await;
    process.kill();
    asking.abort_all();
    let process = serve();
    let after = noted();
    let never = after.iter().filter(|call| call["outcome"].is_null()).count();
    assert!(after.len() == 8 && never > 0, "{after:?}");
    for call in &after {
        assert_eq!(
            (&call["tool"], call["ended"].is_null()),
            (&json!("create_user"), call["outcome"].is_null())
        );
    }
    process.kill();
}

#[tokio::test]
async fn each_organization_has_a_door_of_its_own() {
    let server = TestServer::with(ON).await;
    let create = wire::CreateOrganization { tag: "raid".to_owned(), name: "The Raid".to_owned() };
    let create = request::Body::CreateOrganization(create);
    server.server.organizations().operate(create.into()).await.unwrap();
    let port = server.server.addresses()[0].port();
    let issuer = format!("https://127.0.0.1:{port}/+raid");
    let about = get(&server, "/.well-known/oauth-protected-resource/+raid/mcp").await.json();
    assert_eq!(about["resource"], format!("{issuer}/mcp"));
    assert_eq!(about["authorization_servers"], json!([issuer]));
    let nobody = send(&server, "POST", "/+raid/mcp", JSON, "{}").await;
    let metadata = "/.well-known/oauth-protected-resource/+raid/mcp\"";
    assert!(nobody.status == 401 && nobody.head.contains(metadata), "{nobody:?}");
    // What is for one door opens no other.
    let held = Held::of(&server, "root", ALL, "view").await;
    let list = request("tools/list", json!({})).to_string();
    let headers = format!("Authorization: Bearer {}\r\n{JSON}", held.token);
    for (path, status) in [("/mcp", 200), ("/+raid/mcp", 401), ("/+nobody/mcp", 404)] {
        assert_eq!(send(&server, "POST", path, &headers, &list).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn an_assistant_asks_as_often_as_other_programs_may() {
    let flags = [ON[0], ("limits.request_burst", "5"), ("limits.requests_per_second", "1")];
    let (server, turned) = TestServer::turned(&flags).await;
    let held = Held::of(&server, "root", ALL, "view").await;
    let ping = request("ping", json!({}));
    let list = || held.post("", &ping);
    for _ in 0..5 {
        assert_eq!(list().await.status, 200);
    }
    let refused = list().await;
    assert_eq!((refused.status, refused.text("code").as_str()), (429, "rate-limited"));
    assert!(refused.head.contains("retry-after: 1"), "{refused:?}");
    turned.advance(Duration::from_secs(1));
    assert_eq!(list().await.status, 200);
}

#[tokio::test]
async fn what_is_taken_back_ends_at_once() {
    let server = TestServer::with(ON).await;
    let held = Held::of(&server, "alice", ALL, "view").await;
    assert_eq!(held.call("list", json!({})).await.status, 200);
    let alice = server.log_in("alice").await;
    let list = request::Body::ListOauthGrants(wire::ListOauthGrants {});
    let response::Body::OauthGrants(grants) = alice.request(list).await.unwrap() else { panic!("grants") };
    let revoke = wire::RevokeOauthGrant { id: grants.grants[0].id };
    alice.request(request::Body::RevokeOauthGrant(revoke)).await.unwrap();
    assert_eq!(held.call("list", json!({})).await.status, 401);
}

#[tokio::test]
async fn what_an_assistant_is_registered_for_is_all_that_its_person_is_asked_for() {
    let server = TestServer::with(ON).await;
    let program = register_as(&server, assistant(&server, "view kick"), "127.0.0.1").await;
    let shown = async |scope: &str, language: &str| {
        let query = program.query(&[("scope", scope)]);
        let headers = format!("Accept-Language: {language}\r\n");
        send(&server, "GET", &format!("/oauth/authorize?{query}"), &headers, "").await.body
    };
    let asked = shown("view kick ban destructive offline_access", "en").await;
    assert!(asked.contains("<li>kick</li>") && !asked.contains("<li>ban</li>"), "{asked}");
    assert!(!asked.contains("take away what is there"), "{asked}");
    // Without a resource it is given tokens for the door all the same.
    let token = token_of(&server, &program, "root", &[("scope", "view kick ban destructive")]).await;
    let said = claims(&token);
    assert!(said["aud"].as_str().unwrap().ends_with("/mcp") && said["scope"] == "view kick", "{said}");
    let bold = register_as(&server, assistant(&server, "view destructive"), "127.0.0.1").await;
    let query = bold.query(&[("scope", "view destructive")]);
    for (language, words) in
        [("en", "change, overwrite and take away what is there"), ("de", "wegnehmen, was da ist")]
    {
        let headers = format!("Accept-Language: {language}\r\n");
        let page = send(&server, "GET", &format!("/oauth/authorize?{query}"), &headers, "").await.body;
        assert!(page.contains(words), "{language}: {page}");
    }
}
