//! How long and how large a recording is.

use std::time::Duration;

use crate::cli::operate::now;
use crate::client::Recording;

/// How long it is, or has been running.
pub(super) fn length(recording: &Recording) -> Duration {
    recording.ended.unwrap_or_else(now).since(recording.started)
}

/// The bytes of all of its files.
pub(super) fn size(recording: &Recording) -> u64 {
    recording.files.iter().map(|file| file.bytes).sum()
}
