//! Guests whom moderators muted or deafened, by their address (of IPv6, by its /64): they have nothing else that stays.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::auth::AddressKey;

/// Addresses that are kept; above that, new ones aren't.
const KEPT: usize = 1_024;

/// Who is muted and who deafened, in case they come again.
#[derive(Debug, Default)]
pub(super) struct Restrained(HashMap<AddressKey, (bool, bool)>);

impl Restrained {
    /// Whether a guest from there is muted, and whether deafened.
    pub(super) fn of(&self, address: IpAddr) -> (bool, bool) {
        self.0.get(&AddressKey::of(address)).copied().unwrap_or_default()
    }

    /// Keeps in mind what is laid upon a guest from there.
    pub(super) fn note(&mut self, address: IpAddr, restraint: (bool, bool)) {
        let key = AddressKey::of(address);
        if restraint == (false, false) {
            self.0.remove(&key);
        } else if self.0.len() < KEPT || self.0.contains_key(&key) {
            self.0.insert(key, restraint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_who_was_muted_is_muted_at_any_address_of_the_same_household() {
        let mut restrained = Restrained::default();
        let address = |text: &str| text.parse().unwrap();
        restrained.note(address("2001:db8::1"), (true, false));
        assert_eq!(restrained.of(address("2001:db8::ffff:2")), (true, false));
        assert_eq!(restrained.of(address("2001:db8:0:1::1")), (false, false));
        restrained.note(address("2001:db8::3"), (false, false));
        assert_eq!(restrained.of(address("2001:db8::1")), (false, false));
    }
}
