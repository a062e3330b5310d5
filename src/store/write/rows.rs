//! Rows that several writes look up or remove.

use std::ops::RangeInclusive;

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::{ApiKey, Channel, DeviceKey, Limits, LinkedLogIn, Organization};
use super::super::row::{Record, first_eight};
use super::super::table::{EachRecord, Listed, each_record, organization_of, range_of};
use crate::id::{ChannelId, Fingerprint, OrganizationId, UserId};

/// Whether an identifier's organization exists.
pub(super) fn exists(open: &mut Open<'_>, id: OrganizationId) -> Result<Option<Organization>, ReadError> {
    open.get(id.0)
}

/// The organization of a row, which has one.
pub(super) fn limits_of(open: &mut Open<'_>, id: u64) -> Result<Limits, ReadError> {
    let organization: Option<Organization> = open.get(organization_of(id).0)?;
    Ok(organization.map(|organization| organization.limits).unwrap_or_default())
}

/// Whether an organization has the channel.
pub(super) fn is_channel_of(
    open: &mut Open<'_>,
    channel: ChannelId,
    organization: OrganizationId,
) -> Result<bool, ReadError> {
    Ok(organization_of(channel.0) == organization && open.get::<Channel>(channel.0)?.is_some())
}

/// A user's key of a fingerprint.
pub(super) fn find_key(
    open: &mut Open<'_>,
    user: UserId,
    fingerprint: Fingerprint,
) -> Result<Option<DeviceKey>, ReadError> {
    let key: Option<DeviceKey> = open.get((user.0, first_eight(&fingerprint.0)))?;
    Ok(key.filter(|key| key.fingerprint == fingerprint))
}

/// The keys of a user's devices.
pub(super) fn keys_of(open: &Open<'_>, user: UserId) -> Result<Vec<DeviceKey>, ReadError> {
    let rows = open.tables.device_keys.range((user.0, 0)..=(user.0, u64::MAX))?;
    rows.map(|row| DeviceKey::decode(row?.1.value())).collect()
}

/// The log-ins at other servers that lead to an account.
pub(super) fn linked_log_ins_of(open: &Open<'_>, user: UserId) -> Result<Vec<LinkedLogIn>, ReadError> {
    let rows = open.tables.linked_log_ins.range((user.0, 0)..=(user.0, u64::MAX))?;
    rows.map(|row| LinkedLogIn::decode(row?.1.value())).collect()
}

/// An account's API keys, those that have expired among them.
pub(super) fn api_keys_of(open: &Open<'_>, user: UserId) -> Result<Vec<ApiKey>, ReadError> {
    let mut found = Vec::new();
    for row in open.tables.api_keys.range(range_of(organization_of(user.0)))? {
        let key = ApiKey::decode(row?.1.value())?;
        if key.user == user {
            found.push(key);
        }
    }
    Ok(found)
}

/// Removes an organization's rows that a condition is true of, without a word in the audit trail.
pub(super) fn remove_where<R: Listed<Key = u64>>(
    open: &mut Open<'_>,
    organization: OrganizationId,
    goes: impl Fn(&R) -> bool,
) -> Result<u64, ReadError> {
    let mut going = Vec::new();
    for row in R::table(&mut open.tables).range(range_of(organization))? {
        let record = R::decode(row?.1.value())?;
        if goes(&record) {
            going.push(record);
        }
    }
    for record in &going {
        let _ = open.put_unaudited(Some(record), None)?;
    }
    Ok(going.len() as u64)
}

/// Removes the rows of a range of keys with their index entries, without a word in the audit trail.
pub(super) fn remove_in<R: Listed>(
    open: &mut Open<'_>,
    keys: RangeInclusive<R::Key>,
) -> Result<u64, ReadError> {
    if R::IS_INDEXED {
        let mut entries = Vec::new();
        for row in R::table(&mut open.tables).range(keys.clone())? {
            entries.extend(R::decode(row?.1.value())?.entries());
        }
        for entry in entries {
            open.tables.index.remove(entry.0)?;
        }
    }
    let mut count = 0;
    R::table(&mut open.tables).retain_in(keys, |_, _| {
        count += 1;
        false
    })?;
    Ok(count)
}

/// Removes the rows that go with somebody or something, of every table whose record says that they do.
pub(super) fn remove_belongings(open: &mut Open<'_>, of: Owner) -> Result<(), ReadError> {
    each_record(&mut Belongings { open, of })
}

/// Whose rows go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    Organization(OrganizationId),
    User(UserId),
    Channel(ChannelId),
}

struct Belongings<'a, 't> {
    open: &'a mut Open<'t>,
    of: Owner,
}

impl EachRecord for Belongings<'_, '_> {
    fn see<R: Listed>(&mut self) -> Result<(), ReadError> {
        let keys = match self.of {
            Owner::Organization(organization) => R::of_organization(organization),
            Owner::User(user) => R::of_user(user),
            Owner::Channel(channel) => R::of_channel(channel),
        };
        keys.map(|keys| remove_in::<R>(self.open, keys)).transpose().map(drop)
    }
}
