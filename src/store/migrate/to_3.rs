//! From schema 2 to 3: devices, their keys, second factors and the outbox have tables of their own; what a user's name
//! looks like is kept where it isn't the name itself. Nothing moves.
//!
//! A change of this file is a change of what ran on people's files: it is refused there.

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::v2::{By, Open, ReadError, Record, SERVER, SubjectKind, User, Verb, look_key};
use crate::id::Timestamp;

/// Makes the tables, which opening them for writing does.
pub(super) fn run(
    transaction: &WriteTransaction,
    now: Timestamp,
    progress: &dyn Fn(u64, u64),
) -> Result<(), ReadError> {
    let mut open = Open::new(transaction, By::server(now))?;
    let (rows, mut looks) = (open.tables.users.len()?, Vec::new());
    for (count, row) in open.tables.users.iter()?.enumerate() {
        let user = User::decode(row?.1.value())?;
        looks.extend(look_key(&user.name).map(|look| ((user.organization.0, look), user.id.0)));
        if count % 1_000 == 0 {
            progress(count as u64, rows);
        }
    }
    for (look, user) in looks {
        // Of two that look alike already, the first one has the place.
        if open.tables.looks.get(look)?.is_none() {
            open.tables.looks.insert(look, user)?;
        }
    }
    let (before, after) = (r#"{"schema":2}"#.to_owned(), r#"{"schema":3}"#.to_owned());
    open.audit(SERVER, Verb::Migrate, SubjectKind::Database, 3, before, after)?;
    open.finish()?;
    Ok(())
}
