//! The thread that owns the write transaction. It commits together what is queued when it gets to it, so
//! many callers share the cost of one flush to the disk.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use redb::{Database, Durability, ReadableDatabase};

use super::error::{CommitError, ReadError, Rejected};
use super::table::Tables;
use super::write::{Open, Write};

/// Calls that wait at most; further callers block.
const QUEUE: usize = 1_024;

/// Writes of one transaction at most, give or take the last caller's.
const GROUP: usize = 256;

type Reply = Box<dyn FnOnce(Result<Vec<Result<(), Rejected>>, CommitError>) + Send>;

struct Job {
    writes: Vec<Write>,
    reply: Reply,
}

/// The writer's thread; dropping it finishes what is queued and joins it.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(database: Database, latest: Arc<ArcSwap<Tables>>) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || run(&database, &latest, &jobs))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) fn submit(&self, writes: Vec<Write>, reply: Reply) -> Result<(), CommitError> {
        let queue = self.queue.as_ref().ok_or(CommitError::Stopped)?;
        queue.send(Job { writes, reply }).map_err(|_| CommitError::Stopped)
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

fn run(database: &Database, latest: &ArcSwap<Tables>, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        let mut writes = group[0].writes.len();
        while writes < GROUP
            && let Ok(job) = jobs.try_recv()
        {
            writes += job.writes.len();
            group.push(job);
        }
        match commit(database, latest, &group) {
            Ok(outcomes) => {
                for (job, outcome) in group.into_iter().zip(outcomes) {
                    (job.reply)(Ok(outcome));
                }
            }
            Err(error) => return stop(&error, group, jobs),
        }
    }
}

/// Commits a group in one transaction and publishes its tables to the readers.
fn commit(
    database: &Database,
    latest: &ArcSwap<Tables>,
    group: &[Job],
) -> Result<Vec<Vec<Result<(), Rejected>>>, ReadError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // A quarter slower to commit, and open at once after a kill, however large the file.
    transaction.set_quick_repair(true);
    let outcomes = {
        let mut tables = Open::new(&transaction)?;
        let mut outcomes = Vec::with_capacity(group.len());
        for job in group {
            let done: Result<Vec<_>, ReadError> =
                job.writes.iter().map(|write| tables.write(write)).collect();
            outcomes.push(done?);
        }
        outcomes
    };
    transaction.commit()?;
    latest.store(Arc::new(Tables::open(&database.begin_read()?)?));
    Ok(outcomes)
}

/// After a failure nothing is known to be on disk, so nothing more is written: everyone is told, now and
/// from here on, until the server is started again.
fn stop(error: &ReadError, group: Vec<Job>, jobs: &Receiver<Job>) {
    tracing::error!(%error, "the database can't be written; changes are refused until the server is started again");
    for job in group {
        (job.reply)(Err(CommitError::Failed(error.to_string())));
    }
    while let Ok(job) = jobs.recv() {
        (job.reply)(Err(CommitError::Stopped));
    }
}
