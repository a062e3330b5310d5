//! How often an address may do something. An address is one of IPv4 or a /64 of IPv6.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::auth::{AddressKey, is_near};
use crate::voice::Bucket;

/// What loopback and private networks get as a multiple of any other address: a club's network, an office and a proxy on the
/// same machine are many people at one address.
const NEAR: usize = 8;

/// What may come at once, as a multiple of what may come in a second.
const BURST: u32 = 4;

/// Addresses whose rate is remembered, at most.
const REMEMBERED: usize = 16_384;

/// What an address gets of something of which others get `usual`.
pub(super) fn share(usual: usize, from: IpAddr) -> usize {
    if is_near(from) { usual.saturating_mul(NEAR) } else { usual }
}

/// What each address did lately.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: HashMap<AddressKey, Bucket>,
    began: Option<Instant>,
}

impl Rates {
    /// Whether an address may do it once more now, where others than those nearby may do it `usual` times a second.
    pub(super) fn admits(&mut self, from: IpAddr, usual: u32, now: Instant) -> bool {
        let passed = now.saturating_duration_since(*self.began.get_or_insert(now));
        let address = AddressKey::of(from);
        if self.buckets.len() >= REMEMBERED && !self.buckets.contains_key(&address) {
            // Whoever comes by so many addresses is bounded by the places of all.
            self.buckets.clear();
        }
        let rate = u32::try_from(share(usual as usize, from)).unwrap_or(u32::MAX);
        let bucket =
            self.buckets.entry(address).or_insert_with(|| Bucket::new(rate, rate.saturating_mul(BURST)));
        bucket.admit(passed)
    }
}

/// How often each address may ask for pages and figures, however many connections it has.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Steps>);

#[derive(Debug)]
struct Steps {
    usual: u32,
    rates: Mutex<Rates>,
}

impl Pace {
    /// So often in a second; eightfold for loopback and private networks, and four times as many at once.
    pub fn new(usual: u32) -> Self {
        Self(Arc::new(Steps { usual, rates: Mutex::default() }))
    }

    /// Whether an address may ask once more now.
    pub fn admits(&self, from: IpAddr) -> bool {
        self.admits_at(from, Instant::now())
    }

    fn admits_at(&self, from: IpAddr, now: Instant) -> bool {
        self.0.rates.lock().unwrap_or_else(PoisonError::into_inner).admits(from, self.0.usual, now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_asks_so_often_and_takes_nothing_from_others() {
        let (pace, now) = (Pace::new(5), Instant::now());
        let asked = |from: &str, at: Instant| {
            (0..1_000).filter(|_| pace.admits_at(from.parse().unwrap(), at)).count()
        };
        assert_eq!(asked("203.0.113.9", now), 20);
        assert_eq!(asked("203.0.113.9", now + Duration::from_secs(2)), 10);
        assert_eq!(asked("203.0.113.10", now), 20);
        assert_eq!(asked("127.66.6.6", now), 160);
        assert_eq!(asked("2001:db8::1", now), 20);
        assert_eq!(asked("2001:db8::2", now), 0, "the same /64");
    }
}
