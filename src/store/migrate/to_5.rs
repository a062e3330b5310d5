//! From schema 4 to 5. What meant something and hid in texts among the settings has rows: which roles grant nothing
//! without a second factor (a field of the role), what moderators laid upon somebody, and what everybody meets who comes
//! to an organization. Those settings go.

use std::collections::{BTreeMap, BTreeSet};

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::super::error::ReadError;
use super::super::row::Record;
use super::book::Book;
use super::frozen::insert;
use super::{v4, v5};
use crate::id::Timestamp;

/// A setting as schema 4 kept it: its organization, its user or 0, its name.
pub(super) type Key = (u64, u64, String);

/// What the settings become.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Roles that grant nothing without a second factor.
    pub(super) required: BTreeSet<u64>,
    /// What moderators laid upon somebody.
    pub(super) restraints: Vec<v5::Restraint>,
    /// What organizations say that said anything.
    pub(super) organizations: BTreeMap<u64, v5::OrganizationSettings>,
    /// The settings that go.
    pub(super) gone: Vec<Key>,
}

impl Moved {
    /// Takes a setting over, if it is one of those that have rows now. A channel that isn't among `channels` is gone.
    /// Exports of older schemas are brought to schema 5 by it, too.
    pub(super) fn take(&mut self, key: (u64, u64, &str), value: &str, channels: &BTreeSet<u64>) {
        let (organization, user, name) = key;
        let channel = || value.parse().ok().filter(|channel| channels.contains(channel));
        match (user, name) {
            (0, "roles.second_factor") => {
                self.required.extend(value.split(',').filter_map(|role| role.parse::<u64>().ok()));
            }
            (0, "welcome") => value.clone_into(&mut self.of(organization).welcome),
            (0, "default-channel") => self.of(organization).default_channel = channel(),
            (0, "afk-channel") => self.of(organization).afk_channel = channel(),
            (0, "afk-ms") => self.of(organization).afk_ms = value.parse().unwrap_or(0),
            (1.., "restraint") => {
                let has = |word| value.split(' ').any(|one| one == word);
                let (muted, deafened) = (has("muted"), has("deafened"));
                if muted || deafened {
                    self.restraints.push(v5::Restraint { organization, user, muted, deafened });
                }
            }
            _ => return,
        }
        self.gone.push((organization, user, name.to_owned()));
    }

    fn of(&mut self, organization: u64) -> &mut v5::OrganizationSettings {
        self.organizations.entry(organization).or_insert_with(|| v5::OrganizationSettings {
            organization,
            welcome: String::new(),
            default_channel: None,
            afk_channel: None,
            afk_ms: 0,
        })
    }
}

/// Brings everything over. `progress` is told how many rows are done, of how many.
pub(super) fn run(
    transaction: &WriteTransaction,
    now: Timestamp,
    progress: &dyn Fn(u64, u64),
) -> Result<(), ReadError> {
    let moved = settings(transaction, progress)?;
    let mut table = transaction.open_table(v5::ROLES)?;
    for row in transaction.open_table(v4::ROLES)?.iter()? {
        let v4::Role { id, organization, name, rank, colour, allow } = v4::Role::decode(row?.1.value())?;
        let second_factor = moved.required.contains(&id);
        insert(&mut table, &v5::Role { id, organization, name, rank, colour, allow, second_factor })?;
    }
    let mut table = transaction.open_table(v5::RESTRAINTS)?;
    for restraint in &moved.restraints {
        insert(&mut table, restraint)?;
    }
    let mut table = transaction.open_table(v5::ORGANIZATION_SETTINGS)?;
    for organization in moved.organizations.values() {
        insert(&mut table, organization)?;
    }
    transaction.delete_table(v4::ROLES)?;
    let mut book = Book::open(transaction)?;
    book.migrated(now, 5)?;
    book.finish()
}

/// Takes the settings out that have rows now.
fn settings(transaction: &WriteTransaction, progress: &dyn Fn(u64, u64)) -> Result<Moved, ReadError> {
    let channels = transaction.open_table(v4::CHANNELS)?;
    let channels = channels.iter()?.map(|row| Ok(row?.0.value()));
    let channels = channels.collect::<Result<BTreeSet<u64>, ReadError>>()?;
    let (mut settings, mut moved) = (transaction.open_table(v4::SETTINGS)?, Moved::default());
    let of = settings.len()?;
    for (count, row) in settings.iter()?.enumerate() {
        let (key, value) = row?;
        moved.take(key.value(), value.value(), &channels);
        if count % 1_000 == 0 {
            progress(count as u64, of);
        }
    }
    for (organization, user, name) in &moved.gone {
        settings.remove((*organization, *user, name.as_str()))?;
    }
    Ok(moved)
}
