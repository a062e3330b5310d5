//! What each session is told of a batch of events. What many are told alike is encoded once for all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::sight::{Sights, Told, show_sight};
use super::{Access, Class, Event, Member, State};
use crate::id::{ChannelId, SessionId};
use crate::permission::Permissions;
use crate::protocol::EncodedBody;
use crate::protocol::wire::event;

/// What makes two viewers see the same: their class, their ceiling, and whether what they see changed just now.
type Alike = (*const Class, Permissions, bool);

/// Those who see the same of an event, or of what it is to the people in one channel.
type Whom = (Alike, Option<ChannelId>);

/// Members, as others see them.
type Rows = Vec<(SessionId, EncodedBody)>;

/// What is told of a batch of events, which have been applied.
#[derive(Debug)]
pub struct Telling<'a> {
    state: &'a State,
    sights: &'a Sights,
    events: &'a [Event],
    /// Events that everybody is told, by their places in the batch.
    of_all: Vec<usize>,
    /// What those are told by interest for whom there is something.
    by_interest: BTreeMap<SessionId, Told>,
    /// What those are told whose access changed. In one batch it may have changed several times for one of them.
    access: HashMap<SessionId, Vec<Rc<Vec<OfAccess>>>>,
    /// Each event, or what of it is about those in one channel, as it was shown to those who see the same.
    shown: Vec<Vec<(Whom, Option<EncodedBody>)>>,
    /// The people of channels that came into somebody's sight.
    came: HashMap<(Alike, ChannelId), Rc<Rows>>,
}

/// A part of what those are told whose access changed.
#[derive(Debug)]
enum OfAccess {
    Body(EncodedBody),
    /// A member, as others see it.
    Row(SessionId, EncodedBody),
    /// How many are in channels that appeared.
    Counts(EncodedBody),
}

/// For whom there may be something in a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// For everybody.
    pub everybody: bool,
    /// For everybody who isn't told by interest.
    pub others: bool,
    /// For these.
    pub sessions: BTreeSet<SessionId>,
}

impl<'a> Telling<'a> {
    /// Has `sights` follow the events, and looks at what they are to whom.
    pub fn new(state: &'a State, sights: &'a mut Sights, events: &'a [Event]) -> Self {
        let by_interest = sights.follow(state, events);
        let is_of_all =
            |event: &Event| matches!(event, Event::Channel(_) | Event::Roles | Event::OrganizationSettings);
        let of_all = events.iter().enumerate().filter(|(_, event)| is_of_all(event));
        let mut telling = Self {
            state,
            sights,
            events,
            of_all: of_all.map(|(index, _)| index).collect(),
            by_interest,
            access: HashMap::new(),
            shown: vec![Vec::new(); events.len()],
            came: HashMap::new(),
        };
        telling.encode_access();
        telling
    }

    fn encode_access(&mut self) {
        for event in self.events {
            let Event::Access(access) = event else { continue };
            // Those who were alike then may be apart by what happened since.
            let mut told: Vec<(Alike, Rc<Vec<OfAccess>>)> = Vec::new();
            for session in &access.sessions {
                let Some(viewer) = self.state.member(*session) else { continue };
                let alike = (Arc::as_ptr(&viewer.class), viewer.ceiling, true);
                let known = told.iter().find(|(whom, _)| *whom == alike).map(|(_, parts)| Rc::clone(parts));
                let parts = known.unwrap_or_else(|| {
                    let parts = Rc::new(self.parts_of_access(access, viewer));
                    told.push((alike, Rc::clone(&parts)));
                    parts
                });
                self.access.entry(*session).or_default().push(parts);
            }
        }
    }

    fn parts_of_access(&self, access: &Access, viewer: &Member) -> Vec<OfAccess> {
        let encoded = |(of, body): (Option<SessionId>, event::Body)| match of {
            None => OfAccess::Body(EncodedBody::new(&body)),
            Some(session) => OfAccess::Row(session, EncodedBody::new(&body)),
        };
        let mut parts: Vec<_> = self.state.show_access(access, viewer).into_iter().map(encoded).collect();
        if !access.appeared.is_empty() {
            let counts = self.sights.counts(self.state, viewer, access.appeared.iter().copied());
            parts.push(OfAccess::Counts(EncodedBody::new(&event::Body::CountsAre(counts))));
        }
        parts
    }

