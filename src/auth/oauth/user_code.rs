//! Codes that people type who allow a device something (RFC 8628, section 6.1): eight consonants, which make no words and
//! aren't taken for each other, as `WDJB-MJHT`.

use std::fmt;

/// What they are made of.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters of a code.
const LENGTH: usize = 8;

/// A code that somebody types.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserCode([u8; LENGTH]);

impl UserCode {
    /// A code of bytes that must be random: about 2 to the 34th different ones, of which few are good at a time.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        let mut rest = u64::from_be_bytes(bytes);
        Self([0; LENGTH].map(|_: u8| {
            let letter = LETTERS[(rest % 20) as usize];
            rest /= 20;
            letter
        }))
    }

    /// Reads a typed code: in either case, with or without a hyphen and spaces.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let letters = text.bytes().filter(|b| !matches!(b, b'-' | b' ')).map(|b| b.to_ascii_uppercase());
        let letters: Vec<u8> = letters.collect();
        let is_one = letters.iter().all(|letter| LETTERS.contains(letter));
        letters.try_into().ok().filter(|_| is_one).map(Self)
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, letter) in self.0.iter().enumerate() {
            if place == LENGTH / 2 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_reads_back_however_it_is_typed(bytes: [u8; 8]) {
            let code = UserCode::from_random(bytes);
            let shown = code.to_string();
            prop_assert_eq!(shown.len(), LENGTH + 1);
            prop_assert_eq!(UserCode::parse(&shown), Some(code));
            prop_assert_eq!(UserCode::parse(&shown.to_lowercase().replace('-', " ")), Some(code));
            prop_assert_eq!(UserCode::parse(&shown[1..]), None);
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = UserCode::parse(&text);
        }
    }
}
