//! What tests and benches have in common that come to a server from outside: a server in a process of its own, what that
//! takes of the machine, and the HTTPS and WebSockets of clients that aren't ours.
#![allow(dead_code, unreachable_pub, reason = "each binary uses its own part of this one")]

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use parlour::transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

/// Starts what prints a line of JSON when it listens. Answers with that line, too.
pub fn start(command: &mut Command) -> (Child, serde_json::Value) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

/// The first address that such a line names.
pub fn first_address(said: &serde_json::Value) -> SocketAddr {
    said["addresses"][0].as_str().unwrap().parse().unwrap()
}

/// Memory of a process now and at most, in KiB (proc(5)).
pub fn memory(child: &Child) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Processor time of a process, in milliseconds (proc(5)).
pub fn processor_time(child: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // User and system time, in ticks of 10 ms.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10.0
}

/// HTTPS from an address of this machine.
pub async fn https(from: Ipv4Addr, to: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let (tls, _) = transport::tls_client(None, &[b"http/1.1"]).unwrap();
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let name = "localhost".try_into().unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, socket.connect(to).await?).await
}

/// A WebSocket that says nothing, if it is let in.
pub async fn silent_web_socket(from: Ipv4Addr, to: SocketAddr) -> Option<TlsStream<TcpStream>> {
    silent_web_socket_at("/ws", from, to).await
}

/// The same at another path.
pub async fn silent_web_socket_at(
    path: &str,
    from: Ipv4Addr,
    to: SocketAddr,
) -> Option<TlsStream<TcpStream>> {
    let mut stream = https(from, to).await.ok()?;
    let ask = format!(
        "GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).await.ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.ok()?;
    (&answer == b"HTTP/1.1 101").then_some(stream)
}

/// A ping as large as may be, masked with zeros (RFC 6455, section 5.5.2).
pub fn ping() -> Vec<u8> {
    [&[0x89, 0xfd, 0, 0, 0, 0][..], &[0; 125]].concat()
}

/// A binary message of a WebSocket's client, 64 KiB at most, masked with zeros (RFC 6455, section 5.2).
pub fn masked(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82];
    match message.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0xfe);
            frame.extend((long as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(message);
    frame
}
