//! HTTPS on the TCP ports of the same numbers: the page for browsers, and what `curl` and Prometheus ask for. Voice
//! goes over QUIC; only where UDP doesn't come through does a WebSocket here carry the same.

mod error;
mod headers;
mod health;
mod home;
mod listener;
mod metrics;
mod organizations;
mod page;
mod parts;
mod socket;

pub use error::HttpError;
pub use parts::Parts;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use axum::middleware;
use axum::routing::get;
use axum::{Extension, Router};
use tokio::sync::watch;

use crate::endpoint::Certificates;
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
    home::routes()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics).layer(Extension(Arc::<Mutex<Listed>>::default())))
        .route("/ws", get(socket::upgrade))
        .fallback(page::file)
        .layer(middleware::map_response(headers::strict))
        .layer(middleware::from_fn(headers::transport_security))
        .with_state(parts)
}
