//! Why a use case about accounts is refused: what the client is told. What the operator needs besides goes to the log where
//! it happens.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::auth::PasswordError;
use crate::bounds::MAX_OAUTH_CLIENTS;
use crate::id::Timestamp;
use crate::name::NameError;
use crate::picture::PictureError;
use crate::protocol::ErrorCode;
use crate::store::write::{
    BanError, CreateHookError, CreateTokenError, CreateUserError, DeleteUserError, EditProfileError,
    EditUserError, FavouriteError, FlowError, HookError, LiftBanError, LinkError, PutPreferenceError,
    RegisterDeviceKeyError, RemoveDeviceKeyError, RevokeApiKeyError, RevokeTokenError, SecondFactorError,
    SettingError, UnlinkError,
};

/// A refusal. Nothing was changed.
#[derive(Clone, Debug, Error)]
pub enum AccountError {
    /// Name, password or account are wrong, and it isn't said which.
    #[error("the name or the password is wrong, or the account is disabled")]
    LogInFailed,
    /// Too many failures before.
    #[error("too many failed log-ins; try again in {} s", .0.as_secs().max(1))]
    TooManyAttempts(Duration),
    /// Too many requests for one mailbox.
    #[error("too many requests; slow down")]
    RateLimited(Duration),
    /// The password is right, and the account wants more.
    #[error(
        "this account needs a one-time code beside its password: the six digits of your app, or a recovery code"
    )]
    SecondFactorNeeded,
    /// The one-time code isn't right.
    #[error("the one-time code is wrong, too old, or was used; take the next one")]
    SecondFactorWrong,
    /// The invite opens nothing.
    #[error("the invite is wrong, used up or expired; ask whoever sent it for another")]
    InviteInvalid,
    /// Nobody registers here.
    #[error("accounts on this server are made by its administrator; ask for one")]
    RegistrationClosed,
    /// Somebody is kept out.
    #[error("you are banned from this server{until}{reason}", until = until_words(*.until), reason = reason_words(.reason))]
    Banned {
        /// What the one who did it said.
        reason: String,
        /// Until when; `None` for good.
        until: Option<Timestamp>,
    },
    /// Whoever is asked here about log-ins doesn't let somebody in, or can't say whether they may.
    #[error("{1}")]
    NotLetIn(ErrorCode, String),
    /// Nobody has allowed a log-in by the page yet.
    #[error("nobody has allowed this log-in yet; ask again in {} s", .0.as_secs().max(1))]
    Pending(Duration),
    /// Somebody didn't allow it.
    #[error("this log-in wasn't allowed on the page")]
    WebLogInDenied,
    /// A code from an e-mail opens nothing.
    #[error("the code is wrong, used or older than 30 minutes; ask for another e-mail")]
    CodeInvalid,
    /// Both a password and a code are asked for.
    #[error("give somebody a password or a code, not both: with a code they choose the password themselves")]
    PasswordOrCode,
    /// It isn't an e-mail address.
    #[error("this is no e-mail address; write it as name@example.org")]
    EmailInvalid,
    /// The present password isn't right.
    #[error("the present password is wrong")]
    OwnPasswordWrong,
    /// The token opens nothing.
    #[error("the session has ended; log in with the password")]
    TokenInvalid,
    /// No guests here.
    #[error("no guests are let in here; ask an administrator for an account")]
    GuestsRefused,
    /// The claim code opens nothing.
    #[error(
        "the claim code is wrong, used or expired; `parlour admin claim-code` on the server makes a new one"
    )]
    ClaimInvalid,
    /// A device's key logs in only where its signature can be bound to the connection.
    #[error("this connection can't be logged in to by a device's key; use the password")]
    NoKeyHere,
    /// The asker's part of a queue is full.
    #[error("{0} passwords of yours wait to be checked already; try again in a moment")]
    BusyWithYours(usize),
    /// There is no place for another session.
    #[error(transparent)]
    NoRoom(#[from] super::NoRoom),
    /// A queue is full.
    #[error("the server is busy; try again in a moment")]
    Busy,
    /// The name is an account's already.
    #[error("there is an account of this name; choose another")]
    NameTaken,
    /// The name breaks the rules.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The password breaks the rules.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// There is no such account.
    #[error("there is no account of this name")]
    NoSuchUser,
    /// There is no such role.
    #[error("there is no role of this name")]
    NoSuchRole,
    /// There is no such channel.
    #[error("there is no such channel; list the channels to see which there are")]
    NoSuchChannel,
    /// The account isn't logged in on such a device.
    #[error("you have no such device; list them to see which there are")]
    NoSuchDevice,
    /// A field is no public key.
    #[error("a public key has 32 bytes (Ed25519)")]
    PublicKeyInvalid,
    /// A field is no fingerprint.
    #[error("a key's fingerprint has 32 bytes")]
    FingerprintInvalid,
    /// A field is no network.
    #[error("a network is an address, or a range as 192.0.2.0/24; an IPv6 address stands for its /64")]
    NetworkInvalid,
    /// A network is a part of the whole internet that nobody is to be kept out by.
    #[error("a ban is about an IPv4 network of /8, or an IPv6 network of /16, at most; choose a smaller one")]
    NetworkTooWide,
    /// It isn't said who is to be banned.
    #[error("the request lacks its field `subject`")]
    NoSubject,
    /// A ban would keep out whoever asks for it.
    #[error("you can't ban yourself")]
    BansOneself,
    /// A ban would keep out whoever asks for it, by where they are.
    #[error("you are in this network yourself")]
    BansOwnNetwork,
    /// The account has as many keys as it may.
    #[error("an account has {0} keys at most; revoke one first")]
    TooManyKeys(usize),
    /// There is no such program.
    #[error("there is no such program; list them to see which there are")]
    NoSuchProgram,
    /// There are as many programs as there can be.
    #[error("there can be {MAX_OAUTH_CLIENTS} programs; revoke one first")]
    TooManyPrograms,
    /// Passwords log nobody in but owners.
    #[error("passwords log nobody in here but owners; choose one of the other ways to log in")]
    PasswordRefused,
    /// A log-in at another server leads to no account.
    #[error(
        "no account here is linked with this log-in; log in as you did so far and link it under your account, or ask an administrator for an account"
    )]
    NotLinked,
    /// It leads to an account, so no other one is made for it.
    #[error(
        "this log-in leads to an account here already; go on, and log in with it. An invite is as good as before"
    )]
    LinkedAlready,
    /// It leads to an account that is disabled.
    #[error("the account that this log-in leads to is disabled; ask an administrator")]
    LinkedDisabled,
    /// It can't be linked.
    #[error(transparent)]
    Linked(LinkError),
    /// It stays linked.
    #[error(transparent)]
    Unlinked(UnlinkError),
    /// The account can't be made.
    #[error(transparent)]
    CreateUser(CreateUserError),
    /// The account can't be changed.
    #[error(transparent)]
    EditUser(EditUserError),
    /// The account can't be deleted.
    #[error(transparent)]
    DeleteUser(#[from] DeleteUserError),
    /// The code can't be made.
    #[error(transparent)]
    CreateToken(CreateTokenError),
    /// There is no such invite.
    #[error(transparent)]
    RevokeToken(#[from] RevokeTokenError),
    /// There is no such key.
    #[error(transparent)]
    RevokeApiKey(#[from] RevokeApiKeyError),
    /// The webhook can't be made.
    #[error(transparent)]
    CreateHook(CreateHookError),
    /// There is no such webhook or message, or it is off.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// There is no such flow or run, or nothing can be done with it now.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// There is no such device key.
    #[error(transparent)]
    RemoveDeviceKey(#[from] RemoveDeviceKeyError),
    /// There are as many device keys as there can be.
    #[error(transparent)]
    RegisterDeviceKey(RegisterDeviceKeyError),
    /// The second factor isn't there, or is.
    #[error(transparent)]
    SecondFactor(SecondFactorError),
    /// The ban isn't possible.
    #[error(transparent)]
    Ban(#[from] BanError),
    /// There is no such ban.
    #[error(transparent)]
    LiftBan(#[from] LiftBanError),
    /// The setting can't be made.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// What is asked for can't be kept, for a reason that the write says, and the use case's file here: a text that is too
    /// long, say.
    #[error("{0}")]
    Unfit(Arc<dyn std::error::Error + Send + Sync>),
    /// What somebody shows of themselves can't be that.
    #[error(transparent)]
    EditProfile(EditProfileError),
    /// What is sent can't be made a picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Something that follows somebody from device to device can't be kept.
    #[error(transparent)]
    PutPreference(PutPreferenceError),
    /// A channel can't be a favourite.
    #[error(transparent)]
    Favourite(FavouriteError),
    /// The disk can't be written.
    #[error("the server can't write to its disk, so it refuses changes; its log says why")]
    ReadOnly,
    /// Something failed that the client can do nothing about.
    #[error("the server failed; its log says why")]
    Internal,
}

fn until_words(until: Option<Timestamp>) -> String {
    until.map_or_else(String::new, |until| format!(" until {until}"))
}

fn reason_words(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

impl AccountError {
    /// The code that says the same to a program.
    #[expect(clippy::too_many_lines, reason = "one list")]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::LogInFailed | Self::OwnPasswordWrong | Self::NotLinked | Self::LinkedDisabled => {
                ErrorCode::LogInFailed
            }
            Self::TooManyAttempts(_) => ErrorCode::TooManyAttempts,
            Self::RateLimited(_) => ErrorCode::RateLimited,
            Self::SecondFactorNeeded => ErrorCode::SecondFactorNeeded,
            Self::SecondFactorWrong => ErrorCode::SecondFactorWrong,
            Self::InviteInvalid => ErrorCode::InviteInvalid,
            Self::RegistrationClosed => ErrorCode::RegistrationClosed,
            Self::Banned { .. } => ErrorCode::Banned,
            Self::NotLetIn(code, _) => *code,
            Self::CodeInvalid => ErrorCode::CodeInvalid,
            Self::Pending(_) => ErrorCode::Pending,
            Self::WebLogInDenied => ErrorCode::Forbidden,
            Self::EmailInvalid => ErrorCode::EmailInvalid,
            Self::TokenInvalid => ErrorCode::TokenInvalid,
            Self::GuestsRefused => ErrorCode::GuestsRefused,
            Self::ClaimInvalid => ErrorCode::ClaimInvalid,
            Self::NoKeyHere => ErrorCode::Unexpected,
            Self::PasswordRefused => ErrorCode::PasswordRefused,
            Self::Busy | Self::BusyWithYours(_) => ErrorCode::Busy,
            Self::Name(_) => ErrorCode::NameInvalid,
            Self::Password(_) => ErrorCode::PasswordInvalid,
            Self::NoSuchUser | Self::DeleteUser(DeleteUserError::NoSuchUser) => ErrorCode::NoSuchUser,
            Self::NoSuchRole => ErrorCode::NoSuchRole,
            Self::NoSuchChannel => ErrorCode::NoSuchChannel,
            Self::EditUser(EditUserError::LastOwner)
            | Self::DeleteUser(DeleteUserError::LastOwner | DeleteUserError::Owner) => ErrorCode::LastOwner,
            Self::Ban(error) => code_of_ban(*error),
            Self::Hook(error) => code_of_hook(*error),
            Self::Flow(error) => code_of_flow(*error),
            Self::CreateUser(error) => code_of_new_account(*error),
            Self::EditProfile(error) => code_of_profile(error),
            Self::Picture(error) => code_of_picture(*error),
            Self::PutPreference(error) => code_of_preference(*error),
            Self::TooManyKeys(_)
            | Self::Favourite(_)
            | Self::TooManyPrograms
            | Self::CreateHook(_)
            | Self::Linked(LinkError::TooMany)
            | Self::RegisterDeviceKey(_)
            | Self::CreateToken(CreateTokenError::TooMany) => ErrorCode::TooMany,
            Self::PublicKeyInvalid
            | Self::FingerprintInvalid
            | Self::PasswordOrCode
            | Self::NetworkInvalid
            | Self::NetworkTooWide
            | Self::NoSubject
            | Self::BansOneself
            | Self::BansOwnNetwork
            | Self::Unfit(_)
            | Self::Unlinked(UnlinkError::OnlyWay) => ErrorCode::Malformed,
            Self::NoRoom(_) => ErrorCode::Full,
            Self::CreateToken(_)
            | Self::NoSuchDevice
            | Self::RevokeToken(_)
            | Self::RevokeApiKey(_)
            | Self::RemoveDeviceKey(_)
            | Self::LiftBan(_)
            | Self::NoSuchProgram
            | Self::Unlinked(UnlinkError::NoSuchLink)
            | Self::Setting(_)
            | Self::SecondFactor(SecondFactorError::Absent) => ErrorCode::NotFound,
            Self::Linked(_)
            | Self::LinkedAlready
            | Self::NameTaken
            | Self::EditUser(_)
            | Self::SecondFactor(_) => ErrorCode::NameTaken,
            Self::ReadOnly => ErrorCode::ReadOnly,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// Whether it says that what was shown to log in is wrong. Other refusals, such as one for want of room or of a one-time
    /// code, tell nothing to whoever guesses passwords.
    pub(super) fn is_about_proof(&self) -> bool {
        matches!(self, Self::LogInFailed | Self::SecondFactorWrong | Self::Banned { .. })
    }

    /// How long to wait before it is tried again; zero where waiting changes nothing.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::RateLimited(after) | Self::TooManyAttempts(after) | Self::Pending(after) => *after,
            Self::Busy | Self::BusyWithYours(_) => Duration::from_secs(1),
            _ => Duration::ZERO,
        }
    }
}

fn code_of_new_account(error: CreateUserError) -> ErrorCode {
    match error {
        CreateUserError::NoSuchOrganization => ErrorCode::NotFound,
        CreateUserError::Full(_) => ErrorCode::TooMany,
        _ => ErrorCode::NameTaken,
    }
}

fn code_of_ban(error: BanError) -> ErrorCode {
    match error {
        BanError::LastOwner => ErrorCode::LastOwner,
        BanError::OwnerInside => ErrorCode::Outranked,
        _ => ErrorCode::Malformed,
    }
}

fn code_of_hook(error: HookError) -> ErrorCode {
    match error {
        HookError::NoSuchHook | HookError::NoSuchMessage => ErrorCode::NotFound,
        HookError::Off => ErrorCode::Malformed,
    }
}

fn code_of_flow(error: FlowError) -> ErrorCode {
    match error {
        FlowError::NoSuchUser => ErrorCode::NoSuchUser,
        FlowError::NoSuchFlow | FlowError::NoSuchVersion | FlowError::NoSuchRun => ErrorCode::NotFound,
        FlowError::Unproven => ErrorCode::TokenInvalid,
        FlowError::NameTaken => ErrorCode::NameTaken,
        FlowError::TooMany | FlowError::TooManyInAll | FlowError::TooManyForOne | FlowError::TooManyRuns => {
            ErrorCode::TooMany
        }
        FlowError::Off
        | FlowError::Ended
        | FlowError::GoesOn
        | FlowError::Undone
        | FlowError::BuiltIn
        | FlowError::Sealed => ErrorCode::Malformed,
    }
}

fn code_of_profile(error: &EditProfileError) -> ErrorCode {
    match error {
        EditProfileError::Imitates => ErrorCode::NameTaken,
        _ => ErrorCode::Malformed,
    }
}

fn code_of_picture(error: PictureError) -> ErrorCode {
    match error {
        PictureError::TooLarge(_) => ErrorCode::TooLarge,
        _ => ErrorCode::Malformed,
    }
}

fn code_of_preference(error: PutPreferenceError) -> ErrorCode {
    match error {
        PutPreferenceError::TooMany => ErrorCode::TooMany,
        _ => ErrorCode::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_time_mends_is_said_to_be_for_now() {
        let code = |error| AccountError::CreateUser(error).code();
        assert_eq!(code(CreateUserError::Full(2)), ErrorCode::TooMany);
        assert_eq!(code(CreateUserError::NameTaken), ErrorCode::NameTaken);
    }
}
