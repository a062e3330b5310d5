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

/// Declares the rows of records: version, key, layout.
macro_rules! records {
    ($($record:ident, $version:literal, $key:ty, $of:expr, $layout:literal;)*) => {$(
        impl $crate::store::row::Record for $record {
            type Key = $key;
            const LAYOUT: &'static str = $layout;
            const VERSION: u8 = $version;

            fn key(&self) -> $key {
                let of: fn(&$record) -> $key = $of;
                of(self)
            }

            fn encode(&self) -> Result<Vec<u8>, $crate::store::error::ReadError> {
                $crate::store::row::encode(Self::VERSION, Self::LAYOUT, self)
            }

            fn decode(row: &[u8]) -> Result<Self, $crate::store::error::ReadError> {
                $crate::store::row::decode(Self::VERSION, Self::LAYOUT, row)
            }
        }
    )*};
}

pub(super) use records;
