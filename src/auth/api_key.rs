//! Keys of programs: `prl_<id>_<secret>`. The first two parts may be shown; only a hash of the whole is kept.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

use super::TokenHash;

/// What every key begins with, so that scanners of published sources know one.
pub const API_KEY_MARK: &str = "prl_";

/// Random bytes of a key: its id, and its secret.
pub const API_KEY: usize = ID + SECRET;

const ID: usize = 8;
const SECRET: usize = 32;

/// A key as its owner gets it, once.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeySecret {
    text: String,
    prefix: usize,
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeySecret").field("prefix", &self.prefix()).finish_non_exhaustive()
    }
}

impl ApiKeySecret {
    /// A key of bytes that must be random.
    pub fn from_random(bytes: [u8; API_KEY]) -> Self {
        let id = HEXLOWER.encode(&bytes[..ID]);
        let prefix = API_KEY_MARK.len() + id.len();
        Self { text: format!("{API_KEY_MARK}{id}_{}", BASE64URL_NOPAD.encode(&bytes[ID..])), prefix }
    }

    /// Reads a key that was shown.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (id, secret) = text.strip_prefix(API_KEY_MARK)?.split_once('_')?;
        let is_id = id.len() == 2 * ID && id.bytes().all(|b| b.is_ascii_hexdigit());
        let is_secret = BASE64URL_NOPAD.decode(secret.as_bytes()).is_ok_and(|bytes| bytes.len() == SECRET);
        (is_id && is_secret).then(|| Self { text: text.to_owned(), prefix: API_KEY_MARK.len() + id.len() })
    }

    /// The part that may be shown.
    pub fn prefix(&self) -> &str {
        &self.text[..self.prefix]
    }

    /// What is kept.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(&self.text).into())
    }

    /// The whole, for its owner.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_reads_back(bytes: [u8; ID], secret: [u8; SECRET]) {
            let mut all = [0; API_KEY];
            all[..ID].copy_from_slice(&bytes);
            all[ID..].copy_from_slice(&secret);
            let key = ApiKeySecret::from_random(all);
            let read = ApiKeySecret::parse(key.reveal()).unwrap();
            prop_assert!(read == key && read.hash() == key.hash());
            prop_assert_eq!(read.prefix().len(), 20);
            let shown = format!("{key:?}");
            prop_assert!(!shown.contains(&key.reveal()[21..]));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = ApiKeySecret::parse(&text);
            let _ = ApiKeySecret::parse(&format!("prl_{text}"));
        }
    }
}
