//! The state as one session may see it, in messages.

use std::collections::BTreeSet;

use super::people::Mark;
use super::{Access, Channel, Denied, Event, Held, Member, OrganizationSettings, Role, State};
use crate::id::{ChannelId, SessionId, Ssrc};
use crate::permission::Permissions;
use crate::protocol::wire::{self, event, text};

impl State {
    /// All that `viewer` may see; the machine's owner, given as `None`, sees everything.
    pub fn snapshot(&self, viewer: Option<&Member>) -> wire::Snapshot {
        wire::Snapshot {
            channels: self
                .channels
                .values()
                .filter_map(|channel| self.show_channel(channel, viewer))
                .collect(),
            members: self.members.iter().map(|member| self.show_member(member, viewer)).collect(),
            self_session: viewer.map_or(0, |member| member.session.0),
            organization: Some(self.show_settings(viewer)),
            roles: Some(self.show_roles()),
            ..wire::Snapshot::default()
        }
    }

    /// The same without people: what all see alike who may do the same.
    pub(super) fn show_place(&self, viewer: &Member) -> wire::Snapshot {
        wire::Snapshot {
            channels: self
                .channels
                .values()
                .filter_map(|channel| self.show_channel(channel, Some(viewer)))
                .collect(),
            organization: Some(self.show_settings(Some(viewer))),
            roles: Some(self.show_roles()),
            ..wire::Snapshot::default()
        }
    }

    /// The people of a channel as `viewer` may see it, in order of session from the one after `after` on, and whether there are more
    /// than `most`. Without a channel they are those whose channel the viewer isn't told: they are in none, or in one that it doesn't see.
    pub fn page(
        &self,
        channel: Option<ChannelId>,
        after: SessionId,
        most: usize,
        viewer: Option<&Member>,
    ) -> Result<(Vec<wire::Member>, bool), Denied> {
        let sees = |channel: ChannelId| viewer.is_none_or(|viewer| self.sees(viewer, channel));
        let mut members: Vec<_> = if let Some(channel) = channel {
            if !self.channels.contains_key(&channel) || !sees(channel) {
                return Err(Denied::NoSuchChannel);
            }
            let all = self.members.marked_after(Mark::In(channel), after);
            all.take(most + 1).map(|member| self.show_member(member, viewer)).collect()
        } else {
            let unseen = |member: &&Member| !member.channel.is_some_and(sees);
            let all = self.members.iter_after(after).filter(unseen);
            all.take(most + 1).map(|member| self.show_member(member, viewer)).collect()
        };
        let more = members.len() > most;
        members.truncate(most);
        Ok((members, more))
    }

    /// Whoever's packets carry an SSRC, as `viewer` may see them.
    pub fn show_speaker(&self, ssrc: Ssrc, viewer: Option<&Member>) -> Option<wire::Member> {
        self.speaker(ssrc).map(|member| self.show_member(member, viewer))
    }

