//! The ways to a server, each tried as the client that needs it would go it: what `parlour doctor` finds out.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use url::Url;
use web_transport_quinn as web;

use super::{ConnectError, Socket, Trust};
use crate::id::Fingerprint;
use crate::protocol::wire::{Hello, Request, Response, Welcome, request, response};
use crate::protocol::{ALPN_WEB, FEATURES, VERSIONS, decode, encode};
use crate::transport;

/// How long each way gets.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long the size of packets may take to settle (RFC 8899: each try takes a round trip).
const SETTLING: Duration = Duration::from_millis(1_500);

/// What a native client meets.
#[derive(Clone, Debug)]
pub struct Native {
    /// What the server said of itself.
    pub welcome: Welcome,
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// To the server and back.
    pub round_trip: Duration,
    /// Bytes of UDP payload that pass at once, as found in 1.5 s; looked for from 1200 (RFC 9000, section 14.1)
    /// to 1452.
    pub mtu: u16,
}

/// What a browser's WebTransport meets.
#[derive(Clone, Debug)]
pub struct Web {
    /// What the server said of itself.
    pub welcome: Welcome,
    /// The certificate that it presented.
    pub fingerprint: Fingerprint,
}

/// A file that HTTPS sent.
#[derive(Clone, Debug)]
pub struct Page {
    /// The answer's status (RFC 9110, section 15).
    pub status: u16,
    /// When the server says it is (RFC 9110, section 6.6.1).
    pub date: Option<String>,
    /// What it sent, 64 KiB at most.
    pub body: Bytes,
    /// The certificate that it presented.
    pub fingerprint: Option<Fingerprint>,
}

/// Why a way that browsers go can't be gone.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// Nothing answers.
    #[error("nothing answers")]
    NoAnswer,
    /// It ends on the way.
    #[error("{0}")]
    Broken(String),
}

fn broken(error: impl std::fmt::Display) -> ProbeError {
    ProbeError::Broken(error.to_string())
}

/// Greets as a native client, and looks how large packets may be.
pub async fn probe_native(place: SocketAddr, client: &str) -> Result<Native, ConnectError> {
    let connected = Socket::bind(place)?.connect(place, Trust::FirstUse, client, PATIENCE).await?;
    let connection = &connected.link.connection;
    let (mut mtu, end) = (0, Instant::now() + SETTLING);
    loop {
        let now = connection.stats().path.current_mtu;
        if now >= transport::LARGEST_MTU || Instant::now() > end {
            mtu = mtu.max(now);
            break;
        }
        mtu = now;
        sleep(Duration::from_millis(50)).await;
    }
    let round_trip = connection.rtt();
    let (welcome, fingerprint) = (connected.welcome().clone(), connected.fingerprint());
    connection.close(0_u32.into(), b"");
    let _ = timeout(Duration::from_millis(200), connected.link.endpoint.wait_idle()).await;
    Ok(Native { welcome, fingerprint, round_trip, mtu })
}

/// Greets over WebTransport (draft-ietf-webtrans-http3), as a page that came from `host` would.
pub async fn probe_web(place: SocketAddr, host: &str, client: &str) -> Result<Web, ProbeError> {
    timeout(PATIENCE, greet_web(place, host, client)).await.unwrap_or(Err(ProbeError::NoAnswer))
}

async fn greet_web(place: SocketAddr, host: &str, client: &str) -> Result<Web, ProbeError> {
    let local: SocketAddr = match place {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let endpoint = quinn::Endpoint::client(local).map_err(broken)?;
    let (tls, seen) = transport::tls_client(None, &[ALPN_WEB]).map_err(broken)?;
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).map_err(broken)?));
    let connection =
        endpoint.connect_with(config, place, host).map_err(broken)?.await.map_err(|error| match error {
            quinn::ConnectionError::TimedOut => ProbeError::NoAnswer,
            other => broken(other),
        })?;
    let fingerprint = seen.fingerprint().ok_or_else(|| broken("no certificate was presented"))?;
    let url = Url::parse(&format!("https://{place}/wt")).map_err(broken)?;
    let session =
        web::Session::connect(connection, web::proto::ConnectRequest::new(url)).await.map_err(broken)?;
    let (mut send, mut recv) = session.open_bi().await.map_err(broken)?;
    let hello = Hello {
        version_min: *VERSIONS.start(),
        version_max: *VERSIONS.end(),
        features: FEATURES.iter().map(|feature| (*feature).to_owned()).collect(),
        client: client.to_owned(),
        organization: String::new(),
    };
    send.write_all(&encode(&Request::from(request::Body::Hello(hello)))).await.map_err(broken)?;
    send.finish().map_err(broken)?;
    let answer = recv.read_to_end(LARGEST_PAGE).await.map_err(broken)?;
    session.close(0, b"");
    let _ = timeout(Duration::from_millis(200), endpoint.wait_idle()).await;
    match decode::<Response>(&answer, LARGEST_PAGE).map_err(broken)?.body {
        Some(response::Body::Welcome(welcome)) => Ok(Web { welcome, fingerprint }),
        _ => Err(broken("the greeting is answered by something else")),
    }
}

/// Bytes that are read of an answer at most.
const LARGEST_PAGE: usize = 64 * 1_024;

/// Asks HTTPS for a file of this path, as a browser that was given `host` would.
pub async fn probe_page(place: SocketAddr, host: &str, path: &str) -> Result<Page, ProbeError> {
    timeout(PATIENCE, get(place, host, path)).await.unwrap_or(Err(ProbeError::NoAnswer))
}

async fn get(place: SocketAddr, host: &str, path: &str) -> Result<Page, ProbeError> {
    let stream = tokio::net::TcpStream::connect(place).await.map_err(broken)?;
    let (tls, seen) = transport::tls_client(None, &[b"http/1.1"]).map_err(broken)?;
    let name = ServerName::try_from(host.to_owned()).map_err(broken)?;
    let stream = tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await;
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream.map_err(broken)?)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let request = http::Request::get(path)
        .header(http::header::HOST, place.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(broken)?;
    let answer = send.send_request(request).await.map_err(broken)?;
    let date =
        answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), LARGEST_PAGE).collect().await.map_err(broken)?.to_bytes();
    driver.abort();
    Ok(Page { status, date, body, fingerprint: seen.fingerprint() })
}
