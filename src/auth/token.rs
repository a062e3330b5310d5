//! Opaque secrets: session tokens for programs, claim codes for people. Only their hashes are kept.

use std::fmt;

use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A session token: 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A token of bytes that must be random.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The token that a client sent, if it has a token's length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What the client is given.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What is kept.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// SHA-256 of a secret. The secrets have 100 random bits or more, so they need no slow hash.
#[derive(Clone, Copy, Debug)]
pub struct TokenHash(pub [u8; 32]);

impl From<[u8; 32]> for TokenHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl From<&TokenHash> for [u8; 32] {
    fn from(hash: &TokenHash) -> Self {
        hash.0
    }
}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_NOPAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = BASE64_NOPAD.decode(String::deserialize(deserializer)?.as_bytes()).ok();
        let hash = bytes.and_then(|bytes| bytes.try_into().ok());
        hash.map(Self).ok_or_else(|| serde::de::Error::custom("not 32 bytes in base 64"))
    }
}

impl PartialEq for TokenHash {
    /// In a time that doesn't depend on where the hashes differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

/// A one-time code that a person types: 100 random bits as five groups of four characters of
/// Crockford's base 32, which has no I, L, O and U.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode([u8; CHARACTERS]);

const CHARACTERS: usize = 20;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl OneTimeCode {
    /// A code of bytes that must be random; each gives five bits.
    pub fn from_random(bytes: [u8; CHARACTERS]) -> Self {
        Self(bytes.map(|byte| ALPHABET[usize::from(byte & 31)]))
    }

    /// Reads a typed code: in either case, with or without dashes and spaces, O for 0, I and L for 1.
    pub fn parse(text: &str) -> Option<Self> {
        let mut characters = [0; CHARACTERS];
        let mut count = 0;
        for c in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            };
            let c = u8::try_from(c).ok().filter(|c| ALPHABET.contains(c))?;
            *characters.get_mut(count)? = c;
            count += 1;
        }
        (count == CHARACTERS).then_some(Self(characters))
    }

    /// What is kept.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Display for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, c) in self.0.iter().enumerate() {
            if index > 0 && index % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*c))?;
        }
        Ok(())
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_forgive_how_they_are_typed() {
        let code = OneTimeCode::parse("0123-4567-89AB-CDEF-1010").unwrap();
        assert_eq!(OneTimeCode::parse("o123 4567 89ab cdef LoIO"), Some(code));
        assert_eq!(OneTimeCode::parse("0123-4567"), None);
        assert_eq!(OneTimeCode::parse("0123-4567-89AB-CDEF-1010-1"), None);
        assert_eq!(OneTimeCode::parse("U123-4567-89AB-CDEF-1010"), None);
    }

    proptest! {
        #[test]
        fn a_code_reads_back(bytes: [u8; CHARACTERS]) {
            let code = OneTimeCode::from_random(bytes);
            prop_assert_eq!(OneTimeCode::parse(&code.to_string()).unwrap().hash(), code.hash());
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = OneTimeCode::parse(&text);
        }
    }
}
