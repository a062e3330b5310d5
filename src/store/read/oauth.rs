//! Programs that act for people.

use super::{get, page_of};
use crate::id::{OAuthClientId, OAuthFamilyId, OrganizationId, UserId};
use crate::store::Store;
use crate::store::error::ReadError;
use crate::store::record::{OAuthClient, OAuthFamily, OAuthGrant, OAuthKey};
use crate::store::row::Record;

/// Programs that act for people.
impl Store {
    /// A program.
    pub fn oauth_client(&self, id: OAuthClientId) -> Result<Option<OAuthClient>, ReadError> {
        self.look(|tables| get(&tables.oauth_clients, id.0))
    }

    /// The programs of an organization; as many as there can be fit one answer.
    pub fn oauth_clients(&self, home: OrganizationId) -> Result<Vec<OAuthClient>, ReadError> {
        self.look(|tables| page_of(&tables.oauth_clients, home, None, usize::MAX, |_| true))
    }

    /// What somebody allowed a program.
    pub fn oauth_grant(&self, user: UserId, client: OAuthClientId) -> Result<Option<OAuthGrant>, ReadError> {
        self.look(|tables| get(&tables.oauth_grants, (user.0, client.0)))
    }

    /// What somebody allowed all programs; as many as there can be fit one answer.
    pub fn oauth_grants_of(&self, user: UserId) -> Result<Vec<OAuthGrant>, ReadError> {
        self.look(|tables| {
            let rows = tables.oauth_grants.range((user.0, 0)..=(user.0, u64::MAX))?;
            rows.map(|row| OAuthGrant::decode(row?.1.value())).collect()
        })
    }

    /// What a program was given at once for somebody, expired or not.
    pub fn oauth_family(&self, user: UserId, id: OAuthFamilyId) -> Result<Option<OAuthFamily>, ReadError> {
        self.look(|tables| get(&tables.oauth_families, (user.0, id.0)))
    }

    /// The keys that sign what an organization's programs are given, each algorithm's in the order in which they sign.
    pub fn oauth_keys(&self, home: OrganizationId) -> Result<Vec<OAuthKey>, ReadError> {
        self.look(|tables| {
            let all = (home.0, 0, 0)..=(home.0, u8::MAX, u64::MAX);
            let rows = tables.oauth_keys.range(all)?;
            rows.map(|row| OAuthKey::decode(row?.1.value())).collect()
        })
    }
}
