//! Making a decided change, and what others are told of it.

use super::{Change, State};
use crate::id::{ChannelId, SessionId, Timestamp, UserId};

/// What happened, for those who may see it. It names rows rather than carrying them: a viewer is told
/// a row as it is when the event is published, and being told twice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A channel is new or changed.
    Channel(ChannelId),
    /// A channel is gone.
    ChannelGone(ChannelId),
    /// A member is new or changed.
    Member(SessionId),
    /// A member is gone.
    MemberGone(SessionId),
    /// A text message to those in a channel, and to its writer.
    TextChannel {
        /// Who wrote it.
        from: SessionId,
        /// Their name then.
        name: String,
        /// Where to.
        channel: ChannelId,
        /// What.
        text: String,
        /// When.
        at: Timestamp,
    },
    /// A text message to one session, and to its writer.
    TextSession {
        /// Who wrote it.
        from: SessionId,
        /// Their name then.
        name: String,
        /// To whom.
        session: SessionId,
        /// What.
        text: String,
        /// When.
        at: Timestamp,
    },
}

impl State {
    /// Makes a change that [`State::decide`] or [`State::decide_arrival`] answered.
    pub fn apply(&mut self, change: Change) -> Vec<Event> {
        match change {
            Change::Nothing
            | Change::CreateUser { .. }
            | Change::OwnAccount { .. }
            | Change::Admission { .. } => Vec::new(),
            Change::Arrive(member) => {
                let session = member.session;
                self.members.insert(session, *member);
                vec![Event::Member(session)]
            }
            Change::Depart(session) | Change::End(session) => self.remove_member(session),
            Change::Place { session, channel } => self.place(session, channel),
            Change::SetSelf { session, mute, deaf } => {
                let Some(member) = self.members.get_mut(&session) else { return Vec::new() };
                (member.mute, member.deaf) = (mute, deaf);
                vec![Event::Member(session)]
            }
            Change::TextChannel { from, channel, text, at } => {
                let Some(name) = self.name_of(from) else { return Vec::new() };
                vec![Event::TextChannel { from, name, channel, text, at }]
            }
            Change::TextSession { from, session, text, at } => {
                let Some(name) = self.name_of(from) else { return Vec::new() };
                vec![Event::TextSession { from, name, session, text, at }]
            }
            Change::CreateChannel(channel) | Change::PutChannel(channel) => {
                let id = channel.id;
                self.next_channel = self.next_channel.max(id.0 + 1);
                self.channels.insert(id, channel);
                self.channel_changed(id)
            }
            Change::RemoveChannels(channels) => self.remove_channels(&channels),
            Change::SetUserDisabled { user, disabled } => {
                let ended = if disabled { self.sessions_of(user) } else { Vec::new() };
                ended.into_iter().flat_map(|session| self.remove_member(session)).collect()
            }
        }
    }

    /// The connected sessions of an account.
    pub fn sessions_of(&self, user: UserId) -> Vec<SessionId> {
        self.members
            .values()
            .filter(|member| member.user == Some(user))
            .map(|member| member.session)
            .collect()
    }

    fn name_of(&self, session: SessionId) -> Option<String> {
        self.members.get(&session).map(|member| member.name.clone())
    }

    fn remove_member(&mut self, session: SessionId) -> Vec<Event> {
        self.members.remove(&session).map(|_| Event::MemberGone(session)).into_iter().collect()
    }

    fn place(&mut self, session: SessionId, channel: Option<ChannelId>) -> Vec<Event> {
        let Some(member) = self.members.get_mut(&session) else { return Vec::new() };
        member.channel = channel;
        vec![Event::Member(session)]
    }

    /// A channel that moved brings other overwrites to those below and to the people in there.
    fn channel_changed(&self, channel: ChannelId) -> Vec<Event> {
        let mut below = self.subtree(channel);
        below.reverse();
        let within =
            self.members.values().filter(|member| member.channel.is_some_and(|id| below.contains(&id)));
        let people: Vec<_> = within.map(|member| Event::Member(member.session)).collect();
        below.into_iter().map(Event::Channel).chain(people).collect()
    }

    fn remove_channels(&mut self, channels: &[ChannelId]) -> Vec<Event> {
        let mut events = Vec::new();
        for member in self.members.values_mut() {
            if member.channel.is_some_and(|channel| channels.contains(&channel)) {
                member.channel = None;
                events.push(Event::Member(member.session));
            }
        }
        for channel in channels {
            self.channels.remove(channel);
            self.overwrites.remove(channel);
            events.push(Event::ChannelGone(*channel));
        }
        events
    }
}
