//! Rows: `[version: u8][rkyv archive]`. The structs here are the layout on disk, apart from the records
//! that the program works with, so that a change of those can't change the file by accident. Every
//! read from disk checks version and archive (bytecheck).

use std::marker::PhantomData;

use redb::{TypeName, Value};
use rkyv::{Archive, Deserialize, Serialize, rancor};

use super::error::ReadError;
use super::record::{Channel, Claim, Organization, Role, Session, User};
use crate::auth::{Scheme, StoredPassword, TokenHash};
use crate::id::{ChannelId, OrganizationId, RoleId, SessionId, Timestamp, UserId};
use crate::permission::Permissions;

/// A record that has a row.
pub(super) trait Record: Clone + PartialEq + Sized {
    /// Name and fields of the layout, part of the table's type on disk.
    const LAYOUT: &'static str;
    /// The layout's version, first byte of the row.
    const VERSION: u8;
    /// The row's key.
    fn key(&self) -> u64;
    /// The row's bytes, without the version. `None` only when memory is short.
    fn archive(&self) -> Option<Vec<u8>>;
    /// The record of checked bytes.
    fn unarchive(bytes: &[u8]) -> Option<Self>;

    /// The whole row.
    fn encode(&self) -> Result<Vec<u8>, ReadError> {
        let archive = self.archive().ok_or(ReadError::Row { table: Self::LAYOUT })?;
        let mut row = Vec::with_capacity(archive.len() + 1);
        row.push(Self::VERSION);
        row.extend_from_slice(&archive);
        Ok(row)
    }

    /// Reads a whole row.
    fn decode(row: &[u8]) -> Result<Self, ReadError> {
        let archive = row.split_first().filter(|(version, _)| **version == Self::VERSION);
        archive
            .and_then(|(_, archive)| Self::unarchive(archive))
            .ok_or(ReadError::Row { table: Self::LAYOUT })
    }
}

/// The type of a table's values: bytes that redb knows by the record's layout, so that a table opened
/// as another one is refused.
#[derive(Debug)]
pub(super) struct Row<R>(PhantomData<R>);

impl<R: Record + std::fmt::Debug> Value for Row<R> {
    type SelfType<'a>
        = &'a [u8]
    where
        Self: 'a;
    type AsBytes<'a>
        = &'a [u8]
    where
        Self: 'a;

    fn fixed_width() -> Option<usize> {
        None
    }

    fn from_bytes<'a>(data: &'a [u8]) -> &'a [u8]
    where
        Self: 'a,
    {
        data
    }

    fn as_bytes<'a, 'b: 'a>(value: &'a Self::SelfType<'b>) -> &'a [u8]
    where
        Self: 'b,
    {
        value
    }

    fn type_name() -> TypeName {
        TypeName::new(&format!("parlour::{}", R::LAYOUT))
    }
}

macro_rules! row {
    ($record:ident, $layout:literal, $version:literal, $stored:ident { $($field:ident: $type:ty),* $(,)? },
     $key:expr, $to:expr, $from:expr) => {
        #[derive(Archive, Serialize, Deserialize)]
        struct $stored { $($field: $type),* }

        impl Record for $record {
            const LAYOUT: &'static str = $layout;
            const VERSION: u8 = $version;

            fn key(&self) -> u64 {
                let key: fn(&$record) -> u64 = $key;
                key(self)
            }

            fn archive(&self) -> Option<Vec<u8>> {
                let to: fn(&$record) -> $stored = $to;
                rkyv::to_bytes::<rancor::Failure>(&to(self)).ok().map(|bytes| bytes.to_vec())
            }

            fn unarchive(bytes: &[u8]) -> Option<Self> {
                let from: fn($stored) -> Option<$record> = $from;
                from(rkyv::from_bytes::<$stored, rancor::Failure>(bytes).ok()?)
            }
        }
    };
}

row! {
    Organization, "Organization/1(id, tag, name, created)", 1,
    Organization1 { id: u64, tag: String, name: String, created: u64 },
    |o| o.id.0,
    |o| Organization1 { id: o.id.0, tag: o.tag.clone(), name: o.name.clone(), created: o.created.0 },
    |o| Some(Organization {
        id: OrganizationId(o.id), tag: o.tag, name: o.name, created: Timestamp(o.created),
    })
}

