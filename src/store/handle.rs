//! The handle to an open database: what the rest of the program asks to have written. What it reads stands in `read`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use redb::{Database, ReadableDatabase, StorageBackend};

use super::caught::catch;
use super::error::{CommitError, Failed, OpenError, ReadError};
use super::file::{builder, guarded, open_file};
use super::migrate::{self, Opening};
use super::open::By;
use super::record::{Counted, Ledger, SERVER};
use super::row::Record;
use super::seen::{self, Seen, Touches};
use super::table::Tables;
use super::write::Write;
use super::writer::{Latest, Reopen, Writer};
use crate::id::{SessionId, Timestamp};

/// The open database. Dropping it finishes what is queued and closes the file.
#[derive(Debug)]
pub struct Store {
    writer: Writer,
    pub(super) latest: Latest,
    pub(super) touches: Arc<Touches>,
    next_session: AtomicU64,
    path: PathBuf,
}

impl Store {
    /// Opens the file, or makes it, readable to its owner only. An empty one gets an organization with
    /// its roles and channels; an older one is migrated after a backup.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        Self::open_with(path, now, &Opening::default())
    }

    /// The same with a say in what happens to an older file.
    pub fn open_with(path: &Path, now: Timestamp, opening: &Opening<'_>) -> Result<Self, OpenError> {
        let database = open_file(path, opening.create)?;
        migrate::prepare(&database, path, now, opening, true)?;
        let again = path.to_owned();
        Self::start(database, path, Some(Box::new(move || open_file(&again, false))))
    }

    /// The same on bytes kept elsewhere than in a file. There is no backup before a migration, and after
    /// an error of the backend nothing more is written.
    pub fn open_on(backend: impl StorageBackend, now: Timestamp) -> Result<Self, OpenError> {
        let path = Path::new("(memory)");
        let opened = || {
            let database =
                builder().create_with_backend(backend).map_err(|error| OpenError::of(path, error))?;
            migrate::prepare(&database, path, now, &Opening::default(), false)?;
            Ok(database)
        };
        Self::start(guarded(path, opened)?, path, None)
    }

    fn start(database: Database, path: &Path, reopen: Option<Reopen>) -> Result<Self, OpenError> {
        let (tables, last_session) = guarded(path, || {
            let snapshot = database.begin_read().map_err(|error| OpenError::of(path, error))?;
            let tables = Tables::new(snapshot);
            let last = last_session(&tables).map_err(|error| OpenError::read(path, error))?;
            Ok((tables, last))
        })?;
        let latest: Latest = Arc::new(ArcSwapOption::from_pointee(tables));
        let touches = Arc::new(Touches::default());
        let writer = Writer::start(database, Arc::clone(&latest), Arc::clone(&touches), reopen)
            .map_err(OpenError::Thread)?;
        let next_session = AtomicU64::new(last_session + 1);
        Ok(Self { writer, latest, touches, next_session, path: path.to_owned() })
    }

    /// Does a write and answers when it is on disk. A refused one changes nothing, and doesn't keep others
    /// of its group from being done. Blocks for a few milliseconds; from an async task, use
    /// [`Store::commit`].
    pub fn run<T, E>(&self, by: By, write: Write<T, E>) -> Result<T, Failed<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.submit(by, write, move |outcome| {
            // The receiver waits below until this is called.
            let _ = sender.send(outcome);
        })?;
        receiver.recv().unwrap_or(Err(Failed::Commit(CommitError::Stopped)))
    }

    /// The same for an async task, without blocking unless the queue is full.
    pub async fn commit<T, E>(&self, by: By, write: Write<T, E>) -> Result<T, Failed<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.submit(by, write, move |outcome| {
            // The one who asked may be gone; what is written stays.
            let _ = sender.send(outcome);
        })?;
        receiver.await.unwrap_or(Err(Failed::Commit(CommitError::Stopped)))
    }

    /// Queues a write and calls `reply` from the writer's thread when it is durable, refused or failed.
    /// At the queue's bound, 1024 calls, it blocks until there is room.
    pub fn submit<T, E>(
        &self,
        by: By,
        write: Write<T, E>,
        reply: impl FnOnce(Result<T, Failed<E>>) + Send + 'static,
    ) -> Result<(), CommitError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.writer.submit(by, write, reply)
    }

    /// Whether it can be read and written: not after the disk failed, until it does its work again.
    pub fn is_open(&self) -> bool {
        self.latest.load().is_some()
    }

    /// Commits that took longer than a second since it was opened; each was logged.
    pub fn slow_commits(&self) -> u64 {
        self.writer.slow_commits()
    }

    /// Notes that something was seen; on disk within half a minute, or when the store is closed.
    pub fn touch(&self, seen: Seen, at: Timestamp) {
        self.touches.note(seen, at);
    }

    /// Writes what was seen now, and answers when it is durable.
    pub fn flush_seen(&self) -> Result<(), CommitError> {
        let waiting: Arc<[_]> = self.touches.take().into();
        let flush = seen::flush_now(Arc::clone(&waiting));
        let outcome = self.run(By::server(Timestamp(0)), flush).map_err(Failed::into_commit_error);
        if outcome.is_err() {
            self.touches.give_back(&waiting);
        }
        outcome
    }

    /// An identifier for a session about to be created.
    pub fn new_session_id(&self) -> SessionId {
        SessionId(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads from the tables of the latest commit.
    pub(super) fn look<T>(&self, read: impl FnOnce(&Tables) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let latest = self.latest.load();
        let tables = latest.as_ref().ok_or(ReadError::Reopening)?;
        // redb may panic on pages that the disk changed.
        catch(|| read(tables)).unwrap_or_else(|words| Err(ReadError::Damaged(words)))
    }
}

/// The highest session identifier ever given.
fn last_session(tables: &Tables) -> Result<u64, ReadError> {
    let row = tables.ledgers.get(SERVER.0)?;
    let ledger = row.map(|row| Ledger::decode(row.value())).transpose()?;
    Ok(ledger.map_or(0, |ledger| ledger.last[Counted::Session as usize]))
}
