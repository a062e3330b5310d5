//! What one client can take of the server's memory, as the table of docs/architecture.md says.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::support::outside::{self, masked, ping, silent_web_socket, silent_web_socket_at};
use crate::support::{self, Process};
use parlour::protocol::wire::{self, Hello, LogInGuest, LogInPassword, Request, request};
use parlour::protocol::{ALPN, encode};
use parlour::transport;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Clients of each kind.
const CLIENTS: usize = 60;

/// KiB of memory of a process.
fn memory(process: &Process) -> u64 {
    outside::memory(&process.child).0 as u64
}

/// The bound that the table has for a kind of client, in KiB.
fn bound(kind: &str) -> u64 {
    let page = std::fs::read_to_string("docs/architecture.md").unwrap();
    let row = page.lines().find(|line| line.starts_with(&format!("| {kind} |"))).unwrap();
    let cell = row.split('|').nth(2).unwrap().trim();
    cell.strip_suffix(" KiB").unwrap().replace(',', "").parse().unwrap()
}

async fn raw(to: SocketAddr) -> quinn::Connection {
    let (tls, _) = transport::tls_client(None, &[ALPN]).unwrap();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    let mut own = quinn::TransportConfig::default();
    // Nothing that it is sent is read, and it is there for long.
    own.keep_alive_interval(Some(Duration::from_secs(2))).max_concurrent_uni_streams(1_u32.into());
    config.transport_config(Arc::new(own));
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.connect_with(config, to, "localhost").unwrap().await.unwrap()
}

async fn ask(connection: &quinn::Connection, body: request::Body) -> Vec<u8> {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&encode(&Request::from(body))).await.unwrap();
    send.finish().unwrap();
    recv.read_to_end(1 << 22).await.unwrap()
}

fn hello() -> request::Body {
    request::Body::Hello(Hello { version_min: 1, version_max: 1, client: "x".repeat(64), ..Hello::default() })
}

/// Fills whatever is kept: requests that don't end, requests whose answers nobody reads, and voice.
async fn fill(connection: &quinn::Connection) {
    for _ in 0..8 {
        let Ok(Ok((mut send, recv))) =
            tokio::time::timeout(Duration::from_millis(100), connection.open_bi()).await
        else {
            break;
        };
        let list = encode(&Request::from(request::Body::List(wire::List::default())));
        let _ = tokio::time::timeout(Duration::from_millis(20), send.write_all(&list)).await;
        let _ = tokio::time::timeout(Duration::from_millis(20), send.write_all(&vec![0; 66_000])).await;
        // Dropping them would tell the server that they are over.
        std::mem::forget((send, recv));
    }
    for _ in 0..1_000 {
        let _ = connection.send_datagram(vec![0; 1_000].into());
    }
}

/// A WebSocket that sends voice and requests as large as may be, and reads nothing.
async fn web_socket(to: SocketAddr, log_in: Option<request::Body>) -> TlsStream<TcpStream> {
    let mut stream = silent_web_socket(Ipv4Addr::LOCALHOST, to).await.unwrap();
    let message = |number: u8, body| {
        let mut message = vec![1, 0, 0, 0, number];
        message.extend(encode(&Request::from(body)));
        masked(&message)
    };
    let may_ask = log_in.is_some();
    if let Some(body) = log_in {
        stream.write_all(&message(1, hello())).await.unwrap();
        stream.write_all(&message(2, body)).await.unwrap();
    }
    let voice = masked(&vec![0; 65_000]);
    let request = masked(&[vec![1, 0, 0, 0, 9], vec![0xff; 64_000]].concat());
    for _ in 0..64 {
        // A stranger's request would be the end of it.
        for frame in [Some(&voice), may_ask.then_some(&request)].into_iter().flatten() {
            if tokio::time::timeout(Duration::from_millis(20), stream.write_all(frame)).await.is_err() {
                return stream;
            }
        }
    }
    // One that doesn't end.
    let _ = tokio::time::timeout(Duration::from_millis(20), stream.write_all(&voice[..60_000])).await;
    stream
}

/// A WebSocket of a program that shows no token, and pings without end.
async fn follower(to: SocketAddr) -> TlsStream<TcpStream> {
    let mut stream = silent_web_socket_at("/api/events", Ipv4Addr::LOCALHOST, to).await.unwrap();
    let pings = ping().repeat(400);
    for _ in 0..64 {
        if tokio::time::timeout(Duration::from_millis(20), stream.write_all(&pings)).await.is_err() {
            break;
        }
    }
    stream
}

#[tokio::test]
async fn no_client_takes_more_memory_than_the_table_says() {
    let _alone = support::alone();
    let home = tempfile::tempdir().unwrap();
    let mut command = support::parlour(home.path());
    command.env("PARLOUR_SESSIONS_GUESTS", "true").env("PARLOUR_LIMITS_HANDSHAKE_SECONDS", "60");
    command.env("PARLOUR_LIMITS_ACCOUNT_SESSIONS", "1000").env("PARLOUR_LIMITS_REQUEST_BURST", "1000");
    let process = Process::serve_with(command, "127.0.0.1:0", &["--demo"]);
    let to = process.address;
    // What the first clients take is taken once.
    ask(&raw(to).await, hello()).await;
    drop(web_socket(to, None).await);
    drop(follower(to).await);
    let guest = |number: usize| {
        request::Body::LogInGuest(LogInGuest { name: format!("g{number}"), ..LogInGuest::default() })
    };
    let member = || {
        let (name, password) = ("alice".to_owned(), "parlour-demo".to_owned());
        request::Body::LogInPassword(LogInPassword { name, password, ..LogInPassword::default() })
    };
    let mut found = Vec::new();
    for kind in ["stranger", "guest", "member"] {
        let (mut connections, mut sockets) = (Vec::new(), Vec::new());
        let before = memory(&process);
        for number in 0..CLIENTS {
            let log_in = match kind {
                "guest" => Some(guest(number)),
                "member" => Some(member()),
                _ => None,
            };
            let connection = raw(to).await;
            if let Some(body) = &log_in {
                ask(&connection, hello()).await;
                ask(&connection, body.clone()).await;
            }
            fill(&connection).await;
            connections.push(connection);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let quic = memory(&process).saturating_sub(before) / CLIENTS as u64;
        let before = memory(&process);
        for number in 0..CLIENTS {
            let log_in = match kind {
                "guest" => Some(guest(number + CLIENTS)),
                "member" => Some(member()),
                _ => None,
            };
            sockets.push(web_socket(to, log_in).await);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let web_socket = memory(&process).saturating_sub(before) / CLIENTS as u64;
        let before = memory(&process);
        let mut followers = Vec::new();
        while kind == "stranger" && followers.len() < CLIENTS {
            followers.push(follower(to).await);
        }
        let following = memory(&process).saturating_sub(before) / CLIENTS as u64;
        println!(
            "one {kind}: {quic} KiB over QUIC, {web_socket} KiB over a WebSocket, {following} KiB that follows"
        );
        found.push((kind, quic.max(web_socket).max(following)));
        drop((connections, sockets, followers));
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    for (kind, most) in found {
        assert!(most <= bound(kind), "one {kind} takes {most} KiB, and the table says {}", bound(kind));
    }
}
