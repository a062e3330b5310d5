//! What one address, account or key may take, and what a client may leave undone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::support::outside::{https, ping, silent_web_socket, silent_web_socket_at};
use crate::support::{PASSWORD, TestServer, channel_id, eventually, with};
use parlour::client::{Credentials, Trust, connect};
use parlour::permission::Permissions;
use parlour::protocol::wire::{self, Hello, LogInPassword, Request, Response, request, response};
use parlour::protocol::{ALPN, ALPN_WEB, CloseCode, ErrorCode, decode, encode};
use parlour::transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use web_transport_quinn as web;

/// Another address of this machine than the one that all others come from.
const ENEMY: Ipv4Addr = Ipv4Addr::new(127, 66, 6, 6);

/// QUIC from an address.
fn endpoint(from: impl Into<IpAddr>) -> quinn::Endpoint {
    quinn::Endpoint::client(SocketAddr::new(from.into(), 0)).unwrap()
}

async fn raw(
    endpoint: &quinn::Endpoint,
    to: SocketAddr,
    protocol: &[u8],
    name: &str,
) -> Result<quinn::Connection, quinn::ConnectionError> {
    let (tls, _) = transport::tls_client(None, &[protocol]).unwrap();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    endpoint.connect_with(quinn::ClientConfig::new(Arc::new(crypto)), to, name).unwrap().await
}

/// How many of them the server hasn't closed.
async fn open(streams: &mut [TlsStream<TcpStream>]) -> usize {
    /// The first byte of a WebSocket's last message (RFC 6455, section 5.2).
    const CLOSE: u8 = 0x88;
    let mut count = 0;
    for stream in streams {
        let mut bytes = [0; 4_096];
        let ended = async {
            // What it was sent before, and the end.
            while let Ok(length @ 1..) = stream.read(&mut bytes).await
                && bytes[..length][0] != CLOSE
            {}
        };
        count += usize::from(tokio::time::timeout(Duration::from_millis(20), ended).await.is_err());
    }
    count
}

async fn exchange(connection: &quinn::Connection, body: request::Body) -> response::Body {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&encode(&Request::from(body))).await.unwrap();
    send.finish().unwrap();
    decode::<Response>(&recv.read_to_end(1 << 16).await.unwrap(), 1 << 16).unwrap().body.unwrap()
}

fn hello() -> request::Body {
    let client = "test".to_owned();
    request::Body::Hello(Hello { version_min: 1, version_max: 1, client, ..Hello::default() })
}

fn password(name: &str) -> request::Body {
    let (name, password) = (name.to_owned(), PASSWORD.to_owned());
    request::Body::LogInPassword(LogInPassword { name, password, ..LogInPassword::default() })
}

/// A connection that is logged in.
async fn member(server: &TestServer, name: &str) -> quinn::Connection {
    let endpoint = endpoint(Ipv4Addr::LOCALHOST);
    let connection = raw(&endpoint, server.server.addresses()[0], ALPN, "localhost").await.unwrap();
    assert!(matches!(exchange(&connection, hello()).await, response::Body::Welcome(_)));
    assert!(matches!(exchange(&connection, password(name)).await, response::Body::LoggedIn(_)));
    connection
}

/// With which code it was closed.
async fn closed_with(connection: &quinn::Connection) -> u64 {
    let ended = tokio::time::timeout(Duration::from_secs(5), connection.closed()).await.unwrap();
    let quinn::ConnectionError::ApplicationClosed(close) = ended else { panic!("{ended:?}") };
    close.error_code.into_inner()
}

#[tokio::test]
async fn an_address_that_says_nothing_over_quic_keeps_nobody_out() {
    let server = TestServer::with(&[("limits.max_sessions", "4"), ("limits.address_strangers", "4")]).await;
    let (to, enemy) = (server.server.addresses()[0], endpoint(ENEMY));
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.extend(raw(&enemy, to, ALPN, "localhost").await.ok());
    }
    let left = silent.iter().filter(|connection| connection.close_reason().is_none()).count();
    assert!(left <= 32, "{left} of one address");
    for name in ["root", "alice", "bob", "carol"] {
        server.log_in(name).await.list().await.unwrap();
    }
}

#[tokio::test]
async fn an_address_that_says_nothing_over_web_sockets_keeps_nobody_out() {
    let server = TestServer::with(&[("limits.max_sessions", "4"), ("limits.address_strangers", "4")]).await;
    let to = server.server.addresses()[0];
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.extend(silent_web_socket(ENEMY, to).await);
    }
    let left = open(&mut silent).await;
    assert!((1..=32).contains(&left), "{left} of one address");
    server.log_in("alice").await.list().await.unwrap();
    assert!(silent_web_socket(Ipv4Addr::LOCALHOST, to).await.is_some());
}

