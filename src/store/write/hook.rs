//! Webhooks: made, changed, removed, turned off; and the messages to them, which come with what happened, are tried, and are
//! sent again.

use std::convert::Infallible;
use std::time::Duration;

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{DeliveryState, Hook, HookDelivery, HookOff, HookProgress, HookTry, User};
use super::super::row::Record;
use super::super::table::{organization_of, range_of};
use super::Write;
use super::outbox::{NewEmail, queue};
use super::rows::remove_in;
use crate::bounds::{MAX_HOOK_KEPT, MAX_HOOK_TRIES, MAX_HOOK_WAITING, MAX_HOOKS, MAX_HOOKS_OF_ORGANIZATION};
use crate::id::{HookId, Timestamp, UserId};

/// For how long nothing can be delivered before a webhook is turned off.
pub const HOOK_PATIENCE: Duration = Duration::from_secs(5 * 24 * 60 * 60);

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
}

/// A new webhook.
pub fn create_hook(new: NewHook) -> Write<Hook, CreateHookError> {
    use CreateHookError::{NoSuchUser, TooMany, TooManyInAll};
    Write::new(move |open| {
        let NewHook { user, url, description, kinds, secret } = new.clone();
        let _: User = open.require(user.0, NoSuchUser)?;
        let theirs = hooks_of(open, user)?;
        if theirs.len() >= MAX_HOOKS {
            return Err(Stop::Refused(TooMany));
        }
        let ids = range_of(organization_of(user.0));
        if open.tables.hooks.range((*ids.start(), 0)..=(*ids.end(), u64::MAX))?.count()
            >= MAX_HOOKS_OF_ORGANIZATION
        {
            return Err(Stop::Refused(TooManyInAll));
        }
        let id = HookId(theirs.last().map_or(0, |last| last.id.0) + 1);
        let (former, former_until, created) = (Vec::new(), Timestamp(0), open.by.at);
        let hook =
            Hook { user, id, url, description, kinds, secret, former, former_until, off: None, created };
        // It has nothing that must be unique but its number.
        let _ = open.put(None, Some(&hook))?;
        let _ = open.put_unaudited(None, Some(&HookProgress::new(user, id)))?;
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

/// What is made of two messages of which there is no room for both: the one that says that they are missing.
pub type Cut = fn(&str, &str) -> String;

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
        let mut progress = progress_of(open, &new)?;
        let is_turned_on = old.off.is_some() && new.off.is_none();
        if is_turned_on || old.url != new.url {
            hurry(open, &progress)?;
        }
        if is_turned_on {
            progress.failing = None;
            add(open, &mut progress, (open.by.at, edit.missed), cut)?;
            put_progress(open, &progress)?;
        }
        Ok(new)
    })
}

