//! Why a request was refused: what the client is told. What the operator needs besides goes to the log
//! where it happens.

use std::convert::Infallible;
use std::time::Duration;

use thiserror::Error;

use crate::account::AccountError;
use crate::name::NameError;
use crate::permission::Permissions;
use crate::protocol::{ErrorCode, FrameError, wire};
use crate::state::Denied;
use crate::store::write::{
    CreateOrganizationError, CreateRoleError, DeleteChannelError, DeleteOrganizationError, DeleteRoleError,
    EditOrganizationError, GrantError, PutChannelError, PutOrganizationSettingsError, PutRestraintError,
    PutRoleError, StepDone,
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
    /// The answer would be more than a client has to take.
    #[error("the answer has more than {} MiB; ask for less at once", crate::protocol::MAX_RESPONSE >> 20)]
    AnswerTooLarge,
    /// Its end didn't come.
    #[error("the request didn't end in time; end the stream of a request right after it")]
    Unfinished,
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
    /// A use case about accounts isn't possible.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A queue is full.
    #[error("the server is busy; try again in a moment")]
    Busy,
    /// The server stops.
    #[error("the server is shutting down; try again in a moment")]
    Stopping,
    /// Nobody has the tag that the greeting names, or not any more.
    #[error(
        "there is no organization of this name on the server; look at the part of the address that begins with a plus"
    )]
    NoSuchOrganization,
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

impl From<DeleteOrganizationError> for Refused {
    fn from(error: DeleteOrganizationError) -> Self {
        match error {
            DeleteOrganizationError::NoSuchOrganization => Self::NoSuchOrganization,
            DeleteOrganizationError::Serving => Self::Rejected(ErrorCode::Forbidden, error.to_string()),
        }
    }
}

impl From<CreateOrganizationError> for Refused {
    fn from(error: CreateOrganizationError) -> Self {
        let code = match error {
            CreateOrganizationError::TagTaken => ErrorCode::NameTaken,
            CreateOrganizationError::TooMany | CreateOrganizationError::NumbersUsedUp => ErrorCode::TooMany,
            CreateOrganizationError::TokenTaken => ErrorCode::Busy,
        };
        Self::Rejected(code, error.to_string())
    }
}

impl From<EditOrganizationError> for Refused {
    fn from(error: EditOrganizationError) -> Self {
        match error {
            EditOrganizationError::NoSuchOrganization => Self::NoSuchOrganization,
            EditOrganizationError::NoSuchUser => Self::Rejected(ErrorCode::NoSuchUser, error.to_string()),
        }
    }
}

impl From<NameError> for Refused {
    fn from(error: NameError) -> Self {
        Self::Rejected(ErrorCode::NameInvalid, error.to_string())
    }
}

impl Refused {
    /// What is asked for is read, and not as it has to be: in words that say what is wrong with it.
    pub(super) fn unfit(words: impl Into<String>) -> Self {
        Self::Rejected(ErrorCode::Malformed, words.into())
    }

    /// The code that says the same to a program.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Malformed(_) | Self::Unfinished => ErrorCode::Malformed,
            Self::TooLarge | Self::AnswerTooLarge => ErrorCode::TooLarge,
            Self::Version => ErrorCode::Version,
            Self::Unexpected => ErrorCode::Unexpected,
            Self::Unsupported => ErrorCode::Unsupported,
            Self::RateLimited(_) => ErrorCode::RateLimited,
            Self::Account(error) => error.code(),
            Self::Busy | Self::Stopping => ErrorCode::Busy,
            Self::NoSuchOrganization => ErrorCode::NoSuchOrganization,
            Self::Denied(denied) => denied.code(),
            Self::Rejected(code, _) => *code,
            Self::ReadOnly => ErrorCode::ReadOnly,
            Self::Internal => ErrorCode::Internal,
        }
    }

    /// What whoever asks came by something that doesn't let them have, whatever their roles grant; nothing where it is another refusal.
    pub fn not_given(&self) -> Option<Permissions> {
        match self {
            Self::Denied(Denied::NotGiven(lacking)) => Some(*lacking),
            _ => None,
        }
    }

    /// The message on the wire.
    pub fn to_wire(&self) -> wire::Error {
        let retry = match self {
            Self::RateLimited(after) => *after,
            Self::Account(error) => error.retry_after(),
            Self::Busy | Self::Stopping => Duration::from_secs(1),
            Self::Malformed(_)
            | Self::TooLarge
            | Self::AnswerTooLarge
            | Self::Unfinished
            | Self::Version
            | Self::Unexpected
            | Self::Unsupported
            | Self::NoSuchOrganization
            | Self::Denied(_)
            | Self::Rejected(..)
            | Self::ReadOnly
            | Self::Internal => Duration::ZERO,
        };
        let retry_after_ms = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
        let (reason, until_ms) = match self {
            Self::Account(AccountError::Banned { reason, until }) => {
                (reason.clone(), until.map_or(0, |until| until.0))
            }
            _ => Default::default(),
        };
        wire::Error {
            code: self.code().number(),
            message: self.to_string(),
            retry_after_ms,
            reason,
            until_ms,
        }
    }
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::PutChannel(error) => error.into(),
            Rejected::DeleteChannel(DeleteChannelError::NoSuchChannel) => Self::Denied(Denied::NoSuchChannel),
            Rejected::EditUser(error) => AccountError::from(error).into(),
            Rejected::Setting(error) => AccountError::from(error).into(),
            Rejected::PutOrganizationSettings(PutOrganizationSettingsError::NoSuchChannel) => {
                Self::Denied(Denied::NoSuchChannel)
            }
            Rejected::PutOrganizationSettings(error) => {
                Self::Rejected(ErrorCode::NotFound, error.to_string())
            }
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
            Rejected::Grant(GrantError::NoSuchUser)
            | Rejected::PutRestraint(PutRestraintError::NoSuchUser) => Self::Denied(Denied::NoSuchUser),
            Rejected::Grant(error @ GrantError::LastOwner) => {
                Self::Rejected(ErrorCode::LastOwner, error.to_string())
            }
            Rejected::StepDone(error) => error.into(),
            Rejected::EndSession(_) => Self::Denied(Denied::NoSuchSession),
            Rejected::BeginSession(error) => AccountError::from(error).into(),
            Rejected::Register(error) => AccountError::from(error).into(),
            Rejected::TakeToken(error) => AccountError::from(error).into(),
            Rejected::CreateUser(error) => AccountError::from(error).into(),
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

impl From<StepDone> for Refused {
    fn from(error: StepDone) -> Self {
        Self::Rejected(ErrorCode::Unexpected, error.to_string())
    }
}

impl From<CommitError> for Refused {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::StepDone => StepDone.into(),
            // The writer has logged the cause; a client learns nothing of the disk.
            CommitError::Failed(_) | CommitError::Stopped => Self::ReadOnly,
        }
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        error.complain();
        Self::Internal
    }
}
