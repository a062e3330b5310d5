//! Everything as lines of JSON that a person can read and another version can load.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use redb::{Database, StorageBackend};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::error::{OpenError, ReadError};
use super::file::{builder, open_file};
use super::handle::Store;
use super::migrate;
use super::open::{By, Open};
use super::record::list::every_record;
use super::record::{self, Favourite, SERVER, Setting, SubjectKind, Verb};
use super::row::Record;
use super::table::{SCHEMA, Tables};
use crate::files;
use crate::id::{ChannelId, OrganizationId, Timestamp, UserId};

macro_rules! lines {
    (
        {}
        $($(#[$doc:meta])* $table:ident: $record:ident = $stored:literal, $line:ident $(, $kind:literal $word:literal)?;)*
    ) => {
        /// A line of an export. Names of lines and fields are kept from version to version.
        #[derive(Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        enum Line {
            Parlour { version: String, schema: u64, at: Timestamp },
            $($line(record::$record),)*
            Seen { user: UserId, kind: u8, id: u64, at: Timestamp },
            Setting(Setting),
            Favourite(Favourite),
            End { rows: u64 },
        }

        /// Writes the rows of all records.
        fn export_records(tables: &Tables, out: &mut dyn io::Write) -> Result<u64, ExportError> {
            let mut rows = 0;
            $(for row in tables.$table.all()? {
                let record = Record::decode(row.map_err(ReadError::from)?.1.value())?;
                line(out, &Line::$line(record))?;
                rows += 1;
            })*
            Ok(rows)
        }

        /// Writes a line's row.
        fn insert(open: &mut Open<'_>, line: Line) -> Result<(), Unloaded> {
            match line {
                Line::Parlour { .. } | Line::End { .. } => return Err(Unloaded::Misplaced),
                $(Line::$line(record) => open.put_unaudited(None, Some(&record))?.map_err(|_| Unloaded::Taken)?,)*
                Line::Seen { user, kind, id, at } => {
                    open.tables.seen.insert((user.0, kind, id), at.0)?;
                }
                Line::Setting(Setting { organization, user, name, value }) => {
                    let key = (organization.0, user.map_or(0, u64::from), name.as_str());
                    open.tables.settings.insert(key, value.as_str())?;
                }
                Line::Favourite(Favourite { user, channel, since }) => {
                    open.tables.favourites.insert((user.0, channel.0), since.0)?;
                }
            }
            Ok(())
        }
    };
}

every_record! { lines! {} }

/// Why a line isn't loaded.
#[derive(Debug, Error)]
enum Unloaded {
    #[error("it doesn't belong here")]
    Misplaced,
    #[error("another line has the same name, address, tag or hash")]
    Taken,
    #[error(transparent)]
    Store(#[from] ReadError),
}

impl From<redb::StorageError> for Unloaded {
    fn from(error: redb::StorageError) -> Self {
        Self::Store(error.into())
    }
}

/// Writes what a line's row has beside it in tables that aren't exported.
fn complete(open: &mut Open<'_>, line: &Line) -> Result<(), ReadError> {
    match line {
        Line::User(user) => super::write::keep_look(open, user)?,
        Line::Profile(profile) => super::write::keep_shown(open, profile)?,
        Line::Session(session) => {
            open.tables.user_sessions.insert((session.user.0, session.id.0), session.key())?;
        }
        Line::Ledger(ledger) => *open.ledger(ledger.organization)? = ledger.clone(),
        _ => (),
    }
    Ok(())
}

/// Why an export isn't made.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The database can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The lines can't be written.
    #[error("can't write the export: {0}")]
    Write(#[from] io::Error),
}

/// Why an export isn't loaded. Nothing was changed.
#[derive(Debug, Error)]
pub enum ImportError {
    /// There is a database already.
    #[error("{} is there already; import into an empty data directory, or move the file away", .0.display())]
    Exists(PathBuf),
    /// The lines can't be read.
    #[error("can't read the export: {0}")]
    Io(#[from] io::Error),
    /// A line isn't one.
    #[error("line {number} of the export can't be read: {problem}")]
    Line {
        /// Which, from 1.
        number: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// It doesn't begin as an export does.
    #[error("this is no export of Parlour: its first line doesn't say so")]
    NoExport,
    /// It was made by a later version.
    #[error("the export has schema {found}, and this Parlour knows {SCHEMA}; load it with a newer one")]
    Newer {
        /// Its schema.
        found: u64,
    },
    /// It stops before its end.
    #[error("the export ends too early; make it again")]
    CutShort,
    /// What it holds isn't whole.
    #[error("the export isn't whole: {0}")]
    Broken(String),
    /// The new file can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new file can't be written.
    #[error(transparent)]
    Store(#[from] ReadError),
}

/// Rows of one transaction of an import.
const PART: u64 = 10_000;

impl Store {
    /// Writes everything but what can be computed from it, and answers with how many rows. Secrets are in
    /// it as hashes: keep it as safe as the database.
    pub fn export(&self, out: &mut dyn io::Write, now: Timestamp) -> Result<u64, ExportError> {
        let latest = self.latest.load_full().ok_or(ReadError::Reopening)?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        line(out, &Line::Parlour { version, schema: SCHEMA, at: now })?;
        let rows = export(&latest, out)?;
        line(out, &Line::End { rows })?;
        out.flush()?;
        Ok(rows)
    }

    /// Makes a database of an export, where there is none yet.
    pub fn import(path: &Path, input: &mut dyn BufRead, now: Timestamp) -> Result<u64, ImportError> {
        if path.exists() {
            return Err(ImportError::Exists(path.into()));
        }
        let partial = path.with_extension("importing");
        if partial.exists() {
            std::fs::remove_file(&partial)?;
        }
        let outcome = load(|| open_file(&partial, true), input, now);
        match outcome {
            Ok(rows) => {
                files::put_in_place(&partial, path)?;
                Ok(rows)
            }
            Err(error) => {
                let _ = std::fs::remove_file(&partial);
                Err(error)
            }
        }
    }
}

/// Makes a database of an export on bytes kept elsewhere than in a file, and answers with how many rows it has.
pub fn import_on(
    backend: impl StorageBackend,
    input: &mut dyn BufRead,
    now: Timestamp,
) -> Result<u64, ImportError> {
    let new = || {
        let created = builder().create_with_backend(backend);
        created.map_err(|error| OpenError::of(Path::new("(memory)"), error))
    };
    load(new, input, now)
}

fn line(out: &mut dyn io::Write, line: &Line) -> Result<(), io::Error> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn export(tables: &Tables, out: &mut dyn io::Write) -> Result<u64, ExportError> {
    let mut rows = export_records(tables, out)?;
    for row in tables.seen.all()? {
        let (key, at) = row.map_err(ReadError::from)?;
        let ((user, kind, id), at) = (key.value(), Timestamp(at.value()));
        line(out, &Line::Seen { user: UserId(user), kind, id, at })?;
        rows += 1;
    }
    for row in tables.settings.all()? {
        let (key, value) = row.map_err(ReadError::from)?;
        let (organization, user, name) = key.value();
        let user = (user != 0).then_some(UserId(user));
        let (organization, name) = (OrganizationId(organization), name.to_owned());
        line(out, &Line::Setting(Setting { organization, user, name, value: value.value().to_owned() }))?;
        rows += 1;
    }
    for row in tables.favourites.all()? {
        let (key, since) = row.map_err(ReadError::from)?;
        let (user, channel) = key.value();
        let (user, channel, since) = (UserId(user), ChannelId(channel), Timestamp(since.value()));
        line(out, &Line::Favourite(Favourite { user, channel, since }))?;
        rows += 1;
    }
    Ok(rows)
}

/// Reads an export without making a database of it, and answers with how many rows it has. What its rows say of each
/// other isn't looked at.
pub fn check_export(input: &mut dyn BufRead) -> Result<u64, ImportError> {
    let mut lines = Lines { input, number: 0 };
    lines.begin()?;
    let mut rows = 0;
    loop {
        match lines.next()?.ok_or(ImportError::CutShort)? {
            Line::End { rows: said } if said == rows => return Ok(rows),
            Line::End { .. } => return Err(ImportError::CutShort),
            _ => rows += 1,
        }
    }
}

/// Loads an export into a database that is made for it.
fn load(
    new: impl FnOnce() -> Result<Database, OpenError>,
    input: &mut dyn BufRead,
    now: Timestamp,
) -> Result<u64, ImportError> {
    let mut lines = Lines { input, number: 0 };
    let exported = lines.begin()?;
    let mut database = new()?;
    let (mut rows, mut ended) = (0, None);
    while ended.is_none() {
        let transaction = database.begin_write().map_err(ReadError::from)?;
        let mut open = Open::new(&transaction, By::server(now));
        if rows == 0 {
            migrate::record_creation(&mut open.tables, now)?;
        }
        for _ in 0..PART {
            match lines.next()?.ok_or(ImportError::CutShort)? {
                Line::End { rows } => {
                    ended = Some(rows);
                    break;
                }
                line => {
                    complete(&mut open, &line)?;
                    insert(&mut open, line).map_err(|problem| lines.problem(problem.to_string()))?;
                }
            }
            rows += 1;
        }
        if ended.is_some() {
            migrate::bring_rows(&mut open, exported)?;
            let after = format!("{{\"imported\":{rows}}}");
            open.audit(SERVER, Verb::Restore, SubjectKind::Database, 0, String::new(), after)?;
        }
        open.finish()?;
        transaction.commit().map_err(ReadError::from)?;
    }
    if ended != Some(rows) {
        return Err(ImportError::CutShort);
    }
    let problems = super::verify::verify_database(&mut database, &mut |_| ())?;
    match problems.first() {
        None => Ok(rows),
        Some(problem) => Err(ImportError::Broken(problem.to_string())),
    }
}

struct Lines<'a> {
    input: &'a mut dyn BufRead,
    number: u64,
}

impl Lines<'_> {
    /// Reads the first line, and answers with the schema that the export was made with.
    fn begin(&mut self) -> Result<u64, ImportError> {
        match self.next()? {
            Some(Line::Parlour { schema: schema @ ..=SCHEMA, .. }) => Ok(schema),
            Some(Line::Parlour { schema, .. }) => Err(ImportError::Newer { found: schema }),
            _ => Err(ImportError::NoExport),
        }
    }

    fn next(&mut self) -> Result<Option<Line>, ImportError> {
        let mut text = String::new();
        if self.input.read_line(&mut text)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let line = serde_json::from_str(&text).map_err(|error| self.problem(error.to_string()))?;
        Ok(Some(line))
    }

    fn problem(&self, problem: String) -> ImportError {
        ImportError::Line { number: self.number, problem }
    }
}
