//! Presence by interest: whoever is told by it sees what a full snapshot says of the channels that it is in, listens to or
//! watches, and is told of nobody and of no count beside that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::step::{Step, life};
use super::{naive, run, take};
use crate::id::{ChannelId, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{self, event, request};
use crate::state::tests::{arrive, follow, member, moment, stored};
use crate::state::{Change, Event, Member, Sights, Snapshots, State, Telling};

/// Something that happens between two moments at which it is told.
#[derive(Clone, Debug)]
enum Happening {
    Step(Step),
    Watch(u64, Vec<u64>),
    Depart(u64),
    Arrive(u64),
}

fn happenings() -> impl Strategy<Value = Vec<(Happening, bool, u64)>> {
    let watched = proptest::collection::vec(1..8_u64, 0..4);
    let step = life().prop_filter_map("nothing happens", |mut steps| steps.pop());
    let happening = prop_oneof![
        10 => step.prop_map(Happening::Step),
        4 => (1..6_u64, watched).prop_map(|(session, channels)| Happening::Watch(session, channels)),
        1 => (1..6_u64).prop_map(Happening::Depart),
        2 => (1..6_u64).prop_map(Happening::Arrive),
    ];
    proptest::collection::vec((happening, any::<bool>(), 0..700_u64), 0..40)
}

/// The owner, two of the same class, one of two roles, and a guest; session 3 is told of everybody.
fn whoever(session: u64) -> Member {
    let roles: &[u64] = match session {
        1 => &[1],
        2 | 3 => &[3],
        4 => &[2, 3],
        _ => &[4],
    };
    let mut member = Member { by_interest: session != 3, ..member(session, roles) };
    member.user = member.user.filter(|_| session < 5);
    member
}

/// A server, and those who only follow what they are told.
struct Model {
    state: State,
    sights: Sights,
    snapshots: Snapshots,
    pending: Vec<Event>,
    arrived: BTreeSet<SessionId>,
    views: BTreeMap<SessionId, wire::Snapshot>,
    now: Duration,
    counted_at: Option<Duration>,
    told: usize,
}

impl Model {
    fn new() -> Self {
        let mut stored = stored();
        for role in stored.roles.iter_mut().skip(1) {
            role.allow = role.allow.union(Permissions::LISTEN).union(Permissions::SPEAK);
        }
        Self {
            state: State::new(stored, moment(1)),
            sights: Sights::default(),
            snapshots: Snapshots::default(),
            pending: Vec::new(),
            arrived: BTreeSet::new(),
            views: BTreeMap::new(),
            now: Duration::ZERO,
            counted_at: None,
            told: 0,
        }
    }

    fn happen(&mut self, happening: &Happening) {
        let events = match happening {
            Happening::Step(step) => take(&mut self.state, step),
            Happening::Watch(session, channels) => {
                let watch = request::Body::Watch(wire::Watch { channels: channels.clone() });
                take(&mut self.state, &Step::Ask(*session, watch))
            }
            Happening::Depart(session) => {
                self.arrived.remove(&SessionId(*session));
                self.views.remove(&SessionId(*session));
                self.state.apply(Change::Depart(SessionId(*session)))
            }
            // One that is there comes anew.
            Happening::Arrive(session) => {
                self.arrived.insert(SessionId(*session));
                let change = self.state.decide_arrival(whoever(*session)).unwrap();
                self.state.apply(change)
            }
        };
        self.pending.extend(events);
    }

    /// Whether somebody wants to be told of a channel's people.
    fn wants(viewer: &Member, channel: ChannelId) -> bool {
        viewer.channel == Some(channel)
            || viewer.listening.contains_key(&channel)
            || viewer.watching.contains(&channel)
    }

    /// What somebody may be told: nobody who isn't themselves, known to them, or in their sight, and no count of what they don't see.
    fn check_body(
        &self,
        viewer: &Member,
        known: &BTreeSet<u64>,
        body: &event::Body,
    ) -> Result<(), TestCaseError> {
        let state = &self.state;
        let sees = |channel: u64| {
            let there = state.channel(ChannelId(channel)).is_some();
            there && naive(state, viewer, ChannelId(channel), Permissions::VIEW)
        };
        let known = |session: u64| known.contains(&session);
        let of_it = |session: u64| {
            let at = state.member(SessionId(session)).and_then(|member| member.channel);
            let within = at.is_some_and(|at| Self::wants(viewer, at) && sees(at.0));
            session == viewer.session.0 || known(session) || within
        };
        let is_fine = match body {
            event::Body::MemberIs(row) => of_it(row.session),
            event::Body::MemberGone(session) => known(*session),
            event::Body::Suppressed(turned) => {
                turned.sessions.iter().chain(&turned.no_more).all(|session| of_it(*session))
            }
            event::Body::SightIs(sight) => {
                sight.channels.iter().all(|id| sees(*id) && Self::wants(viewer, ChannelId(*id)))
            }
            event::Body::CountsAre(counts) => counts.channels.iter().all(|count| sees(count.channel)),
            _ => true,
        };
        prop_assert!(is_fine, "{} is told {:?}", viewer.session, body);
        Ok(())
    }

    fn publish(&mut self) -> Result<(), TestCaseError> {
        let events = std::mem::take(&mut self.pending);
        self.snapshots.follow(&events, false);
        let mut sights = std::mem::take(&mut self.sights);
        let state = self.state.clone();
        let mut telling = Telling::new(&state, &mut sights, &events);
        let reach = telling.reach();
        for viewer in state.members() {
            let session = viewer.session;
            let arrives = self.arrived.remove(&session);
            let bodies = if arrives {
                self.views.insert(session, wire::Snapshot::default());
                self.snapshots.of(&state, telling.sights(), viewer)
            } else {
                telling.bodies(viewer)
            };
            let is_reached =
                reach.everybody || reach.sessions.contains(&session) || (reach.others && !viewer.by_interest);
            prop_assert!(arrives || is_reached || bodies.is_empty(), "{} is left out", session);
            let known = self.views[&session].members.iter().map(|member| member.session).collect();
            for body in bodies {
                let body = body.body();
                if viewer.by_interest {
                    self.check_body(viewer, &known, &body)?;
                }
                self.told += 1;
                let view = self.views.get_mut(&session).unwrap();
                apply(view, viewer, body);
            }
        }
        self.sights = sights;
        self.check()
    }

    fn count(&mut self, after: u64) -> Result<(), TestCaseError> {
        self.now += Duration::from_millis(after);
        let Some(channels) = self.sights.take_counts(self.now) else { return Ok(()) };
        if let Some(before) = self.counted_at.replace(self.now) {
            prop_assert!(self.now >= before + Duration::from_secs(1));
        }
        for viewer in self.state.members().filter(|viewer| viewer.by_interest) {
            let body =
                event::Body::CountsAre(self.sights.counts(&self.state, viewer, channels.iter().copied()));
            self.check_body(viewer, &BTreeSet::new(), &body)?;
            apply(self.views.get_mut(&viewer.session).unwrap(), viewer, body);
        }
        prop_assert_eq!(self.sights.next_counts(), None);
        for viewer in self.state.members().filter(|viewer| viewer.by_interest) {
            let channels = self
                .state
                .channels
                .keys()
                .filter(|channel| naive(&self.state, viewer, **channel, Permissions::VIEW));
            let people = |channel: &ChannelId| {
                self.state.members().filter(|member| member.channel == Some(*channel)).count()
            };
            let expected: Vec<_> = channels
                .map(|channel| (channel.0, people(channel) as u32))
                .filter(|(_, people)| *people > 0)
                .collect();
            let told = self.views[&viewer.session].counts.as_ref().unwrap();
            let counts: Vec<_> = told.channels.iter().map(|one| (one.channel, one.people)).collect();
            prop_assert_eq!(counts, expected, "for {}", viewer.session);
            prop_assert_eq!(told.connected as usize, self.state.members().len());
        }
        Ok(())
    }

    /// Each sees what a full snapshot says of what is in their sight.
    fn check(&self) -> Result<(), TestCaseError> {
        for viewer in self.state.members() {
            let mut expected = self.state.snapshot(Some(viewer));
            if viewer.by_interest {
                expected.members.retain(|row| {
                    let within = row.channel != 0 && Self::wants(viewer, ChannelId(row.channel));
                    row.session == viewer.session.0 || within
                });
                let seen = expected.channels.iter().map(|channel| channel.id);
                let channels = seen.filter(|id| Self::wants(viewer, ChannelId(*id))).collect();
                expected.sight = Some(wire::Sight { channels });
            }
            let mut view = self.views[&viewer.session].clone();
            view.counts = None;
            prop_assert_eq!(view, expected, "for {}", viewer.session);
        }
        Ok(())
    }
}

/// What a client makes of an event (docs/protocol.md, "Presence by interest").
fn apply(view: &mut wire::Snapshot, viewer: &Member, body: event::Body) {
    match body {
        event::Body::Snapshot(snapshot) => *view = snapshot,
        event::Body::SightIs(sight) => view.sight = Some(sight),
        event::Body::CountsAre(counts) => {
            let all = view.counts.get_or_insert_default();
            all.connected = counts.connected;
            for count in counts.channels {
                all.channels.retain(|one| one.channel != count.channel);
                all.channels.extend(Some(count).filter(|count| count.people > 0));
            }
            all.channels.sort_by_key(|one| one.channel);
        }
        body => {
            if let (event::Body::ChannelGone(id), Some(counts)) = (&body, &mut view.counts) {
                counts.channels.retain(|one| one.channel != *id);
            }
            follow(view, body);
        }
    }
    if let Some(sight) = &view.sight {
        view.members.retain(|row| row.session == viewer.session.0 || sight.channels.contains(&row.channel));
    }
    view.channels.sort_by_key(|channel| channel.id);
    view.members.sort_by_key(|member| member.session);
}

#[test]
fn who_is_told_by_interest_sees_what_a_full_snapshot_says_of_it_and_is_told_of_nothing_else() {
    let (told, counted) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    run(9, 6_000, &happenings(), |happenings| {
        let mut model = Model::new();
        for session in 1..6 {
            model.happen(&Happening::Arrive(session));
        }
        model.publish()?;
        for (happening, is_told, after) in &happenings {
            model.happen(happening);
            if *is_told {
                model.publish()?;
                model.count(*after)?;
            }
        }
        model.publish()?;
        // Whatever was left untold is told in time.
        model.count(5_000)?;
        told.set(told.get() + model.told);
        counted.set(counted.get() + usize::from(model.counted_at.is_some()));
        Ok(())
    });
    assert!(told.get() > 100_000, "{} events were told", told.get());
    assert!(counted.get() > 3_000, "{} times counts were told", counted.get());
}

#[test]
fn what_is_told_of_one_channel_costs_the_others_nothing() {
    let mut model = Model::new();
    for session in [1, 2, 4] {
        arrive(&mut model.state, whoever(session));
        model.pending.push(Event::Member(SessionId(session)));
        model.arrived.insert(SessionId(session));
    }
    model.publish().unwrap();
    let join = |session, channel| {
        let join = wire::Join { channel, ..wire::Join::default() };
        Happening::Step(Step::Ask(session, request::Body::Join(join)))
    };
    model.happen(&join(2, 1));
    model.publish().unwrap();
    // One goes where nobody looks: they and nobody else are told.
    model.happen(&join(4, 3));
    let state = model.state.clone();
    let telling = Telling::new(&state, &mut model.sights, &model.pending);
    let reach = telling.reach();
    assert!(!reach.everybody);
    assert_eq!(reach.sessions, BTreeSet::from([SessionId(4)]));
}
