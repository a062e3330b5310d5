//! What is found out about a request before it comes to the control thread: its passwords, which are hashed elsewhere.

use crate::auth::StoredPassword;
use crate::state::PasswordMark;

/// What was found out about a request before it came to the control thread.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The channel's password, where the request shows it.
    pub(super) shown: Option<PasswordMark>,
    /// What becomes of a channel's password.
    pub(super) password: NewPassword,
}

/// A channel's password after a change.
#[derive(Debug, Default)]
pub(super) enum NewPassword {
    /// What it was; none for a new channel.
    #[default]
    Kept,
    /// None.
    None,
    /// This one.
    Is(StoredPassword),
}

impl NewPassword {
    /// Which password it is.
    pub(super) fn mark(&self) -> Option<PasswordMark> {
        match self {
            Self::Is(stored) => Some(mark(stored)),
            Self::Kept | Self::None => None,
        }
    }
}

/// Which password is stored: each has a salt of its own.
pub(super) fn mark(stored: &StoredPassword) -> PasswordMark {
    PasswordMark(stored.salt)
}
