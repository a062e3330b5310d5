//! What both sides of the recordings have in common.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::ledger::Ledger;
use crate::id::RecordingId;

/// What the control thread's side and the writer share. The lock is never held while the disk works.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: PathBuf,
    pub(super) quota: u64,
    pub(super) ledger: Mutex<Ledger>,
    /// Told when a recording is complete.
    pub(super) changed: Condvar,
}

impl Shared {
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn directory_of(&self, id: RecordingId) -> PathBuf {
        self.directory.join(id.to_string())
    }
}
