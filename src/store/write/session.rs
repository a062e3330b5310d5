//! Sessions: log-ins that outlive connections.

use std::ops::{Bound, RangeInclusive};

use redb::ReadableTable;
use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{Counted, SERVER, Session, SubjectKind, User, Verb};
use super::super::row::Record;
use super::super::seen::Seen;
use super::Write;
use super::organization::limits_of;
use crate::auth::TokenHash;
use crate::id::{SessionId, Timestamp, UserId};

/// Why a session can't begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateSessionError {
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The user is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The token isn't random enough.
    #[error("the token resembles another; draw a new one")]
    TokenTaken,
}

/// A session begins; its identifier is from [`Store::new_session_id`](super::super::Store::new_session_id).
/// At the organization's limit the user's oldest session ends for it.
pub fn create_session(session: Session) -> Write<Session, CreateSessionError> {
    Write::new(move |open| {
        let user: User = open.require(session.user.0, CreateSessionError::NoSuchUser)?;
        if user.disabled {
            return Err(Stop::Refused(CreateSessionError::Disabled));
        }
        if open.tables.sessions.get(session.key())?.is_some() {
            return Err(Stop::Refused(CreateSessionError::TokenTaken));
        }
        let limit = limits_of(open, user.id.0)?.sessions_per_user.max(1);
        let held = sessions_in(open, (user.id.0, 0)..=(user.id.0, u64::MAX), |_| true)?;
        let surplus = (held.len() + 1).saturating_sub(limit as usize);
        for oldest in held.iter().take(surplus) {
            end(open, oldest)?;
        }
        open.tables.user_sessions.insert((user.id.0, session.id.0), session.key())?;
        let _ = open.put(None, Some(&session))?;
        let (user, kind, id) = Seen::LogIn(user.id).key();
        let at = open.by.at.0;
        open.tables.seen.insert((user, kind, id), at)?;
        open.ledger(SERVER)?.note(Counted::Session, session.id.0);
        Ok(session)
    })
}

/// Why a session can't be refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RefreshSessionError {
    /// There is none, or it has expired.
    #[error("the session has ended; log in again")]
    Ended,
    /// The token isn't random enough.
    #[error("the token resembles another; draw a new one")]
    TokenTaken,
}

/// A session gets a new token and a new end; the old token is good no more.
pub fn refresh_session(
    user: UserId,
    session: SessionId,
    token: TokenHash,
    expires: Timestamp,
) -> Write<Session, RefreshSessionError> {
    Write::new(move |open| {
        let old = find(open, user, session)?.ok_or(Stop::Refused(RefreshSessionError::Ended))?;
        if old.expires <= open.by.at {
            return Err(Stop::Refused(RefreshSessionError::Ended));
        }
        let new = Session { token, expires, ..old.clone() };
        if new.key() != old.key() && open.tables.sessions.get(new.key())?.is_some() {
            return Err(Stop::Refused(RefreshSessionError::TokenTaken));
        }
        replace_token(open, &old, &new)?;
        Ok(new)
    })
}

/// A session under another token, which is its row's key.
pub(super) fn replace_token(open: &mut Open<'_>, old: &Session, new: &Session) -> Result<(), ReadError> {
    open.tables.sessions.remove(old.key())?;
    open.tables.user_sessions.insert((old.user.0, old.id.0), new.key())?;
    let _ = open.put_unaudited(None, Some(new))?;
    Ok(())
}

/// Why a session can't be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EndSessionError {
    /// There is none.
    #[error("there is no such session")]
    NoSuchSession,
}

/// A session ends.
pub fn end_session(user: UserId, session: SessionId) -> Write<(), EndSessionError> {
    Write::new(move |open| {
        let old = find(open, user, session)?.ok_or(Stop::Refused(EndSessionError::NoSuchSession))?;
        end(open, &old)?;
        Ok(())
    })
}

/// All sessions of a user end, but for one that may be kept. Answers with those that ended.
pub fn end_sessions_of(
    user: UserId,
    but: Option<SessionId>,
) -> Write<Vec<SessionId>, std::convert::Infallible> {
    Write::new(move |open| {
        let going = sessions_in(open, (user.0, 0)..=(user.0, u64::MAX), |session| Some(session.id) != but)?;
        for session in &going {
            end(open, session)?;
        }
        Ok(going.into_iter().map(|session| session.id).collect())
    })
}

/// Removes expired sessions among the next `chunk` after a place, and answers with how many and with the
/// place to go on from; `None` at the end. In chunks, so that no other write waits long.
pub fn sweep_sessions(
    after: Option<u64>,
    chunk: usize,
) -> Write<(u64, Option<u64>), std::convert::Infallible> {
    Write::new(move |open| {
        let now = open.by.at;
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (mut expired, mut place, mut seen) = (Vec::new(), None, 0);
        for row in open.tables.sessions.range::<u64>((first, Bound::Unbounded))?.take(chunk) {
            let (key, row) = row?;
            let session = Session::decode(row.value())?;
            (place, seen) = (Some(key.value()), seen + 1);
            if session.expires <= now {
                expired.push(session);
            }
        }
        let count = expired.len() as u64;
        for session in &expired {
            remove(open, session)?;
        }
        if count > 0 {
            let after = format!("{{\"expired\":{count}}}");
            open.audit(SERVER, Verb::Delete, SubjectKind::Session, 0, String::new(), after)?;
        }
        Ok((count, place.filter(|_| seen == chunk)))
    })
}

pub(super) fn find(
    open: &mut Open<'_>,
    user: UserId,
    session: SessionId,
) -> Result<Option<Session>, ReadError> {
    let key = open.tables.user_sessions.get((user.0, session.0))?.map(|key| key.value());
    key.map_or(Ok(None), |key| open.get(key))
}

pub(super) fn end(open: &mut Open<'_>, session: &Session) -> Result<(), ReadError> {
    let _ = open.put(Some(session), None)?;
    remove_traces(open, session)
}

fn remove(open: &mut Open<'_>, session: &Session) -> Result<(), ReadError> {
    let _ = open.put_unaudited(Some(session), None)?;
    remove_traces(open, session)
}

fn remove_traces(open: &mut Open<'_>, session: &Session) -> Result<(), ReadError> {
    open.tables.user_sessions.remove((session.user.0, session.id.0))?;
    open.tables.devices.remove((session.user.0, session.id.0))?;
    open.tables.seen.remove(Seen::Session(session.user, session.id).key())?;
    Ok(())
}

/// Removes sessions that go with something that is audited.
pub(super) fn remove_sessions_in(
    open: &mut Open<'_>,
    range: RangeInclusive<(u64, u64)>,
    goes: impl Fn(&Session) -> bool,
) -> Result<u64, ReadError> {
    let going = sessions_in(open, range, goes)?;
    for session in &going {
        remove(open, session)?;
    }
    Ok(going.len() as u64)
}

fn sessions_in(
    open: &Open<'_>,
    range: RangeInclusive<(u64, u64)>,
    wanted: impl Fn(&Session) -> bool,
) -> Result<Vec<Session>, ReadError> {
    let mut found = Vec::new();
    for entry in open.tables.user_sessions.range(range)? {
        let Some(row) = open.tables.sessions.get(entry?.1.value())? else { continue };
        let session = Session::decode(row.value())?;
        if wanted(&session) {
            found.push(session);
        }
    }
    Ok(found)
}
