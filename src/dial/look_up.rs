//! Where a name leads.

use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::bounds::MAX_LOOK_UPS;

/// The addresses to which a name leads.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who knows where names lead.
pub trait LookUp: Send + Sync {
    /// Looks a name up.
    fn look_up(&self, name: &str) -> Found;
}

/// What this machine knows: its file of hosts, and its name servers.
#[derive(Debug)]
pub(super) struct Machine {
    room: Arc<Semaphore>,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(MAX_LOOK_UPS)) }
    }
}

impl LookUp for Machine {
    fn look_up(&self, name: &str) -> Found {
        let (room, name) = (Arc::clone(&self.room), name.to_owned());
        Box::pin(async move {
            let one = room.acquire_owned().await.map_err(io::Error::other)?;
            // It can't be ended, and counts until it ends by itself, whoever waits for it.
            let found = spawn_blocking(move || {
                let _one = one;
                let found = (name.as_str(), 0).to_socket_addrs()?;
                Ok(found.map(|socket| socket.ip()).collect())
            });
            found.await.map_err(io::Error::other)?
        })
    }
}
