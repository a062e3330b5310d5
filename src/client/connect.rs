//! From an address to a session.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::session::{Link, Session, exchange};
use super::socket::{Arrival, Timed};
use super::{Address, ConnectError, DeviceSecret, Ended, RequestError, known};
use crate::auth::{EXPORTED, EXPORTER};
use crate::id::Fingerprint;
use crate::protocol::wire::{self, request, response};
use crate::protocol::{FEATURES, PRESENCE, VERSIONS};
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
pub struct Credentials(Proof);

#[derive(Clone, Debug)]
enum Proof {
    /// The same on every connection.
    Request(request::Body),
    /// Signed anew on each.
    Key { user: u64, key: DeviceSecret },
}

impl Credentials {
    /// By name and password; `device` is what the user calls this device.
    pub fn password(name: &str, password: &str, device: &str) -> Self {
        Self::password_and_code(name, password, "", device)
    }

    /// The same with a one-time code or a recovery code, where the account has a second factor.
    pub fn password_and_code(name: &str, password: &str, code: &str, device: &str) -> Self {
        Self(Proof::Request(request::Body::LogInPassword(wire::LogInPassword {
            name: name.to_owned(),
            password: password.to_owned(),
            device: device.to_owned(),
            code: code.to_owned(),
        })))
    }

    /// By a key of this device that was registered before (`Session::register_key`); `user` is the account's number.
    pub fn key(user: u64, key: &DeviceSecret) -> Self {
        Self(Proof::Key { user, key: key.clone() })
    }

    /// By the token of an earlier log-in.
    pub fn token(token: &[u8]) -> Self {
        let token = Bytes::copy_from_slice(token);
        Self(Proof::Request(request::Body::LogInToken(wire::LogInToken { token })))
    }

    /// By the code of a log-in that somebody allowed on the page ([`Connected::begin_web_log_in`]).
    pub fn web(code: &str) -> Self {
        Self(Proof::Request(request::Body::LogInWeb(wire::LogInWeb { code: code.to_owned() })))
    }

    /// As a program, by an API key of its owner.
    pub fn api_key(key: &str) -> Self {
        Self(Proof::Request(request::Body::LogInApiKey(wire::LogInApiKey { key: key.to_owned() })))
    }

    /// As somebody new, who gets this name and password; `invite` may be empty where everybody may register.
    pub fn register(invite: &str, name: &str, password: &str, device: &str) -> Self {
        Self(Proof::Request(request::Body::Register(wire::Register {
            invite: invite.to_owned(),
            name: name.to_owned(),
            password: password.to_owned(),
            device: device.to_owned(),
        })))
    }

    /// As a guest, where the server lets them in.
    pub fn guest(name: &str, device: &str) -> Self {
        let (name, device) = (name.to_owned(), device.to_owned());
        Self(Proof::Request(request::Body::LogInGuest(wire::LogInGuest { name, device })))
    }

    /// As the first administrator, who gets this name and password.
    pub fn claim(code: &str, name: &str, password: &str, device: &str) -> Self {
        Self(Proof::Request(request::Body::RedeemClaim(wire::RedeemClaim {
            code: code.to_owned(),
            name: name.to_owned(),
            password: password.to_owned(),
            device: device.to_owned(),
        })))
    }

    /// What is asked for on this connection.
    fn on(self, connection: &quinn::Connection) -> Result<request::Body, RequestError> {
        match self.0 {
            Proof::Request(body) => Ok(body),
            Proof::Key { user, key } => {
                let mut exported = [0; EXPORTED];
                let made = connection.export_keying_material(&mut exported, EXPORTER, b"");
                made.map_err(|_| RequestError::Misfit)?;
                Ok(request::Body::LogInKey(key.log_in(user, &exported)))
            }
        }
    }
}

/// A server that was greeted and speaks our version; nobody is logged in.
#[derive(Debug)]
pub struct Connected {
    pub(super) link: Link,
    welcome: wire::Welcome,
    fingerprint: Fingerprint,
}

/// Connects and greets. Each of the host's addresses gets 4 s. `client` names the program and its version.
pub async fn connect(address: &Address, trust: Trust, client: &str) -> Result<Connected, ConnectError> {
    connect_as(address, trust, Greeting::of(client, &address.organization)).await
}

