//! Requests that may come twice because an answer was lost: whoever gives one a key (`Idempotency-Key`,
//! draft-ietf-httpapi-idempotency-key-header-07) and repeats it gets the first one's answer, and nothing is done again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::control::{Refused, Way};
use crate::id::{OrganizationId, UserId};
use crate::protocol::ErrorCode;
use crate::protocol::wire::{request, response};

/// Characters of a key at most.
const LONGEST: usize = 64;

/// For how long an answer is kept.
const KEPT: Duration = Duration::from_secs(600);

/// Answers that are kept, and those of one account: then its oldest one goes. Where all together are too many it is the oldest of
/// the account that has most, in the organization that has most. Nothing more is taken while all are under way.
const ALL: usize = 4_096;
const OF_ONE: usize = 64;

/// Bytes of an answer that is kept. Nothing that is made is described by so many.
const LARGEST: usize = 64 * 1_024;

#[derive(Debug)]
struct Known {
    /// What was asked for.
    asked: [u8; 32],
    /// When, by the monotonic clock.
    at: Duration,
    /// What was answered; nothing while it is under way.
    answer: Option<response::Body>,
}

/// Whose request it is, by way of what they ask, and the key that it has. What one token was answered isn't for another one.
pub(super) type Named = (UserId, Way, String);

/// What was asked with a key lately.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<HashMap<Named, Known>>);

impl Repeats {
    /// The answer of a request that came before with this key. Without one it is under way from now on, until
    /// [`Repeats::end`].
    pub(super) fn begin(
        &self,
        named: &Named,
        asked: &request::Body,
        now: Duration,
    ) -> Result<Option<response::Body>, Problem> {
        if named.2.is_empty()
            || named.2.len() > LONGEST
            || !named.2.bytes().all(|byte| byte.is_ascii_graphic())
        {
            let words = format!("Idempotency-Key must be 1 to {LONGEST} visible characters of ASCII");
            return Err(Problem::malformed(&words));
        }
        let mut bytes = Vec::with_capacity(asked.encoded_len());
        asked.encode(&mut bytes);
        let asked = Sha256::digest(&bytes).into();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, known| known.answer.is_none() || now.saturating_sub(known.at) < KEPT);
        if let Some(known) = all.get(named) {
            if known.asked != asked {
                let words =
                    "something else was asked for with this Idempotency-Key; give each request its own";
                return Err(Problem::of(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Malformed, words));
            }
            return known.answer.clone().map(Some).ok_or_else(|| {
                let words = "the request with this Idempotency-Key is under way; ask again in a moment";
                Problem::of(StatusCode::CONFLICT, ErrorCode::Busy, words)
            });
        }
        if all.keys().filter(|(user, ..)| *user == named.0).count() >= OF_ONE {
            forget_oldest(&mut all, |user| user == named.0)?;
        } else if all.len() >= ALL {
            let answered =
                || all.iter().filter(|(_, known)| known.answer.is_some()).map(|((user, ..), _)| *user);
            let tenant = with_most(answered().map(|user| OrganizationId::of(user.0)));
            let most = with_most(answered().filter(|user| Some(OrganizationId::of(user.0)) == tenant));
            forget_oldest(&mut all, |user| Some(user) == most)?;
        }
        all.insert(named.clone(), Known { asked, at: now, answer: None });
        Ok(None)
    }

    /// Keeps what was answered. What was refused changed nothing, so it may be asked for again.
    pub(super) fn end(&self, named: &Named, answer: Result<&response::Body, &Refused>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(answer) if answer.encoded_len() <= LARGEST => {
                if let Some(known) = all.get_mut(named) {
                    known.answer = Some(answer.clone());
                }
            }
            Ok(_) | Err(_) => drop(all.remove(named)),
        }
    }
}

/// Which comes most often.
fn with_most<T: Copy + Eq + Hash>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(one, _)| one)
}

