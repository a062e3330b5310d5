//! The messages of a webhook that wait and those that are kept, within their bounds.

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::{DeliveryState, Hook, HookBytes, HookDelivery, HookProgress, HookTry};
use super::super::row::Record;
use crate::bounds::{MAX_HOOK_BYTES, MAX_HOOK_KEPT, MAX_HOOK_TRIES, MAX_HOOK_WAITING};
use crate::id::{HookId, Timestamp, UserId};

/// Bytes of a row beside its texts, and of each try.
const ROW: u64 = 64;

/// What is made of two messages of which there is no room for both: the one that says that they are missing.
pub type Cut = fn(&str, &str) -> String;

/// The messages of a webhook: how far it is, and what they take.
pub(super) struct Line {
    pub(super) progress: HookProgress,
    bytes: HookBytes,
}

impl Line {
    /// Of a webhook to which nothing was sent yet.
    pub(super) fn new(user: UserId, hook: HookId) -> Self {
        let progress = HookProgress { user, hook, next: 1, first: 1, waiting: 0, kept: 0, failing: None };
        Self { progress, bytes: HookBytes { user, hook, waiting: 0, kept: 0 } }
    }

    pub(super) fn of(open: &mut Open<'_>, hook: &Hook) -> Result<Self, ReadError> {
        let key = (hook.user.0, hook.id.0);
        let mut line = Self::new(hook.user, hook.id);
        if let Some(progress) = open.get(key)? {
            line.progress = progress;
            match open.get(key)? {
                Some(bytes) => line.bytes = bytes,
                // They were written before their bytes were counted.
                None => line.count(open)?,
            }
        }
        Ok(line)
    }

    fn count(&mut self, open: &Open<'_>) -> Result<(), ReadError> {
        let (user, hook) = (self.progress.user.0, self.progress.hook.0);
        for row in open.tables.hook_deliveries.range((user, hook, 0)..=(user, hook, u64::MAX))? {
            let delivery = HookDelivery::decode(row?.1.value())?;
            *self.place(delivery.state).1 += bytes_of(&delivery);
        }
        Ok(())
    }

    /// Writes how far it is.
    pub(super) fn save(&self, open: &mut Open<'_>) -> Result<(), ReadError> {
        let _ = open.put_unaudited(None, Some(&self.progress))?;
        let _ = open.put_unaudited(None, Some(&self.bytes))?;
        Ok(())
    }

    /// How many there are of a state, and of how many bytes.
    fn place(&mut self, state: DeliveryState) -> (&mut u64, &mut u64) {
        match state {
            DeliveryState::Waiting => (&mut self.progress.waiting, &mut self.bytes.waiting),
            DeliveryState::Delivered | DeliveryState::GivenUp | DeliveryState::Withheld => {
                (&mut self.progress.kept, &mut self.bytes.kept)
            }
        }
    }

    /// Replaces the row `old` by `new`, either of which may be none.
    pub(super) fn put(
        &mut self,
        open: &mut Open<'_>,
        old: Option<&HookDelivery>,
        new: Option<&HookDelivery>,
    ) -> Result<(), ReadError> {
        if let Some(old) = old {
            let (count, bytes) = self.place(old.state);
            (*count, *bytes) = (count.saturating_sub(1), bytes.saturating_sub(bytes_of(old)));
        }
        if let Some(new) = new {
            let (count, bytes) = self.place(new.state);
            (*count, *bytes) = (*count + 1, *bytes + bytes_of(new));
        }
        let _ = open.put_unaudited(old, new)?;
        Ok(())
    }

    /// A message waits behind the others, within their bound.
    pub(super) fn add(
        &mut self,
        open: &mut Open<'_>,
        (at, message): (Timestamp, String),
        cut: Cut,
    ) -> Result<(), ReadError> {
        let progress = &mut self.progress;
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
        self.put(open, None, Some(&delivery))?;
        while self.progress.waiting > MAX_HOOK_WAITING || self.bytes.waiting > MAX_HOOK_BYTES.0 {
            if !self.cut_off(open, cut)? {
                break;
            }
        }
        Ok(())
    }

    /// The oldest two that wait behind the first one become one that says that they are missing. The first one may be on its way, or
    /// its time may not have come, so it stays what it is. `false` where no two do.
    fn cut_off(&mut self, open: &mut Open<'_>, cut: Cut) -> Result<bool, ReadError> {
        let oldest = self.waiting(open, 3)?;
        let [_, first, second] = &oldest[..] else { return Ok(false) };
        let message = cut(&first.message, &second.message);
        self.put(open, Some(first), None)?;
        self.put(open, Some(second), Some(&HookDelivery { message, ..second.clone() }))?;
        Ok(true)
    }

    /// The first messages that wait, so many at most.
    fn waiting(&self, open: &Open<'_>, count: usize) -> Result<Vec<HookDelivery>, ReadError> {
        let HookProgress { user, hook, first, .. } = self.progress;
        let mut found = Vec::new();
        for row in open.tables.hook_deliveries.range((user.0, hook.0, first)..=(user.0, hook.0, u64::MAX))? {
            let delivery = HookDelivery::decode(row?.1.value())?;
            if delivery.state == DeliveryState::Waiting {
                found.push(delivery);
                if found.len() == count {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The first message that waits is tried at once, as if it had never failed.
    pub(super) fn hurry(&mut self, open: &mut Open<'_>) -> Result<(), ReadError> {
        match self.waiting(open, 1)?.pop() {
            Some(first) => {
                let hurried = HookDelivery { attempts: 0, due: Timestamp(0), ..first.clone() };
                self.put(open, Some(&first), Some(&hurried))
            }
            None => Ok(()),
        }
    }

    /// One that waited doesn't any more. At the bound, the oldest of those is kept no longer.
    pub(super) fn go_on(&mut self, open: &mut Open<'_>) -> Result<(), ReadError> {
        self.progress.first = self.waiting(open, 1)?.pop().map_or(self.progress.next, |first| first.number);
        let (user, hook) = (self.progress.user.0, self.progress.hook.0);
        while self.progress.kept > MAX_HOOK_KEPT || self.bytes.kept > MAX_HOOK_BYTES.1 {
            let mut oldest = None;
            for row in open.tables.hook_deliveries.range((user, hook, 0)..=(user, hook, u64::MAX))? {
                let delivery = HookDelivery::decode(row?.1.value())?;
                if delivery.state != DeliveryState::Waiting {
                    oldest = Some(delivery);
                    break;
                }
            }
            let Some(oldest) = oldest else { break };
            self.put(open, Some(&oldest), None)?;
        }
        Ok(())
    }
}

/// A try of a message is noted.
pub(super) fn note(row: &mut HookDelivery, one: &HookTry) {
    row.attempts += 1;
    row.tries.push(one.clone());
    let surplus = row.tries.len().saturating_sub(MAX_HOOK_TRIES);
    row.tries.drain(..surplus);
}

/// What a message takes, with its tries.
fn bytes_of(delivery: &HookDelivery) -> u64 {
    let tries = delivery.tries.iter().map(|one| one.error.len() + one.answer.len());
    let texts = delivery.message.len() + tries.sum::<usize>();
    texts as u64 + ROW * (1 + delivery.tries.len() as u64)
}
