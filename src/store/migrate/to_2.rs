//! From schema 1 to 2. Rows get a check over their bytes; names become narrow keys; grants move into the
//! user's row, so that a log-in reads one row and a creation writes fewer tables; sessions lie by user;
//! a claim is one of several kinds of one-time tokens; the audit trail begins.
//!
//! A change of this file, or of `v1`, is a change of what ran on people's files: it is refused there.

use std::collections::BTreeMap;

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::v1;
use super::v2::{
    By, Channel, Counted, Grant, Indexed, Limits, OneTimeToken, Open, Organization, Overwrite, Purpose,
    ReadError, Record, Role, SERVER, Session, StoredOverwrite, SubjectKind, User, Verb,
};
use crate::auth::{Scheme, StoredPassword, TokenHash};
use crate::id::{ChannelId, OneTimeTokenId, OrganizationId, RoleId, SessionId, Timestamp, UserId};
use crate::permission::{Permissions, Subject};

/// Schema 1 had one organization.
const HOME: OrganizationId = OrganizationId(1);

/// Brings everything over. `progress` is told how many rows are done, of how many.
pub(super) fn run(
    transaction: &WriteTransaction,
    now: Timestamp,
    progress: &dyn Fn(u64, u64),
) -> Result<(), ReadError> {
    {
        let mut open = Open::new(transaction, By::server(now))?;
        let rows = rows(transaction)?;
        organizations(transaction, &mut open)?;
        users(transaction, &mut open, &|done| progress(done, rows))?;
        roles_and_channels(transaction, &mut open)?;
        sessions(transaction, &mut open)?;
        claims(transaction, &mut open)?;
        let after = r#"{"schema":2}"#.to_owned();
        let before = r#"{"schema":1}"#.to_owned();
        open.audit(SERVER, Verb::Migrate, SubjectKind::Database, 2, before, after)?;
        open.finish()?;
    }
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

fn rows(transaction: &WriteTransaction) -> Result<u64, ReadError> {
    Ok(transaction.open_table(v1::USERS)?.len()?)
}

fn organizations(transaction: &WriteTransaction, open: &mut Open<'_>) -> Result<(), ReadError> {
    for row in transaction.open_table(v1::ORGANIZATIONS)?.iter()? {
        let old = v1::Organization::decode(row?.1.value())?;
        let (id, created) = (OrganizationId(old.id), Timestamp(old.created));
        let limits = Limits::default();
        let new = Organization { id, tag: old.tag, name: old.name, owner: None, limits, created };
        let _ = open.put_unaudited(None, Some(&new))?;
        open.ledger(SERVER)?.note(Counted::Organization, old.id);
    }
    Ok(())
}

/// The users with their grants. The index is written afterwards and in order of its keys: names come in
/// no order, and a B-tree that is filled out of order touches a page for each.
fn users(
    transaction: &WriteTransaction,
    open: &mut Open<'_>,
    progress: &dyn Fn(u64),
) -> Result<(), ReadError> {
    // Schema 1 kept the highest identifiers there.
    let mut last = [0; 3];
    for (last, name) in last.iter_mut().zip(1..) {
        *last = open.tables.meta.remove(name)?.map_or(0, |last| last.value());
    }
    let [last_user, last_session, last_channel] = last;
    let grants = transaction.open_table(v1::GRANTS)?;
    let mut grants = grants.iter()?.peekable();
    let mut keys = BTreeMap::new();
    let mut count = 0;
    for row in transaction.open_table(v1::USERS)?.iter()? {
        let old = v1::User::decode(row?.1.value())?;
        let mut held = Vec::new();
        while let Some(grant) = grants.next_if(|grant| match grant {
            Ok((key, _)) => key.value().0 <= old.id,
            Err(_) => true,
        }) {
            let (user, role) = grant?.0.value();
            held.extend((user == old.id).then_some(Grant { role: RoleId(role), expires: None }));
        }
        let new = User {
            id: UserId(old.id),
            organization: OrganizationId(old.organization),
            name: old.name,
            email: None,
            email_verified: false,
            password: old.password.as_ref().map(password).transpose()?,
            disabled: old.disabled,
            grants: held,
            created: Timestamp(old.created),
        };
        keys.extend(new.entries().into_iter().map(|key| (key.0, old.id)));
        open.tables.users.insert(new.key(), new.encode()?.as_slice())?;
        count += 1;
        if count % 1_000 == 0 {
            progress(count);
        }
    }
    for (key, id) in keys {
        open.tables.index.insert(key, id)?;
    }
    let ledger = open.ledger(HOME)?;
    ledger.users = count;
    ledger.note(Counted::User, last_user);
    ledger.note(Counted::Channel, last_channel);
    open.ledger(SERVER)?.note(Counted::Session, last_session);
    Ok(())
}

fn password(old: &v1::Password) -> Result<StoredPassword, ReadError> {
    let scheme = Scheme::from_number(old.scheme).ok_or(ReadError::Row { table: "users/1" })?;
    let cost = (old.memory, old.passes, old.lanes);
    Ok(StoredPassword { scheme, cost, salt: old.salt, hash: old.hash })
}

fn roles_and_channels(transaction: &WriteTransaction, open: &mut Open<'_>) -> Result<(), ReadError> {
    for row in transaction.open_table(v1::ROLES)?.iter()? {
        let v1::Role { id, organization, name, rank, allow } = v1::Role::decode(row?.1.value())?;
        let organization = OrganizationId(organization);
        let new = Role { id: RoleId(id), organization, name, rank, allow: Permissions::from_bits(allow) };
        let _ = open.put_unaudited(None, Some(&new))?;
        open.ledger(organization)?.note(Counted::Role, id);
    }
    for row in transaction.open_table(v1::CHANNELS)?.iter()? {
        let old = v1::Channel::decode(row?.1.value())?;
        let new = Channel {
            id: ChannelId(old.id),
            organization: OrganizationId(old.organization),
            parent: (old.parent != 0).then_some(ChannelId(old.parent)),
            name: old.name,
            description: old.description,
            position: old.position,
            mode: old.mode,
            password: None,
            // Schema 1 didn't keep it.
            created: Timestamp(0),
        };
        let _ = open.put_unaudited(None, Some(&new))?;
        let ledger = open.ledger(new.organization)?;
        ledger.note(Counted::Channel, old.id);
        ledger.channels += 1;
    }
    for row in transaction.open_table(v1::OVERWRITES)?.iter()? {
        let (key, bits) = row?;
        let ((channel, kind, id), (allow, deny)) = (key.value(), bits.value());
        let subject = if kind == 0 { Subject::Role(RoleId(id)) } else { Subject::User(UserId(id)) };
        let (allow, deny) = (Permissions::from_bits(allow), Permissions::from_bits(deny));
        let new = StoredOverwrite(Overwrite { channel: ChannelId(channel), subject, allow, deny });
        let _ = open.put_unaudited(None, Some(&new))?;
    }
    Ok(())
}

fn sessions(transaction: &WriteTransaction, open: &mut Open<'_>) -> Result<(), ReadError> {
    // Both tables in order of their keys, which is the quick way to fill a B-tree.
    let (mut rows, mut by_user) = (BTreeMap::new(), BTreeMap::new());
    for row in transaction.open_table(v1::SESSIONS)?.iter()? {
        let old = v1::Session::decode(row?.1.value())?;
        let new = Session {
            id: SessionId(old.id),
            user: UserId(old.user),
            token: TokenHash(old.token),
            created: Timestamp(old.created),
            expires: Timestamp(old.expires),
            device: old.device,
            address: None,
        };
        by_user.insert((old.user, old.id), new.key());
        rows.insert(new.key(), new.encode()?);
        open.ledger(SERVER)?.note(Counted::Session, old.id);
    }
    for (key, row) in rows {
        open.tables.sessions.insert(key, row.as_slice())?;
    }
    for (session, key) in by_user {
        open.tables.user_sessions.insert(session, key)?;
    }
    Ok(())
}

fn claims(transaction: &WriteTransaction, open: &mut Open<'_>) -> Result<(), ReadError> {
    for row in transaction.open_table(v1::CLAIMS)?.iter()? {
        let (organization, row) = row?;
        let (organization, old) = (OrganizationId(organization.value()), v1::Claim::decode(row.value())?);
        let new = OneTimeToken {
            id: OneTimeTokenId(open.next_id(Counted::Token, organization)?),
            organization,
            purpose: Purpose::Claim,
            hash: TokenHash(old.hash),
            user: None,
            uses: 1,
            created: Timestamp(old.created),
            expires: Timestamp(old.expires),
            email: None,
            channel: None,
            roles: Vec::new(),
        };
        let _ = open.put_unaudited(None, Some(&new))?;
    }
    Ok(())
}
