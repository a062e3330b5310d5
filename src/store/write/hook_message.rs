//! Messages to webhooks: they come with what happened, are tried, and are sent again.

use std::convert::Infallible;
use std::time::Duration;

use super::super::error::Stop;
use super::super::open::Open;
use super::super::record::{DeliveryState, Hook, HookDelivery, HookOff, HookTry};
use super::super::row::Record;
use super::Write;
use super::hook::{HookError, turn_off};
use super::hook_queue::{Cut, add, first_waiting, forget_oldest, progress_of, put_delivery, put_progress};
use super::outbox::{NewEmail, queue};
use crate::bounds::MAX_HOOK_TRIES;
use crate::id::{HookId, Timestamp, UserId};

/// For how long nothing can be delivered before a webhook is turned off.
pub const HOOK_PATIENCE: Duration = Duration::from_secs(5 * 24 * 60 * 60);

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

/// Where a message went: what came of it is noted of this webhook alone, as long as it leads to that address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Whose.
    pub user: UserId,
    /// To which.
    pub hook: HookId,
    /// The number of the message.
    pub number: u64,
    /// The address.
    pub url: String,
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

/// A message was tried. What another address answered than the webhook's by now says nothing of that, so the message is sent there, too.
/// A webhook to which nothing could be delivered for [`HOOK_PATIENCE`] is turned off, and the letter is
/// put into the outbox.
pub fn note_hook_try(posted: Posted, tried: Tried, letter: Option<NewEmail>) -> Write<AfterTry, Infallible> {
    Write::new(move |open| {
        let nothing = AfterTry { turned_off: false, wrote: false };
        let (user, id) = (posted.user, posted.hook);
        let hook: Option<Hook> = open.get((user.0, id.0))?;
        let row: Option<HookDelivery> = open.get((user.0, id.0, posted.number))?;
        // Removed or changed meanwhile, or cut off.
        let hook = hook.filter(|hook| hook.url == posted.url);
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

fn note(row: &mut HookDelivery, one: &HookTry) {
    row.attempts += 1;
    row.tries.push(one.clone());
    let surplus = row.tries.len().saturating_sub(MAX_HOOK_TRIES);
    row.tries.drain(..surplus);
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

#[cfg(test)]
mod tests;
