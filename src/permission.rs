//! Who may do what on a channel: permission bits, role grants, channel overwrites, and the one
//! evaluation of them. Pure: no clock, no IO, no state.
//!
//! The order of evaluation is fixed. What roles grant is added up; then, from the root channel down
//! to the one asked about, each channel's overwrites apply: first those for roles (all denials, then
//! all allowances), then the one for the user, which therefore wins on that channel. An
//! [`Permissions::ADMINISTER`] grant skips the overwrites.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{ChannelId, RoleId, UserId};

/// A set of permissions, a bit each. The numbers are stored and sent: they are never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u64);

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $word:literal;)*) => {
        impl Permissions {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Every permission with the word that names it to people, in order of its bit.
            pub const NAMED: &[(Self, &'static str)] = &[$((Self::$name, $word)),*];
        }
    };
}

permissions! {
    /// See the channel and who is in it.
    VIEW = 0, "view";
    /// Enter the channel.
    JOIN = 1, "join";
    /// Be heard in the channel.
    SPEAK = 2, "speak";
    /// Send text messages to the channel and to the people in it.
    TEXT = 3, "text";
    /// Create channels below this one.
    CREATE_CHANNEL = 4, "create channel";
    /// Rename, describe, move and remove the channel.
    EDIT_CHANNEL = 5, "edit channel";
    /// Move other people out of and into the channel.
    MOVE_OTHERS = 6, "move others";
    /// Create and disable accounts.
    MANAGE_USERS = 7, "manage users";
    /// Invite people to make accounts.
    INVITE = 8, "invite";
    /// Keep accounts, addresses and devices out.
    BAN = 9, "ban";
    /// Everything, on every channel, whatever overwrites say.
    ADMINISTER = 63, "administer";
}

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);
    /// Every bit, known or not.
    pub const ALL: Self = Self(u64::MAX);

    /// From stored or received bits; unknown ones are kept.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits as stored and sent.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether every permission of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What either set has.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without what `other` has.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

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
            let bit = named.or_else(|| numbered().map(|bit: u32| Self(1 << bit)));
            all = all.union(bit.ok_or_else(|| UnknownPermission(word.to_owned()))?);
        }
        Ok(all)
    }
}

impl From<u64> for Permissions {
    fn from(bits: u64) -> Self {
        Self(bits)
    }
}

impl From<&Permissions> for u64 {
    fn from(permissions: &Permissions) -> Self {
        permissions.0
    }
}

impl Serialize for Permissions {
    /// As words, with the bits that have none as `bit 40`, so that nothing is lost.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = Self::NAMED.iter().fold(Self::NONE, |all, (bit, _)| all.union(*bit));
        let mut words = self.to_string();
        for bit in (0..64).filter(|bit| self.without(known).0 >> bit & 1 == 1) {
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

/// A channel's own exception for a role or a user; it reaches the channels below, too.
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
}

/// One step of an evaluation, for the person who asks why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A role's grant.
    Grant(RoleGrant),
    /// A channel's overwrite.
    Overwrite(Overwrite),
    /// The administrator's bypass of every overwrite.
    Bypass,
}

/// What `user` with `grants` may do on a channel, given the overwrites on the way to it, ordered
/// from the root channel down.
pub fn effective(user: UserId, grants: &[RoleGrant], path: &[Overwrite]) -> Permissions {
    evaluate(user, grants, path, &mut |_, _| ())
}

/// The same as [`effective`], with each step that touched one of `asked` and the set after it.
pub fn explain(
    user: UserId,
    grants: &[RoleGrant],
    path: &[Overwrite],
    asked: Permissions,
) -> (Permissions, Vec<(Step, Permissions)>) {
    let mut steps = Vec::new();
    let result = evaluate(user, grants, path, &mut |step, after| {
        let touches = match step {
            Step::Grant(grant) => grant.allow.0 & asked.0 != 0,
            Step::Overwrite(overwrite) => (overwrite.allow.0 | overwrite.deny.0) & asked.0 != 0,
            Step::Bypass => true,
        };
        if touches {
            steps.push((step, after));
        }
    });
    (result, steps)
}

