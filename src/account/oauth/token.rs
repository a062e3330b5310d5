//! Tokens: for a code, for a refresh token, or for a program that acts by itself.

use std::net::IpAddr;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::codes::{Code, Taken};
use super::devices::{Decision, Device, Polled, Wish};
use super::held::{self, given_to, userinfo_at};
use super::random;
use crate::account::Accounts;
use crate::auth::oauth::{Algorithm, Claims, Form, OAuthError, Scopes, Type, assistant_at, sign};
use crate::auth::{Given, SessionToken, TokenHash};
use crate::id::{OAuthClientId, OAuthFamilyId, Timestamp, UserId};
use crate::store::write::{self, BeginOAuthFamilyError, OAuthExchange, OAuthExchanged};
use crate::store::{Author, By, OAuthClient, OAuthFamily};

/// How long a program may show an exchanged token again, since the answer may not have reached it.
const GRACE: Duration = Duration::from_secs(10);

/// The grant of a device (RFC 8628, section 3.4).
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a program is given, and for whom.
struct Gift<'a> {
    client: &'a OAuthClient,
    family: OAuthFamily,
    /// What the access token may do: all of the family's, or less.
    scopes: Scopes,
    refresh: Option<SessionToken>,
    nonce: Option<String>,
    issuer: &'a str,
}

impl Accounts {
    /// Answers a program that asks for tokens (RFC 6749, section 3.2).
    pub async fn oauth_token(
        &self,
        authorization: Option<&str>,
        form: &Form,
        issuer: &str,
        from: IpAddr,
    ) -> Result<Value, OAuthError> {
        let client = self.proven_client(authorization, form, from)?;
        match form.need("grant_type")? {
            "authorization_code" => self.exchange_code(&client, form, issuer, from).await,
            "refresh_token" => self.exchange_refresh(&client, form, issuer, from).await,
            DEVICE_GRANT => self.exchange_device(&client, form, issuer, from).await,
            "client_credentials" => self.by_itself(&client, form, issuer, from).await,
            _ => Err(OAuthError::GrantType),
        }
    }

    async fn exchange_code(
        &self,
        client: &OAuthClient,
        form: &Form,
        issuer: &str,
        from: IpAddr,
    ) -> Result<Value, OAuthError> {
        let (code, verifier) = (form.need("code")?, form.need("code_verifier")?);
        let redirect_uri = form.need("redirect_uri")?;
        let (hash, family) = (Sha256::digest(code).into(), new_family()?);
        let taken = self.0.oauth.codes().take(hash, family, self.0.clock.monotonic());
        let is_right = |code: &Code| {
            code.client == client.id
                && code.redirect_uri == redirect_uri
                && code.challenge.is_met_by(verifier)
                && form.get("resource").is_none_or(|asked| code.resource.as_deref() == Some(asked))
        };
        let code = match taken {
            Taken::Good(code) if is_right(&code) => code,
            // The same program sent it twice: the first one has its answer.
            Taken::Again(code, _, age) if age < GRACE && is_right(&code) => {
                return Err(OAuthError::GrantInvalid);
            }
            Taken::Again(code, family, _) => {
                tracing::warn!(client = %code.client, user = %code.user, "a program's code was shown again; what it was given has ended");
                self.0.oauth.codes().distrust(hash);
                self.end_family(code.user, family, code.client).await?;
                return Err(OAuthError::GrantInvalid);
            }
            Taken::Good(_) | Taken::Unknown => return Err(OAuthError::GrantInvalid),
        };
        let resource = code.resource.unwrap_or_default();
        let begun = self.family(client, code.user, family, code.scopes, resource, code.authenticated);
        let (family, refresh) = self.begin_family(begun, from).await?;
        if self.0.oauth.codes().is_stolen(hash) {
            self.end_family(code.user, family.id, client.id).await?;
            return Err(OAuthError::GrantInvalid);
        }
        let (scopes, nonce) = (code.scopes, code.nonce);
        self.give(Gift { client, family, scopes, refresh, nonce, issuer }).await
    }

    async fn exchange_device(
        &self,
        client: &OAuthClient,
        form: &Form,
        issuer: &str,
        from: IpAddr,
    ) -> Result<Value, OAuthError> {
        let (polled, telling) = self.poll_device(form.need("device_code")?, Some(client.id));
        let ((scopes, resource), user, authenticated) = match polled {
            Polled::Decided(
                Device { wish: Wish::Tokens { scopes, resource, .. }, .. },
                Decision::Allowed { user, authenticated },
            ) => ((scopes, resource), user, authenticated),
            Polled::Decided(..) => {
                telling.end();
                return Err(OAuthError::Denied);
            }
            Polled::Pending => return Err(OAuthError::Pending),
            Polled::TooSoon => return Err(OAuthError::SlowDown),
            Polled::Expired => return Err(OAuthError::Expired),
        };
        let begun = self.family(client, user, new_family()?, scopes, resource, authenticated);
        let (family, refresh) = self.begin_family(begun, from).await?;
        telling.end();
        self.give(Gift { client, family, scopes, refresh, nonce: None, issuer }).await
    }

