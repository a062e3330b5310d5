//! From schema 1 to 2. Rows get a check over their bytes; names become narrow keys; grants move into the
//! user's row, so that a log-in reads one row and a creation writes fewer tables; sessions lie by user;
//! a claim is one of several kinds of one-time tokens; the audit trail begins.

use std::collections::BTreeMap;

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::super::error::ReadError;
use super::super::index::IndexKey;
use super::super::row::Record;
use super::super::table::definition;
use super::book::{Book, CHANNEL, ORGANIZATION, ROLE, SERVER, SESSION, TOKEN, USER};
use super::frozen::{Index, claim, insert};
use super::{v1, v2};
use crate::id::{ChannelId, OrganizationId, Timestamp};

/// Schema 1 had one organization.
const HOME: u64 = 1;

/// Brings everything over. `progress` is told how many rows are done, of how many.
pub(super) fn run(
    transaction: &WriteTransaction,
    now: Timestamp,
    progress: &dyn Fn(u64, u64),
) -> Result<(), ReadError> {
    let mut book = Book::open(transaction)?;
    {
        let mut index = transaction.open_table(v2::INDEX)?;
        let rows = transaction.open_table(v1::USERS)?.len()?;
        organizations(transaction, &mut book, &mut index)?;
        users(transaction, &mut book, &mut index, &|done| progress(done, rows))?;
        roles(transaction, &mut book, &mut index)?;
        channels(transaction, &mut book, &mut index)?;
        overwrites(transaction)?;
        sessions(transaction, &mut book)?;
        claims(transaction, &mut book, &mut index)?;
    }
    book.migrated(now, 2)?;
    book.finish()?;
    transaction.delete_table(v1::ORGANIZATIONS)?;
    transaction.delete_table(v1::USERS)?;
    transaction.delete_table(v1::ROLES)?;
    transaction.delete_table(v1::GRANTS)?;
    transaction.delete_table(v1::CHANNELS)?;
    transaction.delete_table(v1::OVERWRITES)?;
    transaction.delete_table(v1::SESSIONS)?;
    transaction.delete_table(v1::CLAIMS)?;
    transaction.delete_table(v1::INDEX)?;
    Ok(())
}

fn organizations(
    transaction: &WriteTransaction,
    book: &mut Book<'_>,
    index: &mut Index<'_>,
) -> Result<(), ReadError> {
    let mut table = transaction.open_table(v2::ORGANIZATIONS)?;
    for row in transaction.open_table(v1::ORGANIZATIONS)?.iter()? {
        let v1::Organization { id, tag, name, created } = v1::Organization::decode(row?.1.value())?;
        if claim(index, IndexKey::tag(&tag), id)? {
            let new = v2::Organization { id, tag, name, owner: None, limits: v2::LIMITS, created };
            insert(&mut table, &new)?;
        }
        book.note(ORGANIZATION, SERVER, id)?;
    }
    Ok(())
}

/// The users with their grants. The index is written afterwards and in order of its keys: names come in
/// no order, and a B-tree that is filled out of order touches a page for each.
fn users(
    transaction: &WriteTransaction,
    book: &mut Book<'_>,
    index: &mut Index<'_>,
    progress: &dyn Fn(u64),
) -> Result<(), ReadError> {
    // Schema 1 kept the highest identifiers there.
    let mut last = [0; 3];
    let mut meta = transaction.open_table(definition::meta)?;
    for (last, name) in last.iter_mut().zip(1..) {
        *last = meta.remove(name)?.map_or(0, |last| last.value());
    }
    let [last_user, last_session, last_channel] = last;
    let grants = transaction.open_table(v1::GRANTS)?;
    let mut grants = grants.iter()?.peekable();
    let (mut keys, mut count) = (BTreeMap::new(), 0);
    let mut table = transaction.open_table(v2::USERS)?;
    for row in transaction.open_table(v1::USERS)?.iter()? {
        let old = v1::User::decode(row?.1.value())?;
        let mut held = Vec::new();
        while let Some(grant) = grants.next_if(|grant| match grant {
            Ok((key, _)) => key.value().0 <= old.id,
            Err(_) => true,
        }) {
            let (user, role) = grant?.0.value();
            held.extend((user == old.id).then_some(v2::Grant { role, expires: None }));
        }
        keys.insert(IndexKey::user_name(OrganizationId(old.organization), &old.name).0, old.id);
        let new = v2::User {
            id: old.id,
            organization: old.organization,
            name: old.name,
            email: None,
            email_verified: false,
            password: old.password.as_ref().map(password),
            disabled: old.disabled,
            grants: held,
            created: old.created,
        };
        insert(&mut table, &new)?;
        count += 1;
        if count % 1_000 == 0 {
            progress(count);
        }
    }
    for (key, id) in keys {
        index.insert(key, id)?;
    }
    book.ledger(HOME)?.users = count;
    book.note(USER, HOME, last_user)?;
    book.note(CHANNEL, HOME, last_channel)?;
    book.note(SESSION, SERVER, last_session)
}

