//! A client's copy of what it may see, kept by applying events. Applying one twice changes nothing more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thiserror::Error;

use crate::id::{ChannelId, RoleId, SessionId, Ssrc};
use crate::permission::Permissions;
use crate::protocol::wire::{self, Channel, Member, event};

/// Why a path leads to no channel.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no channel \"{path}\"; there are: {}", existing.join(", "))]
pub struct FindError {
    /// What was looked for.
    pub path: String,
    /// The paths that there are.
    pub existing: Vec<String>,
}

/// A role, as the server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its number.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// Nobody does anything to a role, or to somebody with one, at or above their own rank.
    pub rank: u32,
    /// 0xRRGGBB, for the names of those who have it.
    pub colour: Option<u32>,
    /// What it grants everywhere.
    pub allow: Permissions,
    /// It grants nothing to who has no second factor.
    pub second_factor: bool,
}

impl From<&wire::Role> for Role {
    fn from(role: &wire::Role) -> Self {
        Self {
            id: RoleId(role.id),
            name: role.name.clone(),
            rank: role.rank,
            colour: (role.colour != 0).then_some(role.colour),
            allow: Permissions::from_bits(role.allow),
            second_factor: role.second_factor,
        }
    }
}

/// What everybody meets who comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// Told to everybody who comes; may have several lines.
    pub welcome: String,
    /// Where one is put who comes.
    pub default_channel: Option<ChannelId>,
    /// Where one is put who did nothing for so long as [`Organization::afk_after`] says.
    pub afk_channel: Option<ChannelId>,
    /// How long that is.
    pub afk_after: Duration,
    /// Whether guests are let in.
    pub guests: bool,
    /// Who may make an account.
    pub registration: wire::Registration,
}

impl From<&wire::Organization> for Organization {
    fn from(organization: &wire::Organization) -> Self {
        let channel = |id| (id != 0).then_some(ChannelId(id));
        Self {
            name: organization.name.clone(),
            welcome: organization.welcome.clone(),
            default_channel: channel(organization.default_channel),
            afk_channel: channel(organization.afk_channel),
            afk_after: Duration::from_millis(organization.afk_ms),
            guests: organization.guests,
            registration: organization.registration(),
        }
    }
}

/// The channels and the people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The session that this is seen by; 0 before the snapshot.
    pub own_session: u64,
    /// Channels by identifier.
    pub channels: BTreeMap<u64, Channel>,
    /// Connected sessions by identifier.
    pub members: BTreeMap<u64, Member>,
    /// The channels whose people it is told of; nothing where it is told of everybody.
    pub sight: Option<BTreeSet<u64>>,
    /// How many are in the channels in which somebody is, where it is told of people by interest.
    pub counts: BTreeMap<u64, u32>,
    /// The roles, the highest rank first.
    pub roles: Vec<Role>,
    /// What everybody meets who comes.
    pub organization: Organization,
    /// What the server said before it ended the connection.
    pub goodbye: Option<String>,
}

impl View {
    /// Makes an event's change.
    pub fn apply(&mut self, event: &event::Body) {
        match event {
            event::Body::Snapshot(snapshot) => {
                self.own_session = snapshot.self_session;
                self.channels =
                    snapshot.channels.iter().map(|channel| (channel.id, channel.clone())).collect();
                self.members =
                    snapshot.members.iter().map(|member| (member.session, member.clone())).collect();
                self.organization =
                    snapshot.organization.as_ref().map(Organization::from).unwrap_or_default();
                self.roles = snapshot.roles.iter().flat_map(|roles| &roles.roles).map(Role::from).collect();
                self.sight = snapshot.sight.as_ref().map(|sight| sight.channels.iter().copied().collect());
                self.counts.clear();
                snapshot.counts.iter().for_each(|counts| self.count(counts));
            }
            event::Body::ChannelIs(channel) => {
                self.channels.insert(channel.id, channel.clone());
            }
            event::Body::ChannelGone(id) => {
                self.channels.remove(id);
                self.counts.remove(id);
            }
            event::Body::MemberIs(member) => {
                if self.sees(member) {
                    self.members.insert(member.session, member.clone());
                } else {
                    self.members.remove(&member.session);
                }
            }
            event::Body::MemberGone(session) => {
                self.members.remove(session);
            }
            event::Body::Suppressed(wire::Suppressed { sessions, no_more }) => {
                for (sessions, suppressed) in [(sessions, true), (no_more, false)] {
                    for session in sessions {
                        if let Some(member) = self.members.get_mut(session) {
                            member.suppressed = suppressed;
                        }
                    }
                }
            }
            event::Body::SightIs(sight) => {
                self.sight = Some(sight.channels.iter().copied().collect());
                let members = std::mem::take(&mut self.members);
                self.members = members.into_iter().filter(|(_, member)| self.sees(member)).collect();
            }
            event::Body::CountsAre(counts) => self.count(counts),
            event::Body::OrganizationIs(organization) => self.organization = organization.into(),
            event::Body::RolesAre(roles) => self.roles = roles.roles.iter().map(Role::from).collect(),
            event::Body::Goodbye(goodbye) => self.goodbye = Some(goodbye.message.clone()),
            event::Body::Text(_)
            | event::Body::Handshake(_)
            | event::Body::ElementChanged(_)
            | event::Body::ProfileChanged(_)
            | event::Body::PreferenceChanged(_) => (),
        }
    }

