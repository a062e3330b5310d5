//! Messages to webhooks: they come with what happened, are tried, and are sent again.

use std::convert::Infallible;
use std::time::Duration;

use super::super::error::Stop;
use super::super::record::{DeliveryState, Hook, HookDelivery, HookOff, HookTry};
use super::super::row::Record;
use super::Write;
use super::hook::{HookError, turn_off};
use super::hook_queue::{Cut, Line, note};
use super::outbox::{NewEmail, queue};
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
            let mut line = Line::of(open, &hook)?;
            for one in group {
                line.add(open, (one.at, one.message.clone()), cut)?;
            }
            line.save(open)?;
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
        let (Some(hook), Some(old)) = (hook, row) else { return Ok(nothing) };
        if old.state != DeliveryState::Waiting {
            return Ok(nothing);
        }
        let (mut line, mut row) = (Line::of(open, &hook)?, old.clone());
        let now = open.by.at;
        let (state, off) = match &tried {
            Tried::Delivered(one) => {
                note(&mut row, one);
                line.progress.failing = None;
                (DeliveryState::Delivered, None)
            }
            Tried::Withheld => (DeliveryState::Withheld, None),
            Tried::Gone(one) => {
                note(&mut row, one);
                (DeliveryState::Waiting, Some(HookOff::Gone))
            }
            Tried::Failed(one, again) => {
                note(&mut row, one);
                let since = *line.progress.failing.get_or_insert(one.at);
                let off = (now.since(since) >= HOOK_PATIENCE).then_some(HookOff::Failing);
                row.due = again.unwrap_or(row.due);
                (if again.is_some() { DeliveryState::Waiting } else { DeliveryState::GivenUp }, off)
            }
        };
        row.state = state;
        line.put(open, Some(&old), Some(&row))?;
        if state != DeliveryState::Waiting {
            line.go_on(open)?;
        }
        line.save(open)?;
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
        let mut line = Line::of(open, &hook)?;
        if let Some(first) = again.first() {
            let progress = &mut line.progress;
            progress.first =
                if progress.waiting == 0 { first.number } else { progress.first.min(first.number) };
        }
        for delivery in &again {
            let (state, attempts, due) = (DeliveryState::Waiting, 0, Timestamp(0));
            let waiting = HookDelivery { state, attempts, due, ..delivery.clone() };
            line.put(open, Some(delivery), Some(&waiting))?;
        }
        line.save(open)?;
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
        let mut line = Line::of(open, &hook)?;
        let (number, at) = (line.progress.next, open.by.at);
        line.add(open, (at, message.clone()), cut)?;
        line.save(open)?;
        Ok(number)
    })
}

#[cfg(test)]
mod tests;
