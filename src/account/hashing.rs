//! The pool that hashes passwords: a few threads of its own, so that 19 MiB and 20 ms a hash never hold
//! up a packet, and at most as many at once as there are threads.
//!
//! What waits for it stands in lines: for each organization one of those who want to come in, and one of those who are
//! in. A thread takes the next one from each line in turn, so that nobody who logs in waits behind a crowd of other
//! organizations, or behind passwords that are tried for channels.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::AccountError;
use crate::id::OrganizationId;

/// Passwords of those who are in that wait at most, of one organization.
const INSIDE: usize = 32;

type Job = Box<dyn FnOnce() + Send>;

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Somebody who wants to come in.
    Stranger,
    /// Somebody who is in.
    Inside,
}

/// Whose jobs a line has.
type Line = (OrganizationId, Asker);

/// The way to the pool; its threads end when it is dropped.
pub(super) struct Hashing(Arc<Shared>);

struct Shared {
    lines: Mutex<Lines>,
    more: Condvar,
}

/// What waits.
struct Lines {
    /// Those that aren't empty; the front is the next one's turn.
    all: VecDeque<(Line, VecDeque<Job>)>,
    /// Strangers that may wait, of all organizations.
    waiting: usize,
    is_open: bool,
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashing(..)")
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.0.lock().is_open = false;
        self.0.more.notify_all();
    }
}

impl Hashing {
    /// A pool of `threads`, at least one, before which `waiting` strangers can queue: of one organization three quarters of
    /// them, so that another's still find a place.
    pub(super) fn start(threads: usize, waiting: usize) -> io::Result<Self> {
        let lines = Lines { all: VecDeque::new(), waiting: waiting.max(1), is_open: true };
        let shared = Arc::new(Shared { lines: Mutex::new(lines), more: Condvar::new() });
        let pool = Self(Arc::clone(&shared));
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(format!("hash-{number}")).spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Does `work` on a thread of the pool, or answers "busy" when the queue of such askers is full.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        organization: OrganizationId,
        asker: Asker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccountError> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move || {
            // The one who asked may be gone by now: then nobody waits for it.
            if !sender.is_closed() {
                let _ = sender.send(work());
            }
        });
        if !self.0.lock().queue((organization, asker), job) {
            return Err(AccountError::Busy);
        }
        self.0.more.notify_one();
        receiver.await.map_err(|_| AccountError::Internal)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    /// Waits for the next job; nothing once the pool is dropped.
    fn next(&self) -> Option<Job> {
        let mut lines = self.lock();
        loop {
            if let Some(job) = lines.next() {
                return Some(job);
            }
            if !lines.is_open {
                return None;
            }
            lines = self.more.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Lines {
    /// Puts a job at the end of its line; `false` where there is no place.
    fn queue(&mut self, line: Line, job: Job) -> bool {
        let has_room = match line.1 {
            Asker::Inside => self.length(line) < INSIDE,
            Asker::Stranger => {
                let of_all = self.all.iter().filter(|((_, asker), _)| *asker == Asker::Stranger);
                let of_all: usize = of_all.map(|(_, jobs)| jobs.len()).sum();
                of_all < self.waiting && self.length(line) < self.waiting - self.waiting / 4
            }
        };
        if has_room {
            match self.all.iter_mut().find(|(own, _)| *own == line) {
                Some((_, jobs)) => jobs.push_back(job),
                None => self.all.push_back((line, VecDeque::from([job]))),
            }
        }
        has_room
    }

    fn length(&self, line: Line) -> usize {
        self.all.iter().find(|(own, _)| *own == line).map_or(0, |(_, jobs)| jobs.len())
    }

    /// The first job of the line whose turn it is, which is the last to have a turn again.
    fn next(&mut self) -> Option<Job> {
        let (line, mut jobs) = self.all.pop_front()?;
        let job = jobs.pop_front();
        if !jobs.is_empty() {
            self.all.push_back((line, jobs));
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: OrganizationId = OrganizationId(1);
    const ELSEWHERE: OrganizationId = OrganizationId(2);

    /// Lines of so many strangers, and what was done so far.
    fn lines(waiting: usize) -> (Lines, Arc<Mutex<Vec<&'static str>>>) {
        (Lines { all: VecDeque::new(), waiting, is_open: true }, Arc::default())
    }

    fn queue(
        lines: &mut Lines,
        line: Line,
        what: &'static str,
        done: &Arc<Mutex<Vec<&'static str>>>,
    ) -> bool {
        let done = Arc::clone(done);
        lines.queue(line, Box::new(move || done.lock().unwrap().push(what)))
    }

    #[test]
    fn a_log_in_waits_neither_for_channels_passwords_nor_for_another_organization_s_crowd() {
        let (mut lines, done) = lines(8);
        for _ in 0..5 {
            assert!(queue(&mut lines, (HERE, Asker::Inside), "a channel's", &done));
            assert!(queue(&mut lines, (ELSEWHERE, Asker::Stranger), "a crowd's", &done));
        }
        assert!(queue(&mut lines, (HERE, Asker::Stranger), "a log-in", &done));
        for _ in 0..4 {
            lines.next().unwrap()();
        }
        assert_eq!(*done.lock().unwrap(), ["a channel's", "a crowd's", "a log-in", "a channel's"]);
    }

    #[test]
    fn each_line_has_its_bound_and_leaves_the_others_theirs() {
        let (mut lines, done) = lines(8);
        let mut fill = |line| {
            let mut count = 0;
            while queue(&mut lines, line, "", &done) {
                count += 1;
            }
            count
        };
        assert_eq!(fill((HERE, Asker::Inside)), INSIDE);
        assert_eq!(fill((HERE, Asker::Stranger)), 6, "a quarter is left to others");
        assert_eq!(fill((ELSEWHERE, Asker::Inside)), INSIDE);
        assert_eq!(fill((ELSEWHERE, Asker::Stranger)), 2);
        assert_eq!(fill((OrganizationId(3), Asker::Stranger)), 0);
        let mut count = 0;
        while let Some(job) = lines.next() {
            job();
            count += 1;
        }
        assert_eq!((count, lines.all.len()), (2 * INSIDE + 8, 0));
    }

    #[tokio::test]
    async fn a_job_is_done_and_a_pool_that_is_dropped_ends_its_threads() {
        let pool = Hashing::start(2, 1).unwrap();
        assert_eq!(pool.run(HERE, Asker::Inside, || 7).await.unwrap(), 7);
        let shared = Arc::downgrade(&pool.0);
        drop(pool);
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
