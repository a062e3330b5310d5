//! What schemas 2 and 3 kept of roles, channels and overwrites, as it was: frozen. `tests/data/store-v3.redb` holds a
//! file of it.

use redb::TableDefinition;
use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::super::error::ReadError;
use super::super::index::{IndexKey, Indexed};
use super::super::record::{As, PasswordLayout, subject_key};
use super::super::row::{Record, Row, decode, encode, records};
use crate::auth::StoredPassword;
use crate::id::{ChannelId, OrganizationId, RoleId, Timestamp, UserId};
use crate::permission::{Permissions, Subject};

#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(super) struct Role {
    #[rkyv(with = As<u64>)]
    pub(super) id: RoleId,
    #[rkyv(with = As<u64>)]
    pub(super) organization: OrganizationId,
    pub(super) name: String,
    pub(super) rank: u32,
    #[rkyv(with = As<u64>)]
    pub(super) allow: Permissions,
}

#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(super) struct Channel {
    #[rkyv(with = As<u64>)]
    pub(super) id: ChannelId,
    #[rkyv(with = As<u64>)]
    pub(super) organization: OrganizationId,
    #[rkyv(with = Map<As<u64>>)]
    pub(super) parent: Option<ChannelId>,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) position: i32,
    pub(super) mode: u8,
    #[rkyv(with = Map<As<PasswordLayout>>)]
    pub(super) password: Option<StoredPassword>,
    #[rkyv(with = As<u64>)]
    pub(super) created: Timestamp,
}

/// An overwrite held on its channel and on those below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overwrite {
    pub(super) channel: ChannelId,
    pub(super) subject: Subject,
    pub(super) allow: Permissions,
    pub(super) deny: Permissions,
}

#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(super) struct StoredOverwrite(#[rkyv(with = As<OverwriteLayout>)] pub(super) Overwrite);

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
        Ok(Self { channel: ChannelId(layout.channel), subject, allow, deny })
    }
}

records! {
    Role, 2, u64, |r| r.id.0, "Role/2(id, organization, name, rank, allow)";
    Channel, 2, u64, |c| c.id.0,
        "Channel/2(id, organization, parent, name, description, position, mode, password, created)";
    StoredOverwrite, 1, (u64, u8, u64), |o| overwrite_key(o), "Overwrite/1(channel, kind, subject, allow, deny)";
}

fn overwrite_key(overwrite: &StoredOverwrite) -> (u64, u8, u64) {
    let (kind, subject) = subject_key(overwrite.0.subject);
    (overwrite.0.channel.0, kind, subject)
}

impl Indexed for Role {
    fn entries(&self) -> Vec<IndexKey> {
        vec![IndexKey::role_name(self.organization, &self.name)]
    }
}

impl Indexed for Channel {
    fn entries(&self) -> Vec<IndexKey> {
        vec![IndexKey::channel_name(self.organization, self.parent, &self.name)]
    }
}

impl Indexed for StoredOverwrite {}

pub(super) const ROLES: TableDefinition<'_, u64, Row<Role>> = TableDefinition::new("roles/2");
pub(super) const CHANNELS: TableDefinition<'_, u64, Row<Channel>> = TableDefinition::new("channels/2");
pub(super) const OVERWRITES: TableDefinition<'_, (u64, u8, u64), Row<StoredOverwrite>> =
    TableDefinition::new("overwrites/2");
