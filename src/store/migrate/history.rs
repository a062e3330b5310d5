//! What a file says of its schema: which it has, and the migrations that brought it there.

use std::path::PathBuf;

use redb::{Database, ReadableDatabase, ReadableTable, TableError};
use serde::{Deserialize, Serialize};

use super::super::error::ReadError;
use super::super::table::{META_SCHEMA, SCHEMA, WriteTables, definition};
use crate::id::Timestamp;

/// A migration that ran on a file, as it is recorded there: in JSON, which every version can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The schema it led to.
    #[serde(skip)]
    pub to: u64,
    /// What it is called; `created` for the schema that the file began with.
    pub name: String,
    /// Its identifier; empty for `created`, and where a version ran it that recorded a checksum instead.
    #[serde(default)]
    pub id: String,
    /// What earlier versions recorded in place of an identifier: SHA-256 of its source.
    #[serde(default)]
    pub checksum: String,
    /// The version of Parlour that ran it.
    pub parlour: String,
    /// When.
    pub at: Timestamp,
    /// How long it took.
    pub milliseconds: u64,
    /// Where the file from before is, if there is one.
    pub backup: Option<PathBuf>,
}

impl Applied {
    /// Whether the file was made with this schema, rather than brought to it.
    pub(super) fn created(&self) -> bool {
        self.id.is_empty() && self.checksum.is_empty()
    }
}

/// Records the schema that a new file begins with.
pub(in crate::store) fn record_creation(
    tables: &mut WriteTables<'_>,
    now: Timestamp,
) -> Result<(), ReadError> {
    tables.meta.insert(META_SCHEMA, SCHEMA)?;
    let created = Applied {
        to: SCHEMA,
        name: "created".to_owned(),
        id: String::new(),
        checksum: String::new(),
        parlour: env!("CARGO_PKG_VERSION").to_owned(),
        at: now,
        milliseconds: 0,
        backup: None,
    };
    record(tables.migrations.table_mut()?, &created)
}

/// Records a migration that ran.
pub(super) fn record(
    table: &mut redb::Table<'_, u64, &'static str>,
    applied: &Applied,
) -> Result<(), ReadError> {
    let json = serde_json::to_string(applied).unwrap_or_default();
    table.insert(applied.to, json.as_str())?;
    Ok(())
}

/// The schema of a file; none for an empty one.
pub(in crate::store) fn schema(database: &Database) -> Result<Option<u64>, ReadError> {
    match database.begin_read()?.open_table(definition::meta) {
        Ok(meta) => Ok(Some(meta.get(META_SCHEMA)?.map_or(0, |version| version.value()))),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether there is any table, of whatever program.
pub(super) fn has_tables(database: &Database) -> Result<bool, ReadError> {
    Ok(database.begin_read()?.list_tables()?.next().is_some())
}

/// The migrations that ran on a file, the first one first.
pub(in crate::store) fn applied(database: &Database) -> Result<Vec<Applied>, ReadError> {
    match database.begin_read()?.open_table(definition::migrations) {
        Ok(table) => read_applied(&table),
        Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// The same of the open table.
pub(in crate::store) fn read_applied(
    table: &impl ReadableTable<u64, &'static str>,
) -> Result<Vec<Applied>, ReadError> {
    let mut found = Vec::new();
    for row in table.iter()? {
        let (to, json) = row?;
        let applied: Applied =
            serde_json::from_str(json.value()).map_err(|_| ReadError::Row { table: "migrations" })?;
        found.push(Applied { to: to.value(), ..applied });
    }
    Ok(found)
}
