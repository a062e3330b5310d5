//! What every migration writes besides its rows: what is counted, and what the audit trail and the list of maintenance
//! say of it. Frozen as schema 2 laid it out; a migration that changes one of these layouts takes another book.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table, WriteTransaction};
use sha2::{Digest, Sha256};

use super::super::error::ReadError;
use super::super::row::{Record, Row};
use super::frozen::insert;
use super::v2::{AUDIT, AuditEntry, Author, JOBS, Job, LEDGERS, Ledger};
use crate::id::Timestamp;

/// The ledger of the server itself.
pub(super) const SERVER: u64 = 0;

/// Places of what is counted in a ledger.
pub(super) const USER: usize = 0;
pub(super) const ROLE: usize = 1;
pub(super) const CHANNEL: usize = 2;
pub(super) const TOKEN: usize = 3;
pub(super) const ORGANIZATION: usize = 6;
pub(super) const SESSION: usize = 7;
const JOB: usize = 8;

/// Numbers of the audit trail: what was done, and to what.
const MIGRATE: u8 = 6;
const DATABASE: u8 = 14;

/// Numbers of a run of maintenance: what was done, and how it ended.
const MIGRATION: u8 = 5;
const DONE: u8 = 3;

/// Bits of an identifier that count within its organization.
const COUNTED: u32 = 40;

/// The identifier before the first that an organization gives.
pub(super) fn first_of(organization: u64) -> u64 {
    organization.saturating_sub(1) << COUNTED
}

/// The ledgers, kept until [`Book::finish`], and the audit trail.
pub(super) struct Book<'t> {
    ledgers: Table<'t, u64, Row<Ledger>>,
    audit: Table<'t, (u64, u64), Row<AuditEntry>>,
    kept: BTreeMap<u64, Ledger>,
}

impl<'t> Book<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, ReadError> {
        let (ledgers, audit) = (transaction.open_table(LEDGERS)?, transaction.open_table(AUDIT)?);
        Ok(Self { ledgers, audit, kept: BTreeMap::new() })
    }

    /// What is counted for an organization.
    pub(super) fn ledger(&mut self, organization: u64) -> Result<&mut Ledger, ReadError> {
        if !self.kept.contains_key(&organization) {
            let stored =
                self.ledgers.get(organization)?.map(|row| Ledger::decode(row.value())).transpose()?;
            self.kept.insert(organization, stored.unwrap_or_else(|| blank(organization)));
        }
        self.kept.get_mut(&organization).ok_or(ReadError::Row { table: Ledger::LAYOUT })
    }

    /// Keeps an identifier that is given from being given again.
    pub(super) fn note(&mut self, kind: usize, organization: u64, id: u64) -> Result<(), ReadError> {
        let last = &mut self.ledger(organization)?.last[kind];
        *last = (*last).max(id);
        Ok(())
    }

    /// An identifier that was never given.
    pub(super) fn next_id(&mut self, kind: usize, organization: u64) -> Result<u64, ReadError> {
        let last = &mut self.ledger(organization)?.last[kind];
        *last = (*last).max(first_of(organization)) + 1;
        Ok(*last)
    }

    /// Says in the server's audit trail that the file came to a schema.
    pub(super) fn migrated(&mut self, now: Timestamp, to: u64) -> Result<(), ReadError> {
        let ledger = self.ledger(SERVER)?;
        let mut entry = AuditEntry {
            organization: SERVER,
            number: ledger.audit_last + 1,
            at: now.0,
            author: Author::Server,
            from: None,
            verb: MIGRATE,
            subject: DATABASE,
            subject_id: to,
            before: format!("{{\"schema\":{}}}", to - 1),
            after: format!("{{\"schema\":{to}}}"),
            hash: [0; 32],
        };
        entry.hash = chained(&entry, &ledger.audit_head);
        (ledger.audit_last, ledger.audit_head) = (entry.number, entry.hash);
        insert(&mut self.audit, &entry)
    }

    /// Writes the ledgers.
    pub(super) fn finish(mut self) -> Result<(), ReadError> {
        self.kept.values().try_for_each(|ledger| insert(&mut self.ledgers, ledger))
    }
}

/// Lists a migration among the runs of maintenance.
pub(super) fn list(
    transaction: &WriteTransaction,
    name: &str,
    started: Timestamp,
    finished: Timestamp,
) -> Result<(), ReadError> {
    let mut book = Book::open(transaction)?;
    let id = book.next_id(JOB, SERVER)?;
    book.finish()?;
    let job = Job {
        id,
        kind: MIGRATION,
        state: DONE,
        progress: 100,
        steps: vec![name.to_owned()],
        started: started.0,
        finished: Some(finished.0),
        error: None,
    };
    insert(&mut transaction.open_table(JOBS)?, &job)
}

fn blank(organization: u64) -> Ledger {
    Ledger {
        organization,
        last: [0; 9],
        users: 0,
        channels: 0,
        audit_first: 1,
        audit_last: 0,
        audit_anchor: [0; 32],
        audit_head: [0; 32],
    }
}

/// The hash of an entry that the server itself made, after the entry with the hash `previous`.
fn chained(entry: &AuditEntry, previous: &[u8; 32]) -> [u8; 32] {
    let mut digest = Sha256::new().chain_update(previous);
    for number in [entry.organization, entry.number, entry.at, entry.subject_id] {
        digest.update(number.to_be_bytes());
    }
    // The server is author 0 and has no number.
    digest.update([0, entry.verb, entry.subject]);
    digest.update([0; 8]);
    for text in ["", &entry.before, &entry.after] {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    }
    digest.finalize().into()
}
