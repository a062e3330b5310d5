//! Programs that act for somebody here, by an access token.

use std::net::IpAddr;

use super::claims::scopes_in;
use crate::account::{AccountError, Accounts, Bearer};
use crate::auth::oauth::{OAuthError, Type, verify};
use crate::id::Way;

impl Accounts {
    /// For whom a program's access token speaks (RFC 9068, section 4). It allows what its scopes name at most; one that names
    /// no permission says who somebody is, and is nothing here.
    pub(in crate::account) fn program_s_bearer(
        &self,
        token: &str,
        from: IpAddr,
    ) -> Result<Bearer, AccountError> {
        self.check_address(from)?;
        let failed = |error| match error {
            OAuthError::Internal => AccountError::Internal,
            _ => AccountError::TokenInvalid,
        };
        let keys = self.known_keys().map_err(failed)?;
        let claims = verify(token, Type::Access, keys.all(), None, Some(self.0.clock.wall()));
        let claims = claims.ok_or(AccountError::TokenInvalid)?;
        // One that is for another resource is nothing here: whoever is shown it there could use it here else.
        if claims.get("aud") != claims.get("iss") {
            return Err(AccountError::TokenInvalid);
        }
        let family = self.family_of(&claims).map_err(failed)?.ok_or(AccountError::TokenInvalid)?;
        let ceiling = scopes_in(&claims, &family).permissions;
        if ceiling.is_empty() {
            return Err(AccountError::TokenInvalid);
        }
        let way = Way::Program { client: family.client, family: family.id };
        Ok(Bearer { user: family.user, ceiling, way })
    }
}
