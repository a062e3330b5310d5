//! A connection over any transport, by which tests ask for what our client wouldn't.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::support::outside::masked;
use parlour::protocol::wire::request::Body;
use parlour::protocol::wire::{Hello, Request, Response, response};
use parlour::protocol::{ALPN, ALPN_WEB, ErrorCode, decode, encode};
use parlour::transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use web_transport_quinn as web;

/// A connection over one of the transports.
pub(crate) enum Link {
    Native(quinn::Connection),
    Web(Box<web::Session>),
    Socket(Box<TlsStream<TcpStream>>, u32),
}

async fn quic(address: SocketAddr, protocol: &[u8]) -> quinn::Connection {
    let (tls, _) = transport::tls_client(None, &[protocol]).unwrap();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    endpoint.connect_with(config, address, "localhost").unwrap().await.unwrap()
}

impl Link {
    pub(crate) async fn open(transport: &str, address: SocketAddr) -> Self {
        match transport {
            "native" => Self::Native(quic(address, ALPN).await),
            "webtransport" => {
                let url: url::Url = format!("https://{address}/wt").parse().unwrap();
                let asked = web::proto::ConnectRequest::new(url);
                Self::Web(Box::new(
                    web::Session::connect(quic(address, ALPN_WEB).await, asked).await.unwrap(),
                ))
            }
            _ => Self::socket(TcpStream::connect(address).await.unwrap(), &address.to_string(), "").await,
        }
    }

    /// A WebSocket over a connection, asked for of a host with some more headers, each of which ends its line.
    pub(crate) async fn socket(stream: TcpStream, host: &str, headers: &str) -> Self {
        // An address has no name that TLS could ask for.
        let is_address = host.parse::<SocketAddr>().is_ok();
        let name = host.split(':').next().filter(|_| !is_address).unwrap_or("localhost").to_owned();
        let (tls, _) = transport::tls_client(None, &[b"http/1.1"]).unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
        let mut stream = connector.connect(name.try_into().unwrap(), stream).await.unwrap();
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nConnection: upgrade\r\n{headers}\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        Self::Socket(Box::new(stream), 0)
    }

    pub(crate) async fn ask(&mut self, body: Body) -> response::Body {
        let request = encode(&Request::from(body));
        let answer = match self {
            Self::Native(connection) => {
                let (mut send, mut recv) = connection.open_bi().await.unwrap();
                send.write_all(&request).await.unwrap();
                send.finish().unwrap();
                recv.read_to_end(1 << 20).await.unwrap()
            }
            Self::Web(session) => {
                let (mut send, mut recv) = session.open_bi().await.unwrap();
                send.write_all(&request).await.unwrap();
                send.finish().unwrap();
                recv.read_to_end(1 << 20).await.unwrap()
            }
            Self::Socket(stream, number) => {
                *number += 1;
                let message = [&[1][..], &number.to_be_bytes(), &request].concat();
                stream.write_all(&masked(&message)).await.unwrap();
                loop {
                    let message = frame(stream).await;
                    // Events come beside the answers.
                    if message.first() == Some(&1) && message[1..5] == number.to_be_bytes() {
                        break message[5..].to_vec();
                    }
                }
            }
        };
        decode::<Response>(&answer, 1 << 20).unwrap().body.unwrap()
    }

    pub(crate) async fn refusal(&mut self, body: Body) -> Option<ErrorCode> {
        match self.ask(body).await {
            response::Body::Error(error) => ErrorCode::from_number(error.code),
            _ => None,
        }
    }
}

/// The next binary message of a server.
async fn frame(stream: &mut TlsStream<TcpStream>) -> Vec<u8> {
    loop {
        let kind = stream.read_u8().await.unwrap() & 15;
        let length = match stream.read_u8().await.unwrap() & 127 {
            126 => u64::from(stream.read_u16().await.unwrap()),
            127 => stream.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut message = vec![0; length as usize];
        stream.read_exact(&mut message).await.unwrap();
        if kind == 2 {
            return message;
        }
    }
}

pub(crate) fn hello() -> Body {
    Body::Hello(Hello { version_min: 1, version_max: 1, client: "test".to_owned(), ..Hello::default() })
}
