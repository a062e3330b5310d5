//! The thread on which an organization's plugins are called, one after the other: what they compute holds up nobody who speaks.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::bounds::MAX_PLUGIN_CALLS;

/// As many calls wait as may, of all plugins or of the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

type Job = Box<dyn FnOnce() + Send>;

/// How many calls of each plugin wait or run.
type Waiting = Arc<Mutex<HashMap<u64, usize>>>;

/// The thread on which calls are made. It ends when nobody can give it any.
#[derive(Debug)]
pub struct Worker {
    jobs: SyncSender<Job>,
    waiting: Waiting,
}

impl Worker {
    /// Begins the thread.
    pub fn start() -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(MAX_PLUGIN_CALLS.0);
        thread::Builder::new().name("plugins".to_owned()).spawn(move || {
            for job in queue {
                job();
            }
        })?;
        Ok(Self { jobs, waiting: Arc::default() })
    }

    /// Has something done for a plugin behind what waits. Answers with what it came to; nothing where it broke the thread's work
    /// off, which is the program's fault.
    pub async fn run<T: Send + 'static>(
        &self,
        plugin: u64,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, Busy> {
        let place = Place::take(&self.waiting, plugin)?;
        let (reply, answer) = oneshot::channel();
        let job = move || {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            drop(place);
            // Whoever asked may be gone.
            let _ = reply.send(done.ok());
        };
        match self.jobs.try_send(Box::new(job)) {
            Ok(()) => Ok(answer.await.ok().flatten()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }
}

/// A plugin's place in the queue.
struct Place {
    waiting: Waiting,
    plugin: u64,
}

impl Place {
    fn take(waiting: &Waiting, plugin: u64) -> Result<Self, Busy> {
        let mut counts = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(plugin).or_default();
        if *count >= MAX_PLUGIN_CALLS.1 {
            return Err(Busy);
        }
        *count += 1;
        drop(counts);
        Ok(Self { waiting: Arc::clone(waiting), plugin })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.plugin) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.plugin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn at_the_bound_of_one_plugin_another_still_has_room() {
        let worker = Arc::new(Worker::start().unwrap());
        let (go_on, waits) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let worker = Arc::clone(&worker);
            async move { worker.run(1, move || waits.recv().is_ok()).await }
        });
        let mut others = Vec::new();
        loop {
            tokio::task::yield_now().await;
            let count = worker.waiting.lock().unwrap().get(&1).copied().unwrap_or(0);
            if count == MAX_PLUGIN_CALLS.1 {
                break;
            }
            if count > others.len() {
                let worker = Arc::clone(&worker);
                others.push(tokio::spawn(async move { worker.run(1, || true).await }));
            }
        }
        assert_eq!(worker.run(1, || true).await, Err(Busy));
        let other = tokio::spawn({
            let worker = Arc::clone(&worker);
            async move { worker.run(2, || true).await }
        });
        go_on.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(Some(true)));
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(Some(true)));
        }
        assert_eq!(other.await.unwrap(), Ok(Some(true)));
        assert!(worker.waiting.lock().unwrap().is_empty());
    }
}