    /// What a program is given at once begins, with a refresh token where that was asked for.
    async fn begin_family(
        &self,
        family: OAuthFamily,
        from: IpAddr,
    ) -> Result<(OAuthFamily, Option<SessionToken>), OAuthError> {
        self.enabled(family.user)?;
        let (begun, refresh) = self.with_refresh(family)?;
        let by = By::new(Author::User(begun.user), Some(from), begun.created);
        let family = self.0.store.commit(by, write::begin_oauth_family(begun, false)).await;
        Ok((family.map_err(OAuthError::from)?, refresh))
    }

    async fn exchange_refresh(
        &self,
        client: &OAuthClient,
        form: &Form,
        issuer: &str,
        from: IpAddr,
    ) -> Result<Value, OAuthError> {
        let shown = form.need("refresh_token")?;
        let narrower = form.get("scope").map(Scopes::parse).transpose()?;
        let bytes = BASE64URL_NOPAD.decode(shown.as_bytes()).map_err(|_| OAuthError::GrantInvalid)?;
        let Some(Given::Refresh { user, family, next }) = self.0.tokens.read(&bytes) else {
            return Err(OAuthError::GrantInvalid);
        };
        if !self.0.organization.has(user) {
            return Err(OAuthError::GrantInvalid);
        }
        self.enabled(user)?;
        let held = self.0.store.oauth_family(user, family)?.ok_or(OAuthError::GrantInvalid)?;
        // What is asked for wrongly uses nothing up.
        if let Some(name) = narrower.and_then(|asked| asked.beyond(given_to(&held))) {
            return Err(OAuthError::Scope(name));
        }
        if form.get("resource").is_some_and(|asked| asked != held.resource) {
            return Err(OAuthError::Target);
        }
        let now = self.0.clock.wall();
        let exchange = OAuthExchange {
            user,
            family,
            client: client.id,
            shown: TokenHash(Sha256::digest(&bytes).into()),
            next: next.hash(),
            expires: now.plus(self.0.settings.oauth_refresh),
            grace: GRACE,
        };
        let by = By::new(Author::User(user), Some(from), now);
        let exchanged = self.0.store.commit(by, write::exchange_oauth_token(exchange)).await;
        let family = match exchanged.map_err(OAuthError::from)? {
            OAuthExchanged::Good(family) => *family,
            OAuthExchanged::Reused => {
                tracing::warn!(client = %client.id, %user, "a program's exchanged token was shown again; what it was given has ended");
                return Err(OAuthError::GrantInvalid);
            }
            OAuthExchanged::Ended => return Err(OAuthError::GrantInvalid),
        };
        let scopes = narrower.unwrap_or(given_to(&family));
        self.give(Gift { client, family, scopes, refresh: Some(next), nonce: None, issuer }).await
    }

    /// A program that acts for the account that it is registered for, with its secret alone.
    async fn by_itself(
        &self,
        client: &OAuthClient,
        form: &Form,
        issuer: &str,
        from: IpAddr,
    ) -> Result<Value, OAuthError> {
        let account = client.account.filter(|_| client.secret.is_some()).ok_or(OAuthError::Unauthorized)?;
        let most = held::by_itself(client);
        let asked = form.get("scope").map(Scopes::parse).transpose()?.unwrap_or(most);
        let assistant = assistant_at(issuer);
        let rules = held::rules_of(client, most, &assistant);
        let resource = rules.resource(form.get("resource").filter(|asked| !asked.is_empty()))?;
        let scopes = rules.given(asked, resource.as_deref())?;
        self.enabled(account).map_err(|_| OAuthError::Unauthorized)?;
        let now = self.0.clock.wall();
        let begun = self.family(client, account, new_family()?, scopes, resource.unwrap_or_default(), now);
        let by = By::new(Author::User(account), Some(from), now);
        let family = self.0.store.commit(by, write::begin_oauth_family(begun, true)).await;
        let family = family.map_err(OAuthError::from)?;
        self.give(Gift { client, family, scopes, refresh: None, nonce: None, issuer }).await
    }

