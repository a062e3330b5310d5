//! Passwords: chosen anew by whoever has a code, by whoever knows the present one, or by whoever may. Each closes the
//! ways into the account that somebody may have come by with the old one.

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{OneTimeToken, Purpose, SubjectKind, User, Verb};
use super::Write;
use super::close::{Ended, Kept, close_ways_in};
use super::rows::remove_where;
use super::token::{CreateTokenError, NewToken, check_new, put_new, take_valid, valid};
use crate::auth::{StoredPassword, TokenHash};
use crate::id::{SessionId, Timestamp, UserId};

/// What came of another password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSet {
    /// The account as it is now.
    pub user: User,
    /// Which ways into it were closed.
    pub ended: Ended,
}

/// Why a password isn't set by a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResetPasswordError {
    /// The code is unknown, used up, expired or for something else, or its account is gone; it isn't said which.
    #[error("the code is wrong, used or expired")]
    Invalid,
}

/// Whoever has the code of an e-mail has another password. The code is used up, and so is every other reset code of the
/// account; all of its sessions end, and its devices' keys are good no more, nor are its API keys unless they are to be
/// kept.
pub fn reset_password(
    code: TokenHash,
    password: StoredPassword,
    keep_api_keys: bool,
) -> Write<PasswordSet, ResetPasswordError> {
    Write::new(move |open| {
        let invalid = Stop::Refused(ResetPasswordError::Invalid);
        let Some(token) = valid(open, Purpose::PasswordReset, &code)? else { return Err(invalid) };
        let user: Option<User> = token.user.map_or(Ok(None), |user| open.get(user.0))?;
        let Some(user) = user else { return Err(invalid) };
        take_valid(open, &token)?;
        let kept = Kept { api_keys: keep_api_keys, ..Kept::default() };
        Ok(set(open, &user, Some(password.clone()), kept)?)
    })
}

/// Another password of somebody who knows the present one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordChange {
    /// Whose.
    pub user: UserId,
    /// What is stored of the present one, which was shown to be known; `None` for an account without one.
    pub old: Option<StoredPassword>,
    /// What is to be stored of the new one.
    pub new: StoredPassword,
    /// The session that asks for it: it goes on, and its device keeps its key. `None` closes every way in.
    pub session: Option<SessionId>,
    /// Whether programs keep their API keys.
    pub keep_api_keys: bool,
}

/// Why a password isn't changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChangePasswordError {
    /// There is no such account.
    #[error("there is no such user")]
    NoSuchUser,
    /// The password that was shown isn't the account's any more.
    #[error("the password was changed at the same moment; try again with the present one")]
    Changed,
}

/// Another password, if the one that was shown still is the account's: of two changes at once, one is refused. The other
/// sessions end, and the other devices' keys are good no more, nor are the API keys unless they are to be kept.
pub fn change_password(change: PasswordChange) -> Write<PasswordSet, ChangePasswordError> {
    Write::new(move |open| {
        let user: User = open.require(change.user.0, ChangePasswordError::NoSuchUser)?;
        if user.password != change.old {
            return Err(Stop::Refused(ChangePasswordError::Changed));
        }
        let kept = Kept::device(open, user.id, change.session)?;
        let kept = Kept { api_keys: change.keep_api_keys, ..kept };
        Ok(set(open, &user, Some(change.new.clone()), kept)?)
    })
}

/// Why a password isn't set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SetPasswordError {
    /// There is no such account.
    #[error("there is no such user")]
    NoSuchUser,
}

/// Another password, or none, by whoever may set it without knowing the present one. All sessions end, and the devices'
/// keys are good no more, nor are the API keys unless they are to be kept.
pub fn set_password(
    user: UserId,
    password: Option<StoredPassword>,
    keep_api_keys: bool,
) -> Write<PasswordSet, SetPasswordError> {
    Write::new(move |open| {
        let user: User = open.require(user.0, SetPasswordError::NoSuchUser)?;
        let kept = Kept { api_keys: keep_api_keys, ..Kept::default() };
        Ok(set(open, &user, password.clone(), kept)?)
    })
}

/// A code by which an account's owner chooses another password, made by whoever may set it. One that was made or sent before
/// is good no more.
pub fn make_reset_code(
    user: UserId,
    code: TokenHash,
    expires: Timestamp,
) -> Write<OneTimeToken, CreateTokenError> {
    Write::new(move |open| {
        let user: User = open.require(user.0, CreateTokenError::NoSuchUser)?;
        let new = NewToken {
            organization: user.organization,
            purpose: Purpose::PasswordReset,
            hash: code,
            user: Some(user.id),
            uses: 1,
            expires,
            email: None,
            channel: None,
            roles: Vec::new(),
        };
        check_new(open, &new)?;
        end_resets(open, &user)?;
        Ok(put_new(open, new)?)
    })
}

/// The codes that would choose another password for an account are good no more.
fn end_resets(open: &mut Open<'_>, user: &User) -> Result<(), ReadError> {
    let is_reset =
        |token: &OneTimeToken| token.user == Some(user.id) && token.purpose == Purpose::PasswordReset;
    remove_where(open, user.organization, is_reset).map(drop)
}

fn set(
    open: &mut Open<'_>,
    old: &User,
    password: Option<StoredPassword>,
    kept: Kept,
) -> Result<PasswordSet, ReadError> {
    let user = User { password, ..old.clone() };
    // Neither name nor address changes, so nothing can be taken.
    let _ = open.put_unaudited(Some(old), Some(&user))?;
    let ended = close_after_change(open, old, &user, kept)?;
    Ok(PasswordSet { user, ended })
}

/// Closes the ways into an account that has another password: those that are open, and the codes that would open it. The
/// audit trail says that the password is another one, which it can't see from the row, since it shows none.
pub(super) fn close_after_change(
    open: &mut Open<'_>,
    old: &User,
    user: &User,
    kept: Kept,
) -> Result<Ended, ReadError> {
    let shown = |user: &User| match user.password {
        Some(_) => r#"{"password":"(not shown)"}"#.to_owned(),
        None => String::new(),
    };
    let (before, after) = (shown(old), shown(user));
    open.audit(user.organization, Verb::Change, SubjectKind::User, user.id.0, before, after)?;
    end_resets(open, user)?;
    close_ways_in(open, user.id, kept)
}

/// The same password, hashed by other parameters; nothing happens when it was changed meanwhile.
pub fn replace_password(
    id: UserId,
    old: StoredPassword,
    new: StoredPassword,
) -> Write<(), std::convert::Infallible> {
    Write::new(move |open| {
        let user: Option<User> = open.get(id.0)?;
        if let Some(user) = user.filter(|user| user.password.as_ref() == Some(&old)) {
            let hashed = User { password: Some(new.clone()), ..user.clone() };
            // Neither name nor address changes, so nothing can be taken.
            let _ = open.put_unaudited(Some(&user), Some(&hashed))?;
        }
        Ok(())
    })
}
