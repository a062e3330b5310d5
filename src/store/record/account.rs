//! Organizations, the people in them and what they are granted.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::declare::stored;
use super::layout::As;
use super::ledger::SERVER;
use crate::auth::{Scheme, StoredPassword};
use crate::bounds::Registration;
use crate::id::{OrganizationId, RoleId, Timestamp, UserId};
use crate::permission::Permissions;
use crate::store::index::IndexKey;

/// What an organization may have. Enforced in the transaction that would exceed it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Limits {
    /// Accounts at most.
    pub users: u32,
    /// Channels at most.
    pub channels: u32,
    /// Log-ins that one user keeps; a further one ends the oldest.
    pub sessions_per_user: u32,
    /// Days for which the audit trail is kept.
    pub audit_days: u32,
    /// Sessions connected at once; what the server takes altogether holds beside it.
    #[serde(default = "any_sessions")]
    pub sessions: u32,
}

/// More than a server can be told to take.
fn any_sessions() -> u32 {
    100_000
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            users: 100_000,
            channels: 1_000,
            sessions_per_user: 32,
            audit_days: 365,
            sessions: any_sessions(),
        }
    }
}

/// A tenant: one virtual server.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Organization {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: OrganizationId,
    /// A short name for commands, unique.
    pub tag: String,
    /// The name for people.
    pub name: String,
    /// Who owns it.
    #[rkyv(with = Map<As<u64>>)]
    pub owner: Option<UserId>,
    /// What it may have.
    pub limits: Limits,
    /// When it was created.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// Whether it may let guests in; `None` where the server's configuration says so.
    #[serde(default)]
    pub guests: Option<bool>,
    /// Whom it may let make accounts; `None` where the server's configuration says so.
    #[serde(default)]
    #[rkyv(with = Map<As<u8>>)]
    pub registration: Option<Registration>,
}

stored! {
    Organization, 3, "Organization/3(id, tag, name, owner, limits, created, guests, registration)";
    key: u64 = |o| o.id.0;
    of: Nothing, |o| (SERVER, o.id.0);
    audit: Organization;
    index: |o| vec![IndexKey::tag(&o.tag)];
}

/// A role that a user has.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Grant {
    /// Which.
    #[rkyv(with = As<u64>)]
    pub role: RoleId,
    /// Until when; `None` for good.
    #[rkyv(with = Map<As<u64>>)]
    pub expires: Option<Timestamp>,
}

impl Grant {
    /// Whether it holds at a time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// An account. Its pictures and texts are a [`Profile`] of their own, so that this row stays narrow.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct User {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: UserId,
    /// Where it belongs.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// Unique in the organization when folded.
    pub name: String,
    /// Unique in the organization when folded.
    pub email: Option<String>,
    /// Whether the address was proven to be the user's.
    pub email_verified: bool,
    /// `None` for an account that can't log in by password.
    #[rkyv(with = Map<As<PasswordLayout>>)]
    pub password: Option<StoredPassword>,
    /// Can't log in.
    pub disabled: bool,
    /// The roles it has.
    pub grants: Vec<Grant>,
    /// When it was created.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
}

stored! {
    User, 2, "User/2(id, organization, name, email, email_verified, password, disabled, grants, created)";
    key: u64 = |u| u.id.0;
    of: Identified, |u| (u.organization, u.id.0);
    audit: User, ["password"];
    index: |u| {
        let name = IndexKey::user_name(u.organization, &u.name);
        std::iter::once(name).chain(u.email.iter().map(|email| IndexKey::email(u.organization, email))).collect()
    };
}

/// What a user shows of themselves.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Profile {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// The name to show in place of the account's.
    pub display_name: String,
    /// A text about themselves.
    pub bio: String,
    /// A picture: the SHA-256 of its file, which is its name for others, and then the file; empty for none.
    #[serde(with = "bytes_in_base64")]
    pub avatar: Vec<u8>,
}

stored! {
    Profile, 1, "Profile/1(user, display_name, bio, avatar)";
    key: u64 = |p| p.user.0;
    of: User, |p| (OrganizationId::of(p.user.0), p.user.0);
}

