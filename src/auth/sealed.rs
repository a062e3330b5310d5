//! Secrets that have to be read again, sealed (ChaCha20-Poly1305, RFC 8439) under a key that isn't kept beside them:
//! who finds a database, or a backup of it, has nothing of them.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};

/// Random bytes that each sealing takes.
pub const SEALING: usize = NONCE_LEN;

/// Seals and opens.
pub struct SealKey(Option<LessSafeKey>);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

impl SealKey {
    /// A key made of a secret that lasts.
    pub fn new(secret: &[u8]) -> Self {
        let derived = Sha256::new().chain_update("parlour sealed secrets").chain_update(secret).finalize();
        Self(UnboundKey::new(&CHACHA20_POLY1305, &derived).ok().map(LessSafeKey::new))
    }

    /// Seals a secret of an account, with bytes that must be random.
    pub fn seal(&self, owner: u64, secret: &[u8], random: [u8; SEALING]) -> Option<Vec<u8>> {
        let (mut sealed, whose) = (secret.to_vec(), owner.to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(random);
        self.0.as_ref()?.seal_in_place_append_tag(nonce, Aad::from(whose), &mut sealed).ok()?;
        Some([&random[..], &sealed].concat())
    }

    /// The secret, if it was sealed under this key for this account.
    pub fn open(&self, owner: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let (random, rest) = sealed.split_first_chunk::<SEALING>()?;
        let (mut secret, whose) = (rest.to_vec(), owner.to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(*random);
        let opened = self.0.as_ref()?.open_in_place(nonce, Aad::from(whose), &mut secret).ok()?.len();
        secret.truncate(opened);
        Some(secret)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_for_its_owner_and_key_only(owner: u64, secret: Vec<u8>, random: [u8; SEALING], at: usize) {
            let key = SealKey::new(b"secret");
            let mut sealed = key.seal(owner, &secret, random).unwrap();
            prop_assert_eq!(key.open(owner, &sealed), Some(secret));
            prop_assert_eq!(key.open(owner.wrapping_add(1), &sealed), None);
            prop_assert_eq!(SealKey::new(b"other").open(owner, &sealed), None);
            let at = at % sealed.len();
            sealed[at] ^= 1;
            prop_assert_eq!(key.open(owner, &sealed), None);
            prop_assert_eq!(key.open(owner, &sealed[..at]), None);
        }
    }
}
