//! What assistants asked for.

use super::{RequestError, Session};
use crate::protocol::wire::{self, request, response};

impl Session {
    /// What the organization's assistants asked for, the newest first: so many at most, of those before a number where it isn't 0.
    pub async fn assistant_calls(
        &self,
        before: u64,
        limit: u32,
    ) -> Result<Vec<wire::AssistantCall>, RequestError> {
        let list = wire::ListAssistantCalls { before, limit };
        match self.request(request::Body::ListAssistantCalls(list)).await? {
            response::Body::AssistantCalls(found) => Ok(found.calls),
            _ => Err(RequestError::Misfit),
        }
    }
}
