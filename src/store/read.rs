//! Look-ups, all on the tables of the latest commit. Lists are paged by key: each call gives what comes
//! after the last one of the page before.

mod access;
mod assistant;
mod audit;
mod element;
mod flow;
mod hook;
mod linked;
mod numbers;
mod oauth;
mod plugin;

pub use access::ban_on;
pub use audit::AuditFilter;

use std::ops::Bound;

use super::error::ReadError;
use super::handle::Store;
use super::index::IndexKey;
use super::lazy::Readable;
use super::migrate::{self, Applied, Pending};
use super::record::declare::Stored;
use super::record::{
    Channel, Counted, Favourite, Job, Ledger, Note, OWNER, Organization, OrganizationSettings, Profile,
    Restraint, Role, Setting, StoredOverwrite, User,
};
use super::row::{Record, Row, RowKey};
use super::seen::Seen;
use super::table::{META_LAST_BACKUP, META_LAST_VERIFY, META_SCHEMA, TableSize, Tables, range_of};
use crate::id::{ChannelId, JobId, OrganizationId, RoleId, Timestamp, UserId};
use crate::permission::Overwrite;

/// What the database says of itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Stats {
    /// The schema's version.
    pub schema: u64,
    /// The migrations that ran.
    pub applied: Vec<(u64, Applied)>,
    /// The migrations that the file still needs.
    pub pending: Vec<Pending>,
    /// Every table.
    pub tables: Vec<TableSize>,
    /// When the last backup was made.
    pub last_backup: Option<Timestamp>,
    /// When everything was last checked and found right.
    pub last_verify: Option<Timestamp>,
}

/// Organizations.
impl Store {
    /// An organization.
    pub fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, ReadError> {
        self.look(|tables| get(&tables.organizations, id.0))
    }

    /// An organization by its tag, in whatever case.
    pub fn organization_by_tag(&self, tag: &str) -> Result<Option<Organization>, ReadError> {
        self.look(|tables| find(tables, IndexKey::tag(tag), &tables.organizations))
    }

    /// A page of the organizations.
    pub fn organizations(
        &self,
        after: Option<OrganizationId>,
        limit: usize,
    ) -> Result<Vec<Organization>, ReadError> {
        let after = after.map_or(0, |after| after.0);
        self.look(|tables| page(&tables.organizations, after, u64::MAX, limit, |_| true))
    }
}

/// Users, roles and grants.
impl Store {
    /// A user.
    pub fn user(&self, id: UserId) -> Result<Option<User>, ReadError> {
        self.look(|tables| get(&tables.users, id.0))
    }

    /// A user by name, in whatever case.
    pub fn user_by_name(&self, home: OrganizationId, name: &str) -> Result<Option<User>, ReadError> {
        self.look(|tables| find(tables, IndexKey::user_name(home, name), &tables.users))
    }

    /// Whether an account has or shows this name, or one that looks like it.
    pub fn has_name_like(&self, home: OrganizationId, name: &str) -> Result<bool, ReadError> {
        let look = crate::name::look(name);
        self.look(|tables| {
            let is_there =
                |name: &str| tables.index.get(IndexKey::user_name(home, name).0).map(|id| id.is_some());
            let kept = tables.looks.get((home.0, IndexKey::look_of(&look)))?.is_some();
            let shown = tables.shown.get((home.0, IndexKey::look_of(&look)))?.is_some();
            Ok(kept || shown || is_there(&look)? || is_there(name)?)
        })
    }

    /// A user by address, in whatever case.
    pub fn user_by_email(&self, home: OrganizationId, email: &str) -> Result<Option<User>, ReadError> {
        self.look(|tables| find(tables, IndexKey::email(home, email), &tables.users))
    }

