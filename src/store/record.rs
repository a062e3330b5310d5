//! The records, as the rest of the program sees them.

use crate::auth::{StoredPassword, TokenHash};
use crate::id::{ChannelId, OrganizationId, RoleId, SessionId, Timestamp, UserId};
use crate::permission::Permissions;

/// The one organization of a new database.
pub const SEEDED_ORGANIZATION: OrganizationId = OrganizationId(1);

/// The role of the first administrator.
pub const ADMINISTRATOR: RoleId = RoleId(1);

/// The role of guests.
pub const GUEST: RoleId = RoleId(4);

/// A tenant. There is one so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its identifier.
    pub id: OrganizationId,
    /// A short name for commands, unique.
    pub tag: String,
    /// The name for people.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its identifier.
    pub id: UserId,
    /// Where it belongs.
    pub organization: OrganizationId,
    /// Unique in the organization when folded.
    pub name: String,
    /// `None` for an account that can't log in by password.
    pub password: Option<StoredPassword>,
    /// Can't log in.
    pub disabled: bool,
    /// When it was created.
    pub created: Timestamp,
}

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its identifier.
    pub id: RoleId,
    /// Where it belongs.
    pub organization: OrganizationId,
    /// The name for people.
    pub name: String,
    /// Higher ranks first.
    pub rank: u32,
    /// What it grants everywhere.
    pub allow: Permissions,
}

/// A node of the channel tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its identifier.
    pub id: ChannelId,
    /// Where it belongs.
    pub organization: OrganizationId,
    /// The channel above; `None` at the top.
    pub parent: Option<ChannelId>,
    /// Unique among its siblings when folded.
    pub name: String,
    /// For people.
    pub description: String,
    /// Order among siblings.
    pub position: i32,
    /// How its voice travels; 0 is clear.
    pub mode: u8,
}

/// A log-in of a user on one device, good for coming back without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// Hash of the token that the device keeps.
    pub token: TokenHash,
    /// When it was created.
    pub created: Timestamp,
    /// When it stops being good.
    pub expires: Timestamp,
    /// What the user calls the device.
    pub device: String,
}

/// The right to become the first administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Hash of the code.
    pub hash: TokenHash,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops being good.
    pub expires: Timestamp,
}
