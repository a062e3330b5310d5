//! Which addresses count as one, and which are one network's.

use std::collections::HashMap;
use std::net::IpAddr;

/// The prefix of an address that counts as one origin: all of IPv4, and the 64 bits that a
/// household or a server has of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressKey(u64, bool);

impl AddressKey {
    /// The key of an address; an IPv4 address mapped into IPv6 counts as itself.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u32::from(address).into(), false),
            IpAddr::V6(address) => Self((u128::from(address) >> 64) as u64, true),
        }
    }

    /// The network that it is of.
    pub fn network(self) -> NetworkKey {
        let Self(bits, is_v6) = self;
        NetworkKey(if is_v6 { bits >> 16 } else { bits }, is_v6)
    }
}

/// What somebody may have who has one address and more: the 48 bits of a site (RFC 6177), which are 65,536 addresses as
/// [`AddressKey`] counts them. An IPv4 address is a network of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkKey(u64, bool);

impl NetworkKey {
    /// What a network has of something of which each of its addresses has `of_address`, and all of the world `all`: as much as
    /// eight addresses, and half of all at most. Nothing for a network that is one address.
    pub fn share(self, of_address: usize, all: usize) -> Option<usize> {
        let Self(_, is_v6) = self;
        is_v6.then(|| of_address.saturating_mul(OF_NETWORK).min(all / 2).max(of_address))
    }

    /// How often a network may do what each of its addresses may do so often; nothing for a network that is one address.
    pub fn rate(self, of_address: u32) -> Option<u32> {
        let Self(_, is_v6) = self;
        is_v6.then(|| of_address.saturating_mul(OF_NETWORK as u32))
    }
}

/// What a network has as a multiple of one address.
const OF_NETWORK: usize = 8;

/// The address that makes room where there are too many of all: the one that has most, of the network that has most; where
/// several have as many, the one whose first came first. Takes addresses with how many each has, in parts or at once, and since
/// when.
pub fn makes_room<T: Copy + Ord>(all: impl Iterator<Item = (AddressKey, usize, T)>) -> Option<AddressKey> {
    let mut addresses: HashMap<AddressKey, (usize, T)> = HashMap::new();
    for (address, count, since) in all {
        let (there, first) = addresses.entry(address).or_insert((0, since));
        (*there, *first) = (*there + count, since.min(*first));
    }
    let mut networks: HashMap<NetworkKey, (usize, T)> = HashMap::new();
    for (address, (count, since)) in &addresses {
        let (there, first) = networks.entry(address.network()).or_insert((0, *since));
        (*there, *first) = (*there + count, (*since).min(*first));
    }
    let network = most(networks.into_iter())?;
    most(addresses.into_iter().filter(|(address, _)| address.network() == network))
}

/// Who has most, and of several who have as many, who came first.
fn most<K, T: Ord>(all: impl Iterator<Item = (K, (usize, T))>) -> Option<K> {
    let most = all.max_by(|(_, (one, since)), (_, (other, before))| one.cmp(other).then(before.cmp(since)));
    most.map(|(key, _)| key)
}

/// Whether an address is of this machine or of a network that isn't the Internet.
pub fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // The last one is what providers, and private networks over the Internet, number their own by (RFC 6598).
            let shared = first == 100 && second & 0xc0 == 64;
            address.is_loopback() || address.is_private() || address.is_link_local() || shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_household_is_one_address() {
        let key = |text: &str| AddressKey::of(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn a_network_has_as_much_as_eight_of_its_addresses_and_leaves_half_of_all() {
        let network = |text: &str| AddressKey::of(text.parse().unwrap()).network();
        assert_eq!(network("2001:db8:1::1"), network("2001:db8:1:ffff::1"));
        assert_ne!(network("2001:db8:1::1"), network("2001:db8:2::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        let site = network("2001:db8:1::1");
        assert_eq!(
            (site.share(4, 1_000), site.share(4, 20), site.share(4, 4)),
            (Some(32), Some(10), Some(4))
        );
        assert_eq!((site.rate(5), network("192.0.2.1").rate(5)), (Some(40), None));
        assert_eq!(network("::ffff:192.0.2.1").share(4, 1_000), None);
    }

    proptest! {
        #[test]
        fn whoever_makes_room_has_most_of_those_who_have_most(
            all in proptest::collection::hash_map((0..4_u16, 0..8_u16), 1..20_usize, 1..30),
        ) {
            let key = |(site, house): (u16, u16)| {
                AddressKey::of(format!("2001:db8:{site:x}:{house:x}::1").parse().unwrap())
            };
            let one_by_one =
                all.iter().flat_map(|(at, count)| (0..*count).map(move |number| (key(*at), 1, (number, *at))));
            let found = makes_room(one_by_one).unwrap();
            let site = |site: u16| all.iter().filter(|((one, _), _)| *one == site).map(|(_, n)| *n).sum::<usize>();
            let (at, count) = all.iter().find(|(at, _)| key(**at) == found).unwrap();
            prop_assert!((0..4).all(|other| site(other) <= site(at.0)));
            prop_assert!(all.iter().all(|((one, _), n)| *one != at.0 || n <= count));
            // Of several it is the first, and the same each time.
            prop_assert!(all.iter().all(|(one, n)| one.0 != at.0 || n < count || one >= at));
        }
    }
}
