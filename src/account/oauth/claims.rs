//! What is told of a person and of a token, what people see of programs that act for them, and what of it ends.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::held::{by_itself, given_to, granted, picture_at, userinfo_at};
use crate::account::{AccountError, Accounts};
use crate::auth::oauth::{Claims, Form, OAuthError, Scopes, Type, verify};
use crate::auth::{Given, TokenHash};
use crate::id::{OAuthClientId, OAuthFamilyId, UserId};
use crate::protocol::wire;
use crate::store::write::{self, RevokeOAuthGrantError};
use crate::store::{By, OAuthClient, OAuthFamily, User};

/// An access token that is good.
struct Access {
    family: OAuthFamily,
    user: User,
    scopes: Scopes,
    claims: Map<String, Value>,
}

impl Accounts {
    /// What is told of a person by the scopes that were allowed (OpenID Connect Core 1.0, section 5.4). The issuer is whom
    /// the program knows this server by.
    pub(super) fn claims_about(
        &self,
        user: &User,
        claims: Claims,
        issuer: &str,
    ) -> Result<Map<String, Value>, OAuthError> {
        let mut about = Map::from_iter([("sub".to_owned(), user.id.to_string().into())]);
        let mut tell = |name: &str, value: Value| about.insert(name.to_owned(), value);
        if claims.contains(Claims::PROFILE) {
            let profile = self.profile(user.id)?;
            let is_shown = !profile.display_name.is_empty();
            tell("name", if is_shown { profile.display_name } else { profile.name }.into());
            tell("preferred_username", user.name.clone().into());
            if !profile.picture.is_empty() {
                tell("picture", picture_at(issuer, &profile.picture).into());
            }
        }
        if let Some(email) = user.email.clone().filter(|_| claims.contains(Claims::EMAIL)) {
            tell("email", email.into());
            tell("email_verified", user.email_verified.into());
        }
        if claims.contains(Claims::GROUPS) {
            tell("groups", self.groups_of(user)?.into());
        }
        Ok(about)
    }

    /// The roles that somebody has now. One that gives nothing for want of a second factor isn't told.
    fn groups_of(&self, user: &User) -> Result<Vec<String>, OAuthError> {
        let factor = self.0.store.second_factor(user.id)?.filter(|factor| factor.confirmed.is_some());
        let mut groups = Vec::new();
        for grant in user.grants.iter().filter(|grant| grant.holds(self.0.clock.wall())) {
            let role = self.0.store.role(grant.role)?;
            groups.extend(role.filter(|role| factor.is_some() || !role.second_factor).map(|role| role.name));
        }
        Ok(groups)
    }

    /// Answers a program that asks who somebody is (OpenID Connect Core 1.0, section 5.3).
    pub async fn oauth_userinfo(&self, token: &str, issuer: &str, from: IpAddr) -> Result<Value, OAuthError> {
        self.admit_program(from)?;
        let access = self.read_access(token, issuer).await?.ok_or(OAuthError::TokenInvalid)?;
        let told = [issuer.to_owned(), userinfo_at(issuer)];
        let is_for_us = match access.claims.get("aud") {
            Some(Value::String(one)) => told.contains(one),
            Some(Value::Array(all)) => {
                all.iter().filter_map(Value::as_str).any(|one| told.iter().any(|own| own == one))
            }
            _ => false,
        };
        if !is_for_us {
            return Err(OAuthError::TokenInvalid);
        }
        if !access.scopes.claims.contains(Claims::OPENID) {
            return Err(OAuthError::ScopeLacking("openid"));
        }
        Ok(self.claims_about(&access.user, access.scopes.claims, issuer)?.into())
    }

