//! How many messages a channel takes, whoever writes them.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{Quota, RateLimiter};

use crate::id::ChannelId;

/// Channels that are remembered before those that are quiet again are forgotten.
const REMEMBERED: usize = 1_024;

/// The limit of each channel.
pub(super) struct Texts {
    limiter: governor::DefaultKeyedRateLimiter<u64>,
    clock: DefaultClock,
}

impl Texts {
    /// So many a second, sustained, and so many at once.
    pub(super) fn new((rate, burst): (u32, u32)) -> Self {
        let number = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(number(rate)).allow_burst(number(burst));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Counts a message, or says how long to wait with it.
    pub(super) fn admit(&self, channel: ChannelId) -> Result<(), Duration> {
        if self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&channel.0).map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_channel_s_messages_are_not_another_s() {
        let texts = Texts::new((1, 3));
        for _ in 0..3 {
            texts.admit(ChannelId(1)).unwrap();
        }
        let wait = texts.admit(ChannelId(1)).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        texts.admit(ChannelId(2)).unwrap();
        for channel in 3..10_000 {
            let _ = texts.admit(ChannelId(channel));
        }
        assert!(texts.admit(ChannelId(1)).is_err());
    }
}
