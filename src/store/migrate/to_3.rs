//! From schema 2 to 3: devices, their keys, second factors and the outbox have tables of their own; what a user's name
//! looks like is kept where it isn't the name itself. Nothing moves.

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::super::error::ReadError;
use super::super::index::IndexKey;
use super::super::row::Record;
use super::book::Book;
use super::{v2, v3};
use crate::id::Timestamp;

/// Keeps the looks. The tables that begin empty are made with those of the present schema.
pub(super) fn run(
    transaction: &WriteTransaction,
    now: Timestamp,
    progress: &dyn Fn(u64, u64),
) -> Result<(), ReadError> {
    let (users, mut found) = (transaction.open_table(v2::USERS)?, Vec::new());
    let rows = users.len()?;
    for (count, row) in users.iter()?.enumerate() {
        let user = v2::User::decode(row?.1.value())?;
        found.extend(IndexKey::look(&user.name).map(|look| ((user.organization, look), user.id)));
        if count % 1_000 == 0 {
            progress(count as u64, rows);
        }
    }
    let mut looks = transaction.open_table(v3::LOOKS)?;
    for (look, user) in found {
        // Of two that look alike already, the first one has the place.
        if looks.get(look)?.is_none() {
            looks.insert(look, user)?;
        }
    }
    let mut book = Book::open(transaction)?;
    book.migrated(now, 3)?;
    book.finish()
}