/// A webhook is there no more, nor are the messages to it.
pub fn remove_hook(user: UserId, id: HookId) -> Write<Hook, HookError> {
    Write::new(move |open| {
        let hook: Hook = open.require((user.0, id.0), HookError::NoSuchHook)?;
        remove_in::<HookDelivery>(open, (user.0, id.0, 0)..=(user.0, id.0, u64::MAX))?;
        remove_in::<HookProgress>(open, (user.0, id.0)..=(user.0, id.0))?;
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

fn turn_off(open: &mut Open<'_>, old: &Hook, why: HookOff) -> Result<(), ReadError> {
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

/// A message to be, to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Whose.
    pub user: UserId,
    /// To which.
    pub hook: HookId,
    /// When what it tells of happened.
    pub at: Timestamp,
    /// What it tells of, in JSON.
    pub message: String,
}

/// Messages wait from now on, each webhook's behind those that wait already. What is for a webhook that is off, or gone, is
/// for nobody. Where too many wait, the two oldest behind the first one, which may be on its way, become the one that `cut` makes of
/// them, which says that they are missing.
pub fn add_hook_messages(new: Vec<NewMessage>, cut: Cut) -> Write<(), Infallible> {
    Write::new(move |open| {
        let mut at = 0;
        while let Some(first) = new.get(at) {
            // Those of one webhook are together, mostly: its row is read and written once for them.
            let is_same = |one: &&NewMessage| (one.user, one.hook) == (first.user, first.hook);
            let group: Vec<_> = new[at..].iter().take_while(is_same).collect();
            at += group.len();
            let hook: Option<Hook> = open.get((first.user.0, first.hook.0))?;
            let Some(hook) = hook.filter(|hook| hook.off.is_none()) else { continue };
            let mut progress = progress_of(open, &hook)?;
            for one in group {
                add(open, &mut progress, (one.at, one.message.clone()), cut)?;
            }
            put_progress(open, &progress)?;
        }
        Ok(())
    })
}

fn progress_of(open: &mut Open<'_>, hook: &Hook) -> Result<HookProgress, ReadError> {
    let found = open.get((hook.user.0, hook.id.0))?;
    Ok(found.unwrap_or_else(|| HookProgress::new(hook.user, hook.id)))
}

fn put_progress(open: &mut Open<'_>, progress: &HookProgress) -> Result<(), ReadError> {
    let _ = open.put_unaudited(None, Some(progress))?;
    Ok(())
}

/// A message waits behind the others, within their bound.
fn add(
    open: &mut Open<'_>,
    progress: &mut HookProgress,
    (at, message): (Timestamp, String),
    cut: Cut,
) -> Result<(), ReadError> {
    let delivery = HookDelivery {
        user: progress.user,
        hook: progress.hook,
        number: progress.next,
        at,
        message,
        state: DeliveryState::Waiting,
        attempts: 0,
        due: Timestamp(0),
        tries: Vec::new(),
    };
    if progress.waiting == 0 {
        progress.first = delivery.number;
    }
    progress.next += 1;
    progress.waiting += 1;
    put_delivery(open, &delivery)?;
    if progress.waiting > MAX_HOOK_WAITING { cut_off(open, progress, cut) } else { Ok(()) }
}

fn put_delivery(open: &mut Open<'_>, delivery: &HookDelivery) -> Result<(), ReadError> {
    let _ = open.put_unaudited(None, Some(delivery))?;
    Ok(())
}

/// The oldest two that wait behind the first one become one that says that they are missing. The first one may be on its way, or
/// its time may not have come, so it stays what it is.
fn cut_off(open: &mut Open<'_>, progress: &mut HookProgress, cut: Cut) -> Result<(), ReadError> {
    let all =
        (progress.user.0, progress.hook.0, progress.first)..=(progress.user.0, progress.hook.0, u64::MAX);
    let mut oldest = Vec::new();
    for row in open.tables.hook_deliveries.range(all)? {
        let delivery = HookDelivery::decode(row?.1.value())?;
        if delivery.state == DeliveryState::Waiting {
            oldest.push(delivery);
            if oldest.len() == 3 {
                break;
            }
        }
    }
    let [_, first, second] = &oldest[..] else { return Ok(()) };
    let message = cut(&first.message, &second.message);
    let _ = open.put_unaudited(Some(first), None)?;
    put_delivery(open, &HookDelivery { message, ..second.clone() })?;
    progress.waiting -= 1;
    Ok(())
}

/// What came of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It was taken.
    Delivered(HookTry),
    /// It wasn't, and is tried again at a time, or given up where there is none.
    Failed(HookTry, Option<Timestamp>),
    /// The receiver said that it is gone, which turns the webhook off. The message waits.
    Gone(HookTry),
    /// Its owner may not know of it any more.
    Withheld,
}

/// What has become of a webhook by a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AfterTry {
    /// Whether it was turned off by that.
    pub turned_off: bool,
    /// Whether a letter was written.
    pub wrote: bool,
}

/// A message was tried. A webhook to which nothing could be delivered for [`HOOK_PATIENCE`] is turned off, and the letter is
/// put into the outbox.
pub fn note_hook_try(
    delivery: (UserId, HookId, u64),
    tried: Tried,
    letter: Option<NewEmail>,
) -> Write<AfterTry, Infallible> {
    Write::new(move |open| {
        let nothing = AfterTry { turned_off: false, wrote: false };
        let (user, id, number) = delivery;
        let hook: Option<Hook> = open.get((user.0, id.0))?;
        let row: Option<HookDelivery> = open.get((user.0, id.0, number))?;
        // Removed meanwhile, or cut off.
        let (Some(hook), Some(mut row)) = (hook, row) else { return Ok(nothing) };
        if row.state != DeliveryState::Waiting {
            return Ok(nothing);
        }
        let mut progress = progress_of(open, &hook)?;
        let now = open.by.at;
        let (state, off) = match &tried {
            Tried::Delivered(one) => {
                note(&mut row, one);
                progress.failing = None;
                (DeliveryState::Delivered, None)
            }
            Tried::Withheld => (DeliveryState::Withheld, None),
            Tried::Gone(one) => {
                note(&mut row, one);
                (DeliveryState::Waiting, Some(HookOff::Gone))
            }
            Tried::Failed(one, again) => {
                note(&mut row, one);
                let since = *progress.failing.get_or_insert(one.at);
                let off = (now.since(since) >= HOOK_PATIENCE).then_some(HookOff::Failing);
                row.due = again.unwrap_or(row.due);
                (if again.is_some() { DeliveryState::Waiting } else { DeliveryState::GivenUp }, off)
            }
        };
        row.state = state;
        put_delivery(open, &row)?;
        if state != DeliveryState::Waiting {
            progress.waiting = progress.waiting.saturating_sub(1);
            progress.kept += 1;
            progress.first = first_waiting(open, &progress)?.map_or(progress.next, |first| first.number);
            forget_oldest(open, &mut progress)?;
        }
        put_progress(open, &progress)?;
        let turned_off = off.is_some() && hook.off.is_none();
        let mut wrote = false;
        if let Some(why) = off.filter(|_| turned_off) {
            turn_off(open, &hook, why)?;
            if let Some(letter) = &letter {
                queue(open, letter)?;
                wrote = true;
            }
        }
        Ok(AfterTry { turned_off, wrote })
    })
}

/// The first message that waits, if any does.
fn first_waiting(open: &Open<'_>, progress: &HookProgress) -> Result<Option<HookDelivery>, ReadError> {
    let (user, hook) = (progress.user.0, progress.hook.0);
    for row in open.tables.hook_deliveries.range((user, hook, progress.first)..=(user, hook, u64::MAX))? {
        let delivery = HookDelivery::decode(row?.1.value())?;
        if delivery.state == DeliveryState::Waiting {
            return Ok(Some(delivery));
        }
    }
    Ok(None)
}

/// The first message that waits is tried at once, as if it had never failed.
fn hurry(open: &mut Open<'_>, progress: &HookProgress) -> Result<(), ReadError> {
    match first_waiting(open, progress)? {
        Some(first) => put_delivery(open, &HookDelivery { attempts: 0, due: Timestamp(0), ..first }),
        None => Ok(()),
    }
}

fn note(row: &mut HookDelivery, one: &HookTry) {
    row.attempts += 1;
    row.tries.push(one.clone());
    let surplus = row.tries.len().saturating_sub(MAX_HOOK_TRIES);
    row.tries.drain(..surplus);
}

/// At the bound, the oldest that doesn't wait is kept no more.
fn forget_oldest(open: &mut Open<'_>, progress: &mut HookProgress) -> Result<(), ReadError> {
    let (user, hook) = (progress.user.0, progress.hook.0);
    while progress.kept > MAX_HOOK_KEPT {
        let mut oldest = None;
        for row in open.tables.hook_deliveries.range((user, hook, 0)..=(user, hook, u64::MAX))? {
            let delivery = HookDelivery::decode(row?.1.value())?;
            if delivery.state != DeliveryState::Waiting {
                oldest = Some(delivery);
                break;
            }
        }
        if let Some(oldest) = oldest {
            let _ = open.put_unaudited(Some(&oldest), None)?;
        }
        progress.kept -= 1;
    }
    Ok(())
}

/// A message that is kept is sent again, or all from it on are; one that waits for its next try is tried at once. Answers with how
/// many those are.
pub fn replay_hook_messages(user: UserId, id: HookId, from: u64, onwards: bool) -> Write<u64, HookError> {
    Write::new(move |open| {
        let hook: Hook = open.require((user.0, id.0), HookError::NoSuchHook)?;
        if hook.off.is_some() {
            return Err(Stop::Refused(HookError::Off));
        }
        let last = if onwards { u64::MAX } else { from };
        let mut again = Vec::new();
        let mut is_there = false;
        for row in open.tables.hook_deliveries.range((user.0, id.0, from)..=(user.0, id.0, last))? {
            let delivery = HookDelivery::decode(row?.1.value())?;
            is_there = true;
            if delivery.state != DeliveryState::Waiting || open.by.at < delivery.due {
                again.push(delivery);
            }
        }
        if !is_there {
            return Err(Stop::Refused(HookError::NoSuchMessage));
        }
        let mut progress = progress_of(open, &hook)?;
        for delivery in &again {
            let waiting = DeliveryState::Waiting;
            let (state, attempts, due) = (waiting, 0, Timestamp(0));
            put_delivery(open, &HookDelivery { state, attempts, due, ..delivery.clone() })?;
        }
        if let Some(first) = again.first() {
            progress.first =
                if progress.waiting == 0 { first.number } else { progress.first.min(first.number) };
        }
        let kept = again.iter().filter(|one| one.state != DeliveryState::Waiting).count() as u64;
        progress.waiting += kept;
        progress.kept = progress.kept.saturating_sub(kept);
        put_progress(open, &progress)?;
        Ok(again.len() as u64)
    })
}

/// A message to one webhook waits from now on, if the webhook is on. Answers with its number.
pub fn add_hook_message(user: UserId, id: HookId, message: String, cut: Cut) -> Write<u64, HookError> {
    Write::new(move |open| {
        let hook: Hook = open.require((user.0, id.0), HookError::NoSuchHook)?;
        if hook.off.is_some() {
            return Err(Stop::Refused(HookError::Off));
        }
        let mut progress = progress_of(open, &hook)?;
        let number = progress.next;
        let at = open.by.at;
        add(open, &mut progress, (at, message.clone()), cut)?;
        put_progress(open, &progress)?;
        Ok(number)
    })
}

impl HookProgress {
    /// Of one to which nothing was sent yet.
    fn new(user: UserId, hook: HookId) -> Self {
        Self { user, hook, next: 1, first: 1, waiting: 0, kept: 0, failing: None }
    }
}

#[cfg(test)]
mod tests;