#[tokio::test]
async fn an_address_that_follows_without_a_token_keeps_nobody_out() {
    let flags =
        [("limits.max_sessions", "4"), ("limits.address_strangers", "4"), ("limits.request_burst", "1000")];
    let server = TestServer::with(&flags).await;
    let to = server.server.addresses()[0];
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.extend(silent_web_socket_at("/api/events", ENEMY, to).await);
    }
    let left = eventually("the oldest ones are closed", async || {
        let left = open(&mut silent).await;
        (left <= 32).then_some(left)
    });
    // Long before they would be for having said nothing.
    let left = tokio::time::timeout(Duration::from_secs(6), left).await.unwrap();
    assert!(left >= 1);
    // They take the same places as those who want to come in.
    server.log_in("alice").await.list().await.unwrap();
    assert!(silent_web_socket(Ipv4Addr::LOCALHOST, to).await.is_some());
    // Nobody goes on for long with a wrong token, and takes up the place meanwhile.
    let mut wrong = silent_web_socket_at("/api/events", Ipv4Addr::LOCALHOST, to).await.unwrap();
    wrong.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'{', b'}']).await.unwrap();
    let mut told = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), wrong.read_to_end(&mut told)).await;
    assert!(ended.is_ok() && String::from_utf8_lossy(&told).contains("token-invalid"), "{told:?}");
}

/// Places of all addresses together are taken by one that may have so many: it makes room for who comes from elsewhere.
#[tokio::test]
async fn at_the_bound_of_all_strangers_whoever_waits_for_longest_makes_room() {
    let flags = [
        ("limits.max_sessions", "4"),
        ("limits.address_strangers", "1000"),
        ("limits.address_connects", "1000"),
        ("limits.handshake_seconds", "60"),
    ];
    let server = TestServer::with(&flags).await;
    let (to, enemy) = (server.server.addresses()[0], endpoint(ENEMY));
    let mut silent = Vec::new();
    for _ in 0..260 {
        silent.extend(raw(&enemy, to, ALPN, "localhost").await.ok());
    }
    eventually("somebody gets in", async || {
        let connected = connect(&server.address(), Trust::FirstUse, "test/1").await.ok()?;
        connected.log_in(Credentials::password("alice", PASSWORD, "test")).await.ok()
    })
    .await;
    let lost = silent.iter().filter(|connection| connection.close_reason().is_some()).count();
    assert!((1..200).contains(&lost), "{lost}");
}

#[tokio::test]
async fn an_address_that_asks_for_a_page_now_and_then_keeps_nobody_out() {
    let server = TestServer::with(&[("limits.max_sessions", "4"), ("limits.address_http", "2")]).await;
    let to = server.server.addresses()[0];
    let ask = format!("GET /healthz HTTP/1.1\r\nHost: {to}\r\n\r\n");
    let mut kept = Vec::new();
    for _ in 0..40 {
        let Ok(mut stream) = https(ENEMY, to).await else { continue };
        let mut answer = [0; 4_096];
        if stream.write_all(ask.as_bytes()).await.is_ok() && stream.read(&mut answer).await.is_ok() {
            kept.push(stream);
        }
    }
    let left = open(&mut kept).await;
    assert!((1..=16).contains(&left), "{left} of one address");
    let mut stream = https(Ipv4Addr::LOCALHOST, to).await.unwrap();
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert!(silent_web_socket(Ipv4Addr::LOCALHOST, to).await.is_some());
}

/// The code and the words of a refusal.
fn refusal<T: std::fmt::Debug>(
    outcome: Result<T, parlour::client::RequestError>,
) -> (Option<ErrorCode>, String) {
    let error = outcome.unwrap_err();
    (error.code(), error.to_string())
}

