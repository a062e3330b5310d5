//! Schema 2, to which `to_2` leads: its tables are all in schema 3 unchanged, so they are the records and tables that
//! the program works with. The first migration that changes one of their layouts puts a frozen one here.

pub(super) use super::super::error::ReadError;
pub(super) use super::super::index::Indexed;
pub(super) use super::super::open::{By, Open};
pub(super) use super::super::record::{
    Channel, Counted, Grant, Limits, OneTimeToken, Organization, Purpose, Role, SERVER, Session,
    StoredOverwrite, SubjectKind, User, Verb,
};
pub(super) use super::super::row::Record;

/// The key of what a user's name looks like.
pub(super) fn look_key(name: &str) -> Option<u64> {
    super::super::index::IndexKey::look(name)
}
