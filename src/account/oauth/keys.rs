//! Keys that sign what programs are given: made ahead of their time, sealed in the database, shown until what they signed
//! has expired.

use std::sync::Arc;

use ring::rand::SystemRandom;
use serde_json::{Value, json};

use super::opened::{Keys, span};
use super::random;
use crate::account::Accounts;
use crate::auth::oauth::{Algorithm, OAuthError, SigningKey, Span, is_gone, next_span};
use crate::id::OrganizationId;
use crate::store::write::replace_oauth_keys;
use crate::store::{By, OAuthKey};

/// For whom a key is sealed. No account has this number.
fn owner(organization: OrganizationId) -> u64 {
    u64::MAX - organization.0
}

impl Accounts {
    /// The keys as they are now. The next ones are made when it is time for that.
    pub(super) async fn oauth_keys(&self) -> Result<Arc<Keys>, OAuthError> {
        let (now, home) = (self.0.clock.wall(), self.0.organization);
        if let Some(held) = self.0.oauth.keys.load_full().filter(|held| held.is_current(now)) {
            return Ok(held);
        }
        let (keys, closed) = self.read_keys()?;
        if !closed.is_empty() {
            tracing::error!(
                "keys of programs were sealed by another key, and others are made; restore sealing.key from a backup to keep them"
            );
        }
        // Those that can't be opened stay for as long as the others: the file may be put back.
        let gone = closed
            .iter()
            .chain(keys.rows())
            .filter(|row| is_gone(now, span(row)))
            .cloned()
            .collect::<Vec<_>>();
        let mut new = Vec::new();
        for algorithm in Algorithm::ALL {
            if let Some(Span { from, until }) = next_span(now, &keys.spans(algorithm)) {
                let kept =
                    SigningKey::generate(algorithm, &SystemRandom::new()).ok_or(OAuthError::Internal)?;
                let sealed = self.0.seal.seal(owner(home), &kept, random()?).ok_or(OAuthError::Internal)?;
                new.push(OAuthKey { organization: home, algorithm: algorithm.number(), from, until, sealed });
            }
        }
        if !new.is_empty() || !gone.is_empty() {
            let made = self.0.store.commit(By::server(now), replace_oauth_keys(new, gone, closed)).await;
            made.map_err(OAuthError::from)?;
        }
        let keys = Arc::new(self.read_keys()?.0);
        self.0.oauth.keys.store(Some(Arc::clone(&keys)));
        Ok(keys)
    }

    /// The keys as they were last read.
    pub(super) fn known_keys(&self) -> Result<Arc<Keys>, OAuthError> {
        if let Some(held) = self.0.oauth.keys.load_full() {
            return Ok(held);
        }
        let keys = Arc::new(self.read_keys()?.0);
        self.0.oauth.keys.store(Some(Arc::clone(&keys)));
        Ok(keys)
    }

    /// The keys that the database holds, and the rows of those that can't be opened.
    fn read_keys(&self) -> Result<(Keys, Vec<OAuthKey>), OAuthError> {
        let (mut opened, mut closed) = (Vec::new(), Vec::new());
        for row in self.0.store.oauth_keys(self.0.organization)? {
            let kept = self.0.seal.open(owner(self.0.organization), &row.sealed);
            let algorithm = Algorithm::from_number(row.algorithm);
            let key = kept
                .zip(algorithm)
                .and_then(|(kept, algorithm)| SigningKey::read(algorithm, &kept, &SystemRandom::new()));
            match key {
                Some(key) => opened.push((row, key)),
                None => closed.push(row),
            }
        }
        Ok((Keys::new(opened), closed))
    }

    /// What others check tokens by (RFC 7517).
    pub async fn oauth_public_keys(&self) -> Result<Value, OAuthError> {
        let keys = self.oauth_keys().await?;
        Ok(json!({ "keys": keys.all().map(SigningKey::public).collect::<Vec<_>>() }))
    }
}
