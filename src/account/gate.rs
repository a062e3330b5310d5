//! Who is asked about somebody who has proven who they are. It is asked before anything of a log-in is written, so that one that
//! is refused leaves nothing behind: no account, no session, and no other session that ended for it.

use std::fmt::Debug;
use std::pin::Pin;

use super::AccountError;
use crate::id::UserId;

/// What it comes to, when it is known.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<(), AccountError>> + Send + 'a>>;

/// Decides about whoever has proven who they are.
pub trait Gate: Debug + Send + Sync {
    /// Whether somebody comes in by a name, of an account where they have one already.
    fn ask<'a>(&'a self, name: &'a str, user: Option<UserId>) -> Asked<'a>;
}
