//! Other services that log people in by the server, as docs/oauth.md says: they are run with the lines of that page, and
//! somebody goes through them as a browser does.

mod application;
mod jupyter_hub;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use parlour::client::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Position;

use super::*;
use crate::proxy::{Running, is_tried, of_the_page};
use crate::support::eventually;
use crate::web::{https_of, plain_http};

const PAGE: &str = include_str!("../../../docs/oauth.md");
/// Where Debian has it.
const APACHE: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";
const SITE: &str = "files.example.org";
/// The role of that name.
const OFFICER: u64 = 2;

/// What the server's page does, by the name that the service knows it by.
async fn on_page(server: &TestServer, method: &str, path: &str, body: &str) -> Answer {
    send_to(server, "localhost", method, path, FORM, body).await
}

/// A certificate of its own for a name: where it is, and its key.
fn certificate(home: &Path, name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let at = |what: &str| home.join(format!("{name}.{what}")).display().to_string();
    let (chain, key) = (at("chain"), at("key"));
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (chain, key)
}

/// What has no log-in of its own: it answers with the request that reached it.
async fn service_without_log_in() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n")
                && stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0)
            {}
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", asked.len());
            let _ = stream.write_all(&[head.as_bytes(), &asked].concat()).await;
        }
    });
    address
}

/// Apache with the page's lines, in one process, on a port of this machine.
fn apache(home: &Path, port: u16, behind: SocketAddr, program: &Program, trusted: &str) -> Running {
    let (chain, key) = certificate(home, SITE);
    let (site, to, issuer) = (format!("https://{SITE}:{port}"), format!("http://{behind}/"), &program.issuer);
    let host = format!("<VirtualHost *:{port}>");
    let ours = [
        ("<VirtualHost *:443>", host.as_str()),
        ("/etc/letsencrypt/live/files.example.org/fullchain.pem", &chain),
        ("/etc/letsencrypt/live/files.example.org/privkey.pem", &key),
        ("/etc/ssl/certs/ca-certificates.crt", trusted),
        ("https://voice.example.org:4848", issuer),
        ("https://files.example.org", &site),
        ("NUMBER", &program.id),
        ("prs_...", &program.secret),
        ("http://127.0.0.1:8080/", &to),
    ];
    let modules: String = [
        ("mpm_event_module", "mod_mpm_event"),
        ("ssl_module", "mod_ssl"),
        ("proxy_module", "mod_proxy"),
        ("proxy_http_module", "mod_proxy_http"),
        ("authn_core_module", "mod_authn_core"),
        ("authz_core_module", "mod_authz_core"),
        ("authz_user_module", "mod_authz_user"),
        ("auth_openidc_module", "mod_auth_openidc"),
    ]
    .map(|(name, file)| format!("LoadModule {name} {MODULES}/{file}.so\n"))
    .concat();
    let home = home.display();
    // Where root runs it, it answers as nobody.
    let text = format!(
        "ServerRoot {home}\nServerName localhost\nPidFile {home}/pid\nDefaultRuntimeDir {home}\nErrorLog {home}/log\n\
         Listen 127.0.0.1:{port}\n{modules}User #65534\nGroup #65534\n{}",
        of_the_page(PAGE, "apache", &ours)
    );
    let file = format!("{home}/config");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(APACHE);
    command.args(["-X", "-f", &file]);
    Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// Ports of this machine on which nobody listens.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let taken = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    taken.map(|listener| listener.local_addr().unwrap().port())
}

/// A browser of somebody, with the cookies of the site.
struct Browser<'a> {
    server: &'a TestServer,
    site: Url,
    name: &'static str,
    cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a TestServer, site: &str, name: &'static str) -> Self {
        Self { server, site: site.parse().unwrap(), name, cookies: BTreeMap::new() }
    }

    /// Asks the site, and does as it says with cookies.
    async fn ask(&mut self, path: &str) -> Answer {
        let at = self.site.join(path).unwrap();
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let cookies = if cookies.is_empty() { cookies } else { format!("Cookie: {cookies}\r\n") };
        // What it says of itself is worth nothing.
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\nConnection: close\r\nX-Remote-User: 1\r\nOIDC_CLAIM_groups: Officer\r\n{cookies}\r\n",
            &at[Position::BeforePath..Position::AfterQuery],
            &at[Position::BeforeHost..Position::AfterPort],
        );
        let address = SocketAddr::from(([127, 0, 0, 1], at.port().unwrap()));
        let answer = match at.scheme() {
            "https" => https_of(address, at.host_str().unwrap(), &request).await,
            _ => plain_http(address, &request).await,
        };
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let head = head.lines().map(|line| as_written_here(line, &at)).collect::<Vec<_>>().join("\r\n");
        for set in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.remove(name);
            if !value.trim_matches('"').is_empty() {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Answer { status: status.unwrap_or_else(|| panic!("{answer}")), head, body: body.to_owned() }
    }

    /// Follows where the site sends them, which is to the site.
    async fn follow(&mut self, answer: &Answer) -> Answer {
        let to = answer.location().unwrap_or_else(|| panic!("{answer:?}"));
        assert_eq!(to.origin(), self.site.origin(), "{to}");
        self.ask(&to[Position::BeforePath..]).await
    }

    /// Is sent to the server, logs in there and allows it: the way back.
    async fn allow(&self, sent: &Answer) -> Answer {
        let to = sent.location().unwrap_or_else(|| panic!("{sent:?}"));
        assert_eq!(
            (to.path(), sent.sent("code_challenge_method").as_deref()),
            ("/oauth/authorize", Some("S256"))
        );
        let shown = on_page(self.server, "GET", &to[Position::BeforePath..], "").await;
        assert!(shown.status == 200 && shown.body.contains("id=\"consent\""), "{shown:?}");
        let form = [
            ("query", to.query().unwrap()),
            ("name", self.name),
            ("password", PASSWORD),
            ("decision", "allow"),
        ];
        on_page(self.server, "POST", "/oauth/authorize", &encoded(&form)).await
    }

    /// Opens a page, is sent to the server, logs in and allows it, and is sent back to the page.
    async fn log_in(&mut self, path: &str) -> Answer {
        let sent = self.ask(path).await;
        let allowed = self.allow(&sent).await;
        let back = self.follow(&allowed).await;
        assert_eq!(back.location().unwrap().path(), path, "{back:?}");
        self.follow(&back).await
    }
}

