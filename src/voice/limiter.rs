//! How much one session may send: two token buckets that hold up to a second of their rate.

use std::time::Duration;

/// What one session may send, each sustained over a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Packets a second.
    pub packets: u32,
    /// Bytes a second, RTP headers included.
    pub bytes: u32,
}

/// Admits packets up to a session's rates. Not shared: each connection's task owns one.
#[derive(Clone, Debug)]
pub struct Limiter {
    packets: Bucket,
    bytes: Bucket,
}

impl Limiter {
    /// A limiter that starts full: a second's worth may come at once.
    pub fn new(rates: Rates) -> Self {
        Self {
            packets: Bucket::new(rates.packets, rates.packets),
            bytes: Bucket::new(rates.bytes, rates.bytes),
        }
    }

    /// Whether a packet of `size` bytes may pass at `now`, a time since any fixed instant. A refused
    /// packet takes nothing from the buckets.
    pub fn admit(&mut self, now: Duration, size: usize) -> bool {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.packets.refill(now);
        self.bytes.refill(now);
        let fits = self.packets.has(1) && self.bytes.has(size);
        if fits {
            self.packets.take(1);
            self.bytes.take(size);
        }
        fits
    }
}

/// A token bucket. It counts in millionths, so that short steps of time are not rounded away.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: u64,
    room: u64,
    filled: u64,
    at: Duration,
}

const MILLION: u64 = 1_000_000;

impl Bucket {
    /// A full bucket that holds `room` tokens and gains `rate` a second.
    pub fn new(rate: u32, room: u32) -> Self {
        let room = u64::from(room) * MILLION;
        Self { rate: rate.into(), room, filled: room, at: Duration::ZERO }
    }

    /// Takes one token at `now`, a time since any fixed instant, if there is one.
    pub fn admit(&mut self, now: Duration) -> bool {
        self.refill(now);
        let has = self.has(1);
        if has {
            self.take(1);
        }
        has
    }

    /// Whether there is no token at `now`.
    pub fn is_empty(&mut self, now: Duration) -> bool {
        self.refill(now);
        !self.has(1)
    }

    /// Whether all tokens are there at `now`, as if none had ever been taken.
    pub fn is_full(&mut self, now: Duration) -> bool {
        self.refill(now);
        self.filled == self.room
    }

    fn refill(&mut self, now: Duration) {
        let micros = now.saturating_sub(self.at).as_micros();
        let gained = u64::try_from(micros).unwrap_or(u64::MAX).saturating_mul(self.rate);
        self.filled = self.filled.saturating_add(gained).min(self.room);
        self.at = self.at.max(now);
    }

    fn has(&self, amount: u32) -> bool {
        self.filled >= u64::from(amount) * MILLION
    }

    fn take(&mut self, amount: u32) {
        self.filled = self.filled.saturating_sub(u64::from(amount) * MILLION);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATES: Rates = Rates { packets: 50, bytes: 10_000 };

    #[test]
    fn a_stream_at_the_rate_passes_forever_and_one_above_is_cut_to_it() {
        let mut limiter = Limiter::new(RATES);
        let passed = |limiter: &mut Limiter, gap: u64, count: u64, start: u64| {
            (0..count).filter(|i| limiter.admit(Duration::from_micros(start + i * gap), 100)).count()
        };
        assert_eq!(passed(&mut limiter, 20_000, 500, 0), 500);
        // Ten seconds at four times the rate: a second's burst at most on top.
        let above = passed(&mut limiter, 5_000, 2_000, 10_000_000);
        assert!((500..=550).contains(&above), "{above} passed");
    }

    #[test]
    fn bytes_are_limited_apart_from_packets() {
        let mut limiter = Limiter::new(RATES);
        assert_eq!((0..50).filter(|_| limiter.admit(Duration::ZERO, 1_000)).count(), 10);
    }

    proptest! {
        #[test]
        fn never_more_than_a_burst_and_the_rate(gaps in proptest::collection::vec(0..50_000_u64, 1..300)) {
            let mut limiter = Limiter::new(RATES);
            let mut now = 0;
            let mut passed = 0_u64;
            for gap in gaps {
                now += gap;
                passed += u64::from(limiter.admit(Duration::from_micros(now), 10));
            }
            prop_assert!(passed <= 50 + now * 50 / MILLION + 1);
        }
    }
}
