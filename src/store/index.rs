//! The index of what must be unique: names, addresses, tags, hashes of secrets. A key is the first eight
//! bytes of SHA-256 over the kind and its parts, a pure function of the row: narrow, so that a look-up
//! touches few pages. Who finds a row by it compares the row itself. Two different names that share
//! their eight bytes can't both be there: the second is refused as taken, once in 2^64 tries.

use sha2::{Digest, Sha256};

use super::row::first_eight;
use crate::id::{ChannelId, OrganizationId};
use crate::name::folded;

/// What is unique. Numbers are part of the keys: never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Unique {
    /// A tag among organizations.
    Tag = 1,
    /// A user's folded name in its organization.
    UserName = 2,
    /// A user's folded address in its organization.
    Email = 3,
    /// A role's folded name in its organization.
    RoleName = 4,
    /// A channel's folded name among its siblings.
    ChannelName = 5,
    /// The hash of a one-time token.
    TokenHash = 6,
    /// The prefix of an API key.
    KeyPrefix = 7,
    /// Who somebody is at another server, among the accounts of an organization.
    Subject = 8,
    /// The name of a flow in its organization.
    FlowName = 9,
}

/// A key of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct IndexKey(pub(super) u64);

impl IndexKey {
    fn of(kind: Unique, numbers: &[u64], bytes: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update([kind as u8]);
        for number in numbers {
            digest.update(number.to_be_bytes());
        }
        digest.update(bytes);
        Self(first_eight(&digest.finalize().into()))
    }

    pub(super) fn tag(tag: &str) -> Self {
        Self::of(Unique::Tag, &[], folded(tag).as_bytes())
    }

    pub(super) fn user_name(organization: OrganizationId, name: &str) -> Self {
        Self::of(Unique::UserName, &[organization.0], folded(name).as_bytes())
    }

    /// The key of what a user's name looks like, where that isn't the name itself.
    pub(super) fn look(name: &str) -> Option<u64> {
        let look = crate::name::look(name);
        (look != folded(name)).then(|| Self::look_of(&look))
    }

    /// The key under which a look is kept.
    pub(super) fn look_of(look: &str) -> u64 {
        hash_of(look)
    }

    pub(super) fn email(organization: OrganizationId, email: &str) -> Self {
        Self::of(Unique::Email, &[organization.0], folded(email).as_bytes())
    }

    pub(super) fn flow_name(organization: OrganizationId, name: &str) -> Self {
        Self::of(Unique::FlowName, &[organization.0], name.as_bytes())
    }

    pub(super) fn role_name(organization: OrganizationId, name: &str) -> Self {
        Self::of(Unique::RoleName, &[organization.0], folded(name).as_bytes())
    }

    pub(super) fn channel_name(organization: OrganizationId, parent: Option<ChannelId>, name: &str) -> Self {
        let within = [organization.0, parent.map_or(0, u64::from)];
        Self::of(Unique::ChannelName, &within, folded(name).as_bytes())
    }

    pub(super) fn token(hash: &[u8; 32]) -> Self {
        Self::of(Unique::TokenHash, &[], hash)
    }

    pub(super) fn subject(organization: OrganizationId, issuer: &str, subject: &str) -> Self {
        // The length keeps the two apart.
        Self::of(
            Unique::Subject,
            &[organization.0, issuer.len() as u64],
            [issuer, subject].concat().as_bytes(),
        )
    }

    pub(super) fn key_prefix(prefix: &str) -> Self {
        Self::of(Unique::KeyPrefix, &[], prefix.as_bytes())
    }
}

/// The first eight bytes of a text's SHA-256, as a key.
pub(super) fn hash_of(text: &str) -> u64 {
    first_eight(&Sha256::digest(text).into())
}
