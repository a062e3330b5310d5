//! Making a decided change.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::access::Whom;
use super::people::Mark;
use super::{Change, Channel, Event, Member, PasswordMark, Recording, State, Target};
use crate::id::{ChannelId, SessionId, UserId};

impl State {
    /// Makes a change that [`State::decide`] or [`State::decide_arrival`] answered.
    pub fn apply(&mut self, change: Change) -> Vec<Event> {
        match change {
            Change::Nothing => Vec::new(),
            Change::Arrive(member) => self.admit(*member),
            Change::Depart(session) | Change::End { session, .. } | Change::Kick { session, .. } => {
                self.remove_member(session)
            }
            Change::Move { session, channel, shown } => {
                self.learn(session, channel, shown);
                self.place(session, channel)
            }
            Change::SetSelf { session, mute, deaf } => self.member_is(session, |member| {
                (member.mute, member.deaf) = (mute, deaf);
                Event::Flags(session)
            }),
            Change::Present { session, flags, away, status, context } => {
                self.set_presence(session, flags, away, status, context)
            }
            Change::Listen { session, channel, volume, shown } => {
                self.learn(session, Some(channel), shown);
                self.listen(session, channel, volume)
            }
            Change::Watch { session, channels } => self.watch(session, channels),
            Change::SetTarget { session, flow, targets } => self.set_target(session, flow, targets),
            Change::Moderate { session, muted, deafened, suppressed, priority } => {
                self.moderate(session, (muted, deafened), (suppressed, priority))
            }
            Change::SetUserDisabled { user, disabled } => {
                let ended = if disabled { self.sessions_of(user) } else { Vec::new() };
                ended.into_iter().flat_map(|session| self.remove_member(session)).collect()
            }
            Change::TextChannel { from, channel, text, at } => {
                let (from, name) = (from.session, from.name);
                vec![Event::TextChannel { from, name, channel, text, at }]
            }
            Change::TextSession { from, session, text, at } => {
                let (from, name) = (from.session, from.name);
                vec![Event::TextSession { from, name, session, text, at }]
            }
            Change::CreateChannel(channel) => self.add_channel(channel),
            Change::PutChannel(channel) => self.put_channel(channel),
            Change::RemoveChannels(channels) => self.remove_channels(&channels),
            Change::Link { channel, other, linked } => {
                self.set_link(channel, other, linked);
                self.set_link(other, channel, linked);
                self.touch_everything();
                vec![Event::Channel(channel), Event::Channel(other)]
            }
            Change::Record { channel, by } => {
                let Some(name) = self.name_of(by) else { return Vec::new() };
                self.recordings.insert(channel, Recording { by, name, since: self.now });
                vec![Event::Channel(channel)]
            }
            Change::StopRecording(channel) => self.end_recording(channel),
            Change::PutSettings(settings) => {
                self.settings = settings;
                vec![Event::OrganizationSettings]
            }
            Change::CreateRole(role) => {
                self.next_role = self.next_role.max(role.id.0 + 1);
                self.set_role(role);
                vec![Event::Roles]
            }
            Change::PutRole(role) => self.put_role(role),
            Change::RemoveRole(role) => self.remove_role(role),
            Change::Grant { user, held } => self.grant(user, held),
            Change::Revoke { user, role } => self.revoke(user, role),
            Change::PutOverwrite(overwrite) => self.put_overwrite(overwrite),
            Change::RemoveOverwrite { channel, subject } => self.remove_overwrite(channel, subject),
        }
    }

    fn admit(&mut self, member: Member) -> Vec<Event> {
        let (session, class) = (member.session, self.class_of(&member));
        // A session that is replaced is in no channel any more.
        let mut events = self.end_recordings_of(session);
        let from = self.members.get(session).and_then(|before| before.channel);
        let to = member.channel;
        self.put_member(Member { class, ..member });
        self.note_emptiness(from.into_iter().chain(to));
        events.push(Event::Member(session));
        events
    }

    fn watch(&mut self, session: SessionId, channels: BTreeSet<ChannelId>) -> Vec<Event> {
        self.member_is(session, |member| {
            member.watching = channels;
            Event::Watches(session)
        })
    }

    fn set_presence(
        &mut self,
        session: SessionId,
        flags: Option<(bool, bool)>,
        away: Option<bool>,
        status: Option<String>,
        context: Option<Bytes>,
    ) -> Vec<Event> {
        self.member_is(session, |member| {
            let moves = flags.is_some() || context.is_some();
            (member.mute, member.deaf) = flags.unwrap_or((member.mute, member.deaf));
            member.away = away.unwrap_or(member.away);
            member.status = status.unwrap_or_else(|| std::mem::take(&mut member.status));
            member.context = context.unwrap_or_else(|| member.context.clone());
            if moves { Event::Flags(session) } else { Event::Presence(session) }
        })
    }

