//! Programs of others that act for people, or learn who they are (OAuth 2, RFC 6749 and RFC 9700; OpenID Connect Core 1.0).
//! Each use case checks what a program or a person shows, and makes its change by one write.

mod bearer;
mod claims;
mod client;
mod codes;
mod consent;
mod device;
mod devices;
mod held;
mod keys;
mod known;
mod opened;
mod token;

pub use bearer::Assistant;
pub use consent::{Allowed, Consent, Shows};
pub use device::DeviceConsent;
pub(super) use known::OAuth;

use super::AccountError;
use crate::auth::oauth::OAuthError;
use crate::store::{CommitError, Failed, ReadError};

/// Bytes for a program that nobody guesses.
fn random<const N: usize>() -> Result<[u8; N], OAuthError> {
    super::random().map_err(|_| OAuthError::Internal)
}

impl From<AccountError> for OAuthError {
    /// What a program may know of it.
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::TooManyAttempts(after) | AccountError::RateLimited(after) => {
                Self::RateLimited(after)
            }
            AccountError::Busy | AccountError::ReadOnly => Self::Busy,
            AccountError::Internal => Self::Internal,
            // The person is there no more, disabled or kept out.
            _ => Self::GrantInvalid,
        }
    }
}

impl From<ReadError> for OAuthError {
    fn from(error: ReadError) -> Self {
        AccountError::from(error).into()
    }
}

impl<E: Into<OAuthError>> From<Failed<E>> for OAuthError {
    fn from(failed: Failed<E>) -> Self {
        match failed {
            Failed::Refused(error) => error.into(),
            Failed::Commit(error) => error.into(),
        }
    }
}

impl From<CommitError> for OAuthError {
    fn from(error: CommitError) -> Self {
        AccountError::from(error).into()
    }
}

impl From<std::convert::Infallible> for OAuthError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