#[tokio::test]
async fn guests_of_an_address_sessions_of_an_account_and_of_a_key_are_bounded() {
    let flags = [
        ("sessions.guests", "true"),
        ("limits.address_guests", "1"),
        ("limits.account_sessions", "4"),
        ("limits.key_sessions", "2"),
    ];
    let server = TestServer::with(&flags).await;
    let mut guests = Vec::new();
    for number in 0..8 {
        guests.push(with(&server, Credentials::guest(&format!("g{number}"), "test")).await.unwrap());
    }
    let (code, words) = refusal(with(&server, Credentials::guest("ninth", "test")).await);
    assert!(code == Some(ErrorCode::Full) && words.contains("8 guests from your address"), "{words}");
    let mut devices = Vec::new();
    for _ in 0..2 {
        devices.push(server.log_in("alice").await);
    }
    let key = devices[0].create_api_key("a program", Permissions::VIEW, None).await.unwrap().key;
    let mut programs = Vec::new();
    for _ in 0..2 {
        programs.push(with(&server, Credentials::api_key(&key)).await.unwrap());
    }
    let (code, words) = refusal(with(&server, Credentials::password("alice", PASSWORD, "fifth")).await);
    assert!(code == Some(ErrorCode::Full) && words.contains("connected 4 times"), "{words}");
    drop(devices.pop());
    eventually("a seat is free", async || {
        with(&server, Credentials::password("alice", PASSWORD, "fifth")).await.ok()
    })
    .await;
    // That one has gone again, which takes a moment; until then it is the account that has no place.
    eventually("the key has all that it may have", async || {
        let (code, words) = refusal(with(&server, Credentials::api_key(&key)).await);
        assert_eq!(code, Some(ErrorCode::Full), "{words}");
        words.contains("the key is connected 2 times").then_some(())
    })
    .await;
    // A guest who leaves makes room, and members come all the same.
    server.log_in("bob").await.list().await.unwrap();
    drop(guests.pop());
    eventually("a guest may come", async || with(&server, Credentials::guest("tenth", "test")).await.ok())
        .await;
}

#[tokio::test]
async fn whoever_was_here_before_finds_a_place_that_guests_do_not_take() {
    let flags =
        [("sessions.guests", "true"), ("limits.address_guests", "100"), ("limits.max_sessions", "32")];
    let server = TestServer::with(&flags).await;
    let alice = server.log_in("alice").await;
    let token = alice.logged_in().token.clone();
    drop(alice);
    let mut guests = Vec::new();
    for number in 0..40 {
        guests.extend(with(&server, Credentials::guest(&format!("g{number}"), "test")).await.ok());
    }
    assert!((29..=30).contains(&guests.len()), "{}", guests.len());
    let (code, _) = refusal(with(&server, Credentials::password("bob", PASSWORD, "new")).await);
    assert_eq!(code, Some(ErrorCode::Full));
    with(&server, Credentials::token(&token)).await.unwrap().list().await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_is_refused_and_its_stream_is_free_again() {
    let server = TestServer::with(&[("limits.handshake_seconds", "1")]).await;
    let connection = member(&server, "alice").await;
    let mut open = Vec::new();
    for _ in 0..8 {
        let (mut send, recv) = connection.open_bi().await.unwrap();
        send.write_all(&[5, 1]).await.unwrap();
        open.push((send, recv));
    }
    for (_, recv) in &mut open {
        let bytes = recv.read_to_end(1 << 16).await.unwrap();
        let Some(response::Body::Error(error)) = decode::<Response>(&bytes, 1 << 16).unwrap().body else {
            panic!("answered")
        };
        assert!(error.code == ErrorCode::Malformed.number() && error.message.contains("end in time"));
    }
    drop(open);
    let listed = exchange(&connection, request::Body::List(wire::List::default())).await;
    assert!(matches!(listed, response::Body::Listing(_)), "{listed:?}");
}

#[tokio::test]
async fn a_client_that_opens_a_stream_where_none_is_meant_is_told_so() {
    let server = TestServer::start().await;
    let to = server.server.addresses()[0];
    let violation = u64::from(CloseCode::ProtocolViolation.number());
    let local = endpoint(Ipv4Addr::LOCALHOST);
    let stranger = raw(&local, to, ALPN, "localhost").await.unwrap();
    for connection in [stranger, member(&server, "alice").await] {
        let mut stream = connection.open_uni().await.unwrap();
        stream.write_all(&[0; 100]).await.unwrap();
        assert_eq!(closed_with(&connection).await, violation);
    }
    let url: url::Url = format!("https://{to}/wt").parse().unwrap();
    let connection = raw(&local, to, ALPN_WEB, "localhost").await.unwrap();
    let session = web::Session::connect(connection, web::proto::ConnectRequest::new(url)).await.unwrap();
    let mut stream = session.open_uni().await.unwrap();
    stream.write_all(&[0; 100]).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), session.closed()).await.unwrap();
    let web::SessionError::WebTransportError(web::WebTransportError::Closed(code, _)) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(code, CloseCode::ProtocolViolation.number());
}

