//! The deliveries of all webhooks: which are at work, and what else there is to do for them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};

use super::delivery::{Delivery, Key, PAUSE, Parts};
use crate::bounds::MAX_HOOKS_UNDER_WAY;
use crate::control::{HookWork, HooksDue, Organizations, Refused, Shares};
use crate::dial::{Client, Reach};
use crate::id::OrganizationId;
use crate::store::HookOff;
use crate::voice::Peer;

/// How long messages gather before they are written: many that come together cost one transaction.
const GATHERING: Duration = Duration::from_millis(50);

/// Delivers the messages of all organizations.
#[derive(Debug)]
pub struct Deliverer<P> {
    organizations: Organizations<P>,
    work: HookWork,
    parts: Arc<Parts>,
    /// The webhooks at which something is done, each with what tells it that something is new.
    running: HashMap<Key, Running>,
    tasks: JoinSet<Key>,
    /// What is written.
    writing: JoinSet<()>,
    /// Organizations whose messages gather, to be written together.
    gathering: Arc<Mutex<HashSet<OrganizationId>>>,
}

/// A webhook at which something is done.
#[derive(Debug)]
struct Running {
    news: Arc<Notify>,
    /// Something was new since its task looked last, perhaps.
    again: bool,
    /// Its task.
    task: Id,
}

impl<P: Peer> Deliverer<P> {
    /// Delivers by `client`, as far as `reach` goes. `draw` draws a number at random.
    pub fn new(organizations: Organizations<P>, client: Client, reach: Reach, draw: fn() -> u64) -> Self {
        let work = organizations.first().hook_work().clone();
        let shares = Shares::new(MAX_HOOKS_UNDER_WAY.0, MAX_HOOKS_UNDER_WAY.1);
        let parts = Arc::new(Parts { client, reach, draw, shares });
        let (running, tasks, writing) = (HashMap::new(), JoinSet::new(), JoinSet::new());
        Self { organizations, work, parts, running, tasks, writing, gathering: Arc::default() }
    }

    /// Has the receivers told that the server begins anew, before anything happens in it.
    pub async fn begin(self) -> Self {
        if let Err(error) = self.organizations.first().begin_hooks().await {
            tracing::error!(%error, "messages to webhooks that waited before the start wait for the next one");
        }
        self
    }

    /// Delivers until it is told to stop. Nothing is under way when it answers.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => break,
                due = self.work.next() => self.do_due(due),
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(key) => self.end(key),
                    Err(error) => {
                        tracing::error!(%error, "a webhook's deliveries ended early; they go on with the next message");
                        self.running.retain(|_, running| running.task != error.id());
                    }
                },
                Some(_) = self.writing.join_next() => (),
            }
        }
        self.tasks.shutdown().await;
        self.writing.shutdown().await;
    }

    fn do_due(&mut self, due: HooksDue) {
        let HooksDue { changed, unwritten, not_let_in } = due;
        for organization in unwritten {
            self.write(organization);
        }
        self.turn_off(not_let_in);
        for key in changed {
            self.wake(key);
        }
    }

    /// Has the messages written that wait for it, together with those that come in a moment. Where that fails, it is tried again.
    fn write(&mut self, organization: OrganizationId) {
        if !self.gathering.lock().unwrap_or_else(PoisonError::into_inner).insert(organization) {
            return;
        }
        let (organizations, work) = (self.organizations.clone(), self.work.clone());
        let gathering = Arc::clone(&self.gathering);
        self.writing.spawn(async move {
            tokio::time::sleep(GATHERING).await;
            // What comes from now on may come too late for this time.
            gathering.lock().unwrap_or_else(PoisonError::into_inner).remove(&organization);
            let written = match organizations.numbered(organization).await {
                Ok(handle) => handle.write_hook_messages().await,
                Err(error) => Err(error),
            };
            match written {
                // Where there is no organization any more, there is nobody to be told.
                Ok(()) | Err(Refused::NoSuchOrganization | Refused::Stopping) => (),
                Err(error) => {
                    tracing::warn!(%error, "messages to webhooks wait to be written");
                    tokio::time::sleep(PAUSE).await;
                    work.note_unwritten(organization);
                }
            }
        });
    }

    fn turn_off(&mut self, hooks: HashSet<Key>) {
        for (user, hook) in hooks {
            let organizations = self.organizations.clone();
            self.writing.spawn(async move {
                let turned = match organizations.numbered(OrganizationId::of(user.0)).await {
                    Ok(handle) => handle.turn_hook_off(user, hook, HookOff::NotLetIn).await,
                    Err(error) => Err(error),
                };
                // The next event comes upon it again.
                if let Err(error) = turned {
                    tracing::warn!(%error, "a webhook whose owner isn't let in can't be turned off");
                }
            });
        }
    }

    /// Has a webhook's messages delivered, or its task look again at what there is.
    fn wake(&mut self, key: Key) {
        if let Some(running) = self.running.get_mut(&key) {
            running.again = true;
            running.news.notify_one();
            return;
        }
        let news = Arc::new(Notify::new());
        let delivery = Delivery {
            organizations: self.organizations.clone(),
            parts: Arc::clone(&self.parts),
            key,
            news: Arc::clone(&news),
        };
        let task = self.tasks.spawn(async move {
            delivery.run().await;
            key
        });
        self.running.insert(key, Running { news, again: false, task: task.id() });
    }

    fn end(&mut self, key: Key) {
        // What came when the task had looked for the last time.
        if self.running.remove(&key).is_some_and(|running| running.again) {
            self.wake(key);
        }
    }
}
