//! Webhooks and the messages to them.

use super::get;
use crate::id::{HookId, OrganizationId, UserId};
use crate::store::Store;
use crate::store::error::ReadError;
use crate::store::record::{DeliveryState, Hook, HookDelivery, HookProgress};
use crate::store::row::Record;
use crate::store::table::range_of;

/// Webhooks.
impl Store {
    /// A webhook.
    pub fn hook(&self, user: UserId, id: HookId) -> Result<Option<Hook>, ReadError> {
        self.look(|tables| get(&tables.hooks, (user.0, id.0)))
    }

    /// The webhooks of an account; as many as there can be fit one answer.
    pub fn hooks_of(&self, user: UserId) -> Result<Vec<Hook>, ReadError> {
        self.look(|tables| {
            let rows = tables.hooks.range((user.0, 0)..=(user.0, u64::MAX))?;
            rows.map(|row| Hook::decode(row?.1.value())).collect()
        })
    }

    /// The webhooks of an organization that are on.
    pub fn hooks_on(&self, home: OrganizationId) -> Result<Vec<Hook>, ReadError> {
        let ids = range_of(home);
        self.look(|tables| {
            let rows = tables.hooks.range((*ids.start(), 0)..=(*ids.end(), u64::MAX))?;
            let all = rows.map(|row| Hook::decode(row?.1.value()));
            all.filter(|hook| hook.as_ref().map_or(true, |hook| hook.off.is_none())).collect()
        })
    }

    /// The webhooks of all organizations that are on.
    pub fn all_hooks_on(&self) -> Result<Vec<Hook>, ReadError> {
        self.look(|tables| {
            let all = tables.hooks.all()?.map(|row| Hook::decode(row?.1.value()));
            all.filter(|hook| hook.as_ref().map_or(true, |hook| hook.off.is_none())).collect()
        })
    }

    /// How far a webhook is.
    pub fn hook_progress(&self, user: UserId, id: HookId) -> Result<Option<HookProgress>, ReadError> {
        self.look(|tables| get(&tables.hook_progress, (user.0, id.0)))
    }

    /// The first message to a webhook that waits.
    pub fn first_hook_message(&self, user: UserId, id: HookId) -> Result<Option<HookDelivery>, ReadError> {
        self.look(|tables| {
            let progress: Option<HookProgress> = get(&tables.hook_progress, (user.0, id.0))?;
            let Some(progress) = progress.filter(|progress| progress.waiting > 0) else { return Ok(None) };
            let all = (user.0, id.0, progress.first)..=(user.0, id.0, u64::MAX);
            for row in tables.hook_deliveries.range(all)? {
                let delivery = HookDelivery::decode(row?.1.value())?;
                if delivery.state == DeliveryState::Waiting {
                    return Ok(Some(delivery));
                }
            }
            Ok(None)
        })
    }

    /// A page of the messages to a webhook, the latest first: those before a number, where one is given.
    pub fn hook_messages(
        &self,
        user: UserId,
        id: HookId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<HookDelivery>, ReadError> {
        let last = before.map_or(u64::MAX, |before| before.saturating_sub(1));
        self.look(|tables| {
            let rows = tables.hook_deliveries.range((user.0, id.0, 0)..=(user.0, id.0, last))?;
            rows.rev().take(limit).map(|row| HookDelivery::decode(row?.1.value())).collect()
        })
    }

    /// One message to a webhook.
    pub fn hook_message(
        &self,
        user: UserId,
        id: HookId,
        number: u64,
    ) -> Result<Option<HookDelivery>, ReadError> {
        self.look(|tables| get(&tables.hook_deliveries, (user.0, id.0, number)))
    }
}
