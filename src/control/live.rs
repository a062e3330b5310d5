//! What is live in an organization, and belongs to its control thread alone.

use std::collections::HashMap;
use std::sync::Arc;

use super::attachment::Attachment;
use super::connection::Connection;
use super::recorder::Recorder;
use super::restrained::Restrained;
use super::shared::Shared;
use crate::feed::{Doer, Feed};
use crate::id::{ChannelId, SessionId, Way};
use crate::state::{Actor, State};
use crate::store::{Author, By};
use crate::voice::{Peer, SpeakerSelection};

/// What the control thread owns.
pub(super) struct Control<P> {
    pub(super) state: State,
    pub(super) connections: HashMap<SessionId, Connection<P>>,
    pub(super) shared: Arc<Shared<P>>,
    pub(super) last_attachment: u64,
    /// Which speakers are passed on, in channels that pass on only so many at once.
    pub(super) selections: HashMap<ChannelId, Arc<SpeakerSelection>>,
    pub(super) recorder: Recorder,
    /// What happened, for those who follow it.
    pub(super) feed: Feed,
    /// What belongs to an event on disk, and is written in its transaction.
    pub(super) attached: Vec<Attachment>,
    pub(super) restrained: Restrained,
}

impl<P: Peer> Control<P> {
    pub(super) fn new(state: State, shared: Arc<Shared<P>>) -> Self {
        let feed = Feed::new(state.organization(), shared.clock.wall());
        Self {
            state,
            connections: HashMap::new(),
            last_attachment: 0,
            selections: HashMap::new(),
            recorder: Recorder::new(shared.recordings.clone()),
            shared,
            feed,
            attached: Vec::new(),
            restrained: Restrained::default(),
        }
    }

    /// On whose behalf an actor's changes are written.
    pub(super) fn by(&self, actor: Actor) -> By {
        let at = self.shared.clock.wall();
        match actor {
            Actor::Operator => By::new(Author::Operator, None, at),
            Actor::Account { user, origin, .. } => {
                By::new(Author::User(user), origin.address, at).by_way_of(Some(origin.way))
            }
            Actor::Session(session) => {
                let member = self.state.member(session);
                let author = member.and_then(|member| member.user).map_or(Author::Guest, Author::User);
                let way = member.and_then(|member| member.key).map(Way::Key);
                By::new(author, self.connections.get(&session).map(|connection| connection.address), at)
                    .by_way_of(way)
            }
        }
    }

    /// Who an actor is to those who read what it did.
    pub(super) fn doer(&self, actor: Actor) -> Doer {
        match actor {
            Actor::Operator => Doer::Operator,
            Actor::Account { user, origin, .. } => Doer::Account { user, way: origin.way },
            Actor::Session(session) => {
                let member = self.state.member(session);
                let (user, name) = member.map_or((None, String::new()), |one| (one.user, one.name.clone()));
                Doer::Member { session, user, name }
            }
        }
    }
}
