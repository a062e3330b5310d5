//! A write transaction at work: the open tables, the ledgers and what every write does through them.

use std::collections::HashMap;
use std::net::IpAddr;

use redb::WriteTransaction;
use serde_json::{Map, Value};

use super::error::{ReadError, Stop};
use super::index::IndexKey;
use super::record::declare::{Audited, Numbered, Stored};
use super::record::{AuditEntry, Author, Counted, Ledger, SERVER, SubjectKind, Verb, WAY};
use super::row::Record;
use super::table::{Listed, WriteTables, range_of};
use crate::auth::TokenHash;
use crate::id::{OrganizationId, SessionId, Timestamp, Way};

/// On whose behalf something is written; the audit trail says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub author: Author,
    /// From where.
    pub from: Option<IpAddr>,
    /// When: also the time that expiries are compared with.
    pub at: Timestamp,
    /// What acted for them; nothing where they did it themselves.
    pub way: Option<Way>,
    /// The session by which they ask, connected or by its access token; nothing where they have none.
    pub session: Option<SessionId>,
}

impl By {
    /// Somebody, from an address, by themselves.
    pub fn new(author: Author, from: Option<IpAddr>, at: Timestamp) -> Self {
        Self { author, from, at, way: None, session: None }
    }

    /// The server itself.
    pub fn server(at: Timestamp) -> Self {
        Self::new(Author::Server, None, at)
    }

    /// The same, by way of something that acts for them.
    #[must_use]
    pub fn by_way_of(self, way: Option<Way>) -> Self {
        Self { way, ..self }
    }

    /// The same, asked by a session.
    #[must_use]
    pub fn in_session(self, session: Option<SessionId>) -> Self {
        Self { session, ..self }
    }
}

/// An index entry is another row's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken(pub(super) IndexKey);

/// The transaction of a group of writes.
#[derive(Debug)]
pub(super) struct Open<'t> {
    pub(super) tables: WriteTables<'t>,
    pub(super) by: By,
    /// The identifier of what the write under way made first, as the audit trail has it.
    pub(super) made: Option<u64>,
    ledgers: HashMap<OrganizationId, Ledger>,
}

