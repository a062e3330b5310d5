//! Why a recording isn't done, and why one ends.

use std::io;

use thiserror::Error;

/// Recordings at once, at most.
pub const RUNNING: usize = 16;

/// Why something can't be done with a recording.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The quota is zero, or the server stops.
    #[error("recording is turned off on this server")]
    Off,
    /// There is no room for another one.
    #[error("recordings take all the room they may; remove some first")]
    Quota,
    /// So many run.
    #[error("{RUNNING} recordings run already, which is the most at once")]
    TooMany,
    /// There is none of that number.
    #[error("there is no such recording")]
    Unknown,
    /// It runs.
    #[error("the recording runs; stop it first")]
    Running,
    /// It has no file of that name.
    #[error("the recording has no such file")]
    File,
    /// The disk failed.
    #[error("the disk failed: {0}")]
    Disk(#[from] io::Error),
}

/// Why a recording ended that nobody stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndedBy {
    /// The quota was reached.
    Quota,
    /// The disk failed.
    Disk,
}
