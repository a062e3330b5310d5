//! The thread on which an organization's plugins are called, one after the other: what they compute holds up nobody who speaks.
//!
//! What waits for it stands in lines, one for each of those for whom it is, and a call is taken from each in turn: whoever has many
//! made keeps nobody else waiting for longer than one of them takes.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::stop::Stop;
use crate::bounds::MAX_PLUGIN_CALLS;

/// Why a call wasn't made, or came to its end too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// As many calls wait as may, of all plugins or of the one.
    Busy,
    /// As many wait of those for whom it is, or it came too late behind so many of theirs.
    Yours(usize),
    /// It wasn't at its end in time.
    Late,
}

/// For whom a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn<K> {
    /// Those who have one turn together.
    pub whose: K,
    /// How many calls of a plugin may wait or run for them.
    pub most: usize,
    /// A group that they are of, and how many for all of it.
    pub group: Option<(K, usize)>,
    /// How many for everybody.
    pub all: usize,
}

type Job = Box<dyn FnOnce() + Send>;

/// The thread on which calls are made. It ends when this is dropped, or by [`Worker::end`].
#[derive(Debug)]
pub struct Worker<K: Copy + Eq + Send + 'static> {
    shared: Arc<Shared<K>>,
    stop: Stop,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared<K> {
    queue: Mutex<Queue<K>>,
    more: Condvar,
}

/// What waits and what runs.
struct Queue<K> {
    /// Those for whom something waits; the front has the next turn.
    lines: VecDeque<(K, VecDeque<Job>)>,
    /// What waits or runs: of which plugin and for whom.
    places: Vec<Taken<K>>,
    is_open: bool,
}

/// Of which plugin, for whom, and for which group.
type Taken<K> = (u64, K, Option<K>);

impl<K> std::fmt::Debug for Queue<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

impl<K: Copy + Eq + Send + 'static> Worker<K> {
    /// Begins the thread. Once `stop` is set nothing more is begun there.
    pub fn start(stop: Stop) -> io::Result<Self> {
        let queue = Queue { lines: VecDeque::new(), places: Vec::new(), is_open: true };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), more: Condvar::new() });
        let there = Arc::clone(&shared);
        let thread = thread::Builder::new().name("plugins".to_owned()).spawn(move || {
            while let Some(job) = there.next() {
                job();
            }
        })?;
        Ok(Self { shared, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Has something done for a plugin when it is the turn of whoever it is for. Answers with what it came to; nothing where it
    /// broke the thread's work off, which is the program's fault, or where everything ends. What nobody waits for any more isn't begun.
    pub async fn run<T: Send + 'static>(
        &self,
        plugin: u64,
        turn: Turn<K>,
        patience: Option<Duration>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, NotDone> {
        let (place, of_theirs) = Place::take(&self.shared, plugin, turn)?;
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
        self.shared.queue(turn.whose, Box::new(job));
        let done = match patience {
            None => answer.await,
            Some(patience) => match timeout(patience, answer).await {
                Ok(done) => done,
                // Where a plugin that is late lets through, nobody is to bring that about by what they have it asked themselves.
                Err(_) if of_theirs > 0 => return Err(NotDone::Yours(of_theirs)),
                Err(_) => return Err(NotDone::Late),
            },
        };
        Ok(done.ok().flatten())
    }

    /// Waits until what is under way has ended, and the thread with it: for moments, once the stop is set.
    pub fn end(&self) {
        self.shared.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of plugins panicked");
        }
    }
}

