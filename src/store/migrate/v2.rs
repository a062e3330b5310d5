//! Schema 2, to which `to_2` leads, and schema 3: the records and tables that the program still works with, and in
//! place of those that it doesn't, the frozen ones of [`v3`](super::v3).

use std::ops::{Deref, DerefMut};

use redb::{Table, WriteTransaction};

pub(super) use super::super::error::ReadError;
pub(super) use super::super::index::Indexed;
pub(super) use super::super::open::By;
use super::super::open::{self, Taken};
pub(super) use super::super::record::{
    Counted, Grant, Limits, OneTimeToken, Organization, Purpose, SERVER, Session, SubjectKind, User, Verb,
};
pub(super) use super::super::row::Record;
use super::super::row::Row;
use super::v3;
pub(super) use super::v3::{Channel, Overwrite, Role, StoredOverwrite};

/// The key of what a user's name looks like.
pub(super) fn look_key(name: &str) -> Option<u64> {
    super::super::index::IndexKey::look(name)
}

/// The tables of these schemas: the present ones, and beside them those that have other names since.
pub(super) struct Open<'t> {
    present: open::Open<'t>,
    roles: Table<'t, u64, Row<Role>>,
    channels: Table<'t, u64, Row<Channel>>,
    overwrites: Table<'t, (u64, u8, u64), Row<StoredOverwrite>>,
}

impl<'t> Open<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction, by: By) -> Result<Self, ReadError> {
        Ok(Self {
            present: open::Open::new(transaction, by)?,
            roles: transaction.open_table(v3::ROLES)?,
            channels: transaction.open_table(v3::CHANNELS)?,
            overwrites: transaction.open_table(v3::OVERWRITES)?,
        })
    }

    /// Writes what was kept in memory.
    pub(super) fn finish(self) -> Result<(), ReadError> {
        self.present.finish()
    }

    /// Replaces the row `old` by `new`, either of which may be none, with its index entries. When a key
    /// is another row's already, nothing is written.
    pub(super) fn put_unaudited<R: Kept>(
        &mut self,
        old: Option<&R>,
        new: Option<&R>,
    ) -> Result<Result<(), Taken>, ReadError> {
        if let Err(taken) = self.present.put_index(old, new, Kept::id)? {
            return Ok(Err(taken));
        }
        if let Some(new) = new {
            R::rows(self).insert(new.key(), new.encode()?.as_slice())?;
        } else if let Some(old) = old {
            R::rows(self).remove(old.key())?;
        }
        Ok(Ok(()))
    }
}

impl<'t> Deref for Open<'t> {
    type Target = open::Open<'t>;

    fn deref(&self) -> &open::Open<'t> {
        &self.present
    }
}

impl DerefMut for Open<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.present
    }
}

/// A record that a migration to these schemas writes.
pub(super) trait Kept: Indexed {
    /// What its index entries lead to.
    fn id(&self) -> u64;
    /// Its open table.
    fn rows<'a, 't>(open: &'a mut Open<'t>) -> &'a mut Table<'t, Self::Key, Row<Self>>;
}

macro_rules! kept {
    ($($record:ident, |$open:ident| $rows:expr, |$row:ident| $id:expr;)*) => {$(
        impl Kept for $record {
            fn id(&self) -> u64 {
                let $row = self;
                $id
            }

            fn rows<'a, 't>($open: &'a mut Open<'t>) -> &'a mut Table<'t, Self::Key, Row<Self>> {
                &mut $rows
            }
        }
    )*};
}

kept! {
    Organization, |open| open.present.tables.organizations, |row| row.id.0;
    OneTimeToken, |open| open.present.tables.tokens, |row| row.id.0;
    Role, |open| open.roles, |row| row.id.0;
    Channel, |open| open.channels, |row| row.id.0;
    StoredOverwrite, |open| open.overwrites, |row| row.0.channel.0;
}
