//! Guests whom moderators muted or deafened, by their address: they have nothing else that stays.

use std::collections::HashMap;
use std::net::IpAddr;

/// Addresses that are kept; above that, new ones aren't.
const KEPT: usize = 1_024;

/// Who is muted and who deafened, in case they come again.
#[derive(Debug, Default)]
pub(super) struct Restrained(HashMap<IpAddr, (bool, bool)>);

impl Restrained {
    /// Whether a guest from there is muted, and whether deafened.
    pub(super) fn of(&self, address: IpAddr) -> (bool, bool) {
        self.0.get(&address).copied().unwrap_or_default()
    }

    /// Keeps in mind what is laid upon a guest from there.
    pub(super) fn note(&mut self, address: IpAddr, restraint: (bool, bool)) {
        if restraint == (false, false) {
            self.0.remove(&address);
        } else if self.0.len() < KEPT || self.0.contains_key(&address) {
            self.0.insert(address, restraint);
        }
    }
}
