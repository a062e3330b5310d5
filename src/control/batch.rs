//! The control thread: takes what is queued, and does it together.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::audience::Place;
use super::{Attached, Command, Done, EVENTS, Newcomer, Proven, Refused, Shared, clock, load, log_in};
use crate::id::{SessionId, Ssrc};
use crate::protocol::CloseCode;
use crate::protocol::wire::{self, request, response};
use crate::state::{Actor, Change, Event, Facts, Member, Standing, State};
use crate::store::{Author, By, Failed, GUEST, Rejected, SEEDED_ORGANIZATION, Seen, Write, ban_on, write};
use crate::voice::Peer;

/// Commands of one batch at most.
const BATCH: usize = 256;

/// What the control thread owns.
pub(super) struct Control<P> {
    pub(super) state: State,
    pub(super) seats: HashMap<SessionId, Place<P>>,
    pub(super) shared: Arc<Shared<P>>,
    pub(super) last_attachment: u64,
}

/// What was done in a batch and isn't published yet.
#[derive(Default)]
struct Pending {
    events: Vec<Event>,
    arrived: Vec<SessionId>,
    /// Sessions that end for a reason of their own, to be dismissed when that is published.
    dismissed: Vec<(SessionId, CloseCode)>,
    writes: Vec<(By, Write<(), Rejected>)>,
    replies: Vec<Reply>,
}

type Reply = Box<dyn FnOnce(Result<(), Refused>) + Send>;

