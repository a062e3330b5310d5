//! What a request leads to when it is allowed.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Channel, Held, Member, OrganizationSettings, PasswordMark, Role, Target};
use crate::id::{ChannelId, RoleId, SessionId, Timestamp, UserId};
use crate::permission::{Overwrite, Subject};

/// What a decision depends on besides the state and the request.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The time of the decision.
    pub now: Timestamp,
    /// The account that the request names, if there is one of that name.
    pub named: Option<Named>,
    /// The password that the request shows, where it was the channel's when it was looked at.
    pub shown: Option<PasswordMark>,
    /// The password that the channel gets by the request.
    pub new_password: Option<PasswordMark>,
    /// Who else is connected and concerned: those at the addresses of a ban.
    pub affected: Vec<SessionId>,
    /// Whoever asks, where that is an account that isn't connected: as the member that it would be.
    pub asker: Option<Box<Member>>,
    /// The name under which the server writes a text for a plugin.
    pub writes_as: Option<String>,
}

/// An account that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which.
    pub user: UserId,
    /// Its name.
    pub name: String,
    /// The roles that it has.
    pub roles: Vec<Held>,
    /// Whether it has a second factor.
    pub second_factor: bool,
    /// Whether it is the only owner who can log in.
    pub last_owner: bool,
}

/// Who writes a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Their session; 0 for an account that isn't connected.
    pub session: SessionId,
    /// Their account; nothing for a guest.
    pub user: Option<UserId>,
    /// Their name at that moment.
    pub name: String,
}

/// A change that was decided. Applying it can't fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing changes.
    Nothing,
    /// A session connects, or connects again.
    Arrive(Box<Member>),
    /// A connection is gone; its session may come back.
    Depart(SessionId),
    /// A session is ended for good.
    End {
        /// Which.
        session: SessionId,
        /// Whose; nobody's where it is a guest's.
        user: Option<UserId>,
    },
    /// A session goes to a channel, or leaves the one it is in.
    Move {
        /// Who.
        session: SessionId,
        /// Where to.
        channel: Option<ChannelId>,
        /// The channel's password, where it was shown.
        shown: Option<PasswordMark>,
    },
    /// A session sets its own mute and deaf flags.
    SetSelf {
        /// Who.
        session: SessionId,
        /// The flag from now on.
        mute: bool,
        /// The flag from now on.
        deaf: bool,
    },
    /// A session says how it is present; what is `None` stays.
    Present {
        /// Who.
        session: SessionId,
        /// Its flags, where they change, too.
        flags: Option<(bool, bool)>,
        /// Not at the keyboard.
        away: Option<bool>,
        /// A line about itself.
        status: Option<String>,
        /// Where its position counts.
        context: Option<Bytes>,
    },
    /// A session hears a channel without being in it, as loud as so many percent; or no more.
    Listen {
        /// Who.
        session: SessionId,
        /// What.
        channel: ChannelId,
        /// How loud; `None` for no more.
        volume: Option<u32>,
        /// The channel's password, where it was shown.
        shown: Option<PasswordMark>,
    },
    /// A session watches these channels, and no others.
    Watch {
        /// Who.
        session: SessionId,
        /// What.
        channels: BTreeSet<ChannelId>,
    },
    /// A flow of a session's voice speaks to these; to nobody when there are none.
    SetTarget {
        /// Who.
        session: SessionId,
        /// Which flow.
        flow: u32,
        /// To whom.
        targets: Vec<Target>,
    },
    /// Others set somebody's flags; what is `None` stays.
    Moderate {
        /// Whose.
        session: SessionId,
        /// Muted wherever it goes.
        muted: Option<bool>,
        /// Deafened wherever it goes.
        deafened: Option<bool>,
        /// Not heard in this channel.
        suppressed: Option<bool>,
        /// A priority speaker in this channel.
        priority: Option<bool>,
    },
    /// Somebody's connection is ended by another.
    Kick {
        /// Whose.
        session: SessionId,
        /// Why, in that one's words.
        reason: String,
    },
    /// A channel is recorded from now on.
    Record {
        /// Which.
        channel: ChannelId,
        /// For whom.
        by: SessionId,
    },
    /// A channel is recorded no more.
    StopRecording(ChannelId),
    /// Two channels are linked, or no more.
    Link {
        /// One.
        channel: ChannelId,
        /// The other.
        other: ChannelId,
        /// The link from now on.
        linked: bool,
    },
    /// What everybody meets is this from now on.
    PutSettings(OrganizationSettings),
    /// A role is new.
    CreateRole(Role),
    /// A role is this from now on.
    PutRole(Role),
    /// A role goes.
    RemoveRole(RoleId),
    /// An account has a role from now on.
    Grant {
        /// Whose.
        user: UserId,
        /// Which, and until when.
        held: Held,
    },
    /// An account has a role no more.
    Revoke {
        /// Whose.
        user: UserId,
        /// Which.
        role: RoleId,
    },
    /// A channel has this overwrite from now on.
    PutOverwrite(Overwrite),
    /// A channel has an overwrite for somebody no more.
    RemoveOverwrite {
        /// Which channel.
        channel: ChannelId,
        /// For whom.
        subject: Subject,
    },
    /// A text message to the people of a channel.
    TextChannel {
        /// Who wrote it.
        from: Writer,
        /// Where to.
        channel: ChannelId,
        /// What.
        text: String,
        /// When it was accepted.
        at: Timestamp,
    },
    /// A text message to one session.
    TextSession {
        /// Who wrote it.
        from: Writer,
        /// To whom.
        session: SessionId,
        /// What.
        text: String,
        /// When it was accepted.
        at: Timestamp,
    },
    /// A channel comes into being.
    CreateChannel(Channel),
    /// A channel's row is this from now on.
    PutChannel(Channel),
    /// Channels go: one and everything below it, deepest first.
    RemoveChannels(Vec<ChannelId>),
    /// An account is disabled or enabled; disabling ends its sessions.
    SetUserDisabled {
        /// Whose.
        user: UserId,
        /// The flag from now on.
        disabled: bool,
    },
}

