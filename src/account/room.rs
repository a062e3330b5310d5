//! Where a session finds a place. It is asked before anything of a log-in is written, so that one that is refused leaves
//! nothing behind.

use std::fmt::Debug;

use thiserror::Error;

use crate::id::{ApiKeyId, OrganizationId, SessionId, UserId};

/// Why there is no place, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NoRoom(pub String);

/// As whom somebody comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// As a guest.
    Guest,
    /// By an account that is about to be made.
    New,
    /// By an account.
    Account {
        /// Which.
        user: UserId,
        /// It owns the organization.
        owns: bool,
    },
    /// A program, for an account.
    Program {
        /// Whose.
        user: UserId,
        /// By which key.
        key: ApiKeyId,
    },
}

/// Somebody who has proven who they are and wants a place.
#[derive(Clone, Copy, Debug)]
pub struct Comer {
    /// By which session, new or known.
    pub session: SessionId,
    /// As whom.
    pub who: Who,
    /// Whether they come back by a token or a key.
    pub known: bool,
    /// Where to.
    pub organization: OrganizationId,
    /// Sessions of the organization at most.
    pub most: usize,
}

/// What has places.
pub trait Room: Debug + Send + Sync {
    /// Takes a place for somebody, or says why there is none.
    fn take(&self, comer: Comer) -> Result<(), NoRoom>;
}

/// For who comes in without a connection, and so takes no place.
#[derive(Clone, Copy, Debug)]
pub struct Unseated;

impl Room for Unseated {
    fn take(&self, _: Comer) -> Result<(), NoRoom> {
        Ok(())
    }
}
