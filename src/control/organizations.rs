//! The organizations of a server: each has a control thread, a live state and a forwarding table of its own, from when
//! somebody first comes to it. They share the store, the clock, the pool that hashes passwords, the keys of tokens and
//! what is known of addresses that guess.
//!
//! A look-up takes no lock, and whoever is connected keeps their organization's [`Handle`], so a packet looks nothing up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::task::JoinHandle;

use super::command::Command;
use super::handle::Handle;
use super::refused::Refused;
use super::settings::Settings;
use super::thread::{StartError, Thread, begin};
use crate::account::Accounts;
use crate::admin;
use crate::clock::Clock;
use crate::id::OrganizationId;
use crate::name::folded;
use crate::store::{By, Organization, Store, write};
use crate::voice::Peer;

/// All organizations. Cheap to clone.
#[derive(Debug)]
pub struct Organizations<P>(Arc<Inner<P>>);

impl<P> Clone for Organizations<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// An organization as an address names it, and as people do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its tag; empty for the first one, whose addresses have none.
    pub tag: String,
    /// Its name.
    pub name: String,
}

#[derive(Debug)]
struct Inner<P> {
    /// The one that whoever names none means.
    first: Handle<P>,
    /// Those that somebody came to, by their folded tags.
    served: ArcSwap<HashMap<String, Handle<P>>>,
    /// Held by whoever starts or ends one: each is started once. `true` once the server stops.
    changing: tokio::sync::Mutex<bool>,
    running: Mutex<HashMap<OrganizationId, Running>>,
    /// Where what time brings to each is waited for, whichever thread somebody comes by.
    runtime: tokio::runtime::Handle,
}

/// What ends with an organization.
#[derive(Debug)]
struct Running {
    thread: Thread,
    /// What waits for the time, and tells plugins what happens.
    time: Option<JoinHandle<((), ())>>,
}

impl<P: Peer> Organizations<P> {
    /// Starts the first organization of a store; the others wait for somebody to come. Must be called in a runtime of
    /// tokio, in which it waits for what time brings.
    pub fn start(store: Arc<Store>, settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let home = store.organization(OrganizationId::FIRST)?;
        admin::end_jobs(&store, clock.wall())?;
        let accounts =
            Accounts::start(Arc::clone(&store), OrganizationId::FIRST, settings.accounts.clone(), clock)?;
        let (first, thread) = begin(store, accounts, settings)?;
        let all = Self(Arc::new(Inner {
            served: ArcSwap::from_pointee(
                home.map(|home| (folded(&home.tag), first.clone())).into_iter().collect(),
            ),
            first: first.clone(),
            changing: tokio::sync::Mutex::new(false),
            running: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        }));
        all.enroll(&first, thread);
        Ok(all)
    }

    /// The one that whoever names none means.
    pub fn first(&self) -> &Handle<P> {
        &self.0.first
    }

    /// The organization of a tag, in whatever case; the first one of an empty tag. One to which nobody came yet is
    /// started.
    pub async fn find(&self, tag: &str) -> Result<Handle<P>, Refused> {
        if tag.is_empty() {
            return Ok(self.0.first.clone());
        }
        let tag = folded(tag);
        if let Some(handle) = self.0.served.load().get(&tag) {
            return Ok(handle.clone());
        }
        let row = self.0.first.shared.store.organization_by_tag(&tag)?.ok_or(Refused::NoSuchOrganization)?;
        self.open(row).await
    }

    /// An organization by its number. One to which nobody came yet is started.
    pub async fn numbered(&self, id: OrganizationId) -> Result<Handle<P>, Refused> {
        if id == OrganizationId::FIRST {
            return Ok(self.0.first.clone());
        }
        let row = self.0.first.shared.store.organization(id)?.ok_or(Refused::NoSuchOrganization)?;
        let served = self.0.served.load().get(&folded(&row.tag)).cloned();
        match served {
            Some(handle) => Ok(handle),
            None => self.open(row).await,
        }
    }

    /// Where an organization is found, and what it is called, without being started for that. `None` where there is none
    /// of that tag.
    pub fn site(&self, tag: &str) -> Result<Option<Site>, Refused> {
        let row = match tag {
            "" => None,
            tag => match self.0.first.shared.store.organization_by_tag(&folded(tag))? {
                Some(row) => Some(row).filter(|row| row.id != OrganizationId::FIRST),
                None => return Ok(None),
            },
        };
        Ok(Some(match row {
            Some(row) => Site { tag: row.tag, name: row.name },
            None => Site { tag: String::new(), name: self.0.first.shared.accounts.name() },
        }))
    }

    /// Those to which somebody came since the server started, in order of creation: no more than there are.
    pub fn served(&self) -> Vec<Handle<P>> {
        let mut all: Vec<_> = self.0.served.load().values().cloned().collect();
        all.sort_by_key(|handle| handle.shared.organization);
        all
    }

    /// Those to which somebody came since the server started, with their tags, in order of creation. The first one, whose
    /// addresses have none, has an empty one.
    pub fn in_use(&self) -> Vec<(String, Handle<P>)> {
        let served = self.0.served.load();
        let tag = |tag: &str, handle: &Handle<P>| match handle.shared.organization {
            OrganizationId::FIRST => String::new(),
            _ => tag.to_owned(),
        };
        let mut all: Vec<_> = served.iter().map(|(key, handle)| (tag(key, handle), handle.clone())).collect();
        all.sort_by_key(|(_, handle)| handle.shared.organization);
        all
    }

