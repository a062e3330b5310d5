//! Webhooks of an account: made, changed, removed; and the messages to them.

use std::time::Duration;

use super::{AccountError, Accounts, random, sentence};
use crate::auth::SEALING;
use crate::auth::webhook::Secret;
use crate::bounds;
use crate::id::{HookId, Timestamp, UserId};
use crate::protocol::wire::{self, HookDeliveryState};
use crate::store::write::{self, AfterTry, Cut, HookEdit, NewEmail, NewHook, Posted, Tried};
use crate::store::{By, DeliveryState, Hook, HookDelivery, HookOff, HookTry};

/// For how long messages are signed with the secret before the newest one, too.
const BOTH: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long a letter is of use that says that a webhook is off.
const LETTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Bytes of answers that a list of messages has at most.
const ANSWERS: usize = 1 << 20;

impl Accounts {
    /// A webhook of an account, for an address and kinds that were checked.
    pub async fn create_hook(
        &self,
        user: UserId,
        url: String,
        description: &str,
        kinds: Vec<String>,
        by: By,
    ) -> Result<wire::HookMade, AccountError> {
        let (secret, sealed) = self.new_hook_secret(user)?;
        let new = NewHook { user, url, description: sentence(description), kinds, secret: sealed };
        let hook = self.run(by, write::create_hook(new)).await?;
        Ok(wire::HookMade { id: hook.id.0, secret })
    }

    /// The webhooks of an account, without their secrets.
    pub fn hooks(&self, user: UserId) -> Result<wire::Hooks, AccountError> {
        let mut hooks = Vec::new();
        for hook in self.0.store.hooks_of(user)? {
            let progress = self.0.store.hook_progress(user, hook.id)?;
            let (waiting, failing) =
                progress.map_or((0, None), |progress| (progress.waiting, progress.failing));
            let is_signed_twice = !hook.former.is_empty() && self.0.clock.wall() < hook.former_until;
            hooks.push(wire::Hook {
                id: hook.id.0,
                url: hook.url,
                description: hook.description,
                kinds: hook.kinds,
                off: hook.off.map_or(wire::HookOff::On, off).into(),
                created_ms: hook.created.0,
                waiting,
                failing_ms: failing.map_or(0, |since| since.0),
                former_until_ms: if is_signed_twice { hook.former_until.0 } else { 0 },
            });
        }
        Ok(wire::Hooks { hooks })
    }

    /// A webhook is another one. `cut` is for the case that too many messages wait.
    pub async fn edit_hook(
        &self,
        user: UserId,
        id: u64,
        mut edit: HookEdit,
        cut: Cut,
        by: By,
    ) -> Result<(), AccountError> {
        edit.description = edit.description.map(|text| sentence(&text));
        self.run(by, write::edit_hook(user, HookId(id), edit, cut)).await?;
        Ok(())
    }

    /// A webhook is there no more.
    pub async fn remove_hook(&self, user: UserId, id: u64, by: By) -> Result<(), AccountError> {
        self.run(by, write::remove_hook(user, HookId(id))).await?;
        Ok(())
    }

    /// Another secret for a webhook. The one before is good for a day.
    pub async fn rotate_hook_secret(
        &self,
        user: UserId,
        id: u64,
        by: By,
    ) -> Result<wire::HookMade, AccountError> {
        let (secret, sealed) = self.new_hook_secret(user)?;
        let until = by.at.plus(BOTH);
        self.run(by, write::rotate_hook_secret(user, HookId(id), sealed, until)).await?;
        Ok(wire::HookMade { id, secret })
    }

    /// A message to a webhook, which waits behind the others; where those are too many, `cut` says that two are missing. Answers
    /// with its number.
    pub async fn add_hook_message(
        &self,
        user: UserId,
        id: u64,
        message: String,
        cut: Cut,
        by: By,
    ) -> Result<u64, AccountError> {
        self.run(by, write::add_hook_message(user, HookId(id), message, cut)).await
    }

    /// Messages that are kept are sent again. Answers with how many.
    pub async fn replay_hook(
        &self,
        user: UserId,
        replay: &wire::ReplayHook,
        by: By,
    ) -> Result<u64, AccountError> {
        let (id, from, onwards) = (HookId(replay.id), replay.delivery, replay.onwards);
        self.run(by, write::replay_hook_messages(user, id, from, onwards)).await
    }

