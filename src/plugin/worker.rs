//! The thread on which an organization's plugins are called, one after the other: what they compute holds up nobody who speaks.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::stop::Stop;
use crate::bounds::MAX_PLUGIN_CALLS;

/// As many calls wait as may, of all plugins or of the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

type Job = Box<dyn FnOnce() + Send>;

/// How many calls of each plugin wait or run.
type Waiting = Arc<Mutex<HashMap<u64, usize>>>;

/// The thread on which calls are made. It ends when nobody can give it any, or by [`Worker::end`].
#[derive(Debug)]
pub struct Worker {
    /// Nothing ends it.
    jobs: SyncSender<Option<Job>>,
    waiting: Waiting,
    stop: Stop,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Begins the thread. Once `stop` is set nothing more is begun there.
    pub fn start(stop: Stop) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Option<Job>>(MAX_PLUGIN_CALLS.0);
        let thread = thread::Builder::new().name("plugins".to_owned()).spawn(move || {
            while let Ok(Some(job)) = queue.recv() {
                job();
            }
        })?;
        Ok(Self { jobs, waiting: Arc::default(), stop, thread: Mutex::new(Some(thread)) })
    }

    /// Has something done for a plugin behind what waits. Answers with what it came to; nothing where it broke the thread's work
    /// off, which is the program's fault, or where everything ends. What nobody waits for any more isn't begun.
    pub async fn run<T: Send + 'static>(
        &self,
        plugin: u64,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, Busy> {
        let place = Place::take(&self.waiting, plugin)?;
        let (reply, answer) = oneshot::channel();
        let stop = self.stop.clone();
        let job = move || {
            if reply.is_closed() || stop.is_set() {
                return;
            }
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            drop(place);
            // Whoever asked may be gone.
            let _ = reply.send(done.ok());
        };
        match self.jobs.try_send(Some(Box::new(job))) {
            Ok(()) => Ok(answer.await.ok().flatten()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Busy),
        }
    }

    /// Waits until what is under way has ended, and the thread with it: for moments, once the stop is set.
    pub fn end(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It fails where the thread is gone.
            let _ = self.jobs.send(None);
            if thread.join().is_err() {
                tracing::error!("the thread of plugins panicked");
            }
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
        let worker = Arc::new(Worker::start(Stop::default()).unwrap());
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

    #[tokio::test]
    async fn what_nobody_waits_for_isn_t_begun_and_nothing_is_once_all_ends() {
        let stop = Stop::default();
        let worker = Arc::new(Worker::start(stop.clone()).unwrap());
        let begin = |plugin: u64, work: Box<dyn FnOnce() + Send>| {
            let worker = Arc::clone(&worker);
            tokio::spawn(async move { worker.run(plugin, work).await })
        };
        let ((go_on, waits), (begun, is_begun)) = (mpsc::channel::<()>(), oneshot::channel::<()>());
        let first = begin(
            1,
            Box::new(move || {
                let _ = begun.send(());
                let _ = waits.recv();
            }),
        );
        is_begun.await.unwrap();
        let count = async |plugin: u64, expected: usize| {
            while worker.waiting.lock().unwrap().get(&plugin).copied().unwrap_or(0) != expected {
                tokio::task::yield_now().await;
            }
        };
        let left = begin(2, Box::new(|| panic!("nobody waits for this")));
        count(2, 1).await;
        left.abort();
        assert!(left.await.is_err());
        let last = begin(3, Box::new(|| panic!("all ends")));
        count(3, 1).await;
        stop.set();
        go_on.send(()).unwrap();
        let ending = Arc::clone(&worker);
        tokio::task::spawn_blocking(move || ending.end()).await.unwrap();
        assert_eq!((first.await.unwrap(), last.await.unwrap()), (Ok(Some(())), Ok(None)));
        assert!(worker.waiting.lock().unwrap().is_empty());
        assert_eq!(worker.run(1, || ()).await, Err(Busy));
    }
}
