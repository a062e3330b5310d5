//! Passwords: Argon2id (RFC 9106) with the parameters that OWASP recommends for it.

use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;
use thiserror::Error;

pub use crate::bounds::{MAX_PASSWORD, MIN_PASSWORD};

/// Memory of a hash in KiB, passes over it, and lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// The same at most, of a password that comes from elsewhere: whoever logs in makes the server take that.
const MOST_COST: (u32, u32, u32) = (256 * 1024, 16, 16);

/// Bytes of a hash.
const HASH: usize = 32;

/// Why a password can't be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// It is too short.
    #[error("the password has fewer than {MIN_PASSWORD} characters; choose a longer one")]
    TooShort,
    /// It is too long.
    #[error("the password has more than {MAX_PASSWORD} characters; choose a shorter one")]
    TooLong,
    /// It is guessed soon.
    #[error("the password is easy to guess; take some words that have nothing to do with each other")]
    Guessable,
}

/// Hashing failed: there is no memory for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a password couldn't be hashed for want of memory")]
pub struct HashError;

/// Characters that are looked at when it is asked how easy a password is to guess; the time for it grows with them.
const GUESSED: usize = 72;

/// What `zxcvbn` takes for letters, as `4` for `a`: it tries all meanings of those that are there, so the time for them grows with
/// the product of their numbers. Where there are more than so many, this many characters are looked at together.
const MEANT: &str = "4@8({[<3691!|70$5+%2";
const FEW_MEANT: usize = 4;
const TOGETHER: usize = 12;

/// Characters that a password has at least beside the person's own names.
const UNNAMED: usize = 6;

/// Whether a password has a length that may be chosen.
pub fn check_password(password: &str) -> Result<(), PasswordError> {
    match password.chars().take(MAX_PASSWORD + 1).count() {
        ..MIN_PASSWORD => Err(PasswordError::TooShort),
        MIN_PASSWORD..=MAX_PASSWORD => Ok(()),
        _ => Err(PasswordError::TooLong),
    }
}

/// Whether a password is hard enough to guess for somebody who knows the person's names: 10^6 tries and more, as
/// `zxcvbn` counts them (its score 2). Takes some ten milliseconds at most, whatever the password is made of.
pub fn check_guessing(password: &str, names: &[String]) -> Result<(), PasswordError> {
    // What is left without the person's own names has to be something, whatever the order of it all.
    let mut rest = password.to_lowercase();
    for name in names.iter().map(|name| name.to_lowercase()).filter(|name| name.chars().count() > 2) {
        rest = rest.replace(&name, "");
    }
    if rest.chars().count() < UNNAMED {
        return Err(PasswordError::Guessable);
    }
    let looked_at: Vec<char> = password.chars().take(GUESSED).collect();
    let meant = MEANT.chars().filter(|c| looked_at.contains(c)).count();
    let together = if meant > FEW_MEANT { TOGETHER } else { GUESSED };
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["parlour"]).collect();
    // The whole is no easier to guess than its hardest part.
    let is_hard = looked_at.chunks(together).any(|part| {
        let part: String = part.iter().collect();
        zxcvbn::zxcvbn(&part, &names).score() >= zxcvbn::Score::Two
    });
    if !is_hard {
        return Err(PasswordError::Guessable);
    }
    Ok(())
}

/// How a stored password was made. Numbers are stored: never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scheme {
    /// Argon2id, version 19.
    Argon2id = 1,
}

impl Scheme {
    /// The scheme of a stored number, if this version knows it.
    pub fn from_number(number: u8) -> Option<Self> {
        (number == Self::Argon2id as u8).then_some(Self::Argon2id)
    }
}

/// A password as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// How it was made.
    pub scheme: Scheme,
    /// Memory in KiB, passes, lanes.
    pub cost: (u32, u32, u32),
    /// Different for each password.
    pub salt: [u8; 16],
    /// What the scheme made of it.
    pub hash: [u8; HASH],
}

impl std::fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredPassword({:?}, {:?})", self.scheme, self.cost)
    }
}

impl Serialize for StoredPassword {
    /// In the form of the Password Hashing Competition (PHC string), which other programs read, too.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (memory, passes, lanes) = self.cost;
        let (salt, hash) = (BASE64_NOPAD.encode(&self.salt), BASE64_NOPAD.encode(&self.hash));
        serializer.collect_str(&format_args!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
    }
}

impl<'de> Deserialize<'de> for StoredPassword {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a password hash in the form of PHC"))
    }
}

