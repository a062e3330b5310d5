//! A device's own key (RFC 8032, Ed25519), by which it logs in without a password.

use std::fmt;

use bytes::Bytes;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::auth::{DEVICE_KEY, EXPORTED, device_challenge};
use crate::protocol::wire;

/// Bytes of a secret.
pub const DEVICE_SECRET: usize = 32;

/// The secret half of a device's key. Whoever has it is this device.
#[derive(Clone)]
pub struct DeviceSecret {
    seed: [u8; DEVICE_SECRET],
    public: [u8; DEVICE_KEY],
}

impl fmt::Debug for DeviceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceSecret").field("public", &self.public).finish_non_exhaustive()
    }
}

impl DeviceSecret {
    /// A key made of bytes that must be random, or that were kept.
    pub fn from_seed(seed: [u8; DEVICE_SECRET]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        Some(Self { seed, public: pair.public_key().as_ref().try_into().ok()? })
    }

    /// A new key, from the operating system's random source.
    pub fn random() -> Option<Self> {
        let mut seed = [0; DEVICE_SECRET];
        getrandom::fill(&mut seed).ok()?;
        Self::from_seed(seed)
    }

    /// What is kept, where nobody else reads it.
    pub fn seed(&self) -> &[u8; DEVICE_SECRET] {
        &self.seed
    }

    /// What the server is given.
    pub fn public(&self) -> &[u8; DEVICE_KEY] {
        &self.public
    }

    /// The log-in of an account on the connection that exported this.
    pub(super) fn log_in(&self, user: u64, exported: &[u8; EXPORTED]) -> wire::LogInKey {
        let challenge = device_challenge(exported, user, &self.public);
        let signature = Ed25519KeyPair::from_seed_unchecked(&self.seed)
            .map(|pair| Bytes::copy_from_slice(pair.sign(&challenge).as_ref()))
            .unwrap_or_default();
        wire::LogInKey { user, public_key: Bytes::copy_from_slice(&self.public), signature }
    }
}
