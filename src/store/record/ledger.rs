//! What is counted for each organization, and for the server as a whole.

use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::auth::TokenHash;
use crate::id::OrganizationId;

/// The ledger of the server itself, which is no organization's.
pub(in crate::store) const SERVER: OrganizationId = OrganizationId(0);

/// What identifiers are given to. Numbers are places in the row: never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Counted {
    User = 0,
    Role = 1,
    Channel = 2,
    Token = 3,
    ApiKey = 4,
    Ban = 5,
    Organization = 6,
    Session = 7,
    Job = 8,
}

/// The highest identifiers given, how many rows there are of what is limited, and both ends of the audit
/// trail. One narrow row, so that a creation touches one page for all of it.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub(in crate::store) struct Ledger {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub(in crate::store) organization: OrganizationId,
    /// The highest identifier ever given of each kind, so that none is given twice.
    pub(in crate::store) last: [u64; 9],
    /// Accounts.
    pub(in crate::store) users: u64,
    /// Channels.
    pub(in crate::store) channels: u64,
    /// Number of the first audit entry that is kept.
    pub(in crate::store) audit_first: u64,
    /// Number of the latest audit entry; 0 before there is one.
    pub(in crate::store) audit_last: u64,
    /// Hash of the entry before the first that is kept.
    #[rkyv(with = As<[u8; 32]>)]
    pub(in crate::store) audit_anchor: TokenHash,
    /// Hash of the latest entry.
    #[rkyv(with = As<[u8; 32]>)]
    pub(in crate::store) audit_head: TokenHash,
}

stored! {
    Ledger, 1, "Ledger/1(organization, last, users, channels, audit_first, audit_last, audit_anchor, audit_head)";
    key: u64 = |l| l.organization.0;
    of: Nothing, |l| (l.organization, l.organization.0);
}

impl Ledger {
    /// That of an organization in which nothing happened yet.
    pub(in crate::store) fn new(organization: OrganizationId) -> Self {
        let nothing = TokenHash([0; 32]);
        Self {
            organization,
            last: [0; 9],
            users: 0,
            channels: 0,
            audit_first: 1,
            audit_last: 0,
            audit_anchor: nothing,
            audit_head: nothing,
        }
    }

    /// Keeps a given identifier from being given again.
    pub(in crate::store) fn note(&mut self, kind: Counted, id: u64) {
        let last = &mut self.last[kind as usize];
        *last = (*last).max(id);
    }
}
