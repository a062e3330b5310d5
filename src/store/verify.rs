//! Whether the database is whole: every page, every row readable, every index entry, reference and count
//! right, the audit trail unbroken.

mod kept;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::path::Path;

use redb::{Database, ReadableDatabase};

use super::caught::catch;
use super::error::{OpenError, ReadError};
use super::file::{guarded, look_at_file};
use super::handle::Store;
use super::index::IndexKey;
use super::lazy::Readable;
use super::migrate;
use super::record::declare::{Belongs, Numbered};
use super::record::{AuditEntry, BanSubject, Channel, Ledger, Profile, Role, User};
use super::row::{Record, Row};
use super::table::{EachRecord, Listed, SCHEMA, Tables, each_record, organization_of};
use crate::id::{ChannelId, OrganizationId};

/// Something that is wrong, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Problems that are told at most; a damaged page can make thousands.
const TOLD: usize = 1_000;

impl Store {
    /// Reads every row and answers with what is wrong; nothing, for a sound database. `progress` is told
    /// what is looked at. Whether the pages under the rows are what was written is checked by
    /// [`verify_file`], which needs the file for itself.
    pub fn verify(&self) -> Result<Vec<Problem>, ReadError> {
        self.verify_with(&mut |_| ())
    }

    /// The same, telling what is looked at.
    pub fn verify_with(&self, progress: &mut dyn FnMut(&str)) -> Result<Vec<Problem>, ReadError> {
        self.look(|tables| Ok(rows(tables, progress)))
    }
}