impl StoredPassword {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("$argon2id$v=19$m=")?.split('$');
        let (memory, rest) = parts.next()?.split_once(",t=")?;
        let (passes, lanes) = rest.split_once(",p=")?;
        let cost: (u32, u32, u32) = (memory.parse().ok()?, passes.parse().ok()?, lanes.parse().ok()?);
        if cost.0 > MOST_COST.0 || cost.1 > MOST_COST.1 || cost.2 > MOST_COST.2 {
            return None;
        }
        let salt = BASE64_NOPAD.decode(parts.next()?.as_bytes()).ok()?.try_into().ok()?;
        let hash = BASE64_NOPAD.decode(parts.next()?.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { scheme: Scheme::Argon2id, cost, salt, hash })
    }

    /// Hashes a password with a salt that must be random. Takes tens of milliseconds and 19 MiB.
    pub fn new(password: &str, salt: [u8; 16]) -> Result<Self, HashError> {
        let hash = run(password, &salt, COST)?;
        Ok(Self { scheme: Scheme::Argon2id, cost: COST, salt, hash })
    }

    /// A password that nothing matches, to verify against when there is no such user: it costs the same.
    pub fn decoy() -> Self {
        Self { scheme: Scheme::Argon2id, cost: COST, salt: *b"no user has this", hash: [0; HASH] }
    }

    /// Whether it was made by today's scheme and parameters.
    pub fn is_current(&self) -> bool {
        self.scheme == Scheme::Argon2id && self.cost == COST
    }

    /// Whether this was made of `password`. Takes as long as making it did.
    pub fn verify(&self, password: &str) -> Result<bool, HashError> {
        let hash = run(password, &self.salt, self.cost)?;
        Ok(bool::from(hash.ct_eq(&self.hash)))
    }
}

fn run(
    password: &str,
    salt: &[u8; 16],
    (memory, passes, lanes): (u32, u32, u32),
) -> Result<[u8; HASH], HashError> {
    let params = Params::new(memory, passes, lanes, Some(HASH)).map_err(|_| HashError)?;
    let mut hash = [0; HASH];
    // A longer password than may be chosen is cut, so that it takes no longer than any other.
    let end = password.char_indices().nth(MAX_PASSWORD).map_or(password.len(), |(end, _)| end);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(&password.as_bytes()[..end], salt, &mut hash)
        .map_err(|_| HashError)?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_matches_and_no_other() {
        let stored = StoredPassword::new("correct horse", [7; 16]).unwrap();
        assert!(stored.verify("correct horse").unwrap());
        assert!(!stored.verify("correct hors").unwrap());
        assert!(!StoredPassword::decoy().verify("").unwrap());
        assert_ne!(StoredPassword::new("correct horse", [8; 16]).unwrap().hash, stored.hash);
    }

    #[test]
    fn a_stored_password_is_written_as_a_phc_string() {
        let stored = StoredPassword { salt: [1; 16], ..StoredPassword::decoy() };
        let text = serde_json::to_string(&stored).unwrap();
        assert!(text.starts_with("\"$argon2id$v=19$m=19456,t=2,p=1$AQEB"), "{text}");
        assert_eq!(serde_json::from_str::<StoredPassword>(&text).unwrap(), stored);
        assert!(serde_json::from_str::<StoredPassword>("\"$argon2id$v=19$m=1\"").is_err());
        for (ours, greedy) in [("m=19456", "m=4294967295"), ("t=2", "t=4294967295"), ("p=1", "p=65536")] {
            assert!(serde_json::from_str::<StoredPassword>(&text.replace(ours, greedy)).is_err(), "{greedy}");
        }
    }

    #[test]
    fn what_is_guessed_soon_is_refused() {
        let names = ["alexandra".to_owned()];
        for easy in [
            "password123",
            "1234567890",
            "qwertyuiop",
            "alexandra1",
            "Alexandra99",
            "alexandra-alexandra",
            "aaaaaaaaaaaa",
        ] {
            assert_eq!(check_guessing(easy, &names), Err(PasswordError::Guessable), "{easy}");
        }
        for hard in ["correct horse battery", "zehn Züge!", "tq7-x0LmmZ4"] {
            assert_eq!(check_guessing(hard, &names), Ok(()), "{hard}");
        }
        // As long as may be, and no longer to look at than others.
        assert_eq!(check_guessing(&"zehn Züge! ".repeat(23), &names), Ok(()));
        // Part by part, since there are many signs that may mean letters.
        assert_eq!(check_guessing("4@8({[<369&#!1|70$5+7%2/", &names), Ok(()));
        assert_eq!(check_guessing("1234567890!aaaaaaaaaaaaa", &names), Err(PasswordError::Guessable));
    }

    #[test]
    fn lengths_are_checked_in_characters() {
        assert_eq!(check_password("ninechars"), Err(PasswordError::TooShort));
        assert_eq!(check_password("zehn Züge!"), Ok(()));
        assert_eq!(check_password(&"ü".repeat(256)), Ok(()));
        assert_eq!(check_password(&"x".repeat(257)), Err(PasswordError::TooLong));
    }
}