    /// Whoever has shown a channel's password needn't show it again while it stays.
    fn learn(&mut self, session: SessionId, channel: Option<ChannelId>, shown: Option<PasswordMark>) {
        if let (Some(channel), Some(shown)) = (channel, shown) {
            self.members.change(session, |member| member.passwords.insert(channel, shown));
        }
    }

    fn listen(&mut self, session: SessionId, channel: ChannelId, volume: Option<u32>) -> Vec<Event> {
        self.member_is(session, |member| {
            let before = match volume {
                Some(volume) => member.listening.insert(channel, volume),
                None => member.listening.remove(&channel),
            };
            // How loud is nobody else's business.
            if before.is_some() == volume.is_some() {
                Event::Own(session)
            } else {
                Event::Listens { session, channel }
            }
        })
    }

    fn set_target(&mut self, session: SessionId, flow: u32, targets: Vec<Target>) -> Vec<Event> {
        self.member_is(session, |member| {
            if targets.is_empty() {
                member.targets.remove(&flow);
            } else {
                member.targets.insert(flow, targets);
            }
            Event::Own(session)
        })
    }

    /// The first two are the person's, in whatever session; the others the session's, in its channel.
    fn moderate(
        &mut self,
        session: SessionId,
        (muted, deafened): (Option<bool>, Option<bool>),
        (suppressed, priority): (Option<bool>, Option<bool>),
    ) -> Vec<Event> {
        let user = self.members.get(session).and_then(|member| member.user);
        let mut events = self.member_is(session, |member| {
            member.suppressed = suppressed.unwrap_or(member.suppressed);
            member.priority = priority.unwrap_or(member.priority);
            Event::Flags(session)
        });
        let theirs = user.map_or_else(|| vec![session], |user| self.sessions_of(user));
        for session in theirs {
            events.extend(self.member_is(session, |member| {
                member.muted = muted.unwrap_or(member.muted);
                member.deafened = deafened.unwrap_or(member.deafened);
                Event::Flags(session)
            }));
        }
        events
    }

    /// A channel is this from now on, under its name.
    fn set_channel(&mut self, channel: Channel) {
        let old = self.channels.get(&channel.id).map(|old| (old.parent, old.name.as_str()));
        self.channel_looks.rename(channel.id, old, Some((channel.parent, &channel.name)));
        if let Some((parent, _)) = old {
            self.below.remove(&(parent, channel.id));
        }
        self.below.insert((channel.parent, channel.id));
        self.channels.insert(channel.id, Arc::new(channel));
    }

    fn add_channel(&mut self, channel: Channel) -> Vec<Event> {
        let id = channel.id;
        self.next_channel = self.next_channel.max(id.0 + 1);
        if channel.temporary_ms.is_some() {
            self.empty.insert(id, self.now.monotonic);
        }
        // Whoever speaks to all below one speaks there, too.
        self.members.touched.channels.extend(channel.parent);
        self.set_channel(channel);
        self.overwrites_change(None, &[id]);
        vec![Event::Channel(id)]
    }

    pub(super) fn member_is(
        &mut self,
        session: SessionId,
        change: impl FnOnce(&mut Member) -> Event,
    ) -> Vec<Event> {
        self.members.change(session, change).into_iter().collect()
    }

    /// The connected sessions of an account.
    pub fn sessions_of(&self, user: UserId) -> Vec<SessionId> {
        self.members.sessions(Mark::Of(user))
    }

    fn name_of(&self, session: SessionId) -> Option<String> {
        self.members.get(session).map(|member| member.name.clone())
    }

    pub(super) fn remove_member(&mut self, session: SessionId) -> Vec<Event> {
        let mut events = self.end_recordings_of(session);
        if let Some(was) = self.members.take(session) {
            self.let_go(Some(&was));
            events.push(Event::MemberGone(session));
            self.note_emptiness(was.channel);
        }
        events
    }

    /// Puts somebody somewhere. What holds for one channel doesn't go along: a recording, being a priority
    /// speaker, being suppressed.
    pub(super) fn place(&mut self, session: SessionId, channel: Option<ChannelId>) -> Vec<Event> {
        if self.members.get(session).is_none_or(|member| member.channel == channel) {
            return Vec::new();
        }
        let mut events = self.end_recordings_of(session);
        let from = self.members.change(session, |member| {
            (member.suppressed, member.priority) = (false, false);
            std::mem::replace(&mut member.channel, channel)
        });
        if let Some(from) = from {
            events.push(Event::Moved { session, from });
            self.note_emptiness(from.into_iter().chain(channel));
        }
        events
    }

