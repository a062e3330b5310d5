//! What a new database begins with, and whether an old one is ours to open.

use std::path::Path;

use redb::{Database, ReadableDatabase};

use super::error::{OpenError, ReadError};
use super::index::put;
use super::record::{ADMINISTRATOR, Channel, GUEST, Organization, Role, SEEDED_ORGANIZATION};
use super::table::{CHANNELS, INDEX, META, ORGANIZATIONS, ROLES, SCHEMA, create_all};
use crate::id::{ChannelId, RoleId, Timestamp};
use crate::permission::Permissions;

/// Keys of the meta table: the schema's version, and the highest identifier ever given of each kind.
pub(super) const META_SCHEMA: u8 = 0;
pub(super) const META_USER: u8 = 1;
pub(super) const META_SESSION: u8 = 2;
pub(super) const META_CHANNEL: u8 = 3;

/// The next identifier of each kind.
pub(super) struct Next {
    pub(super) user: u64,
    pub(super) session: u64,
}

/// Makes and fills the tables of an empty file, and checks the schema of any other.
pub(super) fn prepare(database: &Database, path: &Path, now: Timestamp) -> Result<Next, OpenError> {
    let damaged = |error: ReadError| match error {
        ReadError::Storage(error) => OpenError::of(path, error),
        error => OpenError::Damaged { path: path.into(), problem: error.to_string() },
    };
    match schema(database).map_err(damaged)? {
        None => seed(database, now).map_err(damaged)?,
        Some(SCHEMA) => (),
        Some(found) if found > SCHEMA => {
            return Err(OpenError::Newer { path: path.into(), found, known: SCHEMA });
        }
        Some(found) => {
            let problem = format!("it has schema {found}, which never was");
            return Err(OpenError::Damaged { path: path.into(), problem });
        }
    }
    next(database).map_err(damaged)
}

fn schema(database: &Database) -> Result<Option<u64>, ReadError> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => Ok(Some(meta.get(META_SCHEMA)?.map_or(0, |version| version.value()))),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn next(database: &Database) -> Result<Next, ReadError> {
    let meta = database.begin_read()?.open_table(META)?;
    let next =
        |name: u8| -> Result<u64, ReadError> { Ok(meta.get(name)?.map_or(0, |last| last.value()) + 1) };
    Ok(Next { user: next(META_USER)?, session: next(META_SESSION)? })
}

fn seed(database: &Database, now: Timestamp) -> Result<(), ReadError> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    create_all(&transaction)?;
    {
        let mut meta = transaction.open_table(META)?;
        let mut index = transaction.open_table(INDEX)?;
        let mut organizations = transaction.open_table(ORGANIZATIONS)?;
        let mut roles = transaction.open_table(ROLES)?;
        let mut channels = transaction.open_table(CHANNELS)?;
        let home = Organization {
            id: SEEDED_ORGANIZATION,
            tag: "home".to_owned(),
            name: "Home".to_owned(),
            created: now,
        };
        // On empty tables nothing can be taken.
        let _ = put(&mut organizations, &mut index, None, Some(&home))?;
        for role in &seeded_roles() {
            let _ = put(&mut roles, &mut index, None, Some(role))?;
        }
        let tree = seeded_channels();
        for channel in &tree {
            let _ = put(&mut channels, &mut index, None, Some(channel))?;
        }
        meta.insert(META_CHANNEL, tree.len() as u64)?;
        meta.insert(META_SCHEMA, SCHEMA)?;
    }
    transaction.commit()?;
    Ok(())
}

fn seeded_roles() -> [Role; 4] {
    let listens = Permissions::VIEW.union(Permissions::JOIN);
    let guest = listens.union(Permissions::SPEAK);
    let member = guest.union(Permissions::TEXT);
    let officer = member
        .union(Permissions::CREATE_CHANNEL)
        .union(Permissions::EDIT_CHANNEL)
        .union(Permissions::MOVE_OTHERS);
    let role = |id, name: &str, rank, allow| Role {
        id,
        organization: SEEDED_ORGANIZATION,
        name: name.to_owned(),
        rank,
        allow,
    };
    [
        role(ADMINISTRATOR, "Admin", 100, Permissions::ADMINISTER),
        role(RoleId(2), "Officer", 50, officer),
        role(RoleId(3), "Member", 10, member),
        role(GUEST, "Guest", 0, guest),
    ]
}

fn seeded_channels() -> [Channel; 5] {
    let channel = |id, parent: u64, name: &str, description: &str, position| Channel {
        id: ChannelId(id),
        organization: SEEDED_ORGANIZATION,
        parent: (parent != 0).then_some(ChannelId(parent)),
        name: name.to_owned(),
        description: description.to_owned(),
        position,
        mode: 0,
    };
    [
        channel(1, 0, "General", "Where everybody meets", 0),
        channel(2, 0, "Operations", "", 1),
        channel(3, 2, "Alpha Squad", "", 0),
        channel(4, 2, "Bravo Squad", "", 1),
        channel(5, 0, "Social", "", 2),
    ]
}
