//! Programs: registered, listed, revoked by whoever looks after the organization, and known again by their secrets.

use std::net::IpAddr;
use std::sync::Arc;

use thiserror::Error;

use super::held::allowed;
use crate::account::attempts::lock;
use crate::account::{AccountError, Accounts, sentence};
use crate::auth::AddressKey;
use crate::auth::oauth::{
    Algorithm, CLIENT_SECRET, ClientProof, ClientSecret, Form, OAuthError, RedirectError, Scopes,
    check_redirect, check_resource, is_origin_of,
};
use crate::bounds::MAX_OAUTH_ADDRESSES;
use crate::id::{OAuthClientId, UserId};
use crate::protocol::wire;
use crate::store::write::{self, CreateOAuthClientError, RevokeOAuthClientError};
use crate::store::{By, OAuthClient, ReadError};

/// Why a program can't be registered so.
#[derive(Clone, Debug, Error)]
pub(crate) enum UnfitClient {
    /// It has no name.
    #[error("a program needs a name, which people are shown when it asks them")]
    Nameless,
    /// There are too many addresses.
    #[error("a program has {MAX_OAUTH_ADDRESSES} addresses of a kind at most")]
    Addresses,
    /// It has nothing by which it could be given tokens.
    #[error(
        "a program needs an address to come back to, or has to be one for devices, or one that acts by itself"
    )]
    Useless,
    /// It can't act by itself without a secret.
    #[error("a program that acts by itself needs a secret; don't register it as a public one")]
    Public,
    /// An address isn't one that can be registered.
    #[error("{1}: {0}")]
    Redirect(RedirectError, String),
    /// A scope is unknown.
    #[error("{0}")]
    Scope(OAuthError),
    /// There is no such way of signing.
    #[error("tokens are signed by ES256 or EdDSA")]
    Algorithm,
}

impl From<UnfitClient> for AccountError {
    fn from(error: UnfitClient) -> Self {
        Self::Unfit(Arc::new(error))
    }
}

impl Accounts {
    /// Whether a page of an origin is one of a program that keeps no secret. One that does has no business in a browser.
    pub fn has_oauth_page(&self, origin: &str) -> bool {
        let all = self.0.store.oauth_clients(self.0.organization).inspect_err(ReadError::complain);
        let mut pages = all.unwrap_or_default().into_iter().filter(|client| client.secret.is_none());
        pages.any(|client| client.redirect_uris.iter().any(|uri| is_origin_of(uri, origin)))
    }

    /// Whether a program asks that keeps no secret, and shows none.
    pub fn keeps_no_secret(&self, authorization: Option<&str>, form: &Form) -> bool {
        let shown = ClientProof::read(authorization, form).ok().filter(|shown| shown.secret.is_none());
        let found = shown.and_then(|shown| self.oauth_client(shown.client).ok());
        found.is_some_and(|client| client.secret.is_none())
    }

    /// Registers a program. `account` is the one for which it acts by itself.
    pub async fn create_oauth_client(
        &self,
        create: &wire::CreateOauthClient,
        account: Option<UserId>,
        by: By,
    ) -> Result<wire::OauthClientMade, AccountError> {
        let client = self.new_client(create, account, by)?;
        let secret = if create.public {
            None
        } else {
            Some(ClientSecret::from_random(crate::account::random::<CLIENT_SECRET>()?))
        };
        let client = OAuthClient { secret: secret.as_ref().map(ClientSecret::hash), ..client };
        let id = client.id.0;
        self.run(by, write::create_oauth_client(client)).await?;
        let secret = secret.map_or_else(String::new, |secret| secret.reveal().to_owned());
        Ok(wire::OauthClientMade { id, secret })
    }

    /// The program that a request makes, without its secret.
    fn new_client(
        &self,
        create: &wire::CreateOauthClient,
        account: Option<UserId>,
        by: By,
    ) -> Result<OAuthClient, AccountError> {
        let name = sentence(create.name.trim());
        if name.is_empty() {
            return Err(UnfitClient::Nameless.into());
        }
        let kinds = [&create.redirect_uris, &create.logout_uris, &create.resources];
        if kinds.iter().any(|kind| kind.len() > MAX_OAUTH_ADDRESSES) {
            return Err(UnfitClient::Addresses.into());
        }
        for uri in create.redirect_uris.iter().chain(&create.logout_uris) {
            check_redirect(uri).map_err(|error| UnfitClient::Redirect(error, shown(uri)))?;
        }
        for uri in &create.resources {
            check_resource(uri).map_err(|error| UnfitClient::Redirect(error, shown(uri)))?;
        }
        if create.redirect_uris.is_empty() && !create.device && account.is_none() {
            return Err(UnfitClient::Useless.into());
        }
        if create.public && account.is_some() {
            return Err(UnfitClient::Public.into());
        }
        let scopes = Scopes::parse(&create.scope).map_err(UnfitClient::Scope)?;
        let algorithm = match create.algorithm.as_str() {
            "" => Algorithm::Es256,
            name => Algorithm::named(name).ok_or(UnfitClient::Algorithm)?,
        };
        Ok(OAuthClient {
            id: self.new_client_id()?,
            organization: self.0.organization,
            name,
            secret: None,
            redirect_uris: create.redirect_uris.clone(),
            logout_uris: create.logout_uris.clone(),
            resources: create.resources.clone(),
            claims: scopes.claims.bits(),
            scopes: scopes.permissions,
            account,
            device: create.device,
            algorithm: algorithm.number(),
            created: by.at,
        })
    }

