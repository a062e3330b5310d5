//! How an old layout is frozen: a struct of plain numbers, texts and bytes, which nothing else in the program uses.
//! Migrations read and write these only, so a change of a record of today changes nothing of what they do.

use redb::{ReadableTable, Table};

use super::super::error::ReadError;
use super::super::index::IndexKey;
use super::super::row::{Record, Row};

/// The unique keys of all rows, as every schema since 2 has them.
pub(super) type Index<'t> = Table<'t, u64, u64>;

/// Declares frozen records: name, version, key, layout, fields.
macro_rules! frozen {
    ($($(#[$doc:meta])* $record:ident, $version:literal, $key:ty = $of:expr, $layout:literal
        { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
        pub(super) struct $record { $(pub(super) $field: $type),* }

        records! { $record, $version, $key, $of, $layout; }
    )*};
}

pub(super) use frozen;

/// Inserts a row.
pub(super) fn insert<R: Record>(table: &mut Table<'_, R::Key, Row<R>>, record: &R) -> Result<(), ReadError> {
    table.insert(record.key(), record.encode()?.as_slice())?;
    Ok(())
}

/// All rows of a table in the order of their keys.
pub(super) fn all<R: Record>(table: &impl ReadableTable<R::Key, Row<R>>) -> Result<Vec<R>, ReadError> {
    table.iter()?.map(|row| R::decode(row?.1.value())).collect()
}

/// Takes a unique key for the row `id`, unless another row has it already.
pub(super) fn claim(index: &mut Index<'_>, key: IndexKey, id: u64) -> Result<bool, ReadError> {
    let is_free = index.get(key.0)?.is_none();
    if is_free {
        index.insert(key.0, id)?;
    }
    Ok(is_free)
}
