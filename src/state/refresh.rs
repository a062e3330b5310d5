//! Taking over what was changed in the store by other ways than requests of members.

use super::{Event, Member, State};
use crate::id::SessionId;
use crate::permission::RoleGrant;

/// What a member is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The account's name.
    pub name: String,
    /// The roles it has, with what they allow.
    pub grants: Vec<RoleGrant>,
}

impl State {
    /// Takes channels, roles and overwrites from `stored`, and each member's name and grants from
    /// `standing`; whom that has nothing for is removed. Answers with what others are to be told, and with
    /// those who were removed.
    pub fn refresh(
        &mut self,
        stored: Self,
        standing: impl Fn(&Member) -> Option<Standing>,
    ) -> (Vec<Event>, Vec<SessionId>) {
        let mut events = Vec::new();
        for channel in self.channels.keys().filter(|id| !stored.channels.contains_key(id)) {
            events.push(Event::ChannelGone(*channel));
        }
        let everything = self.roles != stored.roles || self.overwrites != stored.overwrites;
        for channel in stored.channels.values() {
            if everything || self.channels.get(&channel.id) != Some(channel) {
                events.push(Event::Channel(channel.id));
            }
        }
        self.channels = stored.channels;
        self.roles = stored.roles;
        self.overwrites = stored.overwrites;
        self.limits = stored.limits;
        self.next_channel = self.next_channel.max(stored.next_channel);
        let mut removed = Vec::new();
        for member in self.members.values_mut() {
            let Some(Standing { name, grants }) = standing(member) else {
                removed.push(member.session);
                continue;
            };
            let channel = member.channel.filter(|channel| self.channels.contains_key(channel));
            let is = Member { name, channel, grants, ..member.clone() };
            if everything || is != *member {
                events.push(Event::Member(member.session));
            }
            *member = is;
        }
        for session in &removed {
            self.members.remove(session);
            events.push(Event::MemberGone(*session));
        }
        (events, removed)
    }
}
