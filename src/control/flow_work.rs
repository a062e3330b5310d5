//! What waits to be done for flows: runs that are queued, and what whoever does them has to look at.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::flow::On;
use crate::id::{FlowNumber, FlowRunId, UserId};

/// A flow that is on, and what begins it of what happens.
#[derive(Debug)]
pub(super) struct WatchedFlow {
    pub(super) user: UserId,
    pub(super) flow: FlowNumber,
    pub(super) version: u64,
    /// The triggers that an event may begin it by, with their names.
    pub(super) triggers: Vec<(String, On)>,
}

/// What there is to do for flows, of all organizations: told by whoever comes upon it, and done by whoever does the runs. Cheap to
/// clone.
#[derive(Clone, Debug, Default)]
pub struct FlowWork(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    due: Mutex<FlowsDue>,
    told: Notify,
}

/// What there is to do.
#[derive(Debug, Default)]
pub struct FlowsDue {
    /// Accounts that have runs that may have to be begun.
    pub queued: HashSet<UserId>,
    /// Runs of which somebody asks something, or that are there no more.
    pub asked: HashSet<(UserId, FlowRunId)>,
    /// Flows whose owners aren't let in.
    pub not_let_in: HashSet<(UserId, FlowNumber)>,
    /// Which flows are on, or what they say, is different.
    pub changed: bool,
}

impl FlowWork {
    /// Waits until there is something to do, and answers with it.
    pub async fn next(&self) -> FlowsDue {
        loop {
            let due = std::mem::take(&mut *self.lock());
            let is_nothing = due.queued.is_empty() && due.asked.is_empty() && due.not_let_in.is_empty();
            if !is_nothing || due.changed {
                return due;
            }
            self.0.told.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, FlowsDue> {
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut FlowsDue)) {
        note(&mut self.lock());
        self.0.told.notify_one();
    }

    /// Which flows are on, or what is due of them, is to be looked at anew.
    pub fn note_changed(&self) {
        self.note(|due| due.changed = true);
    }

    /// An account has runs that may have to be begun.
    pub fn note_queued(&self, user: UserId) {
        self.note(|due| {
            due.queued.insert(user);
        });
    }
}
