//! Which addresses are dialled: those that are reached from everywhere, and the networks that the machine's owner lists.
//! Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::config::Network;

/// Addresses that begin with the same bits, and what each of them is. Those of IPv4 stand here in the form of IPv6.
struct Range {
    first: u128,
    bits: u32,
    what: &'static str,
}

impl Range {
    const fn four(parts: [u8; 4], bits: u32, what: &'static str) -> Self {
        let [a, b, c, d] = parts;
        Self { first: Ipv4Addr::new(a, b, c, d).to_ipv6_mapped().to_bits(), bits: 96 + bits, what }
    }

    const fn six(parts: [u16; 4], bits: u32, what: &'static str) -> Self {
        let [a, b, c, d] = parts;
        Self { first: Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_bits(), bits, what }
    }

    const fn holds(&self, address: u128) -> bool {
        let mask = u128::MAX << (128 - self.bits);
        address & mask == self.first & mask
    }
}

/// What is no ordinary public address, by IANA's registries "IPv4 Special-Purpose Address Space" and "IPv6 Special-Purpose
/// Address Space" (RFC 6890 and RFC 8190), with multicast and what was special once. The first one that holds an address says
/// what it is.
const SPECIAL: &[Range] = &[
    Range::four([0, 0, 0, 0], 8, "an address of this machine (0.0.0.0/8)"), // RFC 791
    Range::four([10, 0, 0, 0], 8, "a private address"),                     // RFC 1918
    Range::four([100, 64, 0, 0], 10, "a provider's shared address"), // RFC 6598, clouds' metadata among them
    Range::four([127, 0, 0, 0], 8, "a loopback address"),            // RFC 1122
    Range::four([169, 254, 0, 0], 16, "a link-local address"),       // RFC 3927, clouds' metadata among them
    Range::four([172, 16, 0, 0], 12, "a private address"),           // RFC 1918
    Range::four([192, 0, 0, 0], 24, "an address that protocols keep for themselves"), // RFC 6890
    Range::four([192, 0, 2, 0], 24, "an address for documentation"), // RFC 5737
    Range::four([192, 88, 99, 0], 24, "an address of 6to4"),         // RFC 7526
    Range::four([192, 168, 0, 0], 16, "a private address"),          // RFC 1918
    Range::four([198, 18, 0, 0], 15, "an address for measurements"), // RFC 2544
    Range::four([198, 51, 100, 0], 24, "an address for documentation"), // RFC 5737
    Range::four([203, 0, 113, 0], 24, "an address for documentation"), // RFC 5737
    Range::four([224, 0, 0, 0], 4, "a multicast address"),           // RFC 5771
    Range::four([255, 255, 255, 255], 32, "the broadcast address"),  // RFC 8190
    Range::four([240, 0, 0, 0], 4, "a reserved address"),            // RFC 1112
    Range::six([0x2001, 0xdb8, 0, 0], 32, "an address for documentation"), // RFC 3849
    Range::six([0x2001, 0, 0, 0], 32, "an address of Teredo"),       // RFC 4380
    Range::six([0x2001, 0, 0, 0], 23, "an address that protocols keep for themselves"), // RFC 2928
    Range::six([0x2002, 0, 0, 0], 16, "an address of 6to4"),         // RFC 7526
    Range::six([0x3fff, 0, 0, 0], 20, "an address for documentation"), // RFC 9637
    Range::six([0x64, 0xff9b, 1, 0], 48, "an address that is translated in one network"), // RFC 8215
    Range::six([0xfc00, 0, 0, 0], 7, "a private address"),           // RFC 4193
    Range::six([0xfe80, 0, 0, 0], 10, "a link-local address"),       // RFC 4291
    Range::six([0xfec0, 0, 0, 0], 10, "a private address"),          // RFC 3879
    Range::six([0xff00, 0, 0, 0], 8, "a multicast address"),         // RFC 4291
];

/// IPv4 in the form of IPv6 (RFC 4291, section 2.5.5.2).
const MAPPED: Range = Range::four([0, 0, 0, 0], 0, "");

