//! From schema 3 to 4. Roles have colours, and two more come with every organization: who was its Admin is its Owner,
//! above a new Admin who may do what has a name. Channels say how many may be in them, when they go, how voice is to
//! be in them and with which others they are linked. An overwrite says where it holds.

use std::collections::BTreeMap;

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::super::error::ReadError;
use super::super::index::IndexKey;
use super::super::row::Record;
use super::book::{Book, ROLE, first_of};
use super::frozen::{all, insert};
use super::{v2, v4};
use crate::id::{OrganizationId, Timestamp};
use crate::name::folded;

/// What owners may do: everything.
const ADMINISTER: u64 = 1 << 63;

/// What had a name besides in schema 4.
const NAMED: u64 = 0x1f_ffff;

/// What the second and the third role of an organization granted when it was new, and what they grant now.
const OFFICER: (u64, u64) = (0x7f, 0x1f_3c7f);
const MEMBER: (u64, u64) = (0x0f, 0x10_0c0f);

/// What keys and bots are given.
const SERVICE: u64 = 0x1_080f;

/// An overwrite holds on its channel and below.
const BOTH: u8 = 0;

/// Brings everything over. `progress` is told how many rows are done, of how many.
pub(super) fn run(
    transaction: &WriteTransaction,
    now: Timestamp,
    progress: &dyn Fn(u64, u64),
) -> Result<(), ReadError> {
    let channels = transaction.open_table(v2::CHANNELS)?.len()?;
    let of = channels + transaction.open_table(v2::OVERWRITES)?.len()?;
    let mut book = Book::open(transaction)?;
    roles(transaction, &mut book)?;
    self::channels(transaction, &|done| progress(done, of))?;
    overwrites(transaction, &|done| progress(channels + done, of))?;
    book.migrated(now, 4)?;
    book.finish()?;
    transaction.delete_table(v2::ROLES)?;
    transaction.delete_table(v2::CHANNELS)?;
    transaction.delete_table(v2::OVERWRITES)?;
    progress(of, of);
    Ok(())
}

fn roles(transaction: &WriteTransaction, book: &mut Book<'_>) -> Result<(), ReadError> {
    let mut organizations: BTreeMap<u64, Vec<v4::Role>> = BTreeMap::new();
    for old in all::<v2::Role>(&transaction.open_table(v2::ROLES)?)? {
        let v2::Role { id, organization, name, rank, allow } = old;
        let new = v4::Role { id, organization, name, rank, colour: 0, allow };
        organizations.entry(organization).or_default().push(new);
    }
    let mut index = transaction.open_table(v2::INDEX)?;
    let mut table = transaction.open_table(v4::ROLES)?;
    for (organization, mut roles) in organizations {
        let key = |role: &v4::Role| IndexKey::role_name(OrganizationId(organization), &role.name);
        for role in &roles {
            index.remove(key(role).0)?;
        }
        seeded_roles(organization, &mut roles, &mut || book.next_id(ROLE, organization))?;
        for role in &roles {
            index.insert(key(role).0, role.id)?;
            insert(&mut table, role)?;
        }
    }
    Ok(())
}

/// Makes of the roles that an organization began with those that a new one begins with, as far as they
/// weren't changed. Exports of older schemas are brought to schema 4 by it, too.
pub(super) fn seeded_roles<E>(
    organization: u64,
    roles: &mut Vec<v4::Role>,
    next_id: &mut dyn FnMut() -> Result<u64, E>,
) -> Result<(), E> {
    // The identifiers of the first organization's are 1, 2, 3 ...
    let first = first_of(organization);
    let is_there = |roles: &[v4::Role], name| roles.iter().any(|role| folded(&role.name) == folded(name));
    let has_owner = is_there(roles, "Owner");
    if let Some(role) = roles.iter_mut().find(|role| role.id == first + 1 && role.allow & ADMINISTER != 0) {
        (role.rank, role.colour) = (role.rank.max(1000), 0xb0_7d00);
        if role.name == "Admin" && !has_owner {
            "Owner".clone_into(&mut role.name);
        }
    }
    for (id, (before, after), colour) in [(2, OFFICER, 0x3a_7bd5), (3, MEMBER, 0)] {
        if let Some(role) = roles.iter_mut().find(|role| role.id == first + id && role.allow == before) {
            (role.allow, role.colour) = (after, colour);
        }
    }
    for (name, rank, colour, allow) in [("Admin", 100, 0xd6_4545, NAMED), ("Service", 20, 0x95_60d8, SERVICE)]
    {
        if !is_there(roles, name) {
            let (id, name) = (next_id()?, name.to_owned());
            roles.push(v4::Role { id, organization, name, rank, colour, allow });
        }
    }
    Ok(())
}

fn channels(transaction: &WriteTransaction, progress: &dyn Fn(u64)) -> Result<(), ReadError> {
    let mut table = transaction.open_table(v4::CHANNELS)?;
    for (count, row) in transaction.open_table(v2::CHANNELS)?.iter()?.enumerate() {
        let old = v2::Channel::decode(row?.1.value())?;
        let new = v4::Channel {
            id: old.id,
            organization: old.organization,
            parent: old.parent,
            name: old.name,
            description: old.description,
            position: old.position,
            mode: old.mode,
            password: old.password,
            created: old.created,
            user_limit: 0,
            temporary_ms: None,
            bitrate: 0,
            frame_ms: 0,
            last_speakers: 0,
            links: Vec::new(),
        };
        insert(&mut table, &new)?;
        if count % 1_000 == 0 {
            progress(count as u64);
        }
    }
    Ok(())
}

/// Each held where it was, and below.
fn overwrites(transaction: &WriteTransaction, progress: &dyn Fn(u64)) -> Result<(), ReadError> {
    let mut table = transaction.open_table(v4::OVERWRITES)?;
    for (count, row) in transaction.open_table(v2::OVERWRITES)?.iter()?.enumerate() {
        let old = v2::Overwrite::decode(row?.1.value())?;
        let v2::Overwrite { channel, kind, subject, allow, deny } = old;
        insert(&mut table, &v4::Overwrite { channel, kind, subject, allow, deny, reach: BOTH })?;
        if count % 1_000 == 0 {
            progress(count as u64);
        }
    }
    Ok(())
}