    /// Who is in whose sight, with what these events make of it.
    pub fn sights(&self) -> &'a Sights {
        self.sights
    }

    /// For whom there may be something. The others needn't be looked at.
    pub fn reach(&self) -> Reach {
        let sessions = self.by_interest.keys().copied().collect();
        let mut reach = Reach { everybody: !self.of_all.is_empty(), others: false, sessions };
        for event in self.events {
            match event {
                Event::Channel(_) | Event::Roles | Event::OrganizationSettings | Event::Watches(_) => (),
                Event::Member(_)
                | Event::Moved { .. }
                | Event::Flags(_)
                | Event::Listens { .. }
                | Event::MemberGone(_)
                | Event::Presence(_)
                | Event::Suppressed(_) => reach.others = true,
                Event::Own(session) => {
                    reach.sessions.insert(*session);
                }
                Event::Access(access) => reach.sessions.extend(&access.sessions),
                Event::TextChannel { from, channel, .. } => {
                    reach.sessions.extend(self.state.within(*channel).map(|member| member.session));
                    reach.sessions.insert(*from);
                }
                Event::TextSession { from, session, .. } => reach.sessions.extend([*from, *session]),
            }
        }
        reach
    }

    /// What somebody is told, in order.
    pub fn bodies(&mut self, viewer: &Member) -> Vec<EncodedBody> {
        let access = self.access.get(&viewer.session).cloned();
        let mut bodies = Vec::new();
        for part in self.parts(viewer) {
            bodies.extend(self.part(part, viewer, access.is_some()));
        }
        for part in access.iter().flatten().flat_map(|parts| parts.iter()) {
            bodies.extend(self.of_access(part, viewer));
        }
        let turn = self.by_interest.get(&viewer.session).and_then(|told| told.turn.clone());
        if let Some(turn) = turn {
            bodies.push(EncodedBody::new(&event::Body::SightIs(show_sight(&turn.sight))));
            for channel in turn.came {
                let people = self.people(channel, viewer);
                let others = people.iter().filter(|(session, _)| *session != viewer.session);
                bodies.extend(others.map(|(_, row)| row.clone()));
            }
        }
        bodies
    }

    /// The events that somebody may be told, and of which channel's people where not of all.
    fn parts(&self, viewer: &Member) -> Vec<(usize, Option<ChannelId>)> {
        let whole = |index: &usize| (*index, None);
        if !self.sights.has(viewer.session) {
            return (0..self.events.len()).map(|index| (index, None)).collect();
        }
        match self.by_interest.get(&viewer.session) {
            Some(told) => {
                let all: BTreeSet<_> =
                    told.events.iter().copied().chain(self.of_all.iter().map(whole)).collect();
                all.into_iter().collect()
            }
            None => self.of_all.iter().map(whole).collect(),
        }
    }

    fn part(
        &mut self,
        (index, within): (usize, Option<ChannelId>),
        viewer: &Member,
        is_turned: bool,
    ) -> Option<EncodedBody> {
        let (state, event) = (self.state, self.events.get(index)?);
        let fresh = || {
            let shown = match (event, within) {
                (Event::Suppressed(sessions), Some(channel)) => {
                    let there = |session: &SessionId| {
                        state.member(*session).is_some_and(|member| member.channel == Some(channel))
                    };
                    let some = sessions.iter().copied().filter(there).collect();
                    state.show_event(&Event::Suppressed(some), viewer)
                }
                _ if is_turned => state.show_event(&event.for_the_turned(), viewer),
                _ => state.show_event(event, viewer),
            };
            shown.as_ref().map(EncodedBody::new)
        };
        if event.is_for_one(viewer) {
            return fresh();
        }
        let alike = ((Arc::as_ptr(&viewer.class), viewer.ceiling, is_turned), within);
        let shown = self.shown.get_mut(index)?;
        if let Some((_, body)) = shown.iter().find(|(whom, _)| *whom == alike) {
            return body.clone();
        }
        let body = fresh();
        shown.push((alike, body.clone()));
        body
    }

    fn of_access(&self, part: &OfAccess, viewer: &Member) -> Option<EncodedBody> {
        let by_interest = self.sights.has(viewer.session);
        match part {
            OfAccess::Body(body) => Some(body.clone()),
            // How loud it wants what, others aren't told.
            OfAccess::Row(session, _) if *session == viewer.session => {
                let row = self.state.show_member(viewer, Some(viewer));
                Some(EncodedBody::new(&event::Body::MemberIs(row)))
            }
            OfAccess::Row(session, body) => {
                let member = self.state.member(*session);
                let is_told =
                    !by_interest || member.is_some_and(|member| self.sights.sees(viewer.session, member));
                is_told.then(|| body.clone())
            }
            OfAccess::Counts(body) => by_interest.then(|| body.clone()),
        }
    }

    /// The people of a channel, for whoever sees it.
    fn people(&mut self, channel: ChannelId, viewer: &Member) -> Rc<Rows> {
        let alike = (Arc::as_ptr(&viewer.class), viewer.ceiling, false);
        let state = self.state;
        let people = self.came.entry((alike, channel)).or_insert_with(|| {
            let row = |member: &Member| {
                let row = state.show_as_other(member, viewer);
                (member.session, EncodedBody::new(&event::Body::MemberIs(row)))
            };
            Rc::new(state.within(channel).map(row).collect())
        });
        Rc::clone(people)
    }
}

/// What one session is told of events, where nobody is told by interest.
#[cfg(test)]
pub(super) fn told(state: &State, events: &[Event], session: SessionId) -> Vec<event::Body> {
    let mut sights = Sights::default();
    let mut telling = Telling::new(state, &mut sights, events);
    let viewer = state.member(session).unwrap();
    telling.bodies(viewer).iter().map(EncodedBody::body).collect()
}