impl Change {
    /// The identifier of what it makes, if it makes something.
    pub fn created(&self) -> Option<u64> {
        match self {
            Self::CreateChannel(channel) => Some(channel.id.0),
            Self::CreateRole(role) => Some(role.id.0),
            Self::Nothing
            | Self::Arrive(_)
            | Self::Depart(_)
            | Self::End { .. }
            | Self::Move { .. }
            | Self::SetSelf { .. }
            | Self::Present { .. }
            | Self::Listen { .. }
            | Self::Watch { .. }
            | Self::SetTarget { .. }
            | Self::Moderate { .. }
            | Self::Kick { .. }
            | Self::TextChannel { .. }
            | Self::TextSession { .. }
            | Self::PutChannel(_)
            | Self::Link { .. }
            | Self::Record { .. }
            | Self::StopRecording(_)
            | Self::PutSettings(_)
            | Self::PutRole(_)
            | Self::RemoveRole(_)
            | Self::Grant { .. }
            | Self::Revoke { .. }
            | Self::PutOverwrite(_)
            | Self::RemoveOverwrite { .. }
            | Self::RemoveChannels(_)
            | Self::SetUserDisabled { .. } => None,
        }
    }

    /// Whether it must be on disk before anyone learns of it.
    pub fn is_durable(&self) -> bool {
        match self {
            Self::End { .. }
            | Self::CreateChannel(_)
            | Self::PutChannel(_)
            | Self::RemoveChannels(_)
            | Self::Link { .. }
            | Self::PutSettings(_)
            | Self::CreateRole(_)
            | Self::PutRole(_)
            | Self::RemoveRole(_)
            | Self::Grant { .. }
            | Self::Revoke { .. }
            | Self::PutOverwrite(_)
            | Self::RemoveOverwrite { .. }
            | Self::Moderate { .. }
            | Self::Kick { .. }
            | Self::Record { .. }
            | Self::SetUserDisabled { .. } => true,
            Self::Nothing
            | Self::Arrive(_)
            | Self::Depart(_)
            | Self::Move { .. }
            | Self::SetSelf { .. }
            | Self::Present { .. }
            | Self::Listen { .. }
            | Self::Watch { .. }
            | Self::SetTarget { .. }
            | Self::StopRecording(_)
            | Self::TextChannel { .. }
            | Self::TextSession { .. } => false,
        }
    }
}
