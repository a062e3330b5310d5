//! Sessions: log-ins that outlive connections. They begin, get other tokens, and end.

use std::ops::{Bound, RangeInclusive};

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{
    Counted, Device, DeviceKey, LinkedLogIn, SERVER, Session, SubjectKind, User, Verb,
};
use super::super::row::Record;
use super::super::seen::Seen;
use super::Write;
use super::rows::{find_key, limits_of};
use super::second_factor::{FactorProof, SecondFactorError, in_force};
use crate::auth::{StoredPassword, TokenHash};
use crate::id::{Fingerprint, SessionId, Timestamp, UserId};

/// A session to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Its row; its identifier is from [`Store::new_session_id`](super::super::Store::new_session_id).
    pub session: Session,
    /// Name and version of the program.
    pub client: String,
    /// What was shown for it.
    pub proof: Proof,
}

impl NewSession {
    /// A session for which nothing was shown: that of an account just made, or one that the machine's owner makes.
    pub fn unproven(session: Session) -> Self {
        Self { session, client: String::new(), proof: Proof::None }
    }
}

/// What somebody showed who logs in, and was found right. It is looked at again when the session begins, since what was
/// checked may have been withdrawn in the meantime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The password, and something of the second factor where the account has one.
    Password {
        /// What is stored of the password.
        stored: StoredPassword,
        /// What was shown of the second factor; it is used up.
        factor: Option<FactorProof>,
    },
    /// A device's key.
    DeviceKey(Fingerprint),
    /// Another session of the account, which lasts.
    Session(SessionId),
    /// A log-in at another server, by its number among those that lead to the account.
    Linked(u64),
    /// Nothing, where nothing is needed.
    None,
}

/// A session that began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its row.
    pub session: Session,
    /// The user's oldest sessions, which ended for it at the organization's limit.
    pub ended: Vec<SessionId>,
}

/// Why a session can't begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BeginSessionError {
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The user is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The token isn't random enough.
    #[error("the token resembles another; draw a new one")]
    TokenTaken,
    /// What was shown is good no more: the password was changed, the device's key removed or a second factor set up.
    #[error("the account was changed at the same moment; log in again")]
    Outdated,
    /// What was shown of the second factor isn't right.
    #[error(transparent)]
    Factor(#[from] SecondFactorError),
}

/// A session begins, with what is known of its device; what was shown for it is used up where it works once. At the
/// organization's limit the user's oldest session ends for it.
pub fn begin_session(new: NewSession) -> Write<Begun, BeginSessionError> {
    Write::new(move |open| {
        let user: User = open.require(new.session.user.0, BeginSessionError::NoSuchUser)?;
        check_new(open, &user, &new)?;
        Ok(put_new(open, &new)?)
    })
}

/// Whether a session may begin for a user, who may be one about to be created; nothing is written.
pub(super) fn check_new(
    open: &mut Open<'_>,
    user: &User,
    new: &NewSession,
) -> Result<(), Stop<BeginSessionError>> {
    if user.disabled {
        return Err(Stop::Refused(BeginSessionError::Disabled));
    }
    if open.tables.sessions.get(new.session.key())?.is_some() {
        return Err(Stop::Refused(BeginSessionError::TokenTaken));
    }
    check_proof(open, user, &new.proof)
}

/// Whether what was shown is good still; nothing is written.
pub(super) fn check_proof(
    open: &mut Open<'_>,
    user: &User,
    proof: &Proof,
) -> Result<(), Stop<BeginSessionError>> {
    match proof {
        Proof::Password { stored, factor } => {
            if user.password.as_ref() != Some(stored) {
                return Err(Stop::Refused(BeginSessionError::Outdated));
            }
            match (in_force(open, user.id)?, factor) {
                (Some(_), None) => return Err(Stop::Refused(BeginSessionError::Outdated)),
                (Some(row), Some(shown)) => {
                    shown.used(&row).map_err(|error| Stop::Refused(error.into()))?;
                }
                (None, _) => (),
            }
        }
        Proof::DeviceKey(key) if find_key(open, user.id, *key)?.is_none() => {
            return Err(Stop::Refused(BeginSessionError::Outdated));
        }
        Proof::Session(session) => {
            let at = open.by.at;
            if !sessions_of(open, user.id)?.iter().any(|one| one.id == *session && at < one.expires) {
                return Err(Stop::Refused(BeginSessionError::Outdated));
            }
        }
        Proof::Linked(id) if open.get::<LinkedLogIn>((user.id.0, *id))?.is_none() => {
            return Err(Stop::Refused(BeginSessionError::Outdated));
        }
        Proof::DeviceKey(_) | Proof::Linked(_) | Proof::None => (),
    }
    Ok(())
}

/// Uses up what was shown of a second factor, if that was.
pub(super) fn use_up(open: &mut Open<'_>, user: UserId, proof: &Proof) -> Result<(), ReadError> {
    if let Proof::Password { factor: Some(shown), .. } = proof
        && let Some(row) = in_force(open, user)?
    {
        shown.put(open, &row)?;
    }
    Ok(())
}

/// Writes a session that was checked.
pub(super) fn put_new(open: &mut Open<'_>, new: &NewSession) -> Result<Begun, ReadError> {
    let NewSession { session, client, proof } = new.clone();
    let (id, user, at) = (session.id, session.user, open.by.at);
    let mut device_key = None;
    use_up(open, user, &proof)?;
    if let Proof::Linked(link) = proof
        && let Some(old) = open.get::<LinkedLogIn>((user.0, link))?
    {
        let _ = open.put_unaudited(Some(&old), Some(&LinkedLogIn { used: at, ..old.clone() }))?;
    }
    if let Proof::DeviceKey(key) = proof {
        if let Some(old) = find_key(open, user, key)? {
            let here = DeviceKey { session: Some(id), ..old.clone() };
            let _ = open.put_unaudited(Some(&old), Some(&here))?;
        }
        device_key = Some(key);
    }
    let limit = limits_of(open, user.0)?.sessions_per_user.max(1);
    let held = sessions_of(open, user)?;
    let surplus = (held.len() + 1).saturating_sub(limit as usize);
    let mut ended = Vec::new();
    for oldest in held.iter().take(surplus) {
        end(open, oldest)?;
        ended.push(oldest.id);
    }
    open.tables.user_sessions.insert((user.0, id.0), session.key())?;
    let _ = open.put(None, Some(&session))?;
    let (address, exchanged) = (session.address, session.created);
    let device = Device { user, session: id, client, address, exchanged, key: device_key };
    let _ = open.put_unaudited(None, Some(&device))?;
    open.tables.seen.insert(Seen::LogIn(user).key(), at.0)?;
    open.ledger(SERVER)?.note(Counted::Session, id.0);
    Ok(Begun { session, ended })
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
        let mut ended = Vec::new();
        for session in sessions_of(open, user)? {
            if Some(session.id) != but {
                end(open, &session)?;
                ended.push(session.id);
            }
        }
        Ok(ended)
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

/// A user's sessions, the oldest first.
pub(super) fn sessions_of(open: &Open<'_>, user: UserId) -> Result<Vec<Session>, ReadError> {
    sessions_in(open, (user.0, 0)..=(user.0, u64::MAX), |_| true)
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
