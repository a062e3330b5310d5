//! Keys of programs: made, listed, revoked by their owners.

use std::net::IpAddr;
use std::time::Duration;

use super::{AccountError, Accounts, Changed, random, sentence};
use crate::auth::ApiKeySecret;
use crate::id::{ApiKeyId, Timestamp, UserId};
use crate::permission::Permissions;
use crate::protocol::wire;
use crate::store::write::{self, MAX_API_KEYS, NewApiKey};
use crate::store::{ApiKey, By, Seen, User};

impl Accounts {
    /// A key for a program of an account, with no more than its owner has: the state saw to that.
    pub async fn create_api_key(
        &self,
        user: UserId,
        create: &wire::CreateApiKey,
        by: By,
    ) -> Result<wire::ApiKeyMade, AccountError> {
        let secret = ApiKeySecret::from_random(random()?);
        let new = NewApiKey {
            user,
            prefix: secret.prefix().to_owned(),
            hash: secret.hash(),
            name: sentence(&create.name),
            scopes: Permissions::from_bits(create.scopes),
            expires: (create.life_ms > 0).then(|| by.at.plus(Duration::from_millis(create.life_ms))),
        };
        let key = self.run(by, write::create_api_key(new)).await?;
        Ok(wire::ApiKeyMade { id: key.id.0, key: secret.reveal().to_owned() })
    }

    /// A key that a program shows, and whose it is, while both are good. A wrong one is counted as a failed log-in of the
    /// address; whoever has a right one never waits for those who guess beside them.
    pub fn check_api_key(&self, text: &str, from: IpAddr) -> Result<(User, ApiKey), AccountError> {
        self.check_address(from)?;
        let now = self.0.clock.wall();
        let found = match ApiKeySecret::parse(text) {
            Some(shown) => self.0.store.api_key(shown.prefix(), now)?.filter(|key| key.hash == shown.hash()),
            None => None,
        };
        // One of another organization's account is as if it weren't there.
        let Some(key) = found.filter(|key| self.0.organization.has(key.user)) else {
            // It stays counted.
            let _ = self.0.attempts.admit(None, from)?;
            return Err(AccountError::LogInFailed);
        };
        let user = self.named(key.user)?;
        self.0.store.touch(Seen::ApiKey(key.user, key.id), now);
        Ok((user, key))
    }

    /// The keys of an account, without what opens anything.
    pub fn api_keys(&self, user: UserId) -> Result<wire::ApiKeys, AccountError> {
        let mut keys = Vec::new();
        for key in self.0.store.api_keys_of(user, None, MAX_API_KEYS)? {
            let last = self.0.store.last_seen(Seen::ApiKey(user, key.id))?;
            keys.push(wire::ApiKey {
                id: key.id.0,
                prefix: key.prefix,
                name: key.name,
                scopes: key.scopes.bits(),
                created_ms: key.created.0,
                expires_ms: key.expires.map_or(0, |at| at.0),
                used_ms: last.unwrap_or(Timestamp(0)).0,
            });
        }
        Ok(wire::ApiKeys { keys })
    }

    /// The key is good no more, and what came by it is gone.
    pub async fn revoke_api_key(&self, user: UserId, id: u64, by: By) -> Result<Changed, AccountError> {
        self.run(by, write::revoke_api_key(user, ApiKeyId(id))).await?;
        Ok(Changed::User(user))
    }
}
