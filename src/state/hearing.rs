//! Who hears whom, as permissions, links, listeners and voice targets have it. The forwarding table is made of this.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Member, State, Target};
use crate::id::{ChannelId, FlowId, SessionId};
use crate::permission::Permissions;

/// Those who hear the same voices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The channel that its speakers are in, for those who speak to their channel.
    pub channel: Option<ChannelId>,
    /// Who hears, the speakers among them; in order of session.
    pub listeners: Vec<SessionId>,
}

/// A flow of somebody's voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speech {
    /// Whose.
    pub session: SessionId,
    /// Which.
    pub flow: FlowId,
    /// Who hears it: its place among the groups.
    pub group: usize,
}

/// Who hears whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Those who hear the same.
    pub groups: Vec<Group>,
    /// Every flow that is heard.
    pub speeches: Vec<Speech>,
}

impl Hearing {
    /// Who hears a flow, but its speaker; none when it isn't heard.
    pub fn of(&self, session: SessionId, flow: FlowId) -> Option<Vec<SessionId>> {
        let speech = self.speeches.iter().find(|one| one.session == session && one.flow == flow)?;
        let group = self.groups.get(speech.group)?;
        Some(group.listeners.iter().copied().filter(|listener| *listener != session).collect())
    }
}

/// Who is in a channel, and who listens to it, of those who hear.
type Present = HashMap<ChannelId, Vec<SessionId>>;

impl State {
    /// Who hears whom, now.
    pub fn hearing(&self) -> Hearing {
        let present = self.present();
        let mut hearing = Hearing::default();
        // Who speaks in a channel with links is heard in those where they may speak: mostly all the same.
        let mut shared: BTreeMap<(ChannelId, Vec<ChannelId>), usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(channel) = member.channel.filter(|_| self.speaks(member)) {
                let links = self.links_for(member, channel);
                let group = *shared.entry((channel, links)).or_insert_with_key(|(channel, links)| {
                    let here = present.get(channel).into_iter().flatten().copied();
                    let there = links.iter().filter_map(|link| present.get(link)).flatten().copied();
                    // A link carries no voice out of a channel to those who aren't let in there.
                    let there = there.filter(|listener| {
                        self.members.get(listener).is_some_and(|listener| self.admits(listener, *channel))
                    });
                    hearing.add(Some(*channel), here.chain(there))
                });
                hearing.speeches.push(Speech { session: member.session, flow: FlowId::CHANNEL, group });
            }
            if member.mute || member.muted {
                continue;
            }
            for (flow, targets) in &member.targets {
                let reached = targets.iter().flat_map(|target| self.reached(member, *target, &present));
                let group = hearing.add(None, reached.filter(|listener| *listener != member.session));
                let (session, flow) = (member.session, FlowId(u64::from(*flow)));
                hearing.speeches.push(Speech { session, flow, group });
            }
        }
        hearing
    }

    fn present(&self) -> Present {
        let mut present: Present = HashMap::new();
        for member in self.members.values().filter(|member| member.hears()) {
            if let Some(channel) = member.channel {
                present.entry(channel).or_default().push(member.session);
            }
            for channel in member.listening.keys().filter(|channel| self.listens(member, **channel)) {
                present.entry(*channel).or_default().push(member.session);
            }
        }
        present
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
    fn reached(&self, speaker: &Member, target: Target, present: &Present) -> Vec<SessionId> {
        let may = |on: Option<ChannelId>| {
            self.permissions_on(speaker, on).contains(Permissions::WHISPER)
                && on.is_none_or(|channel| self.admits(speaker, channel))
        };
        let hears = |member: &&Member| member.hears() && may(member.channel);
        match target {
            Target::Session(session) => {
                self.members.get(&session).filter(hears).map(|member| member.session).into_iter().collect()
            }
            Target::Role(role) => {
                let with = self.members.values().filter(|member| member.holds(role)).filter(hears);
                with.map(|member| member.session).collect()
            }
            Target::Channel { channel, subtree, links } => {
                let mut channels = BTreeSet::from([channel]);
                if subtree {
                    channels.extend(self.subtree(channel));
                }
                if links {
                    channels.extend(self.channels.get(&channel).into_iter().flat_map(|one| &one.links));
                }
                let reached = channels
                    .into_iter()
                    .filter(|channel| self.channels.contains_key(channel) && may(Some(*channel)));
                reached.filter_map(|channel| present.get(&channel)).flatten().copied().collect()
            }
        }
    }
}

impl Hearing {
    fn add(&mut self, channel: Option<ChannelId>, listeners: impl Iterator<Item = SessionId>) -> usize {
        let mut listeners: Vec<_> = listeners.collect();
        listeners.sort_unstable();
        listeners.dedup();
        self.groups.push(Group { channel, listeners });
        self.groups.len() - 1
    }
}