fn password(old: &v1::Password) -> v2::Password {
    let v1::Password { scheme, memory, passes, lanes, salt, hash } = *old;
    v2::Password { scheme, memory, passes, lanes, salt, hash }
}

fn roles(
    transaction: &WriteTransaction,
    book: &mut Book<'_>,
    index: &mut Index<'_>,
) -> Result<(), ReadError> {
    let mut table = transaction.open_table(v2::ROLES)?;
    for row in transaction.open_table(v1::ROLES)?.iter()? {
        let v1::Role { id, organization, name, rank, allow } = v1::Role::decode(row?.1.value())?;
        if claim(index, IndexKey::role_name(OrganizationId(organization), &name), id)? {
            insert(&mut table, &v2::Role { id, organization, name, rank, allow })?;
        }
        book.note(ROLE, organization, id)?;
    }
    Ok(())
}

fn channels(
    transaction: &WriteTransaction,
    book: &mut Book<'_>,
    index: &mut Index<'_>,
) -> Result<(), ReadError> {
    let mut table = transaction.open_table(v2::CHANNELS)?;
    for row in transaction.open_table(v1::CHANNELS)?.iter()? {
        let old = v1::Channel::decode(row?.1.value())?;
        let parent = (old.parent != 0).then_some(old.parent);
        let (home, above) = (OrganizationId(old.organization), parent.map(ChannelId));
        if claim(index, IndexKey::channel_name(home, above, &old.name), old.id)? {
            let new = v2::Channel {
                id: old.id,
                organization: old.organization,
                parent,
                name: old.name,
                description: old.description,
                position: old.position,
                mode: old.mode,
                password: None,
                // Schema 1 didn't keep it.
                created: 0,
            };
            insert(&mut table, &new)?;
        }
        book.note(CHANNEL, old.organization, old.id)?;
        book.ledger(old.organization)?.channels += 1;
    }
    Ok(())
}

fn overwrites(transaction: &WriteTransaction) -> Result<(), ReadError> {
    let mut table = transaction.open_table(v2::OVERWRITES)?;
    for row in transaction.open_table(v1::OVERWRITES)?.iter()? {
        let (key, bits) = row?;
        let ((channel, kind, subject), (allow, deny)) = (key.value(), bits.value());
        insert(&mut table, &v2::Overwrite { channel, kind, subject, allow, deny })?;
    }
    Ok(())
}

fn sessions(transaction: &WriteTransaction, book: &mut Book<'_>) -> Result<(), ReadError> {
    // Both tables in order of their keys, which is the quick way to fill a B-tree.
    let (mut rows, mut by_user) = (BTreeMap::new(), BTreeMap::new());
    for row in transaction.open_table(v1::SESSIONS)?.iter()? {
        let v1::Session { id, user, token, created, expires, device } = v1::Session::decode(row?.1.value())?;
        let new = v2::Session { id, user, token, created, expires, device, address: None };
        by_user.insert((user, id), new.key());
        rows.insert(new.key(), new.encode()?);
        book.note(SESSION, SERVER, id)?;
    }
    let mut table = transaction.open_table(v2::SESSIONS)?;
    for (key, row) in rows {
        table.insert(key, row.as_slice())?;
    }
    let mut table = transaction.open_table(v2::USER_SESSIONS)?;
    for (session, key) in by_user {
        table.insert(session, key)?;
    }
    Ok(())
}

fn claims(
    transaction: &WriteTransaction,
    book: &mut Book<'_>,
    index: &mut Index<'_>,
) -> Result<(), ReadError> {
    let mut table = transaction.open_table(v2::TOKENS)?;
    for row in transaction.open_table(v1::CLAIMS)?.iter()? {
        let (organization, row) = row?;
        let (organization, old) = (organization.value(), v1::Claim::decode(row.value())?);
        let new = v2::OneTimeToken {
            id: book.next_id(TOKEN, organization)?,
            organization,
            purpose: v2::CLAIM,
            hash: old.hash,
            user: None,
            uses: 1,
            created: old.created,
            expires: old.expires,
            email: None,
            channel: None,
            roles: Vec::new(),
        };
        if claim(index, IndexKey::token(&new.hash), new.id)? {
            insert(&mut table, &new)?;
        }
    }
    Ok(())
}
