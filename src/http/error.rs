//! What can go wrong with the whole.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

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
