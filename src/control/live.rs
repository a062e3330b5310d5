//! What is live in an organization, and belongs to its control thread alone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::attachment::Attachment;
use super::connections::Connections;
use super::flow_work::WatchedFlow;
use super::hook_sight::Owners;
use super::hook_work::Watched;
use super::newcomer::LetGo;
use super::past::Past;
use super::recorder::Recorder;
use super::refused::Refused;
use super::restrained::Restrained;
use super::routing::Routing;
use super::shared::{Keeper, Shared};
use crate::auth::AddressKey;
use crate::feed::{Doer, Feed};
use crate::id::{ChannelId, Way};
use crate::protocol::operation::Operation;
use crate::state::{Actor, Sights, Snapshots, State};
use crate::store::{Author, By};
use crate::voice::{Peer, SpeakerSelection};

/// Operations that end something of one's own, as often as it is there.
const CLOSING: [&str; 8] = [
    "log_out",
    "end_device",
    "end_other_devices",
    "remove_key",
    "revoke_api_key",
    "revoke_oauth_client",
    "revoke_oauth_grant",
    "remove_hook",
];

/// What the control thread owns.
pub(super) struct Control<P> {
    pub(super) state: State,
    pub(super) connections: Connections<P>,
    pub(super) shared: Arc<Shared<P>>,
    pub(super) last_attachment: u64,
    /// When it was looked last who may be idle, by monotonic time.
    pub(super) looked_idle: Option<Duration>,
    /// Those who came in and went without a word.
    pub(super) let_go: LetGo,
    /// Which speakers are passed on, in channels that pass on only so many at once.
    pub(super) selections: HashMap<ChannelId, Arc<SpeakerSelection>>,
    pub(super) recorder: Recorder,
    pub(super) routing: Routing<P>,
    /// Who is in whose sight, of those who are told of people by interest.
    pub(super) sights: Sights,
    pub(super) snapshots: Snapshots,
    /// What happened, for those who follow it.
    pub(super) feed: Feed,
    /// Numbers from this one on aren't reserved for it.
    pub(super) numbered_until: u64,
    /// What it saw last of what the feed isn't told of.
    pub(super) past: Past,
    /// What belongs to an event on disk, and is written in its transaction.
    pub(super) attached: Vec<Attachment>,
    /// The webhooks that are on, those of an account together.
    pub(super) hooks: Vec<Watched>,
    /// What is known of their owners.
    pub(super) owners: RefCell<Owners>,
    /// The flows that are on, by account.
    pub(super) flows: Vec<WatchedFlow>,
    pub(super) restrained: Restrained,
}

impl<P: Peer> Control<P> {
    pub(super) fn new(mut state: State, shared: Arc<Shared<P>>) -> Self {
        // There is no table yet.
        state.touch_everything();
        let feed = Feed::new(state.organization(), shared.clock.wall());
        Self {
            state,
            connections: Connections::default(),
            last_attachment: 0,
            looked_idle: None,
            let_go: LetGo::default(),
            selections: HashMap::new(),
            recorder: Recorder::new(shared.recordings.clone()),
            routing: Routing::default(),
            sights: Sights::default(),
            snapshots: Snapshots::default(),
            past: Past::new(&shared),
            shared,
            feed,
            numbered_until: u64::MAX,
            attached: Vec::new(),
            hooks: Vec::new(),
            owners: RefCell::default(),
            flows: Vec::new(),
            restrained: Restrained::default(),
        }
    }

    /// On whose behalf an actor's changes are written.
    pub(super) fn by(&self, actor: Actor) -> By {
        let at = self.shared.clock.wall();
        match actor {
            Actor::Operator => By::new(Author::Operator, None, at),
            Actor::Account { user, origin, .. } => {
                // Whoever shows a token of their own session does it themselves.
                let (way, session) = match origin.way {
                    Way::Session(session) => (None, Some(session)),
                    way => (Some(way), None),
                };
                By::new(Author::User(user), origin.address, at).by_way_of(way).in_session(session)
            }
            Actor::Session(session) => {
                let member = self.state.member(session);
                let author = member.and_then(|member| member.user).map_or(Author::Guest, Author::User);
                let way = member.and_then(|member| member.key).map(Way::Key);
                // Of guests, and of programs that are connected by a key, no session is kept.
                let kept = Some(session).filter(|_| way.is_none() && author != Author::Guest);
                By::new(author, self.connections.get(&session).map(|connection| connection.address), at)
                    .by_way_of(way)
                    .in_session(kept)
            }
        }
    }

    /// Counts what an actor asks for, if it changes something that is kept: rows of the audit trail are kept for long, and
    /// nobody is to fill the disk with them. The machine's owner isn't counted, nor is what closes a way into one's own
    /// account: that is always possible.
    pub(super) fn count_kept(&self, actor: Actor, operation: &Operation) -> Result<(), Refused> {
        if !operation.writes || CLOSING.contains(&operation.name) {
            return Ok(());
        }
        let by = self.by(actor);
        let keeper = match (by.author, by.from) {
            (Author::User(user), _) => Keeper::Account(user),
            (Author::Guest, Some(from)) => Keeper::Guests(AddressKey::of(from)),
            (Author::Guest | Author::Operator | Author::Server, _) => return Ok(()),
        };
        self.shared.kept.admit(keeper).map_err(Refused::RateLimited)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::operation::named;

    #[test]
    fn what_closes_a_way_into_an_account_is_an_operation_that_writes() {
        assert!(CLOSING.iter().all(|name| named(name).is_some_and(|operation| operation.writes)));
    }
}
