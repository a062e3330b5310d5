//! Accepting TCP connections: TLS for who speaks it, a redirect for who doesn't, bounds for all.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::header::{CONNECTION, HOST, HeaderName, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::api::FOLLOWERS;
use super::error::HttpError;
use super::parts::Asker;
use super::{proxy, unread};
use crate::config::Network;
use crate::endpoint::{Bounds, Certificates, Crowd};
use crate::transport;

/// The first byte of a TLS connection (RFC 8446, section 5.1: a record of the type handshake).
const TLS: u8 = 0x16;

/// Time for the first byte, for the TLS handshake, for the head of a request, and for the last answer of a connection, each.
const PATIENCE: Duration = Duration::from_secs(10);

/// For how long a connection may ask; a WebSocket isn't one any more. Whoever asks now and then, or takes an answer byte by
/// byte, would keep a place for ever.
const LIFE: Duration = Duration::from_secs(60);

/// For how long a connection waits for the next request, in the words that many clients know: a little less than [`PATIENCE`].
const KEEP_ALIVE: (HeaderName, HeaderValue) =
    (HeaderName::from_static("keep-alive"), HeaderValue::from_static("timeout=9"));

/// Connections of all addresses that may ask for pages and figures, however few sessions there may be.
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

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Of each address and of all.
    pub(super) bounds: Bounds,
    /// Files that they may take, WebSockets included.
    pub(super) files: usize,
}

impl Room {
    /// Files that are enough for all connections that there may be.
    pub(super) fn most_files(bounds: &Bounds) -> usize {
        bounds.sessions + bounds.strangers() + asking(bounds) + FOLLOWERS
    }
}

/// Connections of all addresses that may ask for pages and figures.
fn asking(bounds: &Bounds) -> usize {
    ROOM.max(bounds.sessions / 2)
}

/// Serves `app` on every listener until `stop` completes.
pub(super) async fn serve(
    listeners: Vec<TcpListener>,
    certificates: &Arc<Certificates>,
    room: Room,
    trusted: Vec<Network>,
    app: &Router,
    stop: impl Future<Output = ()>,
) -> Result<(), HttpError> {
    let mut tls = ServerConfig::builder_with_provider(transport::crypto())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(certificates) as _);
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let most = room.files.min(Room::most_files(&room.bounds)).max(1);
    let door = Arc::new(Door {
        tls: TlsAcceptor::from(Arc::new(tls)),
        certificates: Arc::clone(certificates),
        trusted,
        app: app.clone(),
        crowd: room.bounds.http(asking(&room.bounds).min(most)),
        files: Arc::new(Semaphore::new(most)),
    });
    let mut accepting = JoinSet::new();
    for listener in listeners {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => drop(accepting.spawn(accept(listener, Arc::clone(&door)))),
            Err(error) => tracing::error!(%error, "a listener for browsers can't be used"),
        }
    }
    stop.await;
    accepting.shutdown().await;
    // Every connection holds a file; when all are back, all have ended.
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    let _ = timeout(FAREWELL, door.files.acquire_many(all)).await;
    Ok(())
}

struct Door {
    tls: TlsAcceptor,
    certificates: Arc<Certificates>,
    /// Proxies that say truly for whom they connect.
    trusted: Vec<Network>,
    app: Router,
    crowd: Crowd,
    files: Arc<Semaphore>,
}

async fn accept(listener: tokio::net::TcpListener, door: Arc<Door>) {
    loop {
        // When all files are taken, newcomers wait in the listener's backlog: the database and the local socket keep theirs.
        let Ok(file) = Arc::clone(&door.files).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let is_trusted = door.trusted.iter().any(|network| network.contains(from.ip()));
                // Closed without a word: a word would need a handshake.
                let place = if is_trusted { None } else { door.crowd.enter(from.ip()) };
                if place.is_none() && !is_trusted {
                    continue;
                }
                let door = Arc::clone(&door);
                tokio::spawn(async move {
                    let ended = match place {
                        Some(place) => tokio::select! {
                            ended = door.welcome(stream, from, true, file) => ended,
                            () = place.lost() => Ok(()),
                        },
                        None => door.welcome_proxy(stream, from, file).await,
                    };
                    if let Err(error) = ended {
                        tracing::debug!(%from, %error, "a browser's connection ended");
                    }
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
    /// Takes in what a trusted proxy passes on. Its connections are many people's, so they take no place of an address, unless
    /// it says whose one is.
    async fn welcome_proxy(
        &self,
        mut stream: TcpStream,
        from: SocketAddr,
        file: OwnedSemaphorePermit,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut first = [0];
        timeout(PATIENCE, stream.peek(&mut first)).await??;
        if !proxy::begins(first[0]) {
            return self.welcome(stream, from, true, file).await;
        }
        let Some(whom) = timeout(PATIENCE, proxy::read(&mut stream)).await?? else {
            return self.welcome(stream, from, false, file).await;
        };
        let Some(place) = self.crowd.enter(whom.ip()) else { return Ok(()) };
        tokio::select! {
            ended = self.welcome(stream, whom, false, file) => ended,
            () = place.lost() => Ok(()),
        }
    }

    async fn welcome(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        is_direct: bool,
        file: OwnedSemaphorePermit,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // What goes on for long ends a little before the connection does.
        let until = Instant::now() + LIFE.saturating_sub(Duration::from_secs(5));
        // Voice over the WebSocket must not wait for more to send.
        stream.set_nodelay(true)?;
        let mut first = [0];
        timeout(PATIENCE, stream.peek(&mut first)).await??;
        let stream = Held { stream, _file: file };
        if first[0] != TLS {
            let redirect = Router::new().fallback(to_https);
            return answer(stream, redirect).await;
        }
        let stream = timeout(PATIENCE, self.tls.accept(stream)).await??;
        let name = stream.get_ref().1.server_name();
        let asker = Asker { from, is_direct, own_certificate: self.certificates.is_own(name), until };
        answer(stream, self.app.clone().layer(Extension(asker))).await
    }
}

/// Says in an answer how long its connection waits for the next request, or that there is none: a client that finds out by itself has
/// sent one already, into a connection that ends (RFC 9112, section 9.6).
async fn say_last(State(last): State<Instant>, request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    if !headers.contains_key(CONNECTION) {
        if Instant::now() < last {
            headers.extend([KEEP_ALIVE]);
        } else {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
    answer
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // Whoever asks nothing for so long is let go before the connection's time is over.
    let last = Instant::now() + LIFE.saturating_sub(2 * PATIENCE);
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 * 1024);
    // Outermost, so that it is about what any of the others left.
    let app =
        app.layer(middleware::from_fn(unread::finish)).layer(middleware::from_fn_with_state(last, say_last));
    let connection = connection.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection.with_upgrades());
    if let Ok(ended) = timeout(LIFE, connection.as_mut()).await {
        return Ok(ended?);
    }
    // The answer under way is the last.
    connection.as_mut().graceful_shutdown();
    Ok(timeout(PATIENCE, connection).await??)
}

/// A connection with its share of the files. As a WebSocket it keeps that.
struct Held {
    stream: TcpStream,
    _file: OwnedSemaphorePermit,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
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