impl<K: Copy + Eq + Send + 'static> Drop for Worker<K> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<K: Copy + Eq> Shared<K> {
    fn lock(&self) -> MutexGuard<'_, Queue<K>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job behind those of whoever it is for. One that comes when all has ended is dropped.
    fn queue(&self, whose: K, job: Job) {
        let mut queue = self.lock();
        if !queue.is_open {
            // Its place is given back, which takes the lock.
            drop(queue);
            return drop(job);
        }
        match queue.lines.iter_mut().find(|(other, _)| *other == whose) {
            Some((_, jobs)) => jobs.push_back(job),
            None => queue.lines.push_back((whose, VecDeque::from([job]))),
        }
        drop(queue);
        self.more.notify_one();
    }

    /// Waits for the next job; nothing once all has ended.
    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if !queue.is_open {
                return None;
            }
            if let Some((whose, mut jobs)) = queue.lines.pop_front() {
                let job = jobs.pop_front();
                if !jobs.is_empty() {
                    queue.lines.push_back((whose, jobs));
                }
                if job.is_some() {
                    return job;
                }
            } else {
                queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn close(&self) {
        let mut queue = self.lock();
        queue.is_open = false;
        let lines = std::mem::take(&mut queue.lines);
        drop(queue);
        self.more.notify_all();
        drop(lines);
    }
}

/// A place of what waits or runs.
struct Place<K: Copy + Eq> {
    shared: Arc<Shared<K>>,
    taken: Taken<K>,
}

impl<K: Copy + Eq> Place<K> {
    /// Takes one, and says how many others there are of those for whom it is.
    fn take(shared: &Arc<Shared<K>>, plugin: u64, turn: Turn<K>) -> Result<(Self, usize), NotDone> {
        let mut queue = shared.lock();
        let count = |of: &dyn Fn(&Taken<K>) -> bool| {
            queue.places.iter().filter(|taken| taken.0 == plugin && of(taken)).count()
        };
        let of_theirs = count(&|taken| taken.1 == turn.whose);
        if of_theirs >= turn.most {
            return Err(NotDone::Yours(of_theirs));
        }
        if let Some((group, most)) = turn.group {
            let of_group = count(&|taken| taken.2 == Some(group));
            if of_group >= most {
                return Err(NotDone::Yours(of_group));
            }
        }
        if !queue.is_open || queue.places.len() >= MAX_PLUGIN_CALLS.0 || count(&|_| true) >= turn.all {
            return Err(NotDone::Busy);
        }
        let taken = (plugin, turn.whose, turn.group.map(|(group, _)| group));
        queue.places.push(taken);
        drop(queue);
        Ok((Self { shared: Arc::clone(shared), taken }, of_theirs))
    }
}

impl<K: Copy + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        if let Some(at) = queue.places.iter().position(|taken| *taken == self.taken) {
            queue.places.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::task::JoinHandle;

    use super::*;

    type Line = Arc<Worker<u32>>;

    /// A line, and what runs there until somebody says so.
    async fn held(stop: Stop) -> (Line, mpsc::Sender<()>, JoinHandle<Result<Option<()>, NotDone>>) {
        let line = Arc::new(Worker::start(stop).unwrap());
        let ((go_on, waits), (begun, is_begun)) = (mpsc::channel::<()>(), oneshot::channel::<()>());
        let first = queue(&line, 1, turn(0), move || {
            let _ = begun.send(());
            let _ = waits.recv();
        });
        is_begun.await.unwrap();
        (line, go_on, first)
    }

    fn turn(whose: u32) -> Turn<u32> {
        Turn { whose, most: MAX_PLUGIN_CALLS.1, group: None, all: MAX_PLUGIN_CALLS.1 }
    }

    fn queue<T: Send + 'static>(
        line: &Line,
        plugin: u64,
        turn: Turn<u32>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<Result<Option<T>, NotDone>> {
        let line = Arc::clone(line);
        tokio::spawn(async move { line.run(plugin, turn, None, work).await })
    }

