//! What comes to the control thread with a request: its passwords, which are hashed elsewhere, and its condition.

use crate::auth::StoredPassword;
use crate::feed::Doer;
use crate::id::UserId;
use crate::protocol::call::View;
use crate::protocol::wire::response;
use crate::state::PasswordMark;

/// What comes to the control thread with a request.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The channel's password, where the request shows it.
    pub(super) shown: Option<PasswordMark>,
    /// What becomes of a channel's password.
    pub(super) password: NewPassword,
    /// Whose account the name in the request has to be: it may have become another's since it was looked up.
    pub(super) whom: Option<UserId>,
    /// What has to hold for it to be done.
    pub(super) only_if: Option<Condition>,
    /// Who writes a text that the server itself sends, and whose doing that is.
    pub(super) written_by: Option<Box<(String, Doer)>>,
}

/// What must hold of what is there for a change to be made.
pub(super) struct Condition {
    /// What is looked at.
    pub(super) read: View,
    /// Whether the change may be made, by the answer.
    pub(super) holds: Holds,
}

/// Whether something may be done, by what is there; `None` where nothing is.
pub(super) type Holds = Box<dyn Fn(Option<&response::Body>) -> bool + Send>;

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Condition").field("read", &self.read).finish_non_exhaustive()
    }
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