#[tokio::test]
async fn a_client_that_stops_its_events_is_told_so_at_once() {
    let server = TestServer::start().await;
    let stopped = CloseCode::EventsStopped.number();
    let connection = member(&server, "alice").await;
    let mut events = connection.accept_uni().await.unwrap();
    events.stop(0_u32.into()).unwrap();
    assert_eq!(closed_with(&connection).await, u64::from(stopped));
    // Over WebTransport, where somebody hears of a change meanwhile.
    let to = server.server.addresses()[0];
    let connection = raw(&endpoint(Ipv4Addr::LOCALHOST), to, ALPN_WEB, "localhost").await.unwrap();
    let url: url::Url = format!("https://{to}/wt").parse().unwrap();
    let session = web::Session::connect(connection, web::proto::ConnectRequest::new(url)).await.unwrap();
    for body in [hello(), password("bob")] {
        let (mut send, mut recv) = session.open_bi().await.unwrap();
        send.write_all(&encode(&Request::from(body))).await.unwrap();
        send.finish().unwrap();
        recv.read_to_end(1 << 16).await.unwrap();
    }
    let mut events = session.accept_uni().await.unwrap();
    events.stop(7).unwrap();
    let carol = server.log_in("carol").await;
    carol.join(channel_id(&carol, "General")).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), session.closed()).await.unwrap();
    let web::SessionError::WebTransportError(web::WebTransportError::Closed(code, reason)) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((code, reason.as_str()), (stopped, CloseCode::EventsStopped.sentence()));
}

#[tokio::test]
async fn a_page_under_another_name_than_the_one_that_was_connected_to_does_not_come_in() {
    let server = TestServer::start().await;
    let to = server.server.addresses()[0];
    let local = endpoint(Ipv4Addr::LOCALHOST);
    let come = async |name: &str, authority: &str| {
        let connection = raw(&local, to, ALPN_WEB, name).await.unwrap();
        let url: url::Url = format!("https://{authority}/wt").parse().unwrap();
        let origin = format!("https://{authority}");
        let asked = web::proto::ConnectRequest::new(url)
            .with_header("origin".parse().unwrap(), origin.parse().unwrap());
        web::Session::connect(connection, asked).await.is_ok()
    };
    let port = to.port();
    assert!(come("localhost", &format!("localhost:{port}")).await);
    assert!(come("voice.example", &format!("voice.example:{port}")).await);
    assert!(come("127.0.0.1", &to.to_string()).await);
    for authority in ["evil.example", "localhost.evil.example", "me@localhost"] {
        assert!(!come("localhost", &format!("{authority}:{port}")).await, "{authority}");
    }
    assert!(!come("127.0.0.1", &format!("evil.example:{port}")).await, "a rebound name");
}

#[tokio::test]
async fn an_address_that_asks_for_pages_without_end_waits_and_others_do_not() {
    let server = TestServer::with(&[("limits.address_connects", "1")]).await;
    let to = server.server.addresses()[0];
    let ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut enemy = https(ENEMY, to).await.unwrap();
    enemy.write_all(&ask.repeat(2_000)).await.unwrap();
    // Eight a second and 32 at once, eightfold for this machine.
    let mut answers = Vec::new();
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        let _ = tokio::time::timeout(Duration::from_millis(100), enemy.read_buf(&mut answers)).await;
    }
    let answered = String::from_utf8(answers).unwrap().matches("HTTP/1.1 200").count() as f64;
    assert!(
        (256.0..=256.0 + 64.0 * begun.elapsed().as_secs_f64()).contains(&answered),
        "{answered} of 2,000"
    );
    // What the enemy asked for and waits for is nobody else's delay.
    let mut other = https(Ipv4Addr::LOCALHOST, to).await.unwrap();
    other.write_all(ask).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(1), other.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_web_socket_that_pings_without_end_is_closed() {
    let server = TestServer::start().await;
    let mut enemy = silent_web_socket(ENEMY, server.server.addresses()[0]).await.unwrap();
    enemy.write_all(&ping().repeat(200)).await.unwrap();
    let mut told = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), enemy.read_to_end(&mut told)).await;
    let code = 4_000 + CloseCode::RateLimited.number() as u16;
    assert!(told.windows(4).any(|end| end[0] == 0x88 && end[2..] == code.to_be_bytes()), "{told:?}");
    let pongs = told.windows(2).filter(|head| *head == [0x8a, 125]).count();
    assert!(pongs < 64, "{pongs} answers");
}
