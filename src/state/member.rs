//! A connected session.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::Class;
use crate::id::{ApiKeyId, ChannelId, RoleId, SessionId, Ssrc, Timestamp, UserId};
use crate::name::look;
use crate::permission::Permissions;
use crate::protocol::wire::MemberKind;

/// A role that somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub role: RoleId,
    /// Until when; `None` for good.
    pub until: Option<Timestamp>,
}

/// To whom a flow of somebody's voice speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One session.
    Session(SessionId),
    /// Those in a channel, and who listens to it.
    Channel {
        /// Which.
        channel: ChannelId,
        /// Those below it, too.
        subtree: bool,
        /// Those linked with it, too.
        links: bool,
    },
    /// Who has a role.
    Role(RoleId),
}

/// Which password a channel has. Another password has another mark, even where it is the same words: it is the salt of
/// what is stored. So whoever knew the one before doesn't know the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordMark(pub [u8; 16]);

/// A connected session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own, as the protocol has them")]
pub struct Member {
    /// Its session.
    pub session: SessionId,
    /// Its account; `None` for a guest.
    pub user: Option<UserId>,
    /// The name others see.
    pub name: String,
    /// What a guest's name looks like; empty for an account.
    pub(super) look: String,
    /// Where it is: somewhere that it may see.
    pub channel: Option<ChannelId>,
    /// Doesn't want to be heard.
    pub mute: bool,
    /// Doesn't want to hear.
    pub deaf: bool,
    /// Others don't want it to be heard, wherever it goes.
    pub muted: bool,
    /// Others don't want it to hear.
    pub deafened: bool,
    /// Others don't want it to be heard in this channel.
    pub suppressed: bool,
    /// A priority speaker in this channel.
    pub priority: bool,
    /// Not at the keyboard.
    pub away: bool,
    /// A line about itself.
    pub status: String,
    /// Where its position counts; empty for nowhere.
    pub context: Bytes,
    /// The channels that it hears without being there, each with a volume in percent.
    pub listening: BTreeMap<ChannelId, u32>,
    /// The passwords of channels that it has shown.
    pub passwords: BTreeMap<ChannelId, PasswordMark>,
    /// The channels whose people it wants to be told of, beside those that it is in or listens to.
    pub watching: BTreeSet<ChannelId>,
    /// It is told of people by interest, rather than of all.
    pub by_interest: bool,
    /// To whom its flows speak, beside the one to its channel.
    pub targets: BTreeMap<u32, Vec<Target>>,
    /// What its packets carry.
    pub ssrc: Ssrc,
    /// What kind of client it is.
    pub kind: MemberKind,
    /// The client program's name and version.
    pub client: String,
    /// The roles it has.
    pub roles: Vec<Held>,
    /// Whether its account has a second factor.
    pub second_factor: bool,
    /// The API key that it came by.
    pub key: Option<ApiKeyId>,
    /// It came by an access token, and not just now by a log-in, so it makes nothing that outlasts that.
    pub brief: bool,
    /// What it may do at most, whatever its account may: everything, but for programs.
    pub ceiling: Permissions,
    /// Those who may do the same. [`super::State::apply`] sees to it.
    pub class: Arc<Class>,
}

impl Member {
    /// A session that just came, and has set nothing yet.
    pub fn new(session: SessionId, user: Option<UserId>, name: String, ssrc: Ssrc) -> Self {
        let look = if user.is_none() { look(&name) } else { String::new() };
        Self {
            session,
            user,
            name,
            look,
            channel: None,
            mute: false,
            deaf: false,
            muted: false,
            deafened: false,
            suppressed: false,
            priority: false,
            away: false,
            status: String::new(),
            context: Bytes::new(),
            listening: BTreeMap::new(),
            passwords: BTreeMap::new(),
            watching: BTreeSet::new(),
            by_interest: false,
            targets: BTreeMap::new(),
            ssrc,
            kind: MemberKind::Native,
            client: String::new(),
            roles: Vec::new(),
            second_factor: false,
            key: None,
            brief: false,
            ceiling: Permissions::ALL,
            class: Arc::default(),
        }
    }

    /// Whether voice reaches it.
    pub fn hears(&self) -> bool {
        !self.deaf && !self.deafened
    }

    /// Whether it has a role, whether that grants anything or not.
    pub fn holds(&self, role: RoleId) -> bool {
        self.roles.iter().any(|held| held.role == role)
    }
}
