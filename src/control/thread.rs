//! The control thread of an organization, from its start to its end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use thiserror::Error;
use tokio::sync::mpsc;

use super::batch::Last;
use super::command::Command;
use super::handle::Handle;
use super::live::Control;
use super::load;
use super::refused::Refused;
use super::settings::Settings;
use super::shared::Shared;
use crate::account::{self, Accounts};
use crate::clock::Clock;
use crate::id::OrganizationId;
use crate::protocol::CloseCode;
use crate::state::State;
use crate::store::write::{self, Deleted};
use crate::store::{By, ReadError, Store};
use crate::voice::Peer;

/// Requests that wait for the control thread at most; at the bound the answer is "busy".
const QUEUE: usize = 1_024;

/// Commands of one batch at most.
const BATCH: usize = 256;

/// Why control can't start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Accounts can't be served.
    #[error(transparent)]
    Accounts(#[from] account::StartError),
    /// A thread can't be started.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
}

/// The control thread; it ends by [`Handle::stop`].
#[derive(Debug)]
pub struct Thread(JoinHandle<()>);

impl Thread {
    /// Waits until the thread has ended and let go of the store.
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the control thread panicked");
        }
    }
}

/// A server whose control thread is gone would look alive and do nothing; it stops loudly instead.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// Starts the control thread on what the store holds of an organization. It goes by `clock`.
pub fn start<P: Peer>(
    store: Arc<Store>,
    organization: OrganizationId,
    settings: Settings,
    clock: Clock,
) -> Result<(Handle<P>, Thread), StartError> {
    let accounts = Accounts::start(Arc::clone(&store), organization, settings.accounts.clone(), clock)?;
    begin(store, accounts, settings)
}

/// Starts a control thread for those whose accounts these are.
pub(super) fn begin<P: Peer>(
    store: Arc<Store>,
    accounts: Accounts,
    settings: Settings,
) -> Result<(Handle<P>, Thread), StartError> {
    let (organization, now) = (accounts.organization(), accounts.clock().now());
    let state = State::new(load::stored(&store, organization, settings.server_limits())?, now);
    let (queue, commands) = mpsc::channel(QUEUE);
    let shared = Arc::new(Shared::new(store, accounts, settings));
    let handle = Handle { shared: Arc::clone(&shared), queue: Arc::new(queue) };
    let control = Control::new(state, shared);
    let thread = std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            let _guard = AbortOnPanic;
            control.run(commands);
        })
        .map_err(StartError::Thread)?;
    Ok((handle, Thread(thread)))
}

impl<P: Peer> Control<P> {
    /// Runs until it is told to stop, or nobody is left who could tell it anything.
    fn run(mut self, mut commands: mpsc::Receiver<Command<P>>) {
        self.begin_numbers();
        self.sweep_elements();
        self.read_hooks();
        self.read_flows();
        let mut batch = Vec::new();
        while commands.blocking_recv_many(&mut batch, BATCH) > 0 {
            match self.handle_batch(&mut batch) {
                Some(Last::Stop { reply }) => {
                    for (_, connection) in self.connections.iter_mut() {
                        connection.say_goodbye(CloseCode::ShuttingDown);
                    }
                    self.recorder.stop(self.shared.clock.wall());
                    self.write_last_for_hooks();
                    let _ = reply.send(());
                    return;
                }
                Some(Last::Delete { by, reply }) => {
                    let deleted = self.delete(by);
                    let ends = deleted.is_ok();
                    let _ = reply.send(deleted);
                    if ends {
                        return;
                    }
                }
                None => (),
            }
        }
    }

    /// Deletes the organization, and sends away whoever is in it.
    fn delete(&mut self, by: By) -> Result<Deleted, Refused> {
        let deleted = self.shared.store.run(by, write::delete_organization(self.shared.organization))?;
        // Whoever finds the queue closed learns why.
        self.shared.deleted.store(true, Ordering::Release);
        self.shared.plugins.stop.set();
        self.shared.table.store(Arc::default());
        self.shared.connected.store(0, Ordering::Relaxed);
        for connection in std::mem::take(&mut self.connections).into_values() {
            connection.send_away(CloseCode::OrganizationDeleted);
        }
        self.recorder.stop(self.shared.clock.wall());
        Ok(deleted)
    }
}
