//! Behind a proxy: bans mean the visitor, nobody speaks for another, and what is for this machine only stays so.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use parlour::protocol::ErrorCode;
use parlour::protocol::wire::create_ban::Subject;
use parlour::protocol::wire::{LogInPassword, request::Body};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::link::{Link, hello};
use crate::support::{PASSWORD, TestServer, eventually};
use crate::web::{get, https};

/// What is said to alice when she logs in by a WebSocket.
async fn log_in(mut link: Link) -> Option<ErrorCode> {
    assert_eq!(link.refusal(hello()).await, None);
    let (name, password) = ("alice".to_owned(), PASSWORD.to_owned());
    link.refusal(Body::LogInPassword(LogInPassword { name, password, ..LogInPassword::default() })).await
}

async fn forwarded(address: SocketAddr, whom: &str) -> Option<ErrorCode> {
    let stream = TcpStream::connect(address).await.unwrap();
    log_in(Link::socket(stream, &address.to_string(), &format!("X-Forwarded-For: {whom}\r\n")).await).await
}

/// The same by the PROXY protocol, version 2 (a header of 28 bytes for IPv4) or 1.
async fn proxied(address: SocketAddr, header: &[u8]) -> Option<ErrorCode> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(header).await.unwrap();
    log_in(Link::socket(stream, &address.to_string(), "").await).await
}

fn second(whom: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend(whom);
    header.extend([127, 0, 0, 1, 0x30, 0x39, 0x12, 0xf0]);
    header
}

#[tokio::test]
async fn a_ban_means_the_visitor_behind_a_trusted_proxy() {
    let server = TestServer::with(&[("web.trusted_proxies", "127.0.0.1, 10.0.0.0/8")]).await;
    let address = server.server.addresses()[0];
    let root = server.log_in("root").await;
    root.ban(Subject::Network("198.51.100.0/24".to_owned()), "", None).await.unwrap();
    assert_eq!(forwarded(address, "198.51.100.7").await, Some(ErrorCode::Banned));
    assert_eq!(forwarded(address, "203.0.113.1, 198.51.100.7, 10.1.1.1").await, Some(ErrorCode::Banned));
    assert_eq!(forwarded(address, "203.0.113.1").await, None);
    // What the visitor wrote, the proxy's word stands behind.
    assert_eq!(forwarded(address, "198.51.100.7, 203.0.113.1").await, None);
    assert_eq!(proxied(address, &second([198, 51, 100, 7])).await, Some(ErrorCode::Banned));
    assert_eq!(proxied(address, &second([203, 0, 113, 1])).await, None);
    let first = b"PROXY TCP4 198.51.100.7 127.0.0.1 12345 4848\r\n";
    assert_eq!(proxied(address, first).await, Some(ErrorCode::Banned));
}

#[tokio::test]
async fn nobody_who_is_not_trusted_speaks_for_another() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let root = server.log_in("root").await;
    root.ban(Subject::Network("198.51.100.0/24".to_owned()), "", None).await.unwrap();
    assert_eq!(forwarded(address, "198.51.100.7").await, None);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&second([203, 0, 113, 1])).await.unwrap();
    let mut answer = String::new();
    let _ = tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await;
    assert!(!answer.contains("101"), "{answer}");
}

