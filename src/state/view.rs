//! The state as one session may see it, in messages.

use super::{Channel, Event, Member, State};
use crate::id::{ChannelId, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{self, event, text};

impl State {
    /// All that `viewer` may see; a session that isn't connected sees nothing, and the operator,
    /// given as `None`, everything.
    pub fn snapshot(&self, viewer: Option<SessionId>) -> wire::Snapshot {
        let viewer_member = viewer.and_then(|session| self.members.get(&session));
        if viewer.is_some() && viewer_member.is_none() {
            return wire::Snapshot::default();
        }
        wire::Snapshot {
            channels: self
                .channels
                .values()
                .filter_map(|channel| self.show_channel(channel, viewer_member))
                .collect(),
            members: self.members.values().map(|member| self.show_member(member, viewer_member)).collect(),
            self_session: viewer.map_or(0, u64::from),
            ..Default::default()
        }
    }

    /// What `viewer` is told of an event, if anything. Rows are shown as they are now.
    pub fn show_event(&self, event: &Event, viewer: &Member) -> Option<event::Body> {
        match event {
            Event::Channel(id) => {
                let channel = self.channels.get(id)?;
                self.show_channel(channel, Some(viewer)).map(event::Body::ChannelIs)
            }
            Event::ChannelGone(id) => Some(event::Body::ChannelGone(id.0)),
            Event::Member(session) => {
                let member = self.members.get(session)?;
                Some(event::Body::MemberIs(self.show_member(member, Some(viewer))))
            }
            Event::MemberGone(session) => {
                (!self.members.contains_key(session)).then_some(event::Body::MemberGone(session.0))
            }
            Event::TextChannel { from, name, channel, text, at } => {
                let reads = viewer.channel == Some(*channel) || viewer.session == *from;
                let body = show_text(*from, name, text::To::Channel(channel.0), text, at.0);
                reads.then_some(event::Body::Text(body))
            }
            Event::TextSession { from, name, session, text, at } => {
                let reads = viewer.session == *session || viewer.session == *from;
                let body = show_text(*from, name, text::To::Session(session.0), text, at.0);
                reads.then_some(event::Body::Text(body))
            }
        }
    }

    fn show_channel(&self, channel: &Channel, viewer: Option<&Member>) -> Option<wire::Channel> {
        let permissions = viewer.map_or(Permissions::ALL, |viewer| self.permissions(viewer, channel.id));
        permissions.contains(Permissions::VIEW).then(|| wire::Channel {
            id: channel.id.0,
            parent: channel.parent.map_or(0, u64::from),
            name: channel.name.clone(),
            description: channel.description.clone(),
            position: channel.position,
            mode: channel.mode.into(),
            permissions: permissions.bits(),
            // Identifiers are dense counters, so the low half is unique for four thousand million channels.
            alias: (channel.id.0 & u64::from(u32::MAX)) as u32,
            ..Default::default()
        })
    }

    fn show_member(&self, member: &Member, viewer: Option<&Member>) -> wire::Member {
        let visible = |channel: &ChannelId| {
            viewer.is_none_or(|viewer| self.permissions(viewer, *channel).contains(Permissions::VIEW))
        };
        wire::Member {
            session: member.session.0,
            user: member.user.map_or(0, u64::from),
            name: member.name.clone(),
            channel: member.channel.filter(visible).map_or(0, u64::from),
            mute: member.mute,
            deaf: member.deaf,
            suppressed: self.suppressed(member),
            ssrc: member.ssrc.0,
            kind: member.kind.into(),
            client: member.client.clone(),
            ..Default::default()
        }
    }
}

fn show_text(from: SessionId, name: &str, to: text::To, text: &str, sent_ms: u64) -> wire::Text {
    let (from_session, from_name, text) = (from.0, name.to_owned(), text.to_owned());
    wire::Text { from_session, from_name, to: Some(to), text, sent_ms }
}
