//! Copies of the database: made while it runs, kept for days and weeks, put back when needed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadableDatabase, WriteTransaction};
use thiserror::Error;

use super::error::{BackupError, Failed, OpenError, ReadError};
use super::file::{guarded, look_at_file, open_file, stamp};
use super::handle::Store;
use super::migrate;
use super::open::By;
use super::table::{META_LAST_BACKUP, META_LAST_VERIFY, SCHEMA};
use super::verify::verify_file;
use super::write::Write;
use crate::files;
use crate::id::Timestamp;

/// Backups that are kept: the newest of each of so many days, and of so many weeks.
const DAYS: usize = 7;
const WEEKS: usize = 4;

/// What regular backups are called before their time.
const PREFIX: &str = "parlour-";

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Why a backup isn't put back. The database is what it was.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The backup can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The backup is damaged.
    #[error("{} is damaged ({problem}); take another backup", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong first.
        problem: String,
    },
    /// A file can't be moved.
    #[error("can't put the backup in place of {}: {source}", path.display())]
    Move {
        /// The database's file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// No migration ran on the file, or the file from before it is gone.
    #[error("there is no backup of a schema before this one; nothing to go back to")]
    NothingBefore,
}

/// What a backup of a time is called.
pub fn backup_name(now: Timestamp) -> String {
    format!("{PREFIX}{}.redb", stamp(now))
}

impl Store {
    /// Copies the latest commit into a fresh, compact file, which is there whole or not at all. Others
    /// read and write meanwhile. `progress` is told how far it is, from 0 to 1. Answers with its bytes.
    pub fn backup(&self, to: &Path, now: Timestamp, progress: &dyn Fn(f64)) -> Result<u64, BackupError> {
        if to.exists() {
            return Err(BackupError::Exists(to.into()));
        }
        let snapshot = self.latest.load_full().ok_or(ReadError::Reopening)?;
        let of_file = |source| BackupError::Write { path: to.into(), source };
        if let Some(directory) = to.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            files::make_directory(directory).map_err(of_file)?;
        }
        let partial = files::partial(to);
        let _ = fs::remove_file(&partial);
        let copied = copy(&snapshot, &partial, progress);
        if let Err(error) = copied {
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        files::put_in_place(&partial, to).map_err(of_file)?;
        // The copy is there whether this is written or not.
        if let Err(error) = self.run(By::server(now), note(META_LAST_BACKUP, now)) {
            tracing::warn!(%error, "the time of the backup isn't noted");
        }
        Ok(fs::metadata(to).map_or(0, |data| data.len()))
    }

    /// Notes that everything was checked and found right.
    pub fn note_verified(&self, now: Timestamp) -> Result<(), super::CommitError> {
        self.run(By::server(now), note(META_LAST_VERIFY, now)).map_err(Failed::into_commit_error)
    }
}

fn note(name: u8, now: Timestamp) -> Write<(), std::convert::Infallible> {
    Write::new(move |open| {
        open.tables.meta.insert(name, now.0)?;
        Ok(())
    })
}

fn copy(snapshot: &super::table::Tables, to: &Path, progress: &dyn Fn(f64)) -> Result<(), BackupError> {
    let mut database = open_file(to, true).map_err(|error| match error {
        OpenError::File { path, source } => BackupError::Write { path, source },
        error => BackupError::Store(ReadError::Damaged(error.to_string())),
    })?;
    let mut done: u64 = 0;
    let total = snapshot.rows()?.max(1);
    let begin = &mut || {
        let mut transaction = database.begin_write().map_err(ReadError::from)?;
        transaction.set_durability(Durability::Immediate).map_err(ReadError::from)?;
        Ok::<_, BackupError>(transaction)
    };
    let finish = &mut |transaction: WriteTransaction, rows: u64| {
        transaction.commit().map_err(ReadError::from)?;
        done += rows;
        progress(done as f64 / total as f64);
        // The disk is the running server's first.
        std::thread::sleep(PAUSE);
        Ok(())
    };
    snapshot.copy(begin, finish)?;
    // The file grows ahead of what is in it; this gives the rest back.
    database.compact().map_err(ReadError::from)?;
    Ok(())
}

/// Between two parts of a copy.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(1);

/// Removes regular backups that neither are the newest of one of seven days nor of one of four weeks.
/// Answers with those that went. Other files in the folder are left alone.
pub fn prune_backups(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<(Timestamp, PathBuf)> = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if let Some(time) = path.file_name().and_then(|name| time_of(name.to_str()?)) {
            found.push((time, path));
        }
    }
    found.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let (mut days, mut weeks, mut gone) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (time, path) in found {
        let (day, week) = (time.0 / DAY, time.0 / DAY / 7);
        let is_daily = days.len() < DAYS && days.insert(day);
        let is_weekly = weeks.len() < WEEKS && weeks.insert(week);
        if !is_daily && !is_weekly {
            fs::remove_file(&path)?;
            gone.push(path);
        }
    }
    Ok(gone)
}

/// The time in a regular backup's name.
fn time_of(name: &str) -> Option<Timestamp> {
    let stamp = name.strip_prefix(PREFIX)?.strip_suffix(".redb")?;
    let (date, time) = stamp.split_once('T')?;
    format!("{date}T{}", time.replace('-', ":")).parse().ok()
}

