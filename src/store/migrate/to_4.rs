//! From schema 3 to 4. Roles have colours, and two more come with every organization: who was its Admin is its Owner,
//! above a new Admin who may do what has a name. Channels say how many may be in them, when they go, how voice is to
//! be in them and with which others they are linked. An overwrite says where it holds.
//!
//! A change of this file, or of `v3`, is a change of what ran on people's files: it is refused there.

use std::collections::BTreeSet;

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::v3;
use super::v4::{
    By, Channel, Counted, Open, Overwrite, Reach, ReadError, Record, Role, SERVER, StoredOverwrite,
    SubjectKind, Verb, is_role, range_of,
};
use crate::id::{OrganizationId, RoleId, Timestamp};
use crate::permission::Permissions;

/// What owners may do: everything.
const ADMINISTER: Permissions = Permissions::from_bits(1 << 63);

/// What had a name besides in schema 4.
const NAMED: Permissions = Permissions::from_bits(0x1f_ffff);

/// What the second and the third role of an organization granted when it was new, and what they grant now.
const OFFICER: (Permissions, Permissions) = (Permissions::from_bits(0x7f), Permissions::from_bits(0x1f_3c7f));
const MEMBER: (Permissions, Permissions) = (Permissions::from_bits(0x0f), Permissions::from_bits(0x10_0c0f));

/// What keys and bots are given.
const SERVICE: Permissions = Permissions::from_bits(0x1_080f);

/// Brings everything over. `progress` is told how many rows are done, of how many.
pub(super) fn run(
    transaction: &WriteTransaction,
    now: Timestamp,
    progress: &dyn Fn(u64, u64),
) -> Result<(), ReadError> {
    let mut open = Open::new(transaction, By::server(now))?;
    let of = rows(transaction)?;
    let organizations = roles(transaction, &mut open)?;
    for organization in organizations {
        seeded_roles(&mut open, organization)?;
    }
    channels(transaction, &mut open, &|done| progress(done, of))?;
    overwrites(transaction, &mut open, &|done| progress(done, of))?;
    let (before, after) = (r#"{"schema":3}"#.to_owned(), r#"{"schema":4}"#.to_owned());
    open.audit(SERVER, Verb::Migrate, SubjectKind::Database, 4, before, after)?;
    open.finish()?;
    transaction.delete_table(v3::ROLES)?;
    transaction.delete_table(v3::CHANNELS)?;
    transaction.delete_table(v3::OVERWRITES)?;
    progress(of, of);
    Ok(())
}

fn rows(transaction: &WriteTransaction) -> Result<u64, ReadError> {
    let channels = transaction.open_table(v3::CHANNELS)?.len()?;
    Ok(channels + transaction.open_table(v3::OVERWRITES)?.len()?)
}

/// The roles as they are, under the index entries that they have. Answers with their organizations.
fn roles(transaction: &WriteTransaction, open: &mut Open<'_>) -> Result<BTreeSet<OrganizationId>, ReadError> {
    let mut organizations = BTreeSet::new();
    for row in transaction.open_table(v3::ROLES)?.iter()? {
        let v3::Role { id, organization, name, rank, allow } = v3::Role::decode(row?.1.value())?;
        let new = Role { id, organization, name, rank, colour: 0, allow };
        open.tables.roles.insert(new.key(), new.encode()?.as_slice())?;
        organizations.insert(organization);
    }
    Ok(organizations)
}

/// Makes of the roles that an organization began with those that a new one begins with, as far as they
/// weren't changed.
pub(super) fn seeded_roles(open: &mut Open<'_>, organization: OrganizationId) -> Result<(), ReadError> {
    // The identifiers of the first organization's are 1, 2, 3 ...
    let first = *range_of(organization).start();
    if let Some(old) = open.get::<Role>(first + 1)?.filter(|role| role.allow.contains(ADMINISTER)) {
        let mut new = Role { rank: old.rank.max(1000), colour: 0xb0_7d00, ..old.clone() };
        if new.name == "Admin" && !is_role(open, organization, "Owner")? {
            "Owner".clone_into(&mut new.name);
        }
        let _ = open.put_unaudited(Some(&old), Some(&new))?;
    }
    for (id, (before, after), colour) in [(2, OFFICER, 0x3a_7bd5), (3, MEMBER, 0)] {
        if let Some(old) = open.get::<Role>(first + id)?.filter(|role| role.allow == before) {
            let new = Role { allow: after, colour, ..old.clone() };
            let _ = open.put_unaudited(Some(&old), Some(&new))?;
        }
    }
    for (name, rank, colour, allow) in [("Admin", 100, 0xd6_4545, NAMED), ("Service", 20, 0x95_60d8, SERVICE)]
    {
        if !is_role(open, organization, name)? {
            let id = RoleId(open.next_id(Counted::Role, organization)?);
            let new = Role { id, organization, name: name.to_owned(), rank, colour, allow };
            let _ = open.put_unaudited(None, Some(&new))?;
        }
    }
    Ok(())
}

fn channels(
    transaction: &WriteTransaction,
    open: &mut Open<'_>,
    progress: &dyn Fn(u64),
) -> Result<(), ReadError> {
    for (count, row) in transaction.open_table(v3::CHANNELS)?.iter()?.enumerate() {
        let old = v3::Channel::decode(row?.1.value())?;
        let new = Channel {
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
        open.tables.channels.insert(new.key(), new.encode()?.as_slice())?;
        if count % 1_000 == 0 {
            progress(count as u64);
        }
    }
    Ok(())
}

/// Each held where it was, and below.
fn overwrites(
    transaction: &WriteTransaction,
    open: &mut Open<'_>,
    progress: &dyn Fn(u64),
) -> Result<(), ReadError> {
    let before = transaction.open_table(v3::CHANNELS)?.len()?;
    for (count, row) in transaction.open_table(v3::OVERWRITES)?.iter()?.enumerate() {
        let old = v3::StoredOverwrite::decode(row?.1.value())?.0;
        let v3::Overwrite { channel, subject, allow, deny } = old;
        let new = StoredOverwrite(Overwrite { channel, subject, allow, deny, reach: Reach::Both });
        open.tables.overwrites.insert(new.key(), new.encode()?.as_slice())?;
        if count % 1_000 == 0 {
            progress(before + count as u64);
        }
    }
    Ok(())
}
