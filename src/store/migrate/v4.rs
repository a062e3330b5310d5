//! Schema 4, to which `to_4` leads: the records and tables that the program works with. The first migration that
//! changes one of their layouts freezes it, and names the frozen one here.

pub(super) use super::super::error::ReadError;
pub(super) use super::super::open::{By, Open};
pub(super) use super::super::record::{Channel, Counted, Role, SERVER, StoredOverwrite, SubjectKind, Verb};
pub(super) use super::super::row::Record;
pub(super) use super::super::table::range_of;
use crate::id::OrganizationId;
pub(super) use crate::permission::{Overwrite, Reach};

/// Whether an organization has a role of a name.
pub(super) fn is_role(open: &Open<'_>, organization: OrganizationId, name: &str) -> Result<bool, ReadError> {
    let key = super::super::index::IndexKey::role_name(organization, name);
    Ok(open.find(key)?.is_some())
}