/// Puts a backup in the place of the database, which nobody may have open. It is checked first, and what
/// is replaced is kept; answers with where.
pub fn restore(
    backup: &Path,
    path: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(&str),
) -> Result<Option<PathBuf>, RestoreError> {
    let of_file = |source| RestoreError::Open(OpenError::File { path: backup.into(), source });
    let candidate = path.with_extension("restoring");
    progress("copying");
    let copy = || io::copy(&mut File::open(backup)?, &mut files::create_over(&candidate)?);
    copy().map_err(of_file)?;
    let outcome = check(&candidate, backup, progress).and_then(|()| {
        let replaced = set_aside(path, "replaced", now)?;
        let moved = files::put_in_place(&candidate, path);
        moved.map_err(|source| RestoreError::Move { path: path.into(), source })?;
        Ok(replaced)
    });
    if outcome.is_err() {
        let _ = fs::remove_file(&candidate);
    }
    outcome
}

fn check(candidate: &Path, backup: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), RestoreError> {
    let problems = verify_file(candidate, progress).map_err(|error| match error {
        OpenError::Damaged { problem, .. } => RestoreError::Damaged { path: backup.into(), problem },
        error => RestoreError::Open(error),
    })?;
    match problems.first() {
        None => Ok(()),
        Some(problem) => Err(RestoreError::Damaged { path: backup.into(), problem: problem.to_string() }),
    }
}

/// Moves the database's file out of the way, unless somebody has it open; answers with where, if it was
/// there.
fn set_aside(path: &Path, why: &str, now: Timestamp) -> Result<Option<PathBuf>, RestoreError> {
    if !path.exists() {
        return Ok(None);
    }
    // A damaged file is a reason to restore; one in use is a reason not to.
    let held: Option<Database> = match open_file(path, false) {
        Ok(database) => Some(database),
        Err(error @ OpenError::InUse(_)) => return Err(error.into()),
        Err(_) => None,
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{why}-{}", stamp(now)));
    let aside = path.with_file_name(name);
    fs::rename(path, &aside).map_err(|source| RestoreError::Move { path: path.into(), source })?;
    drop(held);
    Ok(Some(aside))
}

/// Goes back to the schema before the last migration, by the file that was kept before it. What was
/// written since is only in the file that is set aside; answers with where that is, and the schema.
pub fn rollback(
    path: &Path,
    now: Timestamp,
    progress: &mut dyn FnMut(&str),
) -> Result<(PathBuf, u64), RestoreError> {
    let database = open_file(path, false)?;
    let applied = migrate::applied(&database).map_err(|error| OpenError::read(path, error))?;
    drop(database);
    let last = applied.into_iter().next_back().filter(|last| last.to <= SCHEMA);
    let backup = last.and_then(|last| last.backup).filter(|backup| backup.exists());
    let backup = backup.ok_or(RestoreError::NothingBefore)?;
    let replaced = restore(&backup, path, now, progress)?.ok_or(RestoreError::NothingBefore)?;
    // Several migrations that ran one after the other go back together.
    let (schema, ..) = peek(path)?;
    Ok((replaced, schema))
}

/// Makes the file of a database that nobody has open as small as it can be. Answers with its bytes before
/// and after.
pub fn compact(path: &Path) -> Result<(u64, u64), OpenError> {
    let size = || fs::metadata(path).map_or(0, |data| data.len());
    let before = size();
    let mut database = open_file(path, false)?;
    guarded(path, || {
        // Each pass frees what the one before moved.
        while database.compact().map_err(|error| OpenError::read(path, error.into()))? {}
        Ok(())
    })?;
    drop(database);
    Ok((before, size()))
}

/// The schema of a file that nobody has open, and what ran on it; changes nothing.
pub fn peek(path: &Path) -> Result<(u64, Vec<migrate::Applied>, Vec<migrate::Pending>), OpenError> {
    let database = look_at_file(path)?;
    let read = |error: ReadError| OpenError::read(path, error);
    let schema = migrate::schema(&database).map_err(read)?.unwrap_or(0);
    let applied = migrate::applied(&database).map_err(read)?;
    let _ = database.begin_read();
    Ok((schema, applied, migrate::pending(schema)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_days_and_four_weeks_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let start = 1_760_000_000_000;
        for hours in (0..24 * 60).step_by(12) {
            let name = backup_name(Timestamp(start + hours * 60 * 60 * 1_000));
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::write(directory.path().join("before-schema-2-x.redb"), "").unwrap();
        fs::write(directory.path().join("parlour-of-mine.redb"), "").unwrap();
        let gone = prune_backups(directory.path()).unwrap();
        let left: BTreeSet<_> =
            fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(gone.len() + left.len(), 122);
        assert!(left.contains(std::ffi::OsStr::new("before-schema-2-x.redb")));
        assert!(left.contains(std::ffi::OsStr::new("parlour-of-mine.redb")));
        // Of four weeks the newest, one of which is the newest day of the seven; or two.
        assert!((2 + 7 + 2..=2 + 7 + 3).contains(&left.len()), "{left:?}");
        assert!(prune_backups(directory.path()).unwrap().is_empty());
    }

    #[test]
    fn a_backup_s_name_tells_its_time() {
        let time = Timestamp(1_760_000_000_000);
        assert_eq!(time_of(&backup_name(time)), Some(time));
        assert_eq!(time_of("parlour-x.redb"), None);
    }
}
