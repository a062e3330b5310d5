//! The requests, as they travel over the local socket: JSON inside the control protocol's `Administer`.

use serde::{Deserialize, Serialize};

use crate::id::Timestamp;

/// Rows of a page when nothing else is said.
const PAGE: usize = 100;

/// Something to be done to the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each says what it is for by its own type")]
pub enum Request {
    Audit(Audit),
    Database(Database),
}

/// Which page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Limit {
    /// Rows at most.
    #[arg(long, default_value_t = PAGE)]
    pub limit: usize,
    /// Begin after the row of this number: the last one of the page before.
    #[arg(long, value_name = "NUMBER")]
    pub after: Option<u64>,
}

/// A look at the audit trail that belongs to no organization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the command's, which documents them")]
pub struct Audit {
    pub user: Option<String>,
    pub verb: Option<crate::store::Verb>,
    pub subject: Option<crate::store::SubjectKind>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub before: Option<u64>,
    pub limit: usize,
}

/// The database itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the command's, which documents them")]
pub enum Database {
    Status,
    Stats,
    Verify,
    Backup {
        to: Option<std::path::PathBuf>,
    },
    Jobs {
        limit: usize,
    },
    Sweep,
    /// E-mails that wait.
    Outbox,
}
