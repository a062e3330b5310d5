//! Who is in whose sight, of those who are told of people by interest (docs/protocol.md, "Presence by interest"): they are told
//! of the people in the channels that they are in, listen to or watch, as far as they see these, and of the others how many there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::{Event, Member, State};
use crate::id::{ChannelId, SessionId};
use crate::protocol::wire;

/// Counts are told no more often, ...
const COUNTS: Duration = Duration::from_secs(1);

/// ... nor than this for each who is told: all of them together are sent a thousand a second at most.
const COUNTS_EACH: Duration = Duration::from_millis(1);

/// Who is in whose sight, and how many are where, as it was told last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sights {
    /// The channels in the sight of each who is told by interest.
    of: BTreeMap<SessionId, BTreeSet<ChannelId>>,
    /// The same, by channel.
    by: BTreeSet<(ChannelId, SessionId)>,
    /// Where people are who are in a channel.
    places: HashMap<SessionId, ChannelId>,
    /// How many are in the channels in which somebody is.
    people: BTreeMap<ChannelId, u32>,
    /// Channels in which others are since counts were told.
    recounted: BTreeSet<ChannelId>,
    /// How many are connected, and whether that were as many then.
    connected: usize,
    is_recounted: bool,
    counted_at: Option<Duration>,
}

/// What somebody is told by interest of a batch of events, beside those that everybody is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The events, by their places in the batch; of one that is about several people, those in one channel.
    pub events: BTreeSet<(usize, Option<ChannelId>)>,
    /// Their sight, where it is another.
    pub turn: Option<Turn>,
}

/// Somebody's sight is another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The channels in it.
    pub sight: BTreeSet<ChannelId>,
    /// Those that weren't in it.
    pub came: Vec<ChannelId>,
}

impl State {
    /// The channels whose people somebody is told of by interest.
    pub fn sight(&self, member: &Member) -> BTreeSet<ChannelId> {
        let wanted = member.channel.iter().chain(member.listening.keys()).chain(&member.watching);
        let seen = |channel: &ChannelId| self.channels.contains_key(channel) && self.sees(member, *channel);
        wanted.copied().filter(seen).collect()
    }
}

impl Sights {
    /// Follows what happened, and answers with what that is to those who are told by interest, where it is anything.
    pub fn follow(&mut self, state: &State, events: &[Event]) -> BTreeMap<SessionId, Told> {
        let mut told: BTreeMap<SessionId, Told> = BTreeMap::new();
        // Whoever had somebody in their sight is told what becomes of them.
        let mut turned = BTreeSet::new();
        for (index, event) in events.iter().enumerate() {
            if let Some(session) = whom(event) {
                let was = self.places.get(&session).copied();
                self.tell(&mut told, was.into_iter().flat_map(|was| self.watchers(was)), (index, None));
                self.tell(&mut told, [session], (index, None));
            }
            turned.extend(whom(event));
            match event {
                Event::Watches(session) => turned.extend([*session]),
                Event::Access(access) => turned.extend(&access.sessions),
                _ => (),
            }
        }
        self.is_recounted |= self.connected != state.members.len();
        self.connected = state.members.len();
        for session in turned {
            self.place(state, session);
            if let Some(turn) = self.look(state, session) {
                told.entry(session).or_default().turn = Some(turn);
            }
        }
        // And so is whoever has them in their sight now.
        for (index, event) in events.iter().enumerate() {
            self.follow_one(state, (index, event), &mut told);
        }
        if self.of.is_empty() {
            (self.recounted, self.is_recounted) = (BTreeSet::new(), false);
        }
        told
    }

    fn follow_one(
        &self,
        state: &State,
        (index, event): (usize, &Event),
        told: &mut BTreeMap<SessionId, Told>,
    ) {
        let place = |session: SessionId| state.members.get(session).and_then(|member| member.channel);
        let watchers = |place: Option<ChannelId>| place.into_iter().flat_map(|place| self.watchers(place));
        match event {
            Event::Suppressed(sessions) => {
                let places: BTreeSet<_> = sessions.iter().filter_map(|session| place(*session)).collect();
                for place in places {
                    self.tell(told, self.watchers(place), (index, Some(place)));
                }
            }
            Event::Own(session) => self.tell(told, [*session], (index, None)),
            Event::TextChannel { from, channel, .. } => {
                let within = state.within(*channel).map(|member| member.session);
                self.tell(told, within.chain([*from]), (index, None));
            }
            Event::TextSession { from, session, .. } => {
                self.tell(told, [*from, *session], (index, None));
            }
            event => {
                let is = whom(event).and_then(place);
                self.tell(told, watchers(is), (index, None));
            }
        }
    }

    /// Those who have a channel in their sight.
    fn watchers(&self, channel: ChannelId) -> impl Iterator<Item = SessionId> {
        let all = (channel, SessionId(0))..=(channel, SessionId(u64::MAX));
        self.by.range(all).map(|(_, session)| *session)
    }

    fn tell(
        &self,
        told: &mut BTreeMap<SessionId, Told>,
        whom: impl IntoIterator<Item = SessionId>,
        part: (usize, Option<ChannelId>),
    ) {
        for session in whom.into_iter().filter(|session| self.of.contains_key(session)) {
            told.entry(session).or_default().events.insert(part);
        }
    }

