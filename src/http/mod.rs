//! HTTPS on the TCP ports of the same numbers: the page for browsers, and what `curl` and Prometheus ask for. Voice
//! goes over QUIC; only where UDP doesn't come through does a WebSocket here carry the same.

mod headers;
mod health;
mod listener;
mod metrics;
mod page;
mod socket;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware;
use axum::routing::get;
use thiserror::Error;
use tokio::sync::watch;

use crate::control::Handle;
use crate::endpoint::{Certificates, Intake, LinkPeer};

/// Why HTTPS can't be served.
#[derive(Debug, Error)]
pub enum HttpError {
    /// Another program has the port.
    #[error(
        "{address} (TCP) is in use: stop what uses it, choose another port with --listen ADDRESS:PORT, or do without browsers with web.enabled = false"
    )]
    InUse {
        /// What was to be listened on.
        address: SocketAddr,
    },
    /// The address is not one of this machine's, or the port is not allowed.
    #[error("can't listen on {address} (TCP): {source}; choose another with --listen ADDRESS:PORT")]
    Socket {
        /// What was to be listened on.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// TLS can't be set up.
    #[error("can't set HTTPS up: {0}")]
    Tls(#[from] rustls::Error),
}

/// What the page and the other answers are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The way to the control thread.
    pub handle: Handle<LinkPeer>,
    /// The door for WebSockets.
    pub intake: Intake,
    /// Which certificate whom is shown.
    pub certificates: Arc<Certificates>,
    /// Name of the server for people.
    pub name: String,
    /// Whether guests are let in.
    pub guests: bool,
    /// Who may make an account: `invite`, `open` or `closed`.
    pub registration: String,
    /// What a scraper from elsewhere has to show; empty where none may.
    pub metrics_token: String,
    /// Connections at most.
    pub connections: usize,
    /// Silence after which a WebSocket is given up.
    pub idle: Duration,
}

impl FromRef<Arc<Parts>> for Handle<LinkPeer> {
    fn from_ref(parts: &Arc<Parts>) -> Self {
        parts.handle.clone()
    }
}

/// Who asks, as the listener knows it.
#[derive(Clone, Copy, Debug)]
struct Asker {
    from: SocketAddr,
    /// Whether the browser was shown the self-hoster's own certificate.
    own_certificate: bool,
}

/// Bound, and not yet accepting.
#[derive(Debug)]
pub struct Http {
    listeners: Vec<TcpListener>,
}

impl Http {
    /// Binds every address.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self, HttpError> {
        let bind = |address: &SocketAddr| {
            listener::bind(*address).map_err(|source| match source.kind() {
                io::ErrorKind::AddrInUse => HttpError::InUse { address: *address },
                _ => HttpError::Socket { address: *address, source },
            })
        };
        Ok(Self { listeners: addresses.iter().map(bind).collect::<Result<_, _>>()? })
    }

    /// Serves until `stop` completes. Pages that are being sent are finished, for a second at most.
    pub async fn run(self, parts: Parts, stop: impl Future<Output = ()>) -> Result<(), HttpError> {
        let certificates = Arc::clone(&parts.certificates);
        let connections = parts.connections;
        let app = router(Arc::new(parts));
        listener::serve(self.listeners, &certificates, connections, &app, stop).await
    }
}

/// Tells whoever asks, on those of the addresses that can be listened on, that the server isn't ready, and what it does:
/// the words of `told`. Goes on until it is dropped.
pub async fn wait(listen: &[SocketAddr], certificates: &Arc<Certificates>, told: watch::Receiver<String>) {
    let listeners = listen.iter().filter_map(|address| listener::bind(*address).ok()).collect();
    let app = Router::new()
        .route("/healthz", get(health::alive))
        .fallback(health::not_yet)
        .layer(middleware::map_response(headers::strict))
        .with_state(told);
    // Whoever waits for a page asks again; few ask at once.
    let _ = listener::serve(listeners, certificates, 0, &app, std::future::pending()).await;
}

fn router(parts: Arc<Parts>) -> Router {
    Router::new()
        .route("/", get(page::index))
        // An invite's link; what it says is for the page.
        .route("/i/{code}", get(page::index))
        // Those of letters: an address is proven, another password chosen.
        .route("/v/{code}", get(page::index))
        .route("/r/{code}", get(page::index))
        .route("/parlour.json", get(page::greeting))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/ws", get(socket::upgrade))
        .fallback(page::file)
        .layer(middleware::map_response(headers::strict))
        .layer(middleware::from_fn(headers::transport_security))
        .with_state(parts)
}