impl Profile {
    /// Of somebody who shows nothing.
    pub fn empty(user: UserId) -> Self {
        Self { user, display_name: String::new(), bio: String::new(), avatar: Vec::new() }
    }

    /// The picture, as it is kept, of a file.
    pub fn picture_of(file: &[u8]) -> Vec<u8> {
        if file.is_empty() { Vec::new() } else { [Sha256::digest(file).as_slice(), file].concat() }
    }

    /// The picture, where there is one: the SHA-256 of its file, and the file.
    pub fn picture(&self) -> Option<(&[u8; 32], &[u8])> {
        self.avatar.split_first_chunk().filter(|(_, file)| !file.is_empty())
    }

    /// The key under which it is kept what the name looks like that is shown, where one is.
    pub(in crate::store) fn shown_look(&self) -> Option<u64> {
        let name = Some(&self.display_name).filter(|name| !name.is_empty());
        name.map(|name| IndexKey::look_of(&crate::name::look(name)))
    }
}

/// A named set of permissions.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Role {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: RoleId,
    /// Where it belongs.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// The name for people, unique in the organization when folded.
    pub name: String,
    /// Higher ranks first.
    pub rank: u32,
    /// The colour of its name, as `0xRRGGBB`; 0 for none.
    #[serde(default)]
    pub colour: u32,
    /// What it grants everywhere.
    #[rkyv(with = As<u64>)]
    pub allow: Permissions,
    /// Whether it grants nothing to whoever has no second factor.
    #[serde(default)]
    pub second_factor: bool,
}

stored! {
    Role, 4, "Role/4(id, organization, name, rank, colour, allow, second_factor)";
    key: u64 = |r| r.id.0;
    of: Identified, |r| (r.organization, r.id.0);
    audit: Role;
    index: |r| vec![IndexKey::role_name(r.organization, &r.name)];
}

/// What moderators laid upon a user, wherever and whenever that one is connected. There is no row for somebody upon
/// whom nothing is laid.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Restraint {
    /// Where it holds.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// On whom.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Isn't heard.
    pub muted: bool,
    /// Hears nobody.
    pub deafened: bool,
}

stored! {
    Restraint, 1, "Restraint/1(organization, user, muted, deafened)";
    key: (u64, u64) = |r| (r.organization.0, r.user.0);
    of: Member, |r| (r.organization, r.user.0);
    audit: Restraint;
}

/// What moderators keep of somebody, for each other. There is no row where they keep nothing. Who wrote it and when is in
/// the audit trail, which doesn't show the text: it is read by people who may not read the note.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Note {
    /// Where it is kept.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// On whom.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// What it says.
    pub text: String,
}

stored! {
    Note, 1, "Note/1(organization, user, text)";
    key: (u64, u64) = |n| (n.organization.0, n.user.0);
    of: Member, |n| (n.organization, n.user.0);
}

/// A stored password in a row.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::store) struct PasswordLayout {
    scheme: u8,
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl From<&StoredPassword> for PasswordLayout {
    fn from(password: &StoredPassword) -> Self {
        let StoredPassword { scheme, cost: (memory, passes, lanes), salt, hash } = *password;
        Self { scheme: scheme as u8, memory, passes, lanes, salt, hash }
    }
}

impl TryFrom<PasswordLayout> for StoredPassword {
    type Error = ();

    fn try_from(layout: PasswordLayout) -> Result<Self, ()> {
        let PasswordLayout { scheme, memory, passes, lanes, salt, hash } = layout;
        let scheme = Scheme::from_number(scheme).ok_or(())?;
        Ok(Self { scheme, cost: (memory, passes, lanes), salt, hash })
    }
}

mod bytes_in_base64 {
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64.decode(String::deserialize(deserializer)?.as_bytes()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    #[test]
    fn the_bytes_of_a_restraint_are_these() {
        golden(
            &Restraint { organization: OrganizationId(1), user: UserId(5), muted: true, deafened: false },
            "01d3058a1d010000000000000005000000000000000100",
        );
    }

    #[test]
    fn the_bytes_of_a_note_are_these() {
        let text = "asks twice".to_owned();
        golden(
            &Note { organization: OrganizationId(1), user: UserId(5), text },
            "01a25006d461736b73207477696365010000000000000005000000000000008a000000e6ffffff",
        );
    }
}
