//! The pool that hashes passwords: a few threads of its own, so that 19 MiB and 20 ms a hash never hold
//! up a packet, and at most as many at once as there are threads.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::AccountError;

type Job = Box<dyn FnOnce() + Send>;

/// The way to the pool; its threads end when it is dropped.
#[derive(Debug)]
pub(super) struct Hashing {
    queue: SyncSender<Job>,
}

impl Hashing {
    /// A pool of `threads`, at least one, before which `waiting` jobs can queue.
    pub(super) fn start(threads: usize, waiting: usize) -> io::Result<Self> {
        let (queue, jobs) = sync_channel::<Job>(waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads.max(1) {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name(format!("hash-{number}")).spawn(move || work(&jobs))?;
        }
        Ok(Self { queue })
    }

    /// Does `work` on a thread of the pool, or answers "busy" when its queue is full.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move || {
            // The one who asked may be gone by now.
            let _ = sender.send(work());
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => AccountError::Busy,
            TrySendError::Disconnected(_) => AccountError::Stopping,
        })?;
        receiver.await.map_err(|_| AccountError::Internal)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}
