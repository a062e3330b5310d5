//! Every table of the file: those of records, which are declared beside their records and listed in `record::list` (how to add
//! one is said there), and those of plain numbers and texts. A change of a key or a layout makes a new table with the
//! next version in its name, and a migration. Integers in composite keys sort as numbers.
//!
//! Identifiers of users, roles, channels, tokens, keys and bans begin with their organization's number
//! (see [`range_of`]), so what belongs to an organization lies together and needs no index.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use redb::{ReadTransaction, TableDefinition, TableHandle, WriteTransaction};

use super::error::ReadError;
use super::lazy::{Readable, Writable};
use super::record;
use super::record::declare::Stored;
use super::record::list::every_record;
use super::row::{Record, Row};
use crate::id::{OrganizationId, RoleId};

/// Version of the whole: 1 was the first.
pub(super) const SCHEMA: u64 = 6;

/// Keys of the meta table.
pub(super) const META_SCHEMA: u8 = 0;
pub(super) const META_LAST_BACKUP: u8 = 10;
pub(super) const META_LAST_VERIFY: u8 = 11;

/// The identifiers that an organization's rows can have.
pub(super) fn range_of(organization: OrganizationId) -> RangeInclusive<u64> {
    organization.identifiers()
}

/// The organization of an identifier.
pub(super) fn organization_of(id: u64) -> OrganizationId {
    OrganizationId::of(id)
}

/// The role of an organization that is this one in the first organization.
pub(super) fn role_of(organization: OrganizationId, role: RoleId) -> RoleId {
    organization.role(role)
}

/// How large a table is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TableSize {
    /// Its name, without its version.
    pub name: &'static str,
    /// Its rows.
    pub rows: u64,
    /// Bytes of keys and values.
    pub stored_bytes: u64,
    /// Bytes of all its pages.
    pub page_bytes: u64,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $key:ty => $value:ty = $stored:literal;)*) => {
        /// What each table is called and holds.
        #[expect(non_upper_case_globals, reason = "named as the fields that open them")]
        pub(super) mod definition {
            use super::*;
            $($(#[$doc])* pub(in crate::store) const $name: TableDefinition<'static, $key, $value> =
                TableDefinition::new($stored);)*
        }

        /// The tables of one commit, for reading.
        pub(super) struct Tables {
            $(pub(super) $name: Readable<$key, $value>,)*
        }

        impl Tables {
            /// Those of a snapshot. All of them exist: they are made with the file, or when a file that lacks some is
            /// opened.
            pub(super) fn new(snapshot: ReadTransaction) -> Self {
                let snapshot = Arc::new(snapshot);
                Self { $($name: Readable::new(Arc::clone(&snapshot), definition::$name),)* }
            }

            /// How large each is. Reads the whole file.
            pub(super) fn sizes(&self) -> Result<Vec<TableSize>, ReadError> {
                Ok(vec![$({
                    let (rows, stats) = (self.$name.len()?, self.$name.stats()?);
                    let pages = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
                    let name = stringify!($name);
                    TableSize { name, rows, stored_bytes: stats.stored_bytes(), page_bytes: pages }
                }),*])
            }

            /// Rows of all tables.
            pub(super) fn rows(&self) -> Result<u64, ReadError> {
                Ok(0 $(+ self.$name.len()?)*)
            }

            /// Copies every row into another file's transactions, which `begin` gives: each takes a
            /// part, so that none is too large to be committed at once. `finish` is told its rows.
            pub(super) fn copy<E: From<ReadError>>(
                &self,
                begin: &mut dyn FnMut() -> Result<WriteTransaction, E>,
                finish: &mut dyn FnMut(WriteTransaction, u64) -> Result<(), E>,
            ) -> Result<(), E> {
                let read = |error: ReadError| E::from(error);
                $({
                    let mut rows = self.$name.all().map_err(read)?.peekable();
                    loop {
                        let transaction = begin()?;
                        let mut count = 0;
                        {
                            let mut table =
                                transaction.open_table(definition::$name).map_err(ReadError::from).map_err(read)?;
                            let mut bytes = 0;
                            for row in rows.by_ref() {
                                let (key, value) = row.map_err(ReadError::from).map_err(read)?;
                                let (key, value) = (key.value(), value.value());
                                let encoded = <$value as redb::Value>::as_bytes(&value);
                                bytes += AsRef::<[u8]>::as_ref(&encoded).len() + 32;
                                table.insert(key, &value).map_err(ReadError::from).map_err(read)?;
                                count += 1;
                                if bytes >= PART {
                                    break;
                                }
                            }
                        }
                        finish(transaction, count)?;
                        if rows.peek().is_none() {
                            break;
                        }
                    }
                })*
                Ok(())
            }
        }

        /// The tables of a write transaction.
        pub(super) struct WriteTables<'t> {
            $(pub(super) $name: Writable<'t, $key, $value>,)*
        }

        /// Whether a file lacks none of the tables.
        pub(super) fn has_all(snapshot: &ReadTransaction) -> Result<bool, ReadError> {
            let there: HashSet<String> = snapshot.list_tables()?.map(|table| table.name().to_owned()).collect();
            Ok([$($stored),*].iter().all(|name| there.contains(*name)))
        }

        impl<'t> WriteTables<'t> {
            pub(super) fn new(transaction: &'t WriteTransaction) -> Self {
                Self { $($name: Writable::new(transaction, definition::$name),)* }
            }
        }

        /// Makes the tables that a file lacks, empty.
        pub(super) fn make_all(transaction: &WriteTransaction) -> Result<(), ReadError> {
            $(transaction.open_table(definition::$name)?;)*
            Ok(())
        }
    };
}

