//! From schema 5 to 6. An organization says for itself who comes in, within what it may; and it has a limit of sessions
//! connected at once. Each begins with what held before: what the server's configuration says.

use redb::{ReadableTable, WriteTransaction};

use super::super::error::ReadError;
use super::super::row::Record;
use super::book::Book;
use super::frozen::insert;
use super::{v2, v5, v6};
use crate::id::Timestamp;

/// Brings the rows of organizations over; there are few.
pub(super) fn run(
    transaction: &WriteTransaction,
    now: Timestamp,
    _progress: &dyn Fn(u64, u64),
) -> Result<(), ReadError> {
    let mut table = transaction.open_table(v6::ORGANIZATIONS)?;
    for row in transaction.open_table(v2::ORGANIZATIONS)?.iter()? {
        let v2::Organization { id, tag, name, owner, limits, created } =
            v2::Organization::decode(row?.1.value())?;
        let v2::Limits { users, channels, sessions_per_user, audit_days } = limits;
        let limits = v6::Limits { users, channels, sessions_per_user, audit_days, sessions: v6::SESSIONS };
        let (guests, registration) = (None, None);
        insert(
            &mut table,
            &v6::Organization { id, tag, name, owner, limits, created, guests, registration },
        )?;
    }
    let mut table = transaction.open_table(v6::ORGANIZATION_SETTINGS)?;
    for row in transaction.open_table(v5::ORGANIZATION_SETTINGS)?.iter()? {
        let v5::OrganizationSettings { organization, welcome, default_channel, afk_channel, afk_ms } =
            v5::OrganizationSettings::decode(row?.1.value())?;
        let (guests, registration) = (true, v6::OPEN);
        insert(
            &mut table,
            &v6::OrganizationSettings {
                organization,
                welcome,
                default_channel,
                afk_channel,
                afk_ms,
                guests,
                registration,
            },
        )?;
    }
    transaction.delete_table(v2::ORGANIZATIONS)?;
    transaction.delete_table(v5::ORGANIZATION_SETTINGS)?;
    let mut book = Book::open(transaction)?;
    book.migrated(now, 6)?;
    book.finish()
}