/// Checks a file that nobody has open, and writes nothing to it: its pages against their checksums, and then every row
/// of it. An older schema's rows are not looked at, as migrating them will.
pub fn verify_file(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<Vec<Problem>, OpenError> {
    let mut database = look_at_file(path)?;
    guarded(path, || verify_database(&mut database, progress).map_err(|error| OpenError::read(path, error)))
}

pub(super) fn verify_database(
    database: &mut Database,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Problem>, ReadError> {
    progress("pages");
    let mut problems = Vec::new();
    match database.check_integrity() {
        Ok(true) => (),
        Ok(false) => problems.push(Problem(
            "pages are not as their checksums say; what can be repaired is repaired when the file is opened"
                .to_owned(),
        )),
        Err(error) => {
            problems.push(Problem(format!("pages are damaged: {error}")));
            return Ok(problems);
        }
    }
    match migrate::schema(database)? {
        None => problems.push(Problem("the file is empty".to_owned())),
        Some(SCHEMA) => {
            // A table that isn't there is one that is empty.
            migrate::complete(database)?;
            let tables = Tables::new(database.begin_read()?);
            problems.extend(rows(&tables, progress));
        }
        Some(found) if found > SCHEMA => {
            problems.push(Problem(format!("the file has schema {found}, which is newer than this Parlour")));
        }
        Some(_) => (),
    }
    Ok(problems)
}

fn rows(tables: &Tables, progress: &mut dyn FnMut(&str)) -> Vec<Problem> {
    let mut check = Check::default();
    // A damaged page ends one table's look, not all of them.
    let mut look =
        |check: &mut Check, what: &'static str, work: &dyn Fn(&mut Check) -> Result<(), ReadError>| {
            progress(what);
            let outcome = catch(|| work(check)).unwrap_or_else(|words| Err(ReadError::Damaged(words)));
            if let Err(error) = outcome {
                check.problem(format!("{what} can't be read to the end: {error}"));
            }
        };
    look(&mut check, "organizations", &|check| check.organizations(tables));
    look(&mut check, "roles and channels", &|check| check.tree(tables));
    look(&mut check, "users", &|check| check.users(tables));
    look(&mut check, "names that are shown", &|check| check.shown(tables));
    look(&mut check, "overwrites", &|check| check.overwrites(tables));
    look(&mut check, "sessions", &|check| check.sessions(tables));
    look(&mut check, "tokens, keys and bans", &|check| check.access(tables));
    look(&mut check, "settings and favourites", &|check| check.preferences(tables));
    look(&mut check, "elements", &|check| check.elements(tables));
    look(&mut check, "audit trail", &|check| check.audit(tables));
    look(&mut check, "what belongs to them", &|check| check.others(tables));
    look(&mut check, "index", &|check| check.index(tables));
    check.problems
}

#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
    organizations: HashSet<u64>,
    ledgers: BTreeMap<u64, Ledger>,
    users: HashSet<u64>,
    roles: HashSet<u64>,
    channels: HashSet<u64>,
    keys: HashSet<u64>,
    sessions: HashSet<(u64, u64)>,
    /// Layouts of the tables that were read.
    looked_at: HashSet<&'static str>,
    /// What the index must hold.
    expected: HashMap<u64, u64>,
    /// Rows by organization, to be compared with its ledger.
    counted: HashMap<(u64, &'static str), u64>,
}

impl Check {
    fn problem(&mut self, words: String) {
        if self.problems.len() < TOLD {
            self.problems.push(Problem(words));
        }
    }

    /// Reads every row of a table, checks its key and whether what it belongs to is there, and notes what the index
    /// must hold.
    fn each<R: Listed>(
        &mut self,
        rows: &Readable<R::Key, Row<R>>,
        mut see: impl FnMut(&mut Self, &R),
    ) -> Result<(), ReadError> {
        self.looked_at.insert(R::LAYOUT);
        for entry in rows.all()? {
            let (key, row) = entry?;
            let key = key.value();
            let Ok(record) = R::decode(row.value()) else {
                self.problem(format!("row {key:?} of {} is damaged", R::LAYOUT));
                continue;
            };
            if record.key() != key {
                self.problem(format!("row {key:?} of {} says that it is row {:?}", R::LAYOUT, record.key()));
            }
            for entry in record.entries() {
                self.expected.insert(entry.0, key.first());
            }
            self.belongs(key, &record);
            see(self, &record);
        }
        Ok(())
    }

    /// Notes a row whose organization, user or channel isn't there, or isn't the one that its key says.
    fn belongs<R: Listed>(&mut self, key: R::Key, record: &R) {
        let (first, (organization, _)) = (key.first(), record.of());
        let (by_key, user, channel) = match R::BELONGS {
            Belongs::Nothing => return,
            Belongs::Organization => (OrganizationId(first), None, None),
            Belongs::Identified => (organization_of(first), None, None),
            Belongs::User => (organization_of(first), Some(first), None),
            Belongs::Channel => (organization_of(first), None, Some(first)),
            Belongs::Member => (OrganizationId(first), key.second(), None),
        };
        let is_elsewhere = user.is_some_and(|user| organization_of(user) != organization);
        if by_key != organization || is_elsewhere || !self.organizations.contains(&organization.0) {
            let layout = R::LAYOUT;
            self.problem(format!(
                "row {key:?} of {layout} is of organization {organization}, which it can't be"
            ));
        }
        if let Some(user) = user {
            self.refers(&format!("row {key:?} of {}", R::LAYOUT), user);
        }
        if let Some(channel) = channel.filter(|channel| !self.channels.contains(channel)) {
            self.problem(format!(
                "row {key:?} of {} is of channel {channel}, which doesn't exist",
                R::LAYOUT
            ));
        }
    }

    fn organizations(&mut self, tables: &Tables) -> Result<(), ReadError> {
        let mut owners = Vec::new();
        self.each(&tables.organizations, |check, organization| {
            check.organizations.insert(organization.id.0);
            owners.extend(organization.owner);
        })?;
        self.each(&tables.ledgers, |check, ledger| {
            check.ledgers.insert(ledger.organization.0, ledger.clone());
        })?;
        for owner in owners {
            if tables.users.get(owner.0)?.is_none() {
                self.problem(format!("an organization is owned by user {owner}, who doesn't exist"));
            }
        }
        Ok(())
    }

    fn tree(&mut self, tables: &Tables) -> Result<(), ReadError> {
        self.each(&tables.roles, |check, role: &Role| {
            check.roles.insert(role.id.0);
        })?;
        let (mut parents, mut links) = (BTreeMap::new(), BTreeMap::new());
        self.each(&tables.channels, |check, channel: &Channel| {
            check.channels.insert(channel.id.0);
            *check.counted.entry((channel.organization.0, "channels")).or_default() += 1;
            parents.insert(channel.id.0, channel.parent.map(|parent| parent.0));
            links.insert(channel.id, channel.links.clone());
        })?;
        self.links(&links);
        for (channel, parent) in &parents {
            let (mut above, mut seen) = (*parent, BTreeSet::from([*channel]));
            while let Some(id) = above {
                if !seen.insert(id) {
                    self.problem(format!("channel {channel} is below itself"));
                    break;
                }
                let Some(next) = parents.get(&id) else {
                    self.problem(format!("channel {channel} is below channel {id}, which doesn't exist"));
                    break;
                };
                above = *next;
            }
        }
        Ok(())
    }

    /// Links are in order, each there and back, and within an organization.
    fn links(&mut self, links: &BTreeMap<ChannelId, Vec<ChannelId>>) {
        for (channel, others) in links {
            if !others.is_sorted_by(|one, next| one < next) {
                self.problem(format!("the links of channel {channel} are out of order"));
            }
            for other in others {
                if organization_of(other.0) != organization_of(channel.0) || other == channel {
                    self.problem(format!("channel {channel} is linked with {other}, which it can't be"));
                } else if !links.get(other).is_some_and(|back| back.contains(channel)) {
                    self.problem(format!("channel {channel} is linked with {other}, which isn't with it"));
                }
            }
        }
    }

    fn users(&mut self, tables: &Tables) -> Result<(), ReadError> {
        self.each(&tables.users, |check, user: &User| {
            check.users.insert(user.id.0);
            *check.counted.entry((user.organization.0, "users")).or_default() += 1;
            for grant in &user.grants {
                if !check.roles.contains(&grant.role.0) {
                    check.problem(format!("user {} has role {}, which doesn't exist", user.id, grant.role));
                }
            }
        })?;
        for (organization, ledger) in self.ledgers.clone() {
            for (what, kept) in [("users", ledger.users), ("channels", ledger.channels)] {
                let there = self.counted.get(&(organization, what)).copied().unwrap_or(0);
                if there != kept {
                    self.problem(format!(
                        "organization {organization} counts {kept} {what}, and there are {there}"
                    ));
                }
            }
        }
        for entry in tables.looks.all()? {
            let (key, user) = entry?;
            let ((organization, look), user) = (key.value(), user.value());
            let named = tables.users.get(user)?.and_then(|row| User::decode(row.value()).ok());
            let fits = |named: User| {
                named.organization.0 == organization && IndexKey::look(&named.name) == Some(look)
            };
            if !named.is_some_and(fits) {
                self.problem(format!("user {user} is said to have a name that looks otherwise"));
            }
        }
        Ok(())
    }

    fn shown(&mut self, tables: &Tables) -> Result<(), ReadError> {
        for entry in tables.shown.all()? {
            let (key, user) = entry?;
            let ((organization, look), user) = (key.value(), user.value());
            let profile = tables.profiles.get(user)?.and_then(|row| Profile::decode(row.value()).ok());
            let fits = |profile: Profile| {
                organization_of(user).0 == organization && profile.shown_look() == Some(look)
            };
            if !profile.is_some_and(fits) {
                self.problem(format!("user {user} is said to show a name that looks otherwise"));
            }
        }
        Ok(())
    }

    /// Notes a user who isn't there.
    fn refers(&mut self, what: &str, user: u64) {
        if !self.users.contains(&user) {
            self.problem(format!("{what} is of user {user}, who doesn't exist"));
        }
    }

    fn overwrites(&mut self, tables: &Tables) -> Result<(), ReadError> {
        self.each(&tables.overwrites, |check, overwrite| {
            let (channel, kind, id) = overwrite.key();
            let subjects = if kind == 0 { &check.roles } else { &check.users };
            if !subjects.contains(&id) {
                let whom = if kind == 0 { "role" } else { "user" };
                check.problem(format!(
                    "an overwrite of channel {channel} is for {whom} {id}, which doesn't exist"
                ));
            }
        })
    }

    fn sessions(&mut self, tables: &Tables) -> Result<(), ReadError> {
        let mut rows = HashMap::new();
        self.each(&tables.sessions, |check, session| {
            check.refers(&format!("session {}", session.id), session.user.0);
            let by_user = (session.user.0, session.id.0);
            check.sessions.insert(by_user);
            if rows.insert(by_user, session.key()).is_some() {
                check.problem(format!("session {} of user {} is there twice", session.id, session.user));
            }
        })?;
        for entry in tables.user_sessions.all()? {
            let (by_user, key) = entry?;
            let (user, session) = by_user.value();
            if rows.remove(&(user, session)) != Some(key.value()) {
                self.problem(format!("user {user} is said to have session {session}, which isn't there"));
            }
        }
        for (user, session) in rows.into_keys() {
            self.problem(format!("session {session} isn't among those of user {user}"));
        }
        Ok(())
    }

    fn access(&mut self, tables: &Tables) -> Result<(), ReadError> {
        self.each(&tables.tokens, |check, token| {
            if let Some(user) = token.user {
                check.refers(&format!("token {}", token.id), user.0);
            }
        })?;
        self.each(&tables.api_keys, |check, key| {
            check.keys.insert(key.id.0);
            check.refers(&format!("key {}", key.id), key.user.0);
        })?;
        self.each(&tables.bans, |check, ban| {
            if let BanSubject::User(user) = ban.subject {
                check.refers(&format!("ban {}", ban.id), user.0);
            }
        })?;
        self.each(&tables.devices, |check, device| {
            if !check.sessions.contains(&device.key()) {
                check.problem(format!("a device is of session {}, which doesn't exist", device.session));
            }
        })?;
        for entry in tables.seen.all()? {
            let (user, kind, id) = entry?.0.value();
            let there = match kind {
                0 => self.sessions.contains(&(user, id)),
                1 => self.users.contains(&user),
                _ => self.keys.contains(&id),
            };
            if !there {
                self.problem(format!("something of user {user} was seen ({kind}, {id}) that doesn't exist"));
            }
        }
        Ok(())
    }

    fn index(&mut self, tables: &Tables) -> Result<(), ReadError> {
        for entry in tables.index.all()? {
            let (key, row) = entry?;
            if self.expected.remove(&key.value()) != Some(row.value()) {
                self.problem(format!("an index entry leads to row {}, which doesn't have it", row.value()));
            }
            if tables.index.get(key.value())?.map(|found| found.value()) != Some(row.value()) {
                self.problem(format!("the index entry of row {} can't be found by its key", row.value()));
            }
        }
        for row in std::mem::take(&mut self.expected).into_values() {
            self.problem(format!("row {row} lacks an entry in the index"));
        }
        Ok(())
    }

    fn audit(&mut self, tables: &Tables) -> Result<(), ReadError> {
        self.looked_at.insert(AuditEntry::LAYOUT);
        let ledgers = self.ledgers.clone();
        for (organization, ledger) in &ledgers {
            let (mut next, mut hash) = (ledger.audit_first, ledger.audit_anchor);
            for entry in tables.audit.range((*organization, 0)..=(*organization, u64::MAX))? {
                let (key, row) = entry?;
                let number = key.value().1;
                if number != next {
                    self.problem(format!(
                        "the audit trail of organization {organization} lacks entries {next} to {}",
                        number.saturating_sub(1)
                    ));
                }
                next = number + 1;
                let Ok(entry) = AuditEntry::decode(row.value()) else {
                    self.problem(format!(
                        "entry {number} of the audit trail of organization {organization} is damaged"
                    ));
                    continue;
                };
                if entry.chained(&hash) != entry.hash {
                    self.problem(format!(
                        "entry {number} of the audit trail of organization {organization} was changed, or one before it"
                    ));
                }
                hash = entry.hash;
            }
            if next != ledger.audit_last + 1 || hash != ledger.audit_head {
                self.problem(format!(
                    "the audit trail of organization {organization} ends before entry {}, its last",
                    ledger.audit_last
                ));
            }
        }
        for entry in tables.audit.all()? {
            let (organization, number) = entry?.0.value();
            if !ledgers.contains_key(&organization) {
                self.problem(format!(
                    "audit entry {number} is of organization {organization}, which isn't there"
                ));
            }
        }
        Ok(())
    }

    /// The tables of which nothing above asks more than of every table.
    fn others(&mut self, tables: &Tables) -> Result<(), ReadError> {
        each_record(&mut Others { check: self, tables })
    }
}

struct Others<'a> {
    check: &'a mut Check,
    tables: &'a Tables,
}

impl EachRecord for Others<'_> {
    fn see<R: Listed>(&mut self) -> Result<(), ReadError> {
        if self.check.looked_at.contains(R::LAYOUT) {
            return Ok(());
        }
        let outcome = catch(|| self.check.each(R::rows(self.tables), |_, _: &R| ()));
        if let Err(error) = outcome.unwrap_or_else(|words| Err(ReadError::Damaged(words))) {
            self.check.problem(format!("{} can't be read to the end: {error}", R::LAYOUT));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
