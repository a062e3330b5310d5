//! The writes, each done whole or not at all inside the transaction of its group.

use redb::{ReadableTable, Table, WriteTransaction};

use super::error::{ReadError, Rejected};
use super::index::{IndexTable, Kind, put};
use super::record::{Channel, Claim, SEEDED_ORGANIZATION, Session, User};
use super::row::{Record, Row};
use super::seed::{META_CHANNEL, META_SESSION, META_USER};
use super::table::{CHANNELS, CLAIMS, GRANTS, INDEX, META, OVERWRITES, ROLES, SESSIONS, USERS};
use crate::auth::{StoredPassword, TokenHash};
use crate::id::{ChannelId, RoleId, SessionId, Timestamp, UserId};
use crate::permission::{Overwrite, Subject};

/// Something to be written.
#[derive(Clone, Debug)]
pub enum Write {
    /// A new account with a role. Rejected when the name is taken or the role doesn't exist.
    CreateUser {
        /// The row; its id is from [`Store::new_user_id`](super::Store::new_user_id).
        user: User,
        /// The role it gets.
        role: RoleId,
    },
    /// Another password.
    SetPassword {
        /// Whose.
        user: UserId,
        /// What it is from now on.
        password: StoredPassword,
    },
    /// Disables or enables an account. Its sessions go by [`Write::EndSessionsOf`].
    SetUserDisabled {
        /// Whose.
        user: UserId,
        /// The flag from now on.
        disabled: bool,
    },
    /// A channel's row is this from now on. Rejected when a sibling has the name, or the parent is missing.
    PutChannel(Channel),
    /// Channels go, with their overwrites; a parent after its children.
    RemoveChannels(Vec<ChannelId>),
    /// An overwrite is this from now on.
    PutOverwrite(Overwrite),
    /// A session begins. Rejected when the user doesn't exist or is disabled.
    CreateSession(Session),
    /// A session ends, if it is there.
    EndSession(SessionId),
    /// All sessions of a user end.
    EndSessionsOf(UserId),
    /// This claim is the valid one from now on.
    SetClaim(Claim),
    /// The claim is used: the user is created with the role, and the claim goes.
    RedeemClaim {
        /// Hash of the code that was given.
        hash: TokenHash,
        /// The time to compare its end with.
        now: Timestamp,
        /// The account to create.
        user: User,
        /// The role it gets.
        role: RoleId,
    },
}

/// The tables of a write transaction that writes touch. All stay open for a whole group.
pub(super) struct Open<'t> {
    meta: Table<'t, u8, u64>,
    users: Table<'t, u64, Row<User>>,
    roles: Table<'t, u64, Row<super::Role>>,
    grants: Table<'t, (u64, u64), ()>,
    channels: Table<'t, u64, Row<Channel>>,
    overwrites: Table<'t, (u64, u8, u64), (u64, u64)>,
    sessions: Table<'t, u64, Row<Session>>,
    claims: Table<'t, u64, Row<Claim>>,
    index: IndexTable<'t>,
}

type Outcome = Result<Result<(), Rejected>, ReadError>;

