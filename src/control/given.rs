//! What is found out about a request before it comes to the control thread: its passwords, which are hashed elsewhere.

use crate::auth::StoredPassword;

/// What was found out about a request before it came to the control thread.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The password that it shows is the channel's.
    pub(super) password_fits: bool,
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
