//! Questions about the channel tree. It is a tree at all times: `decide` refuses what would make a
//! cycle, and the store is checked when it is loaded.

use std::sync::Arc;

use super::{Actor, Asked, Channel, Event, Facts, Member, State};
use crate::id::{ChannelId, SessionId};
use crate::permission::{Overwrite, Permissions};
use crate::protocol::call::Live;
use crate::protocol::wire;

impl State {
    /// The channels from the top down to `channel`, itself included; empty when there is none.
    pub(super) fn path(&self, channel: ChannelId) -> Vec<ChannelId> {
        let mut path = Vec::new();
        let mut next = Some(channel);
        // The bound ends the walk even on a damaged store whose parents form a cycle.
        while let Some(found) =
            next.and_then(|id| self.channels.get(&id)).filter(|_| path.len() <= self.channels.len())
        {
            path.push(found.id);
            next = found.parent;
        }
        path.reverse();
        path
    }

    /// The channels directly below `parent`, or at the top.
    pub(super) fn children(&self, parent: Option<ChannelId>) -> impl Iterator<Item = &Channel> {
        let all = (parent, ChannelId(0))..=(parent, ChannelId(u64::MAX));
        self.below.range(all).filter_map(|(_, id)| self.channels.get(id)).map(Arc::as_ref)
    }

    /// The channel and all below it, each before its parent.
    pub(super) fn subtree(&self, channel: ChannelId) -> Vec<ChannelId> {
        let mut found = vec![channel];
        let mut next = 0;
        while next < found.len() && found.len() <= self.channels.len() {
            found.extend(self.children(Some(found[next])).map(|child| child.id));
            next += 1;
        }
        found.reverse();
        found
    }

    /// Levels that the channel and what is below it take: 1 without children.
    pub(super) fn height(&self, channel: ChannelId) -> usize {
        let above = self.path(channel).len();
        let deepest = self.subtree(channel).into_iter().map(|id| self.path(id).len()).max();
        deepest.map_or(0, |deepest| deepest + 1 - above)
    }

    /// Whether a channel other than `but` has this name below `parent`, or one that looks like it.
    pub(super) fn has_sibling(&self, parent: Option<ChannelId>, name: &str, but: Option<ChannelId>) -> bool {
        self.channel_looks.is_taken(parent, name, but)
    }
}

impl State {
    /// The names from the top down to a channel, with slashes between; empty without one.
    pub fn path_of(&self, channel: Option<ChannelId>) -> String {
        let path = channel.map(|channel| self.path(channel)).unwrap_or_default();
        let names = path.iter().filter_map(|id| self.channels.get(id)).map(|channel| channel.name.as_str());
        names.collect::<Vec<_>>().join("/")
    }

    /// The same as `viewer` may know it: without the names of those on the way that it doesn't see. The machine's owner,
    /// given as `None`, sees all.
    pub fn path_for(&self, channel: Option<ChannelId>, viewer: Option<&Member>) -> String {
        let path = channel.map(|channel| self.path(channel)).unwrap_or_default();
        let seen = |id: &&ChannelId| {
            viewer.is_none_or(|viewer| self.permissions(viewer, **id).contains(Permissions::VIEW))
        };
        let names = path.iter().filter(seen).filter_map(|id| self.channels.get(id));
        names.map(|channel| channel.name.as_str()).collect::<Vec<_>>().join("/")
    }

    /// Whether `viewer` sees a channel and all that it is below.
    pub fn sees_path(&self, channel: ChannelId, viewer: Option<&Member>) -> bool {
        let seen = |id: &ChannelId| {
            viewer.is_none_or(|viewer| self.permissions(viewer, *id).contains(Permissions::VIEW))
        };
        self.path(channel).iter().all(seen)
    }

    /// A channel's overwrites.
    pub fn overwrites_on(&self, channel: ChannelId) -> &[Overwrite] {
        self.overwrites.get(&channel).map_or(&[], Vec::as_slice)
    }

    /// Puts who came where everybody meets who comes, if they may be there.
    pub fn welcome(&mut self, session: SessionId) -> Vec<Event> {
        let Some(channel) = self.settings.default_channel else { return Vec::new() };
        let facts = Facts { now: self.now.wall, ..Facts::default() };
        let join = Asked::Live(Live::Join(wire::Join { channel: channel.0, ..wire::Join::default() }));
        match self.decide(Actor::Session(session), &join, &facts) {
            Ok(change) => self.apply(change),
            Err(_) => Vec::new(),
        }
    }
}
