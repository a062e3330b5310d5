//! Migrations: each brings a file from one schema to the next in one transaction, and is recorded in the
//! file with a checksum of its source. Old layouts stay frozen in modules of their own.

mod to_2;
mod to_3;
mod to_4;
mod v1;
mod v2;
mod v3;
mod v4;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase, ReadableTable, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::backup;
use super::error::{OpenError, ReadError};
use super::open::Open;
use super::record::{Counted, Job, JobKind, JobState, Ledger, SERVER};
use super::row::Record;
use super::seed;
use super::table::{META_SCHEMA, SCHEMA, WriteTables, definition};
use crate::id::{JobId, OrganizationId, Timestamp};

/// What may happen to a file that is opened.
pub struct Opening<'a> {
    /// Make the file when it isn't there.
    pub create: bool,
    /// Bring an older file to the present schema, after a backup; otherwise it is refused.
    pub migrate: bool,
    /// Told what a migration is doing: in words, and how far it is, from 0 to 1.
    pub progress: &'a dyn Fn(&str, f64),
}

impl Default for Opening<'_> {
    fn default() -> Self {
        Self { create: true, migrate: true, progress: &|_, _| () }
    }
}

impl std::fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("create", &self.create).field("migrate", &self.migrate).finish()
    }
}

/// A migration that ran on a file, as it is recorded there: in JSON, which every version can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The schema it led to.
    #[serde(skip)]
    pub to: u64,
    /// What it is called; `created` for the schema that the file began with.
    pub name: String,
    /// SHA-256 of its source; empty for `created`.
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

/// A migration that a file still needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// The schema it leads to.
    pub to: u64,
    /// What it is called.
    pub name: &'static str,
}

/// What brings the rows over: in a transaction, at a time, telling how many are done, of how many.
type Run = fn(&WriteTransaction, Timestamp, &dyn Fn(u64, u64)) -> Result<(), ReadError>;

struct Migration {
    to: u64,
    name: &'static str,
    sources: &'static [&'static str],
    /// Checksums of sources that did the same. When a later schema changes a layout, the migrations that
    /// wrote the old one have to name its frozen copy, which changes their source in `use` lines only. The
    /// copy has the same bytes in the same tables (`golden_tests` and `tests/migration.rs` hold it to that),
    /// so a file that the former source brought here is the file that the present one would have made.
    former: &'static [&'static str],
    run: Run,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        to: 2,
        name: "checked rows, grants in the user's row, audit trail",
        sources: &[include_str!("to_2.rs"), include_str!("v1.rs")],
        former: &["1a9678927d3357ca7026c323b889cdeef0bd49e991b83ebf68ebc4a8e7ed64b0"],
        run: to_2::run,
    },
    Migration {
        to: 3,
        name: "devices, their keys, second factors, an outbox",
        sources: &[include_str!("to_3.rs")],
        former: &[],
        run: to_3::run,
    },
    Migration {
        to: 4,
        name: "ranks, colours, what channels ask for, links, how far an overwrite reaches",
        sources: &[include_str!("to_4.rs"), include_str!("v3.rs")],
        former: &[],
        run: to_4::run,
    },
];

impl Migration {
    /// Whether this is the migration that ran with a checksum.
    fn ran_as(&self, checksum: &str) -> bool {
        self.checksum() == checksum || self.former.contains(&checksum)
    }

