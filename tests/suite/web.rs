//! What a browser meets, without one: WebTransport, the WebSocket, the pages' headers, and what harms nobody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{self, PASSWORD, Process, TestServer, channel_id, eventually, hear, silence};
use parlour::endpoint::{Certificates, Identity};
use parlour::http;
use parlour::protocol::wire::{
    CreateOrganization, Hello, Join, LogInPassword, Request, Response, request, response,
};
use parlour::protocol::{ALPN_WEB, CloseCode, MAX_REQUEST, decode, encode};
use parlour::transport;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use web_transport_quinn as web;

/// A QUIC connection that says it is a browser.
async fn connect(address: SocketAddr) -> quinn::Connection {
    let (tls, _) = transport::tls_client(None, &[ALPN_WEB]).unwrap();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint
        .connect_with(quinn::ClientConfig::new(Arc::new(crypto)), address, "localhost")
        .unwrap()
        .await
        .unwrap()
}

async fn page(address: SocketAddr, origin: Option<&str>) -> Result<web::Session, web::ClientError> {
    let url: url::Url = format!("https://{address}/wt").parse().unwrap();
    let mut asked = web::proto::ConnectRequest::new(url);
    if let Some(origin) = origin {
        asked = asked.with_header("origin".parse().unwrap(), origin.parse().unwrap());
    }
    web::Session::connect(connect(address).await, asked).await
}

async fn ask(session: &web::Session, body: request::Body) -> response::Body {
    let (mut send, mut recv) = session.open_bi().await.unwrap();
    send.write_all(&encode(&Request::from(body))).await.unwrap();
    send.finish().unwrap();
    let bytes = recv.read_to_end(1 << 20).await.unwrap();
    decode::<Response>(&bytes, 1 << 20).unwrap().body.unwrap()
}

fn hello() -> request::Body {
    request::Body::Hello(Hello {
        version_min: 1,
        version_max: 1,
        client: "test".to_owned(),
        ..Hello::default()
    })
}

fn password(name: &str) -> request::Body {
    let (name, password) = (name.to_owned(), PASSWORD.to_owned());
    request::Body::LogInPassword(LogInPassword { name, password, ..LogInPassword::default() })
}

/// A voice packet of a talk spurt (docs/protocol.md, "Voice").
fn packet(flow: u8, ssrc: u32, number: u16) -> Vec<u8> {
    let mut bytes = vec![flow, 0x80, 111];
    bytes.extend(number.to_be_bytes());
    bytes.extend((u32::from(number) * 960).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0x48; 40]);
    bytes
}

/// Logs in and goes into General, as a page does.
async fn member(session: &web::Session, name: &str, channel: u64) -> u32 {
    assert!(matches!(ask(session, hello()).await, response::Body::Welcome(_)));
    let response::Body::LoggedIn(logged_in) = ask(session, password(name)).await else { panic!("refused") };
    let joined = ask(session, request::Body::Join(Join { channel, ..Default::default() })).await;
    assert!(matches!(joined, response::Body::Done(_)), "{joined:?}");
    logged_in.ssrc
}

#[tokio::test]
async fn a_page_and_a_native_client_hear_each_other_and_the_page_its_echo() {
    let server = TestServer::start().await;
    let alice = server.in_channel("alice", "General").await;
    let mut voice = alice.voice();
    let session = page(server.server.addresses()[0], None).await.unwrap();
    let ssrc = member(&session, "bob", channel_id(&alice, "General").0).await;
    // The event stream begins with the snapshot.
    let mut events = session.accept_uni().await.unwrap();
    assert!(!events.read_chunk(64, true).await.unwrap().unwrap().bytes.is_empty());
    session.send_datagram(packet(0, ssrc, 1).into()).unwrap();
    assert_eq!(hear(&mut voice).await.unwrap().header.ssrc.0, ssrc);
    let mut mouth = alice.speaker();
    mouth.send(&[0x48; 40]);
    let heard = tokio::time::timeout(Duration::from_secs(2), session.read_datagram()).await.unwrap().unwrap();
    assert_eq!(heard[9..13], alice.ssrc().0.to_be_bytes());
    session.send_datagram(packet(1, ssrc, 2).into()).unwrap();
    let echo = tokio::time::timeout(Duration::from_secs(2), session.read_datagram()).await.unwrap().unwrap();
    assert_eq!((echo[0], &echo[9..13]), (1, &ssrc.to_be_bytes()[..]));
}