impl<'t> Open<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Result<Self, ReadError> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            users: transaction.open_table(USERS)?,
            roles: transaction.open_table(ROLES)?,
            grants: transaction.open_table(GRANTS)?,
            channels: transaction.open_table(CHANNELS)?,
            overwrites: transaction.open_table(OVERWRITES)?,
            sessions: transaction.open_table(SESSIONS)?,
            claims: transaction.open_table(CLAIMS)?,
            index: transaction.open_table(INDEX)?,
        })
    }

    /// Does one write. The outer error is the disk's and fails the group; a rejection wrote nothing.
    pub(super) fn write(&mut self, write: &Write) -> Outcome {
        match write {
            Write::CreateUser { user, role } => self.create_user(user, *role),
            Write::SetPassword { user, password } => {
                self.change_user(*user, |user| user.password = Some(password.clone()))
            }
            Write::SetUserDisabled { user, disabled } => {
                self.change_user(*user, |user| user.disabled = *disabled)
            }
            Write::PutChannel(channel) => self.put_channel(channel),
            Write::RemoveChannels(channels) => self.remove_channels(channels),
            Write::PutOverwrite(overwrite) => self.put_overwrite(overwrite),
            Write::CreateSession(session) => self.create_session(session),
            Write::EndSession(session) => self.end_session(session.0),
            Write::EndSessionsOf(user) => self.end_sessions_of(*user),
            Write::SetClaim(claim) => {
                let old = read(&self.claims, claim.key())?;
                put(&mut self.claims, &mut self.index, old.as_ref(), Some(claim))
            }
            Write::RedeemClaim { hash, now, user, role } => self.redeem(*hash, *now, user, *role),
        }
    }

    fn create_user(&mut self, user: &User, role: RoleId) -> Outcome {
        if self.roles.get(role.0)?.is_none() {
            return Ok(Err(Rejected::NoSuchRole));
        }
        let outcome = put(&mut self.users, &mut self.index, None, Some(user))?;
        if outcome.is_ok() {
            self.grants.insert((user.id.0, role.0), ())?;
            note_last(&mut self.meta, META_USER, user.id.0)?;
        }
        Ok(outcome)
    }

    fn change_user(&mut self, user: UserId, change: impl FnOnce(&mut User)) -> Outcome {
        let Some(old) = read(&self.users, user.0)? else { return Ok(Err(Rejected::NoSuchUser)) };
        let mut new = old.clone();
        change(&mut new);
        put(&mut self.users, &mut self.index, Some(&old), Some(&new))
    }

    fn put_channel(&mut self, channel: &Channel) -> Outcome {
        if let Some(parent) = channel.parent
            && self.channels.get(parent.0)?.is_none()
        {
            return Ok(Err(Rejected::NoSuchChannel));
        }
        let old = read(&self.channels, channel.id.0)?;
        let outcome = put(&mut self.channels, &mut self.index, old.as_ref(), Some(channel))?;
        if outcome.is_ok() && old.is_none() {
            note_last(&mut self.meta, META_CHANNEL, channel.id.0)?;
        }
        Ok(outcome)
    }

    fn remove_channels(&mut self, channels: &[ChannelId]) -> Outcome {
        for id in channels {
            let Some(old) = read(&self.channels, id.0)? else { continue };
            let _ = put(&mut self.channels, &mut self.index, Some(&old), None)?;
            self.overwrites.retain_in((id.0, 0, 0)..=(id.0, u8::MAX, u64::MAX), |_, _| false)?;
        }
        Ok(Ok(()))
    }

    fn put_overwrite(&mut self, overwrite: &Overwrite) -> Outcome {
        if self.channels.get(overwrite.channel.0)?.is_none() {
            return Ok(Err(Rejected::NoSuchChannel));
        }
        let (kind, id) = match overwrite.subject {
            Subject::Role(role) => (0, role.0),
            Subject::User(user) => (1, user.0),
        };
        let bits = (overwrite.allow.bits(), overwrite.deny.bits());
        self.overwrites.insert((overwrite.channel.0, kind, id), bits)?;
        Ok(Ok(()))
    }

    fn create_session(&mut self, session: &Session) -> Outcome {
        let Some(user) = read(&self.users, session.user.0)? else { return Ok(Err(Rejected::NoSuchUser)) };
        if user.disabled {
            return Ok(Err(Rejected::UserDisabled));
        }
        let outcome = put(&mut self.sessions, &mut self.index, None, Some(session))?;
        if outcome.is_ok() {
            note_last(&mut self.meta, META_SESSION, session.id.0)?;
        }
        Ok(outcome)
    }

    fn end_session(&mut self, session: u64) -> Outcome {
        let Some(old) = read(&self.sessions, session)? else { return Ok(Ok(())) };
        put(&mut self.sessions, &mut self.index, Some(&old), None)
    }

    fn end_sessions_of(&mut self, user: UserId) -> Outcome {
        let kind = Kind::SessionByUser as u8;
        let (first, last) =
            (super::index::named(&[user.0, 0], ""), super::index::named(&[user.0, u64::MAX], ""));
        let mut sessions = Vec::new();
        for entry in self.index.range((kind, first.as_slice())..=(kind, last.as_slice()))? {
            sessions.push(entry?.1.value());
        }
        for session in sessions {
            let _ = self.end_session(session)?;
        }
        Ok(Ok(()))
    }

    fn redeem(&mut self, hash: TokenHash, now: Timestamp, user: &User, role: RoleId) -> Outcome {
        let claim = read(&self.claims, SEEDED_ORGANIZATION.0)?;
        let Some(claim) = claim.filter(|claim| claim.hash == hash && now < claim.expires) else {
            return Ok(Err(Rejected::ClaimInvalid));
        };
        let outcome = self.create_user(user, role)?;
        if outcome.is_ok() {
            let _ = put(&mut self.claims, &mut self.index, Some(&claim), None)?;
        }
        Ok(outcome)
    }
}

/// The row under a key, checked.
fn read<R: Record + std::fmt::Debug + 'static>(
    rows: &impl ReadableTable<u64, Row<R>>,
    key: u64,
) -> Result<Option<R>, ReadError> {
    rows.get(key)?.map(|row| R::decode(row.value())).transpose()
}

/// Keeps the highest identifier ever given, so that none is given twice.
fn note_last(meta: &mut Table<'_, u8, u64>, name: u8, id: u64) -> Result<(), ReadError> {
    let last = meta.get(name)?.map_or(0, |last| last.value());
    if id > last {
        meta.insert(name, id)?;
    }
    Ok(())
}