    /// Sessions connected now, in all of them.
    pub fn connected(&self) -> u64 {
        self.0.served.load().values().map(|handle| u64::from(handle.connected())).sum()
    }

    /// Starts an organization, unless somebody else just did.
    async fn open(&self, row: Organization) -> Result<Handle<P>, Refused> {
        let changing = self.0.changing.lock().await;
        if *changing {
            return Err(Refused::Stopping);
        }
        let tag = folded(&row.tag);
        if let Some(handle) = self.0.served.load().get(&tag) {
            return Ok(handle.clone());
        }
        let first = self.0.first.clone();
        // It reads a whole tree of channels, which mustn't hold up the voice of a shard.
        let started = tokio::task::spawn_blocking(move || first.begin_beside(&row));
        let (handle, thread) =
            started.await.map_err(|_| Refused::Internal)?.map_err(|error| match error {
                StartError::Read(crate::store::ReadError::NoOrganization) => Refused::NoSuchOrganization,
                error => {
                    tracing::error!(%error, "an organization can't be started");
                    Refused::Internal
                }
            })?;
        self.enroll(&handle, thread);
        let mut served = HashMap::clone(&self.0.served.load());
        served.insert(tag, handle.clone());
        self.0.served.store(Arc::new(served));
        Ok(handle)
    }

    fn enroll(&self, handle: &Handle<P>, thread: Thread) {
        handle.shared.plugins.run_on(&self.0.runtime);
        let keeper = handle.clone();
        let time =
            self.0.runtime.spawn(async move { tokio::join!(keeper.keep_time(), keeper.tell_plugins()) });
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(handle.shared.organization, Running { thread, time: Some(time) });
    }

    fn take(&self, organization: OrganizationId) -> Option<Running> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&organization)
    }

    /// Tells everybody in every organization that the server stops, and refuses what comes after.
    pub async fn stop(&self) {
        *self.0.changing.lock().await = true;
        let mut stopping = tokio::task::JoinSet::new();
        for handle in self.served() {
            stopping.spawn(async move { handle.stop().await });
        }
        stopping.join_all().await;
        let times: Vec<_> = {
            let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.values_mut().filter_map(|running| running.time.take()).collect()
        };
        for time in times {
            end(time).await;
        }
        if let Some(recordings) = self.0.first.shared.recordings.clone() {
            let now = self.0.first.shared.clock.wall();
            // Waits until the files are whole, for moments.
            let _ = tokio::task::spawn_blocking(move || recordings.close(now)).await;
        }
    }

    /// Waits until all threads have ended and let go of the store, once they were stopped.
    pub fn join(self) {
        let running = std::mem::take(&mut *self.0.running.lock().unwrap_or_else(PoisonError::into_inner));
        for Running { thread, .. } in running.into_values() {
            thread.join();
        }
    }

    /// Deletes an organization with everything in it. Whoever is there is told so, and their connections end; the
    /// others go on.
    pub(super) async fn delete(&self, row: &Organization, by: By) -> Result<write::Deleted, Refused> {
        let changing = self.0.changing.lock().await;
        if *changing {
            return Err(Refused::Stopping);
        }
        let tag = folded(&row.tag);
        let served = self.0.served.load().get(&tag).cloned();
        let Some(handle) = served else {
            let store = &self.0.first.shared.store;
            let deleted = store.commit(by, write::delete_organization(row.id)).await?;
            self.remove_recordings(row.id).await;
            return Ok(deleted);
        };
        let (reply, answer) = tokio::sync::oneshot::channel();
        handle.enqueue(Command::Delete { by, reply })?;
        let deleted = answer.await.map_err(|_| Refused::Stopping)??;
        let mut left = HashMap::clone(&self.0.served.load());
        left.remove(&tag);
        self.0.served.store(Arc::new(left));
        if let Some(Running { thread, time }) = self.take(row.id) {
            if let Some(time) = time {
                end(time).await;
            }
            // It has answered, so this doesn't wait.
            thread.join();
        }
        handle.shared.plugins.end().await;
        self.remove_recordings(row.id).await;
        Ok(deleted)
    }

    /// What was recorded in an organization's channels goes with it.
    async fn remove_recordings(&self, organization: OrganizationId) {
        let Some(recordings) = self.0.first.shared.recordings.clone() else { return };
        let remove = move || {
            for about in recordings.list().into_iter().filter(|about| organization.has(about.channel)) {
                if let Err(error) = recordings.remove(about.id) {
                    tracing::error!(recording = %about.id, %error, "a recording outlives its organization");
                }
            }
        };
        let _ = tokio::task::spawn_blocking(remove).await;
    }
}

/// Ends a task, and with it what it holds of the store.
async fn end<T>(task: JoinHandle<T>) {
    task.abort();
    // That it was aborted is no news.
    let _ = task.await;
}

impl<P: Peer> Handle<P> {
    /// Starts another organization of the same server. Blocks while it is read.
    fn begin_beside(&self, row: &Organization) -> Result<(Self, Thread), StartError> {
        let accounts = self.shared.accounts.beside(row)?;
        begin(Arc::clone(&self.shared.store), accounts, self.shared.settings.clone())
    }
}
