//! Keys of programs: made, listed, revoked by their owners.

use std::time::Duration;

use super::admission::sentence;
use super::log_in::random;
use super::{Handle, Refused};
use crate::auth::ApiKeySecret;
use crate::id::{ApiKeyId, Timestamp, UserId};
use crate::permission::Permissions;
use crate::protocol::{ErrorCode, wire};
use crate::store::write::{self, NewApiKey};
use crate::store::{By, Seen};
use crate::voice::Peer;

/// Keys of one account at most.
const MOST: usize = 64;

impl<P: Peer> Handle<P> {
    /// A key for a program of an account, with no more than its owner has: the state saw to that.
    pub(super) async fn create_api_key(
        &self,
        user: UserId,
        create: &wire::CreateApiKey,
        by: By,
    ) -> Result<wire::ApiKeyMade, Refused> {
        if self.0.store.api_keys_of(user, None, MOST)?.len() >= MOST {
            let words = format!("an account has {MOST} keys at most; revoke one first");
            return Err(Refused::Rejected(ErrorCode::TooMany, words));
        }
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

    pub(super) fn api_keys(&self, user: UserId) -> Result<wire::ApiKeys, Refused> {
        let mut keys = Vec::new();
        for key in self.0.store.api_keys_of(user, None, MOST)? {
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
    pub(super) async fn revoke_api_key(&self, user: UserId, id: u64, by: By) -> Result<(), Refused> {
        let id = ApiKeyId(id);
        if !self.0.store.api_keys_of(user, None, MOST)?.iter().any(|key| key.id == id) {
            return Err(write::RevokeApiKeyError::NoSuchKey.into());
        }
        self.run(by, write::revoke_api_key(id)).await?;
        self.refresh().await
    }
}
