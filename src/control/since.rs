//! Since when somebody may know what they may know now, as far as no change says it. Accounts are made, second factors put in
//! force, and bans lifted by use cases of `account`; grants and bans end by themselves.

use super::live::Control;
use super::refused::Refused;
use crate::feed::Opened;
use crate::id::{Timestamp, UserId};
use crate::state::{Actor, Event, Member, Stored};
use crate::voice::Peer;

impl<P: Peer> Control<P> {
    /// Notes who may know more by what the control thread isn't told of.
    pub(super) fn note_opened(&mut self) {
        let (kept_out, now) = (self.shared.accounts.kept_out(), self.shared.clock.now());
        for opened in self.past.opened(kept_out, now) {
            self.feed.open(opened);
        }
    }

    /// The state is what the store holds from now on. Answers with what others are to be told.
    pub(super) fn take_anew(&mut self, stored: Stored) -> Vec<Event> {
        let before = self.state.clone();
        let events = self.state.refresh(stored);
        for opened in Opened::between(&before, &self.state) {
            self.feed.open(opened);
        }
        events
    }

    /// The time before which a viewer may not have known what they may know now, by what is kept of their account: when it was
    /// made and its second factor put in force, and when its grants and bans ended.
    pub(super) fn not_before(&self, actor: Actor, viewer: &Member) -> Result<Timestamp, Refused> {
        // Whoever has no account was nobody before they came.
        let Some(user) = viewer.user else { return Ok(Timestamp(u64::MAX)) };
        let address = match actor {
            Actor::Account { origin, .. } => origin.address,
            Actor::Session(session) => self.connections.get(&session).map(|connection| connection.address),
            Actor::Operator => None,
        };
        let banned = self.past.kept_out.last_end(user, address, self.shared.clock.now());
        Ok(banned.max(self.last_change(user)?))
    }

    fn last_change(&self, user: UserId) -> Result<Timestamp, Refused> {
        let (store, now) = (&self.shared.store, self.shared.clock.wall());
        let factor = store.second_factor(user)?.and_then(|factor| factor.confirmed);
        let Some(user) = store.user(user)? else { return Ok(now) };
        let ended = user.grants.iter().filter_map(|grant| grant.expires).filter(|end| *end <= now);
        let began = factor.into_iter().chain([user.created]).map(|began| began.min(now));
        Ok(ended.chain(began).max().unwrap_or_default())
    }
}
