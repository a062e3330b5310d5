//! Why a request is refused.

use thiserror::Error;

use super::{MAX_LINKS, MAX_OVERWRITES, MAX_ROLES};
use crate::bounds::{MAX_TEMPORARY_CHANNELS, OutOfBounds};
use crate::name::NameError;
use crate::permission::Permissions;
use crate::protocol::{ErrorCode, MAX_STATUS, MAX_TEXT};

/// Why a request is refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// It isn't a request for this point of the conversation, or this kind of asker.
    #[error("this request has no place here")]
    Unexpected,
    /// A field that must be there is missing.
    #[error("the request lacks its field `{0}`")]
    Missing(&'static str),
    /// The asker has no session that is connected.
    #[error("this is for a session that is connected, and you have none; log in with a client")]
    NotConnected,
    /// The asker's session has ended meanwhile.
    #[error("the session has ended; log in again")]
    SessionEnded,
    /// The server is full.
    #[error("all {0} places on this server are taken; try again later")]
    Full(usize),
    /// The organization is full.
    #[error("all {0} places of this organization are taken; try again later")]
    OrganizationFull(usize),
    /// The machine's owner doesn't let the organization do that.
    #[error("this organization may not {0}; ask whoever runs the server")]
    NotAllowed(&'static str),
    /// Permissions are lacking.
    #[error("you lack the permission to {0} here; ask an administrator for it")]
    Forbidden(Permissions),
    /// Permissions are lacking that the key or the program wasn't given, whatever its person may.
    #[error(
        "the key or the program that asks wasn't given the permission to {0}; make a key that has it, or have the program ask \
         for it"
    )]
    NotGiven(Permissions),
    /// Below the channel are some that the asker may not edit.
    #[error("below this channel are some that you may not edit, or don't see; ask whoever looks after them")]
    NotAllBelow,
    /// Below the channel permissions are lacking that an overwrite would give or take there.
    #[error(
        "below this channel are some where you lack the permission to {0}, or that you don't see; let the exception hold on \
         this channel alone, or ask an administrator"
    )]
    LacksBelow(Permissions),
    /// It is for who has a higher rank.
    #[error("this is for who has a higher rank than that; nobody acts on a rank at or above their own")]
    Outranked,
    /// Nobody would be left who owns the server.
    #[error("the server needs an owner who can log in; make somebody else an owner first")]
    LastOwner,
    /// An overwrite would make an owner, or unmake one.
    #[error("a channel can't make or unmake an owner; grant or revoke the role Owner")]
    OwnerByChannel,
    /// It would change what makes an owner or a guest.
    #[error("the roles of owners and guests stay: give others what these lack")]
    Needed,
    /// The channel has as many people as it may.
    #[error("the channel is full: {0} may be in it; try again when somebody has left")]
    ChannelFull(u32),
    /// The channel's password is missing or wrong.
    #[error(
        "the channel has a password, which you haven't shown or which is another one; ask whoever looks after the channel"
    )]
    ChannelPassword,
    /// The asker is in no channel.
    #[error("you are in no channel; join one first")]
    NowhereIn,
    /// Nothing is recorded there.
    #[error("this channel isn't recorded")]
    NotRecorded,
    /// It is recorded already.
    #[error("this channel is recorded already, by {0}")]
    Recorded(String),
    /// The server doesn't record.
    #[error("this server doesn't record; its owner sets recording.quota_mib")]
    NoRecording,
    /// Somebody would watch channels who is told of everybody.
    #[error(
        "this connection is told of everybody: connect with the feature \"presence\" to be told of people by interest"
    )]
    ToldOfAll,
    /// The somebody else would be the asker.
    #[error("this is for other people; for yourself, set it yourself")]
    Oneself,
    /// The person isn't in a channel.
    #[error("they are in no channel, and this holds in a channel only")]
    InNoChannel,
    /// Flows for voice targets.
    #[error("voice targets have flows 2 to 31")]
    FlowInvalid,
    /// A target that means nobody.
    #[error("a voice target is a session, a channel or a role, and 32 at most are one flow's")]
    TargetInvalid,
    /// A channel linked with itself.
    #[error("a channel can't be linked with itself")]
    SelfLink,
    /// There are as many links as there can be.
    #[error("a channel can be linked with {MAX_LINKS} others; remove a link first")]
    TooManyLinks,
    /// There are as many roles as there can be.
    #[error("there can be {MAX_ROLES} roles; remove one first")]
    TooManyRoles,
    /// There are as many overwrites as there can be.
    #[error("a channel can have {MAX_OVERWRITES} overwrites; remove one, or use a role")]
    TooManyOverwrites,
    /// A role has the name.
    #[error("there is a role named \"{0}\" already; choose another name")]
    RoleNameTaken(String),
    /// A number is out of its range.
    #[error("{0}")]
    OutOfRange(&'static str),
    /// What is said of a channel or a role is.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// A line about oneself is too long.
    #[error("this has at most {MAX_STATUS} bytes")]
    StatusTooLong,
    /// The asker has no account.
    #[error("a guest has no account; ask an administrator for one")]
    NoAccount,
    /// A program asks what is for its owner.
    #[error(
        "this is for the person alone: neither an API key nor a program that acts for somebody may do it; log in yourself"
    )]
    NotByKey,
    /// Whoever came by an access token asks for what outlasts it.
    #[error(
        "you are here by an access token, which makes nothing that outlasts it; log in by password, device or long token, \
         and ask again"
    )]
    Brief,
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
    /// The asker has as many temporary channels as one may have.
    #[error(
        "you have {MAX_TEMPORARY_CHANNELS} temporary channels; they go when they have been empty for long enough"
    )]
    TooManyTemporary,
    /// Half of the channels are temporary.
    #[error(
        "half of the channels that there can be are temporary already; try again when some of them are gone"
    )]
    FullOfTemporary,
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
            Self::Unexpected
            | Self::ToldOfAll
            | Self::NotConnected
            | Self::NowhereIn
            | Self::Recorded(_)
            | Self::Oneself
            | Self::InNoChannel => ErrorCode::Unexpected,
            Self::OutOfBounds(OutOfBounds::Description | OutOfBounds::Control)
            | Self::TextInvalid
            | Self::StatusTooLong => ErrorCode::TextInvalid,
            Self::Missing(_) | Self::OutOfRange(_) | Self::OutOfBounds(_) | Self::SelfLink => {
                ErrorCode::Malformed
            }
            Self::SessionEnded => ErrorCode::TokenInvalid,
            Self::Full(_) | Self::OrganizationFull(_) => ErrorCode::Full,
            Self::Outranked => ErrorCode::Outranked,
            Self::LastOwner | Self::Needed => ErrorCode::LastOwner,
            Self::ChannelFull(_) => ErrorCode::ChannelFull,
            Self::ChannelPassword => ErrorCode::ChannelPassword,
            Self::FlowInvalid | Self::TargetInvalid => ErrorCode::TargetInvalid,
            Self::NotRecorded => ErrorCode::NotFound,
            Self::NoRecording => ErrorCode::Unsupported,
            Self::Forbidden(_)
            | Self::NotGiven(_)
            | Self::NotAllowed(_)
            | Self::NotAllBelow
            | Self::LacksBelow(_)
            | Self::OwnerByChannel
            | Self::OwnAccount
            | Self::NoAccount
            | Self::NotByKey => ErrorCode::Forbidden,
            Self::Brief => ErrorCode::LogInAnew,
            Self::NoSuchChannel => ErrorCode::NoSuchChannel,
            Self::NoSuchSession => ErrorCode::NoSuchSession,
            Self::NoSuchUser => ErrorCode::NoSuchUser,
            Self::NoSuchRole => ErrorCode::NoSuchRole,
            Self::NameTaken(_) | Self::RoleNameTaken(_) => ErrorCode::NameTaken,
            Self::Name(_) => ErrorCode::NameInvalid,
            Self::Cycle => ErrorCode::Cycle,
            Self::TooDeep(_) => ErrorCode::TooDeep,
            Self::TooManyChannels(_)
            | Self::TooManyTemporary
            | Self::FullOfTemporary
            | Self::TooManyLinks
            | Self::TooManyRoles
            | Self::TooManyOverwrites => ErrorCode::TooMany,
        }
    }
}