/// Bytes that one transaction of a copy takes, roughly.
const PART: usize = 1 << 20;

/// A record that is in the list, [`every_record`].
pub(super) trait Listed: Stored {
    /// Its table of a commit.
    fn rows(tables: &Tables) -> &Readable<Self::Key, Row<Self>>;
    /// Its table of a write transaction.
    fn table<'a, 't>(tables: &'a mut WriteTables<'t>) -> &'a mut Writable<'t, Self::Key, Row<Self>>;
}

/// Something that is done with every table of records.
pub(super) trait EachRecord {
    /// Does it with one.
    fn see<R: Listed>(&mut self) -> Result<(), ReadError>;
}

macro_rules! tables_with_records {
    (
        { $($plain:tt)* }
        $($(#[$doc:meta])* $table:ident: $record:ident = $stored:literal, $line:ident $(, $kind:literal $word:literal)?;)*
    ) => {
        tables! {
            $($plain)*
            $($(#[$doc])* $table: <record::$record as Record>::Key => Row<record::$record> = $stored;)*
        }

        $(impl Listed for record::$record {
            fn rows(tables: &Tables) -> &Readable<Self::Key, Row<Self>> {
                &tables.$table
            }

            fn table<'a, 't>(tables: &'a mut WriteTables<'t>) -> &'a mut Writable<'t, Self::Key, Row<Self>> {
                &mut tables.$table
            }
        })*

        /// Does something with every table of records, in the order of an export.
        pub(super) fn each_record(work: &mut impl EachRecord) -> Result<(), ReadError> {
            $(work.see::<record::$record>()?;)*
            Ok(())
        }
    };
}

every_record! { tables_with_records! {
    /// What a number says (`META_*`) to the number: the schema's version, times of maintenance.
    meta: u8 => u64 = "meta/1";
    /// Version to the record of its migration, in JSON, which any later version can read.
    migrations: u64 => &'static str = "migrations/1";
    /// (user id, session id) to the session's key.
    user_sessions: (u64, u64) => u64 = "user_sessions/2";
    /// (user, kind, id) to when it was seen last (see `seen`).
    seen: (u64, u8, u64) => u64 = "seen/2";
    /// (organization, user or 0, name) to the value.
    settings: (u64, u64, &'static str) => &'static str = "settings/2";
    /// (user, channel) to when it became a favourite.
    favourites: (u64, u64) => u64 = "favourites/2";
    /// (organization, what a user's name looks like) to the user, where that isn't the name itself.
    looks: (u64, u64) => u64 = "looks/3";
    /// (organization, what a name looks like that a user shows in place of the account's) to the user.
    shown: (u64, u64) => u64 = "shown/6";
    /// A unique name's number (see `index`) to the row's id.
    index: u64 => u64 = "index/2";
} }

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tables(..)")
    }
}

impl std::fmt::Debug for WriteTables<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WriteTables(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_lead_to_their_organization() {
        assert_eq!(range_of(OrganizationId(1)), 0..=(1 << 40) - 1);
        assert_eq!(*range_of(OrganizationId(2)).start(), 1 << 40);
        for organization in [1, 2, 77].map(OrganizationId) {
            let range = range_of(organization);
            assert_eq!(organization_of(*range.start()), organization);
            assert_eq!(organization_of(*range.end()), organization);
        }
    }
}
