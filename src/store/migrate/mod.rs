//! Migrations: each brings a file from one schema to the next in one transaction, and is recorded in the
//! file by its identifier. What they read and write is frozen in modules of their own: nothing here names a record
//! or a table of today, except for what every version can read (`meta` and `migrations`).

mod book;
mod frozen;
mod history;
mod to_2;
mod to_3;
mod to_4;
mod to_5;
mod to_6;
mod v1;
mod v2;
mod v3;
mod v4;
mod v5;
mod v6;

pub use history::Applied;
pub(super) use history::{applied, read_applied, record_creation, schema};

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use redb::{Database, ReadableDatabase, WriteTransaction};
use serde::Serialize;

use super::error::{OpenError, ReadError};
use super::file::before_migration;
use super::open::Open;
use super::record::{Counted, OrganizationSettings, Restraint, Role};
use super::row::Record;
use super::seed;
use super::table::{META_SCHEMA, SCHEMA, definition, has_all, make_all, range_of};
use crate::id::{ChannelId, OrganizationId, RoleId, Timestamp, UserId};
use crate::permission::Permissions;
use history::{has_tables, record};

/// What may happen to a file that is opened.
pub struct Opening<'a> {
    /// Make the file when it isn't there, and fill it when it is empty.
    pub create: bool,
    /// Bring an older file to the present schema, after a backup; otherwise it is refused.
    pub migrate: bool,
    /// Told what a migration is doing: in words, and how far it is, from 0 to 1.
    pub progress: &'a dyn Fn(&str, f64),
}

impl Default for Opening<'_> {
    fn default() -> Self {
        Self { create: true, migrate: true, progress: &|_, _| () }
    }
}

impl std::fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("create", &self.create).field("migrate", &self.migrate).finish()
    }
}

/// A migration that a file still needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// The schema it leads to.
    pub to: u64,
    /// What it is called.
    pub name: &'static str,
}

/// What brings the rows over: in a transaction, at a time, telling how many are done, of how many.
type Run = fn(&WriteTransaction, Timestamp, &dyn Fn(u64, u64)) -> Result<(), ReadError>;

struct Migration {
    to: u64,
    /// What it is known by in the files on which it ran, for ever.
    id: &'static str,
    name: &'static str,
    /// The checksums by which earlier versions knew it: each of a source that wrote the same bytes.
    former: &'static [&'static str],
    run: Run,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        to: 2,
        id: "2-checked-rows",
        name: "checked rows, grants in the user's row, audit trail",
        former: &[
            "1a9678927d3357ca7026c323b889cdeef0bd49e991b83ebf68ebc4a8e7ed64b0",
            "87ef9bd7f8814f511a978a7f6cb074fd0b652195f79d9611f5eeb2e22eb594aa",
        ],
        run: to_2::run,
    },
    Migration {
        to: 3,
        id: "3-devices",
        name: "devices, their keys, second factors, an outbox",
        former: &["a65b38860164cd09e9d658f5eed01be443243518fb15e8237c28026ede032f52"],
        run: to_3::run,
    },
    Migration {
        to: 4,
        id: "4-ranks-and-limits",
        name: "ranks, colours, what channels ask for, links, how far an overwrite reaches",
        former: &["065a5ac8e2b1f039fae515e620c1e9b102e77068b2623eef5ab96c2c6421b0fb"],
        run: to_4::run,
    },
    Migration {
        to: 5,
        id: "5-typed-settings",
        name: "rows for restraints, what an organization says to who comes, roles that need a second factor",
        former: &[],
        run: to_5::run,
    },
    Migration {
        to: 6,
        id: "6-who-comes-in",
        name: "organizations say who comes in, and have a limit of sessions",
        former: &[],
        run: to_6::run,
    },
];

impl Migration {
    /// Whether this is what ran on a file.
    fn is(&self, applied: &Applied) -> bool {
        match applied.id.as_str() {
            "" => self.former.contains(&applied.checksum.as_str()),
            id => id == self.id,
        }
    }
}

/// Fills an empty file, brings an older one to the present schema, and checks any other.
pub(super) fn prepare(
    database: &Database,
    path: &Path,
    now: Timestamp,
    opening: &Opening<'_>,
    is_file: bool,
) -> Result<(), OpenError> {
    let read = |error: ReadError| OpenError::read(path, error);
    let Some(found) = schema(database).map_err(read)? else {
        if has_tables(database).map_err(read)? {
            let problem = "it holds the tables of another program".to_owned();
            return Err(OpenError::Damaged { path: path.into(), problem });
        }
        if !opening.create {
            return Err(OpenError::Missing { path: path.into(), state: "is empty" });
        }
        return seed::seed(database, now).map_err(read);
    };
    let applied = applied(database).map_err(read)?;
    let by = || applied.last().map_or_else(|| "an unknown version".to_owned(), |last| last.parlour.clone());
    if found > SCHEMA {
        return Err(OpenError::Newer { path: path.into(), by: by(), found, known: SCHEMA });
    }
    for applied in applied.iter().filter(|applied| !applied.created()) {
        let ours = MIGRATIONS.iter().find(|migration| migration.to == applied.to);
        if ours.is_none_or(|ours| !ours.is(applied)) {
            let (number, by) = (applied.to, applied.parlour.clone());
            return Err(OpenError::MigrationChanged { path: path.into(), number, by });
        }
    }
    if found == SCHEMA {
        return complete(database).map_err(read);
    }
    if !opening.migrate {
        return Err(OpenError::Older { path: path.into(), found, known: SCHEMA });
    }
    let first = MIGRATIONS.iter().position(|migration| migration.to == found + 1).ok_or_else(|| {
        OpenError::Damaged { path: path.into(), problem: format!("it has schema {found}, which never was") }
    })?;
    let backup = if is_file {
        (opening.progress)("keeping a backup of the file as it is", 0.0);
        Some(before_migration(path, found, now).map_err(Box::new)?)
    } else {
        None
    };
    for migration in &MIGRATIONS[first..] {
        run(database, migration, now, backup.as_deref(), opening).map_err(read)?;
    }
    complete(database).map_err(read)
}

