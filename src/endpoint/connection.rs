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
use super::patience::Patience;
use super::places::Place;
use super::shared::Shared;
use super::web_socket::SocketLink;
use crate::protocol::{ALPN_WEB, CloseCode};

/// Serves a QUIC connection until it ends.
pub(super) async fn serve(incoming: Incoming, place: Place, shared: &Arc<Shared>) {
    let from = incoming.remote_address().ip();
    let deadline = Instant::now() + shared.limits.handshake;
    // What is only needed to come in lies outside the task: that stays as long as the session does, and memory that
    // it doesn't need is a listener's share of the processor's caches.
    let connecting = Box::pin(tokio::time::timeout_at(deadline, connect(incoming)));
    let link = tokio::select! {
        link = connecting => link.ok().flatten(),
        () = place.lost() => None,
    };
    if let Some(link) = link {
        talk(link, from, (place, deadline), shared).await;
    } else {
        tracing::debug!("a connection was lost in its handshake");
    }
}

/// Serves a WebSocket until it ends.
pub(super) async fn serve_socket(link: SocketLink, place: Place, shared: &Arc<Shared>) {
    let (from, deadline) = (link.from(), Instant::now() + shared.limits.handshake);
    talk(Link::Socket(Arc::new(link)), from, (place, deadline), shared).await;
}

async fn connect(incoming: Incoming) -> Option<Link> {
    let mut connecting = incoming.accept().ok()?;
    let data = connecting.handshake_data().await.ok()?.downcast::<HandshakeData>().ok()?;
    if data.protocol.as_deref() == Some(ALPN_WEB) {
        return accept_page(connecting.await.ok()?, data.server_name.as_deref()).await;
    }
    // A greeting that comes with the first packet is answered with the first answer; `exchange::read` takes
    // nothing else so early.
    match connecting.into_0rtt() {
        Ok((connection, _)) => Some(Link::native(connection)),
        Err(connecting) => connecting.await.ok().map(Link::native),
    }
}

/// Accepts a browser's WebTransport session, if it means this server, and the page is this server's own: another's has
/// no business with whoever looks at it. `name` is the one that TLS was asked for.
async fn accept_page(connection: quinn::Connection, name: Option<&str>) -> Option<Link> {
    let request = web::Request::accept(connection).await.ok()?;
    let origin = request.headers.get("origin");
    // What isn't a browser says no origin, and needs none: it can't be made to act for somebody.
    let own = origin.is_none_or(|origin| {
        url::Url::parse(&String::from_utf8_lossy(origin.as_bytes()))
            .is_ok_and(|origin| origin.origin() == request.url.origin())
    });
    let refusal = if !is_addressed(&request.url, name) {
        http::StatusCode::MISDIRECTED_REQUEST
    } else if own {
        return request.ok().await.ok().map(|session| Link::Web(Arc::new(WebLink::new(session))));
    } else {
        http::StatusCode::FORBIDDEN
    };
    tracing::debug!(%refusal, "a page's WebTransport session was refused");
    // Whether it hears of it or not, it doesn't come in.
    let _ = request.reject(refusal).await;
    None
}

/// Whether a request is addressed (`:authority`) to whom TLS connected it: the name that TLS was asked for, or an address, of
/// which it is asked for none (RFC 6066, section 3). So no page leads browsers here under the name of another place (RFC 9110,
/// section 7.4). It names no user (RFC 9114, section 4.3.1).
fn is_addressed(url: &url::Url, name: Option<&str>) -> bool {
    let plain = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let same = match url.host() {
        Some(url::Host::Domain(host)) => name.is_some_and(|name| plain(host) == plain(name)),
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
        None => false,
    };
    same && url.username().is_empty() && url.password().is_none()
}

/// Connections since the start of the process: each has its number in the log.
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// What is logged about a connection is logged in this. The voice of a connection isn't, since that would cost every packet
/// something.
fn span(link: &Link) -> Span {
    let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed) + 1;
    tracing::info_span!("connection", number, transport = link.name())
}

async fn talk(link: Link, from: IpAddr, (place, deadline): (Place, Instant), shared: &Arc<Shared>) {
    let span = span(&link);
    span.in_scope(|| tracing::debug!(%from, "a connection begins"));
    let patience = Arc::new(Patience::new(deadline));
    let hello = ExpectHello::new(link.clone(), from, Arc::clone(&patience), Arc::clone(shared));
    let steps = async {
        tokio::select! {
            biased;
            session = async { hello.hello().await?.log_in().await }.instrument(span.clone()) => session,
            () = discard_voice(&link) => Err(None),
            () = link.cover(&shared.covers) => Err(None),
            () = link.uninvited() => Err(Some(CloseCode::ProtocolViolation)),
            () = place.lost() => Err(Some(CloseCode::Full)),
            () = patience.ends() => Err(Some(CloseCode::HandshakeTimeout)),
        }
    };
    let result = Box::pin(steps).await;
    drop((place, patience));
    match result {
        Ok((session, reply, logged_in)) => session.run(reply, logged_in).await,
        Err(Some(code)) => {
            span.in_scope(|| tracing::debug!(reason = code.name(), "a connection ended in its handshake"));
            link.close(code);
        }
        Err(None) => span.in_scope(|| tracing::debug!("a connection was lost in its handshake")),
    }
}

/// Throws voice away for as long as nobody is logged in, so that none of it is kept. Ends with the connection.
async fn discard_voice(link: &Link) {
    while link.read_datagram().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_s_session_is_addressed_to_whom_tls_connected_it() {
        let is = |url: &str, name| is_addressed(&url::Url::parse(url).unwrap(), name);
        assert!(is("https://voice.example:4848/", Some("voice.example")));
        assert!(is("https://Voice.Example./", Some("voice.example")));
        assert!(is("https://192.0.2.7:4848/", None) && is("https://[2001:db8::1]:4848/", None));
        assert!(!is("https://evil.example:4848/", Some("voice.example")));
        assert!(!is("https://voice.example/", None), "a name that TLS wasn't asked for");
        assert!(!is("https://somebody@voice.example/", Some("voice.example")));
    }
}