/// Addresses that a translator takes to IPv4, by their last 32 bits (RFC 6052).
const TRANSLATED: Range = Range::six([0x64, 0xff9b, 0, 0], 96, "");

/// All that is given to networks of IPv6 at all (RFC 4291, section 2.4; IANA's "IPv6 Global Unicast Address Assignments").
const GIVEN: Range = Range::six([0x2000, 0, 0, 0], 3, "");

/// What an address is that isn't an ordinary public one, in words; none of one that is. An IPv4 address in the form of IPv6, and
/// one that a translator (NAT64) is to reach, is what the IPv4 address is.
pub fn special(address: IpAddr) -> Option<&'static str> {
    let mut bits = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    };
    if TRANSLATED.holds(bits) {
        bits = MAPPED.first | bits & u128::from(u32::MAX);
    }
    if bits <= 1 {
        return Some(if bits == 0 { "no address at all (::)" } else { "a loopback address" });
    }
    let found = SPECIAL.iter().find(|range| range.holds(bits)).map(|range| range.what);
    let is_given = GIVEN.holds(bits) || MAPPED.holds(bits);
    found.or_else(|| (!is_given).then_some("a reserved address"))
}

/// Why an address isn't dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is this, and in no network that is listed.
    Special(&'static str),
    /// It would be asked without encryption, and is in no network that is listed.
    Plain,
}

/// Which addresses are dialled.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The networks beside public addresses; none where everything is dialled.
    networks: Option<Arc<[Network]>>,
}

impl Reach {
    /// What is public, by `https://`, and these networks, by `http://`, too. For addresses that people write whose server it
    /// isn't.
    pub fn public_and(networks: Vec<Network>) -> Self {
        Self { networks: Some(networks.into()) }
    }

    /// Everything: for addresses that the machine's owner writes.
    pub const fn everything() -> Self {
        Self { networks: None }
    }

    /// Whether any network is listed, so that there is something to be asked without encryption.
    pub(super) fn lists_any(&self) -> bool {
        self.networks.as_ref().is_none_or(|networks| !networks.is_empty())
    }