/// A line of an answer's head as this server writes it: the name of a header in small letters, and an address whole.
fn as_written_here(line: &str, at: &Url) -> String {
    match line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value)) {
        None => line.to_owned(),
        Some((name, value)) if name == "location" => format!("{name}: {}", at.join(value).unwrap()),
        Some((name, value)) => format!("{name}: {value}"),
    }
}

/// Makes alice an officer, and answers with who did.
async fn officer(server: &TestServer) -> Session {
    let root = server.log_in("root").await;
    let grant = wire::GrantRole { user: "alice".to_owned(), role: OFFICER, life_ms: 0 };
    root.request(request::Body::GrantRole(grant)).await.unwrap();
    root
}

async fn no_officer(root: &Session) {
    let revoke = wire::RevokeRole { user: "alice".to_owned(), role: OFFICER };
    root.request(request::Body::RevokeRole(revoke)).await.unwrap();
}

#[tokio::test]
async fn apache_lets_officers_in_as_the_page_says() {
    let module = Path::new(MODULES).join("mod_auth_openidc.so");
    let is_there = module.exists() && Path::new(APACHE).exists();
    if !is_tried(is_there, "Apache with mod_auth_openidc", "docs/oauth.md") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (trusted, key) = certificate(home.path(), "localhost");
    let server = TestServer::with(&[("web.certificate", &trusted), ("web.key", &key)]).await;
    let [port] = free_ports();
    let site = format!("https://{SITE}:{port}");
    let create = wire::CreateOauthClient {
        name: "Files".to_owned(),
        redirect_uris: vec![format!("{site}/oidc/callback")],
        logout_uris: vec![format!("https://localhost:{}/", server.server.addresses()[0].port())],
        scope: "openid profile email groups".to_owned(),
        ..wire::CreateOauthClient::default()
    };
    let files = register_as(&server, create, "localhost").await;
    let behind = service_without_log_in().await;
    let _apache = apache(home.path(), port, behind, &files, &trusted);
    eventually("apache", async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await;

    let root = officer(&server).await;
    let mut alice = Browser::new(&server, &site, "alice");
    let page = alice.log_in("/plans/of-the-raid").await;
    assert_eq!(page.status, 200, "{page:?}");
    let user = server.log_in("alice").await.logged_in().user;
    for line in [
        "GET /plans/of-the-raid HTTP/1.1",
        &format!("X-Remote-User: {user}"),
        "OIDC_CLAIM_preferred_username: alice",
        "OIDC_CLAIM_groups: Member,Officer",
    ] {
        let told = page.body.lines().filter(|told| *told == line).count();
        assert_eq!(told, 1, "{line} in {page:?}");
    }
    assert_eq!(page.body.matches("X-Remote-User").count(), 1, "{page:?}");
    assert_eq!(alice.ask("/another").await.status, 200, "she is logged in");

    let mut bob = Browser::new(&server, &site, "bob");
    let refused = bob.log_in("/plans/of-the-raid").await;
    assert!(refused.status == 403 && !refused.body.contains("X-Remote-User"), "{refused:?}");

    // She logs out there, of what it was given here, and is a visitor again.
    let home_page = format!("{}/", files.issuer);
    let ended = alice.ask(&format!("/oidc/callback?{}", encoded(&[("logout", &home_page)]))).await;
    let to = ended.location().unwrap_or_else(|| panic!("{ended:?}"));
    assert!(to.as_str().starts_with(&format!("{home_page}oauth/logout?")), "{to}");
    let here = on_page(&server, "GET", &to[Position::BeforePath..], "").await;
    assert_eq!(here.location().as_ref().map(Url::as_str), Some(home_page.as_str()), "{here:?}");
    let again = alice.ask("/plans/of-the-raid").await;
    assert_eq!(
        again.location().map(|to| to.path().to_owned()).as_deref(),
        Some("/oauth/authorize"),
        "{again:?}"
    );

    // The role is taken from her: it is asked for at the next log-in.
    no_officer(&root).await;
    assert_eq!(alice.log_in("/plans/of-the-raid").await.status, 403);
}
