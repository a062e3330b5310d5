//! What control is told at start.

use super::flow_work::FlowWork;
use super::hook_work::HookWork;
use crate::account;
use crate::bounds::EntryPolicy;
use crate::dial::{Client, Reach};
use crate::id::Fingerprint;
use crate::recording::Recordings;

/// What control is told at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How accounts are dealt with, and what the server is called.
    pub accounts: account::Settings,
    /// Sessions at most.
    pub max_sessions: usize,
    /// What an account changes that is kept: at once, and a day.
    pub changes: u32,
    /// Messages to one channel: a second, and at once.
    pub texts: (u32, u32),
    /// Requests by one API key without a session: a second, and at once.
    pub requests: (u32, u32),
    /// The server's identity, for its status.
    pub fingerprint: Fingerprint,
    /// Where recordings go; nowhere when the server doesn't record.
    pub recordings: Option<Recordings>,
    /// What is listened on, for its status.
    pub addresses: Vec<String>,
    /// Where webhooks and plugins may lead.
    pub reach: Reach,
    /// By what plugins ask hosts on the network.
    pub client: Client,
    /// Where it is told what there is to do for webhooks.
    pub hook_work: HookWork,
    /// Where it is told what there is to do for flows.
    pub flow_work: FlowWork,
}

impl Settings {
    /// Sessions of the server at most, and who comes in where nothing else is said of an organization.
    pub(super) fn server_limits(&self) -> (usize, EntryPolicy) {
        (self.max_sessions, self.accounts.entry)
    }
}
