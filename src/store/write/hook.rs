//! Webhooks: made, changed, removed, turned off.

use std::convert::Infallible;

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{Hook, HookBytes, HookDelivery, HookOff, HookProgress, HookUse, User};
use super::super::row::Record;
use super::super::table::{organization_of, range_of};
use super::Write;
use super::hook_queue::{Cut, Line};
use super::rows::remove_in;
use crate::bounds::{MAX_HOOKS, MAX_HOOKS_OF_ORGANIZATION, has_share};
use crate::id::{HookId, Timestamp, UserId};

/// A webhook to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHook {
    /// Whose.
    pub user: UserId,
    /// Where messages go.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// The kinds of what is sent there, by their words; empty for all.
    pub kinds: Vec<String>,
    /// What messages are signed with, sealed.
    pub secret: Vec<u8>,
}

/// Why a webhook can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateHookError {
    /// Its owner doesn't exist.
    #[error("there is no such user")]
    NoSuchUser,
    /// The owner has as many as one may have.
    #[error("an account has {MAX_HOOKS} webhooks at most; remove one first")]
    TooMany,
    /// The organization has as many as it may.
    #[error(
        "an organization has {MAX_HOOKS_OF_ORGANIZATION} webhooks at most; somebody has to remove one first"
    )]
    TooManyInAll,
    /// The owner has as many as are left free in the organization.
    #[error(
        "the organization has {MAX_HOOKS_OF_ORGANIZATION} webhooks at most, and you have your share of those that are left: remove one first"
    )]
    TooManyForOne,
}

/// A new webhook.
pub fn create_hook(new: NewHook) -> Write<Hook, CreateHookError> {
    use CreateHookError::{NoSuchUser, TooMany, TooManyForOne, TooManyInAll};
    Write::new(move |open| {
        let NewHook { user, url, description, kinds, secret } = new.clone();
        let _: User = open.require(user.0, NoSuchUser)?;
        let theirs = hooks_of(open, user)?;
        if theirs.len() >= MAX_HOOKS {
            return Err(Stop::Refused(TooMany));
        }
        let ids = range_of(organization_of(user.0));
        let all = open.tables.hooks.range((*ids.start(), 0)..=(*ids.end(), u64::MAX))?.count();
        if !has_share(theirs.len(), all, MAX_HOOKS_OF_ORGANIZATION) {
            return Err(Stop::Refused(if theirs.is_empty() { TooManyInAll } else { TooManyForOne }));
        }
        let last: Option<HookUse> = open.get(user.0)?;
        let last = last.map_or(0, |used| used.last).max(theirs.last().map_or(0, |last| last.id.0)) + 1;
        let _ = open.put_unaudited(None, Some(&HookUse { user, last }))?;
        let id = HookId(last);
        let (former, former_until, created) = (Vec::new(), Timestamp(0), open.by.at);
        let hook =
            Hook { user, id, url, description, kinds, secret, former, former_until, off: None, created };
        // It has nothing that must be unique but its number.
        let _ = open.put(None, Some(&hook))?;
        Line::new(user, id).save(open)?;
        Ok(hook)
    })
}

/// Why nothing is done with a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HookError {
    /// The owner has none of this number.
    #[error("you have no such webhook; list them to see which there are")]
    NoSuchHook,
    /// It has no message of this number.
    #[error("this webhook has no such message; list them to see which are kept")]
    NoSuchMessage,
    /// Nothing is sent to it.
    #[error("this webhook is off; turn it on first")]
    Off,
}

/// What changes about a webhook; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookEdit {
    /// Where messages go.
    pub url: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The kinds of what is sent there.
    pub kinds: Option<Vec<String>>,
    /// Whether it is on.
    pub on: Option<bool>,
    /// What its receiver is told when it is turned on after it was off: that something is missing.
    pub missed: String,
}

