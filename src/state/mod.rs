//! The live server as a value: the channel tree, who is connected and where, and who may do what.
//! Pure: no clock, no IO, no randomness.
//!
//! A request is first put to [`State::decide`], which changes nothing and answers with a [`Change`]
//! or with why not; then [`State::apply`] makes the change, which can't fail, and says what others
//! are to be told.

mod apply;
mod authorize;
mod change;
mod decide;
mod refresh;
mod tree;
mod view;

pub use apply::Event;
pub use authorize::Actor;
pub use change::{Change, Denied, Facts};
pub use refresh::Standing;

use std::collections::{BTreeMap, HashMap};

use crate::id::{ApiKeyId, ChannelId, OrganizationId, RoleId, SessionId, Ssrc, UserId};
use crate::permission::{Overwrite, Permissions, RoleGrant};
use crate::protocol::wire::MemberKind;

/// Levels of channels at most; a channel at the top is on level 1.
pub const MAX_DEPTH: usize = crate::name::MAX_CHANNEL_DEPTH;

/// The role of a new account, when no other is asked for.
pub const DEFAULT_ROLE: &str = "Member";

/// A node of the channel tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its identifier.
    pub id: ChannelId,
    /// The channel above; `None` at the top.
    pub parent: Option<ChannelId>,
    /// Unique among its siblings when case is folded.
    pub name: String,
    /// For people; may be empty.
    pub description: String,
    /// Order among siblings, ascending; equal ones are ordered by name.
    pub position: i32,
    /// How its voice travels; 0 is clear, the only one so far. Fixed at creation.
    pub mode: u8,
}

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its identifier.
    pub id: RoleId,
    /// Unique in the organization.
    pub name: String,
    /// What it grants everywhere.
    pub allow: Permissions,
}

/// A connected session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its session.
    pub session: SessionId,
    /// Its account; `None` for a guest.
    pub user: Option<UserId>,
    /// The name others see.
    pub name: String,
    /// Where it is.
    pub channel: Option<ChannelId>,
    /// Doesn't want to be heard.
    pub mute: bool,
    /// Doesn't want to hear.
    pub deaf: bool,
    /// What its packets carry.
    pub ssrc: Ssrc,
    /// What kind of client it is.
    pub kind: MemberKind,
    /// The client program's name and version.
    pub client: String,
    /// The roles it has, with what they allow.
    pub grants: Vec<RoleGrant>,
    /// The API key that it came by, and what that may do at most.
    pub key: Option<(ApiKeyId, Permissions)>,
}

/// How much there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions connected at once.
    pub sessions: usize,
    /// Channels of the organization.
    pub channels: usize,
}

/// The live state of one organization. Cheap enough to clone before a batch that may fail to commit.
#[derive(Clone, Debug)]
pub struct State {
    organization: OrganizationId,
    channels: BTreeMap<ChannelId, Channel>,
    roles: Vec<Role>,
    overwrites: HashMap<ChannelId, Vec<Overwrite>>,
    members: BTreeMap<SessionId, Member>,
    next_channel: u64,
    limits: Limits,
}

impl State {
    /// The state at start: what is stored, and nobody connected. `next_channel` is above every
    /// channel identifier ever given out.
    pub fn new(
        organization: OrganizationId,
        channels: Vec<Channel>,
        roles: Vec<Role>,
        overwrites: Vec<Overwrite>,
        next_channel: ChannelId,
        limits: Limits,
    ) -> Self {
        let mut by_channel: HashMap<ChannelId, Vec<Overwrite>> = HashMap::new();
        for overwrite in overwrites {
            by_channel.entry(overwrite.channel).or_default().push(overwrite);
        }
        Self {
            organization,
            channels: channels.into_iter().map(|channel| (channel.id, channel)).collect(),
            roles,
            overwrites: by_channel,
            members: BTreeMap::new(),
            next_channel: next_channel.0,
            limits,
        }
    }

    /// The organization whose state this is.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// Everyone connected, in order of session.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    /// A connected session.
    pub fn member(&self, session: SessionId) -> Option<&Member> {
        self.members.get(&session)
    }

    /// A channel.
    pub fn channel(&self, channel: ChannelId) -> Option<&Channel> {
        self.channels.get(&channel)
    }

    /// The role of this name, upper and lower case alike.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| crate::name::folded(&role.name) == crate::name::folded(name))
    }

    /// Whether the member is heard where it is: not muted, and allowed to speak there.
    pub fn speaks(&self, member: &Member) -> bool {
        !member.mute && !self.suppressed(member)
    }

    /// Whether the rules of the channel that the member is in keep it from being heard.
    fn suppressed(&self, member: &Member) -> bool {
        member.channel.is_some_and(|channel| !self.permissions(member, channel).contains(Permissions::SPEAK))
    }
}

#[cfg(test)]
mod tests;
