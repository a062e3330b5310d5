//! The control thread: takes what is queued, and does it together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::audience::Place;
use super::news::Attachment;
use super::recorder::Running;
use super::{Attached, Command, EVENTS, Given, NewPassword, Newcomer, Proven, Refused, Shared, load};
use crate::account::AccountError;
use crate::feed::{Doer, Feed, Happened};
use crate::id::{ChannelId, SessionId, Ssrc, Way};
use crate::protocol::CloseCode;
use crate::protocol::wire::{self, response};
use crate::state::{Actor, Asked, Change, Event, Held, Member, State};
use crate::store::write::Deleted;
use crate::store::{Author, By, Failed, Rejected, Seen, Write, write};
use crate::voice::{Activity, Peer, Stage};

/// Commands of one batch at most.
const BATCH: usize = 256;

/// What the control thread owns.
pub(super) struct Control<P> {
    pub(super) state: State,
    pub(super) seats: HashMap<SessionId, Place<P>>,
    pub(super) shared: Arc<Shared<P>>,
    pub(super) last_attachment: u64,
    /// Who is on stage, in channels that pass on so many speakers at once.
    pub(super) stages: HashMap<ChannelId, Arc<Stage>>,
    pub(super) running: HashMap<ChannelId, Running>,
    /// Channels whose recording couldn't begin.
    pub(super) broken: Vec<ChannelId>,
    /// What happened, for those who follow it.
    pub(super) feed: Feed,
    /// What belongs to an event on disk, and is written in its transaction.
    pub(super) attached: Vec<Attachment>,
    /// Guests whom moderators muted or deafened, by their address: they have nothing else that stays.
    restrained: HashMap<IpAddr, (bool, bool)>,
}

/// What ends the thread.
enum Last {
    Stop { reply: oneshot::Sender<()> },
    Delete { by: By, reply: oneshot::Sender<Result<Deleted, Refused>> },
}

/// Addresses of restrained guests that are kept; above that, new ones aren't.
const RESTRAINED: usize = 1_024;

/// What was done in a batch and isn't published yet.
#[derive(Default)]
struct Pending {
    /// What happened, numbered, and what it means to those who are connected.
    happened: Vec<Happened>,
    events: Vec<Event>,
    arrived: Vec<SessionId>,
    /// Sessions that end for a reason of their own, to be dismissed when that is published.
    dismissed: Vec<(SessionId, CloseCode, String)>,
    writes: Vec<(By, Write<(), Rejected>)>,
    /// The request that is the first to be written.
    span: Option<Span>,
    replies: Vec<Reply>,
}

type Reply = Box<dyn FnOnce(Result<(), Refused>) + Send>;

impl<P: Peer> Control<P> {
    pub(super) fn new(state: State, shared: Arc<Shared<P>>) -> Self {
        let feed = Feed::new(state.organization(), shared.clock.wall());
        Self {
            state,
            seats: HashMap::new(),
            shared,
            last_attachment: 0,
            stages: HashMap::new(),
            running: HashMap::new(),
            broken: Vec::new(),
            feed,
            attached: Vec::new(),
            restrained: HashMap::new(),
        }
    }