    /// Whether somebody is in its sight.
    fn sees(&self, member: &Member) -> bool {
        let within = |sight: &BTreeSet<u64>| sight.contains(&member.channel);
        member.session == self.own_session || self.sight.as_ref().is_none_or(within)
    }

    fn count(&mut self, counts: &wire::Counts) {
        for wire::ChannelCount { channel, people } in &counts.channels {
            if *people == 0 {
                self.counts.remove(channel);
            } else {
                self.counts.insert(*channel, *people);
            }
        }
    }

    /// How many are in a channel, whether it is told who they are or not.
    pub fn count_of(&self, channel: ChannelId) -> usize {
        let is_counted = self.sight.as_ref().is_some_and(|sight| !sight.contains(&channel.0));
        if is_counted {
            self.counts.get(&channel.0).copied().unwrap_or_default() as usize
        } else {
            self.members.values().filter(|member| member.channel == channel.0).count()
        }
    }

    /// This session's own row.
    pub fn own(&self) -> Option<&Member> {
        self.members.get(&self.own_session)
    }

    /// Whose voice an SSRC is.
    pub fn speaker(&self, ssrc: Ssrc) -> Option<&Member> {
        self.members.values().find(|member| member.ssrc == ssrc.0)
    }

    /// The channels directly below one, or at the top, in their order.
    pub fn children(&self, parent: Option<ChannelId>) -> Vec<&Channel> {
        let parent = parent.map_or(0, u64::from);
        let mut children: Vec<_> =
            self.channels.values().filter(|channel| channel.parent == parent).collect();
        children.sort_by_key(|channel| (channel.position, channel.name.to_lowercase()));
        children
    }

    /// The people in a channel, by name.
    pub fn people(&self, channel: Option<ChannelId>) -> Vec<&Member> {
        let channel = channel.map_or(0, u64::from);
        let mut people: Vec<_> = self.members.values().filter(|member| member.channel == channel).collect();
        people.sort_by_key(|member| (member.name.to_lowercase(), member.session));
        people
    }

    /// The channel of a path such as `Operations/Alpha Squad`, upper and lower case alike; a channel's
    /// name alone is enough where only one has it.
    pub fn find(&self, path: &str) -> Result<&Channel, FindError> {
        let wanted = path.trim_matches('/').to_lowercase();
        let named: Vec<_> = self.channels.values().filter(|c| c.name.to_lowercase() == wanted).collect();
        let by_path = self.channels.values().find(|channel| self.path(channel).to_lowercase() == wanted);
        match (by_path, named.as_slice()) {
            (Some(channel), _) => Ok(channel),
            (None, [only]) => Ok(only),
            (None, _) => {
                let mut existing: Vec<_> = self.channels.values().map(|channel| self.path(channel)).collect();
                existing.sort();
                Err(FindError { path: path.to_owned(), existing })
            }
        }
    }

    /// The names from the top down to a channel, with slashes between.
    pub fn path(&self, channel: &Channel) -> String {
        let mut names = vec![channel.name.as_str()];
        let mut parent = channel.parent;
        while let Some(above) = self.channels.get(&parent).filter(|_| names.len() <= self.channels.len()) {
            names.push(&above.name);
            parent = above.parent;
        }
        names.reverse();
        names.join("/")
    }

    /// Where this session is.
    pub fn own_channel(&self) -> Option<&Channel> {
        self.own().and_then(|own| self.channels.get(&own.channel))
    }

