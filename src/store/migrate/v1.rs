//! Schema 1 as it was: frozen. `tests/data/store-v1.redb` holds a file of it. A row is
//! `[version: u8][rkyv archive]`.

use redb::{TableDefinition, TypeName, Value};
use rkyv::rancor::Failure;
use rkyv::{Archive, Deserialize, Serialize};

use super::super::error::ReadError;

macro_rules! frozen {
    ($($record:ident, $layout:literal { $($field:ident: $type:ty),* $(,)? })*) => {$(
        #[derive(Debug, Archive, Serialize, Deserialize)]
        pub(super) struct $record { $(pub(super) $field: $type),* }

        impl $record {
            pub(super) fn decode(row: &[u8]) -> Result<Self, ReadError> {
                let archive = row.split_first().filter(|(version, _)| **version == 1);
                let record = archive.and_then(|(_, archive)| rkyv::from_bytes::<Self, Failure>(archive).ok());
                record.ok_or(ReadError::Row { table: $layout })
            }
        }

        impl Value for $record {
            type SelfType<'a> = &'a [u8];
            type AsBytes<'a> = &'a [u8];

            fn fixed_width() -> Option<usize> {
                None
            }

            fn from_bytes<'a>(data: &'a [u8]) -> &'a [u8]
            where
                Self: 'a,
            {
                data
            }

            fn as_bytes<'a, 'b: 'a>(value: &'a &'b [u8]) -> &'a [u8]
            where
                Self: 'b,
            {
                value
            }

            fn type_name() -> TypeName {
                TypeName::new(concat!("parlour::", $layout))
            }
        }
    )*};
}

frozen! {
    Organization, "Organization/1(id, tag, name, created)" { id: u64, tag: String, name: String, created: u64 }
    User, "User/1(id, organization, name, password, disabled, created)" {
        id: u64, organization: u64, name: String, password: Option<Password>, disabled: bool, created: u64,
    }
    Role, "Role/1(id, organization, name, rank, allow)" {
        id: u64, organization: u64, name: String, rank: u32, allow: u64,
    }
    Channel, "Channel/1(id, organization, parent, name, description, position, mode)" {
        id: u64, organization: u64, parent: u64, name: String, description: String, position: i32, mode: u8,
    }
    Session, "Session/1(id, user, token, created, expires, device)" {
        id: u64, user: u64, token: [u8; 32], created: u64, expires: u64, device: String,
    }
    Claim, "Claim/1(hash, created, expires)" { hash: [u8; 32], created: u64, expires: u64 }
}

#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct Password {
    pub(super) scheme: u8,
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) salt: [u8; 16],
    pub(super) hash: [u8; 32],
}

pub(super) const ORGANIZATIONS: TableDefinition<'_, u64, Organization> =
    TableDefinition::new("organizations/1");
pub(super) const USERS: TableDefinition<'_, u64, User> = TableDefinition::new("users/1");
pub(super) const ROLES: TableDefinition<'_, u64, Role> = TableDefinition::new("roles/1");
pub(super) const GRANTS: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("grants/1");
pub(super) const CHANNELS: TableDefinition<'_, u64, Channel> = TableDefinition::new("channels/1");
pub(super) const OVERWRITES: TableDefinition<'_, (u64, u8, u64), (u64, u64)> =
    TableDefinition::new("overwrites/1");
pub(super) const SESSIONS: TableDefinition<'_, u64, Session> = TableDefinition::new("sessions/1");
pub(super) const CLAIMS: TableDefinition<'_, u64, Claim> = TableDefinition::new("claims/1");
pub(super) const INDEX: TableDefinition<'_, (u8, &[u8]), u64> = TableDefinition::new("index/1");
