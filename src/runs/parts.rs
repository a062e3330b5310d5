//! What all runs have together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::account::{AccountError, Accounts};
use crate::bounds::MAX_FLOWS_OF_ORGANIZATION;
use crate::control::Shares;
use crate::dial::{Client, Reach};
use crate::flow::{Flow, Tally};
use crate::id::{FlowNumber, FlowRunId, UserId};
use crate::store;

/// How long it is waited after something that can't be done now, such as a write while the disk fails.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// A run: whose, and which.
pub(super) type Key = (UserId, FlowRunId);

/// A flow, by one of its versions.
type Version = (UserId, FlowNumber, u64);

/// What every run needs.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) client: Client,
    pub(super) reach: Reach,
    /// What may be at work.
    pub(super) shares: Shares,
    /// How often what triggers wait for happened lately.
    pub(super) tally: Mutex<Tally>,
    /// Flows that were read, so that a run doesn't read them at each step.
    read: Mutex<HashMap<Version, Arc<Flow>>>,
}

impl Parts {
    pub(super) fn new(client: Client, reach: Reach, shares: Shares) -> Self {
        let (tally, read) = (Mutex::default(), Mutex::default());
        Self { client, reach, shares, tally, read }
    }

    /// A flow by a version.
    pub(super) fn flow(
        &self,
        accounts: &Accounts,
        row: &store::Flow,
        version: u64,
    ) -> Result<Arc<Flow>, AccountError> {
        let key = (row.user, row.id, version);
        let lock = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flow) = lock().get(&key) {
            return Ok(Arc::clone(flow));
        }
        let flow = Arc::new(accounts.read_flow(row, version)?);
        let mut read = lock();
        if read.len() >= MAX_FLOWS_OF_ORGANIZATION {
            read.clear();
        }
        read.insert(key, Arc::clone(&flow));
        Ok(flow)
    }
}
