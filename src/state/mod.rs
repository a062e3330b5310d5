//! The live server as a value: the channel tree, who is connected and where, and who may do what.
//! Pure: no clock, no IO, no randomness; what time it is, it is told by [`State::advance`].
//!
//! A request is first put to [`State::decide`], which changes nothing and answers with a [`Change`]
//! or with why not; then [`State::apply`] makes the change, which can't fail, and says what others
//! are to be told. [`State::speeches`] and [`State::within_earshot`] say who hears whom, and [`State::take_touched`] of whom
//! that may be different since.

mod access;
mod apply;
mod audiences;
mod authorize;
mod change;
mod class;
mod classes;
mod decide;
mod denied;
mod door;
mod due;
mod event;
mod hearing;
mod inspect;
mod looks;
mod member;
mod people;
mod rank;
mod refresh;
mod rights;
mod sight;
mod snapshots;
mod telling;
mod tree;
mod view;

pub use audiences::{Hearing, Turned};
pub use authorize::{Actor, Asker, Origin};
pub use change::{Change, Facts, Named, Writer};
pub use class::Class;
pub use decide::{Asked, Own, imagined};
pub use denied::Denied;
pub use event::{Access, Event};
pub use hearing::{Earshot, Heard, Lean};
pub use inspect::{Difference, Explained, ExplainedStep, Reason};
pub use member::{Held, Member, PasswordMark, Target};
pub use people::Touched;
pub use refresh::Standing;
pub use sight::{Sights, Told, Turn};
pub use snapshots::Snapshots;
pub use telling::{Reach, Telling};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use imbl::{OrdMap, OrdSet};
use looks::{Folded, Looks, Names};
use people::{Mark, People};

use crate::bounds::EntryPolicy;
use crate::id::{ChannelId, Moment, OrganizationId, RoleId, SessionId, Ssrc, Timestamp, UserId};
use crate::permission::{Overwrite, Permissions};

/// Levels of channels at most; a channel at the top is on level 1.
pub const MAX_DEPTH: usize = crate::name::MAX_CHANNEL_DEPTH;

/// The role of a new account, when no other is asked for.
pub const DEFAULT_ROLE: &str = crate::name::DEFAULT_ROLE;

/// The role that owns the first organization. Its grants are above every rank.
pub const OWNER: RoleId = RoleId(1);

/// The role of those in the first organization who have no account.
pub const GUEST: RoleId = RoleId(4);

/// Roles of an organization at most.
pub const MAX_ROLES: usize = crate::bounds::MAX_ROLES;

/// Overwrites of a channel at most.
pub const MAX_OVERWRITES: usize = crate::bounds::MAX_OVERWRITES;

/// Channels that one channel is linked with at most.
pub const MAX_LINKS: usize = crate::bounds::MAX_LINKS;

/// A node of the channel tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its identifier.
    pub id: ChannelId,
    /// The channel above; `None` at the top.
    pub parent: Option<ChannelId>,
    /// Unlike those of its siblings to whoever reads them, at least when it was given.
    pub name: String,
    /// For people; may be empty.
    pub description: String,
    /// Order among siblings, ascending; equal ones are ordered by name.
    pub position: i32,
    /// How its voice travels; 0 is clear, the only one so far. Fixed at creation.
    pub mode: u8,
    /// The password that must be known to be let in; `None` for none.
    pub password: Option<PasswordMark>,
    /// Sessions at most; 0 for any number.
    pub user_limit: u32,
    /// A temporary channel goes once it has been empty for so many milliseconds.
    pub temporary_ms: Option<u64>,
    /// For whom it counts, where it is temporary. Isn't kept: after a start those that are left count for nobody.
    pub maker: Maker,
    /// What is wanted of voice.
    pub voice: VoicePolicy,
    /// The channels that it is linked with, ascending; each has this one in turn.
    pub links: Vec<ChannelId>,
}

impl Channel {
    /// One that says nothing more of itself.
    pub fn new(id: ChannelId, parent: Option<ChannelId>, name: String) -> Self {
        Self {
            id,
            parent,
            name,
            description: String::new(),
            position: 0,
            mode: 0,
            password: None,
            user_limit: 0,
            temporary_ms: None,
            maker: Maker::Nobody,
            voice: VoicePolicy::default(),
            links: Vec::new(),
        }
    }
}

