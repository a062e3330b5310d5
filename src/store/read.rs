//! Look-ups, all on the tables of the latest commit.

use redb::ReadableTable;

use super::error::ReadError;
use super::index::{Kind, named};
use super::record::{ADMINISTRATOR, Channel, Claim, Organization, Role, SEEDED_ORGANIZATION, Session, User};
use super::row::{Record, Row};
use super::seed::META_CHANNEL;
use super::{Rejected, Store};
use crate::auth::TokenHash;
use crate::id::{ChannelId, RoleId, SessionId, Timestamp, UserId};
use crate::permission::{Overwrite, Permissions, Subject};

impl Store {
    /// The organization.
    pub fn organization(&self) -> Result<Organization, ReadError> {
        get(&self.latest.load().organizations, SEEDED_ORGANIZATION.0)?.ok_or(ReadError::NoOrganization)
    }

    /// A user by identifier.
    pub fn user(&self, id: UserId) -> Result<Option<User>, ReadError> {
        get(&self.latest.load().users, id.0)
    }

    /// A user by name, in whatever case.
    pub fn user_by_name(&self, name: &str) -> Result<Option<User>, ReadError> {
        let tables = self.latest.load();
        let key = named(&[SEEDED_ORGANIZATION.0], name);
        match tables.index.get((Kind::UserByName as u8, key.as_slice()))? {
            Some(id) => get(&tables.users, id.value()),
            None => Ok(None),
        }
    }

    /// The roles that a user has.
    pub fn grants_of(&self, user: UserId) -> Result<Vec<RoleId>, ReadError> {
        let mut roles = Vec::new();
        for grant in self.latest.load().grants.range((user.0, 0)..=(user.0, u64::MAX))? {
            roles.push(RoleId(grant?.0.value().1));
        }
        Ok(roles)
    }

    /// Every role.
    pub fn roles(&self) -> Result<Vec<Role>, ReadError> {
        all(&self.latest.load().roles)
    }

    /// Every channel, in order of identifier.
    pub fn channels(&self) -> Result<Vec<Channel>, ReadError> {
        all(&self.latest.load().channels)
    }

    /// The first identifier that no channel ever had.
    pub fn first_free_channel(&self) -> Result<ChannelId, ReadError> {
        let last = self.latest.load().meta.get(META_CHANNEL)?.map_or(0, |last| last.value());
        Ok(ChannelId(last + 1))
    }

    /// Every overwrite, ordered by channel.
    pub fn overwrites(&self) -> Result<Vec<Overwrite>, ReadError> {
        let mut overwrites = Vec::new();
        for entry in self.latest.load().overwrites.iter()? {
            let (key, bits) = entry?;
            let ((channel, kind, id), (allow, deny)) = (key.value(), bits.value());
            let subject = if kind == 0 { Subject::Role(RoleId(id)) } else { Subject::User(UserId(id)) };
            let (allow, deny) = (Permissions::from_bits(allow), Permissions::from_bits(deny));
            overwrites.push(Overwrite { channel: ChannelId(channel), subject, allow, deny });
        }
        Ok(overwrites)
    }

    /// A session, valid or not.
    pub fn session(&self, id: SessionId) -> Result<Option<Session>, ReadError> {
        get(&self.latest.load().sessions, id.0)
    }

    /// The session of a token, while it is valid.
    pub fn session_by_token(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Session>, ReadError> {
        let tables = self.latest.load();
        let Some(id) = tables.index.get((Kind::SessionByToken as u8, token.0.as_slice()))? else {
            return Ok(None);
        };
        let session: Option<Session> = get(&tables.sessions, id.value())?;
        Ok(session.filter(|session| session.token == *token && now < session.expires))
    }

    /// The open claim, expired or not.
    pub fn claim(&self) -> Result<Option<Claim>, ReadError> {
        get(&self.latest.load().claims, SEEDED_ORGANIZATION.0)
    }

    /// Whether somebody has the administrator's role.
    pub fn has_administrator(&self) -> Result<bool, ReadError> {
        for grant in self.latest.load().grants.iter()? {
            if grant?.0.value().1 == ADMINISTRATOR.0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Rejected {
    /// Whether the write may succeed with another name.
    pub fn is_name_taken(self) -> bool {
        self == Self::Taken
    }
}

fn get<R: Record + std::fmt::Debug + 'static>(
    rows: &impl ReadableTable<u64, Row<R>>,
    key: u64,
) -> Result<Option<R>, ReadError> {
    rows.get(key)?.map(|row| R::decode(row.value())).transpose()
}

fn all<R: Record + std::fmt::Debug + 'static>(
    rows: &impl ReadableTable<u64, Row<R>>,
) -> Result<Vec<R>, ReadError> {
    let mut found = Vec::new();
    for entry in rows.iter()? {
        found.push(R::decode(entry?.1.value())?);
    }
    Ok(found)
}
