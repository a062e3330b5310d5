//! The messages of a webhook that wait and those that are kept, within their bounds.

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::{DeliveryState, Hook, HookDelivery, HookProgress};
use super::super::row::Record;
use crate::bounds::{MAX_HOOK_KEPT, MAX_HOOK_WAITING};
use crate::id::{HookId, Timestamp, UserId};

/// What is made of two messages of which there is no room for both: the one that says that they are missing.
pub type Cut = fn(&str, &str) -> String;

impl HookProgress {
    /// Of one to which nothing was sent yet.
    pub(super) fn new(user: UserId, hook: HookId) -> Self {
        Self { user, hook, next: 1, first: 1, waiting: 0, kept: 0, failing: None }
    }
}

pub(super) fn progress_of(open: &mut Open<'_>, hook: &Hook) -> Result<HookProgress, ReadError> {
    let found = open.get((hook.user.0, hook.id.0))?;
    Ok(found.unwrap_or_else(|| HookProgress::new(hook.user, hook.id)))
}

pub(super) fn put_progress(open: &mut Open<'_>, progress: &HookProgress) -> Result<(), ReadError> {
    let _ = open.put_unaudited(None, Some(progress))?;
    Ok(())
}

/// A message waits behind the others, within their bound.
pub(super) fn add(
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

pub(super) fn put_delivery(open: &mut Open<'_>, delivery: &HookDelivery) -> Result<(), ReadError> {
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

/// The first message that waits, if any does.
pub(super) fn first_waiting(
    open: &Open<'_>,
    progress: &HookProgress,
) -> Result<Option<HookDelivery>, ReadError> {
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
pub(super) fn hurry(open: &mut Open<'_>, progress: &HookProgress) -> Result<(), ReadError> {
    match first_waiting(open, progress)? {
        Some(first) => put_delivery(open, &HookDelivery { attempts: 0, due: Timestamp(0), ..first }),
        None => Ok(()),
    }
}

/// At the bound, the oldest that doesn't wait is kept no more.
pub(super) fn forget_oldest(open: &mut Open<'_>, progress: &mut HookProgress) -> Result<(), ReadError> {
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