    /// Runs until it is told to stop, or nobody is left who could tell it anything.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command<P>>) {
        let mut batch = Vec::new();
        while commands.blocking_recv_many(&mut batch, BATCH) > 0 {
            match self.handle_batch(&mut batch) {
                Some(Last::Stop { reply }) => {
                    for place in self.seats.values_mut() {
                        place.say_goodbye(CloseCode::ShuttingDown, "");
                    }
                    self.stop_recordings();
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

    /// Does a batch. Answers with what is to be done last, if anything is.
    fn handle_batch(&mut self, batch: &mut Vec<Command<P>>) -> Option<Last> {
        let mut pending =
            Pending { events: self.state.advance(self.shared.clock.wall()), ..Pending::default() };
        let mut before: Option<State> = None;
        let (mut last, mut followers) = (None, Vec::new());
        for command in batch.drain(..) {
            match command {
                Command::Arrive { proven, newcomer, reply } => {
                    self.arrive(*proven, newcomer, reply, &mut pending);
                }
                Command::Depart { session, attachment } => self.depart(session, attachment, &mut pending),
                Command::Change { actor, asked, given, span, reply } => {
                    let _entered = span.enter();
                    self.take_change((actor, &asked, &given), reply, &mut pending, &mut before);
                }
                Command::Look(look) => look(self),
                Command::Subscribe { actor, from, filter, reply } => {
                    let _ = reply.send(self.subscribe(actor, from, filter));
                }
                Command::Attach(attachment) => self.attached.push(attachment),
                Command::Tick => {
                    for change in self.due() {
                        self.make(
                            (By::server(self.shared.clock.wall()), Doer::Server),
                            change,
                            &NewPassword::Kept,
                            &mut pending,
                            &mut before,
                        );
                    }
                    self.broken.clear();
                }
                Command::Follow { what, reply } => followers.push((what, reply)),
                Command::Stop { reply } => last = Some(Last::Stop { reply }),
                Command::Delete { by, reply } => last = Some(Last::Delete { by, reply }),
            }
        }
        match before {
            Some(before) => self.commit(pending, before),
            None => self.publish_pending(pending),
        }
        self.set_due();
        // What is read has the whole batch in it.
        for (what, reply) in followers {
            let _ = reply.send(self.follow(what));
        }
        last
    }

    /// Deletes the organization, and sends away whoever is in it.
    fn delete(&mut self, by: By) -> Result<Deleted, Refused> {
        let deleted = self.shared.store.run(by, write::delete_organization(self.shared.organization))?;
        // Whoever finds the queue closed learns why.
        self.shared.deleted.store(true, Ordering::Release);
        self.shared.table.store(Arc::default());
        self.shared.connected.store(0, Ordering::Relaxed);
        for place in std::mem::take(&mut self.seats).into_values() {
            place.send_away(CloseCode::OrganizationDeleted, "");
        }
        self.stop_recordings();
        Ok(deleted)
    }

    /// Decides what is asked; what it leads to is published and written with the batch, and then answered.
    fn take_change(
        &mut self,
        (actor, asked, given): (Actor, &Asked, &Given),
        reply: oneshot::Sender<Result<response::Body, Refused>>,
        pending: &mut Pending,
        before: &mut Option<State>,
    ) {
        let answered = |outcome| {
            // The one who asked may be gone.
            let _ = reply.send(outcome);
        };
        let decided = self
            .facts(actor, asked, given.password_fits)
            .and_then(|facts| Ok(self.state.decide(actor, asked, &facts)?));
        let change = match decided {
            Ok(change) => change,
            Err(refused) => return answered(Err(refused)),
        };
        if let Change::TextChannel { channel, .. } = &change
            && let Err(wait) = self.shared.texts.admit(*channel)
        {
            return answered(Err(Refused::RateLimited(wait)));
        }
        if let Actor::Session(session) = actor
            && let Some(place) = self.seats.get(&session)
        {
            place.activity.acts(self.shared.clock.monotonic());
        }
        let answer = match change.created() {
            Some(id) => response::Body::Created(wire::Created { id }),
            None => response::Body::Done(wire::Done {}),
        };
        let by = (self.by(actor), self.doer(actor));
        self.make(by, change, &given.password, pending, before);
        pending.replies.push(Box::new(move |outcome| answered(outcome.map(|()| answer))));
    }

    /// Makes a change, which is published and written later. `before` is the state as it was before the first that
    /// must be on disk.
    fn make(
        &mut self,
        (by, doer): (By, Doer),
        change: Change,
        password: &NewPassword,
        pending: &mut Pending,
        before: &mut Option<State>,
    ) {
        if change.is_durable() && before.is_none() {
            // What came before needs no disk, so it doesn't wait for it either.
            self.publish_pending(std::mem::take(pending));
            *before = Some(self.state.clone());
            pending.span = Some(Span::current());
        }
        let writes = load::writes(&change, password, &self.state, by.at).into_iter();
        pending.writes.extend(writes.map(|write| (by, write)));
        if let Some(happened) = self.note(&change, by.at, doer) {
            if change.is_durable() {
                let rows = self.attached.iter().flat_map(|attachment| attachment(&happened));
                pending.writes.extend(rows.map(|write| (by, write)));
            }
            pending.happened.push(happened);
        }
        match &change {
            Change::SetUserDisabled { user, disabled: true } => {
                let ended = self.state.sessions_of(*user);
                let dismissed = |session| (session, CloseCode::Disabled, String::new());
                pending.dismissed.extend(ended.into_iter().map(dismissed));
            }
            Change::Kick { session, reason } => {
                pending.dismissed.push((*session, CloseCode::Kicked, reason.clone()));
            }
            Change::Moderate { session, .. } => self.note_restraint(*session, &change),
            _ => (),
        }
        pending.events.extend(self.state.apply(change));
    }

    /// Keeps in mind what was laid upon a guest, in case they come again.
    fn note_restraint(&mut self, session: SessionId, change: &Change) {
        let Change::Moderate { muted, deafened, .. } = change else { return };
        let Some(member) = self.state.member(session).filter(|member| member.user.is_none()) else { return };
        let Some(place) = self.seats.get(&session) else { return };
        let restraint = (muted.unwrap_or(member.muted), deafened.unwrap_or(member.deafened));
        if restraint == (false, false) {
            self.restrained.remove(&place.address);
        } else if self.restrained.len() < RESTRAINED || self.restrained.contains_key(&place.address) {
            self.restrained.insert(place.address, restraint);
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
                By::new(author, self.seats.get(&session).map(|place| place.address), at).by_way_of(way)
            }
        }
    }

    fn arrive(
        &mut self,
        proven: Proven,
        newcomer: Newcomer<P>,
        reply: oneshot::Sender<Result<(Attached, mpsc::Receiver<Bytes>), Refused>>,
        pending: &mut Pending,
    ) {
        let Newcomer { peer, address, kind, client } = newcomer;
        let member = self.member(proven, kind, client, address);
        let change = member.and_then(|member| Ok(self.state.decide_arrival(member)?));
        let Change::Arrive(member) = (match change {
            Ok(change) => change,
            Err(refused) => {
                let _ = reply.send(Err(refused));
                return;
            }
        }) else {
            return;
        };
        let (session, ssrc) = (member.session, member.ssrc);
        self.last_attachment += 1;
        let (sender, events) = mpsc::channel(EVENTS);
        let arrived = self.shared.clock.monotonic();
        let activity = Arc::new(Activity::new(arrived));
        let (attachment, parting) = (self.last_attachment, Arc::default());
        let place =
            Place::new(peer, address, attachment, Arc::clone(&activity), Arc::clone(&parting), sender);
        let attached = Attached { session, attachment, ssrc, activity, arrived, parting };
        if let Some(replaced) = self.seats.insert(session, place) {
            replaced.send_away(CloseCode::Replaced, "");
        }
        self.touch(&member);
        let doer = Doer::Member { session, user: member.user, name: member.name.clone() };
        let arrival = Change::Arrive(member);
        pending.happened.extend(self.note(&arrival, self.shared.clock.wall(), doer));
        pending.events.extend(self.state.apply(arrival));
        pending.events.extend(self.state.welcome(session));
        pending.arrived.push(session);
        pending.replies.push(Box::new(move |outcome| {
            let _ = reply.send(outcome.map(|()| (attached, events)));
        }));
    }

    /// The member that a proven session becomes. What it proved is looked at again here: it may have
    /// been ended while its arrival was queued.
    fn member(
        &self,
        proven: Proven,
        kind: wire::MemberKind,
        client: String,
        address: IpAddr,
    ) -> Result<Member, Refused> {
        let (store, now) = (&self.shared.store, self.shared.clock.wall());
        let mut member = Member::new(proven.session, proven.user, proven.name, self.new_ssrc()?);
        member.client = client;
        if let Some((key, scopes)) = proven.key {
            (member.key, member.ceiling) = (Some(key), scopes);
        }
        self.shared.accounts.check_bans(proven.user, Some(address), None)?;
        let Some(id) = proven.user else {
            member.roles = vec![Held { role: self.state.guest_role(), until: None }];
            member.kind = wire::MemberKind::Guest;
            (member.muted, member.deafened) = self.restrained.get(&address).copied().unwrap_or_default();
            return Ok(member);
        };
        if proven.key.is_none() {
            store.session(id, proven.session, now)?.ok_or(AccountError::TokenInvalid)?;
        }
        let user = store.user(id)?.filter(|user| !user.disabled).ok_or(AccountError::TokenInvalid)?;
        member.roles = load::held(&user, now);
        member.second_factor = load::has_second_factor(store, id)?;
        member.kind = if proven.key.is_some() { wire::MemberKind::Bot } else { kind };
        (member.muted, member.deafened) = load::restraint(store, user.organization, id)?;
        Ok(member)
    }

    /// An SSRC that nobody connected has; random, as RFC 3550 (section 8) wants it.
    fn new_ssrc(&self) -> Result<Ssrc, Refused> {
        loop {
            let ssrc = Ssrc(u32::from_ne_bytes(crate::account::random()?));
            if ssrc.0 != 0 && self.state.members().all(|member| member.ssrc != ssrc) {
                return Ok(ssrc);
            }
        }
    }

    fn depart(&mut self, session: SessionId, attachment: u64, pending: &mut Pending) {
        if self.seats.get(&session).is_some_and(|place| place.attachment == attachment) {
            self.seats.remove(&session);
            if let Some(member) = self.state.member(session) {
                self.touch(member);
            }
            let (departure, doer) = (Change::Depart(session), self.doer(Actor::Session(session)));
            pending.happened.extend(self.note(&departure, self.shared.clock.wall(), doer));
            pending.events.extend(self.state.apply(departure));
        }
    }

    /// Notes that a member's session was seen.
    fn touch(&self, member: &Member) {
        if let Some(user) = member.user {
            self.shared.store.touch(Seen::Session(user, member.session), self.shared.clock.wall());
        }
    }

    /// Commits what is pending, then publishes it. If that fails, everyone in it gets the error and the
    /// state is what it was before.
    fn commit(&mut self, mut pending: Pending, before: State) {
        let writes = write::all(std::mem::take(&mut pending.writes));
        let span = pending.span.take().unwrap_or_else(Span::none);
        let outcome = span.in_scope(|| self.shared.store.run(By::server(self.shared.clock.wall()), writes));
        let failure = match outcome.map_err(Failed::into_commit_error) {
            Ok(outcomes) => outcomes.into_iter().find_map(Result::err).map(|rejected| {
                // The state allowed what the store refuses, so they have come apart.
                tracing::error!(%rejected, "the store refuses what the state allowed; the state is read anew");
                Refused::from(rejected)
            }),
            Err(error) => Some(error.into()),
        };
        let Some(failure) = failure else { return self.publish_pending(pending) };
        if let Some(first) = pending.happened.first() {
            self.feed.take_back(first.number);
        }
        self.state = before;
        if matches!(failure, Refused::ReadOnly) {
            // Nothing of it is on disk, so the state before is right.
        } else {
            // What of it came to be, all the same, is told.
            match self.reload() {
                Ok(events) => self.publish(&events, &[]),
                Err(error) => tracing::error!(%error, "the state can't be read anew"),
            }
        }
        for session in pending.arrived {
            if let Some(place) = self.seats.remove(&session) {
                place.send_away(CloseCode::Internal, "");
            }
        }
        // Who left in the batch is gone all the same.
        let seats = &self.seats;
        let gone: Vec<_> =
            self.state.members().map(|member| member.session).filter(|id| !seats.contains_key(id)).collect();
        let events: Vec<_> = gone.into_iter().flat_map(|id| self.state.apply(Change::Depart(id))).collect();
        self.publish(&events, &[]);
        for reply in pending.replies {
            reply(Err(failure.clone()));
        }
    }

    /// The channels as the store has them, with everybody where they were, if that is still there.
    fn reload(&mut self) -> Result<Vec<Event>, crate::store::ReadError> {
        let stored =
            load::stored(&self.shared.store, self.shared.organization, self.shared.settings.max_sessions)?;
        Ok(self.state.refresh(stored))
    }

    fn publish_pending(&mut self, pending: Pending) {
        let Pending { happened, events, arrived, dismissed, replies, .. } = pending;
        self.publish(&events, &arrived);
        self.make_known(happened);
        for (session, code, words) in dismissed {
            if let Some(place) = self.seats.remove(&session) {
                place.send_away(code, &words);
            }
        }
        for reply in replies {
            reply(Ok(()));
        }
    }
}