    /// Waits until so many places are taken.
    async fn taken(line: &Line, count: usize) {
        while line.shared.lock().places.len() != count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn at_the_bound_of_one_plugin_another_still_has_room() {
        let (line, go_on, first) = held(Stop::default()).await;
        let mut others: Vec<_> = (1..MAX_PLUGIN_CALLS.1).map(|_| queue(&line, 1, turn(0), || true)).collect();
        taken(&line, MAX_PLUGIN_CALLS.1).await;
        assert_eq!(line.run(1, turn(7), None, || true).await, Err(NotDone::Busy));
        others.push(queue(&line, 2, turn(0), || true));
        go_on.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(Some(())));
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(Some(true)));
        }
        assert!(line.shared.lock().places.is_empty());
    }

    #[tokio::test]
    async fn whoever_has_much_done_keeps_nobody_waiting_and_takes_no_more_places_than_are_theirs() {
        let (line, go_on, first) = held(Stop::default()).await;
        let done = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let done = Arc::clone(&done);
            move || done.lock().unwrap().push(what)
        };
        let group = |whose| Turn { most: 3, group: Some((100, 4)), ..turn(whose) };
        let mut waiting = Vec::new();
        for count in 0..3 {
            waiting.push(queue(&line, 1, group(1), note("many")));
            taken(&line, 2 + count).await;
        }
        assert_eq!(line.run(1, group(1), None, || ()).await, Err(NotDone::Yours(3)));
        waiting.push(queue(&line, 1, group(2), note("their neighbour")));
        taken(&line, 5).await;
        assert_eq!(line.run(1, group(3), None, || ()).await, Err(NotDone::Yours(4)));
        waiting.push(queue(&line, 1, turn(4), note("another")));
        taken(&line, 6).await;
        go_on.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(Some(())));
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(Some(())));
        }
        assert_eq!(*done.lock().unwrap(), ["many", "their neighbour", "another", "many", "many"]);
    }

    #[tokio::test]
    async fn all_of_a_line_has_a_bound_and_what_panics_ends_nothing_else() {
        let (line, go_on, first) = held(Stop::default()).await;
        let mut others = Vec::new();
        for count in 1..MAX_PLUGIN_CALLS.0 {
            let plugin = count as u64 / 8;
            others.push(queue(&line, 100 + plugin, turn(u32::try_from(count).unwrap()), || true));
        }
        taken(&line, MAX_PLUGIN_CALLS.0).await;
        assert_eq!(line.run(7, turn(7), None, || true).await, Err(NotDone::Busy));
        go_on.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(Some(())));
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(Some(true)));
        }
        assert_eq!(line.run(7, turn(7), None, || panic!("on purpose")).await, Ok(None::<()>));
        assert_eq!(line.run(7, turn(7), None, || true).await, Ok(Some(true)));
    }

    #[tokio::test]
    async fn whoever_is_late_behind_what_is_theirs_is_told_so() {
        let (line, go_on, first) = held(Stop::default()).await;
        let soon = Some(Duration::from_millis(1));
        assert_eq!(line.run(1, turn(0), soon, || ()).await, Err(NotDone::Yours(1)));
        assert_eq!(line.run(1, turn(5), soon, || ()).await, Err(NotDone::Late));
        go_on.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(Some(())));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_isn_t_begun_and_nothing_is_once_all_ends() {
        let stop = Stop::default();
        let (line, go_on, first) = held(stop.clone()).await;
        let left = queue(&line, 2, turn(0), || panic!("nobody waits for this"));
        taken(&line, 2).await;
        left.abort();
        assert!(left.await.is_err());
        let last = queue(&line, 3, turn(0), || panic!("all ends"));
        taken(&line, 3).await;
        stop.set();
        go_on.send(()).unwrap();
        let ending = Arc::clone(&line);
        tokio::task::spawn_blocking(move || ending.end()).await.unwrap();
        assert_eq!((first.await.unwrap(), last.await.unwrap()), (Ok(Some(())), Ok(None::<()>)));
        assert!(line.shared.lock().places.is_empty());
        assert_eq!(line.run(1, turn(0), None, || ()).await, Err(NotDone::Busy));
    }
}
