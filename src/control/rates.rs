//! How often something may happen: messages to one channel, whoever writes them, requests by one API key, and what one
//! account changes that is kept.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::bounds::RUNS_A_MINUTE;
use crate::clock::Clock;
use crate::id::{FlowNumber, UserId};

const MINUTE: Duration = Duration::from_secs(60);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Channels, keys or accounts that are remembered before those that are quiet again are forgotten.
const REMEMBERED: usize = 1_024;

/// The limit of each channel, or of each key.
pub(super) struct Rates<K: Hash + Eq + Clone = u64> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, Monotonic, NoOpMiddleware<Duration>>,
    clock: Monotonic,
}

/// A clock's monotonic time, as the limiter wants it.
#[derive(Clone)]
struct Monotonic(Clock);

impl governor::clock::Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

impl Rates {
    /// So many a second, sustained, and so many at once.
    pub(super) fn new((rate, burst): (u32, u32), clock: Clock) -> Self {
        Self::by(Quota::per_second(number(rate)).allow_burst(number(burst)), clock)
    }
}

impl<K: Hash + Eq + Clone> Rates<K> {
    /// So many at once, and as many a day.
    pub(super) fn daily(count: u32, clock: Clock) -> Self {
        Self::slow(count, DAY / count.max(1), clock)
    }

    /// So many at once, and one more after each time so long, which isn't zero.
    fn slow(burst: u32, every: Duration, clock: Clock) -> Self {
        let quota = Quota::with_period(every).unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN));
        Self::by(quota.allow_burst(number(burst)), clock)
    }

    fn by(quota: Quota, clock: Clock) -> Self {
        let clock = Monotonic(clock);
        Self { limiter: RateLimiter::hashmap_with_clock(quota, clock.clone()), clock }
    }

    /// Counts what happens to the one of this identifier, or says how long to wait with it.
    pub(super) fn admit(&self, id: impl Into<K>) -> Result<(), Duration> {
        if self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&id.into()).map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

/// How often flows run: each, those of an account, and all of the organization.
pub(super) struct RunRates {
    flow: Rates<(UserId, FlowNumber)>,
    account: Rates<UserId>,
    all: Rates<()>,
}

impl RunRates {
    pub(super) fn new(clock: &Clock) -> Self {
        let (flow, account, all) = RUNS_A_MINUTE;
        Self {
            flow: Rates::slow(flow, MINUTE / flow.max(1), clock.clone()),
            account: Rates::slow(account, MINUTE / account.max(1), clock.clone()),
            all: Rates::slow(all, MINUTE / all.max(1), clock.clone()),
        }
    }

    /// Counts a run, or says how long to wait with it.
    pub(super) fn admit(&self, user: UserId, flow: FlowNumber) -> Result<(), Duration> {
        self.flow.admit((user, flow))?;
        self.account.admit(user)?;
        self.all.admit(())
    }
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ChannelId, Timestamp};

    #[test]
    fn what_is_kept_comes_so_often_at_once_and_then_slowly() {
        let (clock, turned) = Clock::turned(Timestamp(0));
        let (two, minute) = (2, Duration::from_secs(60));
        let kept: Rates = Rates::slow(two, minute, clock);
        for _ in 0..two {
            kept.admit(7_u64).unwrap();
        }
        assert_eq!(kept.admit(7_u64).unwrap_err(), minute);
        kept.admit(8_u64).unwrap();
        turned.advance(minute);
        kept.admit(7_u64).unwrap();
        assert!(kept.admit(7_u64).is_err());
    }

    #[test]
    fn one_channel_s_messages_are_not_another_s() {
        let (clock, turned) = Clock::turned(Timestamp(0));
        let texts = Rates::new((1, 3), clock);
        for _ in 0..3 {
            texts.admit(ChannelId(1)).unwrap();
        }
        let wait = texts.admit(ChannelId(1)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(1));
        texts.admit(ChannelId(2)).unwrap();
        for channel in 3..10_000 {
            let _ = texts.admit(ChannelId(channel));
        }
        assert!(texts.admit(ChannelId(1)).is_err());
        turned.advance(wait);
        texts.admit(ChannelId(1)).unwrap();
    }
}
