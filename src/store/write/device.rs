//! Devices that stay logged in: the succession of their tokens, and keys of their own.

use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use super::super::error::Stop;
use super::super::record::{Device, DeviceKey, Session, Setting, SubjectKind, User, Verb};
use super::super::row::Record;
use super::super::table::organization_of;
use super::Write;
use super::close::{Ended, Kept, close_ways_in};
use super::rows::{find_key, keys_of};
use super::session::{EndSessionError, end, find, replace_token};
use crate::auth::TokenHash;
use crate::id::{Fingerprint, SessionId, Timestamp, UserId};

/// How the names of a user's settings begin that are the server's own.
const OWN: &str = "account.";

/// Name of a user's setting that holds what is to be said at the next log-in.
pub const NOTICE: &str = "account.notice";

/// Whether a user's setting is the server's own, which the user neither reads nor writes.
pub fn is_server_s(setting: &str) -> bool {
    setting.starts_with(OWN)
}

/// Devices with a key that one account has at most.
pub const MAX_DEVICE_KEYS: usize = 32;

/// A token to be exchanged for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Whose.
    pub user: UserId,
    /// The session that the token is of.
    pub session: SessionId,
    /// What was shown.
    pub shown: TokenHash,
    /// What follows it.
    pub next: TokenHash,
    /// Until when the next is good.
    pub expires: Timestamp,
    /// For how long the same may be shown again, by a client that the answer didn't reach.
    pub grace: Duration,
    /// Name and version of the client.
    pub client: String,
    /// Where it is.
    pub address: Option<IpAddr>,
}

/// What came of a token that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchanged {
    /// It is exchanged; or it was a moment ago, and the answer is the same again.
    Good(Session),
    /// It was exchanged before: two have it, so neither is to be trusted. The session has ended.
    Reused,
    /// There is no such session, or it is over.
    Ended,
}

/// The next token takes the place of the one that was shown.
pub fn exchange_token(exchange: Exchange) -> Write<Exchanged, std::convert::Infallible> {
    Write::new(move |open| {
        let now = open.by.at;
        let Exchange { user, session, shown, next, expires, grace, client, address } = exchange.clone();
        let Some(row) = find(open, user, session)?.filter(|row| now < row.expires) else {
            return Ok(Exchanged::Ended);
        };
        let device: Option<Device> = open.get((user.0, session.0))?;
        if row.token == shown {
            let new = Session { token: next, expires, ..row.clone() };
            replace_token(open, &row, &new)?;
            let key = device.as_ref().and_then(|device| device.key);
            let seen = Device { user, session, client, address, exchanged: now, key };
            let _ = open.put_unaudited(device.as_ref(), Some(&seen))?;
            return Ok(Exchanged::Good(new));
        }
        let just_now = device.is_some_and(|device| now.since(device.exchanged) <= grace);
        if row.token == next && just_now {
            return Ok(Exchanged::Good(row));
        }
        end(open, &row)?;
        let home = organization_of(user.0);
        let after =
            serde_json::json!({ "session": session, "device": row.device, "client": client }).to_string();
        open.audit(home, Verb::Reuse, SubjectKind::Session, session.0, String::new(), after)?;
        let notice = format!(
            "The log-in of your device \"{}\" was used from two places ({}, and where it belongs), so it was ended. If \
             that wasn't you, somebody copied it: change your password.",
            row.device,
            address.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
        );
        open.tables.settings.insert((home.0, user.0, NOTICE), notice.as_str())?;
        Ok(Exchanged::Reused)
    })
}

/// Takes what is to be said to a user, once.
pub fn take_notice(user: UserId) -> Write<Option<Setting>, std::convert::Infallible> {
    Write::new(move |open| {
        let organization = organization_of(user.0);
        let taken = open.tables.settings.remove((organization.0, user.0, NOTICE))?;
        Ok(taken.map(|value| Setting {
            organization,
            user: Some(user),
            name: NOTICE.to_owned(),
            value: value.value().to_owned(),
        }))
    })
}

/// A device is logged out: its session ends, and the key by which it would come back is good no more, nor does the session
/// last that the key is in.
pub fn end_device(user: UserId, session: SessionId) -> Write<Ended, EndSessionError> {
    Write::new(move |open| {
        let row = find(open, user, session)?.ok_or(Stop::Refused(EndSessionError::NoSuchSession))?;
        let device: Option<Device> = open.get((user.0, session.0))?;
        let own = device.and_then(|device| device.key);
        end(open, &row)?;
        let mut ended = Ended { sessions: vec![session], ..Ended::default() };
        for key in keys_of(open, user)? {
            if Some(key.fingerprint) != own && key.session != Some(session) {
                continue;
            }
            let _ = open.put(Some(&key), None)?;
            ended.device_keys.push(key.fingerprint);
            if let Some(other) = key.session
                && let Some(row) = find(open, user, other)?
            {
                end(open, &row)?;
                ended.sessions.push(other);
            }
        }
        Ok(ended)
    })
}

/// Every device of a user is logged out but that of one session. By what was done on a device that is lost somebody could come
/// back, so what programs were allowed and the invites that the user made end, too. API keys are good as before.
pub fn end_other_devices(user: UserId, session: SessionId) -> Write<Ended, std::convert::Infallible> {
    Write::new(move |open| {
        let kept = Kept::device(open, user, Some(session))?;
        Ok(close_ways_in(open, user, Kept { api_keys: true, ..kept })?)
    })
}

/// Why a device's key can't be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RegisterDeviceKeyError {
    /// There is no such account.
    #[error("there is no such user")]
    NoSuchUser,
    /// It has as many as it may.
    #[error("this account has {MAX_DEVICE_KEYS} devices with keys; remove one first")]
    TooMany,
}

/// A device may log in by its key, and its session is known to be that device's. Registered again, it has another name.
pub fn register_device_key(key: DeviceKey) -> Write<(), RegisterDeviceKeyError> {
    Write::new(move |open| {
        let _: User = open.require(key.user.0, RegisterDeviceKeyError::NoSuchUser)?;
        let old: Option<DeviceKey> = open.get(key.key())?;
        if old.is_none() && keys_of(open, key.user)?.len() >= MAX_DEVICE_KEYS {
            return Err(Stop::Refused(RegisterDeviceKeyError::TooMany));
        }
        let _ = open.put(old.as_ref(), Some(&key))?;
        if let Some(session) = key.session
            && let Some(device) = open.get::<Device>((key.user.0, session.0))?
        {
            let known = Device { key: Some(key.fingerprint), ..device.clone() };
            let _ = open.put_unaudited(Some(&device), Some(&known))?;
        }
        Ok(())
    })
}

/// Why a device's key can't be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RemoveDeviceKeyError {
    /// There is none.
    #[error("there is no such device key")]
    NoSuchKey,
}

/// A device logs in by its key no more; the session that it logged in to ends, unless it is the one to be kept.
pub fn remove_device_key(
    user: UserId,
    fingerprint: Fingerprint,
    but: SessionId,
) -> Write<DeviceKey, RemoveDeviceKeyError> {
    Write::new(move |open| {
        let old = find_key(open, user, fingerprint)?.ok_or(Stop::Refused(RemoveDeviceKeyError::NoSuchKey))?;
        let _ = open.put(Some(&old), None)?;
        if let Some(session) = old.session.filter(|session| *session != but)
            && let Some(row) = find(open, user, session)?
        {
            end(open, &row)?;
        }
        Ok(old)
    })
}
