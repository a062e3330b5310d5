//! Channels, their exceptions, and what people keep about them.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::As;
use super::account::PasswordLayout;
use crate::auth::StoredPassword;
use crate::id::{ChannelId, OrganizationId, RoleId, Timestamp, UserId};
use crate::permission::{Overwrite, Permissions, Reach, Subject};

/// A node of the channel tree.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Channel {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: ChannelId,
    /// Where it belongs.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// The channel above; `None` at the top.
    #[rkyv(with = Map<As<u64>>)]
    pub parent: Option<ChannelId>,
    /// Unique among its siblings when folded.
    pub name: String,
    /// For people.
    pub description: String,
    /// Order among siblings.
    pub position: i32,
    /// How its voice travels; 0 is clear.
    pub mode: u8,
    /// What must be known to join; `None` for nothing.
    #[rkyv(with = Map<As<PasswordLayout>>)]
    pub password: Option<StoredPassword>,
    /// When it was created.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
}

/// An overwrite as its row holds it.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct StoredOverwrite(#[rkyv(with = As<OverwriteLayout>)] pub(in crate::store) Overwrite);

#[derive(Archive, Serialize, Deserialize)]
struct OverwriteLayout {
    channel: u64,
    kind: u8,
    subject: u64,
    allow: u64,
    deny: u64,
}

impl From<&Overwrite> for OverwriteLayout {
    fn from(overwrite: &Overwrite) -> Self {
        let (kind, subject) = subject_key(overwrite.subject);
        let (allow, deny) = (overwrite.allow.bits(), overwrite.deny.bits());
        Self { channel: overwrite.channel.0, kind, subject, allow, deny }
    }
}

impl TryFrom<OverwriteLayout> for Overwrite {
    type Error = ();

    fn try_from(layout: OverwriteLayout) -> Result<Self, ()> {
        let subject = match layout.kind {
            0 => Subject::Role(RoleId(layout.subject)),
            1 => Subject::User(UserId(layout.subject)),
            _ => return Err(()),
        };
        let (allow, deny) = (Permissions::from_bits(layout.allow), Permissions::from_bits(layout.deny));
        Ok(Self { channel: ChannelId(layout.channel), subject, allow, deny, reach: Reach::Both })
    }
}

/// Kind and number of an overwrite's subject, as keys hold them.
pub(in crate::store) fn subject_key(subject: Subject) -> (u8, u64) {
    match subject {
        Subject::Role(role) => (0, role.0),
        Subject::User(user) => (1, user.0),
    }
}

/// A setting of an organization, or of one of its users.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Setting {
    /// Where it holds.
    pub organization: OrganizationId,
    /// For whom; `None` for the organization itself.
    pub user: Option<UserId>,
    /// Its name.
    pub name: String,
    /// Its value, whose form is the reader's affair.
    pub value: String,
}

/// A channel that a user keeps at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Favourite {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub channel: ChannelId,
    /// Since when.
    pub since: Timestamp,
}
