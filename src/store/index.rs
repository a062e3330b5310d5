//! Index keys: pure functions of a row. `put` derives those of the old and of the new row and writes the
//! difference; nothing else writes the index table, and `verify` recomputes it whole.

use redb::{ReadableTable, Table};

use super::error::{ReadError, Rejected};
use super::record::{Channel, Claim, Organization, Role, Session, User};
use super::row::{Record, Row};
use crate::name::folded;

/// The open index table of a write transaction.
pub(super) type IndexTable<'t> = Table<'t, (u8, &'static [u8]), u64>;

/// What an index finds. Numbers are stored: never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Organization, folded name: the user.
    UserByName = 1,
    /// Organization, parent, folded name: the channel.
    ChannelByName = 2,
    /// Hash of a token: the session.
    SessionByToken = 3,
    /// User, session: the session. Holds the row's key, so it is never taken.
    SessionByUser = 4,
    /// Organization, folded name: the role.
    RoleByName = 5,
}

/// One index entry of a row: the index and the key in it. Each finds one row.
pub(super) type Entry = (Kind, Vec<u8>);

/// A record with the index entries of its row.
pub(super) trait Indexed: Record {
    /// All of them.
    fn entries(&self) -> Vec<Entry>;
}

impl Indexed for Organization {
    fn entries(&self) -> Vec<Entry> {
        Vec::new()
    }
}

impl Indexed for Claim {
    fn entries(&self) -> Vec<Entry> {
        Vec::new()
    }
}

impl Indexed for User {
    fn entries(&self) -> Vec<Entry> {
        vec![(Kind::UserByName, named(&[self.organization.0], &self.name))]
    }
}

impl Indexed for Role {
    fn entries(&self) -> Vec<Entry> {
        vec![(Kind::RoleByName, named(&[self.organization.0], &self.name))]
    }
}

impl Indexed for Channel {
    fn entries(&self) -> Vec<Entry> {
        let within = [self.organization.0, self.parent.map_or(0, u64::from)];
        vec![(Kind::ChannelByName, named(&within, &self.name))]
    }
}

impl Indexed for Session {
    fn entries(&self) -> Vec<Entry> {
        vec![
            (Kind::SessionByToken, self.token.0.to_vec()),
            (Kind::SessionByUser, named(&[self.user.0, self.id.0], "")),
        ]
    }
}

/// Big-endian numbers, which sort as numbers, then the folded name.
pub(super) fn named(numbers: &[u64], name: &str) -> Vec<u8> {
    let mut key: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    key.extend_from_slice(folded(name).as_bytes());
    key
}

/// Replaces the row `old` by `new`, either of which may be none, with all index entries. When an entry
/// is another row's already, nothing is written.
pub(super) fn put<R: Indexed + std::fmt::Debug + 'static>(
    rows: &mut Table<'_, u64, Row<R>>,
    index: &mut IndexTable<'_>,
    old: Option<&R>,
    new: Option<&R>,
) -> Result<Result<(), Rejected>, ReadError> {
    let before = old.map(Indexed::entries).unwrap_or_default();
    let after = new.map(Indexed::entries).unwrap_or_default();
    let added: Vec<&Entry> = after.iter().filter(|entry| !before.contains(entry)).collect();
    for (kind, key) in &added {
        if index.get((*kind as u8, key.as_slice()))?.is_some() {
            return Ok(Err(Rejected::Taken));
        }
    }
    for (kind, key) in before.iter().filter(|entry| !after.contains(entry)) {
        index.remove((*kind as u8, key.as_slice()))?;
    }
    if let Some(new) = new {
        for (kind, key) in added {
            index.insert((*kind as u8, key.as_slice()), new.key())?;
        }
        rows.insert(new.key(), new.encode()?.as_slice())?;
    } else if let Some(old) = old {
        rows.remove(old.key())?;
    }
    Ok(Ok(()))
}
