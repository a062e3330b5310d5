//! The thread that owns the write transaction. It commits together what is queued when it gets to it, so
//! many callers share the cost of one flush to the disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use redb::{Database, Durability, ReadableDatabase};
use tracing::Span;

use super::caught::catch;
use super::error::{CommitError, Failed, OpenError, ReadError, Stop};
use super::open::{By, Open};
use super::seen::Touches;
use super::table::Tables;
use super::write::{Write, on_behalf};

/// Calls that wait at most; further callers block.
const QUEUE: usize = 1_024;

/// Writes of one transaction at most.
const GROUP: usize = 256;

/// How long a group waits for those who were in the one before: for half of what a commit takes, and for
/// this at most.
const GATHERING: Duration = Duration::from_millis(1);

/// How long what was seen may wait to be written.
const TOUCHES_WAIT: Duration = Duration::from_secs(30);

/// How long after a failure of the disk writes are refused without a try.
const REST: Duration = Duration::from_secs(1);

/// A commit that takes longer is logged and counted.
const LONG: Duration = Duration::from_secs(1);

/// The tables of the latest commit; none while the file is being opened anew.
pub(super) type Latest = Arc<ArcSwapOption<Tables>>;

/// How the writer opens the database again after the disk failed; `None` where it can't be.
pub(super) type Reopen = Box<dyn Fn() -> Result<Database, OpenError> + Send>;

/// A write on its way, with the one who waits for it.
trait Task: Send {
    /// Does it inside the transaction. An error is the disk's and fails the group.
    fn run(&mut self, open: &mut Open<'_>) -> Result<(), ReadError>;
    /// Answers, once it is known what became of the group.
    fn answer(self: Box<Self>, group: Result<(), CommitError>);
    /// What it is a part of.
    fn span(&self) -> &Span;
}

struct Pending<T, E, F> {
    by: By,
    write: Write<T, E>,
    outcome: Option<Result<T, E>>,
    /// A step of a flow asks for it that is done already.
    is_again: bool,
    span: Span,
    reply: F,
}

impl<T: Send, E: Send, F: FnOnce(Result<T, Failed<E>>) + Send> Task for Pending<T, E, F> {
    fn run(&mut self, open: &mut Open<'_>) -> Result<(), ReadError> {
        match on_behalf(open, self.by, &self.write) {
            Ok(Some(done)) => self.outcome = Some(Ok(done)),
            Ok(None) => self.is_again = true,
            Err(Stop::Refused(error)) => self.outcome = Some(Err(error)),
            Err(Stop::Broken(error)) => return Err(error),
        }
        Ok(())
    }

    fn answer(self: Box<Self>, group: Result<(), CommitError>) {
        let answer = match (group, self.outcome) {
            (Ok(()), Some(outcome)) => outcome.map_err(Failed::Refused),
            (Ok(()), None) if self.is_again => Err(CommitError::StepDone.into()),
            (Ok(()), None) => Err(CommitError::Stopped.into()),
            (Err(error), _) => Err(error.into()),
        };
        (self.reply)(answer);
    }

    fn span(&self) -> &Span {
        &self.span
    }
}

/// The writer's thread; dropping it finishes what is queued and joins it.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Task>>>,
    thread: Option<JoinHandle<()>>,
    slow: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(
        database: Database,
        latest: Latest,
        touches: Arc<Touches>,
        reopen: Option<Reopen>,
    ) -> io::Result<Self> {
        let (queue, tasks) = sync_channel(QUEUE);
        let slow = Arc::default();
        let work =
            Work { database: Some(database), latest, touches, reopen, failed: None, slow: Arc::clone(&slow) };
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || work.run(&tasks))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), slow })
    }

    /// Commits that took longer than a second, since the start.
    pub(super) fn slow_commits(&self) -> u64 {
        self.slow.load(Ordering::Relaxed)
    }

    pub(super) fn submit<T, E>(
        &self,
        by: By,
        write: Write<T, E>,
        reply: impl FnOnce(Result<T, Failed<E>>) + Send + 'static,
    ) -> Result<(), CommitError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let queue = self.queue.as_ref().ok_or(CommitError::Stopped)?;
        let task =
            Box::new(Pending { by, write, outcome: None, is_again: false, span: Span::current(), reply });
        queue.send(task).map_err(|_| CommitError::Stopped)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the database panicked");
        }
    }
}

/// What the thread owns.
struct Work {
    /// None after a failure, until it could be opened anew.
    database: Option<Database>,
    latest: Latest,
    touches: Arc<Touches>,
    reopen: Option<Reopen>,
    failed: Option<Instant>,
    slow: Arc<AtomicU64>,
}