    /// A role by its number.
    pub fn role(&self, id: RoleId) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// The highest role that a member has.
    pub fn highest_role(&self, member: &Member) -> Option<&Role> {
        member.roles.iter().find_map(|id| self.role(RoleId(*id)))
    }

    /// The colour of a member's name, 0xRRGGBB: that of their highest role that has one.
    pub fn colour(&self, member: &Member) -> Option<u32> {
        member.roles.iter().find_map(|id| self.role(RoleId(*id))?.colour)
    }

    /// Those who hear a channel without being in it, by name.
    pub fn listening(&self, channel: ChannelId) -> Vec<&Member> {
        let listens =
            |member: &&Member| member.listening.iter().any(|listening| listening.channel == channel.0);
        let mut listening: Vec<_> = self.members.values().filter(listens).collect();
        listening.sort_by_key(|member| (member.name.to_lowercase(), member.session));
        listening
    }

    /// A member by session.
    pub fn member(&self, session: SessionId) -> Option<&Member> {
        self.members.get(&session.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::wire;

    fn channel(id: u64, parent: u64, name: &str) -> Channel {
        Channel { id, parent, name: name.to_owned(), ..Channel::default() }
    }

    #[test]
    fn channels_are_found_by_path_and_by_an_only_name() {
        let mut view = View::default();
        for row in
            [channel(1, 0, "Ops"), channel(2, 1, "Alpha"), channel(3, 0, "Alpha"), channel(4, 1, "Bravo")]
        {
            view.apply(&event::Body::ChannelIs(row));
        }
        assert_eq!(view.find("ops/alpha").unwrap().id, 2);
        assert_eq!(view.find("/Alpha/").unwrap().id, 3);
        assert_eq!(view.find("bravo").unwrap().id, 4);
        let error = view.find("charlie").unwrap_err().to_string();
        assert_eq!(error, "there is no channel \"charlie\"; there are: Alpha, Ops, Ops/Alpha, Ops/Bravo");
    }

    #[test]
    fn roles_colour_those_who_have_them() {
        let role = |id, rank, colour| wire::Role { id, rank, colour, ..Default::default() };
        let roles = wire::Roles { roles: vec![role(1, 100, 0), role(2, 50, 0x00_80_00), role(3, 10, 0xff)] };
        let mut view = View::default();
        view.apply(&event::Body::RolesAre(roles));
        let listening = vec![wire::Listening { channel: 7, volume: 0 }];
        let anna = Member { session: 1, roles: vec![1, 2, 3], listening, ..Member::default() };
        let ben = Member { session: 2, roles: vec![9], ..Member::default() };
        view.apply(&event::Body::MemberIs(anna.clone()));
        view.apply(&event::Body::MemberIs(ben.clone()));
        assert_eq!((view.colour(&anna), view.colour(&ben)), (Some(0x00_80_00), None));
        assert_eq!(view.highest_role(&anna).map(|role| role.rank), Some(100));
        assert_eq!(view.listening(ChannelId(7)), [&anna]);
        assert!(view.listening(ChannelId(8)).is_empty());
    }

    prop_compose! {
        fn any_event()(kind in 0..8_u8, id in 1..5_u64, other in 0..5_u64, flag: bool) -> event::Body {
            match kind {
                0 => event::Body::ChannelIs(channel(id, other, "x")),
                1 => event::Body::ChannelGone(id),
                2 => event::Body::MemberIs(Member { session: id, channel: other, mute: flag, ..Member::default() }),
                3 => event::Body::MemberGone(id),
                4 => event::Body::RolesAre(wire::Roles { roles: vec![wire::Role { id, ..Default::default() }] }),
                5 => event::Body::OrganizationIs(wire::Organization { default_channel: other, ..Default::default() }),
                6 => event::Body::Goodbye(wire::Goodbye { code: 12, message: id.to_string(), reason: id.to_string(), until_ms: 0 }),
                _ => event::Body::Snapshot(wire::Snapshot {
                    channels: vec![channel(id, other, "y")], self_session: id, ..Default::default()
                }),
            }
        }
    }

    proptest! {
        #[test]
        fn an_event_applied_twice_changes_nothing_more(events in proptest::collection::vec(any_event(), 0..20)) {
            let (mut once, mut twice) = (View::default(), View::default());
            for event in &events {
                once.apply(event);
                twice.apply(event);
                twice.apply(event);
            }
            prop_assert_eq!(&once, &twice);
            for channel in once.channels.values() {
                let _ = once.path(channel);
            }
        }
    }
}
