//! A device's own key (Ed25519, RFC 8032): instead of a password it signs something that only this connection has.

use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest, Sha256};

use crate::id::Fingerprint;

/// Bytes of a public key.
pub const DEVICE_KEY: usize = 32;

/// Bytes of what a connection exports for this (RFC 8446, section 7.5).
pub const EXPORTED: usize = 32;

/// The exporter's label.
pub const EXPORTER: &[u8] = b"EXPORTER-parlour-device-log-in";

/// What is signed: of this connection only, by this key for this account only.
pub fn device_challenge(exported: &[u8; EXPORTED], user: u64, public: &[u8; DEVICE_KEY]) -> Vec<u8> {
    [b"parlour device log-in 1".as_slice(), exported, &user.to_be_bytes(), public].concat()
}

/// Whether `signature` is the key's over the challenge.
pub fn verify_device(public: &[u8; DEVICE_KEY], challenge: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(challenge, signature).is_ok()
}

/// What names a key: SHA-256 of it.
pub fn device_fingerprint(public: &[u8; DEVICE_KEY]) -> Fingerprint {
    Fingerprint(Sha256::digest(public).into())
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    #[test]
    fn a_signature_is_good_for_its_connection_account_and_key() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let public: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
        let challenge = device_challenge(&[1; EXPORTED], 5, &public);
        let signature = pair.sign(&challenge);
        assert!(verify_device(&public, &challenge, signature.as_ref()));
        let elsewhere = device_challenge(&[2; EXPORTED], 5, &public);
        let other = device_challenge(&[1; EXPORTED], 6, &public);
        assert!(!verify_device(&public, &elsewhere, signature.as_ref()));
        assert!(!verify_device(&public, &other, signature.as_ref()));
        assert!(!verify_device(&[9; 32], &challenge, signature.as_ref()));
        assert!(!verify_device(&public, &challenge, &[]));
    }
}
