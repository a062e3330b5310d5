//! The life of one connection: handshake, then session, then farewell.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quinn::Incoming;
use quinn::crypto::rustls::HandshakeData;
use tokio::time::Instant;
use tracing::{Instrument, Span};
use web_transport_quinn as web;

use super::handshake::ExpectHello;
use super::link::{Link, WebLink};
use super::shared::Shared;
use super::web_socket::SocketLink;
use crate::protocol::{ALPN_WEB, CloseCode};

/// Serves a QUIC connection until it ends.
pub(super) async fn serve(incoming: Incoming, shared: &Arc<Shared>) {
    let from = incoming.remote_address().ip();
    let deadline = Instant::now() + shared.limits.handshake;
    // What is only needed to come in lies outside the task: that stays as long as the session does, and memory that
    // it doesn't need is a listener's share of the processor's caches.
    let link = tokio::time::timeout_at(deadline, Box::pin(connect(incoming))).await;
    if let Ok(Some(link)) = link {
        talk(link, from, deadline, shared).await;
    } else {
        tracing::debug!("a connection was lost in its handshake");
    }
}

/// Serves a WebSocket until it ends.
pub(super) async fn serve_socket(link: SocketLink, shared: &Arc<Shared>) {
    let (from, deadline) = (link.from(), Instant::now() + shared.limits.handshake);
    talk(Link::Socket(Arc::new(link)), from, deadline, shared).await;
}

async fn connect(incoming: Incoming) -> Option<Link> {
    let mut connecting = incoming.accept().ok()?;
    let data = connecting.handshake_data().await.ok()?.downcast::<HandshakeData>().ok()?;
    if data.protocol.as_deref() == Some(ALPN_WEB) {
        return accept_page(connecting.await.ok()?).await;
    }
    // A greeting that comes with the first packet is answered with the first answer; `exchange::read` takes
    // nothing else so early.
    match connecting.into_0rtt() {
        Ok((connection, _)) => Some(Link::Native(connection)),
        Err(connecting) => connecting.await.ok().map(Link::Native),
    }
}

/// Accepts a browser's WebTransport session, if the page is this server's own: another's has no business
/// with whoever looks at it.
async fn accept_page(connection: quinn::Connection) -> Option<Link> {
    let request = web::Request::accept(connection).await.ok()?;
    let origin = request.headers.get("origin");
    // What isn't a browser says no origin, and needs none: it can't be made to act for somebody.
    let own = origin.is_none_or(|origin| {
        url::Url::parse(&String::from_utf8_lossy(origin.as_bytes()))
            .is_ok_and(|origin| origin.origin() == request.url.origin())
    });
    if own {
        request.ok().await.ok().map(|session| Link::Web(Arc::new(WebLink::new(session))))
    } else {
        tracing::info!("a page of another origin was refused");
        // Whether it hears of it or not, it doesn't come in.
        let _ = request.reject(http::StatusCode::FORBIDDEN).await;
        None
    }
}

/// Connections since the start of the process: each has its number in the log.
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// What is logged about a connection is logged in this. The voice of a connection isn't, since that would cost every packet
/// something.
fn span(link: &Link) -> Span {
    let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed) + 1;
    tracing::info_span!("connection", number, transport = link.name())
}

async fn talk(link: Link, from: IpAddr, deadline: Instant, shared: &Arc<Shared>) {
    let span = span(&link);
    span.in_scope(|| tracing::debug!(%from, "a connection begins"));
    let hello = ExpectHello::new(link.clone(), from, Arc::clone(shared));
    let steps = async { hello.hello().await?.log_in().await }.instrument(span.clone());
    let result = tokio::time::timeout_at(deadline, Box::pin(steps)).await;
    match result.unwrap_or(Err(Some(CloseCode::HandshakeTimeout))) {
        Ok(session) => session.run().await,
        Err(Some(code)) => {
            span.in_scope(|| tracing::debug!(reason = code.name(), "a connection ended in its handshake"));
            link.close(code);
        }
        Err(None) => span.in_scope(|| tracing::debug!("a connection was lost in its handshake")),
    }
}
