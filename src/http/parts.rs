//! What every answer is made of, and who asks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;

use crate::control::{Handle, Organizations};
use crate::endpoint::{Bounds, Certificates, Intake, LinkPeer};

/// What the page and the other answers are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The organizations that are served.
    pub organizations: Organizations<LinkPeer>,
    /// The door for WebSockets.
    pub intake: Intake,
    /// Which certificate whom is shown.
    pub certificates: Arc<Certificates>,
    /// What a scraper from elsewhere has to show; empty where none may.
    pub metrics_token: String,
    /// Whether e-mails are sent from here.
    pub sends_emails: bool,
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

/// Who asks, as the listener knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) from: SocketAddr,
    /// Whether the browser was shown the self-hoster's own certificate.
    pub(super) own_certificate: bool,
}
