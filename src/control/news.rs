//! The feed of the organization: what happened is numbered before its transaction and published after it.

use std::cell::RefCell;
use std::collections::HashSet;

use tokio::sync::oneshot;

use super::attachment::Attachment;
use super::command::Command;
use super::handle::Handle;
use super::live::Control;
use super::refused::Refused;
use crate::account::Changed;
use crate::feed::{Doer, Event, Filter, Happened, SubscribeError, Subscription, withheld};
use crate::id::Timestamp;
use crate::permission::Permissions;
use crate::protocol::ErrorCode;
use crate::state::{Actor, Change, Denied, Member, State};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Follows what happens, as far as `actor` may know of it at the moment at which it happens: from the event of a
    /// number on, or from now on. What was missed is told as far as they may know it now, but no text of a channel into
    /// which they may have been let only since.
    pub async fn subscribe(
        &self,
        actor: Actor,
        from: Option<u64>,
        filter: Filter,
    ) -> Result<Subscription, Refused> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Command::Subscribe { actor, from, filter, reply })?;
        answer.await.map_err(|_| self.gone())?
    }

    /// From now on the rows of `attachment` are written with each event that is kept.
    pub fn attach(&self, attachment: Attachment) -> Result<(), Refused> {
        self.enqueue(Command::Attach(attachment))
    }
}

impl<P: Peer> Control<P> {
    /// Numbers what a change is for others, before it is made.
    pub(super) fn note(&mut self, change: &Change, at: Timestamp, by: Doer) -> Option<Happened> {
        let event = Event::of(change, &self.state)?;
        Some(self.feed.number(at, by, event))
    }

    /// Makes known what was committed.
    pub(super) fn make_known(&mut self, happened: Vec<Happened>) {
        if happened.is_empty() {
            return;
        }
        let Self { feed, state, shared, .. } = self;
        // Many may follow by one key: who that is now is looked up once for all of them.
        let known: RefCell<Vec<(Actor, Option<Box<Member>>)>> = RefCell::default();
        feed.publish(happened, |actor, event| {
            if !matches!(actor, Actor::Account { .. }) {
                return event.shown(state, viewer(state, actor, None)?);
            }
            let mut known = known.borrow_mut();
            let place = known.iter().position(|(known, _)| *known == actor).unwrap_or_else(|| {
                known.push((actor, shared.unconnected(state, actor).ok().flatten()));
                known.len() - 1
            });
            event.shown(state, viewer(state, actor, known[place].1.as_deref())?)
        });
    }

    /// The same for what a use case of `account` committed by itself.
    pub(super) fn make_account_known(&mut self, changed: Changed) {
        let event = match changed {
            Changed::User(user) => Event::AccountChanged { user },
            Changed::Bans => Event::BansChanged,
        };
        let one = self.feed.number(self.shared.clock.wall(), Doer::Server, event);
        self.make_known(vec![one]);
    }

    pub(super) fn subscribe(
        &mut self,
        actor: Actor,
        from: Option<u64>,
        filter: Filter,
    ) -> Result<Subscription, Refused> {
        // Whoever may not ask may not follow.
        let asker = self.shared.unconnected(&self.state, actor)?;
        let Self { feed, state, .. } = self;
        let member = viewer(state, actor, asker.as_deref()).ok_or(Denied::SessionEnded)?;
        if let Some(member) = member {
            member.was_given(Permissions::VIEW)?;
        }
        let withheld = match (from, member) {
            (Some(from), Some(member)) => withheld(feed.kept_from(from), state, member),
            _ => HashSet::new(),
        };
        let shown = |one: &Happened| {
            let is_told = !withheld.contains(&one.number);
            is_told.then(|| one.event.shown(state, member)).flatten()
        };
        Ok(feed.subscribe(actor, from, filter, shown)?)
    }
}

/// Whose eyes an actor sees with: `None` for an actor that isn't there, and `Some(None)` for the machine's owner, who sees
/// everything.
#[expect(clippy::option_option, reason = "who isn't there sees nothing, and the owner everything")]
fn viewer<'a>(state: &'a State, actor: Actor, asker: Option<&'a Member>) -> Option<Option<&'a Member>> {
    match actor {
        Actor::Operator => Some(None),
        Actor::Session(session) => state.member(session).map(Some),
        Actor::Account { .. } => asker.map(Some),
    }
}

impl From<SubscribeError> for Refused {
    fn from(error: SubscribeError) -> Self {
        let code = match error {
            SubscribeError::Gone => ErrorCode::NotFound,
            SubscribeError::TooMany => ErrorCode::TooMany,
        };
        Self::Rejected(code, error.to_string())
    }
}