#[tokio::test]
async fn a_page_whose_account_is_disabled_is_told_why_and_hears_nothing_more() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.in_channel("alice", "General").await);
    let session = page(server.server.addresses()[0], None).await.unwrap();
    let ssrc = member(&session, "bob", channel_id(&alice, "General").0).await;
    let mut voice = alice.voice();
    root.set_user_disabled("bob", true).await.unwrap();
    let _ = session.send_datagram(packet(0, ssrc, 1).into());
    assert!(silence(&mut voice).await);
    let ended = tokio::time::timeout(Duration::from_secs(3), session.closed()).await.unwrap();
    let web::SessionError::WebTransportError(web::WebTransportError::Closed(code, reason)) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((code, reason.as_str()), (CloseCode::Disabled.number(), CloseCode::Disabled.sentence()));
}

#[tokio::test]
async fn a_page_of_another_origin_does_not_come_in() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let refused = page(address, Some("https://evil.example")).await;
    assert!(refused.is_err());
    let own = page(address, Some(&format!("https://{address}"))).await.unwrap();
    assert!(matches!(ask(&own, hello()).await, response::Body::Welcome(_)));
    let request = |origin: &str| {
        format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    assert!(https(address, &request("https://evil.example")).await.starts_with("HTTP/1.1 403"));
    assert!(https(address, &request(&format!("https://{address}"))).await.starts_with("HTTP/1.1 101"));
}

#[tokio::test]
async fn garbage_over_http_3_harms_nobody() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let alice = server.in_channel("alice", "General").await;
    for number in 0..20_u8 {
        let connection = connect(address).await;
        // Streams of every kind, half frames, nonsense, silence.
        let mut uni = connection.open_uni().await.unwrap();
        uni.write_all(&[number, 0, 0xff, 0x40, number]).await.unwrap();
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(&vec![number.wrapping_mul(37); 3_000]).await.unwrap();
        let _ = connection.send_datagram(vec![number; 200].into());
        drop(connection);
    }
    let session = page(address, None).await.unwrap();
    assert!(matches!(ask(&session, hello()).await, response::Body::Welcome(_)));
    // Too large, not logged in, nonsense.
    let (mut send, mut recv) = session.open_bi().await.unwrap();
    let _ = send.write_all(&vec![0xff; MAX_REQUEST + 100]).await;
    let _ = send.finish();
    let _ = recv.read_to_end(1 << 16).await;
    let ssrc = member(&page(address, None).await.unwrap(), "bob", channel_id(&alice, "General").0).await;
    assert_ne!(ssrc, 0);
    alice.list().await.unwrap();
}

/// What an HTTPS request is answered with, as text.
pub(crate) async fn https(address: SocketAddr, request: &str) -> String {
    https_of(address, "localhost", request).await
}

/// The same of a server by its name.
pub(crate) async fn https_of(address: SocketAddr, name: &str, request: &str) -> String {
    let (tls, _) = transport::tls_client(None, &[b"http/1.1"]).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = name.to_owned().try_into().unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
    answer_of(stream, request).await
}

/// The same without TLS.
pub(crate) async fn plain_http(address: SocketAddr, request: &str) -> String {
    answer_of(TcpStream::connect(address).await.unwrap(), request).await
}

