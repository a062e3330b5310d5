//! Accepting TCP connections: TLS for who speaks it, a redirect for who doesn't, bounds for all.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request};
use axum::http::StatusCode;
use axum::http::header::{HOST, LOCATION};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::error::HttpError;
use super::parts::Asker;
use crate::endpoint::Certificates;
use crate::transport;

/// The first byte of a TLS connection (RFC 8446, section 5.1: a record of the type handshake).
const TLS: u8 = 0x16;

/// Time for the first byte, for the TLS handshake and for the head of a request, each.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections above the sessions that may ask for pages and figures.
const ROOM: usize = 256;

/// How long answers under way get when the server stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// An IPv6 socket takes IPv6 only, as on UDP.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of a server that was just stopped must not keep it from starting again.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1_024)?;
    Ok(socket.into())
}

/// Serves `app` on every listener until `stop` completes.
pub(super) async fn serve(
    listeners: Vec<TcpListener>,
    certificates: &Arc<Certificates>,
    connections: usize,
    app: &Router,
    stop: impl Future<Output = ()>,
) -> Result<(), HttpError> {
    let mut tls = ServerConfig::builder_with_provider(transport::crypto())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(certificates) as _);
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let door = Arc::new(Door {
        tls: TlsAcceptor::from(Arc::new(tls)),
        certificates: Arc::clone(certificates),
        app: app.clone(),
    });
    let room = Arc::new(Semaphore::new(connections + ROOM));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => drop(accepting.spawn(accept(listener, Arc::clone(&room), Arc::clone(&door)))),
            Err(error) => tracing::error!(%error, "a listener for browsers can't be used"),
        }
    }
    stop.await;
    accepting.shutdown().await;
    // Every connection holds a place; when all are back, all have ended.
    let all = u32::try_from(connections + ROOM).unwrap_or(u32::MAX);
    let _ = timeout(FAREWELL, room.acquire_many(all)).await;
    Ok(())
}

struct Door {
    tls: TlsAcceptor,
    certificates: Arc<Certificates>,
    app: Router,
}

async fn accept(listener: tokio::net::TcpListener, room: Arc<Semaphore>, door: Arc<Door>) {
    loop {
        // When all places are taken, newcomers wait in the listener's backlog.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let door = Arc::clone(&door);
                tokio::spawn(async move {
                    if let Err(error) = door.welcome(stream, from).await {
                        tracing::debug!(%from, %error, "a browser's connection ended");
                    }
                    drop(place);
                });
            }
            // Out of files, say: those who are there go on, and room may come.
            Err(error) => {
                tracing::warn!(%error, "a browser's connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

impl Door {
    async fn welcome(
        &self,
        stream: TcpStream,
        from: SocketAddr,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // Voice over the WebSocket must not wait for more to send.
        stream.set_nodelay(true)?;
        let mut first = [0];
        timeout(PATIENCE, stream.peek(&mut first)).await??;
        if first[0] != TLS {
            let redirect = Router::new().fallback(to_https);
            return answer(stream, redirect).await;
        }
        let stream = timeout(PATIENCE, self.tls.accept(stream)).await??;
        let name = stream.get_ref().1.server_name();
        let asker = Asker { from, own_certificate: self.certificates.is_own(name) };
        answer(stream, self.app.clone().layer(Extension(asker))).await
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        .with_upgrades()
        .await
        .map_err(Into::into)
}

/// Plain HTTP gets told where to go.
async fn to_https(request: Request) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match host {
        Some(host) if path.starts_with('/') => {
            (StatusCode::PERMANENT_REDIRECT, [(LOCATION, format!("https://{host}{path}"))]).into_response()
        }
        _ => (StatusCode::BAD_REQUEST, "this port speaks https\n").into_response(),
    }
}