async fn metrics(address: SocketAddr, header: &str) -> String {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{header}Connection: close\r\n\r\n");
    https(address, &request).await
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_not_for_whom_a_proxy_on_it_stands_for() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    assert!(metrics(address, "").await.starts_with("HTTP/1.1 200"));
    for header in [
        "X-Forwarded-For: 127.0.0.1\r\n",
        "Forwarded: for=127.0.0.1\r\n",
        "X-Real-IP: 127.0.0.1\r\n",
        "Via: 1.1 proxy\r\n",
        "X-Forwarded-Proto: https\r\n",
    ] {
        assert!(metrics(address, header).await.starts_with("HTTP/1.1 401"), "{header}");
    }
    let trusting = TestServer::with(&[("web.trusted_proxies", "127.0.0.1")]).await;
    let address = trusting.server.addresses()[0];
    assert!(get(address, "/metrics").await.starts_with("HTTP/1.1 200"), "the machine itself");
    assert!(metrics(address, "X-Forwarded-For: 127.0.0.1\r\n").await.starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn a_token_closes_the_metrics_for_this_machine_too() {
    let server = TestServer::with(&[("web.metrics_token", "seven small red boats")]).await;
    let address = server.server.addresses()[0];
    for header in ["", "Authorization: Bearer seven small red\r\n", "Authorization: Bearer \r\n"] {
        assert!(metrics(address, header).await.starts_with("HTTP/1.1 401"), "{header}");
    }
    let token = "Authorization: Bearer seven small red boats\r\n";
    assert!(metrics(address, token).await.starts_with("HTTP/1.1 200"));
    // Whoever shows it may come by a proxy.
    let by_proxy = format!("{token}X-Forwarded-For: 203.0.113.1\r\n");
    assert!(metrics(address, &by_proxy).await.starts_with("HTTP/1.1 200"));
}

/// Ends a program of others that a test started.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a page of the documentation says to write for a program, with our paths and ports.
pub(crate) fn of_the_page(page: &str, language: &str, ours: &[(&str, &str)]) -> String {
    let block = page.split(&format!("```{language}\n")).nth(1).unwrap().split("```").next().unwrap();
    ours.iter().fold(block.to_owned(), |text, (theirs, ours)| {
        assert!(text.contains(theirs), "{theirs}");
        text.replace(theirs, ours)
    })
}

/// Where a proxy is, installed or fetched by `make test`.
fn program(name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let fetched = ["usr/sbin", "usr/bin"].map(|place| target.join("proxies").join(place));
    let installed = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let found = fetched.into_iter().chain(installed).map(|place| place.join(name)).find(|path| path.exists());
    is_tried(found.is_some(), name, "docs/proxy.md").then_some(found).flatten()
}

/// Whether what a page of the documentation says of a program is tried. Only a system without apt-get may lack that.
pub(crate) fn is_tried(is_there: bool, name: &str, page: &str) -> bool {
    if !is_there {
        assert!(
            !Path::new("/usr/bin/apt-get").exists(),
            "this needs {name}: `make test` gets it, or install it"
        );
        eprintln!("{name} isn't installed and can't be fetched here: what {page} says of it isn't tried");
    }
    is_there
}

const NAME: &str = "voice.example.org";
const PAGE: &str = include_str!("../../docs/proxy.md");

/// A proxy with a certificate of its own, on a port of this machine.
fn start(name: &str, program: &Path, home: &Path, port: u16, behind: SocketAddr) -> Running {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    let (chain, key) =
        (home.join("chain.pem").display().to_string(), home.join("key.pem").display().to_string());
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (file, behind) = (home.join("config"), behind.to_string());
    let mut command = Command::new(program);
    if name == "nginx" {
        let listen = format!("listen 127.0.0.1:{port} ssl");
        let ours = [
            ("listen 443 ssl", listen.as_str()),
            ("/etc/letsencrypt/live/voice.example.org/fullchain.pem", &chain),
            ("/etc/letsencrypt/live/voice.example.org/privkey.pem", &key),
            ("127.0.0.1:4848", &behind),
        ];
        let kept: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {}/{kind};\n", home.display()))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {0}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{kept}{1}}}\n",
            home.display(),
            of_the_page(PAGE, "nginx", &ours)
        );
        fs::write(&file, text).unwrap();
        command.arg("-c").arg(&file).arg("-p").arg(home);
    } else {
        let host = format!("https://{NAME}:{port} {{\nbind 127.0.0.1\ntls {chain} {key}\n");
        let ours = [("voice.example.org {", host.as_str()), ("127.0.0.1:4848", &behind)];
        let text = format!("{{\nadmin off\nauto_https off\n}}\n{}", of_the_page(PAGE, "caddy", &ours));
        fs::write(&file, text).unwrap();
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
        command.env("XDG_DATA_HOME", home).env("XDG_CONFIG_HOME", home).env("HOME", home);
    }
    Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// What is said to alice who comes by a proxy from an address of this machine.
async fn by_proxy(port: u16, from: &str) -> Option<ErrorCode> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
    log_in(Link::socket(stream, &format!("{NAME}:{port}"), "X-Forwarded-For: 127.0.0.9\r\n").await).await
}

#[tokio::test]
async fn the_page_s_words_about_nginx_and_caddy_hold() {
    for name in ["nginx", "caddy"] {
        let Some(program) = program(name) else { continue };
        let server = TestServer::with(&[("web.trusted_proxies", "127.0.0.1")]).await;
        let root = server.log_in("root").await;
        root.ban(Subject::Network("127.0.0.2".to_owned()), "", None).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let _proxy = start(name, &program, home.path(), port, server.server.addresses()[0]);
        let proxy = SocketAddr::from(([127, 0, 0, 1], port));
        eventually(name, async || TcpStream::connect(proxy).await.ok()).await;
        assert_eq!(by_proxy(port, "127.0.0.2").await, Some(ErrorCode::Banned), "{name}");
        // What the visitor says of itself is worth nothing.
        assert_eq!(by_proxy(port, "127.0.0.3").await, None, "{name}");
        let ask = async |path: &str| {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {NAME}:{port}\r\nConnection: close\r\n\r\n");
            crate::web::https_of(proxy, NAME, &request).await
        };
        assert!(ask("/").await.to_lowercase().contains("content-security-policy"), "{name}");
        assert!(ask("/metrics").await.starts_with("HTTP/1.1 404"), "{name}");
    }
}
