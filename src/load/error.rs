//! Why a run breaks off.

use thiserror::Error;

use super::target::TargetError;
use crate::client::{ConnectError, RequestError};

/// Why a run broke off.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The server to be measured can't be started or looked at.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A client can't connect.
    #[error("client {client} can't connect: {source}")]
    Connect {
        /// Which, from 0.
        client: usize,
        /// Why.
        source: Box<ConnectError>,
    },
    /// A request of a client is refused.
    #[error("client {client} is refused: {source}; does the server let guests in, and has it room?")]
    Request {
        /// Which, from 0.
        client: usize,
        /// Why.
        source: Box<RequestError>,
    },
    /// The server has fewer channels than the workload needs.
    #[error("the server has {found} channels that a guest may join, and the workload needs {needed}")]
    Channels {
        /// What it has.
        found: usize,
        /// What it needs.
        needed: usize,
    },
}
