//! The tokens of a session: a long one that is exchanged for its successor at each use, and short ones that come back
//! to the session while they last. Both are opaque to clients. They are made with a key that is not in the database,
//! which so holds nothing that opens a session: of the long one its hash, of the short ones nothing.
//!
//! The successor of a token follows from it, so that a client whose answer was lost gets the same one again. That a
//! token was given by this server shows by its tag, also when it was exchanged long ago: somebody who shows such a
//! one has a copy.

use std::fmt;

use ring::hmac::{HMAC_SHA256, Key, sign};
use sha2::{Digest, Sha256};

use super::{OneTimeCode, TokenHash};
use crate::id::{OAuthFamilyId, OneTimeTokenId, SessionId, Timestamp, UserId};

/// Bytes of a token: its kind, the user, the session, what tells it from others of the session, and a tag.
pub const SESSION_TOKEN: usize = BODY + TAG;

/// Random bytes of a long token.
pub const RANDOM: usize = 16;

const BODY: usize = 1 + 8 + 8 + RANDOM;
const TAG: usize = 16;

const LONG: u8 = 1;
const SHORT: u8 = 2;
const REFRESH: u8 = 3;

/// Makes tokens and knows them again.
pub struct TokenKey {
    key: Key,
    former: Option<Former>,
}

/// The key of before, and until when its short tokens can be good.
struct Former {
    key: Key,
    short_until: Timestamp,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

/// A token as the client gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken([u8; SESSION_TOKEN]);

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

impl SessionToken {
    /// What the client is given.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What is kept.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

/// A token that this server gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// One to be exchanged, now or long ago.
    Long {
        /// Whose.
        user: UserId,
        /// The session.
        session: SessionId,
        /// What follows it.
        next: SessionToken,
    },
    /// One that comes back to the session until it ends.
    Short {
        /// Whose.
        user: UserId,
        /// The session.
        session: SessionId,
        /// Until when.
        expires: Timestamp,
    },
    /// One by which a program gets its next access token, to be exchanged, now or long ago.
    Refresh {
        /// For whom the program acts.
        user: UserId,
        /// What it was given at once.
        family: OAuthFamilyId,
        /// What follows it.
        next: SessionToken,
    },
}

impl TokenKey {
    /// A key made of a secret that lasts.
    pub fn new(secret: &[u8]) -> Self {
        Self { key: derived(secret), former: None }
    }

    /// The same, which also knows the tokens that were made of a former secret: long ones until they are exchanged, for
    /// one that this key makes; short ones as far as they end before `short_until`.
    #[must_use]
    pub fn after(self, former: &[u8], short_until: Timestamp) -> Self {
        Self { former: Some(Former { key: derived(former), short_until }), ..self }
    }

    /// The first long token of a session, of bytes that must be random.
    pub fn first(&self, user: UserId, session: SessionId, random: [u8; RANDOM]) -> SessionToken {
        self.make(LONG, user, session, random)
    }

    /// A token that comes back to the session until then.
    pub fn short(&self, user: UserId, session: SessionId, expires: Timestamp) -> SessionToken {
        let mut until = [0; RANDOM];
        until[..8].copy_from_slice(&expires.0.to_be_bytes());
        self.make(SHORT, user, session, until)
    }

    /// The first refresh token of a program for somebody, of bytes that must be random.
    pub fn refresh(&self, user: UserId, family: OAuthFamilyId, random: [u8; RANDOM]) -> SessionToken {
        self.make(REFRESH, user, SessionId(family.0), random)
    }

    /// The code of the invite of a number that was made at a time: always the same, so that it can be shown again although
    /// the database holds its hash alone.
    pub fn invite_code(&self, invite: OneTimeTokenId, made: Timestamp) -> OneTimeCode {
        let words = [&b"parlour invite"[..], &invite.0.to_be_bytes(), &made.0.to_be_bytes()].concat();
        let mut code = [0; 20];
        code.copy_from_slice(&sign(&self.key, &words).as_ref()[..20]);
        OneTimeCode::from_random(code)
    }

    fn make(&self, kind: u8, user: UserId, session: SessionId, rest: [u8; RANDOM]) -> SessionToken {
        let mut token = [0; SESSION_TOKEN];
        token[0] = kind;
        token[1..9].copy_from_slice(&user.0.to_be_bytes());
        token[9..17].copy_from_slice(&session.0.to_be_bytes());
        token[17..BODY].copy_from_slice(&rest);
        let tag = sign(&self.key, &token[..BODY]);
        token[BODY..].copy_from_slice(&tag.as_ref()[..TAG]);
        SessionToken(token)
    }