    /// A number in the organization's range that nobody guesses.
    fn new_client_id(&self) -> Result<OAuthClientId, AccountError> {
        let ids = self.0.organization.identifiers();
        let drawn = u64::from_be_bytes(crate::account::random()?);
        let within = drawn % (ids.end() - ids.start()) + 1;
        Ok(OAuthClientId(ids.start() + within))
    }

    /// The programs that are registered.
    pub fn oauth_clients(&self) -> Result<wire::OauthClients, AccountError> {
        let mut clients = Vec::new();
        for client in self.0.store.oauth_clients(self.0.organization)? {
            let account = match client.account {
                Some(user) => self.0.store.user(user)?.map(|user| user.name).unwrap_or_default(),
                None => String::new(),
            };
            clients.push(wire::OauthClient {
                id: client.id.0,
                name: client.name.clone(),
                public: client.secret.is_none(),
                scope: allowed(&client).to_string(),
                redirect_uris: client.redirect_uris,
                logout_uris: client.logout_uris,
                resources: client.resources,
                device: client.device,
                account,
                algorithm: Algorithm::from_number(client.algorithm).map_or("", Algorithm::name).to_owned(),
                created_ms: client.created.0,
            });
        }
        Ok(wire::OauthClients { clients })
    }

    /// A program is registered no more, and what people allowed it is gone.
    pub async fn revoke_oauth_client(&self, id: OAuthClientId, by: By) -> Result<(), AccountError> {
        self.run(by, write::revoke_oauth_client(self.0.organization, id)).await?;
        Ok(())
    }

    /// Counts a request of an address, unless it has to wait or is kept out.
    pub(super) fn admit_program(&self, from: IpAddr) -> Result<(), OAuthError> {
        self.check_address(from).map_err(|_| OAuthError::Denied)?;
        let now = self.0.clock.monotonic();
        let counted = lock(&self.0.oauth.addresses).admit(AddressKey::of(from), now);
        counted.map(drop).map_err(OAuthError::RateLimited)
    }

    /// Counts a request of a program, unless it has to wait.
    fn admit_client(&self, client: OAuthClientId) -> Result<(), OAuthError> {
        let now = self.0.clock.monotonic();
        lock(&self.0.oauth.clients).admit(client, now).map(drop).map_err(OAuthError::RateLimited)
    }

    /// A program of this organization.
    pub(super) fn oauth_client(&self, id: OAuthClientId) -> Result<OAuthClient, OAuthError> {
        let found = if self.0.organization.has(id) { self.0.store.oauth_client(id)? } else { None };
        found.ok_or(OAuthError::ClientInvalid)
    }

    /// The program that proves itself by the header and the form. A wrong secret is counted as a failed log-in of the
    /// address.
    pub(super) fn proven_client(
        &self,
        authorization: Option<&str>,
        form: &Form,
        from: IpAddr,
    ) -> Result<OAuthClient, OAuthError> {
        self.admit_program(from)?;
        let shown = ClientProof::read(authorization, form)?;
        let client = self.oauth_client(shown.client)?;
        if client.secret != shown.secret {
            // It stays counted.
            let _ = self.0.attempts.admit(None, from)?;
            return Err(OAuthError::ClientInvalid);
        }
        self.admit_client(client.id)?;
        Ok(client)
    }
}

/// An address as a sentence may repeat it.
fn shown(uri: &str) -> String {
    uri.chars().filter(|c| !c.is_control()).take(64).collect()
}

impl From<CreateOAuthClientError> for AccountError {
    fn from(error: CreateOAuthClientError) -> Self {
        match error {
            CreateOAuthClientError::IdTaken => Self::Busy,
            CreateOAuthClientError::TooMany => Self::TooManyPrograms,
            CreateOAuthClientError::NoSuchOrganization => Self::NoSuchProgram,
        }
    }
}

impl From<RevokeOAuthClientError> for AccountError {
    fn from(RevokeOAuthClientError::NoSuchClient: RevokeOAuthClientError) -> Self {
        Self::NoSuchProgram
    }
}
