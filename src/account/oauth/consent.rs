//! A program asks, and a person allows it: by their password, and a second factor where they have one, or by the session
//! that the page keeps in their browser.

use std::net::IpAddr;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use super::codes::Code;
use super::held::{allowed, granted, rules_of};
use super::random;
use crate::account::{AccountError, Accounts, Visitor};
use crate::auth::oauth::{Authorization, Form, Prompt, Refusal, Scopes, assistant_at};
use crate::id::{OAuthClientId, Timestamp, UserId};
use crate::name::folded;
use crate::protocol::wire;
use crate::store::write::{self, GrantProof, OAuthGrantError, Proof};
use crate::store::{Author, By, OAuthGrant};

/// What a person is asked.
#[derive(Clone, Debug)]
pub struct Consent {
    /// What the program is called.
    pub program: String,
    /// What it asks for.
    pub asked: Authorization,
    /// Whether somebody who allowed it before isn't asked again. They are where the program wants it, and where nothing proves
    /// that it is the same program: it keeps no secret, and any program on their machine can take its address (RFC 8252,
    /// section 8.6).
    pub silent: bool,
}

/// What a person shows who allows something.
#[derive(Clone, Copy, Debug)]
pub enum Shows<'a> {
    /// Name and password, and a one-time code where they have a second factor.
    Password(&'a wire::LogInPassword),
    /// The token of a session.
    Session(&'a [u8]),
}

/// What came of it.
#[derive(Debug)]
pub enum Allowed {
    /// The code for the program.
    Code(String),
    /// They haven't allowed it before, so they have to be asked.
    Ask,
    /// They logged in longer ago than the program wants, so they have to log in.
    LogIn,
}

impl Accounts {
    /// What a program, which knows the server as this issuer, asks of whoever comes with this request.
    pub fn read_consent(&self, form: &Form, issuer: &str, from: IpAddr) -> Result<Consent, Refusal> {
        let read = || {
            self.admit_program(from)?;
            self.oauth_client(Authorization::client_of(form)?)
        };
        let client = read().map_err(Refusal::Person)?;
        let assistant = assistant_at(issuer);
        let rules = rules_of(&client, allowed(&client), &assistant);
        let asked = Authorization::read(form, client.id, rules)?;
        let is_proven = client.secret.is_some() || asked.redirect_uri.starts_with("https://");
        let silent = is_proven && asked.prompt == Prompt::Needed;
        Ok(Consent { program: client.name, asked, silent })
    }

    /// Somebody allows what they were asked, or, `silently`, allowed it before.
    pub async fn allow(
        &self,
        consent: &Consent,
        shows: Shows<'_>,
        silently: bool,
        visitor: Visitor<'_>,
    ) -> Result<Allowed, AccountError> {
        let asked = &consent.asked;
        if let Shows::Session(token) = shows {
            let (user, session) = self.holder_of(token)?;
            let is_old = |most| session.created.plus(Duration::from_secs(most)) < self.0.clock.wall();
            if asked.prompt == Prompt::LogIn || asked.max_age.is_some_and(is_old) {
                return Ok(Allowed::LogIn);
            }
            if silently && !(consent.silent && self.is_allowed(user.id, asked)?) {
                return Ok(Allowed::Ask);
            }
        }
        let (user, authenticated) = self.allow_by(asked.client, asked.scopes, shows, visitor).await?;
        Ok(Allowed::Code(self.new_code(asked, user, authenticated)?))
    }

    /// Somebody allows a program this. Answers with who it is, and when they proved it.
    pub(super) async fn allow_by(
        &self,
        client: OAuthClientId,
        scopes: Scopes,
        shows: Shows<'_>,
        visitor: Visitor<'_>,
    ) -> Result<(UserId, Timestamp), AccountError> {
        let from = visitor.from;
        self.check_address(from)?;
        match shows {
            Shows::Password(proof) => {
                let account = folded(&proof.name.chars().take(256).collect::<String>());
                let counted = self.0.attempts.admit(Some(&account), from)?;
                let outcome = self.allow_by_password(&account, proof, (client, scopes), visitor).await;
                self.settle(&counted, &outcome);
                Ok((outcome?, self.0.clock.wall()))
            }
            Shows::Session(token) => {
                let (user, session) = self.holder_of(token)?;
                let proof = GrantProof::Session(session.id);
                self.write_allowed(user.id, (client, scopes), proof, from).await?;
                Ok((user.id, session.created))
            }
        }
    }

    /// Somebody shows who they are, for a log-in of another device. Answers with what is to be looked at again when that begins.
    pub(super) async fn log_in_by(
        &self,
        shows: Shows<'_>,
        from: IpAddr,
    ) -> Result<(UserId, Proof), AccountError> {
        self.check_address(from)?;
        match shows {
            Shows::Password(proof) => {
                let account = folded(&proof.name.chars().take(256).collect::<String>());
                let counted = self.0.attempts.admit(Some(&account), from)?;
                let outcome = self.shown_password(&account, proof, from).await;
                self.settle(&counted, &outcome);
                let (user, shown) = outcome?;
                Ok((user.id, shown))
            }
            Shows::Session(token) => {
                let (user, session) = self.holder_of(token)?;
                Ok((user.id, Proof::Session(session.id)))
            }
        }
    }

    async fn allow_by_password(
        &self,
        account: &str,
        proof: &wire::LogInPassword,
        wish: (OAuthClientId, Scopes),
        visitor: Visitor<'_>,
    ) -> Result<UserId, AccountError> {
        let from = visitor.from;
        let (user, shown) = self.shown_password(account, proof, from).await?;
        visitor.is_let_in(&user.name, Some(user.id)).await?;
        self.write_allowed(user.id, wish, GrantProof::LogIn(shown.clone()), from).await?;
        self.after_password(user.id, shown, &proof.password, from).await;
        Ok(user.id)
    }

    /// Whether somebody allowed a program all of this before.
    fn is_allowed(&self, user: UserId, asked: &Authorization) -> Result<bool, AccountError> {
        let grant = self.0.store.oauth_grant(user, asked.client)?;
        Ok(grant.is_some_and(|grant| granted(&grant).contains(asked.scopes)))
    }

    async fn write_allowed(
        &self,
        user: UserId,
        (client, scopes): (OAuthClientId, Scopes),
        proof: GrantProof,
        from: IpAddr,
    ) -> Result<(), AccountError> {
        let Scopes { claims, permissions } = scopes;
        let (now, claims) = (self.0.clock.wall(), claims.bits());
        let grant = OAuthGrant { user, client, claims, scopes: permissions, created: now, used: now };
        let by = By::new(Author::User(user), Some(from), now);
        self.run(by, write::allow_oauth_client(grant, proof)).await?;
        Ok(())
    }

    /// A code that the program exchanges.
    fn new_code(
        &self,
        asked: &Authorization,
        user: UserId,
        authenticated: Timestamp,
    ) -> Result<String, AccountError> {
        let text = BASE64URL_NOPAD.encode(&random::<32>().map_err(|_| AccountError::Internal)?);
        let code = Code {
            client: asked.client,
            user,
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.challenge,
            scopes: asked.scopes,
            nonce: asked.nonce.clone(),
            resource: asked.resource.clone(),
            authenticated,
        };
        self.0.oauth.codes().put(Sha256::digest(&text).into(), code, self.0.clock.monotonic());
        Ok(text)
    }
}

impl From<OAuthGrantError> for AccountError {
    fn from(error: OAuthGrantError) -> Self {
        match error {
            OAuthGrantError::NoSuchClient => Self::NoSuchProgram,
            OAuthGrantError::Proof(error) => error.into(),
        }
    }
}
