//! Schema 2, to which `to_2` leads: as long as it is the present one, the records and tables that the
//! program works with. The migration to 3 will put frozen layouts here.

pub(super) use super::super::error::ReadError;
pub(super) use super::super::index::Indexed;
pub(super) use super::super::open::{By, Open};
pub(super) use super::super::record::{
    Channel, Counted, Grant, Limits, OneTimeToken, Organization, Purpose, Role, SERVER, Session,
    StoredOverwrite, SubjectKind, User, Verb,
};
pub(super) use super::super::row::Record;
