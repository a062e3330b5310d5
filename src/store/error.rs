//! What can go wrong with the whole; what can be wrong with one write stands beside it.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use redb::DatabaseError;
use thiserror::Error;

use crate::complaint::Complaint;

/// Why the database can't be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file can't be opened or made.
    #[error("can't open {}: {source}; make it readable and writable for the user who runs Parlour, or choose another place with --data-dir", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is no database, or nothing in its file, and none may be made.
    #[error("{} {state}: put a backup back with `parlour db restore`, make a new database with `parlour db init`, or name another place with --data-dir", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// That it isn't there, or is empty.
        state: &'static str,
    },
    /// Another process has it open.
    #[error("another Parlour has {} open; stop it first, or choose another place with --data-dir", .0.display())]
    InUse(PathBuf),
    /// It was written by a later version.
    #[error("{} was written by a newer Parlour ({by}, schema {found}; this is {}, which knows schema {known}): run that version, or restore a backup of before with `parlour db restore`", path.display(), env!("CARGO_PKG_VERSION"))]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The version that wrote it.
        by: String,
        /// Its schema.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// It must be migrated, and that wasn't wanted.
    #[error("{} has schema {found}, and this Parlour needs {known}: bring it there with `parlour db migrate`, or start without --no-migrate", path.display())]
    Older {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// A migration isn't what ran on this file.
    #[error("{} came to schema {number} by another migration than this Parlour has; run the version that made it ({by})", path.display())]
    MigrationChanged {
        /// Which file.
        path: PathBuf,
        /// The schema that the migration leads to.
        number: u64,
        /// The version that ran it.
        by: String,
    },
    /// The backup before a migration can't be made.
    #[error(transparent)]
    Backup(#[from] Box<BackupError>),
    /// It isn't a Parlour database, or is damaged.
    #[error("{} is not a sound Parlour database ({problem}): restore it from a backup with `parlour db restore`, or move it away to start anew", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The writer's thread can't be started.
    #[error("can't start the thread that writes the database: {0}")]
    Thread(io::Error),
}

/// Why a backup isn't made.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is a file already.
    #[error("{} is there already; choose another name for the backup", .0.display())]
    Exists(PathBuf),
    /// The copy can't be written.
    #[error("can't write the backup {}: {source}; make room there, or choose another place", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The database can't be read, or the copy not written.
    #[error("can't make the backup: {0}")]
    Store(#[from] ReadError),
}

impl OpenError {
    pub(super) fn of(path: &Path, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse(path.into()),
            redb::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
                Self::File { path: path.into(), source }
            }
            error => Self::Damaged { path: path.into(), problem: error.to_string() },
        }
    }

    pub(super) fn read(path: &Path, error: ReadError) -> Self {
        match error {
            ReadError::Storage(error) => Self::of(path, *error),
            error => Self::Damaged { path: path.into(), problem: error.to_string() },
        }
    }
}

/// Why a row can't be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The disk or the file's structure fails.
    #[error("the database can't be read: {0}")]
    Storage(Box<redb::Error>),
    /// A row's bytes are not what its table holds.
    #[error("a row of {table} is damaged; `parlour db verify` names it")]
    Row {
        /// The table.
        table: &'static str,
    },
    /// The file's structure is so damaged that reading it gave up.
    #[error("the database is damaged ({0}); `parlour db verify` says more")]
    Damaged(String),
    /// The one organization is missing.
    #[error("the database has no organization; restore it from a backup")]
    NoOrganization,
    /// The file is being opened anew after an error of the disk.
    #[error("the database is being opened again after an error of the disk; try again in a moment")]
    Reopening,
}

impl ReadError {
    /// Has the log say that the database can't be read: at once, and then once a minute for all that came meanwhile, since
    /// each request of anybody may come upon it.
    pub fn complain(&self) {
        static COMPLAINT: Mutex<(Option<Instant>, Complaint)> = Mutex::new((None, Complaint::NONE));
        let count = {
            let mut kept = COMPLAINT.lock().unwrap_or_else(PoisonError::into_inner);
            let began = *kept.0.get_or_insert_with(Instant::now);
            kept.1.count(began.elapsed())
        };
        if let Some(count) = count {
            tracing::error!(error = %self, count, "the database can't be read");
        }
    }
}

/// Several error types of redb lead to the same word to the caller.
macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for ReadError {
            fn from(error: $error) -> Self {
                Self::Storage(Box::new(error.into()))
            }
        }

        impl<E> From<$error> for Stop<E> {
            fn from(error: $error) -> Self {
                Self::Broken(error.into())
            }
        })*
    };
}

from_redb!(
    redb::Error,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError,
    redb::CompactionError,
    DatabaseError
);

/// Why a write inside a transaction ends early.
#[derive(Debug)]
pub(super) enum Stop<E> {
    /// It is refused and has written nothing; the others of its group go on.
    Refused(E),
    /// The disk fails, and the group with it.
    Broken(ReadError),
}

impl<E> From<ReadError> for Stop<E> {
    fn from(error: ReadError) -> Self {
        Self::Broken(error)
    }
}

/// Why a group of writes wasn't committed. None of them is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitError {
    /// This group met the failure.
    #[error("the database can't be written ({0}); nothing was changed")]
    Failed(String),
    /// An earlier group met one a moment ago, or the store is closing.
    #[error("the database can't be written since a moment ago; nothing was changed")]
    Stopped,
    /// A step of a flow asks for it that is done already.
    #[error("this step of the flow is done already; nothing was changed")]
    StepDone,
}

/// Why one write isn't done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failed<E> {
    /// It is refused; nothing was changed.
    #[error(transparent)]
    Refused(E),
    /// Nothing can be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Failed<Infallible> {
    /// Of a write that is never refused.
    pub fn into_commit_error(self) -> CommitError {
        match self {
            Self::Refused(never) => match never {},
            Self::Commit(error) => error,
        }
    }
}
