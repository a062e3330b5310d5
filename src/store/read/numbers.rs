//! Numbers of an organization that are given once.

use super::get;
use crate::id::OrganizationId;
use crate::store::Store;
use crate::store::error::ReadError;
use crate::store::record::Numbers;

impl Store {
    /// Numbers from this one on were never given to what happened in an organization.
    pub fn first_event(&self, home: OrganizationId) -> Result<u64, ReadError> {
        let numbers: Option<Numbers> = self.look(|tables| get(&tables.numbers, home.0))?;
        Ok(numbers.map_or(0, |numbers| numbers.events))
    }
}