    /// Judges an address, which is asked without encryption where it is `plain`.
    pub(super) fn judge(&self, address: IpAddr, plain: bool) -> Result<(), Kept> {
        let listed =
            self.networks.as_ref().is_none_or(|all| all.iter().any(|network| network.contains(address)));
        match special(address) {
            _ if listed => Ok(()),
            Some(what) => Err(Kept::Special(what)),
            None if plain => Err(Kept::Plain),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_special(address: &str) -> bool {
        special(address.parse().unwrap()).is_some()
    }

    /// The first and the last address of each range, and their neighbours outside of it.
    #[test]
    fn each_range_ends_where_it_is_said_to_end() {
        for (before, first, last, after) in [
            ("", "0.0.0.0", "0.255.255.255", "1.0.0.0"),
            ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
            ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
            ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
            ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
            ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
            ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
            ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
            ("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
            ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
            ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
            ("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
            ("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
            ("223.255.255.255", "224.0.0.0", "255.255.255.255", ""),
            ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff::", "2001:200::"),
            ("2001:db7:ffff::", "2001:db8::", "2001:db8:ffff::", "2001:db9::"),
            ("2001:ffff:ffff::", "2002::", "2002:ffff:ffff::", "2003::"),
            ("3ffe:ffff::", "3fff::", "3fff:fff:ffff::", "3fff:1000::"),
            ("3fff:1000::", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
            ("", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
        ] {
            assert!(is_special(first) && is_special(last), "{first} to {last}");
            assert!(before.is_empty() || !is_special(before), "{before}");
            assert!(after.is_empty() || !is_special(after), "{after}");
        }
    }

    #[test]
    fn what_an_address_is_is_said_in_words() {
        for (address, what) in [
            ("::", "no address at all (::)"),
            ("::1", "a loopback address"),
            ("::ffff:127.0.0.1", "a loopback address"),
            ("::127.0.0.1", "a reserved address"),
            ("::ffff:0:127.0.0.1", "a reserved address"),
            ("64:ff9b::169.254.169.254", "a link-local address"),
            ("64:ff9b:1::8.8.8.8", "an address that is translated in one network"),
            ("64:ff9b:2::8.8.8.8", "a reserved address"),
            ("255.255.255.255", "the broadcast address"),
            ("255.255.255.254", "a reserved address"),
            ("100::1", "a reserved address"),
            ("2001::1", "an address of Teredo"),
            ("2001:2::1", "an address that protocols keep for themselves"),
            ("2002:7f00:1::", "an address of 6to4"),
            ("5f00::1", "a reserved address"),
            ("fd00:ec2::254", "a private address"),
            ("fe80::1", "a link-local address"),
            ("fec0::1", "a private address"),
            ("ff02::1", "a multicast address"),
        ] {
            assert_eq!(special(address.parse().unwrap()), Some(what), "{address}");
        }
        for public in ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::1111", "192.175.48.1"] {
            assert_eq!(special(public.parse().unwrap()), None, "{public}");
        }
    }

    #[test]
    fn what_is_listed_is_dialled_and_nothing_beside_it() {
        let reach = |networks: &[&str]| {
            Reach::public_and(networks.iter().map(|network| network.parse().unwrap()).collect())
        };
        let judge = |reach: &Reach, address: &str, plain| reach.judge(address.parse().unwrap(), plain);
        let (none, home) = (reach(&[]), reach(&["10.0.0.0/8", "fd00::/8", "1.1.1.1"]));
        assert!(!none.lists_any() && home.lists_any() && Reach::everything().lists_any());
        assert_eq!(judge(&none, "10.1.2.3", false), Err(Kept::Special("a private address")));
        assert_eq!(
            (judge(&none, "8.8.8.8", false), judge(&none, "8.8.8.8", true)),
            (Ok(()), Err(Kept::Plain))
        );
        for listed in ["10.1.2.3", "::ffff:10.1.2.3", "fdab::1", "1.1.1.1"] {
            assert_eq!(
                (judge(&home, listed, false), judge(&home, listed, true)),
                (Ok(()), Ok(())),
                "{listed}"
            );
        }
        for elsewhere in ["127.0.0.1", "11.0.0.1", "::1", "64:ff9b::10.1.2.3", "::10.1.2.3"] {
            assert!(judge(&home, elsewhere, true).is_err(), "{elsewhere}");
        }
        assert_eq!(judge(&Reach::everything(), "127.0.0.1", true), Ok(()));
    }

    proptest! {
        /// What the standard library knows of IPv4 is special here, in every form that IPv6 has for it.
        #[test]
        fn an_address_of_ipv4_is_the_same_in_every_form(bits: u32) {
            let four = Ipv4Addr::from(bits);
            let known = four.is_private() || four.is_loopback() || four.is_link_local() || four.is_multicast()
                || four.is_broadcast() || four.is_documentation() || four.is_unspecified();
            let own = special(four.into());
            prop_assert!(own.is_some() || !known, "{four}");
            prop_assert_eq!(special(four.to_ipv6_mapped().into()), own);
            let translated = Ipv6Addr::from_bits(TRANSLATED.first | u128::from(bits));
            prop_assert_eq!(special(translated.into()), own);
            let compatible = Ipv6Addr::from_bits(bits.into());
            prop_assert!(special(compatible.into()).is_some());
        }

        /// Nothing outside of what is given to networks is public, but for IPv4 in its two forms.
        #[test]
        fn what_is_given_to_nobody_is_special(bits: u128) {
            let six = Ipv6Addr::from_bits(bits);
            let known = six.is_multicast() || six.is_unique_local() || six.is_unicast_link_local()
                || six.is_loopback() || six.is_unspecified() || bits >> 125 != 1;
            let is_four = six.to_ipv4_mapped().is_some() || TRANSLATED.holds(bits);
            prop_assert!(special(six.into()).is_some() || !known || is_four, "{six}");
        }
    }
}
