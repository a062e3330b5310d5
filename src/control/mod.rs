//! The single writer of `state`: decide, commit, apply, publish, answer.
//!
//! A request comes in through [`Handle::request`] and is put on a bounded queue. One thread takes what
//! is queued, decides and applies each on its own unpublished state, commits what must be durable in one
//! transaction, and only then publishes the forwarding table and the events and answers. What needs no
//! disk and was queued before the first that does is published before the commit begins.

mod administer;
mod admission;
mod audience;
mod batch;
mod command;
mod counts;
mod directory;
mod dispatch;
mod due;
mod facts;
mod follow;
mod load;
mod news;
mod nobody;
mod organizations;
mod own;
mod recorder;
mod refused;
mod rights;
mod slow;
mod tenants;
mod texts;

pub use crate::account::{Proven, Visitor};
pub use crate::id::Way;
pub use crate::state::{Actor, Origin};
pub use counts::Counts;
pub use dispatch::Entered;
pub use load::StartError;
pub use news::Attachment;
pub use nobody::Nobody;
pub use organizations::Organizations;
pub use refused::Refused;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use crate::account::{self, Accounts};
use crate::clock::Clock;
use crate::id::{Fingerprint, OrganizationId, SessionId, Ssrc, Timestamp};
use crate::protocol::CloseCode;
use crate::protocol::wire::{self, MemberKind};
use crate::recording::Recordings;
use crate::state::State;
use crate::store::Store;
use crate::voice::{self, Activity, ForwardTable, Peer};
use command::{Command, Given, NewPassword};
use due::Due;

/// Requests that wait for the control thread at most; at the bound the answer is "busy".
const QUEUE: usize = 1_024;

/// Changes that wait for one session at most, each with all of its events; a client that lets more pile up
/// is disconnected, and gets a fresh snapshot when it comes back.
const EVENTS: usize = 1_024;

/// What control is told at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How accounts are dealt with, and what the server is called.
    pub accounts: account::Settings,
    /// Sessions at most.
    pub max_sessions: usize,
    /// Messages to one channel: a second, and at once.
    pub texts: (u32, u32),
    /// The server's identity, for its status.
    pub fingerprint: Fingerprint,
    /// Where recordings go; nowhere when the server doesn't record.
    pub recordings: Option<Recordings>,
    /// What is listened on, for its status.
    pub addresses: Vec<String>,
}

/// Who comes in, besides what they proved.
#[derive(Clone, Debug)]
pub struct Newcomer<P> {
    /// Where voice goes.
    pub peer: P,
    /// Where it connects from.
    pub address: IpAddr,
    /// What kind of client it is.
    pub kind: MemberKind,
    /// Its program's name and version.
    pub client: String,
}

/// A session that is in the state.
#[derive(Debug)]
pub struct Attached {
    /// Which.
    pub session: SessionId,
    /// Which connection of it: a later one has another number.
    pub attachment: u64,
    /// What its packets must carry.
    pub ssrc: Ssrc,
    /// What it does is noted here, by the monotonic time of the clock ...
    pub activity: Arc<Activity>,
    /// ... as this one is, when it came.
    pub arrived: Duration,
    /// Set when its events end because it is sent away: the code to close with once it has read why.
    pub parting: Arc<OnceLock<CloseCode>>,
}

struct Shared<P> {
    organization: OrganizationId,
    queue: mpsc::Sender<Command<P>>,
    table: ArcSwap<ForwardTable<P>>,
    store: Arc<Store>,
    accounts: Accounts,
    texts: texts::Texts,
    counts: Counts,
    voice_counts: voice::Counts,
    connected: AtomicU32,
    due: watch::Sender<Due>,
    recordings: Option<Recordings>,
    settings: Settings,
    started: Timestamp,
    clock: Clock,
    /// Set when the organization is there no more.
    deleted: AtomicBool,
}

/// The way to the control thread, for every transport. Cheap to clone.
pub struct Handle<P>(Arc<Shared<P>>);

impl<P> Clone for Handle<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> std::fmt::Debug for Handle<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle(..)")
    }
}

/// The control thread; it ends by [`Handle::stop`].
#[derive(Debug)]
pub struct Thread(JoinHandle<()>);

impl Thread {
    /// Waits until the thread has ended and let go of the store.
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the control thread panicked");
        }
    }
}

/// A server whose control thread is gone would look alive and do nothing; it stops loudly instead.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// Starts the control thread on what the store holds of an organization. It goes by `clock`.
pub fn start<P: Peer>(
    store: Arc<Store>,
    organization: OrganizationId,
    settings: Settings,
    clock: Clock,
) -> Result<(Handle<P>, Thread), StartError> {
    let accounts = Accounts::start(Arc::clone(&store), organization, settings.accounts.clone(), clock)?;
    begin(store, accounts, settings)
}

