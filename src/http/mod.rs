//! HTTPS on the TCP ports of the same numbers: the page for browsers, and what `curl` and Prometheus ask for. Voice
//! goes over QUIC; only where UDP doesn't come through does a WebSocket here carry the same.

mod api;
mod assistant;
mod error;
mod headers;
mod health;
mod home;
mod listener;
mod metrics;
mod oauth;
mod oidc;
mod organizations;
mod pace;
mod page;
mod parts;
mod picture;
pub mod proxy;
mod socket;
mod unread;
mod web_socket;

pub use error::HttpError;
pub use parts::Parts;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use axum::middleware;
use axum::routing::get;
use axum::{Extension, Router};
use tokio::sync::watch;

use crate::endpoint::{Bounds, Certificates};
use listener::Room;
use organizations::Listed;

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
        let room = Room { bounds: parts.bounds, files: parts.files };
        let trusted = parts.trusted_proxies.clone();
        let app = router(Arc::new(parts));
        listener::serve(self.listeners, &certificates, room, trusted, &app, stop).await
    }
}

/// Room for those who ask while nobody can come in: nothing that they are told is large.
const WAITING: Room = Room {
    bounds: Bounds {
        sessions: 0,
        address_connects: 32,
        address_strangers: 0,
        address_http: 32,
        address_sessions: 0,
        address_guests: 0,
        account_sessions: 0,
        key_sessions: 0,
    },
    files: 256,
};

/// Files that are enough for all connections that there may be.
pub fn most_files(bounds: &Bounds) -> usize {
    Room::most_files(bounds)
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
    let none = Vec::new();
    let _ = listener::serve(listeners, certificates, WAITING, none, &app, std::future::pending()).await;
}

fn router(parts: Arc<Parts>) -> Router {
    let limits = Arc::<api::Limits>::default();
    home::routes()
        .merge(api::routes(&parts, &limits))
        .merge(assistant::routes(&parts, &limits))
        .merge(oauth::routes(&parts))
        .merge(oidc::routes())
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics).layer(Extension(Arc::<Mutex<Listed>>::default())))
        .route("/picture/{user}/{file}", get(picture::picture))
        .route("/ws", get(socket::upgrade))
        .fallback(page::file)
        .layer(middleware::map_response(headers::strict))
        .layer(middleware::from_fn(headers::transport_security))
        .layer(middleware::from_fn_with_state((Arc::clone(&parts), parts.bounds.pace()), pace::keep))
        .with_state(parts)
}