    /// Somebody is where the state says from now on.
    fn place(&mut self, state: &State, session: SessionId) {
        let member = state.members.get(session);
        let is = member.and_then(|member| member.channel);
        let was = match is {
            Some(channel) => self.places.insert(session, channel),
            None => self.places.remove(&session),
        };
        if was == is {
            return;
        }
        self.recounted.extend(was.into_iter().chain(is));
        if let Some(was) = was
            && let Some(people) = self.people.get_mut(&was)
        {
            *people -= 1;
            if *people == 0 {
                self.people.remove(&was);
            }
        }
        if let Some(is) = is {
            *self.people.entry(is).or_default() += 1;
        }
    }

    /// Somebody's sight is what the state says from now on. Answers with what it is, where that is another.
    fn look(&mut self, state: &State, session: SessionId) -> Option<Turn> {
        let viewer = state.members.get(session).filter(|member| member.by_interest);
        let sight = viewer.map(|viewer| state.sight(viewer));
        let was = match &sight {
            Some(sight) => self.of.insert(session, sight.clone()),
            None => self.of.remove(&session),
        };
        let (is_new, was) = (was.is_none(), was.unwrap_or_default());
        let is = sight.clone().unwrap_or_default();
        for gone in was.difference(&is) {
            self.by.remove(&(*gone, session));
        }
        let came: Vec<_> = is.difference(&was).copied().collect();
        self.by.extend(came.iter().map(|channel| (*channel, session)));
        sight.filter(|sight| is_new || *sight != was).map(|sight| Turn { sight, came })
    }

    /// Whether somebody is told by interest.
    pub fn has(&self, session: SessionId) -> bool {
        self.of.contains_key(&session)
    }

    /// Those who are told by interest.
    pub fn viewers(&self) -> impl ExactSizeIterator<Item = SessionId> {
        self.of.keys().copied()
    }

    /// Whether one has another in its sight, who is where the state says.
    pub fn sees(&self, viewer: SessionId, member: &Member) -> bool {
        let within = |channel| self.of.get(&viewer).is_some_and(|sight| sight.contains(&channel));
        viewer == member.session || member.channel.is_some_and(within)
    }

    /// What is in somebody's sight, to begin with: the people, and the counts of all channels that they see.
    pub fn show(&self, state: &State, viewer: &Member) -> wire::Snapshot {
        let sight = state.sight(viewer);
        let within = sight.iter().flat_map(|channel| state.within(*channel));
        let others = within.filter(|member| member.session != viewer.session);
        let members = std::iter::once(viewer).chain(others);
        wire::Snapshot {
            members: members.map(|member| state.show_member(member, Some(viewer))).collect(),
            self_session: viewer.session.0,
            counts: Some(self.counts(state, viewer, self.people.keys().copied())),
            sight: Some(show_sight(&sight)),
            ..wire::Snapshot::default()
        }
    }

    /// How many are in some channels, of those that somebody sees.
    pub fn counts(
        &self,
        state: &State,
        viewer: &Member,
        among: impl IntoIterator<Item = ChannelId>,
    ) -> wire::Counts {
        let seen = |channel: &ChannelId| state.channels.contains_key(channel) && state.sees(viewer, *channel);
        let count = |channel: ChannelId| wire::ChannelCount {
            channel: channel.0,
            people: self.people.get(&channel).copied().unwrap_or_default(),
        };
        wire::Counts {
            channels: among.into_iter().filter(seen).map(count).collect(),
            connected: u32::try_from(state.members.len()).unwrap_or(u32::MAX),
        }
    }

    /// When counts are to be told, if they are; by monotonic time.
    pub fn next_counts(&self) -> Option<Duration> {
        let is_due = !self.of.is_empty() && (self.is_recounted || !self.recounted.is_empty());
        let viewers = u32::try_from(self.of.len()).unwrap_or(u32::MAX);
        let between = COUNTS.max(COUNTS_EACH.saturating_mul(viewers));
        is_due.then(|| self.counted_at.map_or(Duration::ZERO, |at| at.saturating_add(between)))
    }

    /// The channels whose counts are to be told now. They count as told then.
    pub fn take_counts(&mut self, now: Duration) -> Option<BTreeSet<ChannelId>> {
        self.next_counts().filter(|next| *next <= now)?;
        (self.counted_at, self.is_recounted) = (Some(now), false);
        Some(std::mem::take(&mut self.recounted))
    }
}

/// Whom those are told of by an event who have them in their sight.
fn whom(event: &Event) -> Option<SessionId> {
    match event {
        Event::Member(session)
        | Event::Moved { session, .. }
        | Event::Flags(session)
        | Event::Listens { session, .. }
        | Event::MemberGone(session)
        | Event::Presence(session) => Some(*session),
        Event::Suppressed(_)
        | Event::Own(_)
        | Event::Watches(_)
        | Event::Access(_)
        | Event::TextChannel { .. }
        | Event::TextSession { .. }
        | Event::Channel(_)
        | Event::Roles
        | Event::OrganizationSettings => None,
    }
}

/// A sight, for whoever has it.
pub(super) fn show_sight(sight: &BTreeSet<ChannelId>) -> wire::Sight {
    wire::Sight { channels: sight.iter().map(|channel| channel.0).collect() }
}
