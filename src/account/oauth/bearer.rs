//! Programs that act for somebody here, by an access token: at the interface for programs, or as an assistant. A token is for one of
//! the two, and nothing at the other.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::claims::scopes_in;
use super::held::allowed;
use crate::account::{AccountError, Accounts, Bearer, is_signed};
use crate::auth::oauth::{OAuthError, Scopes, Type, assistant_at, verify};
use crate::id::{OAuthClientId, Way};
use crate::store::OAuthFamily;

/// For whom an assistant asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assistant {
    /// Whose it is, and what it may do at most.
    pub bearer: Bearer,
    /// The program.
    pub client: OAuthClientId,
    /// What its token allows.
    pub scopes: Scopes,
    /// What the program may be given, if its person allows it.
    pub registered: Scopes,
}

impl Accounts {
    /// For whom a program's access token speaks (RFC 9068, section 4). It allows what its scopes name at most; one that names
    /// no permission says who somebody is, and is nothing here.
    pub(in crate::account) fn program_s_bearer(
        &self,
        token: &str,
        from: IpAddr,
    ) -> Result<Bearer, AccountError> {
        // One that is for another resource is nothing here: whoever is shown it there could use it here else.
        let is_for_us = |claims: &Map<String, Value>| claims.get("aud") == claims.get("iss");
        let (family, scopes) = self.program_s_token((token, from), None, is_for_us)?;
        if scopes.permissions.is_empty() {
            return Err(AccountError::TokenInvalid);
        }
        Ok(bearer_of(&family, scopes))
    }

    /// For whom an assistant's access token speaks, which has to be for that: one for the interface for programs, an API key, or
    /// the token of a session is nothing here.
    pub fn check_assistant(
        &self,
        token: &str,
        issuer: &str,
        from: IpAddr,
    ) -> Result<Assistant, AccountError> {
        if !is_signed(token) {
            self.check_address(from)?;
            return Err(AccountError::TokenInvalid);
        }
        let resource = assistant_at(issuer);
        let is_for_us = |claims: &Map<String, Value>| match claims.get("aud") {
            Some(Value::String(one)) => *one == resource,
            // Beside it there may be whoever answers who the person is.
            Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(&resource)),
            _ => false,
        };
        let (family, scopes) = self.program_s_token((token, from), Some(issuer), is_for_us)?;
        let client = self.oauth_client(family.client).map_err(|error| failed(&error))?;
        let (bearer, registered) = (bearer_of(&family, scopes), allowed(&client));
        Ok(Assistant { bearer, client: client.id, scopes, registered })
    }

    /// What was given with a token that is good, and what of that it allows.
    fn program_s_token(
        &self,
        (token, from): (&str, IpAddr),
        issuer: Option<&str>,
        is_for_us: impl FnOnce(&Map<String, Value>) -> bool,
    ) -> Result<(OAuthFamily, Scopes), AccountError> {
        self.check_address(from)?;
        let keys = self.known_keys().map_err(|error| failed(&error))?;
        let claims = verify(token, Type::Access, keys.all(), issuer, Some(self.0.clock.wall()));
        let claims = claims.filter(is_for_us).ok_or(AccountError::TokenInvalid)?;
        let family =
            self.family_of(&claims).map_err(|error| failed(&error))?.ok_or(AccountError::TokenInvalid)?;
        let scopes = scopes_in(&claims, &family);
        Ok((family, scopes))
    }
}

fn bearer_of(family: &OAuthFamily, scopes: Scopes) -> Bearer {
    let way = Way::Program { client: family.client, family: family.id };
    Bearer { user: family.user, ceiling: scopes.permissions, way }
}

/// What of a failure whoever shows a token is told.
fn failed(error: &OAuthError) -> AccountError {
    match error {
        OAuthError::Internal => AccountError::Internal,
        _ => AccountError::TokenInvalid,
    }
}