/// Forgets the oldest answer of an account; what is under way isn't forgotten.
fn forget_oldest(all: &mut HashMap<Named, Known>, whose: impl Fn(UserId) -> bool) -> Result<(), Refused> {
    let theirs = all.iter().filter(|((user, ..), known)| whose(*user) && known.answer.is_some());
    let oldest = theirs.min_by_key(|(_, known)| known.at).map(|(named, _)| named.clone());
    all.remove(&oldest.ok_or(Refused::Busy)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use crate::protocol::wire;

    fn create(name: &str) -> request::Body {
        request::Body::CreateChannel(wire::CreateChannel { name: name.to_owned(), ..Default::default() })
    }

    #[test]
    fn what_comes_again_is_answered_as_it_was() {
        let (repeats, now) = (Repeats::default(), Duration::from_secs(1));
        let by = |user, key: &str| (UserId(user), Way::Session(SessionId(user)), key.to_owned());
        let (named, made) = (by(1, "a"), response::Body::Created(wire::Created { id: 7 }));
        assert_eq!(repeats.begin(&named, &create("Tea"), now).unwrap(), None);
        assert!(repeats.begin(&named, &create("Tea"), now).is_err(), "it is under way");
        repeats.end(&named, Ok(&made));
        assert_eq!(repeats.begin(&named, &create("Tea"), now).unwrap(), Some(made.clone()));
        assert!(repeats.begin(&named, &create("Coffee"), now).is_err(), "another request");
        let other = by(2, "a");
        assert_eq!(repeats.begin(&other, &create("Tea"), now).unwrap(), None);
        repeats.end(&other, Err(&Refused::Busy));
        assert_eq!(repeats.begin(&other, &create("Coffee"), now).unwrap(), None, "nothing was done");
        let later = now + KEPT;
        assert_eq!(repeats.begin(&named, &create("Coffee"), later).unwrap(), None, "it is forgotten");
    }

    #[test]
    fn an_account_has_so_many_and_its_oldest_goes() {
        let repeats = Repeats::default();
        let made = response::Body::Created(wire::Created { id: 7 });
        let by = |user, key: &str| (UserId(user), Way::Session(SessionId(user)), key.to_owned());
        let ask = |user, key: usize| {
            repeats.begin(&by(user, &key.to_string()), &create("Tea"), Duration::from_millis(key as u64))
        };
        for key in 0..OF_ONE {
            ask(1, key).unwrap();
        }
        assert!(ask(1, OF_ONE).is_err(), "all are under way");
        for key in 0..OF_ONE {
            repeats.end(&by(1, &key.to_string()), Ok(&made));
        }
        assert_eq!(ask(1, OF_ONE).unwrap(), None);
        assert_eq!(ask(1, 0).unwrap(), None, "the oldest was forgotten");
        for key in ["", "a b", "é", &"a".repeat(LONGEST + 1)] {
            assert!(repeats.begin(&by(3, key), &create("Tea"), Duration::ZERO).is_err(), "{key}");
        }
    }

    #[test]
    fn one_organization_keeps_no_other_from_asking_twice() {
        let (repeats, made) = (Repeats::default(), response::Body::Created(wire::Created { id: 7 }));
        let named = |organization: u64, account: u64, key: usize| {
            let user = UserId(*OrganizationId(organization).identifiers().start() + account);
            (user, Way::Session(SessionId(1)), key.to_string())
        };
        let ask = |named: &Named, at: u64| {
            let began = repeats.begin(named, &create("Tea"), Duration::from_millis(at)).unwrap();
            if began.is_none() {
                repeats.end(named, Ok(&made));
            }
            began
        };
        assert_eq!(ask(&named(1, 1, 0), 0), None);
        // Another one's accounts, each of which has as much as it may.
        for account in 0..(ALL / OF_ONE) as u64 {
            for key in 0..OF_ONE {
                ask(&named(2, account, key), 1);
            }
        }
        assert_eq!(repeats.0.lock().unwrap().len(), ALL);
        // Whoever comes now finds room, and what was there before is there still.
        assert_eq!(ask(&named(1, 2, 0), 2), None);
        assert_eq!(ask(&named(3, 1, 0), 2), None);
        for known in [named(1, 1, 0), named(1, 2, 0), named(3, 1, 0)] {
            assert_eq!(ask(&known, 3), Some(made.clone()), "{known:?}");
        }
        assert_eq!(repeats.0.lock().unwrap().len(), ALL);
    }
}
