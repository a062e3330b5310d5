//! What the control thread and all [`Handle`](super::Handle)s of an organization have together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, watch};

use super::alarm::Alarm;
use super::counts::Counts;
use super::hook_sight::Settled;
use super::hook_work::Unwritten;
use super::plugin_work::Plugins;
use super::rates::{Rates, RunRates};
use super::settings::Settings;
use super::turns::Turns;
use crate::account::Accounts;
use crate::auth::AddressKey;
use crate::clock::Clock;
use crate::id::{OrganizationId, Timestamp, UserId};
use crate::recording::Recordings;
use crate::store::Store;
use crate::voice::{self, ForwardTable};

/// Whose changes are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Keeper {
    /// An account, with its programs.
    Account(UserId),
    /// Guests of one address.
    Guests(AddressKey),
}

/// What every thread has of an organization that is served.
pub(super) struct Shared<P> {
    pub(super) organization: OrganizationId,
    pub(super) table: ArcSwap<ForwardTable<P>>,
    pub(super) store: Arc<Store>,
    pub(super) accounts: Accounts,
    pub(super) texts: Rates,
    pub(super) asked_by_key: Rates,
    /// What each account, and the guests of each address, change that is kept.
    pub(super) kept: Rates<Keeper>,
    pub(super) counts: Counts,
    pub(super) voice_counts: voice::Counts,
    pub(super) connected: AtomicU32,
    pub(super) alarm: watch::Sender<Alarm>,
    pub(super) recordings: Option<Recordings>,
    pub(super) settings: Settings,
    pub(super) started: Timestamp,
    pub(super) clock: Clock,
    /// Set when the organization is there no more.
    pub(super) deleted: AtomicBool,
    /// Who changes what the store alone has under a condition, one after the other.
    pub(super) conditional: Mutex<()>,
    /// Messages to webhooks that wait to be written.
    pub(super) unwritten: Unwritten,
    /// Which messages to webhooks needn't be judged again.
    pub(super) settled: Settled,
    /// How often flows run.
    pub(super) runs: RunRates,
    /// The plugins that are loaded, and the thread on which they are called.
    pub(super) plugins: Plugins,
    /// Whose turn it is to read what may be long.
    pub(super) reading: Turns,
}

impl<P> Shared<P> {
    /// What those have whose accounts these are, before anybody is connected.
    pub(super) fn new(store: Arc<Store>, accounts: Accounts, settings: Settings) -> Self {
        let (organization, clock) = (accounts.organization(), accounts.clock().clone());
        let runs = RunRates::new(&clock);
        Self {
            organization,
            table: ArcSwap::from_pointee(ForwardTable::default()),
            store,
            accounts,
            texts: Rates::new(settings.texts, clock.clone()),
            asked_by_key: Rates::new(settings.requests, clock.clone()),
            kept: Rates::daily(settings.changes, clock.clone()),
            counts: Counts::default(),
            voice_counts: voice::Counts::default(),
            connected: AtomicU32::new(0),
            alarm: watch::Sender::default(),
            recordings: settings.recordings.clone(),
            settings,
            started: clock.wall(),
            clock,
            deleted: AtomicBool::new(false),
            conditional: Mutex::new(()),
            reading: Turns::default(),
            unwritten: Unwritten::default(),
            settled: Settled::default(),
            runs,
            plugins: Plugins::default(),
        }
    }
}
