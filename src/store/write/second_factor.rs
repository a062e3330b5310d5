//! Second factors: one-time codes, and the recovery codes that stand in for them.

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{SecondFactor, User};
use super::Write;
use crate::auth::{DRIFT, StoredPassword, TokenHash};
use crate::id::UserId;

/// Why a second factor isn't set up, used or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SecondFactorError {
    /// There is no such account.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is one in force.
    #[error("this account has a second factor; remove it before you set up another")]
    Present,
    /// There is none, or none that waits to be confirmed.
    #[error("this account has no second factor; set one up first")]
    Absent,
    /// The code was used, or one after it.
    #[error("this code was used already; wait for the next one")]
    Used,
    /// There is no such recovery code, or it was used.
    #[error("the code is wrong or was used")]
    Wrong,
    /// What was checked isn't the account's any more.
    #[error("the account was changed at the same moment; try again")]
    Changed,
}

/// A secret waits to be confirmed by a code; one that waited before is forgotten.
pub fn begin_second_factor(user: UserId, secret: Vec<u8>) -> Write<(), SecondFactorError> {
    Write::new(move |open| {
        let _: User = open.require(user.0, SecondFactorError::NoSuchUser)?;
        let old: Option<SecondFactor> = open.get(user.0)?;
        if old.as_ref().is_some_and(|old| old.confirmed.is_some()) {
            return Err(Stop::Refused(SecondFactorError::Present));
        }
        let (secret, recovery) = (secret.clone(), Vec::new());
        let new = SecondFactor { user, secret, confirmed: None, last_step: 0, recovery };
        let _ = open.put_unaudited(old.as_ref(), Some(&new))?;
        Ok(())
    })
}

/// The secret that waits is in force, with these recovery codes. `secret` is the one that the code of `step` was checked
/// against; when another one waits by now, nothing is confirmed.
pub fn confirm_second_factor(
    user: UserId,
    secret: Vec<u8>,
    step: u64,
    recovery: Vec<TokenHash>,
) -> Write<(), SecondFactorError> {
    Write::new(move |open| {
        let old: SecondFactor = open.require(user.0, SecondFactorError::Absent)?;
        if old.confirmed.is_some() {
            return Err(Stop::Refused(SecondFactorError::Present));
        }
        if old.secret != secret {
            return Err(Stop::Refused(SecondFactorError::Changed));
        }
        let (confirmed, recovery) = (Some(open.by.at), recovery.clone());
        let new = SecondFactor { confirmed, last_step: step, recovery, ..old };
        let _ = open.put(None, Some(&new))?;
        Ok(())
    })
}

/// The secrets of second factors under another seal: each with what it was and what it is. One that was changed
/// meanwhile stays as it is.
pub fn reseal_second_factors(
    resealed: Vec<(UserId, Vec<u8>, Vec<u8>)>,
) -> Write<(), std::convert::Infallible> {
    Write::new(move |open| {
        for (user, before, after) in &resealed {
            let old: Option<SecondFactor> = open.get(user.0)?;
            if let Some(old) = old.filter(|old| old.secret == *before) {
                let new = SecondFactor { secret: after.clone(), ..old.clone() };
                // The person's secret is the same, so the audit trail has nothing to say.
                let _ = open.put_unaudited(Some(&old), Some(&new))?;
            }
        }
        Ok(())
    })
}

/// What was shown of a second factor, and was found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorProof {
    /// The code of a step: none up to it works again.
    Step(u64),
    /// A recovery code, which works once.
    Recovery(TokenHash),
}

impl FactorProof {
    /// The row once this is used up, or why it can't be used.
    pub(super) fn used(self, row: &SecondFactor) -> Result<SecondFactor, SecondFactorError> {
        match self {
            // A step that is further ahead than any code could be was used before the clock was set back: it keeps nobody out.
            Self::Step(step) if step <= row.last_step && row.last_step <= step + 2 * DRIFT => {
                Err(SecondFactorError::Used)
            }
            Self::Step(last_step) => Ok(SecondFactor { last_step, ..row.clone() }),
            Self::Recovery(code) => {
                let mut new = row.clone();
                new.recovery.retain(|kept| *kept != code);
                if new.recovery.len() == row.recovery.len() { Err(SecondFactorError::Wrong) } else { Ok(new) }
            }
        }
    }

    /// Writes that this is used up, if it can be used.
    pub(super) fn put(self, open: &mut Open<'_>, row: &SecondFactor) -> Result<(), ReadError> {
        let Ok(used) = self.used(row) else { return Ok(()) };
        // Which step it was is nothing for the audit trail; that a recovery code is gone is.
        let _ = match self {
            Self::Step(_) => open.put_unaudited(Some(row), Some(&used))?,
            Self::Recovery(_) => open.put(Some(row), Some(&used))?,
        };
        Ok(())
    }
}

/// The second factor of an account, if it is in force.
pub(super) fn in_force(open: &mut Open<'_>, user: UserId) -> Result<Option<SecondFactor>, ReadError> {
    let row: Option<SecondFactor> = open.get(user.0)?;
    Ok(row.filter(|row| row.confirmed.is_some()))
}

/// What was shown to have a second factor removed, and was found right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemovalProof {
    /// Something of the factor itself.
    Factor(FactorProof),
    /// The account's password, by what is stored of it.
    Password(StoredPassword),
    /// Nothing: it was never confirmed.
    Unconfirmed,
}

/// The account has no second factor any more, if what was shown for that is still right.
pub fn remove_second_factor(user: UserId, proof: RemovalProof) -> Write<(), SecondFactorError> {
    Write::new(move |open| {
        let old: SecondFactor = open.require(user.0, SecondFactorError::Absent)?;
        if old.confirmed.is_some() {
            match &proof {
                RemovalProof::Factor(shown) => _ = shown.used(&old).map_err(Stop::Refused)?,
                RemovalProof::Password(stored) => {
                    let user: User = open.require(user.0, SecondFactorError::NoSuchUser)?;
                    if user.password.as_ref() != Some(stored) {
                        return Err(Stop::Refused(SecondFactorError::Changed));
                    }
                }
                RemovalProof::Unconfirmed => return Err(Stop::Refused(SecondFactorError::Changed)),
            }
        }
        let _ = open.put(Some(&old), None)?;
        Ok(())
    })
}