impl<P: Peer> Control<P> {
    /// Runs until it is told to stop, or nobody is left who could tell it anything.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command<P>>) {
        let mut batch = Vec::new();
        while commands.blocking_recv_many(&mut batch, BATCH) > 0 {
            if let Some(reply) = self.handle_batch(&mut batch) {
                for place in self.seats.values_mut() {
                    place.say_goodbye(CloseCode::ShuttingDown);
                }
                let _ = reply.send(());
                return;
            }
        }
    }

    /// Does a batch. Answers with whom to tell when the thread is to stop.
    fn handle_batch(&mut self, batch: &mut Vec<Command<P>>) -> Option<oneshot::Sender<()>> {
        let mut pending = Pending::default();
        let mut before: Option<State> = None;
        let (mut stop, mut refreshes) = (None, Vec::new());
        for command in batch.drain(..) {
            match command {
                Command::Arrive { proven, newcomer, reply } => {
                    self.arrive(*proven, newcomer, reply, &mut pending);
                }
                Command::Depart { session, attachment } => self.depart(session, attachment, &mut pending),
                Command::Request { actor, body, ask_only, reply } => {
                    let change = match self.decide(actor, &body) {
                        Ok(change) => change,
                        Err(refused) => {
                            let _ = reply.send(Err(refused));
                            continue;
                        }
                    };
                    if let Change::TextChannel { channel, .. } = &change
                        && let Err(wait) = self.shared.texts.admit(*channel)
                    {
                        let _ = reply.send(Err(Refused::RateLimited(wait)));
                        continue;
                    }
                    if ask_only {
                        let _ = reply.send(Ok(Done::Allowed(change, self.by(actor))));
                        continue;
                    }
                    if change.is_durable() && before.is_none() {
                        // What came before needs no disk, so it doesn't wait for it either.
                        self.publish_pending(std::mem::take(&mut pending));
                        before = Some(self.state.clone());
                    }
                    self.do_request(actor, &body, change, reply, &mut pending);
                }
                Command::Refresh { reply } => refreshes.push(reply),
                Command::Stop { reply } => stop = Some(reply),
            }
        }
        match before {
            Some(before) => self.commit(pending, before),
            None => self.publish_pending(pending),
        }
        // What a refresh reads has the whole batch in it.
        if !refreshes.is_empty() {
            let outcome = self.refresh();
            for reply in refreshes {
                let _ = reply.send(outcome.clone());
            }
        }
        stop
    }

    /// Brings what is live to what the store holds by now.
    fn refresh(&mut self) -> Result<(), Refused> {
        let (store, now) = (&self.shared.store, clock::now());
        let stored = load::state(store, self.shared.settings.max_sessions)?;
        let guests = load::grants(store, &[GUEST])?;
        let bans = store.bans(SEEDED_ORGANIZATION, None, usize::MAX)?;
        let standing = |member: &Member| {
            let address = self.seats.get(&member.session).map(|place| place.address);
            if ban_on(&bans, member.user, address, None, now).is_some() {
                return None;
            }
            let Some(user) = member.user else {
                return Some(Standing { name: member.name.clone(), grants: guests.clone() });
            };
            let device = store.device(user, member.session).ok()?;
            if ban_on(&bans, None, None, device.and_then(|device| device.key), now).is_some() {
                return None;
            }
            match member.key {
                Some((key, _)) => drop(store.api_key_by_id(key, now).ok().flatten()?),
                None => drop(store.session(user, member.session, now).ok().flatten()?),
            }
            let user = store.user(user).ok().flatten().filter(|user| !user.disabled)?;
            Some(Standing { grants: load::grants_of(store, &user, now).ok()?, name: user.name })
        };
        let (events, removed) = self.state.refresh(stored, standing);
        self.publish(&events, &[]);
        for session in removed {
            if let Some(mut place) = self.seats.remove(&session) {
                place.dismiss(CloseCode::LoggedOut);
            }
        }
        Ok(())
    }

    fn decide(&self, actor: Actor, body: &request::Body) -> Result<Change, Refused> {
        let named_user = match body {
            request::Body::SetUserDisabled(set) => {
                let store = &self.shared.store;
                store.user_by_name(self.state.organization(), &set.name)?.map(|user| user.id)
            }
            _ => None,
        };
        Ok(self.state.decide(actor, body, &Facts { now: clock::now(), named_user })?)
    }

    fn do_request(
        &mut self,
        actor: Actor,
        body: &request::Body,
        change: Change,
        reply: oneshot::Sender<Result<Done, Refused>>,
        pending: &mut Pending,
    ) {
        let answer = self.answer(actor, body, &change);
        let by = self.by(actor);
        let writes = load::writes(&change, &self.state).into_iter();
        pending.writes.extend(writes.map(|write| (by, write)));
        if let Change::SetUserDisabled { user, disabled: true } = &change {
            let ended = self.state.sessions_of(*user);
            pending.dismissed.extend(ended.into_iter().map(|session| (session, CloseCode::Disabled)));
        }
        pending.events.extend(self.state.apply(change));
        pending.replies.push(Box::new(move |outcome| {
            // The one who asked may be gone.
            let _ = reply.send(outcome.map(|()| Done::Answer(answer)));
        }));
    }

    /// On whose behalf an actor's changes are written.
    pub(super) fn by(&self, actor: Actor) -> By {
        let at = clock::now();
        match actor {
            Actor::Operator => By { author: Author::Operator, from: None, at },
            Actor::Session(session) => {
                let user = self.state.member(session).and_then(|member| member.user);
                let author = user.map_or(Author::Guest, Author::User);
                By { author, from: self.seats.get(&session).map(|place| place.address), at }
            }
        }
    }

    fn answer(&self, actor: Actor, body: &request::Body, change: &Change) -> response::Body {
        match (body, change) {
            (_, Change::CreateChannel(channel)) => {
                response::Body::Created(wire::Created { id: channel.id.0 })
            }
            (request::Body::List(_), _) => {
                let viewer = match actor {
                    Actor::Session(session) => Some(session),
                    Actor::Operator => None,
                };
                response::Body::Listing(wire::Listing { snapshot: Some(self.state.snapshot(viewer)) })
            }
            _ => response::Body::Done(wire::Done {}),
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
        let change =
            self.member(proven, kind, client).and_then(|member| Ok(self.state.decide_arrival(member)?));
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
        let place = Place::new(peer, address, self.last_attachment, sender);
        let attached = Attached { session, attachment: self.last_attachment, ssrc };
        if let Some(mut replaced) = self.seats.insert(session, place) {
            replaced.dismiss(CloseCode::Replaced);
        }
        self.touch(&member);
        pending.events.extend(self.state.apply(Change::Arrive(member)));
        pending.arrived.push(session);
        pending.replies.push(Box::new(move |outcome| {
            let _ = reply.send(outcome.map(|()| (attached, events)));
        }));
    }

    /// The member that a proven session becomes. What it proved is looked at again here: it may have
    /// been ended while its arrival was queued.
    fn member(&self, proven: Proven, kind: wire::MemberKind, client: String) -> Result<Member, Refused> {
        let store = &self.shared.store;
        let (grants, kind) = match proven.user {
            Some(user) if proven.key.is_some() => {
                let user = store.user(user)?.filter(|user| !user.disabled).ok_or(Refused::TokenInvalid)?;
                (load::grants_of(store, &user, clock::now())?, wire::MemberKind::Bot)
            }
            Some(user) => {
                let now = clock::now();
                store.session(user, proven.session, now)?.ok_or(Refused::TokenInvalid)?;
                let user = store.user(user)?.ok_or(Refused::TokenInvalid)?;
                (load::grants_of(store, &user, now)?, kind)
            }
            None => (load::grants(store, &[GUEST])?, wire::MemberKind::Guest),
        };
        Ok(Member {
            session: proven.session,
            user: proven.user,
            name: proven.name,
            channel: None,
            mute: false,
            deaf: false,
            ssrc: self.new_ssrc()?,
            kind,
            client,
            grants,
            key: proven.key,
        })
    }

    /// An SSRC that nobody connected has; random, as RFC 3550 (section 8) wants it.
    fn new_ssrc(&self) -> Result<Ssrc, Refused> {
        loop {
            let ssrc = Ssrc(u32::from_ne_bytes(log_in::random()?));
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
            pending.events.extend(self.state.apply(Change::Depart(session)));
        }
    }

    /// Notes that a member's session was seen.
    fn touch(&self, member: &Member) {
        if let Some(user) = member.user {
            self.shared.store.touch(Seen::Session(user, member.session), clock::now());
        }
    }

    /// Commits what is pending, then publishes it. If that fails, everyone in it gets the error and the
    /// state is what it was before.
    fn commit(&mut self, mut pending: Pending, before: State) {
        let writes = write::all(std::mem::take(&mut pending.writes));
        let outcome = self.shared.store.run(By::server(clock::now()), writes);
        let failure = match outcome.map_err(Failed::into_commit_error) {
            Ok(outcomes) => outcomes.into_iter().find_map(Result::err).map(|rejected| {
                // The state allowed what the store refuses, so they have come apart.
                tracing::error!(%rejected, "the store refuses what the state allowed; the state is read anew");
                Refused::from(rejected)
            }),
            Err(error) => Some(error.into()),
        };
        let Some(failure) = failure else { return self.publish_pending(pending) };
        self.state = before;
        if matches!(failure, Refused::ReadOnly) {
            // Nothing of it is on disk, so the state before is right.
        } else if let Err(error) = self.reload() {
            tracing::error!(%error, "the state can't be read anew");
        }
        for session in pending.arrived {
            if let Some(mut place) = self.seats.remove(&session) {
                place.dismiss(CloseCode::Internal);
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
    fn reload(&mut self) -> Result<(), crate::store::ReadError> {
        let mut fresh = load::state(&self.shared.store, self.shared.settings.max_sessions)?;
        for member in self.state.members() {
            let channel = member.channel.filter(|channel| fresh.channel(*channel).is_some());
            let member = Member { channel, ..member.clone() };
            fresh.apply(Change::Arrive(Box::new(member)));
        }
        self.state = fresh;
        Ok(())
    }

    fn publish_pending(&mut self, pending: Pending) {
        let Pending { events, arrived, dismissed, replies, .. } = pending;
        self.publish(&events, &arrived);
        for (session, code) in dismissed {
            if let Some(mut place) = self.seats.remove(&session) {
                place.dismiss(code);
            }
        }
        for reply in replies {
            reply(Ok(()));
        }
    }
}