    /// Reads an access token, while it is good: signed, not expired, not revoked, and of somebody who may be there.
    async fn read_access(&self, token: &str, issuer: &str) -> Result<Option<Access>, OAuthError> {
        let (keys, now) = (self.oauth_keys().await?, self.0.clock.wall());
        let Some(claims) = verify(token, Type::Access, keys.all(), Some(issuer), Some(now)) else {
            return Ok(None);
        };
        let Some(family) = self.family_of(&claims)? else { return Ok(None) };
        let scopes = scopes_in(&claims, &family);
        match self.enabled(family.user) {
            Ok(user) => Ok(Some(Access { family, user, scopes, claims })),
            Err(AccountError::Internal) => Err(OAuthError::Internal),
            Err(_) => Ok(None),
        }
    }

    /// What a program was given at once when it was given a token of these claims, while that lasts.
    pub(super) fn family_of(&self, claims: &Map<String, Value>) -> Result<Option<OAuthFamily>, OAuthError> {
        let number = |name: &str| claims.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok());
        let (Some(user), Some(family)) = (number("sub"), number("sid")) else { return Ok(None) };
        let user = UserId(user);
        if !self.0.organization.has(user) {
            return Ok(None);
        }
        let found = self.0.store.oauth_family(user, OAuthFamilyId(family))?;
        Ok(found.filter(|found| self.0.clock.wall() < found.expires))
    }

    /// What a program was given at once when it was given this refresh token, and whether the token is the one that is
    /// good.
    fn family_of_refresh(&self, token: &str) -> Result<Option<(OAuthFamily, bool)>, OAuthError> {
        let Ok(bytes) = BASE64URL_NOPAD.decode(token.as_bytes()) else { return Ok(None) };
        let Some(Given::Refresh { user, family, .. }) = self.0.tokens.read(&bytes) else { return Ok(None) };
        let found =
            if self.0.organization.has(user) { self.0.store.oauth_family(user, family)? } else { None };
        let found = found.filter(|found| self.0.clock.wall() < found.expires);
        let hash = TokenHash(Sha256::digest(&bytes).into());
        Ok(found.map(|found| {
            let is_good = found.token == Some(hash);
            (found, is_good)
        }))
    }

    /// Answers a program that asks whether a token is good (RFC 7662). It is told of its own, and of those for a resource
    /// that is registered for it.
    pub async fn oauth_introspect(
        &self,
        authorization: Option<&str>,
        form: &Form,
        issuer: &str,
        from: IpAddr,
    ) -> Result<Value, OAuthError> {
        let client = self.proven_client(authorization, form, from)?;
        if client.secret.is_none() {
            return Err(OAuthError::ClientInvalid);
        }
        let token = form.need("token")?;
        let nothing = json!({ "active": false });
        if let Some(access) = self.read_access(token, issuer).await? {
            if !may_know(&client, &access.family) {
                return Ok(nothing);
            }
            let mut told = access.claims;
            told.insert("active".to_owned(), true.into());
            told.insert("token_type".to_owned(), "Bearer".into());
            told.insert("username".to_owned(), access.user.name.into());
            told.insert("scope".to_owned(), access.scopes.to_string().into());
            return Ok(told.into());
        }
        match self.family_of_refresh(token)? {
            Some((family, true)) if family.client == client.id && self.enabled(family.user).is_ok() => {
                Ok(json!({
                    "active": true,
                    "client_id": client.id.to_string(),
                    "sub": family.user.to_string(),
                    "scope": given_to(&family).to_string(),
                    "exp": family.expires.0 / 1_000,
                    "iss": issuer,
                }))
            }
            _ => Ok(nothing),
        }
    }

    /// A program has no more use for a token: what it was given with it is good no more (RFC 7009). The answer is the same
    /// where there is nothing to end.
    pub async fn oauth_revoke(
        &self,
        authorization: Option<&str>,
        form: &Form,
        issuer: &str,
        from: IpAddr,
    ) -> Result<(), OAuthError> {
        let client = self.proven_client(authorization, form, from)?;
        let token = form.need("token")?;
        let by_access = self.read_access(token, issuer).await?.map(|access| access.family);
        let family = match by_access {
            Some(family) => Some(family),
            None => self.family_of_refresh(token)?.map(|(family, _)| family),
        };
        match family {
            Some(family) => self.end_family(family.user, family.id, client.id).await,
            None => Ok(()),
        }
    }

    /// Somebody logs out of a program, which sends them here (OpenID Connect RP-Initiated Logout 1.0): what it was given
    /// with the token ends. Answers with its name, and where to go back to, if that is registered.
    pub async fn oauth_log_out(
        &self,
        form: &Form,
        issuer: &str,
        from: IpAddr,
    ) -> Result<(Option<String>, Option<String>), OAuthError> {
        self.admit_program(from)?;
        let keys = self.oauth_keys().await?;
        // It may have expired long ago (section 2 of that).
        let hint =
            form.get("id_token_hint").and_then(|hint| verify(hint, Type::Id, keys.all(), Some(issuer), None));
        let Some(hint) = hint else { return Ok((None, None)) };
        let client = hint.get("aud").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let client = self.oauth_client(OAuthClientId(client.ok_or(OAuthError::ClientInvalid)?))?;
        if form.get("client_id").is_some_and(|named| named != client.id.to_string()) {
            return Err(OAuthError::ClientInvalid);
        }
        if let Some(family) = self.family_of(&hint)? {
            self.end_family(family.user, family.id, client.id).await?;
        }
        let back = form.get("post_logout_redirect_uri");
        let back = back.filter(|asked| client.logout_uris.iter().any(|one| one == asked));
        Ok((Some(client.name), back.map(ToOwned::to_owned)))
    }

    /// The programs that act for somebody: those that they allowed it, and those that do so by themselves.
    pub fn oauth_grants(&self, user: UserId) -> Result<wire::OauthGrants, AccountError> {
        let clients = self.0.store.oauth_clients(self.0.organization)?;
        let acts = |client: &OAuthClient| client.account == Some(user);
        let mut grants = Vec::new();
        for grant in self.0.store.oauth_grants_of(user)? {
            let client = clients.iter().find(|client| client.id == grant.client);
            let acting = client.filter(|client| acts(client));
            let scopes = granted(&grant).union(acting.map(by_itself).unwrap_or_default());
            grants.push(wire::OauthGrant {
                id: grant.client.0,
                name: client.map(|client| client.name.clone()).unwrap_or_default(),
                scope: scopes.to_string(),
                created_ms: grant.created.0,
                used_ms: grant.used.0,
                by_itself: acting.is_some(),
            });
        }
        for client in clients.iter().filter(|client| acts(client)) {
            if grants.iter().all(|grant| grant.id != client.id.0) {
                grants.push(wire::OauthGrant {
                    id: client.id.0,
                    name: client.name.clone(),
                    scope: by_itself(client).to_string(),
                    created_ms: client.created.0,
                    used_ms: 0,
                    by_itself: true,
                });
            }
        }
        Ok(wire::OauthGrants { grants })
    }

    /// Somebody takes back what they allowed a program, and that it acts for them by itself.
    pub async fn revoke_oauth_grant(
        &self,
        user: UserId,
        client: OAuthClientId,
        by: By,
    ) -> Result<(), AccountError> {
        self.run(by, write::revoke_oauth_grant(user, client)).await
    }
}

/// What a token allows of what was given with it.
pub(super) fn scopes_in(claims: &Map<String, Value>, family: &OAuthFamily) -> Scopes {
    let said = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
    Scopes::parse(said).unwrap_or_default().intersection(given_to(family))
}

/// Whether a program may know of a token: its own, or one that it is shown.
fn may_know(client: &OAuthClient, family: &OAuthFamily) -> bool {
    client.id == family.client || client.resources.contains(&family.resource)
}

impl From<RevokeOAuthGrantError> for AccountError {
    fn from(RevokeOAuthGrantError::NoSuchGrant: RevokeOAuthGrantError) -> Self {
        Self::NoSuchProgram
    }
}
