//! The pool that hashes passwords: a few threads of its own, so that 19 MiB and 20 ms a hash never hold
//! up a packet, and at most as many at once as there are threads.
//!
//! What waits for it stands in lines: for each organization one of those who want to come in, and one of those who are
//! in. A thread takes the next one from each line in turn, so that nobody who logs in waits behind a crowd of other
//! organizations, or behind passwords that are tried for channels. Within a line no account, no address and no network has more
//! than a part of the places.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{AccountError, Whose};
use crate::auth::{AddressKey, is_near};
use crate::id::OrganizationId;
use crate::store::By;

/// Passwords of those who are in that wait at most, of one organization.
const INSIDE: usize = 32;

/// Of these, those of one account, or of the guests of one address: as many as one session asks at once.
const OF_ONE: usize = 8;

/// One in so many places of strangers is for one address. Loopback and private networks, where many people may be one
/// address, have as many as there are.
const OF_ADDRESS: usize = 8;

type Job = Box<dyn FnOnce() + Send>;

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// Somebody who wants to come in, and where from.
    Stranger(IpAddr),
    /// Somebody who is in, the machine's owner, or the server.
    Inside(Whose),
}

impl Asker {
    /// On whose behalf something is written.
    pub(super) fn of(by: By) -> Self {
        Self::Inside(Whose::of(by))
    }

    fn side(self) -> Side {
        match self {
            Self::Stranger(_) => Side::Outside,
            Self::Inside(_) => Side::Inside,
        }
    }

    /// Who shares its part of a line.
    fn whose(self) -> Whose {
        match self {
            Self::Stranger(from) => Whose::Address(AddressKey::of(from)),
            Self::Inside(whose) => whose,
        }
    }

    /// Its part of a line of strangers that has so many places.
    fn part(self, waiting: usize) -> usize {
        match self {
            Self::Stranger(from) if is_near(from) => waiting,
            Self::Stranger(_) => (waiting / OF_ADDRESS).max(1),
            Self::Inside(Whose::Owner) => INSIDE,
            Self::Inside(_) => OF_ONE,
        }
    }

    /// What all addresses have together of such a line that are of one site with this one; nothing for those that are one address.
    fn part_of_site(self, waiting: usize) -> Option<usize> {
        match self {
            Self::Stranger(from) if !is_near(from) => {
                AddressKey::of(from).network().share(self.part(waiting), waiting)
            }
            Self::Stranger(_) | Self::Inside(_) => None,
        }
    }
}

/// Whether a line is of those who want to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Outside,
    Inside,
}

/// Whose jobs a line has.
type Line = (OrganizationId, Side);

/// The way to the pool; its threads end when it is dropped.
pub(super) struct Hashing(Arc<Shared>);

struct Shared {
    lines: Mutex<Lines>,
    more: Condvar,
}

/// What waits.
struct Lines {
    /// Those that aren't empty; the front is the next one's turn.
    all: VecDeque<(Line, VecDeque<(Whose, Job)>)>,
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

