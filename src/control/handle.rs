//! The way to the control thread of an organization, for every transport.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::Guard;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::arrival::Arrival;
use super::command::Command;
use super::counts::Counts;
use super::newcomer::{Attached, Newcomer};
use super::refused::Refused;
use super::shared::Shared;
use crate::account::{Accounts, Proven};
use crate::clock::Clock;
use crate::id::{OrganizationId, SessionId, Timestamp};
use crate::protocol::wire;
use crate::voice::{self, ForwardTable, Peer};

/// What commits that took long are counted as: by the store, which all organizations share.
pub(super) const SLOW_COMMITS: &str = "slow_commits";

/// The way to the control thread, for every transport. Cheap to clone.
pub struct Handle<P> {
    pub(super) shared: Arc<Shared<P>>,
    /// Shared as well, since each frame that goes to another shard takes a handle along.
    pub(super) queue: Arc<mpsc::Sender<Command<P>>>,
}

impl<P> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), queue: Arc::clone(&self.queue) }
    }
}

impl<P> std::fmt::Debug for Handle<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle(..)")
    }
}

impl<P: Peer> Handle<P> {
    /// Who hears whom, as of now. For one packet only: a table kept longer would keep the departed audible.
    pub fn table(&self) -> Guard<Arc<ForwardTable<P>>> {
        self.shared.table.load()
    }

    /// What became of voice packets.
    pub fn voice_counts(&self) -> &voice::Counts {
        &self.shared.voice_counts
    }

    /// What became of requests.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// The accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.shared.accounts
    }

    /// Brings a session that has proven who it is into the state: what it is, where its events come
    /// from (the snapshot first), and the answer to its log-in.
    pub async fn arrive(
        &self,
        proven: Proven,
        newcomer: Newcomer<P>,
    ) -> Result<((Attached, mpsc::Receiver<Bytes>), wire::LoggedIn), Refused> {
        let (mut logged_in, begun) = (proven.logged_in(), proven.begun());
        let arrived = self.bring_in(proven, newcomer).await;
        if let (Err(_), Some(begun)) = (&arrived, begun) {
            // What is refused leaves nothing behind.
            self.shared.accounts.withdraw(begun).await;
        }
        let (attached, events) = arrived?;
        logged_in.ssrc = attached.ssrc.0;
        logged_in.name.clone_from(&attached.name);
        Ok(((attached, events), logged_in))
    }

    async fn bring_in(
        &self,
        proven: Proven,
        newcomer: Newcomer<P>,
    ) -> Result<(Attached, mpsc::Receiver<Bytes>), Refused> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Command::Arrive(Arrival { proven: Box::new(proven), newcomer, reply }))?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Takes a connection that ended out of the state, unless the session has another by now.
    pub async fn depart(&self, session: SessionId, attachment: u64) {
        // Waits for room rather than being refused: a departed session must not stay audible.
        let _ = self.queue.send(Command::Depart { session, attachment }).await;
    }

    /// Whose it is.
    pub fn organization(&self) -> OrganizationId {
        self.shared.organization
    }

    /// Tells everyone connected that the server stops, refuses what comes after, and ends the thread.
    pub async fn stop(&self) {
        // What plugins compute is broken off: nobody waits for that.
        self.shared.plugins.stop.set();
        let (reply, done) = oneshot::channel();
        if self.queue.send(Command::Stop { reply }).await.is_ok() {
            let _ = done.await;
        }
        self.shared.plugins.end().await;
    }

    /// The clock that it goes by.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// When the server started.
    pub fn started(&self) -> Timestamp {
        self.shared.started
    }

    /// Whether the database takes changes.
    pub fn is_writable(&self) -> bool {
        self.shared.store.is_open()
    }

    /// Commits of the database that took longer than a second, since the start of the server.
    pub fn slow_commits(&self) -> u64 {
        self.shared.store.slow_commits()
    }

    /// Sessions connected now.
    pub fn connected(&self) -> u32 {
        self.shared.connected.load(Ordering::Relaxed)
    }

    /// Why nothing is answered any more.
    pub(super) fn gone(&self) -> Refused {
        if self.shared.deleted.load(Ordering::Acquire) {
            Refused::NoSuchOrganization
        } else {
            Refused::Stopping
        }
    }

    pub(super) fn enqueue(&self, command: Command<P>) -> Result<(), Refused> {
        self.queue.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Busy,
            mpsc::error::TrySendError::Closed(_) => self.gone(),
        })
    }

    pub(super) fn status(&self) -> wire::Status {
        let Shared { settings, voice_counts, counts, started, .. } = &*self.shared;
        let slow = [("slow_requests", counts.slow()), (SLOW_COMMITS, self.slow_commits())];
        let all = voice_counts.all().chain(counts.all()).chain(slow);
        wire::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.shared.accounts.name(),
            started_ms: started.0,
            sessions: self.connected(),
            addresses: settings.addresses.clone(),
            fingerprint: settings.fingerprint.to_string(),
            counters: all.map(|(name, value)| wire::Counter { name: name.to_owned(), value }).collect(),
            organizations: Vec::new(),
        }
    }
}
