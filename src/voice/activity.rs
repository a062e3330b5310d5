//! When a session spoke last, and did anything last: noted by whoever carries its packets, read by whoever asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Who spoke so short a time ago counts as talking.
const TALKING: Duration = Duration::from_secs(1);

/// Times since any fixed instant, in milliseconds; relaxed, since nothing depends on their order.
#[derive(Debug, Default)]
pub struct Activity {
    spoke: AtomicU64,
    acted: AtomicU64,
}

impl Activity {
    /// Of a session that came at `now`, and has not spoken.
    pub fn new(now: Duration) -> Self {
        Self { spoke: AtomicU64::new(0), acted: AtomicU64::new(milliseconds(now)) }
    }

    /// It is heard at `now`.
    pub fn speaks(&self, now: Duration) {
        self.spoke.store(milliseconds(now).max(1), Ordering::Relaxed);
    }

    /// It does something else at `now`.
    pub fn acts(&self, now: Duration) {
        self.acted.store(milliseconds(now), Ordering::Relaxed);
    }

    /// For how long it has neither spoken nor done anything.
    pub fn idle(&self, now: Duration) -> Duration {
        let last = self.spoke.load(Ordering::Relaxed).max(self.acted.load(Ordering::Relaxed));
        now.saturating_sub(Duration::from_millis(last))
    }

    /// Whether it spoke within the last second.
    pub fn talks(&self, now: Duration) -> bool {
        let spoke = self.spoke.load(Ordering::Relaxed);
        spoke > 0 && now.saturating_sub(Duration::from_millis(spoke)) < TALKING
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_speaks_or_acts_is_not_idle() {
        let at = Duration::from_secs;
        let activity = Activity::new(at(10));
        assert_eq!((activity.idle(at(15)), activity.talks(at(15))), (at(5), false));
        activity.speaks(at(20));
        assert_eq!((activity.idle(at(20)), activity.talks(at(20))), (at(0), true));
        activity.acts(at(30));
        assert_eq!((activity.idle(at(31)), activity.talks(at(31))), (at(1), false));
    }
}