/// For whom a temporary channel counts, since one account may have so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Maker {
    /// For nobody: it lasts, or the machine's owner made it, or it was there when the server started.
    #[default]
    Nobody,
    /// For the guests, all of them together: they have no accounts, and come as often as they like.
    Guests,
    /// For an account.
    Account(UserId),
}

/// What is wanted of voice in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoicePolicy {
    /// Bits a second of each speaker at most; 0 for any.
    pub bitrate: u32,
    /// Milliseconds of a frame: 10, 20, 40 or 60; 0 for any.
    pub frame_ms: u16,
    /// How many speakers are passed on at once; 0 for all.
    pub last_speakers: u16,
}

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its identifier.
    pub id: RoleId,
    /// Unique in the organization.
    pub name: String,
    /// Higher ones first: who has a role acts on lower ones only.
    pub rank: u32,
    /// 0xRRGGBB; 0 for none.
    pub colour: u32,
    /// What it grants everywhere.
    pub allow: Permissions,
    /// It grants nothing to who has no second factor.
    pub second_factor: bool,
}

/// What everybody meets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationSettings {
    /// The organization's name.
    pub name: String,
    /// Told to who comes.
    pub welcome: String,
    /// Where one is put who comes.
    pub default_channel: Option<ChannelId>,
    /// Where one is put who did nothing for [`Self::afk_ms`].
    pub afk_channel: Option<ChannelId>,
    /// Milliseconds.
    pub afk_ms: u64,
    /// Who comes in, as far as the limits allow.
    pub entry: EntryPolicy,
}

/// A channel is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Who began it. It lasts while they are in the channel, and may record there.
    pub by: SessionId,
    /// Their name.
    pub name: String,
    /// When everybody was told.
    pub since: Moment,
}

/// How much there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions connected at once.
    pub sessions: usize,
    /// Channels of the organization.
    pub channels: usize,
    /// Who may be let in at most.
    pub entry: EntryPolicy,
    /// Whether fewer sessions fit into the organization than into the server.
    pub is_own: bool,
}

/// What the store holds of an organization, to begin with.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Which.
    pub organization: OrganizationId,
    /// The channel tree.
    pub channels: Vec<Channel>,
    /// The roles.
    pub roles: Vec<Role>,
    /// The channels' exceptions.
    pub overwrites: Vec<Overwrite>,
    /// What everybody meets.
    pub settings: OrganizationSettings,
    /// Above every channel identifier ever given out.
    pub next_channel: ChannelId,
    /// Above every role identifier ever given out.
    pub next_role: RoleId,
    /// How much there can be.
    pub limits: Limits,
}

/// The live state of one organization. A copy shares all that doesn't change afterwards, so one is made before each batch that
/// may fail to commit, and before each change of rights, to compare with.
#[derive(Clone, Debug)]
pub struct State {
    organization: OrganizationId,
    channels: OrdMap<ChannelId, Arc<Channel>>,
    /// Those directly below each, and at the top; [`State::set_channel`] keeps it.
    below: OrdSet<(Option<ChannelId>, ChannelId)>,
    /// The channels by their names; [`State::set_channel`] keeps it.
    channel_looks: Looks<ChannelId>,
    roles: OrdMap<RoleId, Role>,
    /// The roles by what their names look like, and by how they are compared.
    role_looks: Looks<RoleId>,
    role_names: Names<RoleId, Folded>,
    overwrites: OrdMap<ChannelId, Vec<Overwrite>>,
    /// Which overwrites count on a channel by now.
    editions: OrdMap<ChannelId, class::Edition>,
    settings: OrganizationSettings,
    members: People,
    /// Those who may do the same share what was evaluated for them.
    classes: OrdMap<class::Key, Arc<Class>>,
    /// Numbers of classes and editions, which copies share so that none has a number of another.
    counter: Arc<AtomicU64>,
    /// People for whom there is an overwrite: each is a class of their own.
    named: OrdSet<UserId>,
    recordings: BTreeMap<ChannelId, Recording>,
    /// Temporary channels in which nobody is, and since when, by monotonic time: after a restart it begins anew.
    empty: OrdMap<ChannelId, Duration>,
    now: Moment,
    next_channel: u64,
    next_role: u64,
    limits: Limits,
}