    /// What a token is, if this server gave it.
    pub fn read(&self, shown: &[u8]) -> Option<Given> {
        let token: &[u8; SESSION_TOKEN] = shown.try_into().ok()?;
        let former = self.former.as_ref();
        let (key, short_until) = if is_tagged(&self.key, token) {
            (&self.key, None)
        } else {
            former.filter(|former| is_tagged(&former.key, token)).map(|f| (&f.key, Some(f.short_until)))?
        };
        let number = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&token[at..at + 8]);
            u64::from_be_bytes(eight)
        };
        let (user, session) = (UserId(number(1)), SessionId(number(9)));
        let next = |kind| {
            let mut next = [0; RANDOM];
            let derived = sign(key, &[b"parlour successor", &token[..]].concat());
            next.copy_from_slice(&derived.as_ref()[..RANDOM]);
            self.make(kind, user, session, next)
        };
        match token[0] {
            LONG => Some(Given::Long { user, session, next: next(LONG) }),
            REFRESH => Some(Given::Refresh { user, family: OAuthFamilyId(session.0), next: next(REFRESH) }),
            SHORT => {
                let expires = Timestamp(number(17));
                let is_known = short_until.is_none_or(|until| expires <= until);
                is_known.then_some(Given::Short { user, session, expires })
            }
            _ => None,
        }
    }
}

fn derived(secret: &[u8]) -> Key {
    let derived = Sha256::new().chain_update("parlour session tokens").chain_update(secret).finalize();
    Key::new(HMAC_SHA256, &derived)
}

/// Whether a token's tag is of a key.
fn is_tagged(key: &Key, token: &[u8; SESSION_TOKEN]) -> bool {
    let whole = sign(key, &token[..BODY]);
    // The tag is the first half of what the key makes; compared in constant time.
    subtle::ConstantTimeEq::ct_eq(&token[BODY..], &whole.as_ref()[..TAG]).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_known_again_and_its_successor_is_always_the_same() {
        let key = TokenKey::new(b"secret");
        let first = key.first(UserId(7), SessionId(9), [3; RANDOM]);
        let Some(Given::Long { user, session, next }) = key.read(first.as_bytes()) else { panic!("long") };
        assert_eq!((user, session), (UserId(7), SessionId(9)));
        let Some(Given::Long { next: again, .. }) = key.read(first.as_bytes()) else { panic!("long") };
        assert!(next == again && next != first && next.hash() != first.hash());
        let short = key.short(UserId(7), SessionId(9), Timestamp(55));
        let expected = Given::Short { user: UserId(7), session: SessionId(9), expires: Timestamp(55) };
        assert_eq!(key.read(short.as_bytes()), Some(expected));
        assert_eq!(TokenKey::new(b"other").read(first.as_bytes()), None);
    }

    #[test]
    fn a_program_s_token_is_never_a_session_s() {
        let key = TokenKey::new(b"secret");
        let first = key.refresh(UserId(7), OAuthFamilyId(9), [3; RANDOM]);
        assert!(first != key.first(UserId(7), SessionId(9), [3; RANDOM]));
        let Some(Given::Refresh { user, family, next }) = key.read(first.as_bytes()) else {
            panic!("refresh")
        };
        assert_eq!((user, family), (UserId(7), OAuthFamilyId(9)));
        assert!(matches!(key.read(next.as_bytes()), Some(Given::Refresh { .. })) && next != first);
    }

    #[test]
    fn an_invite_s_code_is_always_the_same_and_no_other_s() {
        let (key, id, made) = (TokenKey::new(b"secret"), OneTimeTokenId(7), Timestamp(9));
        let code = key.invite_code(id, made);
        assert!(key.invite_code(id, made) == code);
        for other in [
            key.invite_code(OneTimeTokenId(8), made),
            key.invite_code(id, Timestamp(10)),
            TokenKey::new(b"other").invite_code(id, made),
        ] {
            assert!(other != code);
        }
    }

    #[test]
    fn a_former_key_s_tokens_are_known_until_they_are_exchanged() {
        let (user, session) = (UserId(7), SessionId(9));
        let before = TokenKey::new(b"identity");
        let key = TokenKey::new(b"tokens").after(b"identity", Timestamp(100));
        let old = before.first(user, session, [3; RANDOM]);
        let Some(Given::Long { next, .. }) = key.read(old.as_bytes()) else { panic!("long") };
        let Some(Given::Long { next: again, .. }) = key.read(old.as_bytes()) else { panic!("long") };
        assert!(next == again, "an answer that was lost is the same again");
        assert_eq!(before.read(next.as_bytes()), None, "the next one is of the new key");
        assert!(matches!(TokenKey::new(b"tokens").read(next.as_bytes()), Some(Given::Long { .. })));
        let short = |until| before.short(user, session, Timestamp(until));
        assert!(matches!(key.read(short(100).as_bytes()), Some(Given::Short { .. })));
        assert_eq!(key.read(short(101).as_bytes()), None, "none was given that lasts longer");
        let made = key.short(user, session, Timestamp(500));
        assert!(matches!(key.read(made.as_bytes()), Some(Given::Short { .. })));
    }

    proptest! {
        #[test]
        fn no_token_survives_a_change(user: u64, session: u64, random: [u8; RANDOM], at in 0..SESSION_TOKEN, by in 1..=255_u8) {
            let key = TokenKey::new(b"secret");
            let mut bytes = key.first(UserId(user), SessionId(session), random).0;
            bytes[at] ^= by;
            prop_assert_eq!(key.read(&bytes), None);
            prop_assert_eq!(key.read(&bytes[..at]), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = TokenKey::new(b"secret").read(&bytes);
        }
    }
}