impl<'t> Open<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction, by: By) -> Self {
        Self { tables: WriteTables::new(transaction), by, made: None, ledgers: HashMap::new() }
    }

    /// Writes what was kept in memory for the group. Without it, nothing of the group may be committed.
    pub(super) fn finish(mut self) -> Result<(), ReadError> {
        for ledger in self.ledgers.values() {
            self.tables.ledgers.insert(ledger.key(), ledger.encode()?.as_slice())?;
        }
        Ok(())
    }

    /// A row, checked.
    pub(super) fn get<R: Listed>(&mut self, key: R::Key) -> Result<Option<R>, ReadError> {
        R::table(&mut self.tables).get(key)?.map(|row| R::decode(row.value())).transpose()
    }

    /// A row, or what there is to say about its absence.
    pub(super) fn require<R: Listed, E>(&mut self, key: R::Key, absent: E) -> Result<R, Stop<E>> {
        self.get(key)?.ok_or(Stop::Refused(absent))
    }

    /// The row's identifier under a unique key.
    pub(super) fn find(&self, key: IndexKey) -> Result<Option<u64>, ReadError> {
        Ok(self.tables.index.get(key.0)?.map(|id| id.value()))
    }

    /// What is counted for an organization.
    pub(super) fn ledger(&mut self, organization: OrganizationId) -> Result<&mut Ledger, ReadError> {
        if !self.ledgers.contains_key(&organization) {
            let stored = self.tables.ledgers.get(organization.0)?;
            let ledger = match stored {
                Some(row) => Ledger::decode(row.value())?,
                None => Ledger::new(organization),
            };
            self.ledgers.insert(organization, ledger);
        }
        self.ledgers.get_mut(&organization).ok_or(ReadError::Row { table: Ledger::LAYOUT })
    }

    /// Forgets what was counted for an organization that goes.
    pub(super) fn remove_ledger(&mut self, organization: OrganizationId) -> Result<(), ReadError> {
        self.ledgers.remove(&organization);
        self.tables.ledgers.remove(organization.0)?;
        Ok(())
    }

    /// An identifier that was never given before.
    pub(super) fn next_id(&mut self, kind: Counted, of: OrganizationId) -> Result<u64, ReadError> {
        let first = if of == SERVER { 0 } else { *range_of(of).start() };
        let last = &mut self.ledger(of)?.last[kind as usize];
        *last = (*last).max(first) + 1;
        Ok(*last)
    }

    /// The identifier that is given next, which isn't given yet.
    pub(super) fn free_id(&mut self, kind: Counted, of: OrganizationId) -> Result<u64, ReadError> {
        let first = if of == SERVER { 0 } else { *range_of(of).start() };
        Ok(self.ledger(of)?.last[kind as usize].max(first) + 1)
    }

    /// Replaces the row `old` by `new`, either of which may be none, with its index entries and an
    /// entry in the audit trail. When a key is another row's already, nothing is written.
    pub(super) fn put<R: Audited + Listed>(
        &mut self,
        old: Option<&R>,
        new: Option<&R>,
    ) -> Result<Result<(), Taken>, ReadError> {
        let (before, after) = (facts(old), facts(new));
        let outcome = self.put_unaudited(old, new)?;
        if outcome.is_ok()
            && let Some(record) = new.or(old)
        {
            let verb = match (old, new) {
                (None, _) => Verb::Create,
                (_, None) => Verb::Delete,
                _ => Verb::Change,
            };
            let (before, after) = match verb {
                Verb::Change => difference(before, after),
                _ => (plain(before), plain(after)),
            };
            if verb == Verb::Change && before == after {
                return Ok(Ok(()));
            }
            let (organization, id) = record.of();
            self.audit(organization, verb, R::SUBJECT, id, before, after)?;
        }
        Ok(outcome)
    }

    /// The same without the audit trail, for what goes together with something that is audited.
    pub(super) fn put_unaudited<R: Listed>(
        &mut self,
        old: Option<&R>,
        new: Option<&R>,
    ) -> Result<Result<(), Taken>, ReadError> {
        if let Err(taken) = self.put_index(old, new)? {
            return Ok(Err(taken));
        }
        if let Some(new) = new {
            R::table(&mut self.tables).insert(new.key(), new.encode()?.as_slice())?;
        } else if let Some(old) = old {
            R::table(&mut self.tables).remove(old.key())?;
        }
        Ok(Ok(()))
    }

    /// Writes the difference between the index entries of two rows, to lead to the new one. When a key is another row's already, nothing is written.
    fn put_index<R: Stored>(
        &mut self,
        old: Option<&R>,
        new: Option<&R>,
    ) -> Result<Result<(), Taken>, ReadError> {
        let before = old.map(Stored::entries).unwrap_or_default();
        let after = new.map(Stored::entries).unwrap_or_default();
        for key in after.iter().filter(|key| !before.contains(key)) {
            if self.tables.index.get(key.0)?.is_some() {
                return Ok(Err(Taken(*key)));
            }
        }
        for key in before.iter().filter(|key| !after.contains(key)) {
            self.tables.index.remove(key.0)?;
        }
        if let Some(new) = new {
            for key in after.iter().filter(|key| !before.contains(key)) {
                self.tables.index.insert(key.0, new.key().first())?;
            }
        }
        Ok(Ok(()))
    }

    /// Appends to an organization's audit trail.
    pub(super) fn audit(
        &mut self,
        organization: OrganizationId,
        verb: Verb,
        subject: SubjectKind,
        subject_id: u64,
        before: String,
        after: String,
    ) -> Result<(), ReadError> {
        if verb == Verb::Create {
            self.made.get_or_insert(subject_id);
        }
        let By { author, from, at, way, .. } = self.by;
        let after = match way {
            Some(way) => with_way(&after, way),
            None => after,
        };
        let ledger = self.ledger(organization)?;
        let number = ledger.audit_last + 1;
        let hash = TokenHash([0; 32]);
        let mut entry = AuditEntry {
            organization,
            number,
            at,
            author,
            from,
            verb,
            subject,
            subject_id,
            before,
            after,
            hash,
        };
        entry.hash = entry.chained(&ledger.audit_head);
        (ledger.audit_last, ledger.audit_head) = (number, entry.hash);
        self.tables.audit.insert(entry.key(), entry.encode()?.as_slice())?;
        Ok(())
    }
}

/// What an entry says after a change, with what acted for its author.
fn with_way(after: &str, way: Way) -> String {
    let mut facts = serde_json::from_str::<Map<String, Value>>(after).unwrap_or_default();
    facts.insert(WAY.to_owned(), Value::String(way.to_string()));
    Value::Object(facts).to_string()
}

/// What the audit trail shows of a record.
fn facts<R: Audited>(record: Option<&R>) -> Map<String, Value> {
    let Some(Ok(Value::Object(mut facts))) = record.map(serde_json::to_value) else { return Map::new() };
    for name in R::UNSHOWN {
        if let Some(value) = facts.get_mut(*name).filter(|value| !value.is_null()) {
            *value = Value::String("(not shown)".to_owned());
        }
    }
    facts
}

/// What is worth saying of a whole record: neither what its entry says besides, nor what is empty.
fn plain(mut facts: Map<String, Value>) -> String {
    facts.retain(|name, value| {
        let says_nothing = match value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        !says_nothing && !matches!(name.as_str(), "id" | "organization" | "created")
    });
    if facts.is_empty() { String::new() } else { Value::Object(facts).to_string() }
}

/// The fields of both that differ, as JSON objects; nothing for none.
fn difference(mut before: Map<String, Value>, mut after: Map<String, Value>) -> (String, String) {
    let same: Vec<String> = before
        .iter()
        .filter(|(name, value)| after.get(*name) == Some(*value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in same {
        before.remove(&name);
        after.remove(&name);
    }
    let text = |facts: Map<String, Value>| {
        if facts.is_empty() { String::new() } else { Value::Object(facts).to_string() }
    };
    (text(before), text(after))
}
