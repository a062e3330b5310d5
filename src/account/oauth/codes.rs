//! Codes that programs exchange for tokens within a minute. They are kept in memory: whoever asks for one again after a
//! restart gets it, and strangers make nothing be written.

use std::collections::HashMap;
use std::time::Duration;

use crate::auth::oauth::{Challenge, Scopes};
use crate::bounds::{MAX_OAUTH_CODES, MAX_OAUTH_CODES_OF_USER};
use crate::id::{OAuthClientId, OAuthFamilyId, Timestamp, UserId};

/// For how long a code is good (RFC 6749, section 4.1.2, wants ten minutes at most).
const LIFE: Duration = Duration::from_secs(60);

/// What a code is good for.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) client: OAuthClientId,
    pub(super) user: UserId,
    pub(super) redirect_uri: String,
    pub(super) challenge: Challenge,
    pub(super) scopes: Scopes,
    pub(super) nonce: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) authenticated: Timestamp,
}

#[derive(Debug)]
struct Kept {
    code: Code,
    at: Duration,
    used: Option<Used>,
}

#[derive(Clone, Copy, Debug)]
struct Used {
    family: OAuthFamilyId,
    at: Duration,
    is_stolen: bool,
}

/// What a code came to that was shown.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is good; it is used up by that.
    Good(Code),
    /// It was used before, so long ago and for these tokens (RFC 6749, section 4.1.2).
    Again(Code, OAuthFamilyId, Duration),
    /// There is none.
    Unknown,
}

/// The codes of an organization, by what they hash to.
#[derive(Debug, Default)]
pub(super) struct Codes(HashMap<[u8; 32], Kept>);

impl Codes {
    /// Keeps a code. Whoever has too many loses the oldest one.
    pub(super) fn put(&mut self, hash: [u8; 32], code: Code, now: Duration) {
        self.0.retain(|_, kept| now < kept.at + LIFE);
        self.make_room(MAX_OAUTH_CODES_OF_USER, |kept| kept.code.user == code.user);
        self.make_room(MAX_OAUTH_CODES, |_| true);
        self.0.insert(hash, Kept { code, at: now, used: None });
    }

    fn make_room(&mut self, most: usize, counts: impl Fn(&Kept) -> bool) {
        let mut held: Vec<_> = self.0.iter().filter(|(_, kept)| counts(kept)).collect();
        held.sort_by_key(|(_, kept)| kept.at);
        let surplus = (held.len() + 1).saturating_sub(most);
        let going: Vec<_> = held.into_iter().take(surplus).map(|(hash, _)| *hash).collect();
        for hash in going {
            self.0.remove(&hash);
        }
    }

    /// Uses a code up, for the tokens of a family that is to be. Of two at once one is the first.
    pub(super) fn take(&mut self, hash: [u8; 32], family: OAuthFamilyId, now: Duration) -> Taken {
        let Some(kept) = self.0.get_mut(&hash).filter(|kept| now < kept.at + LIFE) else {
            return Taken::Unknown;
        };
        match &mut kept.used {
            None => {
                kept.used = Some(Used { family, at: now, is_stolen: false });
                Taken::Good(kept.code.clone())
            }
            Some(used) => Taken::Again(kept.code.clone(), used.family, now.saturating_sub(used.at)),
        }
    }

    /// Somebody else has a code that was used.
    pub(super) fn distrust(&mut self, hash: [u8; 32]) {
        if let Some(used) = self.0.get_mut(&hash).and_then(|kept| kept.used.as_mut()) {
            used.is_stolen = true;
        }
    }

    /// Whether somebody else showed a code that was used meanwhile.
    pub(super) fn is_stolen(&self, hash: [u8; 32]) -> bool {
        self.0.get(&hash).and_then(|kept| kept.used).is_some_and(|used| used.is_stolen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::oauth::Form;

    fn code(user: u64) -> Code {
        let form = b"code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
        Code {
            client: OAuthClientId(1),
            user: UserId(user),
            redirect_uri: String::new(),
            challenge: Challenge::of(&Form::parse(form).unwrap()).unwrap(),
            scopes: Scopes::default(),
            nonce: None,
            resource: None,
            authenticated: Timestamp(0),
        }
    }

    fn hash(number: usize) -> [u8; 32] {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    }

    #[test]
    fn a_code_is_good_once_and_for_a_minute() {
        let (mut codes, start) = (Codes::default(), Duration::from_secs(5));
        codes.put(hash(1), code(1), start);
        codes.put(hash(2), code(1), start);
        assert!(matches!(codes.take(hash(3), OAuthFamilyId(7), start), Taken::Unknown));
        assert!(matches!(codes.take(hash(1), OAuthFamilyId(7), start), Taken::Good(_)));
        let again = codes.take(hash(1), OAuthFamilyId(8), start + Duration::from_secs(3));
        assert!(matches!(again, Taken::Again(_, OAuthFamilyId(7), age) if age == Duration::from_secs(3)));
        assert!(!codes.is_stolen(hash(1)));
        codes.distrust(hash(1));
        assert!(codes.is_stolen(hash(1)));
        assert!(matches!(codes.take(hash(2), OAuthFamilyId(7), start + LIFE), Taken::Unknown));
    }

    #[test]
    fn there_are_so_many_and_of_a_person_so_many() {
        let mut codes = Codes::default();
        for number in 0..=MAX_OAUTH_CODES_OF_USER {
            codes.put(hash(number), code(1), Duration::from_millis(number as u64));
        }
        assert_eq!(codes.0.len(), MAX_OAUTH_CODES_OF_USER);
        let late = Duration::from_secs(1);
        assert!(matches!(codes.take(hash(0), OAuthFamilyId(7), late), Taken::Unknown));
        for number in 0..2 * MAX_OAUTH_CODES {
            codes.put(hash(100 + number), code(number as u64), late);
        }
        assert_eq!(codes.0.len(), MAX_OAUTH_CODES);
    }
}
