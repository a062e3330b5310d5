//! The requests, as they travel over the local socket: JSON inside the control protocol's `Administer`.

use serde::{Deserialize, Serialize};

use crate::id::{SessionId, Timestamp};

/// Rows of a page when nothing else is said.
const PAGE: usize = 100;

/// Something to be done to the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs, reason = "each says what it is for by its own type")]
pub enum Request {
    User { organization: Option<String>, user: User },
    Session { organization: Option<String>, session: Session },
    Audit(Audit),
    Database(Database),
}

impl Request {
    /// Whether those who are connected may be affected.
    pub fn changes_what_is_live(&self) -> bool {
        match self {
            Self::User { user, .. } => !matches!(user, User::List { .. } | User::Show { .. }),
            Self::Session { session, .. } => !matches!(session, Session::List { .. }),
            Self::Audit(_) | Self::Database(_) => false,
        }
    }
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

/// Accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields are the command's, which documents them")]
pub enum User {
    List(Limit),
    Show { name: String },
    Create { name: String, email: Option<String>, password: Option<String>, role: String },
    Edit { name: String, rename: Option<String>, email: Option<String>, password: Option<String> },
    Disable { name: String, disabled: bool },
    Delete { name: String },
    Grant { name: String, role: String, until: Option<Timestamp> },
    Revoke { name: String, role: String },
}

/// Sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields are the command's, which documents them")]
pub enum Session {
    List { user: String, limit: Limit },
    End { user: String, session: SessionId },
    EndAll { user: String },
}

/// A look at the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields are the command's, which documents them")]
pub struct Audit {
    pub organization: Option<String>,
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
#[allow(missing_docs, reason = "the fields are the command's, which documents them")]
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
    /// Letters that wait.
    Outbox,
}
