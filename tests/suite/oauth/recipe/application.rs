//! An application of one's own, in Python with Authlib.

use super::*;

#[tokio::test]
async fn an_application_of_one_s_own_logs_people_in_as_the_page_says() {
    let python =
        Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap().join("python/bin/python");
    if !is_tried(python.exists(), "Python with Authlib", "docs/oauth.md") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (trusted, key) = certificate(home.path(), "localhost");
    let server = TestServer::with(&[("web.certificate", &trusted), ("web.key", &key)]).await;
    let [port] = free_ports();
    let site = format!("http://127.0.0.1:{port}");
    let create = wire::CreateOauthClient {
        name: "Plans".to_owned(),
        redirect_uris: vec![format!("{site}/callback")],
        scope: "openid profile groups".to_owned(),
        ..wire::CreateOauthClient::default()
    };
    let plans = register_as(&server, create, "localhost").await;
    let script = home.path().join("plans.py");
    fs::write(&script, of_the_page(PAGE, "py", &[])).unwrap();
    let mut command = Command::new(python);
    command.arg(&script).env("REQUESTS_CA_BUNDLE", &trusted).env("ISSUER", &plans.issuer).env("SITE", &site);
    command.env("CLIENT", &plans.id).env("SECRET", &plans.secret);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _application = Running(command.spawn().unwrap());
    eventually("the application", async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await;

    officer(&server).await;
    let (mut alice, mut bob) = (Browser::new(&server, &site, "alice"), Browser::new(&server, &site, "bob"));
    let sent = alice.ask("/").await;
    let allowed = alice.allow(&sent).await;
    // Her answer logs in nobody else, with a log-in of their own or without.
    assert_eq!(bob.follow(&allowed).await.location().unwrap().path(), "/oauth/authorize");
    let misled = bob.follow(&allowed).await;
    assert!(misled.status == 403 && misled.body.starts_with("You aren't logged in"), "{misled:?}");
    let back = alice.follow(&allowed).await;
    let page = alice.follow(&back).await;
    let user = server.log_in("alice").await.logged_in().user;
    assert_eq!((page.status, page.body), (200, format!("Hello alice, number {user}, of Member, Officer")));
    assert_eq!(bob.ask("/").await.status, 303, "he is a visitor still");
}
