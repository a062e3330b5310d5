//! How much of the line voice takes.

use std::time::Duration;

/// How much of the line voice took lately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    at: Duration,
    sent: u64,
    received: u64,
    /// Bits a second.
    pub(super) sent_rate: u32,
    pub(super) received_rate: u32,
}

impl Traffic {
    /// Takes the bytes so far, at a time since it began. A rate is made of half a second at least.
    pub(super) fn count(&mut self, at: Duration, (sent, received): (u64, u64)) {
        let passed = at.saturating_sub(self.at).as_secs_f64();
        if passed < 0.4 {
            return;
        }
        let rate = |now: u64, before: u64| (now.saturating_sub(before) as f64 * 8.0 / passed) as u32;
        let (sent_rate, received_rate) = (rate(sent, self.sent), rate(received, self.received));
        *self = Self { at, sent, received, sent_rate, received_rate };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_is_in_bits_a_second() {
        let mut traffic = Traffic::default();
        traffic.count(Duration::from_secs(1), (1_000, 0));
        traffic.count(Duration::from_millis(1_200), (9_000, 9_000));
        assert_eq!((traffic.sent_rate, traffic.received_rate), (8_000, 0));
        traffic.count(Duration::from_secs(3), (2_000, 500));
        assert_eq!((traffic.sent_rate, traffic.received_rate), (4_000, 2_000));
    }
}
