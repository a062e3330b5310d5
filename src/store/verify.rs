//! Whether the database is whole: every row readable, every index entry and reference right.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use redb::ReadableTable;

use super::Store;
use super::error::ReadError;
use super::index::Indexed;
use super::row::Row;

/// Something that is wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Store {
    /// Reads everything and answers with what is wrong; nothing, for a sound database.
    pub fn verify(&self) -> Result<Vec<Problem>, ReadError> {
        let tables = self.latest.load_full();
        let mut check = Check::default();
        check.rows(&tables.organizations)?;
        let users = check.rows(&tables.users)?;
        let roles = check.rows(&tables.roles)?;
        let channels = check.rows(&tables.channels)?;
        let sessions = check.rows(&tables.sessions)?;
        check.rows(&tables.claims)?;
        for session in sessions.values().filter(|session| !users.contains_key(&session.user.0)) {
            check.problem(format!("session {} is of user {}, who doesn't exist", session.id, session.user));
        }
        for channel in channels.values() {
            if let Some(parent) = channel.parent.filter(|parent| !channels.contains_key(&parent.0)) {
                check.problem(format!(
                    "channel {} is below channel {parent}, which doesn't exist",
                    channel.id
                ));
            }
        }
        for grant in tables.grants.iter()? {
            let (user, role) = grant?.0.value();
            if !users.contains_key(&user) || !roles.contains_key(&role) {
                check.problem(format!("a grant of role {role} to user {user} refers to nothing"));
            }
        }
        for overwrite in tables.overwrites.iter()? {
            let (channel, ..) = overwrite?.0.value();
            if !channels.contains_key(&channel) {
                check.problem(format!("an overwrite is for channel {channel}, which doesn't exist"));
            }
        }
        for entry in tables.index.iter()? {
            let (key, row) = entry?;
            let (kind, key) = key.value();
            if !check.expected.remove(&(kind, key.to_vec(), row.value())) {
                check.problem(format!(
                    "an entry of index {kind} leads to row {}, which doesn't have it",
                    row.value()
                ));
            }
        }
        for (kind, _, row) in std::mem::take(&mut check.expected) {
            check.problem(format!("row {row} lacks its entry in index {kind}"));
        }
        Ok(check.problems)
    }
}

#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
    expected: BTreeSet<(u8, Vec<u8>, u64)>,
}

impl Check {
    fn problem(&mut self, words: String) {
        self.problems.push(Problem(words));
    }

    fn rows<R: Indexed + fmt::Debug + 'static>(
        &mut self,
        rows: &impl ReadableTable<u64, Row<R>>,
    ) -> Result<BTreeMap<u64, R>, ReadError> {
        let mut found = BTreeMap::new();
        for entry in rows.iter()? {
            let (key, row) = entry?;
            let Ok(record) = R::decode(row.value()) else {
                self.problem(format!("row {} of {} can't be read", key.value(), R::LAYOUT));
                continue;
            };
            if record.key() != key.value() {
                self.problem(format!("row {} of {} says it is row {}", key.value(), R::LAYOUT, record.key()));
            }
            for (kind, entry) in record.entries() {
                self.expected.insert((kind as u8, entry, key.value()));
            }
            found.insert(key.value(), record);
        }
        Ok(found)
    }
}
