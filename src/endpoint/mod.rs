//! The QUIC endpoint: certificates, accepting connections (native and of browsers), the handshake, and the three
//! flows of a session (requests, events, voice datagrams). The one room, with `client` and `transport`, that names
//! quinn.

mod bind;
mod certificates;
mod connection;
mod cover;
mod exchange;
mod files;
mod handshake;
mod identity;
mod intake;
mod limits;
mod link;
mod local;
mod own;
mod pace;
mod patience;
mod peer;
mod places;
mod relay;
mod session;
mod shard;
mod shared;
mod socket;
mod validity;
mod web_socket;

pub use certificates::{CertificateError, Certificates};
pub use files::raise_files;
pub use identity::{Identity, IdentityError};
pub use intake::{Intake, NoRoom};
pub use limits::Limits;
pub use local::{AskError, LocalSocket, SOCKET_FILE, ask_local};
pub use own::{OwnError, OwnStatus, RENEWAL, own_certificate};
pub use pace::Pace;
pub use peer::LinkPeer;
pub use places::{Bounds, Crowd, Place};
pub use validity::Validity;
pub use web_socket::{Outgoing, SocketEnd, SocketMessage};

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use thiserror::Error;

use crate::control::Organizations;
use crate::protocol::{ALPN, ALPN_WEB, wire};
use crate::transport;
use cover::Covers;
use places::Places;
use relay::{Relay, Way};
use shard::Shard;
use shared::Shared;

/// Shards at most: a connection id's first byte names one, and more cores than this carry no more voice.
const MOST_SHARDS: usize = 64;

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

/// The server's side of QUIC, bound and not yet accepting.
#[derive(Debug)]
pub struct Endpoint {
    shards: Vec<Shard>,
    intake: Intake,
    places: Places,
}

impl Endpoint {
    /// Binds every address. An IPv6 socket takes IPv6 only, so that `0.0.0.0` and `[::]` stand side by
    /// side; where `optional` says so, an address whose family the machine lacks is left out.
    pub fn bind(
        addresses: &[SocketAddr],
        optional: bool,
        certificates: &Arc<Certificates>,
        limits: &Limits,
    ) -> Result<Self, BindError> {
        let resolver = Arc::clone(certificates) as _;
        let config = transport::server_config(resolver, &[ALPN, ALPN_WEB], limits.idle)?;
        let mut by_shard: Vec<Vec<UdpSocket>> =
            (0..limits.shards.clamp(1, MOST_SHARDS)).map(|_| Vec::new()).collect();
        let mut port = 0;
        for address in addresses {
            // With port 0 the first socket's port serves the other addresses, too.
            let mut address = *address;
            if address.port() == 0 {
                address.set_port(port);
            }
            match bind::bind(address, by_shard.len()) {
                Ok(sockets) => {
                    let bound = sockets.first().and_then(|socket| socket.local_addr().ok());
                    port = bound.map_or(port, |address| address.port());
                    for (shard, socket) in by_shard.iter_mut().zip(sockets) {
                        shard.push(socket);
                    }
                }
                Err(error) if optional && lacks_family(&error) => {
                    tracing::warn!(%address, "this machine has no such address family; listening without it");
                }
                Err(error) => return Err(bind_error(address, error)),
            }
        }
        let places = Places::new(&limits.places);
        let (intake, arrivals) = Intake::new(by_shard.len(), places.strangers.clone());
        let mut shards = Vec::new();
        for (number, (sockets, arrivals)) in (0..).zip(by_shard.into_iter().zip(arrivals)) {
            let first = sockets.first().and_then(|socket| socket.local_addr().ok());
            let endpoint = transport::endpoint_config(certificates.secret(), number);
            let started = Shard::start(usize::from(number), sockets, arrivals, (endpoint, config.clone()));
            let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            shards.push(started.map_err(|error| bind_error(first.unwrap_or(any), error))?);
        }
        Ok(Self { shards, intake, places })
    }

    /// What is listened on, with the ports that the operating system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        // The first shard has a socket on every address.
        self.shards.first().map_or_else(Vec::new, |shard| shard.addresses().to_vec())
    }

    /// The door for WebSockets.
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Accepts connections until `stop` completes, then closes them all and waits until they had their farewell, half a
    /// second at most, and its threads hold nothing any more, 1.5 s at most.
    pub async fn run(
        self,
        organizations: Organizations<LinkPeer>,
        limits: Limits,
        welcome: wire::Welcome,
        stop: impl Future<Output = ()>,
    ) {
        let (ways, inboxes): (Vec<_>, Vec<_>) = self.shards.iter().map(|_| Way::new()).unzip();
        let began = tokio::time::Instant::now();
        let serving: Vec<_> = (0..)
            .zip(self.shards.into_iter().zip(inboxes))
            .map(|(number, (shard, inbox))| {
                let relay = Relay::new(usize::from(number), ways.clone(), limits.gather, began);
                let shared = Shared {
                    shard: number,
                    organizations: organizations.clone(),
                    limits,
                    welcome: welcome.clone(),
                    relay,
                    covers: Covers::default(),
                    places: self.places.clone(),
                };
                shard.begin(Arc::new(shared), inbox)
            })
            .collect();
        stop.await;
        // All are told before the first is waited for.
        let stopping: Vec<_> = serving.into_iter().map(shard::Serving::stop).collect();
        for stopped in stopping {
            stopped.await;
        }
    }
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
