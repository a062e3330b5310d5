//! Who hears whom, as permissions, links, listeners and voice targets have it. The forwarding table is made of this, a speaker
//! and an earshot at a time.

use std::collections::BTreeSet;

use super::people::Mark;
use super::{Member, State, Target};
use crate::id::{ChannelId, FlowId, RoleId, SessionId};
use crate::permission::Permissions;

/// Where somebody is heard who speaks in a channel: there, and in those of the linked channels in which they may speak.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Earshot {
    /// The channel that the speaker is in.
    pub channel: ChannelId,
    /// The linked ones; mostly those who speak there have the same.
    pub links: Vec<ChannelId>,
}

impl Earshot {
    /// The channels in which it is heard.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> {
        std::iter::once(self.channel).chain(self.links.iter().copied())
    }
}

/// Who hears a flow of somebody's voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Whoever hears what is said there.
    There(Earshot),
    /// These, in order of session.
    By(Vec<SessionId>),
}

/// On what it depends, beside the speaker, who hears somebody's flows to voice targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lean {
    /// On where a session is, and whether it hears.
    Session(SessionId),
    /// On who hears in a channel, and on what is below it.
    Channel(ChannelId),
    /// On who has a role, and how they are.
    Role(RoleId),
}

impl State {
    /// The flows of somebody's voice that are heard, the one to their channel first; none of who isn't connected.
    pub fn speeches(&self, session: SessionId) -> Vec<(FlowId, Heard)> {
        let Some(member) = self.members.get(session) else { return Vec::new() };
        let mut speeches = Vec::new();
        if let Some(channel) = member.channel.filter(|_| self.speaks(member)) {
            let earshot = Earshot { channel, links: self.links_for(member, channel) };
            speeches.push((FlowId::CHANNEL, Heard::There(earshot)));
        }
        if member.mute || member.muted {
            return speeches;
        }
        for (flow, targets) in &member.targets {
            let reached = targets.iter().flat_map(|target| self.reached(member, *target));
            let reached: BTreeSet<_> = reached.filter(|listener| *listener != session).collect();
            speeches.push((FlowId(u64::from(*flow)), Heard::By(reached.into_iter().collect())));
        }
        speeches
    }

    /// Whoever hears what is said in an earshot, its speakers among them; in order of session.
    pub fn within_earshot(&self, earshot: &Earshot) -> Vec<SessionId> {
        let here = self.present(earshot.channel);
        let there = earshot.links.iter().flat_map(|link| self.present(*link));
        // A link carries no voice out of a channel to those who aren't let in there.
        let there = there.filter(|listener| self.admits(listener, earshot.channel));
        let all: BTreeSet<_> = here.chain(there).map(|listener| listener.session).collect();
        all.into_iter().collect()
    }

    /// On what it depends, beside themselves, who hears what somebody says to their voice targets.
    pub fn leans(&self, session: SessionId) -> BTreeSet<Lean> {
        let targets = self.members.get(session).into_iter().flat_map(|member| member.targets.values());
        let mut leans = BTreeSet::new();
        for target in targets.flatten() {
            match *target {
                Target::Session(session) => {
                    leans.insert(Lean::Session(session));
                }
                Target::Role(role) => {
                    leans.insert(Lean::Role(role));
                }
                Target::Channel { channel, subtree, links } => {
                    leans.extend(self.meant(channel, subtree, links).into_iter().map(Lean::Channel));
                }
            }
        }
        leans
    }

    /// Who is in a channel, and who listens to it, of those who hear.
    fn present(&self, channel: ChannelId) -> impl Iterator<Item = &Member> {
        let here = self.members.marked(Mark::In(channel));
        let there = self.members.marked(Mark::Hears(channel)).filter(move |one| self.listens(one, channel));
        here.chain(there).filter(|member| member.hears())
    }

    /// The channels that a voice target means: that one, those below it, those linked with it.
    fn meant(&self, channel: ChannelId, subtree: bool, links: bool) -> BTreeSet<ChannelId> {
        let mut channels = BTreeSet::from([channel]);
        if subtree {
            channels.extend(self.subtree(channel));
        }
        if links {
            channels.extend(self.channels.get(&channel).into_iter().flat_map(|one| &one.links));
        }
        channels
    }

    /// Whether somebody who wants to hear a channel from elsewhere may.
    pub(super) fn listens(&self, member: &Member, channel: ChannelId) -> bool {
        member.channel != Some(channel)
            && self.channels.contains_key(&channel)
            && self.permissions(member, channel).contains(Permissions::LISTEN)
            && self.admits(member, channel)
    }

    /// The linked channels in which somebody who speaks in a channel is heard, too.
    fn links_for(&self, member: &Member, channel: ChannelId) -> Vec<ChannelId> {
        let links = self.channels.get(&channel).map_or(&[][..], |channel| &channel.links);
        let heard = |link: &&ChannelId| {
            self.permissions(member, **link).contains(Permissions::SPEAK) && self.admits(member, **link)
        };
        links.iter().filter(heard).copied().collect()
    }

    /// Whom a target reaches.
    fn reached(&self, speaker: &Member, target: Target) -> Vec<SessionId> {
        let may = |on: Option<ChannelId>| {
            self.permissions_on(speaker, on).contains(Permissions::WHISPER)
                && on.is_none_or(|channel| self.admits(speaker, channel))
        };
        let hears = |member: &&Member| member.hears() && may(member.channel);
        match target {
            Target::Session(session) => {
                self.members.get(session).filter(hears).map(|member| member.session).into_iter().collect()
            }
            Target::Role(role) => {
                let with = self.members.marked(Mark::Holds(role)).filter(hears);
                with.map(|member| member.session).collect()
            }
            Target::Channel { channel, subtree, links } => {
                let meant = self.meant(channel, subtree, links).into_iter();
                let reached =
                    meant.filter(|channel| self.channels.contains_key(channel) && may(Some(*channel)));
                reached.flat_map(|channel| self.present(channel)).map(|member| member.session).collect()
            }
        }
    }
}
