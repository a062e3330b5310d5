//! The QUIC endpoint: certificates, accepting connections, the handshake, and the three flows of a
//! session (requests, events, voice datagrams). The one room, with `client` and `transport`, that
//! names quinn.

mod connection;
mod exchange;
mod handshake;
mod identity;
mod local;
mod peer;
mod session;

pub use identity::{Identity, IdentityError};
pub use local::{AskError, LocalSocket, SOCKET_FILE, ask_local};
pub use peer::QuicPeer;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::control::Handle;
use crate::protocol::{ALPN, CloseCode, wire};
use crate::transport;
use crate::voice::Rates;

/// Handshakes under way at once before new addresses must prove that they receive what is sent to
/// them (a Retry packet: RFC 9000, section 8.1.2).
const UNPROVEN_HANDSHAKES: usize = 64;

/// Connections above the number of sessions that may be in their handshake.
const HANDSHAKE_ROOM: usize = 64;

/// How long the connections get to take their leave when the server stops.
const FAREWELL: Duration = Duration::from_millis(1_500);

/// Why the server can't listen.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another program has the port.
    #[error(
        "{address} (UDP) is in use, maybe by another Parlour: stop that one, or choose another port with --listen ADDRESS:PORT"
    )]
    InUse {
        /// What was to be listened on.
        address: SocketAddr,
    },
    /// The address is not one of this machine's, or the port is not allowed.
    #[error("can't listen on {address} (UDP): {source}; choose another with --listen ADDRESS:PORT")]
    Socket {
        /// What was to be listened on.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The identity certificate is unusable.
    #[error(
        "the identity certificate can't be used for TLS: {0}; restore it from a backup, or remove it to get a new identity"
    )]
    Tls(#[from] transport::TlsError),
}

/// What one connection may do, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sessions at most; connections in their handshake come on top.
    pub sessions: usize,
    /// Voice packets and bytes a second of one session.
    pub voice: Rates,
    /// Requests a second of one session, sustained.
    pub requests_per_second: u32,
    /// Requests that may come at once.
    pub request_burst: u32,
    /// Time from the first packet to being logged in.
    pub handshake: Duration,
    /// Silence after which a connection is given up.
    pub idle: Duration,
}

/// What every connection's task shares.
#[derive(Debug)]
struct Shared {
    handle: Handle<QuicPeer>,
    limits: Limits,
    welcome: wire::Welcome,
    handshakes: AtomicUsize,
    room: Arc<Semaphore>,
}

/// The server's side of QUIC, bound and not yet accepting.
#[derive(Debug)]
pub struct Endpoint {
    sockets: Vec<quinn::Endpoint>,
}

impl Endpoint {
    /// Binds every address. An IPv6 socket takes IPv6 only, so that `0.0.0.0` and `[::]` stand side by
    /// side; where `optional` says so, an address whose family the machine lacks is left out.
    pub fn bind(
        addresses: &[SocketAddr],
        optional: bool,
        identity: &Identity,
        limits: &Limits,
    ) -> Result<Self, BindError> {
        let config = transport::server_config(identity.chain(), identity.key(), ALPN, limits.idle)?;
        let mut sockets = Vec::new();
        let mut port = 0;
        for address in addresses {
            // With port 0 the first socket's port serves the other addresses, too.
            let mut address = *address;
            if address.port() == 0 {
                address.set_port(port);
            }
            match bind_socket(address) {
                Ok(socket) => {
                    let endpoint =
                        listen(socket, config.clone(), identity).map_err(|e| bind_error(address, e))?;
                    port = endpoint.local_addr().map_or(port, |address| address.port());
                    sockets.push(endpoint);
                }
                Err(error) if optional && lacks_family(&error) => {
                    tracing::warn!(%address, "this machine has no such address family; listening without it");
                }
                Err(error) => return Err(bind_error(address, error)),
            }
        }
        Ok(Self { sockets })
    }

    /// What is listened on, with the ports that the operating system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Accepts connections until `stop` completes, then closes them all and waits until they had
    /// their farewell, 1.5 s at most.
    pub async fn run(
        self,
        handle: Handle<QuicPeer>,
        limits: Limits,
        welcome: wire::Welcome,
        stop: impl Future<Output = ()>,
    ) {
        let room = Arc::new(Semaphore::new(limits.sessions + HANDSHAKE_ROOM));
        let shared = Arc::new(Shared { handle, limits, welcome, handshakes: AtomicUsize::new(0), room });
        let mut accepting = JoinSet::new();
        for socket in &self.sockets {
            accepting.spawn(accept(socket.clone(), Arc::clone(&shared)));
        }
        stop.await;
        accepting.abort_all();
        let reason = CloseCode::ShuttingDown;
        for socket in &self.sockets {
            socket.close(reason.number().into(), reason.sentence().as_bytes());
        }
        let farewell = async {
            for socket in &self.sockets {
                socket.wait_idle().await;
            }
        };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::info!("some clients didn't confirm the end of their connection in time");
        }
    }
}

async fn accept(socket: quinn::Endpoint, shared: Arc<Shared>) {
    while let Some(incoming) = socket.accept().await {
        let Ok(room) = Arc::clone(&shared.room).try_acquire_owned() else {
            tracing::warn!("all places are taken; a connection was refused");
            incoming.refuse();
            continue;
        };
        let crowded = shared.handshakes.load(Ordering::Relaxed) >= UNPROVEN_HANDSHAKES;
        if crowded && !incoming.remote_address_validated() {
            // Fails only for an address that is validated already, which was just ruled out.
            let _ = incoming.retry();
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            connection::serve(incoming, &shared).await;
            drop(room);
        });
    }
}

fn bind_socket(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    // The kernel caps these at its own limit; less room only means earlier loss under load.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    Ok(socket.into())
}

const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

fn listen(
    socket: std::net::UdpSocket,
    config: quinn::ServerConfig,
    identity: &Identity,
) -> io::Result<quinn::Endpoint> {
    let endpoint = transport::endpoint_config(identity.key().secret_der());
    quinn::Endpoint::new(endpoint, Some(config), socket, Arc::new(quinn::TokioRuntime))
}

fn lacks_family(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no stable `ErrorKind`; 97 on Linux, 47 on macOS and the BSDs.
    matches!(error.raw_os_error(), Some(97 | 47)) || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn bind_error(address: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Socket { address, source },
    }
}