fn evaluate(
    user: UserId,
    grants: &[RoleGrant],
    path: &[Overwrite],
    note: &mut dyn FnMut(Step, Permissions),
) -> Permissions {
    let mut now = Permissions::NONE;
    for grant in grants {
        now = now.union(grant.allow);
        note(Step::Grant(*grant), now);
    }
    if now.contains(Permissions::ADMINISTER) {
        note(Step::Bypass, Permissions::ALL);
        return Permissions::ALL;
    }
    for on_channel in path.chunk_by(|a, b| a.channel == b.channel) {
        let for_roles = |overwrite: &&Overwrite| match overwrite.subject {
            Subject::Role(role) => grants.iter().any(|grant| grant.role == role),
            Subject::User(_) => false,
        };
        let denied = on_channel.iter().filter(for_roles).fold(Permissions::NONE, |sum, o| sum.union(o.deny));
        let allowed =
            on_channel.iter().filter(for_roles).fold(Permissions::NONE, |sum, o| sum.union(o.allow));
        now = now.without(denied).union(allowed);
        for overwrite in on_channel.iter().filter(for_roles) {
            note(Step::Overwrite(*overwrite), now);
        }
        for overwrite in on_channel.iter().filter(|o| o.subject == Subject::User(user)) {
            now = now.without(overwrite.deny).union(overwrite.allow);
            note(Step::Overwrite(*overwrite), now);
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USER: UserId = UserId(1);

    fn grants(allow: u64) -> [RoleGrant; 1] {
        [RoleGrant { role: RoleId(1), allow: Permissions(allow) }]
    }

    fn overwrite(channel: u64, subject: Subject, allow: u64, deny: u64) -> Overwrite {
        Overwrite { channel: ChannelId(channel), subject, allow: Permissions(allow), deny: Permissions(deny) }
    }

    #[test]
    fn a_user_overwrite_beats_a_role_overwrite_on_the_same_channel() {
        let path =
            [overwrite(1, Subject::Role(RoleId(1)), 0, 0b10), overwrite(1, Subject::User(USER), 0b10, 0)];
        assert_eq!(effective(USER, &grants(0b111), &path), Permissions(0b111));
    }

    #[test]
    fn a_deeper_channel_beats_a_higher_one() {
        let path =
            [overwrite(1, Subject::User(USER), 0b10, 0), overwrite(2, Subject::Role(RoleId(1)), 0, 0b10)];
        assert_eq!(effective(USER, &grants(0b11), &path), Permissions(0b01));
    }

    #[test]
    fn an_overwrite_for_somebody_else_changes_nothing() {
        let path = [
            overwrite(1, Subject::User(UserId(9)), 0, 0xff),
            overwrite(1, Subject::Role(RoleId(9)), 0, 0xff),
        ];
        assert_eq!(effective(USER, &grants(0b11), &path), Permissions(0b11));
    }

    #[test]
    fn the_words_are_listed_for_people() {
        assert_eq!(Permissions::VIEW.union(Permissions::SPEAK).to_string(), "view, speak");
        assert_eq!(Permissions::NONE.to_string(), "nothing");
    }

    prop_compose! {
        fn any_overwrite()(channel in 1..4_u64, role in any::<bool>(), who in 1..3_u64, allow: u8, deny: u8) -> Overwrite {
            let subject = if role { Subject::Role(RoleId(who)) } else { Subject::User(UserId(who)) };
            overwrite(channel, subject, allow.into(), deny.into())
        }
    }

    proptest! {
        #[test]
        fn the_explanation_ends_in_the_decision(
            allow: u8,
            mut path in proptest::collection::vec(any_overwrite(), 0..8),
            asked in 0..8_u32,
        ) {
            path.sort_by_key(|o| o.channel);
            let asked = Permissions(1 << asked);
            let (result, steps) = explain(USER, &grants(allow.into()), &path, asked);
            prop_assert_eq!(result, effective(USER, &grants(allow.into()), &path));
            let last = steps.last().map_or(Permissions::NONE, |(_, after)| *after);
            prop_assert_eq!(last.contains(asked), result.contains(asked));
        }

        #[test]
        fn an_administrator_may_do_everything(path in proptest::collection::vec(any_overwrite(), 0..8)) {
            let granted = effective(USER, &grants(Permissions::ADMINISTER.bits()), &path);
            prop_assert_eq!(granted, Permissions::ALL);
        }
    }
}
