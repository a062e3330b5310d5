//! Requests by the group of their operation. Whoever handles a group matches all of it.

pub use generated::*;

/// Where a request acts, as far as one field of it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// In the organization.
    Organization,
    /// On a channel; 0 for the top of the tree.
    Channel(u64),
    /// On a connected session.
    Session(u64),
    /// On something that only its handler knows.
    Other,
}

#[expect(clippy::pedantic, reason = "generated; protocol.proto says what each is")]
mod generated {
    use super::On;
    use crate::protocol::operation::{self, Operation};
    use crate::protocol::wire::{self, request};

    include!(concat!(env!("OUT_DIR"), "/calls.rs"));
}
