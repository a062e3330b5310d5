//! Second factors: one-time codes, and the recovery codes that stand in for them.

use thiserror::Error;

use super::super::error::Stop;
use super::super::record::{SecondFactor, User};
use super::Write;
use crate::auth::TokenHash;
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
}

/// A secret waits to be confirmed by a code; one that waited before is forgotten.
pub fn begin_second_factor(user: UserId, secret: Vec<u8>) -> Write<(), SecondFactorError> {
    Write::new(move |open| {
        let _: User = open.require(user.0, SecondFactorError::NoSuchUser)?;
        let old: Option<SecondFactor> = open.get(user.0)?;
        if old.as_ref().is_some_and(|old| old.confirmed.is_some()) {
            return Err(Stop::Refused(SecondFactorError::Present));
        }
        let new = SecondFactor { user, secret, confirmed: None, last_step: 0, recovery: Vec::new() };
        let _ = open.put_unaudited(old.as_ref(), Some(&new))?;
        Ok(())
    })
}

/// The secret that waits is in force, with these recovery codes; the code of `step` confirmed it.
pub fn confirm_second_factor(
    user: UserId,
    step: u64,
    recovery: Vec<TokenHash>,
) -> Write<(), SecondFactorError> {
    Write::new(move |open| {
        let old: SecondFactor = open.require(user.0, SecondFactorError::Absent)?;
        if old.confirmed.is_some() {
            return Err(Stop::Refused(SecondFactorError::Present));
        }
        let new = SecondFactor { confirmed: Some(open.by.at), last_step: step, recovery, ..old };
        let _ = open.put(None, Some(&new))?;
        Ok(())
    })
}

/// The code of a step is taken, once: of two at the same time, one is refused.
pub fn take_step(user: UserId, step: u64) -> Write<(), SecondFactorError> {
    Write::new(move |open| {
        let old: SecondFactor = open.require(user.0, SecondFactorError::Absent)?;
        if step <= old.last_step {
            return Err(Stop::Refused(SecondFactorError::Used));
        }
        let new = SecondFactor { last_step: step, ..old.clone() };
        let _ = open.put_unaudited(Some(&old), Some(&new))?;
        Ok(())
    })
}

/// A recovery code is taken; answers with how many are left.
pub fn take_recovery(user: UserId, code: TokenHash) -> Write<usize, SecondFactorError> {
    Write::new(move |open| {
        let old: SecondFactor = open.require(user.0, SecondFactorError::Absent)?;
        let mut new = old.clone();
        new.recovery.retain(|kept| *kept != code);
        if new.recovery.len() == old.recovery.len() {
            return Err(Stop::Refused(SecondFactorError::Wrong));
        }
        let _ = open.put(Some(&old), Some(&new))?;
        Ok(new.recovery.len())
    })
}

/// The account has no second factor any more.
pub fn remove_second_factor(user: UserId) -> Write<(), SecondFactorError> {
    Write::new(move |open| {
        let old: SecondFactor = open.require(user.0, SecondFactorError::Absent)?;
        let _ = open.put(Some(&old), None)?;
        Ok(())
    })
}
