//! The runs of all flows: which are at work, and what else there is to do for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};

use super::one::One;
use super::parts::{Key, PAUSE, Parts};
use super::time::Times;
use crate::bounds::MAX_RUNS_AT_WORK;
use crate::clock::Clock;
use crate::control::{FlowWork, FlowsDue, Organizations, Refused, Shares};
use crate::dial::{Client, Reach};
use crate::id::{FlowNumber, OrganizationId, Timestamp, UserId};
use crate::store::FlowOff;
use crate::voice::Peer;

/// How often it is looked whether the clock was set back, and by how much it has to be.
const LOOK: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Does the runs of all organizations.
#[derive(Debug)]
pub struct Runner<P> {
    organizations: Organizations<P>,
    work: FlowWork,
    clock: Clock,
    /// The latest time that the clock showed since it was set back.
    latest: Timestamp,
    parts: Arc<Parts>,
    times: Times,
    /// The runs that are at work.
    running: HashMap<Key, Running>,
    tasks: JoinSet<()>,
    keys: HashMap<Id, Key>,
    /// What is done besides.
    others: JoinSet<()>,
}

/// A run that is at work.
#[derive(Debug)]
struct Running {
    /// Somebody asks something of it, or another run has ended.
    news: Arc<Notify>,
}

impl<P: Peer> Runner<P> {
    /// Asks other people's servers by `client`, as far as `reach` goes.
    pub fn new(organizations: Organizations<P>, client: Client, reach: Reach) -> Self {
        let (work, clock) =
            (organizations.first().flow_work().clone(), organizations.first().clock().clone());
        let parts = Arc::new(Parts::new(client, reach, Shares::new(MAX_RUNS_AT_WORK.0, MAX_RUNS_AT_WORK.1)));
        Self {
            organizations,
            work,
            latest: clock.wall(),
            clock,
            parts,
            times: Times::default(),
            running: HashMap::new(),
            tasks: JoinSet::new(),
            keys: HashMap::new(),
            others: JoinSet::new(),
        }
    }

    /// Does runs until it is told to stop. What is under way then goes on when the server is back.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        self.begin();
        self.read_times();
        loop {
            self.look_at_clock();
            let (clock, next, other) = (self.clock.clone(), self.times.next(), self.clock.clone());
            let due = async move {
                match next {
                    Some(next) => clock.until_wall(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut stopped => break,
                due = self.work.next() => self.do_due(due),
                () = due => self.begin_due(),
                () = other.sleep(LOOK) => (),
                Some(ended) = self.tasks.join_next_with_id() => {
                    let id = match ended {
                        Ok((id, ())) => id,
                        Err(error) => {
                            tracing::error!(%error, "a run of a flow ended early");
                            error.id()
                        }
                    };
                    self.end(id);
                }
                Some(_) = self.others.join_next() => (),
            }
        }
        self.tasks.shutdown().await;
        self.others.shutdown().await;
    }

    /// Has all runs done that haven't ended.
    fn begin(&mut self) {
        match self.organizations.first().accounts().all_runs_at_work() {
            Ok(all) => all.into_iter().for_each(|run| self.wake((run.user, run.run))),
            Err(error) => tracing::error!(%error, "runs of flows that waited before the start can't be read"),
        }
    }

    fn read_times(&mut self) {
        if let Err(error) = self.times.read(self.organizations.first().accounts(), &self.parts) {
            tracing::error!(%error, "schedules of flows can't be read");
        }
    }

    /// Where the clock was set back, what was due next is far away, and is looked for anew.
    fn look_at_clock(&mut self) {
        let now = self.clock.wall();
        if now.plus(HOUR) < self.latest {
            self.latest = now;
            self.read_times();
        }
        self.latest = self.latest.max(now);
    }

    fn begin_due(&mut self) {
        for (user, due) in self.times.take(self.clock.wall()) {
            let (organizations, work) = (self.organizations.clone(), self.work.clone());
            self.others.spawn(async move {
                let queued = match organizations.numbered(OrganizationId::of(user.0)).await {
                    Ok(handle) => due.queue(handle.accounts()).await.map_err(Refused::from),
                    Err(error) => Err(error),
                };
                match queued {
                    Ok(()) => work.note_queued(user),
                    Err(Refused::NoSuchOrganization | Refused::Stopping) => (),
                    // It isn't seen to, so it is come upon where it is looked anew what is due.
                    Err(error) => {
                        tracing::warn!(%error, %user, "a flow whose time has come can't be begun yet");
                        tokio::time::sleep(PAUSE).await;
                        work.note_changed();
                    }
                }
            });
        }
    }

    fn do_due(&mut self, due: FlowsDue) {
        let FlowsDue { queued, asked, not_let_in, changed } = due;
        if changed {
            self.read_times();
            // One whose flow is there no more ends.
            self.running.values().for_each(|running| running.news.notify_one());
        }
        for key in asked {
            if let Some(running) = self.running.get(&key) {
                running.news.notify_one();
            }
        }
        for user in queued {
            match self.organizations.first().accounts().runs_at_work_of(user) {
                Ok(all) => all.into_iter().for_each(|run| self.wake((run.user, run.run))),
                Err(error) => {
                    tracing::warn!(%error, %user, "runs of flows that are queued can't be read");
                    let work = self.work.clone();
                    self.others.spawn(async move {
                        tokio::time::sleep(PAUSE).await;
                        work.note_queued(user);
                    });
                }
            }
        }
        for (user, flow) in not_let_in {
            self.turn_off(user, flow);
        }
    }

    fn turn_off(&mut self, user: UserId, flow: FlowNumber) {
        let organizations = self.organizations.clone();
        self.others.spawn(async move {
            let turned = match organizations.numbered(OrganizationId::of(user.0)).await {
                Ok(handle) => handle.turn_flow_off(user, flow, FlowOff::NotLetIn).await,
                Err(error) => Err(error),
            };
            // The next event comes upon it again.
            if let Err(error) = turned {
                tracing::warn!(%error, "a flow whose owner isn't let in can't be turned off");
            }
        });
    }

    /// Has a run done, unless it is being done.
    fn wake(&mut self, key: Key) {
        if self.running.contains_key(&key) {
            return;
        }
        let news = Arc::new(Notify::new());
        let one = One {
            organizations: self.organizations.clone(),
            parts: Arc::clone(&self.parts),
            key,
            news: Arc::clone(&news),
        };
        self.running.insert(key, Running { news });
        let task = self.tasks.spawn(async move { one.run().await });
        self.keys.insert(task.id(), key);
    }

    fn end(&mut self, task: Id) {
        let Some(key) = self.keys.remove(&task) else { return };
        self.running.remove(&key);
        // One of the same flow may wait for this, and one may have been queued by its end.
        for (other, running) in &self.running {
            if other.0 == key.0 {
                running.news.notify_one();
            }
        }
        self.work.note_queued(key.0);
    }
}
