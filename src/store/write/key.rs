//! API keys, and bans.

use std::net::IpAddr;

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{ApiKey, Author, Ban, BanSubject, Counted, Device, Organization, User};
use super::super::row::Record;
use super::super::table::{organization_of, range_of};
use super::close::revoke_key;
use super::owner::{LAST_OWNER, has_owner_s_device, is_last_owner};
use super::rows::api_keys_of;
use super::session::{end, sessions_of};
use super::{Write, taken};
use crate::auth::TokenHash;
use crate::id::{ApiKeyId, BanId, OrganizationId, SessionId, Timestamp, UserId};
use crate::permission::Permissions;

/// API keys that one account has at most.
pub const MAX_API_KEYS: usize = 64;

/// A key to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// Its owner.
    pub user: UserId,
    /// The part of it that may be shown; finds it, so it is unique.
    pub prefix: String,
    /// Hash of the whole.
    pub hash: TokenHash,
    /// What it is for, in the owner's words.
    pub name: String,
    /// What it may do at most.
    pub scopes: Permissions,
    /// When it stops being good; `None` for never.
    pub expires: Option<Timestamp>,
}

/// Why a key can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CreateApiKeyError {
    /// Its owner doesn't exist.
    #[error("there is no such user")]
    NoSuchUser,
    /// Another key has the prefix.
    #[error("the key resembles another; draw a new one")]
    PrefixTaken,
    /// The owner has as many as one may have.
    #[error("an account has {MAX_API_KEYS} keys at most; revoke one first")]
    TooMany,
}

/// A new key. Looks at every key of the organization.
pub fn create_api_key(new: NewApiKey) -> Write<ApiKey, CreateApiKeyError> {
    Write::new(move |open| {
        let NewApiKey { user, prefix, hash, name, scopes, expires } = new.clone();
        let owner: User = open.require(user.0, CreateApiKeyError::NoSuchUser)?;
        if api_keys_of(open, user)?.len() >= MAX_API_KEYS {
            return Err(Stop::Refused(CreateApiKeyError::TooMany));
        }
        let id = ApiKeyId(0);
        let key = ApiKey { id, user, prefix, hash, name, scopes, created: open.by.at, expires };
        if taken(open, None, &key)?.is_some() {
            return Err(Stop::Refused(CreateApiKeyError::PrefixTaken));
        }
        let key = ApiKey { id: ApiKeyId(open.next_id(Counted::ApiKey, owner.organization)?), ..key };
        // The prefix was looked at above.
        let _ = open.put(None, Some(&key))?;
        Ok(key)
    })
}

/// Why a key can't be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RevokeApiKeyError {
    /// The owner has none of this identifier.
    #[error("there is no such key")]
    NoSuchKey,
}

/// A key of an owner is good no more.
pub fn revoke_api_key(owner: UserId, id: ApiKeyId) -> Write<ApiKey, RevokeApiKeyError> {
    Write::new(move |open| {
        let key: Option<ApiKey> = open.get(id.0)?;
        let key = key.filter(|key| key.user == owner).ok_or(Stop::Refused(RevokeApiKeyError::NoSuchKey))?;
        revoke_key(open, &key)?;
        Ok(key)
    })
}

/// A ban to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBan {
    /// Out of where.
    pub organization: OrganizationId,
    /// Who.
    pub subject: BanSubject,
    /// Why, for people.
    pub reason: String,
    /// Until when; `None` for good.
    pub until: Option<Timestamp>,
}

/// Why somebody can't be banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BanError {
    /// The organization doesn't exist.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// The user doesn't exist there.
    #[error("there is no such user")]
    NoSuchUser,
    /// The range has more bits than its addresses.
    #[error("an IPv4 range has 0 to 32 bits, an IPv6 range 0 to 128")]
    NoSuchRange,
    /// Nobody else has the owner's role and can log in.
    #[error("{LAST_OWNER}")]
    LastOwner,
    /// A device of an owner would be kept out.
    #[error("a device of an owner would be kept out by this; choose a smaller network")]
    OwnerInside,
}

/// The name under which it is kept from where an account was used that is banned: addresses, with spaces between them.
pub const BANNED_FROM: &str = "account.banned_from";

/// Addresses that are kept so at most; there are no more sessions by default.
const MOST_FROM: usize = 32;

