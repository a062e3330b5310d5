//! Rows: `[version: u8][CRC-32 of version and archive: u32][rkyv archive]`. Every read from disk checks
//! all three, so bytes that the disk changed are an error and never a record.

use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

use redb::{Key, TypeName, Value};
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use super::error::ReadError;
use super::record::{
    ApiKey, AuditEntry, Ban, Channel, Device, DeviceKey, Job, Ledger, Mail, OneTimeToken, Organization,
    OrganizationSettings, Profile, Restraint, Role, SecondFactor, Session, StoredOverwrite, User,
};

/// Bytes before the archive.
const HEAD: usize = 5;

/// What a table's key is: a number, or several.
pub(super) trait RowKey:
    Key + for<'a> Value<SelfType<'a> = Self> + Copy + Ord + Hash + Debug + 'static
{
}

impl<K> RowKey for K where K: Key + for<'a> Value<SelfType<'a> = K> + Copy + Ord + Hash + Debug + 'static {}

/// A record that has a row.
pub(super) trait Record: Clone + PartialEq + Debug + Sized + 'static {
    /// What the row is found by.
    type Key: RowKey;
    /// Name and fields of the layout, part of the table's type on disk.
    const LAYOUT: &'static str;
    /// The layout's version, first byte of the row.
    const VERSION: u8;
    /// The row's key.
    fn key(&self) -> Self::Key;
    /// The row's bytes.
    fn encode(&self) -> Result<Vec<u8>, ReadError>;
    /// Reads a whole row.
    fn decode(row: &[u8]) -> Result<Self, ReadError>;
}

/// The bytes of a row, by version and archive.
pub(super) fn encode<R>(version: u8, layout: &'static str, record: &R) -> Result<Vec<u8>, ReadError>
where
    R: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Failure>>,
{
    // Fails only for want of memory.
    let archive = rkyv::to_bytes::<Failure>(record).map_err(|_| ReadError::Row { table: layout })?;
    let mut row = Vec::with_capacity(archive.len() + HEAD);
    row.push(version);
    row.extend_from_slice(&check(version, &archive).to_le_bytes());
    row.extend_from_slice(&archive);
    Ok(row)
}

/// The record of a row's bytes.
pub(super) fn decode<R>(version: u8, layout: &'static str, row: &[u8]) -> Result<R, ReadError>
where
    R: Archive,
    R::Archived: for<'a> CheckBytes<HighValidator<'a, Failure>> + Deserialize<R, HighDeserializer<Failure>>,
{
    let sound = || {
        let (head, archive) = row.split_at_checked(HEAD)?;
        let stored = u32::from_le_bytes(head[1..].try_into().ok()?);
        if head[0] != version || stored != check(version, archive) {
            return None;
        }
        rkyv::from_bytes::<R, Failure>(archive).ok()
    };
    sound().ok_or(ReadError::Row { table: layout })
}

fn check(version: u8, archive: &[u8]) -> u32 {
    let mut check = crc32fast::Hasher::new();
    check.update(&[version]);
    check.update(archive);
    check.finalize()
}

/// The type of a table's values: bytes that redb knows by the record's layout, so that a table opened
/// as another one is refused.
#[derive(Debug)]
pub(super) struct Row<R>(PhantomData<R>);

impl<R: Record> Value for Row<R> {
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

/// The first eight bytes of a hash as a key: a session's by its token, a device's key by its fingerprint, all of the index.
pub(super) fn first_eight(hash: &[u8; 32]) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&hash[..8]);
    u64::from_be_bytes(eight)
}

macro_rules! records {
    ($($record:ident, $version:literal, $key:ty, $of:expr, $layout:literal;)*) => {$(
        impl Record for $record {
            type Key = $key;
            const LAYOUT: &'static str = $layout;
            const VERSION: u8 = $version;

            fn key(&self) -> $key {
                let of: fn(&$record) -> $key = $of;
                of(self)
            }

            fn encode(&self) -> Result<Vec<u8>, ReadError> {
                encode(Self::VERSION, Self::LAYOUT, self)
            }

            fn decode(row: &[u8]) -> Result<Self, ReadError> {
                decode(Self::VERSION, Self::LAYOUT, row)
            }
        }
    )*};
}

pub(super) use records;

records! {
    Organization, 2, u64, |o| o.id.0, "Organization/2(id, tag, name, owner, limits, created)";
    User, 2, u64, |u| u.id.0,
        "User/2(id, organization, name, email, email_verified, password, disabled, grants, created)";
    Profile, 1, u64, |p| p.user.0, "Profile/1(user, display_name, bio, avatar)";
    Role, 4, u64, |r| r.id.0, "Role/4(id, organization, name, rank, colour, allow, second_factor)";
    Restraint, 1, (u64, u64), |r| (r.organization.0, r.user.0),
        "Restraint/1(organization, user, muted, deafened)";
    OrganizationSettings, 1, u64, |o| o.organization.0,
        "OrganizationSettings/1(organization, welcome, default_channel, afk_channel, afk_ms)";
    Channel, 3, u64, |c| c.id.0,
        "Channel/3(id, organization, parent, name, description, position, mode, password, created, user_limit, temporary_ms, bitrate, frame_ms, last_speakers, links)";
    StoredOverwrite, 2, (u64, u8, u64), |o| overwrite_key(o),
        "Overwrite/2(channel, kind, subject, allow, deny, reach)";
    Session, 2, u64, |s| first_eight(&s.token.0),
        "Session/2(id, user, token, created, expires, device, address)";
    OneTimeToken, 1, u64, |t| t.id.0,
        "OneTimeToken/1(id, organization, purpose, hash, user, uses, created, expires, email, channel, roles)";
    ApiKey, 1, u64, |k| k.id.0, "ApiKey/1(id, user, prefix, hash, name, scopes, created, expires)";
    Ban, 1, u64, |b| b.id.0, "Ban/1(id, organization, subject, reason, created, until)";
    AuditEntry, 1, (u64, u64), |a| (a.organization.0, a.number),
        "AuditEntry/1(organization, number, at, author, from, verb, subject, subject_id, before, after, hash)";
    Ledger, 1, u64, |l| l.organization.0,
        "Ledger/1(organization, last, users, channels, audit_first, audit_last, audit_anchor, audit_head)";
    Device, 1, (u64, u64), |d| (d.user.0, d.session.0),
        "Device/1(user, session, client, address, exchanged, key)";
    DeviceKey, 1, (u64, u64), |k| (k.user.0, first_eight(&k.fingerprint.0)),
        "DeviceKey/1(user, fingerprint, public, name, created, address, session)";
    SecondFactor, 1, u64, |f| f.user.0, "SecondFactor/1(user, secret, confirmed, last_step, recovery)";
    Mail, 1, u64, |m| m.number, "Mail/1(number, to, subject, text, created, expires)";
    Job, 1, u64, |j| j.id.0, "Job/1(id, kind, state, progress, steps, started, finished, error)";
}

fn overwrite_key(overwrite: &StoredOverwrite) -> (u64, u8, u64) {
    let (kind, subject) = super::record::subject_key(overwrite.0.subject);
    (overwrite.0.channel.0, kind, subject)
}
