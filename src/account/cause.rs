//! What the store refuses, as whoever asks is told of it.

use std::convert::Infallible;

use super::AccountError;
use crate::store::write::{
    AskedError, BeginSessionError, ChangePasswordError, CreateApiKeyError, CreateHookError, CreateTokenError,
    CreateUserError, EditUserError, EndSessionError, MAX_API_KEYS, RefreshSessionError,
    RegisterDeviceKeyError, RegisterError, RequestResetError, ResetPasswordError, SecondFactorError,
    SetEmailError, SetPasswordError, TakeTokenError, VerifyEmailError,
};
use crate::store::{CommitError, Failed, ReadError};

impl<E: Into<AccountError>> From<Failed<E>> for AccountError {
    fn from(failed: Failed<E>) -> Self {
        match failed {
            Failed::Refused(error) => error.into(),
            Failed::Commit(error) => error.into(),
        }
    }
}

impl<E: Into<AccountError>> From<AskedError<E>> for AccountError {
    fn from(error: AskedError<E>) -> Self {
        match error {
            AskedError::Ended => Self::TokenInvalid,
            AskedError::Refused(error) => error.into(),
        }
    }
}

impl From<CommitError> for AccountError {
    fn from(_: CommitError) -> Self {
        // The writer has logged the cause; a client learns nothing of the disk.
        Self::ReadOnly
    }
}

impl From<ReadError> for AccountError {
    fn from(error: ReadError) -> Self {
        error.complain();
        Self::Internal
    }
}

impl From<Infallible> for AccountError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<CreateUserError> for AccountError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::NameTaken => Self::NameTaken,
            CreateUserError::NoSuchRole => Self::NoSuchRole,
            error => Self::CreateUser(error),
        }
    }
}

impl From<EditUserError> for AccountError {
    fn from(error: EditUserError) -> Self {
        match error {
            EditUserError::NoSuchUser => Self::NoSuchUser,
            EditUserError::NameTaken => Self::NameTaken,
            error => Self::EditUser(error),
        }
    }
}

impl From<CreateTokenError> for AccountError {
    fn from(error: CreateTokenError) -> Self {
        match error {
            CreateTokenError::TokenTaken => Self::Busy,
            CreateTokenError::NoSuchUser => Self::NoSuchUser,
            CreateTokenError::NoSuchChannel => Self::NoSuchChannel,
            CreateTokenError::NoSuchRole => Self::NoSuchRole,
            error @ (CreateTokenError::NoSuchOrganization | CreateTokenError::TooMany) => {
                Self::CreateToken(error)
            }
        }
    }
}

impl From<TakeTokenError> for AccountError {
    fn from(_: TakeTokenError) -> Self {
        Self::CodeInvalid
    }
}

impl From<RegisterError> for AccountError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::InviteInvalid => Self::InviteInvalid,
            RegisterError::ClaimInvalid => Self::ClaimInvalid,
            RegisterError::User(error) => error.into(),
            RegisterError::Session(error) => error.into(),
        }
    }
}

impl From<BeginSessionError> for AccountError {
    fn from(error: BeginSessionError) -> Self {
        match error {
            BeginSessionError::TokenTaken => Self::Busy,
            BeginSessionError::Factor(error) => error.into(),
            BeginSessionError::NoSuchUser | BeginSessionError::Disabled | BeginSessionError::Outdated => {
                Self::LogInFailed
            }
        }
    }
}

impl From<ResetPasswordError> for AccountError {
    fn from(ResetPasswordError::Invalid: ResetPasswordError) -> Self {
        Self::CodeInvalid
    }
}

impl From<ChangePasswordError> for AccountError {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::NoSuchUser => Self::NoSuchUser,
            ChangePasswordError::Changed => Self::OwnPasswordWrong,
        }
    }
}

impl From<RequestResetError> for AccountError {
    fn from(error: RequestResetError) -> Self {
        match error {
            RequestResetError::NoSuchUser => Self::NoSuchUser,
            RequestResetError::NoSuchAddress => Self::EmailInvalid,
            RequestResetError::TokenTaken => Self::Busy,
        }
    }
}

impl From<SetEmailError> for AccountError {
    fn from(error: SetEmailError) -> Self {
        match error {
            SetEmailError::NoSuchUser => Self::NoSuchUser,
            SetEmailError::TokenTaken => Self::Busy,
        }
    }
}

impl From<VerifyEmailError> for AccountError {
    fn from(error: VerifyEmailError) -> Self {
        match error {
            VerifyEmailError::Invalid => Self::CodeInvalid,
            VerifyEmailError::NoSuchUser => Self::NoSuchUser,
        }
    }
}

impl From<SetPasswordError> for AccountError {
    fn from(error: SetPasswordError) -> Self {
        match error {
            SetPasswordError::NoSuchUser => Self::NoSuchUser,
        }
    }
}

impl From<EndSessionError> for AccountError {
    fn from(error: EndSessionError) -> Self {
        match error {
            EndSessionError::NoSuchSession => Self::NoSuchDevice,
        }
    }
}

impl From<RefreshSessionError> for AccountError {
    fn from(error: RefreshSessionError) -> Self {
        match error {
            RefreshSessionError::Ended => Self::TokenInvalid,
            RefreshSessionError::TokenTaken => Self::Busy,
        }
    }
}

impl From<RegisterDeviceKeyError> for AccountError {
    fn from(error: RegisterDeviceKeyError) -> Self {
        match error {
            RegisterDeviceKeyError::NoSuchUser => Self::NoSuchUser,
            error @ RegisterDeviceKeyError::TooMany => Self::RegisterDeviceKey(error),
        }
    }
}

impl From<SecondFactorError> for AccountError {
    fn from(error: SecondFactorError) -> Self {
        match error {
            SecondFactorError::NoSuchUser => Self::NoSuchUser,
            SecondFactorError::Used | SecondFactorError::Wrong => Self::SecondFactorWrong,
            SecondFactorError::Changed => Self::Busy,
            error => Self::SecondFactor(error),
        }
    }
}

impl From<CreateApiKeyError> for AccountError {
    fn from(error: CreateApiKeyError) -> Self {
        match error {
            CreateApiKeyError::NoSuchUser => Self::NoSuchUser,
            CreateApiKeyError::PrefixTaken => Self::Busy,
            CreateApiKeyError::TooMany => Self::TooManyKeys(MAX_API_KEYS),
        }
    }
}

impl From<CreateHookError> for AccountError {
    fn from(error: CreateHookError) -> Self {
        match error {
            CreateHookError::NoSuchUser => Self::NoSuchUser,
            error @ (CreateHookError::TooMany
            | CreateHookError::TooManyInAll
            | CreateHookError::TooManyForOne) => Self::CreateHook(error),
        }
    }
}
