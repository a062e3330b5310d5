//! The way to a provider and back.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::Value;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::away::{AllAway, Away, Purpose};
use super::browser::{Browser, hash, secret};
use super::error::ProviderError;
use super::fetch::{Answer, Fetch, Question};
use super::known::Known;
use super::settings::Settings;
use crate::auth::oauth::{Form, with_parameters};
use crate::auth::oidc::{
    Distrust, Expected, Identity, Members, Metadata, PublicKeys, SecretGoes, check_id_token,
};
use crate::auth::{AddressKey, Lockout, Policy};
use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::dial::Client;

/// A provider.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
    fetch: Fetch,
    clock: Clock,
    known: Known,
    away: Mutex<AllAway>,
    /// What each begins and ends: every end asks the provider something, by our secret.
    addresses: Mutex<Lockout<AddressKey>>,
    complaint: Mutex<Complaint>,
}

impl Provider {
    /// Those of the settings, which share what asks them.
    pub fn all(settings: Vec<Settings>, clock: &Clock, client: &Client) -> Vec<Arc<Self>> {
        let one = |settings| {
            let (fetch, clock) = (Fetch::new(client.clone()), clock.clone());
            Arc::new(Self {
                settings,
                fetch,
                clock,
                known: Known::default(),
                away: Mutex::default(),
                addresses: Mutex::new(Lockout::new(Policy::REQUESTS_OF_ADDRESS)),
                complaint: Mutex::default(),
            })
        };
        settings.into_iter().map(one).collect()
    }

    /// How it is described.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks it for what it says of itself, and for its keys: whether people could log in by it now.
    pub async fn examine(&self) -> Result<(), ProviderError> {
        let metadata = self.metadata().await?;
        self.keys(&metadata, false).await?;
        self.secret_goes(&metadata).map(drop)
    }

