//! What goes wrong again and again, on a broken disk say, is said once, and then once a minute with how often it was.

use std::time::Duration;

/// Between two times that it is said.
const PAUSE: Duration = Duration::from_secs(60);

/// How often something went wrong since it was said.
#[derive(Debug, Default)]
pub struct Complaint {
    said: Option<Duration>,
    since: u64,
}

impl Complaint {
    /// Of nothing so far.
    pub const NONE: Self = Self { said: None, since: 0 };

    /// Counts it at a monotonic time. How often it was since it was said last, where it is to be said again.
    pub fn count(&mut self, now: Duration) -> Option<u64> {
        self.since = self.since.saturating_add(1);
        if self.said.is_some_and(|said| now.saturating_sub(said) < PAUSE) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_at_each_request_is_said_once_a_minute_with_how_often_it_was() {
        let mut complaint = Complaint::default();
        let seconds = Duration::from_secs;
        assert_eq!(complaint.count(seconds(5)), Some(1));
        for tenth in 1..600 {
            assert_eq!(complaint.count(seconds(5) + tenth * seconds(1) / 10), None);
        }
        assert_eq!(complaint.count(seconds(65)), Some(600));
        assert_eq!(complaint.count(seconds(66)), None);
        // Long after, it is as new as the first.
        assert_eq!(complaint.count(seconds(10_000)), Some(2));
        assert_eq!(complaint.count(seconds(20_000)), Some(1));
    }
}
