//! Taking over what was changed in the store by other ways than requests of members.

use super::{Event, Held, Member, State, Stored};
use crate::id::SessionId;

/// What a member is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The account's name.
    pub name: String,
    /// The roles it has.
    pub roles: Vec<Held>,
    /// Whether it has a second factor.
    pub second_factor: bool,
}

impl State {
    /// Takes channels, roles and overwrites from `stored`, and each member's name and roles from
    /// `standing`; whom that has nothing for is removed. Answers with what others are to be told, and with
    /// those who were removed.
    pub fn refresh(
        &mut self,
        stored: Stored,
        standing: impl Fn(&Member) -> Option<Standing>,
    ) -> (Vec<Event>, Vec<SessionId>) {
        let before = self.rated();
        let Self { channels, roles, overwrites, lobby, named, limits, next_channel, next_role, .. } =
            Self::new(stored, self.now);
        let gone: Vec<_> = self.channels.keys().filter(|id| !channels.contains_key(id)).copied().collect();
        let is_other = |id, channel| self.channels.get(id) != Some(channel);
        let changed: Vec<_> =
            channels.iter().filter(|(id, channel)| is_other(id, channel)).map(|(id, _)| *id).collect();
        let mut events = self.remove_channels(&gone);
        events.extend(changed.into_iter().map(Event::Channel));
        if self.roles != roles {
            events.push(Event::Roles);
        }
        if self.lobby != lobby {
            events.push(Event::Lobby);
        }
        (self.channels, self.roles, self.overwrites) = (channels, roles, overwrites);
        (self.lobby, self.named, self.limits) = (lobby, named, limits);
        self.next_channel = self.next_channel.max(next_channel);
        self.next_role = self.next_role.max(next_role);
        let mut removed = Vec::new();
        for member in self.members.values_mut() {
            let Some(Standing { name, roles, second_factor }) = standing(member) else {
                removed.push(member.session);
                continue;
            };
            let is = Member { name, roles, second_factor, ..member.clone() };
            if is != *member {
                events.push(Event::Member(member.session));
            }
            *member = is;
        }
        self.classes.clear();
        self.classify(|_| true);
        events.extend(removed.iter().flat_map(|session| self.remove_member(*session)));
        self.note_emptiness();
        events.extend(self.told_of(&before));
        (events, removed)
    }
}