#[derive(Archive, Serialize, Deserialize)]
struct Password1 {
    scheme: u8,
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Password1 {
    fn of(password: &StoredPassword) -> Self {
        let (memory, passes, lanes) = password.cost;
        let StoredPassword { scheme, salt, hash, .. } = *password;
        Self { scheme: scheme as u8, memory, passes, lanes, salt, hash }
    }

    fn read(self) -> Option<StoredPassword> {
        let scheme = Scheme::from_number(self.scheme)?;
        let cost = (self.memory, self.passes, self.lanes);
        Some(StoredPassword { scheme, cost, salt: self.salt, hash: self.hash })
    }
}

row! {
    User, "User/1(id, organization, name, password, disabled, created)", 1,
    User1 {
        id: u64, organization: u64, name: String, password: Option<Password1>, disabled: bool, created: u64,
    },
    |u| u.id.0,
    |u| User1 {
        id: u.id.0, organization: u.organization.0, name: u.name.clone(),
        password: u.password.as_ref().map(Password1::of), disabled: u.disabled, created: u.created.0,
    },
    |u| {
        let password = match u.password {
            Some(password) => Some(password.read()?),
            None => None,
        };
        Some(User {
            id: UserId(u.id), organization: OrganizationId(u.organization), name: u.name,
            password, disabled: u.disabled, created: Timestamp(u.created),
        })
    }
}

row! {
    Role, "Role/1(id, organization, name, rank, allow)", 1,
    Role1 { id: u64, organization: u64, name: String, rank: u32, allow: u64 },
    |r| r.id.0,
    |r| Role1 {
        id: r.id.0, organization: r.organization.0, name: r.name.clone(), rank: r.rank, allow: r.allow.bits(),
    },
    |r| Some(Role {
        id: RoleId(r.id), organization: OrganizationId(r.organization), name: r.name, rank: r.rank,
        allow: Permissions::from_bits(r.allow),
    })
}

row! {
    Channel, "Channel/1(id, organization, parent, name, description, position, mode)", 1,
    Channel1 {
        id: u64, organization: u64, parent: u64, name: String, description: String, position: i32, mode: u8,
    },
    |c| c.id.0,
    |c| Channel1 {
        id: c.id.0, organization: c.organization.0, parent: c.parent.map_or(0, u64::from),
        name: c.name.clone(), description: c.description.clone(), position: c.position, mode: c.mode,
    },
    |c| Some(Channel {
        id: ChannelId(c.id), organization: OrganizationId(c.organization),
        parent: (c.parent != 0).then_some(ChannelId(c.parent)),
        name: c.name, description: c.description, position: c.position, mode: c.mode,
    })
}

row! {
    Session, "Session/1(id, user, token, created, expires, device)", 1,
    Session1 { id: u64, user: u64, token: [u8; 32], created: u64, expires: u64, device: String },
    |s| s.id.0,
    |s| Session1 {
        id: s.id.0, user: s.user.0, token: s.token.0, created: s.created.0, expires: s.expires.0,
        device: s.device.clone(),
    },
    |s| Some(Session {
        id: SessionId(s.id), user: UserId(s.user), token: TokenHash(s.token), created: Timestamp(s.created),
        expires: Timestamp(s.expires), device: s.device,
    })
}

row! {
    Claim, "Claim/1(hash, created, expires)", 1,
    Claim1 { hash: [u8; 32], created: u64, expires: u64 },
    |_| super::record::SEEDED_ORGANIZATION.0,
    |c| Claim1 { hash: c.hash.0, created: c.created.0, expires: c.expires.0 },
    |c| Some(Claim { hash: TokenHash(c.hash), created: Timestamp(c.created), expires: Timestamp(c.expires) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_of_a_row_are_these() {
        let claim =
            Claim { hash: TokenHash([7; 32]), created: Timestamp(0x0102), expires: Timestamp(0x0304) };
        let mut golden = vec![1];
        golden.extend_from_slice(&[7; 32]);
        golden.extend_from_slice(&[2, 1, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0]);
        assert_eq!(claim.encode().unwrap(), golden);
        assert_eq!(Claim::decode(&golden).unwrap(), claim);
    }

    #[test]
    fn another_version_is_refused() {
        let claim = Claim { hash: TokenHash([7; 32]), created: Timestamp(1), expires: Timestamp(2) };
        let mut row = claim.encode().unwrap();
        row[0] = 2;
        assert!(matches!(Claim::decode(&row), Err(ReadError::Row { .. })));
    }

    proptest! {
        #[test]
        fn records_read_back(id: u64, name: String, disabled: bool, salt: [u8; 16], hash: [u8; 32], has: bool) {
            let password = has.then_some(StoredPassword { scheme: Scheme::Argon2id, cost: (1, 2, 3), salt, hash });
            let user = User {
                id: UserId(id), organization: OrganizationId(1), name, password, disabled, created: Timestamp(id),
            };
            prop_assert_eq!(User::decode(&user.encode().unwrap()).unwrap(), user);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = User::decode(&bytes);
            let _ = Channel::decode(&bytes);
            let _ = Session::decode(&bytes);
        }
    }
}