    /// Sends somebody to it, who comes back to `redirect`. Answers with where.
    pub async fn begin(
        &self,
        browser: &Browser,
        from: IpAddr,
        redirect: &str,
        purpose: Purpose,
    ) -> Result<String, ProviderError> {
        self.admit(from)?;
        let metadata = self.metadata().await?;
        let (state, nonce, verifier) = (secret()?, secret()?, secret()?);
        let challenge = BASE64URL_NOPAD.encode(&hash(&verifier));
        let scope = self.settings.scopes.join(" ");
        let mut asked = vec![
            ("response_type", "code"),
            ("client_id", self.settings.client.as_str()),
            ("redirect_uri", redirect),
            ("scope", scope.as_str()),
            ("state", state.as_str()),
            ("nonce", nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if matches!(purpose, Purpose::Link { .. }) {
            // Whoever is logged in there in this browser may be somebody else, and would have the account from then on.
            asked.extend([("prompt", "login"), ("max_age", "0")]);
        }
        let to = with_parameters(&metadata.authorization, &asked);
        let address = AddressKey::of(from);
        let (browser, redirect) = (browser.hash(), redirect.to_owned());
        let went = self.clock.wall();
        let away = Away { browser, address, went, nonce, verifier, redirect, purpose };
        self.all_away().put(hash(&state), away, self.clock.monotonic());
        Ok(to)
    }

    /// Somebody comes back. Answers with who they are, and what they want.
    pub async fn finish(
        &self,
        form: &Form,
        browser: Option<&Browser>,
        from: IpAddr,
    ) -> Result<(Identity, Purpose), ProviderError> {
        let state = hash(form.get("state").unwrap_or_default());
        let (browser, now) = (browser.map_or([0; 32], Browser::hash), self.clock.monotonic());
        // For whoever never went the provider is asked nothing, so they take nobody's turn. One who has to wait stays away.
        if self.all_away().expects(state, browser, now) {
            self.admit(from)?;
        }
        let away = self.all_away().take(state, browser, now).ok_or(ProviderError::Lost)?;
        let metadata = self.metadata().await?;
        // Of another server's answer nothing is believed, not even that it refuses (RFC 9207, section 2.4).
        match form.get("iss") {
            Some(issuer) if issuer != self.settings.issuer => return Err(Distrust::Issuer.into()),
            None if metadata.names_itself => return Err(Distrust::Lacks("answer", "iss").into()),
            _ => (),
        }
        if let Some(error) = form.get("error") {
            return Err(ProviderError::refused(error));
        }
        let code = form.get("code").ok_or(Distrust::Lacks("answer", "code"))?;
        let tokens = self.exchange(&metadata, code, &away).await?;
        let text = |name| tokens.get(name).and_then(Value::as_str);
        let id_token = text("id_token").ok_or(Distrust::Lacks("answer", "id_token"))?;
        let access_token = text("access_token");
        let claims = self.claims(&metadata, id_token, access_token, &away).await?;
        let besides = match (&metadata.userinfo, access_token) {
            (Some(at), Some(token)) => Some(self.besides(at, token).await?),
            _ => None,
        };
        let identity = Identity::of(&self.settings.issuer, &claims, besides.as_ref(), &self.settings.groups)?;
        Ok((identity, away.purpose))
    }

    /// The claims of a token. Where it names a key that isn't known, the keys are asked for again.
    async fn claims(
        &self,
        metadata: &Metadata,
        id_token: &str,
        access_token: Option<&str>,
        away: &Away,
    ) -> Result<Members, ProviderError> {
        let Settings { issuer, client, .. } = &self.settings;
        let anew = matches!(away.purpose, Purpose::Link { .. }).then_some(away.went);
        let (nonce, now) = (away.nonce.as_str(), self.clock.wall());
        let expected = Expected { issuer, client, nonce, now, anew, access_token };
        let keys = self.keys(metadata, false).await?;
        match check_id_token(id_token, &keys, expected) {
            Err(Distrust::UnknownKey) => {
                let keys = self.keys(metadata, true).await?;
                Ok(check_id_token(id_token, &keys, expected)?)
            }
            checked => Ok(checked?),
        }
    }

    /// What a code is worth.
    async fn exchange(&self, metadata: &Metadata, code: &str, away: &Away) -> Result<Members, ProviderError> {
        let (authorization, form) = self.proof(metadata, code, away)?;
        let form = Some(form);
        let answer = self.fetch.ask(Question { address: &metadata.token, authorization, form }).await?;
        let tokens = members(&answer, "answer");
        if answer.status != 200 {
            let error = tokens.ok().and_then(|tokens| Some(tokens.get("error")?.as_str()?.to_owned()));
            return Err(ProviderError::exchange(answer.status, error.as_deref()));
        }
        tokens
    }

    /// What is shown for a code: the header, and the form.
    fn proof(
        &self,
        metadata: &Metadata,
        code: &str,
        away: &Away,
    ) -> Result<(Option<String>, String), ProviderError> {
        let Settings { client, secret, .. } = &self.settings;
        let mut form = Serializer::new(String::new());
        form.extend_pairs([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", away.redirect.as_str()),
            ("code_verifier", away.verifier.as_str()),
        ]);
        let mut authorization = None;
        match self.secret_goes(metadata)? {
            Some(SecretGoes::Header) => {
                // Each is encoded first (RFC 6749, section 2.3.1).
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(client), encoded(secret));
                authorization = Some(format!("Basic {}", BASE64.encode(pair.as_bytes())));
            }
            Some(SecretGoes::Form) => {
                form.append_pair("client_id", client).append_pair("client_secret", secret);
            }
            None => {
                form.append_pair("client_id", client);
            }
        }
        Ok((authorization, form.finish()))
    }

    /// Where the secret goes, where there is one.
    fn secret_goes(&self, metadata: &Metadata) -> Result<Option<SecretGoes>, ProviderError> {
        if self.settings.secret.is_empty() {
            return Ok(None);
        }
        Ok(Some(metadata.secret.ok_or(Distrust::NoProof)?))
    }

    /// What it tells of somebody besides.
    async fn besides(&self, at: &str, token: &str) -> Result<Members, ProviderError> {
        let authorization = Some(format!("Bearer {token}"));
        let answer = self.fetch.ask(Question { address: at, authorization, form: None }).await?;
        if answer.status == 200 {
            members(&answer, "userinfo")
        } else {
            Err(ProviderError::Status(answer.status))
        }
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        self.known.metadata(&self.fetch, &self.clock, &self.settings.issuer).await
    }

    async fn keys(&self, metadata: &Metadata, anew: bool) -> Result<Arc<PublicKeys>, ProviderError> {
        self.known.keys(&self.fetch, &self.clock, &metadata.keys, anew).await
    }

    /// Has the log say what whoever runs the server has to mend: at once, and then once a minute for all that came meanwhile.
    pub fn complain(&self, error: &ProviderError) {
        if !error.is_theirs() {
            return;
        }
        let count = lock(&self.complaint).count(self.clock.monotonic());
        if let Some(count) = count {
            tracing::warn!(provider = self.settings.id, %error, count, "nobody logs in by it");
        }
    }

    /// Counts what an address begins or ends, unless it has to wait.
    fn admit(&self, from: IpAddr) -> Result<(), ProviderError> {
        let counted = lock(&self.addresses).admit(AddressKey::of(from), self.clock.monotonic());
        counted.map(drop).map_err(ProviderError::Often)
    }

    fn all_away(&self) -> MutexGuard<'_, AllAway> {
        lock(&self.away)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn members(answer: &Answer, what: &'static str) -> Result<Members, ProviderError> {
    serde_json::from_slice(&answer.body).map_err(|_| Distrust::Unreadable(what).into())
}
