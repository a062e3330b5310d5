//! Runs of maintenance, kept so that a person can see what happened and when.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use super::ledger::SERVER;
use crate::id::{JobId, Timestamp};

/// What is done.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum JobKind {
    /// A copy of the file is made.
    Backup = 1,
    /// What has expired is removed.
    Sweep = 2,
    /// Everything is checked.
    Verify = 3,
    /// The file is made as small as it can be.
    Compact = 4,
    /// The file is brought to this version's form.
    Migrate = 5,
}

/// How far it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum JobState {
    /// It waits.
    Queued = 1,
    /// It is under way.
    Running = 2,
    /// It ended well.
    Done = 3,
    /// It ended with an error.
    Failed = 4,
    /// What it did was taken back.
    RolledBack = 5,
}

/// A run of maintenance.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Job {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: JobId,
    /// What is done.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// 0 to 100.
    pub progress: u8,
    /// What was done so far, in words.
    pub steps: Vec<String>,
    /// When it began.
    #[rkyv(with = As<u64>)]
    pub started: Timestamp,
    /// When it ended.
    #[rkyv(with = Map<As<u64>>)]
    pub finished: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
}

stored! {
    Job, 1, "Job/1(id, kind, state, progress, steps, started, finished, error)";
    key: u64 = |j| j.id.0;
    of: Nothing, |j| (SERVER, j.id.0);
}
