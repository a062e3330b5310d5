//! Whose part it is, where everybody has a part of what there is only so much of.

use crate::auth::{AddressKey, NetworkKey};
use crate::id::UserId;
use crate::store::{Author, By};

/// Who has a part of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// An account, by whatever way.
    Account(UserId),
    /// Whoever is at an address, that is an IPv4 address or the /64 of a household.
    Address(AddressKey),
    /// All of a site, that is a /48.
    Network(NetworkKey),
    /// The machine's owner, or the server.
    Owner,
}

impl Whose {
    /// On whose behalf something is asked for or written.
    pub fn of(by: By) -> Self {
        match (by.author, by.from) {
            (Author::User(user), _) => Self::Account(user),
            (Author::Guest, Some(from)) => Self::Address(AddressKey::of(from)),
            (Author::Guest | Author::Operator | Author::Server, _) => Self::Owner,
        }
    }

    /// The network that it is of; none for an account and the owner, wherever they are.
    pub fn network(self) -> Option<NetworkKey> {
        match self {
            Self::Address(address) => Some(address.network()),
            Self::Network(network) => Some(network),
            Self::Account(_) | Self::Owner => None,
        }
    }
}
