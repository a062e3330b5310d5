//! From an address to a session.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::session::{Link, Session, exchange};
use super::socket::{Arrival, Timed};
use super::{Address, ConnectError, Ended, RequestError};
use crate::id::Fingerprint;
use crate::protocol::wire::{self, request, response};
use crate::protocol::{ALPN, FEATURES, VERSIONS};
use crate::transport::{self, Seen};

/// How long one of a host's addresses gets to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Which certificate is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// This one only.
    Pinned(Fingerprint),
    /// Whichever is presented; the caller pins it for the next time.
    FirstUse,
}

/// How to log in.
#[derive(Clone, Debug)]
pub struct Credentials(pub(super) request::Body);

impl Credentials {
    /// By name and password; `device` is what the user calls this device.
    pub fn password(name: &str, password: &str, device: &str) -> Self {
        Self(request::Body::LogInPassword(wire::LogInPassword {
            name: name.to_owned(),
            password: password.to_owned(),
            device: device.to_owned(),
        }))
    }

    /// By the token of an earlier log-in.
    pub fn token(token: &[u8]) -> Self {
        Self(request::Body::LogInToken(wire::LogInToken { token: Bytes::copy_from_slice(token) }))
    }

    /// As a guest, where the server lets them in.
    pub fn guest(name: &str, device: &str) -> Self {
        Self(request::Body::LogInGuest(wire::LogInGuest { name: name.to_owned(), device: device.to_owned() }))
    }

    /// As the first administrator, who gets this name and password.
    pub fn claim(code: &str, name: &str, password: &str, device: &str) -> Self {
        Self(request::Body::RedeemClaim(wire::RedeemClaim {
            code: code.to_owned(),
            name: name.to_owned(),
            password: password.to_owned(),
            device: device.to_owned(),
        }))
    }
}

/// A server that was greeted and speaks our version; nobody is logged in.
#[derive(Debug)]
pub struct Connected {
    link: Link,
    welcome: wire::Welcome,
    fingerprint: Fingerprint,
}

/// Connects and greets. Each of the host's addresses gets 4 s. `client` names the program and its version.
pub async fn connect(address: &Address, trust: Trust, client: &str) -> Result<Connected, ConnectError> {
    let server = address.server();
    let resolved = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let resolved = resolved.map_err(|source| ConnectError::Resolve { host: address.host.clone(), source })?;
    let mut failure = ConnectError::NoAnswer { server: server.clone() };
    for place in resolved {
        match try_connect(Socket::bind(place)?, place, &server, trust, PATIENCE).await {
            Ok((link, fingerprint)) => return greet(link, fingerprint, client).await,
            Err(error @ ConnectError::CertificateChanged { .. }) => return Err(error),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// A UDP socket for one connection.
#[derive(Debug)]
pub struct Socket {
    endpoint: quinn::Endpoint,
    arrival: Arrival,
}

impl Socket {
    /// A socket from which `place` can be reached.
    pub fn bind(place: SocketAddr) -> Result<Self, ConnectError> {
        let local: SocketAddr = match place {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let (arrival, socket) = (Arrival::default(), std::net::UdpSocket::bind(local)?);
        let runtime = Arc::new(Timed(arrival.clone()));
        let endpoint = quinn::Endpoint::new(quinn::EndpointConfig::default(), None, socket, runtime)?;
        Ok(Self { endpoint, arrival })
    }

    /// Connects to a place and greets, as [`connect`] does, waiting so long for an answer.
    pub async fn connect(
        self,
        place: SocketAddr,
        trust: Trust,
        client: &str,
        patience: Duration,
    ) -> Result<Connected, ConnectError> {
        let (link, fingerprint) = try_connect(self, place, &place.to_string(), trust, patience).await?;
        greet(link, fingerprint, client).await
    }
}

async fn try_connect(
    Socket { endpoint, arrival }: Socket,
    place: SocketAddr,
    server: &str,
    trust: Trust,
    patience: Duration,
) -> Result<(Link, Fingerprint), ConnectError> {
    let expected = match trust {
        Trust::Pinned(fingerprint) => Some(fingerprint),
        Trust::FirstUse => None,
    };
    let (config, seen) = transport::client_config(expected, ALPN)?;
    let lost =
        |reason: String| ConnectError::Failed { server: server.to_owned(), reason: Ended::Lost(reason) };
    let connecting =
        endpoint.connect_with(config, place, "parlour.local").map_err(|error| lost(error.to_string()))?;
    match tokio::time::timeout(patience, connecting).await {
        Ok(Ok(connection)) => {
            let fingerprint =
                seen.fingerprint().ok_or_else(|| lost("no certificate was presented".to_owned()))?;
            Ok((Link { endpoint, connection, arrival }, fingerprint))
        }
        Ok(Err(error)) => Err(failed(error, server, expected, &seen)),
        Err(_) => Err(ConnectError::NoAnswer { server: server.to_owned() }),
    }
}

fn failed(
    error: quinn::ConnectionError,
    server: &str,
    expected: Option<Fingerprint>,
    seen: &Seen,
) -> ConnectError {
    let server = server.to_owned();
    match (expected, seen.fingerprint()) {
        (Some(expected), Some(found)) if expected != found => {
            ConnectError::CertificateChanged { server, expected, found }
        }
        _ if error == quinn::ConnectionError::TimedOut => ConnectError::NoAnswer { server },
        _ => ConnectError::Failed { server, reason: error.into() },
    }
}

async fn greet(link: Link, fingerprint: Fingerprint, client: &str) -> Result<Connected, ConnectError> {
    let hello = wire::Hello {
        version_min: *VERSIONS.start(),
        version_max: *VERSIONS.end(),
        features: FEATURES.iter().map(|feature| (*feature).to_owned()).collect(),
        client: client.to_owned(),
    };
    match exchange(&link.connection, request::Body::Hello(hello)).await? {
        response::Body::Welcome(welcome) => Ok(Connected { link, welcome, fingerprint }),
        _ => Err(RequestError::Misfit.into()),
    }
}

impl Connected {
    /// What the server said of itself.
    pub fn welcome(&self) -> &wire::Welcome {
        &self.welcome
    }

    /// The certificate that the server presented.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Logs in. When the server refuses, another try needs another connection.
    pub async fn log_in(self, credentials: Credentials) -> Result<Session, RequestError> {
        match exchange(&self.link.connection, credentials.0).await? {
            response::Body::LoggedIn(logged_in) => Session::start(self.link, self.welcome, logged_in).await,
            _ => Err(RequestError::Misfit),
        }
    }
}
