//! Who may do what on a channel: permission bits, role grants, channel overwrites, and the one
//! evaluation of them. Pure: no clock, no IO, no state.
//!
//! The order of evaluation is fixed:
//!
//! 1. What roles grant is added up.
//! 2. An owner ([`Permissions::ADMINISTER`]) may do everything; the rest doesn't matter.
//! 3. From the channel at the top down to the one asked about, each channel's overwrites apply where they
//!    reach: first those for roles (all denials, then all allowances), then the one for the user, which
//!    therefore wins on that channel.
//! 4. Who may not see the channel may do nothing there.

mod bits;
mod evaluate;

pub use bits::Permissions;
pub use evaluate::{Holder, Step, effective, explain};

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{ChannelId, RoleId, UserId};

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (_, word) in Self::NAMED.iter().filter(|(bit, _)| self.contains(*bit)) {
            write!(f, "{separator}{word}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

/// A word that names no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no permission \"{0}\"; the permissions are: {list}", list = Permissions::ALL)]
pub struct UnknownPermission(String);

impl std::str::FromStr for Permissions {
    type Err = UnknownPermission;

    /// Reads what [`fmt::Display`] writes: words separated by commas, or `nothing`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::NONE;
        for word in text.split(',').map(str::trim).filter(|word| !matches!(*word, "" | "nothing")) {
            let named = Self::NAMED.iter().find(|(_, name)| *name == word).map(|(bit, _)| *bit);
            let numbered = || word.strip_prefix("bit ")?.parse().ok().filter(|bit| *bit < 64);
            let bit = named.or_else(|| numbered().map(|bit: u32| Self::from_bits(1 << bit)));
            all = all.union(bit.ok_or_else(|| UnknownPermission(word.to_owned()))?);
        }
        Ok(all)
    }
}

impl From<u64> for Permissions {
    fn from(bits: u64) -> Self {
        Self::from_bits(bits)
    }
}

impl From<&Permissions> for u64 {
    fn from(permissions: &Permissions) -> Self {
        permissions.bits()
    }
}

impl Serialize for Permissions {
    /// As words, with the bits that have none as `bit 40`, so that nothing is lost.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = Self::NAMED.iter().fold(Self::NONE, |all, (bit, _)| all.union(*bit));
        let mut words = self.to_string();
        for bit in (0..64).filter(|bit| self.without(known).bits() >> bit & 1 == 1) {
            words = format!("{words}, bit {bit}");
        }
        serializer.serialize_str(&words)
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What one role gives a user everywhere in the organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleGrant {
    /// The role.
    pub role: RoleId,
    /// What it allows.
    pub allow: Permissions,
}

/// Whom an overwrite is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// Everyone who has the role.
    Role(RoleId),
    /// One person.
    User(UserId),
}

/// Where an overwrite holds. Numbers are stored and sent: never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Reach {
    /// On its channel and on those below.
    #[default]
    Both = 0,
    /// On its channel.
    ThisChannel = 1,
    /// On the channels below.
    Below = 2,
}

impl Reach {
    /// Whether it holds on its own channel, or, otherwise, on one below.
    pub const fn holds(self, on_own: bool) -> bool {
        match self {
            Self::Both => true,
            Self::ThisChannel => on_own,
            Self::Below => !on_own,
        }
    }

    /// The reach of a number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Both),
            1 => Some(Self::ThisChannel),
            2 => Some(Self::Below),
            _ => None,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "this channel and below",
            Self::ThisChannel => "this channel",
            Self::Below => "below",
        })
    }
}

/// A channel's own exception for a role or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwrite {
    /// The channel that has it.
    pub channel: ChannelId,
    /// Whom it is for.
    pub subject: Subject,
    /// What it adds.
    pub allow: Permissions,
    /// What it takes away.
    pub deny: Permissions,
    /// Where it holds.
    #[serde(default)]
    pub reach: Reach,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_listed_for_people() {
        assert_eq!(Permissions::VIEW.union(Permissions::SPEAK).to_string(), "view, speak");
        assert_eq!(Permissions::NONE.to_string(), "nothing");
    }

    #[test]
    fn words_are_read_back() {
        for (permission, word) in Permissions::NAMED {
            assert_eq!(word.parse(), Ok(*permission));
        }
        assert!("fly".parse::<Permissions>().unwrap_err().to_string().contains("mute others"));
    }

    #[test]
    fn a_reach_is_a_number() {
        for number in 0..3 {
            assert_eq!(Reach::from_number(number).map(|reach| reach as u8), Some(number));
        }
        assert_eq!(Reach::from_number(3), None);
    }
}