    fn checksum(&self) -> String {
        use std::fmt::Write;
        let mut digest = Sha256::new();
        self.sources.iter().for_each(|source| digest.update(source));
        digest.finalize().iter().fold(String::new(), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// Fills an empty file, brings an older one to the present schema, and checks any other.
pub(super) fn prepare(
    database: &Database,
    path: &Path,
    now: Timestamp,
    opening: &Opening<'_>,
    is_file: bool,
) -> Result<(), OpenError> {
    let read = |error: ReadError| OpenError::read(path, error);
    let Some(found) = schema(database).map_err(read)? else {
        if has_tables(database).map_err(read)? {
            let problem = "it holds the tables of another program".to_owned();
            return Err(OpenError::Damaged { path: path.into(), problem });
        }
        return seed::seed(database, now).map_err(read);
    };
    let applied = applied(database).map_err(read)?;
    let by = || applied.last().map_or_else(|| "an unknown version".to_owned(), |last| last.parlour.clone());
    if found > SCHEMA {
        return Err(OpenError::Newer { path: path.into(), by: by(), found, known: SCHEMA });
    }
    for applied in applied.iter().filter(|applied| !applied.checksum.is_empty()) {
        let ours = MIGRATIONS.iter().find(|migration| migration.to == applied.to);
        if ours.is_none_or(|ours| !ours.ran_as(&applied.checksum)) {
            let (number, by) = (applied.to, applied.parlour.clone());
            return Err(OpenError::MigrationChanged { path: path.into(), number, by });
        }
    }
    if found == SCHEMA {
        return Ok(());
    }
    if !opening.migrate {
        return Err(OpenError::Older { path: path.into(), found, known: SCHEMA });
    }
    let first = MIGRATIONS.iter().position(|migration| migration.to == found + 1).ok_or_else(|| {
        OpenError::Damaged { path: path.into(), problem: format!("it has schema {found}, which never was") }
    })?;
    let backup = if is_file {
        (opening.progress)("keeping a backup of the file as it is", 0.0);
        Some(backup::before_migration(path, found, now).map_err(Box::new)?)
    } else {
        None
    };
    for migration in &MIGRATIONS[first..] {
        run(database, migration, now, backup.as_deref(), opening).map_err(read)?;
    }
    Ok(())
}

/// What a migration does to what is in the rows, where an export of an older schema was loaded into the
/// present tables.
pub(super) fn bring_rows(open: &mut Open<'_>, exported: u64) -> Result<(), ReadError> {
    if exported < 4 {
        let ids = open.tables.organizations.iter()?.map(|row| Ok(OrganizationId(row?.0.value())));
        for organization in ids.collect::<Result<Vec<_>, ReadError>>()? {
            to_4::seeded_roles(open, organization)?;
        }
    }
    Ok(())
}

fn run(
    database: &Database,
    migration: &Migration,
    now: Timestamp,
    backup: Option<&Path>,
    opening: &Opening<'_>,
) -> Result<(), ReadError> {
    let started = Instant::now();
    let words = format!("migrating to schema {}: {}", migration.to, migration.name);
    (opening.progress)(&words, 0.0);
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let progress = |done: u64, of: u64| (opening.progress)(&words, done as f64 / of.max(1) as f64);
    (migration.run)(&transaction, now, &progress)?;
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    {
        let mut tables = WriteTables::open(&transaction)?;
        tables.meta.insert(META_SCHEMA, migration.to)?;
        record(
            &mut tables,
            &Applied {
                to: migration.to,
                name: migration.name.to_owned(),
                checksum: migration.checksum(),
                parlour: env!("CARGO_PKG_VERSION").to_owned(),
                at: now,
                milliseconds,
                backup: backup.map(Path::to_path_buf),
            },
        )?;
        keep_job(&mut tables, migration, now, milliseconds)?;
    }
    transaction.commit()?;
    (opening.progress)(&words, 1.0);
    tracing::info!(schema = migration.to, milliseconds, "the database was migrated");
    Ok(())
}

/// Lists the migration among the runs of maintenance.
fn keep_job(
    tables: &mut WriteTables<'_>,
    migration: &Migration,
    now: Timestamp,
    milliseconds: u64,
) -> Result<(), ReadError> {
    // The highest there is, and the ledger is told of it.
    let mut ledger = match tables.ledgers.get(SERVER.0)? {
        Some(row) => Ledger::decode(row.value())?,
        None => Ledger::new(SERVER),
    };
    let id = ledger.last[Counted::Job as usize] + 1;
    ledger.note(Counted::Job, id);
    tables.ledgers.insert(ledger.key(), ledger.encode()?.as_slice())?;
    let finished = Some(now.plus(Duration::from_millis(milliseconds)));
    let (kind, state, steps) = (JobKind::Migrate, JobState::Done, vec![migration.name.to_owned()]);
    let job = Job { id: JobId(id), kind, state, progress: 100, steps, started: now, finished, error: None };
    tables.jobs.insert(job.key(), job.encode()?.as_slice())?;
    Ok(())
}

/// Records the schema that a new file begins with.
pub(super) fn record_creation(tables: &mut WriteTables<'_>, now: Timestamp) -> Result<(), ReadError> {
    tables.meta.insert(META_SCHEMA, SCHEMA)?;
    let (name, parlour) = ("created".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let checksum = String::new();
    record(tables, &Applied { to: SCHEMA, name, checksum, parlour, at: now, milliseconds: 0, backup: None })
}

fn record(tables: &mut WriteTables<'_>, applied: &Applied) -> Result<(), ReadError> {
    let json = serde_json::to_string(applied).unwrap_or_default();
    tables.migrations.insert(applied.to, json.as_str())?;
    Ok(())
}

/// The schema of a file; none for an empty one.
pub(super) fn schema(database: &Database) -> Result<Option<u64>, ReadError> {
    match database.begin_read()?.open_table(definition::meta) {
        Ok(meta) => Ok(Some(meta.get(META_SCHEMA)?.map_or(0, |version| version.value()))),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn has_tables(database: &Database) -> Result<bool, ReadError> {
    Ok(database.begin_read()?.list_tables()?.next().is_some())
}

/// The migrations that ran on a file, the first one first.
pub(super) fn applied(database: &Database) -> Result<Vec<Applied>, ReadError> {
    match database.begin_read()?.open_table(definition::migrations) {
        Ok(table) => read_applied(&table),
        Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn read_applied(table: &impl ReadableTable<u64, &'static str>) -> Result<Vec<Applied>, ReadError> {
    let mut found = Vec::new();
    for row in table.iter()? {
        let (to, json) = row?;
        let applied: Applied =
            serde_json::from_str(json.value()).map_err(|_| ReadError::Row { table: "migrations" })?;
        found.push(Applied { to: to.value(), ..applied });
    }
    Ok(found)
}

/// What a file of a schema still needs.
pub(super) fn pending(found: u64) -> Vec<Pending> {
    let later = MIGRATIONS.iter().filter(|migration| migration.to > found);
    later.map(|migration| Pending { to: migration.to, name: migration.name }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A migration that has run on people's files never changes: a change of its source needs a new
    /// number, and this test says so before they do.
    #[test]
    fn migrations_are_what_they_were() {
        let sums: Vec<_> = MIGRATIONS.iter().map(|migration| (migration.to, migration.checksum())).collect();
        assert_eq!(
            sums,
            [
                (2, "87ef9bd7f8814f511a978a7f6cb074fd0b652195f79d9611f5eeb2e22eb594aa".to_owned()),
                (3, "a65b38860164cd09e9d658f5eed01be443243518fb15e8237c28026ede032f52".to_owned()),
                (4, "065a5ac8e2b1f039fae515e620c1e9b102e77068b2623eef5ab96c2c6421b0fb".to_owned()),
            ]
        );
    }

    /// The frozen layouts have the bytes that `golden_tests` held the program to while it wrote them.
    #[test]
    fn frozen_rows_are_what_they_were() {
        let decoded = |bytes: &str| -> Vec<u8> {
            let digits = (0..bytes.len()).step_by(2);
            digits.map(|at| u8::from_str_radix(&bytes[at..at + 2], 16).unwrap()).collect()
        };
        let row =
            decoded("027719da7f030000000000000001000000000000004d656d626572ffff0a0000000400000000000000");
        let role = v3::Role::decode(&row).unwrap();
        assert_eq!((role.id.0, role.name.as_str(), role.rank, role.allow.bits()), (3, "Member", 10, 4));
        assert_eq!(role.encode().unwrap(), row);
        let row = decoded(concat!(
            "024bf1182107000000000000000100000000000000010200000000000000416c706861ffffff6669727374ffff",
            "ffffffffff000101004c0000020000000100000001010101010101010101010101010101020202020202020202",
            "02020202020202020202020202020202020202020202020403020100000000"
        ));
        let channel = v3::Channel::decode(&row).unwrap();
        assert_eq!((channel.id.0, channel.name.as_str(), channel.position), (7, "Alpha", -1));
        assert_eq!(channel.encode().unwrap(), row);
        let row = decoded("010635df5f070000000000000001050000000000000008000000000000000400000000000000");
        let overwrite = v3::StoredOverwrite::decode(&row).unwrap();
        assert_eq!((overwrite.0.allow.bits(), overwrite.0.deny.bits()), (8, 4));
        assert_eq!(overwrite.encode().unwrap(), row);
    }

    #[test]
    fn the_last_migration_leads_to_the_present_schema() {
        assert_eq!(MIGRATIONS.last().unwrap().to, SCHEMA);
        assert!(MIGRATIONS.windows(2).all(|pair| pair[0].to + 1 == pair[1].to));
    }
}
