//! The embedded database: what is kept, and how it gets to disk.
//!
//! [`Store::commit`] takes [`Write`]s and answers when they are durable. One thread owns the write
//! transaction and commits what several callers have queued together. Readers use the tables of the
//! latest commit, opened once for all of them. Any error of the disk stops the writing for good:
//! a server on a half-known state would lie.

mod error;
mod index;
mod read;
mod record;
mod row;
mod seed;
mod table;
mod verify;
mod write;
mod writer;

#[cfg(test)]
mod crash_tests;

pub use error::{CommitError, OpenError, ReadError, Rejected};
pub use record::{
    ADMINISTRATOR, Channel, Claim, GUEST, Organization, Role, SEEDED_ORGANIZATION, Session, User,
};
pub use verify::Problem;
pub use write::Write;

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use redb::{Builder, Database, ReadableDatabase, StorageBackend};

use crate::id::{SessionId, Timestamp, UserId};
use table::Tables;
use writer::Writer;

/// File of the database in the data directory.
pub const STORE_FILE: &str = "parlour.redb";

/// Memory for pages, in bytes. redb's own default of a gigabyte would make a small box swap.
const CACHE: usize = 256 * 1024 * 1024;

/// The open database. Dropping it finishes what is queued and closes the file.
#[derive(Debug)]
pub struct Store {
    writer: Writer,
    latest: Arc<ArcSwap<Tables>>,
    next_user: AtomicU64,
    next_session: AtomicU64,
}

impl Store {
    /// Opens the file, or makes it, readable to its owner only. An empty one gets an organization with
    /// its roles and channels.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|source| OpenError::File { path: path.into(), source })?;
        let database = builder().create_file(file).map_err(|error| OpenError::of(path, error))?;
        Self::start(database, path, now)
    }

    /// The same on bytes kept elsewhere than in a file.
    pub fn open_on(backend: impl StorageBackend, now: Timestamp) -> Result<Self, OpenError> {
        let path = Path::new("(memory)");
        let database = builder().create_with_backend(backend).map_err(|error| OpenError::of(path, error))?;
        Self::start(database, path, now)
    }

    fn start(database: Database, path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        let next = seed::prepare(&database, path, now)?;
        let tables = Tables::open(&database.begin_read().map_err(|e| OpenError::of(path, e))?)
            .map_err(|e| OpenError::of(path, e))?;
        let latest = Arc::new(ArcSwap::from_pointee(tables));
        let writer = Writer::start(database, Arc::clone(&latest)).map_err(OpenError::Thread)?;
        Ok(Self {
            writer,
            latest,
            next_user: AtomicU64::new(next.user),
            next_session: AtomicU64::new(next.session),
        })
    }

    /// Writes all of `writes`, in order, and answers when they are on disk: for each whether it was
    /// done or why not. A rejected write changes nothing, and doesn't keep the others from being done.
    /// Blocks for a few milliseconds; called from an async task, use [`Store::submit`].
    pub fn commit(&self, writes: Vec<Write>) -> Result<Vec<Result<(), Rejected>>, CommitError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.submit(writes, move |outcome| {
            // The receiver waits below until this is called.
            let _ = sender.send(outcome);
        })?;
        receiver.recv().unwrap_or(Err(CommitError::Stopped))
    }

    /// Queues `writes` and calls `reply` from the writer's thread when they are durable or failed.
    /// At the queue's bound, 1024 calls, it blocks until there is room.
    pub fn submit(
        &self,
        writes: Vec<Write>,
        reply: impl FnOnce(Result<Vec<Result<(), Rejected>>, CommitError>) + Send + 'static,
    ) -> Result<(), CommitError> {
        self.writer.submit(writes, Box::new(reply))
    }

    /// An identifier for a user about to be created.
    pub fn new_user_id(&self) -> UserId {
        UserId(self.next_user.fetch_add(1, Ordering::Relaxed))
    }

    /// An identifier for a session about to be created.
    pub fn new_session_id(&self) -> SessionId {
        SessionId(self.next_session.fetch_add(1, Ordering::Relaxed))
    }
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}