/// A webhook is another one. Where it leads elsewhere or is turned on, the message that comes next isn't kept waiting for what
/// failed before.
pub fn edit_hook(user: UserId, id: HookId, edit: HookEdit, cut: Cut) -> Write<Hook, HookError> {
    Write::new(move |open| {
        let old: Hook = open.require((user.0, id.0), HookError::NoSuchHook)?;
        let edit = edit.clone();
        let off = match edit.on {
            Some(true) => None,
            Some(false) => Some(old.off.unwrap_or(HookOff::Owner)),
            None => old.off,
        };
        let new = Hook {
            url: edit.url.unwrap_or_else(|| old.url.clone()),
            description: edit.description.unwrap_or_else(|| old.description.clone()),
            kinds: edit.kinds.unwrap_or_else(|| old.kinds.clone()),
            off,
            ..old.clone()
        };
        let _ = open.put(Some(&old), Some(&new))?;
        let mut line = Line::of(open, &new)?;
        let is_turned_on = old.off.is_some() && new.off.is_none();
        if is_turned_on || old.url != new.url {
            line.hurry(open)?;
        }
        if is_turned_on {
            line.progress.failing = None;
            line.add(open, (open.by.at, edit.missed), cut)?;
        }
        line.save(open)?;
        Ok(new)
    })
}

/// A webhook is there no more, nor are the messages to it.
pub fn remove_hook(user: UserId, id: HookId) -> Write<Hook, HookError> {
    Write::new(move |open| {
        let hook: Hook = open.require((user.0, id.0), HookError::NoSuchHook)?;
        remove_in::<HookDelivery>(open, (user.0, id.0, 0)..=(user.0, id.0, u64::MAX))?;
        remove_in::<HookProgress>(open, (user.0, id.0)..=(user.0, id.0))?;
        remove_in::<HookBytes>(open, (user.0, id.0)..=(user.0, id.0))?;
        let _ = open.put(Some(&hook), None)?;
        Ok(hook)
    })
}

/// Messages are signed with another secret, sealed, and with the one before until a time.
pub fn rotate_hook_secret(
    user: UserId,
    id: HookId,
    secret: Vec<u8>,
    former_until: Timestamp,
) -> Write<Hook, HookError> {
    Write::new(move |open| {
        let old: Hook = open.require((user.0, id.0), HookError::NoSuchHook)?;
        let new = Hook { secret: secret.clone(), former: old.secret.clone(), former_until, ..old.clone() };
        let _ = open.put(Some(&old), Some(&new))?;
        Ok(new)
    })
}

/// Nothing is sent to a webhook any more, for a reason. One that is off, or gone, stays so.
pub fn turn_hook_off(user: UserId, id: HookId, why: HookOff) -> Write<(), Infallible> {
    Write::new(move |open| {
        if let Some(old) = open.get::<Hook>((user.0, id.0))? {
            turn_off(open, &old, why)?;
        }
        Ok(())
    })
}

/// The same, of one that was read.
pub(super) fn turn_off(open: &mut Open<'_>, old: &Hook, why: HookOff) -> Result<(), ReadError> {
    if old.off.is_none() {
        let _ = open.put(Some(old), Some(&Hook { off: Some(why), ..old.clone() }))?;
    }
    Ok(())
}

/// Nothing is sent to any webhook of an account any more. Answers with how many that concerns.
pub(super) fn close_hooks(open: &mut Open<'_>, user: UserId) -> Result<usize, ReadError> {
    let on: Vec<_> = hooks_of(open, user)?.into_iter().filter(|hook| hook.off.is_none()).collect();
    for hook in &on {
        turn_off(open, hook, HookOff::Closed)?;
    }
    Ok(on.len())
}

fn hooks_of(open: &Open<'_>, user: UserId) -> Result<Vec<Hook>, ReadError> {
    let rows = open.tables.hooks.range((user.0, 0)..=(user.0, u64::MAX))?;
    rows.map(|row| Hook::decode(row?.1.value())).collect()
}
