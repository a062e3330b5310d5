//! One's own webhooks.

use super::{RequestError, Session};
use crate::protocol::wire::{self, request, response};

impl Session {
    /// Makes a webhook. Its secret isn't shown again.
    pub async fn create_hook(&self, create: wire::CreateHook) -> Result<wire::HookMade, RequestError> {
        match self.request(request::Body::CreateHook(create)).await? {
            response::Body::HookMade(made) => Ok(made),
            _ => Err(RequestError::Misfit),
        }
    }

    /// The account's webhooks.
    pub async fn hooks(&self) -> Result<Vec<wire::Hook>, RequestError> {
        match self.request(request::Body::ListHooks(wire::ListHooks {})).await? {
            response::Body::Hooks(hooks) => Ok(hooks.hooks),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Changes a webhook.
    pub async fn edit_hook(&self, edit: wire::EditHook) -> Result<(), RequestError> {
        self.done(request::Body::EditHook(edit)).await
    }

    /// Takes a webhook away, and the messages that wait for it.
    pub async fn remove_hook(&self, id: u64) -> Result<(), RequestError> {
        self.done(request::Body::RemoveHook(wire::RemoveHook { id })).await
    }

    /// Gives a webhook another secret, which isn't shown again. The one before is good for a day.
    pub async fn rotate_hook_secret(&self, id: u64) -> Result<wire::HookMade, RequestError> {
        match self.request(request::Body::RotateHookSecret(wire::RotateHookSecret { id })).await? {
            response::Body::HookMade(made) => Ok(made),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Sends a message to a webhook to try it, and answers with the message's number.
    pub async fn test_hook(&self, id: u64) -> Result<u64, RequestError> {
        self.created(request::Body::TestHook(wire::TestHook { id })).await
    }

    /// Messages to a webhook, the latest first: so many at most, of those before a number where it isn't 0.
    pub async fn hook_deliveries(
        &self,
        id: u64,
        before: u64,
        limit: u32,
    ) -> Result<Vec<wire::HookDelivery>, RequestError> {
        let list = wire::ListHookDeliveries { id, before, limit };
        match self.request(request::Body::ListHookDeliveries(list)).await? {
            response::Body::HookDeliveries(found) => Ok(found.deliveries),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Has a message sent again, or all that are kept from it on. Answers with how many.
    pub async fn replay_hook(&self, id: u64, delivery: u64, onwards: bool) -> Result<u64, RequestError> {
        let replay = wire::ReplayHook { id, delivery, onwards };
        match self.request(request::Body::ReplayHook(replay)).await? {
            response::Body::Replayed(replayed) => Ok(replayed.messages),
            _ => Err(RequestError::Misfit),
        }
    }
}