impl Work {
    fn run(mut self, tasks: &Receiver<Box<dyn Task>>) {
        let mut flushed = Instant::now();
        let (mut expected, mut took) = (1, Duration::ZERO);
        loop {
            let wait = TOUCHES_WAIT.saturating_sub(flushed.elapsed());
            let group = match tasks.recv_timeout(wait) {
                Ok(first) => gather(first, tasks, expected, GATHERING.min(took / 2)),
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let flush = flushed.elapsed() >= TOUCHES_WAIT || self.touches.is_full();
            if flush {
                flushed = Instant::now();
            }
            expected = group.len();
            if !group.is_empty() || (flush && !self.touches.is_empty()) {
                let began = Instant::now();
                self.handle_group(group, flush);
                took = began.elapsed();
            }
        }
        if !self.touches.is_empty() {
            self.handle_group(Vec::new(), true);
        }
    }

    fn handle_group(&mut self, mut group: Vec<Box<dyn Task>>, flush: bool) {
        let began = Instant::now();
        let outcome = match self.ready() {
            Ok(()) => self.commit(&mut group, flush),
            Err(error) => Err(error),
        };
        let took = began.elapsed();
        if took > LONG {
            self.slow.fetch_add(1, Ordering::Relaxed);
            let (writes, took_ms) = (group.len(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            // One line for all of them: each request that waited for it is slow and has a line of its own.
            let span = group.first().map_or_else(Span::none, |task| task.span().clone());
            span.in_scope(|| {
                tracing::warn!(took_ms, writes, "a commit of the database took long; is the disk busy?");
            });
        }
        for task in group {
            task.answer(outcome.clone());
        }
    }

    /// Opens the database again, if a failure closed it and its rest is over.
    fn ready(&mut self) -> Result<(), CommitError> {
        if self.database.is_some() {
            return Ok(());
        }
        if self.failed.is_some_and(|failed| failed.elapsed() < REST) {
            return Err(CommitError::Stopped);
        }
        let reopen = self.reopen.as_ref().ok_or(CommitError::Stopped)?;
        let opened = reopen().map_err(|error| error.to_string()).and_then(|database| {
            let snapshot = database.begin_read().map_err(|error| error.to_string())?;
            Ok((Tables::new(snapshot), database))
        });
        match opened {
            Ok((tables, database)) => {
                tracing::info!("the database is open again");
                self.latest.store(Some(Arc::new(tables)));
                self.database = Some(database);
                Ok(())
            }
            Err(error) => {
                self.failed = Some(Instant::now());
                Err(CommitError::Failed(error))
            }
        }
    }

    /// Commits a group in one transaction and publishes its tables to the readers.
    fn commit(&mut self, group: &mut [Box<dyn Task>], flush: bool) -> Result<(), CommitError> {
        let Some(database) = &self.database else { return Err(CommitError::Stopped) };
        let touches = if flush { self.touches.take() } else { Vec::new() };
        // redb may panic on pages that the disk changed; that is a failure of the disk like others.
        let outcome = catch(|| transact(database, group, &touches))
            .unwrap_or_else(|words| Err(ReadError::Damaged(words)));
        match outcome {
            Ok(tables) => {
                self.latest.store(Some(Arc::new(tables)));
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the database can't be written; changes are refused until it can");
                self.touches.give_back(&touches);
                self.failed = Some(Instant::now());
                // redb refuses everything after an error of the disk, so the file is opened anew; the
                // lock on it goes when the last reader of the old tables is done.
                if self.reopen.is_some() {
                    self.latest.store(None);
                    self.database = None;
                }
                Err(CommitError::Failed(error.to_string()))
            }
        }
    }
}

/// Takes what is queued. Whoever was answered just now may be about to ask again, so as many as last time
/// are waited for, though not for long: a flush to the disk for one of them would hold up the others for
/// longer.
fn gather(
    first: Box<dyn Task>,
    tasks: &Receiver<Box<dyn Task>>,
    expected: usize,
    patience: Duration,
) -> Vec<Box<dyn Task>> {
    let (mut group, began) = (vec![first], Instant::now());
    loop {
        while group.len() < GROUP
            && let Ok(task) = tasks.try_recv()
        {
            group.push(task);
        }
        if group.len() >= expected.min(GROUP) || began.elapsed() >= patience {
            return group;
        }
        std::thread::yield_now();
    }
}

fn transact(
    database: &Database,
    group: &mut [Box<dyn Task>],
    touches: &[super::seen::Touch],
) -> Result<Tables, ReadError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // A quarter slower to commit, and open at once after a kill, however large the file.
    transaction.set_quick_repair(true);
    {
        let mut open = Open::new(&transaction, By::server(crate::id::Timestamp(0)));
        for task in group {
            task.run(&mut open)?;
        }
        super::seen::flush(&mut open, touches)?;
        open.finish()?;
    }
    transaction.commit()?;
    Ok(Tables::new(database.begin_read()?))
}
