//! Whether the machine slept, or this program was held: then the server may have given the connection up without our knowing.

use std::time::{Duration, SystemTime};

/// What is longer between two looks was sleep.
const LONG: Duration = Duration::from_secs(3);

/// The last look. It goes by the clock on the wall, which goes on while the machine sleeps; where somebody sets that, the
/// server is asked for nothing once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sleep(SystemTime);

impl Sleep {
    pub(super) fn now() -> Self {
        Self(SystemTime::now())
    }

    /// Whether there was a long time since the last look.
    pub(super) fn was_long(&mut self) -> bool {
        self.was_long_at(SystemTime::now())
    }

    fn was_long_at(&mut self, now: SystemTime) -> bool {
        let before = std::mem::replace(&mut self.0, now);
        now.duration_since(before).is_ok_and(|since| since > LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_time_is_sleep() {
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let mut sleep = Sleep(begin);
        assert!(!sleep.was_long_at(begin + Duration::from_secs(1)));
        assert!(sleep.was_long_at(begin + Duration::from_secs(10)));
        assert!(!sleep.was_long_at(begin), "a clock that was put back is no sleep");
    }
}
