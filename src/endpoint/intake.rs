//! The door through which the HTTPS listener brings WebSockets to the shards.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use thiserror::Error;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::places::{Crowd, Place};
use super::web_socket::{self, SocketEnd, SocketLink};

/// WebSockets that wait for a shard; above that they are refused.
const WAITING: usize = 64;

/// A WebSocket on its way to a shard, with its place among the connections.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) link: SocketLink,
    pub(super) place: Place,
}

/// All places, or those of the address, are taken, or the server stops.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the server has no room for another connection; try again later")]
pub struct NoRoom;

/// The way in. Clones lead to the same shards, which take turns.
#[derive(Clone, Debug)]
pub struct Intake {
    shards: Arc<[Sender<Arrival>]>,
    turn: Arc<AtomicUsize>,
    strangers: Crowd,
}

impl Intake {
    pub(super) fn new(shards: usize, strangers: Crowd) -> (Self, Vec<Receiver<Arrival>>) {
        let (shards, arrivals): (Vec<_>, Vec<_>) = (0..shards).map(|_| mpsc::channel(WAITING)).unzip();
        (Self { shards: shards.into(), turn: Arc::default(), strangers }, arrivals)
    }

    /// A place for whoever opens a WebSocket from an address, until they have said who they are.
    pub fn place(&self, from: IpAddr) -> Result<Place, NoRoom> {
        self.strangers.enter(from).ok_or(NoRoom)
    }

    /// Takes a client in that came over a WebSocket from an address; what the caller gets moves its messages.
    pub fn web_socket(&self, from: IpAddr) -> Result<SocketEnd, NoRoom> {
        let place = self.place(from)?;
        let (link, end) = web_socket::pair(from);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.shards.len().max(1);
        let shard = self.shards.get(turn).ok_or(NoRoom)?;
        shard.try_send(Arrival { link, place }).map_err(|_| NoRoom)?;
        Ok(end)
    }
}
