//! Look-ups of what lets people and programs in, and of what keeps them out.

use std::net::IpAddr;
use std::ops::Bound;

use super::{find, get, page_of};
use crate::auth::TokenHash;
use crate::id::{ApiKeyId, BanId, Fingerprint, OneTimeTokenId, OrganizationId, SessionId, Timestamp, UserId};
use crate::store::Store;
use crate::store::error::ReadError;
use crate::store::index::IndexKey;
use crate::store::record::{
    ApiKey, Ban, BanSubject, Claim, Device, DeviceKey, Email, OneTimeToken, Purpose, SecondFactor, Session,
};
use crate::store::row::{Record, first_eight};
use crate::store::table::range_of;

/// Sessions, tokens, keys and bans.
impl Store {
    /// A session of a user, while it is valid.
    pub fn session(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<Option<Session>, ReadError> {
        let session: Option<Session> = self.look(|tables| {
            let key = tables.user_sessions.get((user.0, id.0))?;
            key.map_or(Ok(None), |key| get(&tables.sessions, key.value()))
        })?;
        Ok(session.filter(|session| now < session.expires))
    }

    /// The session of a token, while it is valid.
    pub fn session_by_token(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Session>, ReadError> {
        let session: Option<Session> = self.look(|tables| get(&tables.sessions, first_eight(&token.0)))?;
        Ok(session.filter(|session| session.token == *token && now < session.expires))
    }

    /// A page of a user's sessions, the oldest first, the expired ones among them.
    pub fn sessions_of(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
    ) -> Result<Vec<Session>, ReadError> {
        let first = Bound::Excluded((user.0, after.map_or(0, u64::from)));
        self.look(|tables| {
            let mut found = Vec::new();
            let theirs =
                tables.user_sessions.range::<(u64, u64)>((first, Bound::Included((user.0, u64::MAX))))?;
            for entry in theirs.take(limit) {
                found.extend(get(&tables.sessions, entry?.1.value())?);
            }
            Ok(found)
        })
    }

    /// What is known of the device of a session.
    pub fn device(&self, user: UserId, session: SessionId) -> Result<Option<Device>, ReadError> {
        self.look(|tables| get(&tables.devices, (user.0, session.0)))
    }

    /// A device's key, by its fingerprint.
    pub fn device_key(&self, user: UserId, key: Fingerprint) -> Result<Option<DeviceKey>, ReadError> {
        let found: Option<DeviceKey> =
            self.look(|tables| get(&tables.device_keys, (user.0, first_eight(&key.0))))?;
        Ok(found.filter(|found| found.fingerprint == key))
    }

    /// The keys of a user's devices; there are few.
    pub fn device_keys_of(&self, user: UserId) -> Result<Vec<DeviceKey>, ReadError> {
        self.look(|tables| {
            let rows = tables.device_keys.range((user.0, 0)..=(user.0, u64::MAX))?;
            rows.map(|row| DeviceKey::decode(row?.1.value())).collect()
        })
    }

    /// The one-time codes of an account, in force or waiting to be confirmed.
    pub fn second_factor(&self, user: UserId) -> Result<Option<SecondFactor>, ReadError> {
        self.look(|tables| get(&tables.second_factors, user.0))
    }

    /// A page of the one-time codes of an organization's accounts, in force or waiting to be confirmed.
    pub fn second_factors(
        &self,
        home: OrganizationId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<SecondFactor>, ReadError> {
        self.look(|tables| page_of(&tables.second_factors, home, after.map(u64::from), limit, |_| true))
    }

    /// E-mails that wait to be sent, the oldest first.
    pub fn outbox(&self, after: u64, limit: usize) -> Result<Vec<Email>, ReadError> {
        self.look(|tables| {
            let rows = tables.outbox.range((Bound::Excluded(after), Bound::Unbounded))?.take(limit);
            rows.map(|row| Email::decode(row?.1.value())).collect()
        })
    }

    /// A page of an organization's one-time tokens.
    pub fn tokens(
        &self,
        home: OrganizationId,
        after: Option<OneTimeTokenId>,
        limit: usize,
    ) -> Result<Vec<OneTimeToken>, ReadError> {
        self.look(|tables| page_of(&tables.tokens, home, after.map(u64::from), limit, |_| true))
    }

    /// The newest one-time token of an organization that is wanted, of those that were made since a time. They are in the order
    /// in which they were made; where the clock was set back meanwhile, one may be missed.
    pub fn newest_token(
        &self,
        home: OrganizationId,
        since: Timestamp,
        wanted: impl Fn(&OneTimeToken) -> bool,
    ) -> Result<Option<OneTimeToken>, ReadError> {
        self.look(|tables| {
            for row in tables.tokens.range(range_of(home))?.rev() {
                let token = OneTimeToken::decode(row?.1.value())?;
                if token.created < since {
                    return Ok(None);
                }
                if wanted(&token) {
                    return Ok(Some(token));
                }
            }
            Ok(None)
        })
    }

    /// A one-time token by its identifier, expired or not.
    pub fn token_by_id(&self, id: OneTimeTokenId) -> Result<Option<OneTimeToken>, ReadError> {
        self.look(|tables| get(&tables.tokens, id.0))
    }

    /// A ban by its identifier, over or not.
    pub fn ban(&self, id: BanId) -> Result<Option<Ban>, ReadError> {
        self.look(|tables| get(&tables.bans, id.0))
    }

    /// A one-time token by its hash, while it is valid; not used up by that.
    pub fn token(
        &self,
        purpose: Purpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, ReadError> {
        let token = self.look(|tables| find(tables, IndexKey::token(&hash.0), &tables.tokens))?;
        Ok(token.filter(|token: &OneTimeToken| {
            token.hash == *hash && token.purpose == purpose && token.is_good(now)
        }))
    }

    /// An organization's open claim, expired or not.
    pub fn claim(&self, home: OrganizationId) -> Result<Option<Claim>, ReadError> {
        let is_claim = |token: &OneTimeToken| token.purpose == Purpose::Claim;
        let found = self.look(|tables| page_of(&tables.tokens, home, None, 1, is_claim))?;
        Ok(found.into_iter().next().map(|token| Claim { hash: token.hash, expires: token.expires }))
    }

    /// A key by the part of it that may be shown, while it is valid.
    pub fn api_key(&self, prefix: &str, now: Timestamp) -> Result<Option<ApiKey>, ReadError> {
        let key = self.look(|tables| find(tables, IndexKey::key_prefix(prefix), &tables.api_keys))?;
        Ok(key.filter(|key: &ApiKey| key.prefix == prefix && key.expires.is_none_or(|expires| now < expires)))
    }

    /// A key by its number, while it is valid.
    pub fn api_key_by_id(&self, id: ApiKeyId, now: Timestamp) -> Result<Option<ApiKey>, ReadError> {
        let key: Option<ApiKey> = self.look(|tables| get(&tables.api_keys, id.0))?;
        Ok(key.filter(|key| key.expires.is_none_or(|expires| now < expires)))
    }

    /// A page of a user's keys.
    pub fn api_keys_of(
        &self,
        user: UserId,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<Vec<ApiKey>, ReadError> {
        let home = crate::store::table::organization_of(user.0);
        let is_theirs = |key: &ApiKey| key.user == user;
        self.look(|tables| page_of(&tables.api_keys, home, after.map(u64::from), limit, is_theirs))
    }

    /// A page of an organization's bans, those that are over among them.
    pub fn bans(
        &self,
        home: OrganizationId,
        after: Option<crate::id::BanId>,
        limit: usize,
    ) -> Result<Vec<Ban>, ReadError> {
        self.look(|tables| page_of(&tables.bans, home, after.map(u64::from), limit, |_| true))
    }
}

/// The first of some bans that keeps somebody out now: the account, the address or the device's key.
pub fn ban_on(
    bans: &[Ban],
    user: Option<UserId>,
    address: Option<IpAddr>,
    key: Option<Fingerprint>,
    now: Timestamp,
) -> Option<&Ban> {
    bans.iter().find(|ban| applies(ban, user, address, key, now))
}

fn applies(
    ban: &Ban,
    user: Option<UserId>,
    address: Option<IpAddr>,
    key: Option<Fingerprint>,
    now: Timestamp,
) -> bool {
    ban.until.is_none_or(|until| now < until)
        && match ban.subject {
            BanSubject::User(banned) => user == Some(banned),
            BanSubject::Certificate(banned) => key == Some(banned),
            range @ BanSubject::Address { .. } => address.is_some_and(|address| range.covers(address)),
        }
}
