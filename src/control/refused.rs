//! Why a request was refused: what the client is told. What the operator needs besides goes to the log
//! where it happens.

use std::convert::Infallible;
use std::time::Duration;

use thiserror::Error;

use crate::auth::PasswordError;
use crate::name::NameError;
use crate::protocol::{ErrorCode, FrameError, wire};
use crate::state::Denied;
use crate::store::write::{
    CreateRoleError, CreateSessionError, CreateTokenError, CreateUserError, DeleteChannelError,
    DeleteRoleError, EditUserError, GrantError, PutChannelError, PutRoleError, RedeemClaimError,
    RefreshSessionError, RegisterDeviceKeyError, RemoveDeviceKeyError, SecondFactorError, TakeTokenError,
};
use crate::store::{CommitError, Failed, ReadError, Rejected};

/// A refusal. Nothing was changed.
#[derive(Clone, Debug, Error)]
pub enum Refused {
    /// The bytes are no request.
    #[error("the request can't be read: {0}")]
    Malformed(String),
    /// There are too many of them.
    #[error("the request is larger than {} bytes", crate::protocol::MAX_REQUEST)]
    TooLarge,
    /// The versions don't overlap.
    #[error("this server speaks version {} of the protocol; update the client, or the server", crate::protocol::VERSIONS.end())]
    Version,
    /// Not a request for this point.
    #[error("this request has no place here: greet with Hello, then log in, then the rest")]
    Unexpected,
    /// A request of a later version.
    #[error("this server doesn't know this request; it may be older than the client")]
    Unsupported,
    /// Too many requests.
    #[error("too many requests; slow down")]
    RateLimited(Duration),
    /// Name, password or account are wrong, and it isn't said which.
    #[error("the name or the password is wrong, or the account is disabled")]
    LogInFailed,
    /// Too many failures before.
    #[error("too many failed log-ins; try again in {} s", .0.as_secs().max(1))]
    TooManyAttempts(Duration),
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
        until: Option<crate::id::Timestamp>,
    },
    /// A code from a letter opens nothing.
    #[error("the code is wrong, used or older than 30 minutes; ask for another letter")]
    CodeInvalid,
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
    #[error("this server lets no guests in; ask its administrator for an account")]
    GuestsRefused,
    /// The claim code opens nothing.
    #[error(
        "the claim code is wrong, used or expired; `parlour admin claim-code` on the server makes a new one"
    )]
    ClaimInvalid,
    /// A queue is full.
    #[error("the server is busy; try again in a moment")]
    Busy,
    /// The server stops.
    #[error("the server is shutting down; try again in a moment")]
    Stopping,
    /// The name is an account's already.
    #[error("there is an account of this name; choose another")]
    NameTaken,
    /// The name breaks the rules.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The password breaks the rules.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The state says no.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// What the store says, with the code that fits.
    #[error("{1}")]
    Rejected(ErrorCode, String),
    /// The disk can't be written.
    #[error("the server can't write to its disk, so it refuses changes; its log says why")]
    ReadOnly,
    /// Something failed that the client can do nothing about.
    #[error("the server failed; its log says why")]
    Internal,
}

fn until_words(until: Option<crate::id::Timestamp>) -> String {
    until.map_or_else(String::new, |until| format!(" until {until}"))
}