impl State {
    /// The state at start: what is stored, and nobody connected.
    pub fn new(stored: Stored, now: Moment) -> Self {
        let Stored { organization, channels, roles, overwrites, settings, next_channel, next_role, limits } =
            stored;
        let mut by_channel: OrdMap<ChannelId, Vec<Overwrite>> = OrdMap::new();
        let mut named = OrdSet::new();
        for overwrite in overwrites {
            named.extend(class::named(&overwrite));
            by_channel.entry(overwrite.channel).or_default().push(overwrite);
        }
        let temporary = channels.iter().filter(|channel| channel.temporary_ms.is_some());
        Self {
            organization,
            empty: temporary.map(|channel| (channel.id, now.monotonic)).collect(),
            channel_looks: Names::of(channels.iter().map(|one| (one.id, one.parent, one.name.as_str()))),
            below: channels.iter().map(|channel| (channel.parent, channel.id)).collect(),
            channels: channels.into_iter().map(|channel| (channel.id, Arc::new(channel))).collect(),
            role_looks: Names::of(roles.iter().map(|role| (role.id, None, role.name.as_str()))),
            role_names: Names::of(roles.iter().map(|role| (role.id, None, role.name.as_str()))),
            roles: roles.into_iter().map(|role| (role.id, role)).collect(),
            overwrites: by_channel,
            settings,
            editions: OrdMap::new(),
            members: People::default(),
            classes: OrdMap::new(),
            counter: Arc::default(),
            named,
            recordings: BTreeMap::new(),
            now,
            next_channel: next_channel.0,
            next_role: next_role.0,
            limits,
        }
    }

    /// The wall time that it goes by.
    pub fn time(&self) -> Timestamp {
        self.now.wall
    }

    /// The organization whose state this is.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }

    /// The role that owns the organization.
    pub fn owner_role(&self) -> RoleId {
        self.organization.role(OWNER)
    }

    /// The role of those who have no account.
    pub fn guest_role(&self) -> RoleId {
        self.organization.role(GUEST)
    }

    /// Everyone connected, in order of session.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.iter()
    }

    /// A connected session.
    pub fn member(&self, session: SessionId) -> Option<&Member> {
        self.members.get(session)
    }

    /// A channel.
    pub fn channel(&self, channel: ChannelId) -> Option<&Channel> {
        self.channels.get(&channel).map(Arc::as_ref)
    }

    /// The channels.
    pub fn channels(&self) -> impl ExactSizeIterator<Item = &Channel> {
        self.channels.values().map(Arc::as_ref)
    }

    /// What everybody meets.
    pub fn settings(&self) -> &OrganizationSettings {
        &self.settings
    }

    /// The channels that are recorded.
    pub fn recordings(&self) -> &BTreeMap<ChannelId, Recording> {
        &self.recordings
    }

    /// A role.
    pub fn role(&self, role: RoleId) -> Option<&Role> {
        self.roles.get(&role)
    }

    /// The roles.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &Role> {
        self.roles.values()
    }

    /// The role of this name, upper and lower case alike.
    pub fn role_named(&self, name: &str) -> Option<&Role> {
        self.role_names.alike(None, name).first().and_then(|role| self.roles.get(role))
    }

    /// The people in a channel.
    pub fn within(&self, channel: ChannelId) -> impl Iterator<Item = &Member> {
        self.members.marked(Mark::In(channel))
    }

    /// Whose packets carry an SSRC.
    pub fn speaker(&self, ssrc: Ssrc) -> Option<&Member> {
        self.members.marked(Mark::Speaks(ssrc)).next()
    }

    /// The sessions that are connected of an account.
    pub fn of_account(&self, user: UserId) -> impl Iterator<Item = &Member> {
        self.members.marked(Mark::Of(user))
    }

    /// What may have changed about who hears whom since this was asked last.
    pub fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.members.touched)
    }

    /// All of who hears whom is to be looked at again.
    pub fn touch_everything(&mut self) {
        self.members.touched.everything = true;
    }

    /// Whether the member is heard where it is: not muted, and allowed to speak there.
    pub fn speaks(&self, member: &Member) -> bool {
        !member.mute && !member.muted && !self.suppressed(member)
    }

    /// Whether a moderator, or the rules of the channel that the member is in, keep it from being heard there.
    pub fn suppressed(&self, member: &Member) -> bool {
        member.channel.is_some_and(|channel| {
            member.suppressed || !self.permissions(member, channel).contains(Permissions::SPEAK)
        })
    }
}

#[cfg(test)]
mod hidden;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod ways;