/// The same, to be told of people by interest: of those in the channels that the session is in, listens to or watches
/// ([`Session::watch_channels`]), and of the others how many there are ([`super::View::count_of`]).
pub async fn connect_by_interest(
    address: &Address,
    trust: Trust,
    client: &str,
) -> Result<Connected, ConnectError> {
    let greeting = Greeting { by_interest: true, ..Greeting::of(client, &address.organization) };
    connect_as(address, trust, greeting).await
}

async fn connect_as(
    address: &Address,
    trust: Trust,
    greeting: Greeting<'_>,
) -> Result<Connected, ConnectError> {
    let server = address.server();
    let resolved = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let resolved = resolved.map_err(|source| ConnectError::Resolve { host: address.host.clone(), source })?;
    let mut failure = ConnectError::NoAnswer { server: server.clone() };
    for place in resolved {
        match reach(Socket::bind(place)?, place, &server, trust, PATIENCE, greeting).await {
            Ok(connected) => return Ok(connected),
            Err(error @ (ConnectError::CertificateChanged { .. } | ConnectError::Greeting(_))) => {
                return Err(error);
            }
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
    toward: Option<u8>,
    by_interest: bool,
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
        Ok(Self { endpoint, arrival, toward: None, by_interest: false })
    }

    /// Connects to the shard of this number, counted round; by itself a client comes to any. What two people
    /// of one shard say to each other costs the server least.
    #[must_use]
    pub fn toward(self, shard: u8) -> Self {
        Self { toward: Some(shard), ..self }
    }

    /// Is told of people by interest, as by [`connect_by_interest`].
    #[must_use]
    pub fn by_interest(self) -> Self {
        Self { by_interest: true, ..self }
    }

    /// Connects to a place and greets its first organization, as [`connect`] does, waiting so long for an answer.
    pub async fn connect(
        self,
        place: SocketAddr,
        trust: Trust,
        client: &str,
        patience: Duration,
    ) -> Result<Connected, ConnectError> {
        let greeting = Greeting { by_interest: self.by_interest, ..Greeting::of(client, "") };
        reach(self, place, &place.to_string(), trust, patience, greeting).await
    }
}

/// What the greeting says: who is there, and which organization is meant.
#[derive(Clone, Copy, Debug)]
struct Greeting<'a> {
    client: &'a str,
    organization: &'a str,
    by_interest: bool,
}

impl<'a> Greeting<'a> {
    fn of(client: &'a str, organization: &'a str) -> Self {
        Self { client, organization, by_interest: false }
    }
}