fn reason_words(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

impl Refused {
    /// The code that says the same to a program.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Malformed(_) => ErrorCode::Malformed,
            Self::TooLarge => ErrorCode::TooLarge,
            Self::Version => ErrorCode::Version,
            Self::Unexpected => ErrorCode::Unexpected,
            Self::Unsupported => ErrorCode::Unsupported,
            Self::RateLimited(_) => ErrorCode::RateLimited,
            Self::LogInFailed | Self::OwnPasswordWrong => ErrorCode::LogInFailed,
            Self::TooManyAttempts(_) => ErrorCode::TooManyAttempts,
            Self::SecondFactorNeeded => ErrorCode::SecondFactorNeeded,
            Self::SecondFactorWrong => ErrorCode::SecondFactorWrong,
            Self::InviteInvalid => ErrorCode::InviteInvalid,
            Self::RegistrationClosed => ErrorCode::RegistrationClosed,
            Self::CodeInvalid => ErrorCode::CodeInvalid,
            Self::EmailInvalid => ErrorCode::EmailInvalid,
            Self::Banned { .. } => ErrorCode::Banned,
            Self::TokenInvalid => ErrorCode::TokenInvalid,
            Self::GuestsRefused => ErrorCode::GuestsRefused,
            Self::ClaimInvalid => ErrorCode::ClaimInvalid,
            Self::Busy | Self::Stopping => ErrorCode::Busy,
            Self::NameTaken => ErrorCode::NameTaken,
            Self::Name(_) => ErrorCode::NameInvalid,
            Self::Password(_) => ErrorCode::PasswordInvalid,
            Self::Denied(denied) => denied.code(),
            Self::Rejected(code, _) => *code,
            Self::ReadOnly => ErrorCode::ReadOnly,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// The message on the wire.
    pub fn to_wire(&self) -> wire::Error {
        let retry = match self {
            Self::RateLimited(after) | Self::TooManyAttempts(after) => *after,
            Self::Busy | Self::Stopping => Duration::from_secs(1),
            _ => Duration::ZERO,
        };
        let retry_after_ms = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
        wire::Error { code: self.code().number(), message: self.to_string(), retry_after_ms }
    }
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::PutChannel(error) => error.into(),
            Rejected::DeleteChannel(DeleteChannelError::NoSuchChannel) => Self::Denied(Denied::NoSuchChannel),
            Rejected::EditUser(error) => error.into(),
            Rejected::Setting(error) => error.into(),
            Rejected::LinkChannels(error) => Self::Rejected(ErrorCode::NotFound, error.to_string()),
            Rejected::PutOverwrite(error) => Self::Rejected(ErrorCode::NotFound, error.to_string()),
            Rejected::RemoveOverwrite(error) => Self::Rejected(ErrorCode::NotFound, error.to_string()),
            Rejected::PutRole(error @ PutRoleError::NameTaken) => {
                Self::Rejected(ErrorCode::NameTaken, error.to_string())
            }
            Rejected::PutRole(PutRoleError::NoSuchRole) => Self::Denied(Denied::NoSuchRole),
            Rejected::PutRole(error @ PutRoleError::Owner) => {
                Self::Rejected(ErrorCode::Forbidden, error.to_string())
            }
            Rejected::CreateRole(error) => {
                let code = match error {
                    CreateRoleError::NameTaken => ErrorCode::NameTaken,
                    CreateRoleError::TooMany => ErrorCode::TooMany,
                    CreateRoleError::Exists => ErrorCode::Busy,
                    CreateRoleError::NoSuchOrganization => ErrorCode::NotFound,
                };
                Self::Rejected(code, error.to_string())
            }
            Rejected::DeleteRole(DeleteRoleError::NoSuchRole) | Rejected::Grant(GrantError::NoSuchRole) => {
                Self::Denied(Denied::NoSuchRole)
            }
            Rejected::DeleteRole(error) => Self::Rejected(ErrorCode::Forbidden, error.to_string()),
            Rejected::Grant(GrantError::NoSuchUser) => Self::Denied(Denied::NoSuchUser),
            Rejected::Grant(error @ GrantError::LastOwner) => {
                Self::Rejected(ErrorCode::LastOwner, error.to_string())
            }
            Rejected::CreateSession(CreateSessionError::TokenTaken) => Self::Busy,
            Rejected::CreateSession(_) => Self::LogInFailed,
            Rejected::EndSession(_) => Self::Denied(Denied::NoSuchSession),
            Rejected::RedeemClaim(RedeemClaimError::Invalid) => Self::ClaimInvalid,
            Rejected::TakeToken(TakeTokenError::Invalid) => Self::InviteInvalid,
            Rejected::CreateUser(error) | Rejected::RedeemClaim(RedeemClaimError::User(error)) => {
                error.into()
            }
        }
    }
}

impl From<CreateUserError> for Refused {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::NameTaken => Self::NameTaken,
            CreateUserError::NoSuchRole => Self::Denied(Denied::NoSuchRole),
            CreateUserError::EmailTaken | CreateUserError::Imitates => {
                Self::Rejected(ErrorCode::NameTaken, error.to_string())
            }
            CreateUserError::Full(_) => Self::Rejected(ErrorCode::Full, error.to_string()),
            CreateUserError::NoSuchOrganization => Self::Rejected(ErrorCode::NotFound, error.to_string()),
        }
    }
}

impl From<CreateSessionError> for Refused {
    fn from(error: CreateSessionError) -> Self {
        Rejected::from(error).into()
    }
}

impl From<CreateTokenError> for Refused {
    fn from(error: CreateTokenError) -> Self {
        match error {
            CreateTokenError::TokenTaken => Self::Busy,
            CreateTokenError::NoSuchUser => Self::Denied(Denied::NoSuchUser),
            CreateTokenError::NoSuchChannel => Self::Denied(Denied::NoSuchChannel),
            CreateTokenError::NoSuchRole => Self::Denied(Denied::NoSuchRole),
            CreateTokenError::NoSuchOrganization => Self::Rejected(ErrorCode::NotFound, error.to_string()),
        }
    }
}

impl From<TakeTokenError> for Refused {
    fn from(error: TakeTokenError) -> Self {
        Rejected::from(error).into()
    }
}

impl From<crate::store::write::EndSessionError> for Refused {
    fn from(_: crate::store::write::EndSessionError) -> Self {
        Self::Rejected(
            ErrorCode::NotFound,
            "you have no such device; list them to see which there are".to_owned(),
        )
    }
}

impl From<crate::store::write::RegisterError> for Refused {
    fn from(error: crate::store::write::RegisterError) -> Self {
        match error {
            crate::store::write::RegisterError::Invalid => Self::InviteInvalid,
            crate::store::write::RegisterError::User(error) => error.into(),
        }
    }
}