async fn answer_of(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // An upgraded connection stays open.
    let reading = async {
        while !answer.windows(4).any(|end| end == b"\r\n\r\n")
            && stream.read_buf(&mut answer).await.unwrap() > 0
        {}
        if request.contains("Connection: close") {
            let _ = stream.read_to_end(&mut answer).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reading).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    https(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn the_page_forbids_what_it_does_not_need_and_its_files_are_kept() {
    let server = TestServer::start().await;
    for address in server.server.addresses() {
        let index = get(*address, "/").await;
        assert!(index.starts_with("HTTP/1.1 200"), "{index}");
        let head = index.to_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval';",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-embedder-policy: require-corp",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "cache-control: no-cache",
        ] {
            assert!(head.contains(header), "{header}: {index}");
        }
        // With a self-signed certificate it would lock people out.
        assert!(!head.contains("strict-transport-security"));
        assert!(!index.contains("<script>") && !index.contains("onclick"));
        let script = index.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
        let script = get(*address, script).await;
        assert!(script.contains("immutable") && script.contains("text/javascript"), "{script}");
        assert!(get(*address, "/page-000000000000/main.js").await.starts_with("HTTP/1.1 404"));
        assert!(get(*address, "/../../etc/passwd").await.starts_with("HTTP/1.1 404"));
    }
}

/// The value of a header.
fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer
        .lines()
        .take_while(|line| !line.is_empty())
        .find(|line| line.split_once(':').is_some_and(|(header, _)| header.eq_ignore_ascii_case(name)));
    line.and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
}

#[tokio::test]
async fn each_organization_has_a_page() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let name = "The \"Raid\" <b> {{home}}";
    let create = CreateOrganization { tag: "raid".to_owned(), name: name.to_owned() };
    server.server.organizations().operate(request::Body::CreateOrganization(create).into()).await.unwrap();
    let first = get(address, "/").await;
    assert!(
        first.contains("<title>Parlour</title>") && first.contains("\"/parlour.webmanifest\""),
        "{first}"
    );
    for path in ["/+raid/", "/+RAID/", "/+raid/i/CODE", "/+raid/r/CODE", "/+raid/v/CODE"] {
        let page = get(address, path).await;
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("content-security-policy"), "{page}");
        assert!(page.contains("<title>The &quot;Raid&quot; &lt;b&gt; "), "{page}");
        assert!(page.contains("\"/+raid/parlour.webmanifest\""), "{page}");
        let script = page.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(get(address, script).await.starts_with("HTTP/1.1 200"), "{script}");
        assert_ne!(header(&page, "etag"), header(&first, "etag"));
    }
    for (path, to) in [
        ("/+raid", "/+raid/"),
        ("/%2Braid/i/CODE", "/+raid/i/CODE"),
        // The first one's page has one address.
        ("/+home/", "/"),
        ("/+Home/i/CODE", "/i/CODE"),
    ] {
        let answer = get(address, path).await;
        assert!(answer.starts_with("HTTP/1.1 308"), "{path}: {answer}");
        assert_eq!(header(&answer, "location"), to, "{path}");
    }
    let body = |answer: &str| -> serde_json::Value {
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let manifest = body(&get(address, "/+raid/parlour.webmanifest").await);
    assert_eq!((manifest["name"].as_str(), manifest["start_url"].as_str()), (Some(name), Some("/+raid/")));
    let manifest = body(&get(address, "/parlour.webmanifest").await);
    assert_eq!((manifest["name"].as_str(), manifest["scope"].as_str()), (Some("Parlour"), Some("/")));
    let (own, raid) = (get(address, "/parlour.json").await, get(address, "/+raid/parlour.json").await);
    for (greeting, name, administered) in [(&own, "Parlour", true), (&raid, name, false)] {
        let greeting = body(greeting);
        assert_eq!(
            (greeting["name"].as_str(), greeting["administered"].as_bool()),
            (Some(name), Some(administered))
        );
        assert_eq!(
            (greeting["registration"].as_str(), greeting["guests"].as_bool()),
            (Some("invite"), Some(false))
        );
    }
    assert_eq!(body(&raid)["certificateHashes"], body(&own)["certificateHashes"]);
    // The page is there to say in words that the organization isn't.
    let page = get(address, "/+nobody/").await;
    assert!(page.starts_with("HTTP/1.1 404") && page.contains("main.js"), "{page}");
    for path in ["/+nobody/parlour.json", "/+%ff/parlour.json", "/+/parlour.json"] {
        let refused = get(address, path).await;
        assert!(refused.starts_with("HTTP/1.1 404"), "{path}: {refused}");
    }
    let refused = body(&get(address, "/+nobody/parlour.json").await);
    assert_eq!(refused["error"], "no-such-organization");
    assert!(refused["message"].as_str().unwrap().contains("ask whoever gave you the address"));
    for path in ["/+nobody/parlour.webmanifest", "/+raid/nothing", "/+home//evil.example/"] {
        assert!(get(address, path).await.starts_with("HTTP/1.1 404"), "{path}");
    }
}

#[tokio::test]
async fn plain_http_is_sent_to_https_and_silence_does_not_hang_others() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let _silent: Vec<TcpStream> =
        futures(20, || TcpStream::connect(address)).await.into_iter().map(Result::unwrap).collect();
    let request = "GET /#/General HTTP/1.1\r\nHost: voice.example:4848\r\nConnection: close\r\n\r\n";
    let answer = plain_http(address, request).await;
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
    assert!(answer.contains("location: https://voice.example:4848/"), "{answer}");
    assert!(get(address, "/healthz").await.ends_with("alive\n"));
}

async fn futures<T, F: Future<Output = T>>(count: usize, make: impl Fn() -> F) -> Vec<T> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(make().await);
    }
    all
}

#[tokio::test]
async fn metrics_count_what_happens_and_readiness_is_told() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let mut voice = bob.voice();
    alice.speaker().send(&[0x48; 40]);
    hear(&mut voice).await.unwrap();
    let text = get(address, "/metrics").await;
    for line in [
        "# TYPE parlour_voice_packets_total counter",
        "parlour_voice_packets_total{fate=\"forwarded\"} 1",
        "parlour_sessions 2",
        "parlour_store_writable 1",
        "# TYPE parlour_slow_requests_total counter",
        "parlour_slow_commits_total 0",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(get(address, "/readyz").await.ends_with("ready\n"));
}