/// Makes the tables that a file of the present schema lacks, empty. So a table that begins empty needs no migration and no
/// schema of its own.
pub(super) fn complete(database: &Database) -> Result<(), ReadError> {
    if has_all(&database.begin_read()?)? {
        return Ok(());
    }
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    make_all(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// What a migration does to what is in the rows, where an export of an older schema was loaded into the
/// present tables.
pub(super) fn bring_rows(open: &mut Open<'_>, exported: u64) -> Result<(), ReadError> {
    let ids = open.tables.organizations.all()?.map(|row| Ok(OrganizationId(row?.0.value())));
    for organization in ids.collect::<Result<Vec<_>, ReadError>>()? {
        if exported < 4 {
            bring_roles(open, organization)?;
        }
    }
    if exported < 5 {
        bring_settings(open)?;
    }
    Ok(())
}

/// Gives an organization the roles that the migration to schema 4 gives.
fn bring_roles(open: &mut Open<'_>, organization: OrganizationId) -> Result<(), ReadError> {
    let mut old = Vec::new();
    for row in open.tables.roles.range(range_of(organization))? {
        old.push(Role::decode(row?.1.value())?);
    }
    let frozen = |role: &Role| v4::Role {
        id: role.id.0,
        organization: organization.0,
        name: role.name.clone(),
        rank: role.rank,
        colour: role.colour,
        allow: role.allow.bits(),
    };
    let mut roles: Vec<_> = old.iter().map(frozen).collect();
    to_4::seeded_roles(organization.0, &mut roles, &mut || open.next_id(Counted::Role, organization))?;
    for v4::Role { id, name, rank, colour, allow, .. } in roles {
        let old = old.iter().find(|old| old.id.0 == id);
        let (id, allow) = (RoleId(id), Permissions::from_bits(allow));
        // The list has each name once, so none can be taken.
        let second_factor = old.is_some_and(|old| old.second_factor);
        let new = Role { id, organization, name, rank, colour, allow, second_factor };
        let _ = open.put_unaudited(old, Some(&new))?;
    }
    Ok(())
}

/// Makes rows of the settings that the migration to schema 5 makes rows of.
fn bring_settings(open: &mut Open<'_>) -> Result<(), ReadError> {
    let channels = open.tables.channels.all()?.map(|row| Ok(row?.0.value()));
    let channels = channels.collect::<Result<BTreeSet<u64>, ReadError>>()?;
    let mut moved = to_5::Moved::default();
    for row in open.tables.settings.all()? {
        let (key, value) = row?;
        moved.take(key.value(), value.value(), &channels);
    }
    for (organization, user, name) in &moved.gone {
        open.tables.settings.remove((*organization, *user, name.as_str()))?;
    }
    for id in moved.required {
        if let Some(old) = open.get::<Role>(id)? {
            let _ = open.put_unaudited(Some(&old), Some(&Role { second_factor: true, ..old.clone() }))?;
        }
    }
    for v5::Restraint { organization, user, muted, deafened } in moved.restraints {
        let (organization, user) = (OrganizationId(organization), UserId(user));
        let _ = open.put_unaudited(None, Some(&Restraint { organization, user, muted, deafened }))?;
    }
    for old in moved.organizations.into_values() {
        let new = OrganizationSettings {
            welcome: old.welcome,
            default_channel: old.default_channel.map(ChannelId),
            afk_channel: old.afk_channel.map(ChannelId),
            afk_ms: old.afk_ms,
            ..OrganizationSettings::new(OrganizationId(old.organization))
        };
        let _ = open.put_unaudited(None, Some(&new))?;
    }
    Ok(())
}

fn run(
    database: &Database,
    migration: &Migration,
    now: Timestamp,
    backup: Option<&Path>,
    opening: &Opening<'_>,
) -> Result<(), ReadError> {
    let started = Instant::now();
    let words = format!("migrating to schema {}: {}", migration.to, migration.name);
    (opening.progress)(&words, 0.0);
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let progress = |done: u64, of: u64| (opening.progress)(&words, done as f64 / of.max(1) as f64);
    (migration.run)(&transaction, now, &progress)?;
    let elapsed = started.elapsed();
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    book::list(&transaction, migration.name, now, now.plus(elapsed))?;
    transaction.open_table(definition::meta)?.insert(META_SCHEMA, migration.to)?;
    let applied = Applied {
        to: migration.to,
        name: migration.name.to_owned(),
        id: migration.id.to_owned(),
        checksum: String::new(),
        parlour: env!("CARGO_PKG_VERSION").to_owned(),
        at: now,
        milliseconds,
        backup: backup.map(Path::to_path_buf),
    };
    record(&mut transaction.open_table(definition::migrations)?, &applied)?;
    transaction.commit()?;
    (opening.progress)(&words, 1.0);
    tracing::info!(schema = migration.to, milliseconds, "the database was migrated");
    Ok(())
}

/// What a file of a schema still needs.
pub(super) fn pending(found: u64) -> Vec<Pending> {
    let later = MIGRATIONS.iter().filter(|migration| migration.to > found);
    later.map(|migration| Pending { to: migration.to, name: migration.name }).collect()
}

#[cfg(test)]
mod tests;
