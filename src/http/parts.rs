//! What every answer is made of, and who asks.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use axum::http::HeaderMap;
use tokio::time::Instant;

use super::proxy;
use crate::config::Network;
use crate::control::{Handle, Organizations};
use crate::endpoint::{Bounds, Certificates, Intake, LinkPeer};
use crate::provider::Provider;

/// What the page and the other answers are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The organizations that are served.
    pub organizations: Organizations<LinkPeer>,
    /// The door for WebSockets.
    pub intake: Intake,
    /// Which certificate whom is shown.
    pub certificates: Arc<Certificates>,
    /// What a scraper of the metrics has to show; empty where it has to be on this machine.
    pub metrics_token: String,
    /// Proxies that say truly for whom they ask.
    pub trusted_proxies: Vec<Network>,
    /// Where others reach the page, as the machine's owner says it.
    pub public_page: Option<String>,
    /// Other servers by which people log in.
    pub providers: Vec<Arc<Provider>>,
    /// Whether e-mails are sent from here.
    pub sends_emails: bool,
    /// Origins whose pages may ask for what programs ask for.
    pub api_origins: Vec<String>,
    /// Whether assistants may ask.
    pub assistant: bool,
    /// Requests of a program: a second, and at once.
    pub requests: (u32, u32),
    /// How many connections there may be.
    pub bounds: Bounds,
    /// Files that they may take.
    pub files: usize,
    /// Silence after which a WebSocket is given up.
    pub idle: Duration,
}

impl FromRef<Arc<Parts>> for Handle<LinkPeer> {
    fn from_ref(parts: &Arc<Parts>) -> Self {
        parts.organizations.first().clone()
    }
}

impl Parts {
    /// The address of whoever asks, behind trusted proxies.
    pub(super) fn visitor(&self, asker: &Asker, headers: &HeaderMap) -> IpAddr {
        proxy::visitor(asker.from.ip(), headers, &self.trusted_proxies)
    }
}

/// Who asks, as the listener knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// From where the connection comes, or whom a trusted proxy says that it stands for.
    pub(super) from: SocketAddr,
    /// Whether no proxy told that.
    pub(super) is_direct: bool,
    /// Whether the browser was shown the self-hoster's own certificate.
    pub(super) own_certificate: bool,
    /// Until when an answer on this connection may go on.
    pub(super) until: Instant,
}
