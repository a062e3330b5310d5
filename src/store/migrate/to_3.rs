//! From schema 2 to 3: devices, their keys, second factors and the outbox have tables of their own; nothing moves.
//!
//! A change of this file is a change of what ran on people's files: it is refused there.

use redb::WriteTransaction;

use super::v2::{By, Open, ReadError, SERVER, SubjectKind, Verb};
use crate::id::Timestamp;

/// Makes the tables, which opening them for writing does.
pub(super) fn run(
    transaction: &WriteTransaction,
    now: Timestamp,
    progress: &dyn Fn(u64, u64),
) -> Result<(), ReadError> {
    let mut open = Open::new(transaction, By::server(now))?;
    let (before, after) = (r#"{"schema":2}"#.to_owned(), r#"{"schema":3}"#.to_owned());
    open.audit(SERVER, Verb::Migrate, SubjectKind::Database, 3, before, after)?;
    open.finish()?;
    progress(1, 1);
    Ok(())
}
