//! What assistants asked for.

use crate::id::OrganizationId;
use crate::store::Store;
use crate::store::error::ReadError;
use crate::store::record::AssistantCall;
use crate::store::row::Record;

impl Store {
    /// A page of what an organization's assistants asked for, the newest first: before a number, where one is given.
    pub fn assistant_calls(
        &self,
        home: OrganizationId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AssistantCall>, ReadError> {
        self.look(|tables| {
            let rows = tables.assistant_calls.range((home.0, 0)..(home.0, before.unwrap_or(u64::MAX)))?;
            rows.rev().take(limit).map(|row| AssistantCall::decode(row?.1.value())).collect()
        })
    }
}