/// Starts a control thread for those whose accounts these are.
fn begin<P: Peer>(
    store: Arc<Store>,
    accounts: Accounts,
    settings: Settings,
) -> Result<(Handle<P>, Thread), StartError> {
    let (organization, clock) = (accounts.organization(), accounts.clock().clone());
    let state = State::new(load::stored(&store, organization, settings.max_sessions)?, clock.wall());
    let (queue, commands) = mpsc::channel(QUEUE);
    let shared = Arc::new(Shared {
        organization,
        queue,
        table: ArcSwap::from_pointee(ForwardTable::default()),
        store,
        accounts,
        texts: texts::Texts::new(settings.texts, clock.clone()),
        counts: Counts::default(),
        voice_counts: voice::Counts::default(),
        connected: AtomicU32::new(0),
        due: watch::Sender::default(),
        recordings: settings.recordings.clone(),
        settings,
        started: clock.wall(),
        clock,
        deleted: AtomicBool::new(false),
    });
    let handle = Handle(Arc::clone(&shared));
    let control = batch::Control::new(state, shared);
    let thread = std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            let _guard = AbortOnPanic;
            control.run(commands);
        })
        .map_err(StartError::Thread)?;
    Ok((handle, Thread(thread)))
}

impl<P: Peer> Handle<P> {
    /// Who hears whom, as of now. For one packet only: a table kept longer would keep the departed audible.
    pub fn table(&self) -> Guard<Arc<ForwardTable<P>>> {
        self.0.table.load()
    }

    /// What became of voice packets.
    pub fn voice_counts(&self) -> &voice::Counts {
        &self.0.voice_counts
    }

    /// What became of requests.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// The accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// Brings a session that has proven who it is into the state: what it is, where its events come
    /// from (the snapshot first), and the answer to its log-in.
    pub async fn arrive(
        &self,
        proven: Proven,
        newcomer: Newcomer<P>,
    ) -> Result<((Attached, mpsc::Receiver<Bytes>), wire::LoggedIn), Refused> {
        let (reply, answer) = oneshot::channel();
        let mut logged_in = proven.logged_in();
        self.enqueue(Command::Arrive { proven: Box::new(proven), newcomer, reply })?;
        let (attached, events) = answer.await.map_err(|_| self.gone())??;
        logged_in.ssrc = attached.ssrc.0;
        Ok(((attached, events), logged_in))
    }

    /// Takes a connection that ended out of the state, unless the session has another by now.
    pub async fn depart(&self, session: SessionId, attachment: u64) {
        // Waits for room rather than being refused: a departed session must not stay audible.
        let _ = self.0.queue.send(Command::Depart { session, attachment }).await;
    }

    /// Whose it is.
    pub fn organization(&self) -> OrganizationId {
        self.0.organization
    }

    /// Tells everyone connected that the server stops, refuses what comes after, and ends the thread.
    pub async fn stop(&self) {
        let (reply, done) = oneshot::channel();
        if self.0.queue.send(Command::Stop { reply }).await.is_ok() {
            let _ = done.await;
        }
    }

    /// The clock that it goes by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// When the server started.
    pub fn started(&self) -> Timestamp {
        self.0.started
    }

    /// Whether the database takes changes.
    pub fn is_writable(&self) -> bool {
        self.0.store.is_open()
    }

    /// Commits of the database that took longer than a second, since the start of the server.
    pub fn slow_commits(&self) -> u64 {
        self.0.store.slow_commits()
    }

    /// Sessions connected now.
    pub fn connected(&self) -> u32 {
        self.0.connected.load(Ordering::Relaxed)
    }

    /// Why nothing is answered any more.
    fn gone(&self) -> Refused {
        if self.0.deleted.load(Ordering::Acquire) { Refused::NoSuchOrganization } else { Refused::Stopping }
    }

    fn enqueue(&self, command: Command<P>) -> Result<(), Refused> {
        self.0.queue.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Busy,
            mpsc::error::TrySendError::Closed(_) => self.gone(),
        })
    }

    pub(super) fn status(&self) -> wire::Status {
        let Shared { settings, voice_counts, counts, started, .. } = &*self.0;
        let slow = [("slow_requests", counts.slow()), ("slow_commits", self.slow_commits())];
        let all = voice_counts.all().chain(counts.all()).chain(slow);
        wire::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.0.accounts.name(),
            started_ms: started.0,
            sessions: self.connected(),
            addresses: settings.addresses.clone(),
            fingerprint: settings.fingerprint.to_string(),
            counters: all.map(|(name, value)| wire::Counter { name: name.to_owned(), value }).collect(),
        }
    }
}
