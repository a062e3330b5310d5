//! What a request leads to when it is allowed, and why it isn't when not.

use thiserror::Error;

use super::{Channel, Member};
use crate::id::{ChannelId, RoleId, SessionId, Timestamp, UserId};
use crate::name::NameError;
use crate::permission::Permissions;
use crate::protocol::{ErrorCode, MAX_DESCRIPTION, MAX_TEXT};

/// What a decision depends on besides the state and the request.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The time of the decision.
    pub now: Timestamp,
    /// The account that the request names, if there is one of that name.
    pub named_user: Option<UserId>,
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
    End(SessionId),
    /// A session goes to a channel, or leaves the one it is in.
    Place {
        /// Who.
        session: SessionId,
        /// Where to.
        channel: Option<ChannelId>,
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
    /// A text message to the people of a channel.
    TextChannel {
        /// Who wrote it.
        from: SessionId,
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
        from: SessionId,
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
    /// An account is created; nobody connected is affected.
    CreateUser {
        /// Its name.
        name: String,
        /// The role it gets.
        role: RoleId,
    },
    /// Somebody does something to their own account; nobody else connected is affected.
    OwnAccount {
        /// Whose.
        user: UserId,
        /// In which session.
        session: SessionId,
        /// Their sessions that are connected.
        connected: Vec<SessionId>,
    },
    /// Something about who comes in; what is connected follows from the store.
    Admission {
        /// The roles that an invite gives.
        roles: Vec<RoleId>,
        /// The asker's own account.
        own: Option<UserId>,
    },
    /// An account is disabled or enabled; disabling ends its sessions.
    SetUserDisabled {
        /// Whose.
        user: UserId,
        /// The flag from now on.
        disabled: bool,
    },
}

impl Change {
    /// Whether it must be on disk before anyone learns of it.
    pub fn is_durable(&self) -> bool {
        match self {
            Self::End(_)
            | Self::CreateChannel(_)
            | Self::PutChannel(_)
            | Self::RemoveChannels(_)
            | Self::CreateUser { .. }
            | Self::SetUserDisabled { .. } => true,
            Self::Nothing
            | Self::OwnAccount { .. }
            | Self::Admission { .. }
            | Self::Arrive(_)
            | Self::Depart(_)
            | Self::Place { .. }
            | Self::SetSelf { .. }
            | Self::TextChannel { .. }
            | Self::TextSession { .. } => false,
        }
    }
}

/// Why a request is refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// It isn't a request for this point of the conversation, or this kind of asker.
    #[error("this request has no place here")]
    Unexpected,
    /// A field that must be there is missing.
    #[error("the request lacks its field `{0}`")]
    Missing(&'static str),
    /// The asker's session has ended meanwhile.
    #[error("the session has ended; log in again")]
    SessionEnded,
    /// The server is full.
    #[error("all {0} places on this server are taken; try again later")]
    Full(usize),
    /// Permissions are lacking.
    #[error("you lack the permission to {0} here; ask an administrator for it")]
    Forbidden(Permissions),
    /// The asker has no account.
    #[error("a guest has no account; ask an administrator for one")]
    NoAccount,
    /// A program asks what is for its owner.
    #[error("an API key may not do this; log in as its owner")]
    NotByKey,
    /// There is no such channel, or the asker may not see it.
    #[error("there is no such channel; list the channels to see which there are")]
    NoSuchChannel,
    /// Nobody is connected under that session.
    #[error("nobody is connected under this session")]
    NoSuchSession,
    /// There is no such account.
    #[error("there is no account of this name")]
    NoSuchUser,
    /// There is no such role.
    #[error("there is no role of this name")]
    NoSuchRole,
    /// A sibling has the name.
    #[error("there is a channel named \"{0}\" here already; choose another name")]
    NameTaken(String),
    /// The name breaks the rules for names.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The new parent is the channel itself or below it.
    #[error("a channel can't be moved below itself; choose a parent outside of it")]
    Cycle,
    /// The tree would get too deep.
    #[error("channels can be nested {0} levels deep; choose a parent higher up")]
    TooDeep(usize),
    /// There are as many channels as there can be.
    #[error("there can be {0} channels; remove one first")]
    TooManyChannels(usize),
    /// The description is too long.
    #[error("a description has at most {MAX_DESCRIPTION} bytes")]
    DescriptionTooLong,
    /// The text is empty or too long.
    #[error("a message has 1 to {MAX_TEXT} bytes and isn't only spaces")]
    TextInvalid,
    /// Somebody tries to disable their own account.
    #[error("you can't disable your own account; let another administrator do it")]
    OwnAccount,
}

impl Denied {
    /// The code that tells a client's program the same.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unexpected => ErrorCode::Unexpected,
            Self::Missing(_) => ErrorCode::Malformed,
            Self::SessionEnded => ErrorCode::TokenInvalid,
            Self::Full(_) => ErrorCode::Full,
            Self::Forbidden(_) | Self::OwnAccount | Self::NoAccount | Self::NotByKey => ErrorCode::Forbidden,
            Self::NoSuchChannel => ErrorCode::NoSuchChannel,
            Self::NoSuchSession => ErrorCode::NoSuchSession,
            Self::NoSuchUser => ErrorCode::NoSuchUser,
            Self::NoSuchRole => ErrorCode::NoSuchRole,
            Self::NameTaken(_) => ErrorCode::NameTaken,
            Self::Name(_) => ErrorCode::NameInvalid,
            Self::Cycle => ErrorCode::Cycle,
            Self::TooDeep(_) => ErrorCode::TooDeep,
            Self::TooManyChannels(_) => ErrorCode::TooMany,
            Self::DescriptionTooLong | Self::TextInvalid => ErrorCode::TextInvalid,
        }
    }
}
