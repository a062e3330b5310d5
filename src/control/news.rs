//! The feed of the organization: what happened is numbered before its transaction and published after it.

use std::cell::RefCell;

use tokio::sync::oneshot;

use super::attachment::Attachment;
use super::command::Command;
use super::handle::Handle;
use super::live::Control;
use super::refused::Refused;
use crate::account::Changed;
use crate::feed::{
    Doer, Event, Filter, Happened, Opened, Openings, Sight, Since, SubscribeError, Subscription, Whom,
};
use crate::id::Timestamp;
use crate::permission::Permissions;
use crate::protocol::ErrorCode;
use crate::state::{Actor, Change, Denied, Member, State};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Follows what happens, as far as `actor` may know of it at the moment at which it happens: from the event of a
    /// number on, or from now on. What was missed is told as far as they would have been told it had they followed all along.
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
    /// Notes who may know more by a change, before it is made and numbered. Answers with whether somebody may know less.
    pub(super) fn note_sight(&mut self, change: &Change) -> bool {
        let Sight { opens, unsettles } = Sight::of(change, &self.state);
        if let Some(opened) = opens {
            self.feed.open(opened);
        }
        unsettles
    }

    /// Numbers what a change is for others, before it is made.
    pub(super) fn note(&mut self, change: &Change, at: Timestamp, by: Doer) -> Option<Happened> {
        let event = Event::of(change, &self.state)?;
        // By the time that the state has, which says what has ended by then.
        Some(self.feed.number(at.min(self.state.time()), by, event))
    }

    /// Makes known what was committed.
    pub(super) fn make_known(&mut self, happened: Vec<Happened>) {
        let Some(first) = happened.first().map(|first| first.number) else { return };
        self.renew_numbers();
        let Self { feed, state, shared, .. } = self;
        let opened = feed.opened_after(first);
        let shown = |one: &Happened, viewer: Option<&Member>| shown_of_batch(one, &opened, state, viewer);
        // Many may follow by one key: who that is now is looked up once for all of them.
        let known: RefCell<Vec<(Actor, Option<Box<Member>>)>> = RefCell::default();
        feed.publish(happened, |actor, one| {
            if !matches!(actor, Actor::Account { .. }) {
                return shown(one, viewer(state, actor, None)?);
            }
            let mut known = known.borrow_mut();
            let place = known.iter().position(|(known, _)| *known == actor).unwrap_or_else(|| {
                known.push((actor, shared.unconnected(state, actor).ok().flatten()));
                known.len() - 1
            });
            shown(one, viewer(state, actor, known[place].1.as_deref())?)
        });
    }

    /// The same for what a use case of `account` committed by itself.
    pub(super) fn make_account_known(&mut self, changed: Changed) {
        let event = match changed {
            Changed::User(user) => {
                self.feed.open(Opened { to: Whom::Account(user), channel: None });
                Event::AccountChanged { user }
            }
            Changed::Bans => Event::BansChanged,
        };
        self.make_one_known(Doer::Server, event);
    }

    /// The same for one thing that somebody did, which nobody asked the control thread for.
    pub(super) fn make_one_known(&mut self, by: Doer, event: Event) {
        let one = vec![self.feed.number(self.shared.clock.wall(), by, event)];
        self.note_for_hooks(&one);
        self.make_known(one);
    }

    pub(super) fn subscribe(
        &mut self,
        actor: Actor,
        from: Option<u64>,
        filter: Filter,
    ) -> Result<Subscription, Refused> {
        // Whoever may not ask may not follow.
        let asker = self.shared.unconnected(&self.state, actor)?;
        self.note_opened();
        let member = viewer(&self.state, actor, asker.as_deref()).ok_or(Denied::SessionEnded)?;
        if let Some(member) = member {
            member.was_given(Permissions::VIEW)?;
        }
        let since = match member.filter(|_| from.is_some()) {
            Some(member) => self.feed.since(member, self.not_before(actor, member)?),
            None => Since::default(),
        };
        let shown = |one: &Happened| since.shown(one, &self.state, member);
        Ok(self.feed.subscribe(actor, from, filter, shown)?)
    }
}

/// What a viewer may know of something of a batch. Among what happened in that may be something by which somebody may know more
/// (`opened`): not what was before it.
pub(super) fn shown_of_batch(
    one: &Happened,
    opened: &Openings,
    state: &State,
    viewer: Option<&Member>,
) -> Option<Event> {
    match viewer {
        Some(viewer) if !opened.is_empty() => {
            opened.since(viewer, Timestamp(0)).shown(one, state, Some(viewer))
        }
        viewer => one.event.shown(state, viewer),
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