    fn end_recordings_of(&mut self, session: SessionId) -> Vec<Event> {
        let theirs = self.recordings.iter().filter(|(_, recording)| recording.by == session);
        let channels: Vec<_> = theirs.map(|(channel, _)| *channel).collect();
        channels.into_iter().flat_map(|channel| self.end_recording(channel)).collect()
    }

    pub(super) fn end_recording(&mut self, channel: ChannelId) -> Vec<Event> {
        self.recordings.remove(&channel).map(|_| Event::Channel(channel)).into_iter().collect()
    }

    fn set_link(&mut self, channel: ChannelId, other: ChannelId, linked: bool) {
        let Some(channel) = self.channels.get_mut(&channel).map(Arc::make_mut) else { return };
        channel.links.retain(|link| *link != other);
        if linked {
            channel.links.push(other);
            channel.links.sort_unstable();
        }
    }

    /// A channel that moved brings other overwrites to those below and to the people in there.
    fn put_channel(&mut self, channel: Channel) -> Vec<Event> {
        let id = channel.id;
        let old = self.channels.get(&id);
        let moved = old.is_none_or(|old| old.parent != channel.parent);
        let relocked = old.is_none_or(|old| old.password != channel.password);
        if moved || relocked {
            self.touch_everything();
        }
        if !moved {
            self.set_channel(channel);
            let mut events = vec![Event::Channel(id)];
            if relocked {
                events.extend(self.listeners_of(id));
            }
            return events;
        }
        let before = self.clone();
        let places: Vec<_> = before.path(id);
        self.set_channel(channel);
        let below = self.subtree(id);
        self.overwrites_change(None, &below);
        let mut events = vec![Event::Channel(id)];
        events.extend(self.told_of(&before, &Whom::All, Some(&below)));
        // Those above it have less, or more, below them.
        self.note_emptiness(places.into_iter().chain([id]));
        events
    }

    /// Those who want to hear a channel are shown with it while they may.
    pub(super) fn listeners_of(&self, channel: ChannelId) -> Vec<Event> {
        let wanting = self.members.marked(Mark::Hears(channel));
        wanting.map(|member| Event::Listens { session: member.session, channel }).collect()
    }

    /// Channels go. Only those who saw one are told that it is gone.
    fn remove_channels(&mut self, channels: &[ChannelId]) -> Vec<Event> {
        let before = self.clone();
        let mut events = self.take_away(channels);
        events.extend(self.told_of(&before, &Whom::All, Some(channels)));
        self.forget(channels);
        in_order(&mut events, channels);
        events
    }

    /// Takes channels out, the deepest first. What is told of it is left for [`State::told_of`] to say.
    pub(super) fn take_away(&mut self, channels: &[ChannelId]) -> Vec<Event> {
        let mut events = Vec::new();
        for channel in channels {
            let within: Vec<_> = self.within(*channel).map(|member| member.session).collect();
            events.extend(within.into_iter().flat_map(|session| self.place(session, None)));
            let minded: BTreeSet<_> = [Mark::Shown(*channel), Mark::Hears(*channel)]
                .into_iter()
                .flat_map(|mark| self.members.sessions(mark))
                .collect();
            for session in minded {
                self.members.change(session, |member| {
                    member.passwords.remove(channel);
                    member.listening.remove(channel);
                });
            }
            let gone = self.channels.remove(channel);
            if let Some(gone) = &gone {
                self.below.remove(&(gone.parent, *channel));
                self.channel_looks.rename(*channel, Some((gone.parent, &gone.name)), None);
            }
            let links = gone.map(|gone| gone.links.clone()).unwrap_or_default();
            for other in links {
                self.set_link(other, *channel, false);
                events.push(Event::Channel(other));
            }
            self.overwrites.remove(channel);
            self.empty.remove(channel);
            self.recordings.remove(channel);
            if self.settings.default_channel == Some(*channel) {
                self.settings.default_channel = None;
                events.push(Event::OrganizationSettings);
            }
            if self.settings.afk_channel == Some(*channel) {
                self.settings.afk_channel = None;
                events.push(Event::OrganizationSettings);
            }
        }
        self.touch_everything();
        events
    }
}

/// Has those that are gone told in the order in which they went, each before its parent.
pub(super) fn in_order(events: &mut [Event], gone: &[ChannelId]) {
    let order: HashMap<ChannelId, usize> = gone.iter().copied().zip(0..).collect();
    for event in events {
        if let Event::Access(access) = event {
            access.hidden.sort_by_key(|channel| order.get(channel));
        }
    }
}
