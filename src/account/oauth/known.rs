//! What an organization knows of programs beside the database: codes, devices that wait, opened keys, and how often each asks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::codes::Codes;
use super::devices::Devices;
use super::opened::Keys;
use crate::auth::{AddressKey, Lockout, Policy};
use crate::id::OAuthClientId;

/// Requests of one program: three hundred at once, then twenty a second until it is quiet for ten.
const CLIENT: Policy = Policy {
    free: 300,
    first: Duration::from_millis(50),
    longest: Duration::from_millis(50),
    forget: Duration::from_secs(10),
    capacity: 16_384,
};

/// What an organization knows of programs beside the database.
pub(in crate::account) struct OAuth {
    codes: Mutex<Codes>,
    devices: Mutex<Devices>,
    pub(super) keys: ArcSwapOption<Keys>,
    pub(super) addresses: Mutex<Lockout<AddressKey>>,
    pub(super) clients: Mutex<Lockout<OAuthClientId>>,
}

impl Default for OAuth {
    fn default() -> Self {
        Self {
            codes: Mutex::default(),
            devices: Mutex::default(),
            keys: ArcSwapOption::empty(),
            addresses: Mutex::new(Lockout::new(Policy::REQUESTS_OF_ADDRESS)),
            clients: Mutex::new(Lockout::new(CLIENT)),
        }
    }
}

impl OAuth {
    /// The codes.
    pub(super) fn codes(&self) -> MutexGuard<'_, Codes> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The devices that wait.
    pub(super) fn devices(&self) -> MutexGuard<'_, Devices> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
