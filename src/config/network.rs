//! A range of IP addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Bits before an address of IPv4 in the form of IPv6.
const MAPPED: u8 = 96;

/// A range of IP addresses, as `10.0.0.0/8`; a single one without the slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many of its first bits all have in common.
    bits: u8,
}

impl Network {
    /// Whether an address lies in it. One of IPv4 is the same in the form of IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                u32::from(own) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                u128::from(own) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

/// The text isn't a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoNetwork;

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| NoNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.map_or(Ok(most), |bits| bits.trim().parse()).map_err(|_| NoNetwork)?;
        // A range of IPv4 may be written in the form of IPv6, as a dual socket shows its addresses (RFC 4291, 2.5.5.2).
        match (address.to_canonical(), bits.checked_sub(MAPPED)) {
            (address @ IpAddr::V4(_), Some(bits)) if most == 128 && bits <= 32 => Ok(Self { address, bits }),
            _ if bits > most => Err(NoNetwork),
            _ => Ok(Self { address, bits }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        if self.bits == most { self.address.fmt(f) } else { write!(f, "{}/{}", self.address, self.bits) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_it_says() {
        let holds = |range: &str, address: &str| {
            let range: Network = range.parse().unwrap();
            assert_eq!(range.to_string().parse(), Ok(range));
            range.contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.200.1.2") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("127.0.0.1", "::ffff:127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::ffff:10.0.0.0/104", "10.1.2.3") && !holds("::ffff:10.0.0.0/104", "11.0.0.0"));
        assert!(holds("::ffff:127.0.0.1", "127.0.0.1") && holds("::ffff:0:0/96", "8.8.8.8"));
        assert!(holds("::/0", "fd00::1"), "all of IPv6 is no range of IPv4");
        assert!(holds("fd00::/8", "fdab::1") && !holds("fd00::/8", "2001:db8::1"));
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.1/x", "localhost"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
