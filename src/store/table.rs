//! Every table of the file, in one place. A change of a key or a layout makes a new table with the next
//! version in its name, and a migration. Integers in composite keys sort as numbers.

use redb::{ReadOnlyTable, ReadTransaction, TableDefinition};

use super::error::ReadError;
use super::record::{Channel, Claim, Organization, Role, Session, User};
use super::row::Row;

/// Version of the whole: 1 is the first.
pub(super) const SCHEMA: u64 = 1;

/// What a number says (see `seed`) to the number: the schema, and the highest identifiers ever given.
pub(super) const META: TableDefinition<'_, u8, u64> = TableDefinition::new("meta/1");
/// Organization id to its row.
pub(super) const ORGANIZATIONS: TableDefinition<'_, u64, Row<Organization>> =
    TableDefinition::new("organizations/1");
/// User id to its row.
pub(super) const USERS: TableDefinition<'_, u64, Row<User>> = TableDefinition::new("users/1");
/// Role id to its row.
pub(super) const ROLES: TableDefinition<'_, u64, Row<Role>> = TableDefinition::new("roles/1");
/// (user id, role id): the user has the role.
pub(super) const GRANTS: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("grants/1");
/// Channel id to its row.
pub(super) const CHANNELS: TableDefinition<'_, u64, Row<Channel>> = TableDefinition::new("channels/1");
/// (channel id, 0 for a role and 1 for a user, role or user id) to (allowed bits, denied bits).
pub(super) const OVERWRITES: TableDefinition<'_, (u64, u8, u64), (u64, u64)> =
    TableDefinition::new("overwrites/1");
/// Session id to its row.
pub(super) const SESSIONS: TableDefinition<'_, u64, Row<Session>> = TableDefinition::new("sessions/1");
/// Organization id to its one open claim.
pub(super) const CLAIMS: TableDefinition<'_, u64, Row<Claim>> = TableDefinition::new("claims/1");
/// Every index: its kind, its key's bytes (see `index`) to the row's key.
pub(super) const INDEX: TableDefinition<'_, (u8, &[u8]), u64> = TableDefinition::new("index/1");

/// The tables of one commit, opened for reading. Opening costs more than a look-up, so it is done once.
pub(super) struct Tables {
    pub(super) meta: ReadOnlyTable<u8, u64>,
    pub(super) organizations: ReadOnlyTable<u64, Row<Organization>>,
    pub(super) users: ReadOnlyTable<u64, Row<User>>,
    pub(super) roles: ReadOnlyTable<u64, Row<Role>>,
    pub(super) grants: ReadOnlyTable<(u64, u64), ()>,
    pub(super) channels: ReadOnlyTable<u64, Row<Channel>>,
    pub(super) overwrites: ReadOnlyTable<(u64, u8, u64), (u64, u64)>,
    pub(super) sessions: ReadOnlyTable<u64, Row<Session>>,
    pub(super) claims: ReadOnlyTable<u64, Row<Claim>>,
    pub(super) index: ReadOnlyTable<(u8, &'static [u8]), u64>,
}

impl Tables {
    /// Opens every table of a snapshot. All of them exist: they are made with the file.
    pub(super) fn open(snapshot: &ReadTransaction) -> Result<Self, redb::TableError> {
        Ok(Self {
            meta: snapshot.open_table(META)?,
            organizations: snapshot.open_table(ORGANIZATIONS)?,
            users: snapshot.open_table(USERS)?,
            roles: snapshot.open_table(ROLES)?,
            grants: snapshot.open_table(GRANTS)?,
            channels: snapshot.open_table(CHANNELS)?,
            overwrites: snapshot.open_table(OVERWRITES)?,
            sessions: snapshot.open_table(SESSIONS)?,
            claims: snapshot.open_table(CLAIMS)?,
            index: snapshot.open_table(INDEX)?,
        })
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tables(..)")
    }
}

/// Makes every table, so that readers find them.
pub(super) fn create_all(transaction: &redb::WriteTransaction) -> Result<(), ReadError> {
    transaction.open_table(META)?;
    transaction.open_table(ORGANIZATIONS)?;
    transaction.open_table(USERS)?;
    transaction.open_table(ROLES)?;
    transaction.open_table(GRANTS)?;
    transaction.open_table(CHANNELS)?;
    transaction.open_table(OVERWRITES)?;
    transaction.open_table(SESSIONS)?;
    transaction.open_table(CLAIMS)?;
    transaction.open_table(INDEX)?;
    Ok(())
}
