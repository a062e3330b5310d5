//! How long to wait before a device is tried again.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(50);

/// The longest: sound is to be there again two seconds after its device is.
const LONGEST: Duration = Duration::from_secs(1);

/// A device that worked for so long is tried at once when it is lost.
const STEADY: Duration = Duration::from_secs(5);

/// Waits that double, up to a second.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// How long to wait now. `worked` says for how long the device had worked, if it did.
    pub(super) fn wait(&mut self, worked: Option<Duration>) -> Duration {
        if worked.is_some_and(|worked| worked >= STEADY) {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_second_and_begin_anew_after_a_device_worked() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..7).map(|_| backoff.wait(None).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(
            backoff.wait(Some(Duration::from_millis(300))).as_millis(),
            1_000,
            "it worked for a moment only"
        );
        assert_eq!(backoff.wait(Some(Duration::from_mins(1))).as_millis(), 50);
        assert_eq!(backoff.wait(None).as_millis(), 100);
    }
}
