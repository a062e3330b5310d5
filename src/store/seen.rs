//! When sessions, users and keys were seen last. Noted in memory, and written together in the order of
//! the keys: a row for each packet's worth of news would cost a flush each.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::error::ReadError;
use super::open::Open;
use super::write::Write;
use crate::id::{ApiKeyId, SessionId, Timestamp, UserId};

/// Touches that wait at most. At the bound they are written early; were that not to work, further ones
/// of new subjects are dropped: only a time is lost.
const WAITING: usize = 262_144;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    /// A session of a user.
    Session(UserId, SessionId),
    /// A user, logging in.
    LogIn(UserId),
    /// An API key of a user.
    ApiKey(UserId, ApiKeyId),
}

impl Seen {
    /// Its key in the table.
    pub(super) fn key(self) -> (u64, u8, u64) {
        match self {
            Self::Session(user, session) => (user.0, 0, session.0),
            Self::LogIn(user) => (user.0, 1, 0),
            Self::ApiKey(user, key) => (user.0, 2, key.0),
        }
    }
}

pub(super) type Touch = ((u64, u8, u64), u64);

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Touches(Mutex<BTreeMap<(u64, u8, u64), u64>>);

impl Touches {
    pub(super) fn note(&self, seen: Seen, at: Timestamp) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = waiting.len() < WAITING;
        match waiting.get_mut(&seen.key()) {
            Some(last) => *last = (*last).max(at.0),
            None if room => _ = waiting.insert(seen.key(), at.0),
            None => (),
        }
    }

    /// What is noted and not written yet.
    pub(super) fn get(&self, seen: Seen) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&seen.key()).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether it is time to write them early.
    pub(super) fn is_full(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() >= WAITING / 2
    }

    /// All of them, in order of key.
    pub(super) fn take(&self) -> Vec<Touch> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().collect()
    }

    /// Those that couldn't be written wait again.
    pub(super) fn give_back(&self, touches: &[Touch]) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, at) in touches {
            let last = waiting.entry(*key).or_insert(*at);
            *last = (*last).max(*at);
        }
    }
}

/// Writes these touches, now.
pub(super) fn flush_now(touches: std::sync::Arc<[Touch]>) -> Write<(), std::convert::Infallible> {
    Write::new(move |open| Ok(flush(open, &touches)?))
}

/// Writes touches of what is still there.
pub(super) fn flush(open: &mut Open<'_>, touches: &[Touch]) -> Result<(), ReadError> {
    for ((user, kind, id), at) in touches {
        let there = match kind {
            0 => open.tables.user_sessions.get((*user, *id))?.is_some(),
            1 => open.tables.users.get(*user)?.is_some(),
            _ => open.tables.api_keys.get(*id)?.is_some(),
        };
        if there {
            open.tables.seen.insert((*user, *kind, *id), *at)?;
        }
    }
    Ok(())
}