    /// A page of an organization's users, in order of creation.
    pub fn users(
        &self,
        home: OrganizationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, ReadError> {
        self.look(|tables| page_of(&tables.users, home, after.map(u64::from), limit, |_| true))
    }

    /// How many users an organization has.
    pub fn user_count(&self, home: OrganizationId) -> Result<u64, ReadError> {
        self.look(|tables| Ok(ledger(tables, home)?.users))
    }

    /// What a user shows of themselves.
    pub fn profile(&self, user: UserId) -> Result<Option<Profile>, ReadError> {
        self.look(|tables| get(&tables.profiles, user.0))
    }

    /// When something was seen last.
    pub fn last_seen(&self, seen: Seen) -> Result<Option<Timestamp>, ReadError> {
        let (stored, is_there) = self.look(|tables| {
            let is_there = match seen {
                Seen::Session(user, session) => tables.user_sessions.get((user.0, session.0))?.is_some(),
                Seen::LogIn(user) => tables.users.get(user.0)?.is_some(),
                Seen::ApiKey(_, key) => tables.api_keys.get(key.0)?.is_some(),
            };
            Ok((tables.seen.get(seen.key())?.map(|at| at.value()), is_there))
        })?;
        let waiting = self.touches.get(seen).filter(|_| is_there);
        Ok(waiting.max(stored).map(Timestamp))
    }

    /// A role.
    pub fn role(&self, id: RoleId) -> Result<Option<Role>, ReadError> {
        self.look(|tables| get(&tables.roles, id.0))
    }

    /// A role by name, in whatever case.
    pub fn role_by_name(&self, home: OrganizationId, name: &str) -> Result<Option<Role>, ReadError> {
        self.look(|tables| find(tables, IndexKey::role_name(home, name), &tables.roles))
    }

    /// A page of an organization's roles.
    pub fn roles(
        &self,
        home: OrganizationId,
        after: Option<RoleId>,
        limit: usize,
    ) -> Result<Vec<Role>, ReadError> {
        self.look(|tables| page_of(&tables.roles, home, after.map(u64::from), limit, |_| true))
    }

    /// The first identifier that no role of an organization ever had.
    pub fn first_free_role(&self, home: OrganizationId) -> Result<RoleId, ReadError> {
        let first = *range_of(home).start();
        let last = self.look(|tables| Ok(ledger(tables, home)?.last[Counted::Role as usize]))?;
        Ok(RoleId(last.max(first) + 1))
    }

    /// Whether somebody has the role of an organization's owner for good.
    pub fn has_administrator(&self, home: OrganizationId) -> Result<bool, ReadError> {
        let owner = home.role(OWNER);
        self.look(|tables| {
            for row in tables.users.range(range_of(home))? {
                let user = User::decode(row?.1.value())?;
                if user.grants.iter().any(|grant| grant.role == owner && grant.expires.is_none()) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}

/// Channels, overwrites, settings and favourites.
impl Store {
    /// A channel.
    pub fn channel(&self, id: ChannelId) -> Result<Option<Channel>, ReadError> {
        self.look(|tables| get(&tables.channels, id.0))
    }

    /// How many channels an organization has.
    pub fn channel_count(&self, home: OrganizationId) -> Result<u64, ReadError> {
        self.look(|tables| Ok(ledger(tables, home)?.channels))
    }

    /// A page of an organization's channels, in order of creation.
    pub fn channels(
        &self,
        home: OrganizationId,
        after: Option<ChannelId>,
        limit: usize,
    ) -> Result<Vec<Channel>, ReadError> {
        self.look(|tables| page_of(&tables.channels, home, after.map(u64::from), limit, |_| true))
    }

    /// A page of the channels directly below one, or at the top.
    pub fn children(
        &self,
        home: OrganizationId,
        parent: Option<ChannelId>,
        after: Option<ChannelId>,
        limit: usize,
    ) -> Result<Vec<Channel>, ReadError> {
        let is_child = |channel: &Channel| channel.parent == parent;
        self.look(|tables| page_of(&tables.channels, home, after.map(u64::from), limit, is_child))
    }

    /// The first identifier that no channel of an organization ever had.
    pub fn first_free_channel(&self, home: OrganizationId) -> Result<ChannelId, ReadError> {
        let first = *range_of(home).start();
        let last = self.look(|tables| Ok(ledger(tables, home)?.last[Counted::Channel as usize]))?;
        Ok(ChannelId(last.max(first) + 1))
    }

    /// A page of an organization's overwrites, ordered by channel.
    pub fn overwrites(
        &self,
        home: OrganizationId,
        after: Option<&Overwrite>,
        limit: usize,
    ) -> Result<Vec<Overwrite>, ReadError> {
        let ids = range_of(home);
        let after = after.map_or((*ids.start(), 0, 0), |after| StoredOverwrite(*after).key());
        let last = (*ids.end(), u8::MAX, u64::MAX);
        let rows = self.look(|tables| page(&tables.overwrites, after, last, limit, |_| true))?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// The settings of an organization, or of one of its users.
    pub fn settings(
        &self,
        organization: OrganizationId,
        user: Option<UserId>,
    ) -> Result<Vec<Setting>, ReadError> {
        let whose = user.map_or(0, u64::from);
        self.look(|tables| {
            let mut found = Vec::new();
            for row in tables.settings.range((organization.0, whose, "")..(organization.0, whose + 1, ""))? {
                let (key, value) = row?;
                let (name, value) = (key.value().2.to_owned(), value.value().to_owned());
                found.push(Setting { organization, user, name, value });
            }
            Ok(found)
        })
    }

    /// What everybody meets who comes to an organization.
    pub fn organization_settings(
        &self,
        organization: OrganizationId,
    ) -> Result<OrganizationSettings, ReadError> {
        let found = self.look(|tables| get(&tables.organization_settings, organization.0))?;
        Ok(found.unwrap_or_else(|| OrganizationSettings::new(organization)))
    }

    /// What moderators laid upon a user; none for nothing.
    pub fn restraint(
        &self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<Restraint>, ReadError> {
        self.look(|tables| get(&tables.restraints, (organization.0, user.0)))
    }

    /// What moderators keep of a user; none for nothing.
    pub fn note(&self, user: UserId) -> Result<Option<Note>, ReadError> {
        self.look(|tables| get(&tables.notes, (OrganizationId::of(user.0).0, user.0)))
    }

    /// A user's favourite channels; as many as there can be fit one answer.
    pub fn favourites(&self, user: UserId) -> Result<Vec<Favourite>, ReadError> {
        self.look(|tables| {
            let mut found = Vec::new();
            for row in tables.favourites.range((user.0, 0)..=(user.0, u64::MAX))? {
                let (key, since) = row?;
                let (channel, since) = (ChannelId(key.value().1), Timestamp(since.value()));
                found.push(Favourite { user, channel, since });
            }
            Ok(found)
        })
    }
}

/// Runs of maintenance and figures.
impl Store {
    /// A page of the runs of maintenance, the newest first.
    pub fn jobs(&self, before: Option<JobId>, limit: usize) -> Result<Vec<Job>, ReadError> {
        self.look(|tables| {
            let end = before.map_or(u64::MAX, u64::from);
            let rows = tables.jobs.range(..end)?.rev().take(limit);
            rows.map(|row| Job::decode(row?.1.value())).collect()
        })
    }

    /// When the last backup was made.
    pub fn last_backup(&self) -> Result<Option<Timestamp>, ReadError> {
        self.look(|tables| Ok(tables.meta.get(META_LAST_BACKUP)?.map(|at| Timestamp(at.value()))))
    }

    /// What the database says of itself. Reads all of it for the sizes.
    pub fn stats(&self) -> Result<Stats, ReadError> {
        self.look(|tables| {
            let meta = |name: u8| -> Result<Option<u64>, ReadError> {
                Ok(tables.meta.get(name)?.map(|value| value.value()))
            };
            let schema = meta(META_SCHEMA)?.unwrap_or(0);
            let applied = migrate::read_applied(tables.migrations.table()?)?;
            Ok(Stats {
                schema,
                applied: applied.into_iter().map(|applied| (applied.to, applied)).collect(),
                pending: migrate::pending(schema),
                tables: tables.sizes()?,
                last_backup: meta(META_LAST_BACKUP)?.map(Timestamp),
                last_verify: meta(META_LAST_VERIFY)?.map(Timestamp),
            })
        })
    }
}

fn ledger(tables: &Tables, organization: OrganizationId) -> Result<Ledger, ReadError> {
    Ok(get(&tables.ledgers, organization.0)?.unwrap_or_else(|| Ledger::new(organization)))
}

fn get<R: Record>(rows: &Readable<R::Key, Row<R>>, key: R::Key) -> Result<Option<R>, ReadError> {
    rows.get(key)?.map(|row| R::decode(row.value())).transpose()
}

/// The row that the index leads to. An entry that the disk changed leads to a row that doesn't have it.
fn find<R: Stored<Key = u64>>(
    tables: &Tables,
    key: IndexKey,
    rows: &Readable<u64, Row<R>>,
) -> Result<Option<R>, ReadError> {
    let Some(id) = tables.index.get(key.0)? else { return Ok(None) };
    let found = get(rows, id.value())?.filter(|row: &R| row.entries().contains(&key));
    found.map(Some).ok_or(ReadError::Row { table: "index" })
}

fn page_of<R: Record<Key = u64>>(
    rows: &Readable<u64, Row<R>>,
    organization: OrganizationId,
    after: Option<u64>,
    limit: usize,
    wanted: impl Fn(&R) -> bool,
) -> Result<Vec<R>, ReadError> {
    let ids = range_of(organization);
    // What is asked for may be behind a row of another organization, whose rows aren't to be found here.
    let after = after.unwrap_or(0).max(*ids.start());
    page(rows, after, *ids.end(), limit, wanted)
}

fn page<K: RowKey, R: Record<Key = K>>(
    rows: &Readable<K, Row<R>>,
    after: K,
    last: K,
    limit: usize,
    wanted: impl Fn(&R) -> bool,
) -> Result<Vec<R>, ReadError> {
    let mut found = Vec::new();
    for row in rows.range::<K>((Bound::Excluded(after), Bound::Included(last)))? {
        let record = R::decode(row?.1.value())?;
        if wanted(&record) {
            found.push(record);
            if found.len() >= limit {
                break;
            }
        }
    }
    Ok(found)
}
