//! How often one may try to log in: a delay that doubles with each failure, per account and per
//! address, and is forgotten after a while. Nobody is locked out for good. Times are monotonic, since any fixed moment: by a
//! wall clock that is set back, everybody would wait for as long as it was set back by.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// How a [`Lockout`] reacts to failures.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Failures without any delay.
    pub free: u32,
    /// Delay after the first failure above that; each further one doubles it.
    pub first: Duration,
    /// The longest delay.
    pub longest: Duration,
    /// Quiet time after which failures are forgotten.
    pub forget: Duration,
    /// Keys remembered at most. At the bound the one quiet for longest is forgotten: whoever fills the
    /// table with other keys pays a try for each.
    pub capacity: usize,
}

impl Policy {
    /// Requests that cost something, of one address: a hundred at once, then five a second until it is quiet for ten.
    pub const REQUESTS_OF_ADDRESS: Self = Self {
        free: 100,
        first: Duration::from_millis(200),
        longest: Duration::from_millis(200),
        forget: Duration::from_secs(10),
        capacity: 16_384,
    };
}

#[derive(Clone, Copy, Debug)]
struct Record {
    failures: u32,
    last: Duration,
}

/// A try that was counted, to be taken back when it succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it counts as failed unless it is taken back"]
pub struct Attempt {
    at: Duration,
    /// When the one before it was counted.
    before: Option<Duration>,
}

/// Failures by key. A try counts as failed from the moment it is admitted, so many at once don't all
/// pass before the first one's result is known; [`Lockout::take_back`] takes it back alone, and [`Lockout::succeeded`]
/// with all that failed before it.
#[derive(Debug)]
pub struct Lockout<K> {
    policy: Policy,
    records: HashMap<K, Record>,
}

impl<K: Hash + Eq + Clone> Lockout<K> {
    /// A lockout that remembers nothing yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy, records: HashMap::new() }
    }

    /// How long until a try is admitted; zero for at once. Asking changes nothing.
    pub fn delay(&self, key: &K, now: Duration) -> Duration {
        let Some(record) = self.records.get(key) else { return Duration::ZERO };
        let quiet = now.saturating_sub(record.last);
        if quiet >= self.policy.forget {
            return Duration::ZERO;
        }
        self.after(record.failures).saturating_sub(quiet)
    }

    /// Counts a try that was admitted.
    pub fn tried(&mut self, key: K, now: Duration) -> Attempt {
        if self.records.len() >= self.policy.capacity && !self.records.contains_key(&key) {
            self.make_room(now);
        }
        let record = self.records.entry(key).or_insert(Record { failures: 0, last: now });
        if now.saturating_sub(record.last) >= self.policy.forget {
            record.failures = 0;
        }
        let before = (record.failures > 0).then_some(record.last);
        record.failures = record.failures.saturating_add(1);
        record.last = now;
        Attempt { at: now, before }
    }

    /// Counts a try, unless the key has to wait: then it says for how long, and counts nothing.
    pub fn admit(&mut self, key: K, now: Duration) -> Result<Attempt, Duration> {
        let delay = self.delay(&key, now);
        if delay.is_zero() { Ok(self.tried(key, now)) } else { Err(delay) }
    }

    /// Forgets the failures of a key that has proven who it is. Not for a key that several share, such as an address: one
    /// of them who knows a password would wipe away what another one guessed.
    pub fn succeeded(&mut self, key: &K) {
        self.records.remove(key);
    }

    /// Takes back one try that succeeded, and leaves what failed before it.
    pub fn take_back(&mut self, key: &K, attempt: Attempt) {
        let Some(record) = self.records.get_mut(key) else { return };
        record.failures = record.failures.saturating_sub(1);
        if let Some(before) = attempt.before.filter(|_| record.last == attempt.at) {
            record.last = before;
        }
        if record.failures == 0 {
            self.records.remove(key);
        }
    }

    fn after(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(self.policy.free.max(1)) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.policy.first.saturating_mul(factor).min(self.policy.longest)
    }

    fn make_room(&mut self, now: Duration) {
        let forget = self.policy.forget;
        self.records.retain(|_, record| now.saturating_sub(record.last) < forget);
        if self.records.len() >= self.policy.capacity
            && let Some(oldest) =
                self.records.iter().min_by_key(|(_, record)| record.last).map(|(key, _)| key.clone())
        {
            self.records.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy {
        free: 5,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
        forget: Duration::from_secs(900),
        capacity: 4,
    };

    #[test]
    fn delays_double_after_the_free_failures_up_to_the_longest() {
        let mut lockout = Lockout::new(POLICY);
        let mut now = Duration::from_secs(1_000);
        let mut delays = Vec::new();
        for _ in 0..14 {
            let _ = lockout.tried("alice", now);
            let delay = lockout.delay(&"alice", now);
            delays.push(delay.as_secs());
            now += delay;
        }
        assert_eq!(delays, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(lockout.delay(&"bob", now), Duration::ZERO);
        assert_eq!(lockout.delay(&"alice", now + POLICY.forget), Duration::ZERO);
        lockout.succeeded(&"alice");
        assert_eq!(lockout.delay(&"alice", now), Duration::ZERO);
    }

    #[test]
    fn a_success_takes_back_its_own_try_and_no_other() {
        let mut lockout = Lockout::new(POLICY);
        let mut now = Duration::from_secs(1_000);
        for _ in 0..POLICY.free {
            let _ = lockout.tried("household", now);
        }
        let delay = lockout.delay(&"household", now);
        assert_eq!(delay, Duration::from_secs(1));
        now += delay;
        for _ in 0..3 {
            let attempt = lockout.admit("household", now).unwrap();
            assert!(lockout.admit("household", now).is_err());
            lockout.take_back(&"household", attempt);
            // As if it hadn't been: nobody waits for it, and what failed isn't forgotten.
            assert_eq!(lockout.delay(&"household", now), Duration::ZERO);
        }
        let _ = lockout.admit("household", now).unwrap();
        assert_eq!(lockout.delay(&"household", now), Duration::from_secs(2));
        // Of two at once, whichever ends first, one is left.
        let (one, two) = (lockout.tried("two", now), lockout.tried("two", now + Duration::from_secs(1)));
        lockout.take_back(&"two", one);
        assert_eq!(lockout.records["two"].failures, 1);
        lockout.take_back(&"two", two);
        assert!(!lockout.records.contains_key("two"));
        lockout.take_back(&"two", two);
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_delays_are_too(tries in proptest::collection::vec((0..20_u8, 0..100_000_u64), 0..200)) {
            let mut lockout = Lockout::new(POLICY);
            let mut now = Duration::ZERO;
            for (key, gap) in tries {
                now += Duration::from_millis(gap);
                let _ = lockout.tried(key, now);
                prop_assert!(lockout.records.len() <= POLICY.capacity);
                prop_assert!(lockout.delay(&key, now) <= POLICY.longest);
            }
        }
    }
}
