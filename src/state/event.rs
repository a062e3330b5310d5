//! What others are told of a change.

use super::Member;
use crate::id::{ChannelId, SessionId, Timestamp};

/// What some sessions may do on channels is another than it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Whose: of the same class, so that they are told the same.
    pub sessions: Vec<SessionId>,
    /// Channels that they still see, or see from now on; a channel comes before those below it.
    pub shown: Vec<ChannelId>,
    /// Of these, those that they didn't see before.
    pub appeared: Vec<ChannelId>,
    /// Channels that they see no more, or that are gone; a channel comes after those below it.
    pub hidden: Vec<ChannelId>,
    /// Those who listened to one that is gone, and are shown without it.
    pub listened: Vec<SessionId>,
}

/// What happened, for those who may see it. It names rows rather than carrying them: a viewer is told
/// a row as it is when the event is published, and being told twice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A channel is new or changed.
    Channel(ChannelId),
    /// A member is new or changed, in something that everybody is told.
    Member(SessionId),
    /// A member went somewhere else; only for those who see where it was or where it is.
    Moved {
        /// Who.
        session: SessionId,
        /// Where it was.
        from: Option<ChannelId>,
    },
    /// A member is muted or deaf otherwise, or its position counts elsewhere; only for those who see where it is.
    Flags(SessionId),
    /// A member listens to a channel, or no more; only for those who see the channel.
    Listens {
        /// Who.
        session: SessionId,
        /// What.
        channel: ChannelId,
    },
    /// A member set something that only it is told: to whom its flows speak, how loud it wants a channel.
    Own(SessionId),
    /// A member watches other channels; nobody is told, but its sight may be another.
    Watches(SessionId),
    /// A member is gone.
    MemberGone(SessionId),
    /// A member shows itself otherwise; only for those who see where it is.
    Presence(SessionId),
    /// The rules where they are let these be heard from now on, or no more.
    Suppressed(Vec<SessionId>),
    /// Some may do something else than before.
    Access(Access),
    /// The roles are others.
    Roles,
    /// What everybody meets is something else.
    OrganizationSettings,
    /// A text message to those in a channel, and to its writer.
    TextChannel {
        /// Who wrote it.
        from: SessionId,
        /// Their name then.
        name: String,
        /// Where to.
        channel: ChannelId,
        /// What.
        text: String,
        /// When.
        at: Timestamp,
    },
    /// A text message to one session, and to its writer.
    TextSession {
        /// Who wrote it.
        from: SessionId,
        /// Their name then.
        name: String,
        /// To whom.
        session: SessionId,
        /// What.
        text: String,
        /// When.
        at: Timestamp,
    },
}

impl Event {
    /// Whether what `viewer` is told of it may be something else than what others of the same class are.
    pub fn is_for_one(&self, viewer: &Member) -> bool {
        match self {
            Self::Member(session)
            | Self::Moved { session, .. }
            | Self::Flags(session)
            | Self::Listens { session, .. }
            | Self::Own(session)
            | Self::Presence(session) => *session == viewer.session,
            Self::TextChannel { .. } | Self::TextSession { .. } | Self::Access(_) => true,
            Self::Channel(_)
            | Self::Watches(_)
            | Self::MemberGone(_)
            | Self::Suppressed(_)
            | Self::Roles
            | Self::OrganizationSettings => false,
        }
    }

    /// The event for those whose own access changed together with it: who sees what now doesn't say what they saw then, so
    /// they are told the whole member.
    #[must_use]
    pub fn for_the_turned(&self) -> Self {
        match self {
            Self::Moved { session, .. }
            | Self::Flags(session)
            | Self::Listens { session, .. }
            | Self::Presence(session) => Self::Member(*session),
            other => other.clone(),
        }
    }
}