#[tokio::test]
async fn while_the_database_is_migrated_it_is_alive_and_not_ready() {
    let directory = tempfile::tempdir().unwrap();
    let identity = Identity::load_or_create(directory.path()).unwrap();
    let certificates = Arc::new(Certificates::load(&identity, directory.path(), None).unwrap());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (tell, told) = tokio::sync::watch::channel("users, 40 %".to_owned());
    let waiting = tokio::spawn(async move { http::wait(&[free], &certificates, told).await });
    eventually("it listens", async || TcpStream::connect(free).await.ok()).await;
    assert!(get(free, "/healthz").await.ends_with("alive\n"));
    for path in ["/readyz", "/"] {
        let answer = get(free, path).await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("users, 40 %"), "{answer}");
    }
    tell.send_replace("users, 80 %".to_owned());
    assert!(get(free, "/readyz").await.contains("80 %"));
    waiting.abort();
    assert!(waiting.await.is_err());
    // The port is free for the server itself.
    std::net::TcpListener::bind(free).unwrap();
}

#[tokio::test]
async fn a_taken_tcp_port_is_said_and_the_page_can_be_left_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let home = tempfile::tempdir().unwrap();
    let output =
        support::parlour(home.path()).args(["serve", "--listen", &address.to_string()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("(TCP) is in use") && said.contains("web.enabled"),
        "{said}"
    );
    let mut command = support::parlour(home.path());
    command.env("PARLOUR_WEB_ENABLED", "false");
    let process = Process::serve_with(command, &address.to_string(), &["--demo"]);
    assert_eq!(process.address, address);
}

/// The answers' heads to requests that are sent on one connection, each with its body a moment after its head.
async fn on_one_connection(server: &TestServer, requests: &[(&str, &[u8])]) -> Vec<String> {
    let (tls, _) = transport::tls_client(None, &[b"http/1.1"]).unwrap();
    let stream = TcpStream::connect(server.server.addresses()[0]).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
    let mut stream = tokio::io::BufReader::new(stream);
    let mut answers = Vec::new();
    for (head, body) in requests {
        stream.write_all(format!("{head}\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        // The server has looked at the head by then, and would have answered.
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(body).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n") {
            let read = tokio::io::AsyncBufReadExt::read_line(&mut stream, &mut answer);
            if tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap_or(0) == 0 {
                break;
            }
        }
        let length = answer.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut rest = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut rest).await.unwrap();
        answers.push(answer);
    }
    answers
}

/// Clients that keep their connections, as the SDKs of other programs do, met its end with their next request.
#[tokio::test]
async fn who_is_refused_before_the_body_was_read_asks_again_on_the_same_connection() {
    let server = TestServer::with(&[("assistant.enabled", "true")]).await;
    let long = vec![b' '; 200_000];
    let of = |path: &str, length: usize| {
        format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {length}")
    };
    for path in ["/mcp", "/api/channels", "/oauth/token", "/nowhere", "/"] {
        let (short, long_head) = (of(path, 2), of(path, long.len()));
        let requests: [(&str, &[u8]); 4] =
            [(&short, b"{}"), (&long_head, &long), (&short, b"{}"), ("GET /healthz HTTP/1.1", b"")];
        let answers = on_one_connection(&server, &requests).await;
        for answer in &answers[..3] {
            assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answers:?}");
        }
        assert!(answers[3].starts_with("HTTP/1.1 200"), "{path}: {answers:?}");
        assert!(answers.iter().all(|answer| answer.contains("keep-alive: timeout=9")), "{path}: {answers:?}");
    }
}

#[tokio::test]
async fn a_refusal_that_leaves_a_body_unread_is_the_last_on_its_connection() {
    let server = TestServer::start().await;
    // A body that was asked about is never sent, and one of a gigabyte isn't worth waiting for.
    for head in ["Content-Length: 2\r\nExpect: 100-continue", "Content-Length: 1073741824"] {
        let head = format!("POST /api/channels HTTP/1.1\r\nContent-Type: application/json\r\n{head}");
        let answers = on_one_connection(&server, &[(&head, b"")]).await;
        assert!(answers[0].starts_with("HTTP/1.1 401"), "{answers:?}");
        assert!(answers[0].contains("connection: close"), "{answers:?}");
    }
}
