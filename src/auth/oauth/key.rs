//! Keys that sign tokens: ECDSA on P-256 with SHA-256 (ES256, RFC 7518, section 3.4) and Ed25519 (EdDSA, RFC 8037).

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SecureRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    UnparsedPublicKey,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How a token is signed. Numbers are stored: never reused. There is none with a shared secret, and no "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256, which every library reads.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Each.
    pub const ALL: [Self; 2] = [Self::Es256, Self::EdDsa];

    /// What tokens and metadata call it (RFC 7518, section 3.1; RFC 8037, section 3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The number that is stored.
    pub fn number(self) -> u8 {
        match self {
            Self::Es256 => 1,
            Self::EdDsa => 2,
        }
    }

    /// The one of a stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }
}

/// A key that signs.
pub struct SigningKey {
    pair: Pair,
    id: String,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new key in the form in which it is kept (PKCS #8, RFC 5958).
    pub fn generate(algorithm: Algorithm, random: &dyn SecureRandom) -> Option<Vec<u8>> {
        let made = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random),
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(random),
        };
        Some(made.ok()?.as_ref().to_vec())
    }

    /// The key that is kept in this form. Nothing is drawn from `random` for the key itself.
    pub fn read(algorithm: Algorithm, kept: &[u8], random: &dyn SecureRandom) -> Option<Self> {
        let pair = match algorithm {
            Algorithm::Es256 => {
                Pair::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, kept, random).ok()?)
            }
            Algorithm::EdDsa => Pair::Ed(Ed25519KeyPair::from_pkcs8(kept).ok()?),
        };
        let mut key = Self { pair, id: String::new() };
        // The thumbprint is over the required members, in the order of their names and without spaces (RFC 7638).
        key.id = BASE64URL_NOPAD.encode(&Sha256::digest(key.members().to_string()));
        Some(key)
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Ec(_) => Algorithm::Es256,
            Pair::Ed(_) => Algorithm::EdDsa,
        }
    }

    /// What tokens name it by (RFC 7638).
    pub fn id(&self) -> &str {
        &self.id
    }

    fn members(&self) -> Value {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match &self.pair {
            Pair::Ec(pair) => {
                // 4, and both coordinates of the point (SEC 1, section 2.3.3).
                let (x, y) = pair
                    .public_key()
                    .as_ref()
                    .get(1..)
                    .unwrap_or_default()
                    .split_at_checked(32)
                    .unwrap_or_default();
                json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) })
            }
            Pair::Ed(pair) => {
                json!({ "crv": "Ed25519", "kty": "OKP", "x": encode(pair.public_key().as_ref()) })
            }
        }
    }

    /// The public half, as others read it (RFC 7517).
    pub fn public(&self) -> Value {
        let mut members = self.members();
        members["kid"] = self.id.clone().into();
        members["use"] = "sig".into();
        members["alg"] = self.algorithm().name().into();
        members
    }

    /// The signature of some bytes. ECDSA takes random bytes for it.
    pub(super) fn sign(&self, bytes: &[u8], random: &dyn SecureRandom) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Ec(pair) => Some(pair.sign(random, bytes).ok()?.as_ref().to_vec()),
            Pair::Ed(pair) => Some(pair.sign(bytes).as_ref().to_vec()),
        }
    }

    /// Whether it signed these bytes so.
    pub(super) fn signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.pair {
            Pair::Ec(pair) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
                .verify(bytes, signature),
            Pair::Ed(pair) => {
                UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref()).verify(bytes, signature)
            }
        };
        verified.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    #[test]
    fn a_key_is_kept_named_and_shown_without_its_secret() {
        let random = SystemRandom::new();
        for algorithm in Algorithm::ALL {
            let kept = SigningKey::generate(algorithm, &random).unwrap();
            let (key, again) = (
                SigningKey::read(algorithm, &kept, &random).unwrap(),
                SigningKey::read(algorithm, &kept, &random).unwrap(),
            );
            assert_eq!((key.id(), key.algorithm()), (again.id(), algorithm));
            let shown = key.public();
            assert_eq!((shown["kid"].as_str(), shown["d"].is_null()), (Some(key.id()), true));
            assert_eq!(key.id().len(), 43);
            let other = SigningKey::generate(algorithm, &random).unwrap();
            assert_ne!(SigningKey::read(algorithm, &other, &random).unwrap().id(), key.id());
            assert!(SigningKey::read(algorithm, &kept[1..], &random).is_none());
            assert_eq!(Algorithm::from_number(algorithm.number()), Some(algorithm));
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
        }
        assert!(Algorithm::named("none").is_none() && Algorithm::named("HS256").is_none());
    }
}
