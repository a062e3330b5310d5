//! What the person who owns the machine does to the database: one function for every such request,
//! whether the server runs (the local socket brings the request to it) or the command has the database
//! to itself.

mod database;
mod request;

pub use database::{backup_is_due, end_jobs};
pub use request::{Audit, Database, Limit, Request};

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::clock::Clock;
use crate::name::NameError;
use crate::store::{BackupError, By, CommitError, Failed, ReadError, Store, Write};

/// What a request came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// A sentence for a person; may be empty where there are rows.
    pub text: String,
    /// What was found, or what is there now: an object each.
    pub rows: Vec<Value>,
}

impl Answer {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), rows: Vec::new() }
    }

    fn rows(rows: Vec<Value>) -> Self {
        Self { text: String::new(), rows }
    }

    fn row(text: impl Into<String>, row: Value) -> Self {
        Self { text: text.into(), rows: vec![row] }
    }
}

/// Why a request isn't done. Nothing was changed.
#[derive(Debug, Error)]
pub enum AdminError {
    /// It is refused, in the store's words.
    #[error("{0}")]
    Refused(String),
    /// There is nothing of that name.
    #[error("there is no {what} \"{name}\"; list them with `parlour {what} list`")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The database can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The database can't be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A backup can't be made.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

impl From<NameError> for AdminError {
    fn from(error: NameError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Where a request is done.
pub(crate) struct Desk<'a> {
    store: &'a Store,
    by: By,
    clock: &'a Clock,
    progress: &'a dyn Fn(&str, f64),
}

/// Does a request. Blocks; a backup or a check of a large database takes seconds. `progress` is told what
/// is being done, and how far it is, from 0 to 1. How long it takes is measured by `clock`.
pub fn run(
    store: &Store,
    by: By,
    clock: &Clock,
    request: Request,
    progress: &dyn Fn(&str, f64),
) -> Result<Answer, AdminError> {
    let desk = Desk { store, by, clock, progress };
    match request {
        Request::Audit(audit) => desk.audit(&audit),
        Request::Database(database) => desk.database(database),
    }
}

impl Desk<'_> {
    fn write<T, E>(&self, write: Write<T, E>) -> Result<T, AdminError>
    where
        T: Send + 'static,
        E: Display + Send + 'static,
    {
        self.store.run(self.by, write).map_err(|failed| match failed {
            Failed::Refused(error) => AdminError::Refused(error.to_string()),
            Failed::Commit(error) => error.into(),
        })
    }
}

/// A record as an object, without the fields that nobody should see.
fn shown(record: &impl Serialize, hidden: &[&str]) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        for name in hidden {
            object.remove(*name);
        }
    }
    value
}