/// Connects and greets. To a server that is known the greeting goes with the first packet: it changes
/// nothing, so it does no harm when somebody repeats that packet.
async fn reach(
    Socket { endpoint, arrival, toward, .. }: Socket,
    place: SocketAddr,
    server: &str,
    trust: Trust,
    patience: Duration,
    greeting: Greeting<'_>,
) -> Result<Connected, ConnectError> {
    let expected = match trust {
        Trust::Pinned(fingerprint) => Some(fingerprint),
        Trust::FirstUse => None,
    };
    let (mut config, seen) = known::config(expected)?;
    if let Some(shard) = toward {
        transport::toward(&mut config, shard);
    }
    let lost =
        |reason: String| ConnectError::Failed { server: server.to_owned(), reason: Ended::Lost(reason) };
    let connecting =
        endpoint.connect_with(config, place, "parlour.local").map_err(|error| lost(error.to_string()))?;
    let reached = async {
        match connecting.into_0rtt() {
            Ok((connection, accepted)) => {
                let (welcome, accepted) = tokio::join!(greet(&connection, greeting), accepted);
                match connection.close_reason() {
                    Some(reason) => Err(reason),
                    None => Ok((connection, accepted.then_some(welcome))),
                }
            }
            Err(connecting) => connecting.await.map(|connection| (connection, None)),
        }
    };
    let (connection, welcome) = match tokio::time::timeout(patience, reached).await {
        Ok(Ok(reached)) => reached,
        Ok(Err(error)) => return Err(failed(error, server, expected, &seen)),
        Err(_) => return Err(ConnectError::NoAnswer { server: server.to_owned() }),
    };
    let welcome = match welcome {
        Some(welcome) => welcome,
        None => greet(&connection, greeting).await,
    }?;
    let fingerprint = seen.fingerprint().or(expected);
    let fingerprint = fingerprint.ok_or_else(|| lost("no certificate was presented".to_owned()))?;
    Ok(Connected { link: Link { endpoint, connection, arrival }, welcome, fingerprint })
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

async fn greet(
    connection: &quinn::Connection,
    greeting: Greeting<'_>,
) -> Result<wire::Welcome, RequestError> {
    let features = FEATURES.iter().filter(|feature| greeting.by_interest || **feature != PRESENCE);
    let hello = wire::Hello {
        version_min: *VERSIONS.start(),
        version_max: *VERSIONS.end(),
        features: features.map(|feature| (*feature).to_owned()).collect(),
        client: greeting.client.to_owned(),
        organization: greeting.organization.to_owned(),
    };
    match exchange(connection, request::Body::Hello(hello)).await? {
        response::Body::Welcome(welcome) => Ok(welcome),
        _ => Err(RequestError::Misfit),
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

    /// What an invite leads to. Counts as a try of this connection.
    pub async fn look_at_invite(&self, code: &str) -> Result<wire::Invite, RequestError> {
        let code = code.to_owned();
        let look = request::Body::LookAtInvite(wire::LookAtInvite { code });
        match exchange(&self.link.connection, look).await? {
            response::Body::Invite(invite) => Ok(invite),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Asks for something by an API key of an account, without coming in: nobody sees anybody connect. What is about a
    /// connected session's voice or presence is refused. A connection takes five requests before a log-in.
    pub async fn ask_by_key(&self, key: &str, body: request::Body) -> Result<response::Body, RequestError> {
        let ask = wire::AskByKey { key: key.to_owned(), request: Some(Box::new(body.into())) };
        match exchange(&self.link.connection, request::Body::AskByKey(Box::new(ask))).await? {
            response::Body::Answered(answered) => {
                let response = answered.response.and_then(|response| response.body);
                response.ok_or(RequestError::Misfit)
            }
            _ => Err(RequestError::Misfit),
        }
    }

    /// Asks for a code by which somebody logs this device in on the page.
    pub async fn begin_web_log_in(&self, device: &str) -> Result<wire::WebLogIn, RequestError> {
        let begin = request::Body::BeginWebLogIn(wire::BeginWebLogIn { device: device.to_owned() });
        match exchange(&self.link.connection, begin).await? {
            response::Body::WebLogIn(begun) => Ok(begun),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Asks for an e-mail to whoever forgot the password; answered alike whether there is somebody with this address.
    pub async fn request_reset(&self, email: &str) -> Result<(), RequestError> {
        let email = email.to_owned();
        self.done(request::Body::RequestReset(wire::RequestReset { email })).await
    }

    /// Chooses another password by the code of such an e-mail. Every session of the account ends. Answers with what ended.
    pub async fn reset_password(
        &self,
        code: &str,
        password: &str,
        keep_keys: bool,
    ) -> Result<wire::PasswordChanged, RequestError> {
        let (code, password) = (code.to_owned(), password.to_owned());
        let reset = request::Body::ResetPassword(wire::ResetPassword { code, password, keep_keys });
        match exchange(&self.link.connection, reset).await? {
            response::Body::PasswordChanged(ended) => Ok(ended),
            _ => Err(RequestError::Misfit),
        }
    }

    async fn done(&self, body: request::Body) -> Result<(), RequestError> {
        match exchange(&self.link.connection, body).await? {
            response::Body::Done(_) => Ok(()),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Logs in. When the server refuses, another try needs another connection.
    pub async fn log_in(self, credentials: Credentials) -> Result<Session, RequestError> {
        let body = credentials.on(&self.link.connection)?;
        match exchange(&self.link.connection, body).await? {
            response::Body::LoggedIn(logged_in) => Session::start(self.link, self.welcome, logged_in).await,
            _ => Err(RequestError::Misfit),
        }
    }
}