    /// The messages to a webhook, the latest first. `told` says by what a message is known again, and the word for what it
    /// tells of.
    pub fn hook_deliveries(
        &self,
        user: UserId,
        list: &wire::ListHookDeliveries,
        told: impl Fn(&HookDelivery) -> (String, String),
    ) -> Result<wire::HookDeliveries, AccountError> {
        let id = HookId(list.id);
        if self.0.store.hook(user, id)?.is_none() {
            return Err(write::HookError::NoSuchHook.into());
        }
        let before = (list.before > 0).then_some(list.before);
        let mut room = ANSWERS;
        let found = self.0.store.hook_messages(user, id, before, bounds::page(list.limit))?;
        let shown = found.into_iter().map(|row| {
            let (message_id, r#type) = told(&row);
            let is_tried_again = row.state == DeliveryState::Waiting && row.attempts > 0;
            wire::HookDelivery {
                number: row.number,
                message_id,
                r#type,
                at_ms: row.at.0,
                state: state(row.state).into(),
                next_ms: if is_tried_again { row.due.0 } else { 0 },
                tries: row.tries.into_iter().map(|one| shown_try(one, &mut room)).collect(),
            }
        });
        Ok(wire::HookDeliveries { deliveries: shown.collect() })
    }

    /// A webhook that is on, with the first message to it that waits; nothing where there is none.
    pub fn hook_at_work(
        &self,
        user: UserId,
        id: HookId,
    ) -> Result<Option<(Hook, HookDelivery)>, AccountError> {
        let hook = self.0.store.hook(user, id)?.filter(|hook| hook.off.is_none());
        let Some(hook) = hook else { return Ok(None) };
        Ok(self.0.store.first_hook_message(user, id)?.map(|message| (hook, message)))
    }

    /// What messages to a webhook are signed with, the newest secret first. None where they were sealed under another key.
    pub fn hook_secrets(&self, hook: &Hook) -> Vec<Secret> {
        let former = (self.0.clock.wall() < hook.former_until).then_some(&hook.former);
        let sealed = std::iter::once(&hook.secret).chain(former.filter(|former| !former.is_empty()));
        sealed.filter_map(|sealed| Secret::of(&self.0.seal.open(hook.user.0, sealed)?)).collect()
    }

    /// A message to a webhook was tried, as it was when that began. Whoever has an e-mail address is written to where the webhook is turned off by that.
    pub async fn note_hook_try(
        &self,
        hook: &Hook,
        number: u64,
        tried: Tried,
    ) -> Result<AfterTry, AccountError> {
        let posted = Posted { user: hook.user, hook: hook.id, number, url: hook.url.clone() };
        let now = self.0.clock.wall();
        let letter = match &tried {
            Tried::Failed(one, _) => self.letter_about(hook, one, now)?,
            Tried::Delivered(_) | Tried::Gone(_) | Tried::Withheld => None,
        };
        let write = write::note_hook_try(posted, tried, letter);
        let after = self.run(By::server(now), write).await?;
        if after.wrote {
            self.note_email();
        }
        Ok(after)
    }

    /// Nothing is sent to a webhook any more.
    pub async fn turn_hook_off(&self, user: UserId, id: HookId, why: HookOff) -> Result<(), AccountError> {
        self.run(By::server(self.0.clock.wall()), write::turn_hook_off(user, id, why)).await
    }

    /// The letter for the case that this failure is the last one.
    fn letter_about(
        &self,
        hook: &Hook,
        last: &HookTry,
        now: Timestamp,
    ) -> Result<Option<NewEmail>, AccountError> {
        let Some(owner) = self.user(hook.user)?.filter(|owner| owner.email_verified) else { return Ok(None) };
        let Some(to) = owner.email.clone() else { return Ok(None) };
        let what = if last.status > 0 {
            format!("it answered with status {}", last.status)
        } else {
            last.error.clone()
        };
        let subject = format!("{}: a webhook of yours is off", self.name());
        let text = format!(
            "Hello {name},\n\nnothing could be delivered to your webhook {id} of {place} for five days, so it is off:\n\n    {url}\n\nThe last time, {what}.\n\nWhen its receiver works again, turn it on: parlour hook on {id}\n",
            name = owner.name,
            id = hook.id,
            place = self.name(),
            url = hook.url,
        );
        Ok(Some(NewEmail { to, subject, text, expires: now.plus(LETTER) }))
    }

    /// A secret for messages, as it is shown and as it is kept.
    pub(super) fn new_hook_secret(&self, user: UserId) -> Result<(String, Vec<u8>), AccountError> {
        let secret = random::<{ Secret::LEN }>()?;
        let sealed = self.0.seal.seal(user.0, &secret, random::<SEALING>()?).ok_or(AccountError::Internal)?;
        let secret = Secret::of(&secret).ok_or(AccountError::Internal)?;
        Ok((secret.shown(), sealed))
    }
}

fn off(why: HookOff) -> wire::HookOff {
    match why {
        HookOff::Owner => wire::HookOff::Owner,
        HookOff::Gone => wire::HookOff::Gone,
        HookOff::Failing => wire::HookOff::Failing,
        HookOff::NotLetIn => wire::HookOff::NotLetIn,
        HookOff::Closed => wire::HookOff::Closed,
    }
}

fn state(state: DeliveryState) -> HookDeliveryState {
    match state {
        DeliveryState::Waiting => HookDeliveryState::Waiting,
        DeliveryState::Delivered => HookDeliveryState::Delivered,
        DeliveryState::GivenUp => HookDeliveryState::GivenUp,
        DeliveryState::Withheld => HookDeliveryState::Withheld,
    }
}

fn shown_try(one: HookTry, room: &mut usize) -> wire::HookTry {
    let left = room.checked_sub(one.answer.len());
    *room = left.unwrap_or(0);
    wire::HookTry {
        at_ms: one.at.0,
        took_ms: one.took_ms,
        status: one.status.into(),
        error: one.error,
        answer: if left.is_some() { one.answer } else { String::new() },
    }
}
