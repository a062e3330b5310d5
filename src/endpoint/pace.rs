//! How often an address may do something. An address is one of IPv4 or a /64 of IPv6; all of a /48 together may do it eight times
//! as often.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::auth::{AddressKey, NetworkKey, is_near};
use crate::voice::Bucket;

/// What loopback and private networks get as a multiple of any other address: a club's network, an office and a proxy on the
/// same machine are many people at one address.
const NEAR: usize = 8;

/// What may come at once, as a multiple of what may come in a second.
const BURST: u32 = 4;

/// Addresses and networks whose rates are remembered, at most.
const REMEMBERED: usize = 16_384;

/// What an address gets of something of which others get `usual`.
pub(super) fn share(usual: usize, from: IpAddr) -> usize {
    if is_near(from) { usual.saturating_mul(NEAR) } else { usual }
}

/// Whose rate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Address(AddressKey),
    Network(NetworkKey),
}

/// What each address did lately.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: HashMap<Whose, Bucket>,
    began: Option<Instant>,
}

impl Rates {
    /// Whether an address may do it once more now, where others than those nearby may do it `usual` times a second.
    pub(super) fn admits(&mut self, from: IpAddr, usual: u32, now: Instant) -> bool {
        let passed = now.saturating_duration_since(*self.began.get_or_insert(now));
        let address = AddressKey::of(from);
        let rate = u32::try_from(share(usual as usize, from)).unwrap_or(u32::MAX);
        let network = address.network();
        let wide = network.rate(usual).filter(|_| !is_near(from)).map(|rate| (Whose::Network(network), rate));
        // First, so that a network's many addresses aren't each remembered.
        if wide.is_some_and(|(whose, rate)| self.bucket(whose, rate, passed).is_empty(passed)) {
            return false;
        }
        let is_admitted = self.bucket(Whose::Address(address), rate, passed).admit(passed);
        if let Some((whose, rate)) = wide.filter(|_| is_admitted) {
            self.bucket(whose, rate, passed).admit(passed);
        }
        is_admitted
    }

    fn bucket(&mut self, whose: Whose, rate: u32, now: Duration) -> &mut Bucket {
        if self.buckets.len() >= REMEMBERED && !self.buckets.contains_key(&whose) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= REMEMBERED {
                // Whoever comes by so many addresses is bounded by the places of all.
                self.buckets.clear();
            }
        }
        self.buckets.entry(whose).or_insert_with(|| Bucket::new(rate, rate.saturating_mul(BURST)))
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
        // Of a /48 all houses together ask eight times as often as one, and nobody else less for it.
        let houses = |site: &str| {
            (0..100).map(|house| asked(&format!("2001:db8:{site}:{house:x}::1"), now)).sum::<usize>()
        };
        assert_eq!((houses("7"), houses("8")), (160, 160));
        assert_eq!(
            (0..100).map(|house| asked(&format!("fd00::{house:x}:0:0:0:1"), now)).sum::<usize>(),
            16_000
        );
    }

    #[test]
    fn a_network_of_many_addresses_has_nobody_forgotten() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        let of = |site: u8, house: u16| format!("2001:db8:{site:x}:{house:x}::1").parse().unwrap();
        assert_eq!((0..50).filter(|_| rates.admits(of(1, 1), 5, now)).count(), 20);
        let come = (0..u16::MAX).filter(|house| rates.admits(of(2, *house), 5, now)).count();
        assert_eq!((come, rates.buckets.len()), (160, 2 + 1 + 160));
        assert!(!rates.admits(of(1, 1), 5, now));
    }
}
