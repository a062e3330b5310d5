//! What can go wrong, by operation.

use std::io;
use std::path::{Path, PathBuf};

use redb::DatabaseError;
use thiserror::Error;

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
    /// Another process has it open.
    #[error("another Parlour has {} open; stop it first, or choose another place with --data-dir", .0.display())]
    InUse(PathBuf),
    /// It was written by a later version.
    #[error("{} was written by a newer Parlour (schema {found}; this one knows {known}): run that version, or restore a backup of before", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// It isn't a Parlour database, or is damaged.
    #[error("{} is not a sound Parlour database ({problem}): restore it from a backup, or move it away to start anew", path.display())]
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
}

/// Why a row can't be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The disk or the file's structure fails.
    #[error("the database can't be read: {0}")]
    Storage(#[from] redb::Error),
    /// A row's bytes are not what its table holds.
    #[error("a row of {table} is damaged; `verify` names it")]
    Row {
        /// The table.
        table: &'static str,
    },
    /// The one organization is missing.
    #[error("the database has no organization; restore it from a backup")]
    NoOrganization,
}

/// Several error types of redb lead to the same word to the caller.
macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for ReadError {
            fn from(error: $error) -> Self {
                Self::Storage(error.into())
            }
        })*
    };
}

from_redb!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError,
    DatabaseError
);

/// Why a group of writes wasn't committed. None of them is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitError {
    /// This group met the failure.
    #[error(
        "the database can't be written ({0}), so nothing is changed any more; mend the cause and start the server again"
    )]
    Failed(String),
    /// An earlier group met one, or the store is closing.
    #[error(
        "the database can't be written since an earlier failure; mend its cause and start the server again"
    )]
    Stopped,
}

/// Why one write was not done, while others of its group may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    /// Another row has the name, or the token's hash.
    #[error("the name is taken")]
    Taken,
    /// The user doesn't exist.
    #[error("there is no such user")]
    NoSuchUser,
    /// The user is disabled.
    #[error("the account is disabled")]
    UserDisabled,
    /// The role doesn't exist.
    #[error("there is no such role")]
    NoSuchRole,
    /// The channel, or its parent, doesn't exist.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// The claim code is wrong, used or expired.
    #[error("the claim code is wrong, used or expired")]
    ClaimInvalid,
}