    /// What `viewer` is told of an event, if anything. Rows are shown as they are now.
    pub fn show_event(&self, event: &Event, viewer: &Member) -> Option<event::Body> {
        match event {
            Event::Channel(id) => {
                let channel = self.channels.get(id)?;
                self.show_channel(channel, Some(viewer)).map(event::Body::ChannelIs)
            }
            Event::Member(session) => {
                let member = self.members.get(*session)?;
                Some(event::Body::MemberIs(self.show_member(member, Some(viewer))))
            }
            Event::Moved { session, from } => self.show_one(*session, viewer, |member| {
                [*from, member.channel].iter().any(|place| self.sees_place(viewer, *place))
            }),
            Event::Flags(session) | Event::Presence(session) => {
                self.show_one(*session, viewer, |member| self.sees_place(viewer, member.channel))
            }
            Event::Listens { session, channel } => {
                self.show_one(*session, viewer, |_| self.sees(viewer, *channel))
            }
            Event::Own(session) => self.show_one(*session, viewer, |_| false),
            Event::MemberGone(session) => {
                (!self.members.contains(*session)).then_some(event::Body::MemberGone(session.0))
            }
            Event::Suppressed(sessions) => {
                let seen = |member: &&Member| self.sees_place(viewer, member.channel);
                let members = sessions.iter().filter_map(|session| self.members.get(*session)).filter(seen);
                let (now, no_more): (Vec<_>, Vec<_>) = members.partition(|member| self.suppressed(member));
                let numbers = |some: Vec<&Member>| {
                    some.into_iter().map(|member| member.session.0).collect::<Vec<u64>>()
                };
                let (sessions, no_more) = (numbers(now), numbers(no_more));
                let concerns = !sessions.is_empty() || !no_more.is_empty();
                concerns.then_some(event::Body::Suppressed(wire::Suppressed { sessions, no_more }))
            }
            // What one watches isn't said in any row; what becomes of rights is said in several (see `show_access`).
            Event::Watches(_) | Event::Access(_) => None,
            Event::Roles => Some(event::Body::RolesAre(self.show_roles())),
            Event::OrganizationSettings => {
                Some(event::Body::OrganizationIs(self.show_settings(Some(viewer))))
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

    /// What those whose access changed are told, all the same who are like `viewer`: channels that they see otherwise, those
    /// that they see no more, and who is in channels that appeared or went. A row of a member has its session beside it: it is as
    /// others see it.
    pub(super) fn show_access(
        &self,
        access: &Access,
        viewer: &Member,
    ) -> Vec<(Option<SessionId>, event::Body)> {
        let of_all = |body| (None, body);
        let channel = |id: &ChannelId| self.show_channel(self.channels.get(id)?, Some(viewer));
        let shown = access.shown.iter().filter_map(channel).map(event::Body::ChannelIs);
        let mut bodies: Vec<_> = shown.map(of_all).collect();
        let turned: Vec<&ChannelId> = access.appeared.iter().chain(&access.hidden).collect();
        // What else is shown with them: the other ends of their links, the channels below them, those who are there or
        // listen, and whether they are where everybody meets.
        let links = turned.iter().filter_map(|id| self.channels.get(*id)).flat_map(|channel| &channel.links);
        let below = turned.iter().flat_map(|id| self.children(Some(**id))).map(|channel| &channel.id);
        let others: BTreeSet<_> = links.chain(below).filter(|other| !access.shown.contains(other)).collect();
        let others = others.into_iter().filter_map(channel).map(event::Body::ChannelIs);
        bodies.extend(others.map(of_all));
        let there = turned.iter().flat_map(|id| [Mark::In(**id), Mark::Hears(**id)]);
        let there = there.flat_map(|mark| self.members.marked(mark)).map(|member| member.session);
        let concerned: BTreeSet<_> = there.chain(access.listened.iter().copied()).collect();
        let people = concerned.into_iter().filter_map(|session| self.members.get(session));
        bodies.extend(people.map(|member| {
            let row = self.show_row(member, Some(viewer), false);
            (Some(member.session), event::Body::MemberIs(row))
        }));
        let OrganizationSettings { default_channel, afk_channel, .. } = &self.settings;
        if default_channel.iter().chain(afk_channel).any(|id| turned.contains(&id)) {
            bodies.push(of_all(event::Body::OrganizationIs(self.show_settings(Some(viewer)))));
        }
        bodies.extend(access.hidden.iter().map(|id| of_all(event::Body::ChannelGone(id.0))));
        bodies
    }

    /// A member for those whom a change of it concerns: itself, and whoever sees what changed. The others would be told
    /// a row in which nothing is different, and so that something happened where they see nothing.
    fn show_one(
        &self,
        session: SessionId,
        viewer: &Member,
        concerns: impl Fn(&Member) -> bool,
    ) -> Option<event::Body> {
        let member = self.members.get(session)?;
        let is_concerned = session == viewer.session || concerns(member);
        is_concerned.then(|| event::Body::MemberIs(self.show_member(member, Some(viewer))))
    }

    /// Whether a viewer sees where somebody is; in no channel, everybody does.
    fn sees_place(&self, viewer: &Member, place: Option<ChannelId>) -> bool {
        place.is_none_or(|channel| self.sees(viewer, channel))
    }

    pub(super) fn sees(&self, viewer: &Member, channel: ChannelId) -> bool {
        self.permissions(viewer, channel).contains(Permissions::VIEW)
    }

    /// One channel as `viewer` may see it; nothing for one that they don't see.
    pub fn show_one_channel(&self, channel: ChannelId, viewer: Option<&Member>) -> Option<wire::Channel> {
        self.show_channel(self.channels.get(&channel)?, viewer)
    }

    fn show_channel(&self, channel: &Channel, viewer: Option<&Member>) -> Option<wire::Channel> {
        let permissions = viewer.map_or(Permissions::ALL, |viewer| self.permissions(viewer, channel.id));
        let visible = |link: &&ChannelId| viewer.is_none_or(|viewer| self.sees(viewer, **link));
        let recording = self.recordings.get(&channel.id);
        permissions.contains(Permissions::VIEW).then(|| wire::Channel {
            id: channel.id.0,
            // One that the viewer doesn't see isn't named, not even by its number.
            parent: channel.parent.as_ref().filter(visible).map_or(0, |parent| parent.0),
            name: channel.name.clone(),
            description: channel.description.clone(),
            position: channel.position,
            mode: channel.mode.into(),
            permissions: permissions.bits(),
            // Identifiers are dense counters, so the low half is unique for four thousand million channels.
            alias: (channel.id.0 & u64::from(u32::MAX)) as u32,
            user_limit: channel.user_limit,
            password: channel.password.is_some(),
            temporary_ms: channel.temporary_ms,
            links: channel.links.iter().filter(visible).map(|link| link.0).collect(),
            voice: Some(wire::VoicePolicy {
                bitrate: channel.voice.bitrate,
                frame_ms: channel.voice.frame_ms.into(),
                last_speakers: channel.voice.last_speakers.into(),
            }),
            recorded_by: recording.map(|recording| recording.name.clone()).unwrap_or_default(),
            recorded_since_ms: recording.map_or(0, |recording| recording.since.wall.0),
        })
    }

    pub(super) fn show_member(&self, member: &Member, viewer: Option<&Member>) -> wire::Member {
        let is_own = viewer.is_some_and(|viewer| viewer.session == member.session);
        self.show_row(member, viewer, is_own)
    }

    /// A member as others see it who may do what `viewer` may.
    pub(super) fn show_as_other(&self, member: &Member, viewer: &Member) -> wire::Member {
        self.show_row(member, Some(viewer), false)
    }

    fn show_row(&self, member: &Member, viewer: Option<&Member>, is_own: bool) -> wire::Member {
        let visible = |channel: &ChannelId| viewer.is_none_or(|viewer| self.sees(viewer, *channel));
        // How somebody is whom the viewer doesn't see is none of the viewer's business.
        let seen = member.channel.is_none_or(|channel| visible(&channel));
        let listening = member
            .listening
            .iter()
            .filter(|(channel, _)| visible(channel) && (is_own || self.listens(member, **channel)));
        let mut roles: Vec<&Role> =
            member.roles.iter().filter_map(|held| self.roles.get(&held.role)).collect();
        roles.sort_by_key(|role| std::cmp::Reverse(role.rank));
        wire::Member {
            session: member.session.0,
            user: member.user.map_or(0, u64::from),
            name: member.name.clone(),
            channel: member.channel.filter(visible).map_or(0, u64::from),
            mute: seen && member.mute,
            deaf: seen && member.deaf,
            suppressed: seen && self.suppressed(member),
            ssrc: member.ssrc.0,
            kind: member.kind.into(),
            client: member.client.clone(),
            roles: roles.into_iter().map(|role| role.id.0).collect(),
            muted: seen && member.muted,
            deafened: seen && member.deafened,
            priority: seen && member.priority,
            away: seen && member.away,
            status: if seen { member.status.clone() } else { String::new() },
            listening: listening
                .map(|(channel, volume)| wire::Listening {
                    channel: channel.0,
                    volume: if is_own { *volume } else { 0 },
                })
                .collect(),
            idle_ms: 0,
            talking: false,
        }
    }

    /// Leaves out of an invite what a viewer doesn't see: the channel that it leads to, or the names of those above it.
    pub fn show_invite(&self, invite: &mut wire::Invite, viewer: Option<&Member>) {
        let channel = (invite.channel != 0).then_some(ChannelId(invite.channel));
        let seen = channel.filter(|channel| viewer.is_none_or(|viewer| self.sees(viewer, *channel)));
        invite.channel = seen.map_or(0, u64::from);
        invite.channel_path = self.path_for(seen, viewer);
    }

    /// The same for whoever has only the code: as they will see it with the roles that the invite gives.
    pub fn show_invite_to_newcomer(&self, invite: &mut wire::Invite) {
        let mut newcomer = Member::new(SessionId(0), None, String::new(), Ssrc(0));
        let roles = invite.roles.iter().filter_map(|name| self.role_named(name));
        newcomer.roles = roles.map(|role| Held { role: role.id, until: None }).collect();
        newcomer.class = self.passing_class(&newcomer);
        self.show_invite(invite, Some(&newcomer));
    }

    /// The roles, the highest rank first.
    pub fn show_roles(&self) -> wire::Roles {
        let mut roles: Vec<_> = self.roles.values().collect();
        roles.sort_by_key(|role| (std::cmp::Reverse(role.rank), role.id));
        wire::Roles { roles: roles.into_iter().map(Self::show_role).collect() }
    }

    /// A role, which everybody may know.
    pub fn show_role(role: &Role) -> wire::Role {
        wire::Role {
            id: role.id.0,
            name: role.name.clone(),
            rank: role.rank,
            colour: role.colour,
            allow: role.allow.bits(),
            second_factor: role.second_factor,
        }
    }

    /// What everybody meets, without channels that the viewer doesn't see.
    pub fn show_settings(&self, viewer: Option<&Member>) -> wire::Organization {
        let visible = |channel: &ChannelId| viewer.is_none_or(|viewer| self.sees(viewer, *channel));
        let entry = self.settings.entry.within(self.limits.entry);
        wire::Organization {
            name: self.settings.name.clone(),
            welcome: self.settings.welcome.clone(),
            default_channel: self.settings.default_channel.filter(visible).map_or(0, u64::from),
            afk_channel: self.settings.afk_channel.filter(visible).map_or(0, u64::from),
            afk_ms: self.settings.afk_ms,
            guests: entry.guests,
            registration: wire::Registration::from(entry.registration).into(),
        }
    }
}

fn show_text(from: SessionId, name: &str, to: text::To, text: &str, sent_ms: u64) -> wire::Text {
    let (from_session, from_name, text) = (from.0, name.to_owned(), text.to_owned());
    wire::Text { from_session, from_name, to: Some(to), text, sent_ms }
}