/// Somebody who is kept out from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banned {
    /// The ban.
    pub ban: Ban,
    /// The sessions of the account that it keeps out, which ended.
    pub ended: Vec<SessionId>,
}

/// Somebody is kept out from now on; the sessions of an account that is end, and where they were is kept, so that the same
/// person doesn't come back as a guest. A network or a key keeps no owner out, unless the machine's owner bans it.
pub fn ban(new: NewBan) -> Write<Banned, BanError> {
    Write::new(move |open| {
        let NewBan { organization, subject, reason, until } = new.clone();
        let _: Organization = open.require(organization.0, BanError::NoSuchOrganization)?;
        match subject {
            BanSubject::User(user) => {
                if organization_of(user.0) != organization {
                    return Err(Stop::Refused(BanError::NoSuchUser));
                }
                let user: User = open.require(user.0, BanError::NoSuchUser)?;
                if is_last_owner(open, &user)? {
                    return Err(Stop::Refused(BanError::LastOwner));
                }
            }
            BanSubject::Address { network: IpAddr::V4(_), prefix: 0..=32 }
            | BanSubject::Address { network: IpAddr::V6(_), prefix: 0..=128 }
            | BanSubject::Certificate(_) => {
                let concerns = |address: Option<IpAddr>, key| match subject {
                    BanSubject::Certificate(banned) => key == Some(banned),
                    range => address.is_some_and(|address| range.covers(address)),
                };
                // The machine's owner always gets in by the local socket, and lifts it there.
                let is_operator_s = open.by.author == Author::Operator;
                if !is_operator_s && has_owner_s_device(open, organization, concerns)? {
                    return Err(Stop::Refused(BanError::OwnerInside));
                }
            }
            BanSubject::Address { .. } => return Err(Stop::Refused(BanError::NoSuchRange)),
        }
        let id = BanId(open.next_id(Counted::Ban, organization)?);
        let ban = Ban { id, organization, subject, reason, created: open.by.at, until };
        // A ban has nothing that must be unique.
        let _ = open.put(None, Some(&ban))?;
        let mut ended = Vec::new();
        if let BanSubject::User(user) = subject {
            let mut from = Vec::new();
            for session in sessions_of(open, user)? {
                let device: Option<Device> = open.get((user.0, session.id.0))?;
                from.extend(device.and_then(|device| device.address).or(session.address));
                end(open, &session)?;
                ended.push(session.id);
            }
            keep_from(open, user, &from)?;
        }
        Ok(Banned { ban, ended })
    })
}

/// Keeps from where an account was used that is banned, with what is kept of a ban before.
fn keep_from(open: &mut Open<'_>, user: UserId, from: &[IpAddr]) -> Result<(), ReadError> {
    let key = (organization_of(user.0).0, user.0, BANNED_FROM);
    let before = open.tables.settings.get(key)?.map(|kept| kept.value().to_owned()).unwrap_or_default();
    let mut all: Vec<String> = from.iter().map(ToString::to_string).collect();
    all.extend(before.split(' ').filter(|address| !address.is_empty()).map(ToOwned::to_owned));
    all.sort_unstable();
    all.dedup();
    all.truncate(MOST_FROM);
    if !all.is_empty() {
        open.tables.settings.insert(key, all.join(" ").as_str())?;
    }
    Ok(())
}

/// Whether there is a ban of an account.
fn is_banned(open: &Open<'_>, user: UserId) -> Result<bool, ReadError> {
    for row in open.tables.bans.range(range_of(organization_of(user.0)))? {
        if Ban::decode(row?.1.value())?.subject == BanSubject::User(user) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why a ban can't be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LiftBanError {
    /// The organization has none of this identifier.
    #[error("there is no such ban")]
    NoSuchBan,
}

/// Somebody is kept out of an organization no more.
pub fn lift_ban(organization: OrganizationId, id: BanId) -> Write<Ban, LiftBanError> {
    Write::new(move |open| {
        let ban: Option<Ban> = open.get(id.0)?;
        let ban = ban.filter(|ban| ban.organization == organization);
        let ban = ban.ok_or(Stop::Refused(LiftBanError::NoSuchBan))?;
        let _ = open.put(Some(&ban), None)?;
        if let BanSubject::User(user) = ban.subject
            && !is_banned(open, user)?
        {
            open.tables.settings.remove((organization.0, user.0, BANNED_FROM))?;
        }
        Ok(ban)
    })
}