    /// What a program is given at once, which lasts as long as its access token.
    fn family(
        &self,
        client: &OAuthClient,
        user: UserId,
        id: OAuthFamilyId,
        scopes: Scopes,
        resource: String,
        authenticated: Timestamp,
    ) -> OAuthFamily {
        let now = self.0.clock.wall();
        OAuthFamily {
            user,
            id,
            client: client.id,
            claims: scopes.claims.bits(),
            scopes: scopes.permissions,
            resource,
            token: None,
            before: None,
            exchanged: now,
            authenticated,
            created: now,
            expires: now.plus(self.0.settings.oauth_access),
        }
    }

    /// The same with a refresh token, where that was asked for.
    fn with_refresh(&self, family: OAuthFamily) -> Result<(OAuthFamily, Option<SessionToken>), OAuthError> {
        if !Claims::from_bits(family.claims).contains(Claims::OFFLINE) {
            return Ok((family, None));
        }
        let first = self.0.tokens.refresh(family.user, family.id, random()?);
        let expires = family.created.plus(self.0.settings.oauth_refresh);
        Ok((OAuthFamily { token: Some(first.hash()), expires, ..family }, Some(first)))
    }

    /// What a program was given at once is good no more.
    pub(super) async fn end_family(
        &self,
        user: UserId,
        family: OAuthFamilyId,
        client: OAuthClientId,
    ) -> Result<(), OAuthError> {
        let by = By::new(Author::User(user), None, self.0.clock.wall());
        let ended = self.0.store.commit(by, write::end_oauth_family(user, family, client)).await;
        ended.map_err(OAuthError::from)
    }

    /// The answer with the tokens.
    async fn give(&self, gift: Gift<'_>) -> Result<Value, OAuthError> {
        let Gift { client, family, scopes, refresh, nonce, issuer } = gift;
        let keys = self.oauth_keys().await?;
        let algorithm = Algorithm::from_number(client.algorithm).ok_or(OAuthError::Internal)?;
        let now = self.0.clock.wall();
        let key = keys.signing(algorithm, now).ok_or(OAuthError::Internal)?;
        let random_source = SystemRandom::new();
        let is_openid = scopes.claims.contains(Claims::OPENID);
        let (seconds, life) = (now.0 / 1_000, self.0.settings.oauth_access.as_secs());
        let claims = json!({
            "iss": issuer,
            "sub": family.user.to_string(),
            "aud": audience(issuer, &family.resource, is_openid),
            "client_id": client.id.to_string(),
            "iat": seconds,
            "exp": seconds + life,
            "jti": BASE64URL_NOPAD.encode(&random::<16>()?),
            "scope": scopes.to_string(),
            "sid": family.id.to_string(),
            "auth_time": family.authenticated.0 / 1_000,
        });
        let access = sign(key, Type::Access, &claims, &random_source).ok_or(OAuthError::Internal)?;
        let mut answer = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": life,
            "scope": scopes.to_string(),
        });
        if let Some(refresh) = refresh {
            answer["refresh_token"] = BASE64URL_NOPAD.encode(refresh.as_bytes()).into();
        }
        if is_openid {
            let person = self.enabled(family.user)?;
            let mut about = self.claims_about(&person, scopes.claims, issuer)?;
            let said = json!({
                "iss": issuer,
                "aud": client.id.to_string(),
                "iat": seconds,
                "exp": seconds + life,
                "sid": family.id.to_string(),
                "auth_time": family.authenticated.0 / 1_000,
            });
            about.extend(said.as_object().cloned().unwrap_or_default());
            if let Some(nonce) = nonce {
                about.insert("nonce".to_owned(), nonce.into());
            }
            // The half of a hash of the key's own kind (OpenID Connect Core 1.0, section 3.1.3.6).
            if algorithm == Algorithm::Es256 {
                let half = BASE64URL_NOPAD.encode(&Sha256::digest(&access)[..16]);
                about.insert("at_hash".to_owned(), half.into());
            }
            let id = sign(key, Type::Id, &about.into(), &random_source).ok_or(OAuthError::Internal)?;
            answer["id_token"] = id.into();
        }
        Ok(answer)
    }
}

/// For whom an access token is (RFC 9068, section 3): the resource, or this server; and where somebody may be asked about
/// by it, who answers that.
fn audience(issuer: &str, resource: &str, is_openid: bool) -> Value {
    match (resource, is_openid) {
        ("", _) => issuer.into(),
        (resource, false) => resource.into(),
        (resource, true) => json!([resource, userinfo_at(issuer)]),
    }
}

fn new_family() -> Result<OAuthFamilyId, OAuthError> {
    Ok(OAuthFamilyId(u64::from_be_bytes(random()?).max(1)))
}

impl From<BeginOAuthFamilyError> for OAuthError {
    fn from(error: BeginOAuthFamilyError) -> Self {
        match error {
            BeginOAuthFamilyError::Ended => Self::GrantInvalid,
            BeginOAuthFamilyError::IdTaken => Self::Busy,
        }
    }
}
