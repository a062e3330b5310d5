//! A hub for notebooks: Jupyter's.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::support::eventually_within;

/// Where the hub shows people what is theirs.
const HOME: &str = "/hub/home";
/// By which the hub and its proxy know each other: one word, since it stands in a header.
const SECRET: &str = "seven-small-red-boats";

/// The hub with the page's lines, and the proxy in front of it, on ports of this machine. It would start the proxy
/// itself, and leave it behind when it is killed.
async fn start_hub(
    home: &Path,
    [port, own, api]: [u16; 3],
    program: &Program,
    trusted: &str,
) -> [Running; 2] {
    let log = fs::File::create(home.join("log")).unwrap();
    let start = |command: &mut Command| {
        let output = || log.try_clone().unwrap();
        let command = command.current_dir(home).stdin(Stdio::null()).stdout(output()).stderr(output());
        Running(command.spawn().unwrap())
    };
    let proxy = start(
        Command::new("node")
            .arg(proxy_of_the_hub())
            .args(["--ip", "127.0.0.1", "--port", &port.to_string()])
            .args(["--api-ip", "127.0.0.1", "--api-port", &api.to_string()])
            .env("CONFIGPROXY_AUTH_TOKEN", SECRET),
    );
    let limit = Duration::from_secs(120);
    eventually_within(limit, "the hub's proxy", async || TcpStream::connect(("127.0.0.1", api)).await.ok())
        .await;
    let (site, issuer) = (format!("http://127.0.0.1:{port}"), &program.issuer);
    let ours = [
        ("https://voice.example.org:4848", issuer.as_str()),
        ("https://hub.example.org", &site),
        ("NUMBER", &program.id),
        ("prs_...", &program.secret),
    ];
    let text = format!(
        "{}c.JupyterHub.bind_url = \"{site}\"\nc.JupyterHub.hub_port = {own}\n\
         c.ConfigurableHTTPProxy.should_start = False\n\
         c.ConfigurableHTTPProxy.api_url = \"http://127.0.0.1:{api}\"\n\
         c.ConfigurableHTTPProxy.auth_token = \"{SECRET}\"\n",
        of_the_page(PAGE, "python", &ours)
    );
    fs::write(home.join("jupyterhub_config.py"), text).unwrap();
    let mut hub = start(
        Command::new(target().join("python/bin/python"))
            .args(["-m", "jupyterhub"])
            .env("SSL_CERT_FILE", trusted),
    );
    let request = format!("GET /hub/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    eventually_within(limit, "the hub", async || {
        let log = || fs::read_to_string(home.join("log")).unwrap();
        assert!(hub.0.try_wait().unwrap().is_none(), "the hub ended: {}", log());
        let answer = plain_http(SocketAddr::from(([127, 0, 0, 1], port)), &request).await;
        answer.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
    [proxy, hub]
}

/// Where `make test` puts programs of others.
fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap()
}

fn proxy_of_the_hub() -> PathBuf {
    target().join("browser/node_modules/configurable-http-proxy/bin/configurable-http-proxy")
}

impl Browser<'_> {
    /// Opens the hub's home page, which shows a visitor a button, and presses it: where that leads.
    async fn press_log_in(&mut self) -> Answer {
        let visitor = self.ask(HOME).await;
        let page = self.follow(&visitor).await;
        assert!(page.status == 200 && page.body.contains("Sign in with Parlour"), "{page:?}");
        let mut links = page.body.split('\'').filter(|part| part.starts_with("/hub/oauth_login?"));
        self.ask(links.next().unwrap_or_else(|| panic!("{page:?}"))).await
    }

    /// Whom the hub takes them for: nobody, or an account with its groups.
    async fn known_to_the_hub(&mut self) -> Option<(String, BTreeSet<String>)> {
        let told = self.ask("/hub/api/user").await;
        assert!(matches!(told.status, 200 | 403), "{told:?}");
        let known = (told.status == 200).then(|| told.json());
        let groups = |known: &Value| serde_json::from_value(known["groups"].clone()).unwrap();
        known.map(|known| (known["name"].as_str().unwrap().to_owned(), groups(&known)))
    }
}

#[tokio::test]
async fn jupyter_hub_lets_officers_in_as_the_page_says() {
    let is_installed = target().join("python/bin/jupyterhub").exists() && proxy_of_the_hub().exists();
    if !is_tried(is_installed, "JupyterHub with its proxy", "docs/oauth.md") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (trusted, key) = certificate(home.path(), "localhost");
    let server = TestServer::with(&[("web.certificate", &trusted), ("web.key", &key)]).await;
    let ports = free_ports();
    let site = format!("http://127.0.0.1:{}", ports[0]);
    let create = wire::CreateOauthClient {
        name: "Notebooks".to_owned(),
        redirect_uris: vec![format!("{site}/hub/oauth_callback")],
        scope: "openid profile groups".to_owned(),
        ..wire::CreateOauthClient::default()
    };
    let notebooks = register_as(&server, create, "localhost").await;
    let _running = start_hub(home.path(), ports, &notebooks, &trusted).await;

    let root = officer(&server).await;
    let (mut alice, mut bob) = (Browser::new(&server, &site, "alice"), Browser::new(&server, &site, "bob"));
    let sent = alice.press_log_in().await;
    let allowed = alice.allow(&sent).await;
    // Her answer logs in nobody whose own log-in has another state.
    bob.press_log_in().await;
    let misled = bob.follow(&allowed).await;
    assert!(misled.status == 400 && misled.body.contains("OAuth state"), "{misled:?}");
    assert_eq!(bob.known_to_the_hub().await, None);

    let back = alice.follow(&allowed).await;
    assert_eq!(back.location().map(|to| to.path().to_owned()).as_deref(), Some(HOME), "{back:?}");
    let user = format!("parlour-{}", server.log_in("alice").await.logged_in().user);
    let page = alice.follow(&back).await;
    assert!(page.status == 200 && page.body.contains(&user), "{page:?}");
    let groups = ["Member", "Officer"].map(str::to_owned).into();
    assert_eq!(alice.known_to_the_hub().await, Some((user, groups)));

    let sent = bob.press_log_in().await;
    let allowed = bob.allow(&sent).await;
    let refused = bob.follow(&allowed).await;
    assert_eq!((refused.status, bob.known_to_the_hub().await), (403, None), "{refused:?}");

    let left = alice.ask("/hub/logout").await;
    assert!(left.status < 400, "{left:?}");
    assert_eq!(alice.known_to_the_hub().await, None);

    // The role is taken from her: it is asked for at the next log-in.
    no_officer(&root).await;
    let sent = alice.press_log_in().await;
    let allowed = alice.allow(&sent).await;
    assert_eq!(alice.follow(&allowed).await.status, 403);
    assert_eq!(alice.known_to_the_hub().await, None);
}