    /// Does `work` on a thread of the pool, or answers "busy" when the line of such askers is full, or the asker's part of it.
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
        self.0.lock().queue(organization, asker, job)?;
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
    /// Puts a job at the end of its line, where there is a place.
    fn queue(&mut self, organization: OrganizationId, asker: Asker, job: Job) -> Result<(), AccountError> {
        let (line, whose) = ((organization, asker.side()), asker.whose());
        let has_room = match asker.side() {
            Side::Inside => self.length(line) < INSIDE,
            Side::Outside => {
                let of_all = self.all.iter().filter(|((_, side), _)| *side == Side::Outside);
                let of_all: usize = of_all.map(|(_, jobs)| jobs.len()).sum();
                of_all < self.waiting && self.length(line) < self.waiting - self.waiting / 4
            }
        };
        if !has_room {
            return Err(AccountError::Busy);
        }
        // An address is one, whichever organization it comes to.
        let of_side = || self.all.iter().filter(|(other, _)| other.1 == line.1).flat_map(|(_, jobs)| jobs);
        let own = of_side().filter(|(other, _)| *other == whose).count();
        if own >= asker.part(self.waiting) {
            return Err(AccountError::BusyWithYours(own));
        }
        if let Some(part) = asker.part_of_site(self.waiting) {
            let own = of_side().filter(|(other, _)| other.network() == whose.network()).count();
            if own >= part {
                return Err(AccountError::BusyWithYours(own));
            }
        }
        match self.all.iter_mut().find(|(own, _)| *own == line) {
            Some((_, jobs)) => jobs.push_back((whose, job)),
            None => self.all.push_back((line, VecDeque::from([(whose, job)]))),
        }
        Ok(())
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
        job.map(|(_, job)| job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;

    const HERE: OrganizationId = OrganizationId(1);
    const ELSEWHERE: OrganizationId = OrganizationId(2);

    /// Lines of so many strangers, and what was done so far.
    fn lines(waiting: usize) -> (Lines, Arc<Mutex<Vec<&'static str>>>) {
        (Lines { all: VecDeque::new(), waiting, is_open: true }, Arc::default())
    }

    fn queue(
        lines: &mut Lines,
        (organization, asker): (OrganizationId, Asker),
        what: &'static str,
        done: &Arc<Mutex<Vec<&'static str>>>,
    ) -> Result<(), AccountError> {
        let done = Arc::clone(done);
        lines.queue(organization, asker, Box::new(move || done.lock().unwrap().push(what)))
    }

    fn stranger(number: usize) -> Asker {
        Asker::Stranger(format!("203.0.113.{number}").parse().unwrap())
    }

    fn account(number: usize) -> Asker {
        Asker::Inside(Whose::Account(UserId(number as u64)))
    }

    #[test]
    fn a_log_in_waits_neither_for_channels_passwords_nor_for_another_organization_s_crowd() {
        let (mut lines, done) = lines(8);
        for number in 0..5 {
            queue(&mut lines, (HERE, account(1)), "a channel's", &done).unwrap();
            queue(&mut lines, (ELSEWHERE, stranger(number)), "a crowd's", &done).unwrap();
        }
        queue(&mut lines, (HERE, stranger(5)), "a log-in", &done).unwrap();
        for _ in 0..4 {
            lines.next().unwrap()();
        }
        assert_eq!(*done.lock().unwrap(), ["a channel's", "a crowd's", "a log-in", "a channel's"]);
    }

    #[test]
    fn each_line_has_its_bound_and_leaves_the_others_theirs() {
        let (mut lines, done) = lines(8);
        let mut next = 0;
        let mut fill = |organization, asker: fn(usize) -> Asker| {
            let mut count = 0;
            loop {
                next += 1;
                match queue(&mut lines, (organization, asker(next)), "", &done) {
                    Ok(()) => count += 1,
                    Err(refused) => {
                        assert!(matches!(refused, AccountError::Busy), "{refused}");
                        return count;
                    }
                }
            }
        };
        assert_eq!(fill(HERE, account), INSIDE);
        assert_eq!(fill(HERE, stranger), 6, "a quarter is left to others");
        assert_eq!(fill(ELSEWHERE, account), INSIDE);
        assert_eq!(fill(ELSEWHERE, stranger), 2);
        assert_eq!(fill(OrganizationId(3), stranger), 0);
        let mut count = 0;
        while let Some(job) = lines.next() {
            job();
            count += 1;
        }
        assert_eq!((count, lines.all.len()), (2 * INSIDE + 8, 0));
    }

    #[test]
    fn all_addresses_of_a_site_leave_half_of_the_places() {
        let (mut lines, done) = lines(64);
        let site = |house: u8| Asker::Stranger(format!("2001:db8:2:{house:x}::1").parse().unwrap());
        let taken =
            (0..40).filter(|number| queue(&mut lines, (HERE, site(*number)), "", &done).is_ok()).count();
        assert_eq!(taken, 32);
        queue(&mut lines, (HERE, stranger(1)), "", &done).unwrap();
    }

    #[test]
    fn no_account_and_no_address_fills_a_line() {
        let near = |last: u8| Asker::Stranger([192, 168, 0, last].into());
        let household = |last: u16| -> IpAddr { format!("2001:db8:1:2::{last:x}").parse().unwrap() };
        let (mut lines, done) = lines(64);
        let mut many = |organization, asker: &dyn Fn(u8) -> Asker| {
            let mut taken = 0;
            for number in 0..100 {
                match queue(&mut lines, (organization, asker(number)), "", &done) {
                    Ok(()) => taken += 1,
                    Err(AccountError::BusyWithYours(count)) => assert!(count >= taken),
                    Err(refused) => panic!("{refused}"),
                }
            }
            taken
        };
        assert_eq!(many(HERE, &|_| account(1)), OF_ONE);
        assert_eq!(
            many(HERE, &|last| Asker::Inside(Whose::Address(AddressKey::of(household(last.into()))))),
            OF_ONE
        );
        assert_eq!(many(HERE, &|last| Asker::Stranger(household(last.into()))), 8);
        // Elsewhere it is the same address, and another one has its own.
        assert_eq!(many(ELSEWHERE, &|_| Asker::Stranger(household(1))), 0);
        assert_eq!(many(ELSEWHERE, &|_| stranger(7)), 8);
        assert_eq!(many(HERE, &|_| account(2)), OF_ONE);
        // A club behind one router has what there is, but for what is left to others.
        let mut club = 0;
        while queue(&mut lines, (HERE, near(1)), "", &done).is_ok() {
            club += 1;
        }
        assert_eq!(club, 40);
    }

    #[tokio::test]
    async fn a_job_is_done_and_a_pool_that_is_dropped_ends_its_threads() {
        let pool = Hashing::start(2, 1).unwrap();
        assert_eq!(pool.run(HERE, account(1), || 7).await.unwrap(), 7);
        let shared = Arc::downgrade(&pool.0);
        drop(pool);
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