impl From<RedeemClaimError> for Refused {
    fn from(error: RedeemClaimError) -> Self {
        Rejected::from(error).into()
    }
}

impl From<RefreshSessionError> for Refused {
    fn from(error: RefreshSessionError) -> Self {
        match error {
            RefreshSessionError::Ended => Self::TokenInvalid,
            RefreshSessionError::TokenTaken => Self::Busy,
        }
    }
}

impl From<RegisterDeviceKeyError> for Refused {
    fn from(error: RegisterDeviceKeyError) -> Self {
        match error {
            RegisterDeviceKeyError::NoSuchUser => Self::Denied(Denied::NoSuchUser),
            RegisterDeviceKeyError::TooMany => Self::Rejected(ErrorCode::TooMany, error.to_string()),
        }
    }
}

impl From<RemoveDeviceKeyError> for Refused {
    fn from(error: RemoveDeviceKeyError) -> Self {
        Self::Rejected(ErrorCode::NotFound, error.to_string())
    }
}

impl From<SecondFactorError> for Refused {
    fn from(error: SecondFactorError) -> Self {
        match error {
            SecondFactorError::NoSuchUser => Self::Denied(Denied::NoSuchUser),
            SecondFactorError::Used | SecondFactorError::Wrong => Self::SecondFactorWrong,
            SecondFactorError::Present => Self::Rejected(ErrorCode::NameTaken, error.to_string()),
            SecondFactorError::Absent => Self::Rejected(ErrorCode::NotFound, error.to_string()),
        }
    }
}

impl From<crate::store::write::CreateApiKeyError> for Refused {
    fn from(error: crate::store::write::CreateApiKeyError) -> Self {
        match error {
            crate::store::write::CreateApiKeyError::NoSuchUser => Self::Denied(Denied::NoSuchUser),
            crate::store::write::CreateApiKeyError::PrefixTaken => Self::Busy,
        }
    }
}

impl From<crate::store::write::SettingError> for Refused {
    fn from(error: crate::store::write::SettingError) -> Self {
        Self::Rejected(ErrorCode::NotFound, error.to_string())
    }
}

impl From<crate::store::write::BanError> for Refused {
    fn from(error: crate::store::write::BanError) -> Self {
        let is_owner = error == crate::store::write::BanError::LastOwner;
        let code = if is_owner { ErrorCode::LastOwner } else { ErrorCode::Malformed };
        Self::Rejected(code, error.to_string())
    }
}

macro_rules! not_found {
    ($($error:ident),*) => {$(
        impl From<crate::store::write::$error> for Refused {
            fn from(error: crate::store::write::$error) -> Self {
                Self::Rejected(ErrorCode::NotFound, error.to_string())
            }
        }
    )*};
}

not_found!(RevokeApiKeyError, RevokeTokenError, LiftBanError);

impl From<EditUserError> for Refused {
    fn from(error: EditUserError) -> Self {
        match error {
            EditUserError::NoSuchUser => Self::Denied(Denied::NoSuchUser),
            EditUserError::NameTaken => Self::NameTaken,
            EditUserError::LastOwner => Self::Rejected(ErrorCode::LastOwner, error.to_string()),
            EditUserError::EmailTaken | EditUserError::EmailChanged | EditUserError::Imitates => {
                Self::Rejected(ErrorCode::NameTaken, error.to_string())
            }
        }
    }
}

impl From<PutChannelError> for Refused {
    fn from(error: PutChannelError) -> Self {
        match error {
            PutChannelError::NoSuchChannel | PutChannelError::NoSuchParent => {
                Self::Denied(Denied::NoSuchChannel)
            }
            PutChannelError::Exists => Self::Rejected(ErrorCode::Busy, error.to_string()),
            PutChannelError::NameTaken => Self::Rejected(ErrorCode::NameTaken, error.to_string()),
            PutChannelError::Cycle => Self::Denied(Denied::Cycle),
            PutChannelError::TooDeep => Self::Rejected(ErrorCode::TooDeep, error.to_string()),
            PutChannelError::Full(limit) => Self::Denied(Denied::TooManyChannels(limit as usize)),
            PutChannelError::NoSuchOrganization => Self::Rejected(ErrorCode::NotFound, error.to_string()),
        }
    }
}

impl From<Infallible> for Refused {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl<E: Into<Refused>> From<Failed<E>> for Refused {
    fn from(failed: Failed<E>) -> Self {
        match failed {
            Failed::Refused(error) => error.into(),
            Failed::Commit(error) => error.into(),
        }
    }
}

impl From<FrameError> for Refused {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLarge { .. } => Self::TooLarge,
            error => Self::Malformed(error.to_string()),
        }
    }
}

impl From<CommitError> for Refused {
    fn from(_: CommitError) -> Self {
        // The writer has logged the cause; a client learns nothing of the disk.
        Self::ReadOnly
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "the database can't be read");
        Self::Internal
    }
}
