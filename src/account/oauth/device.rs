//! Devices without a keyboard or a browser: somebody types their code elsewhere, and allows it there (RFC 8628).

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::consent::Shows;
use super::devices::{Decision, Device, LIFE, PAUSE, Polled, Wish};
use super::held::{allowed, rules_of};
use super::random;
use crate::account::begin::device_name;
use crate::account::{AccountError, Accounts, Proven, Visitor};
use crate::auth::AddressKey;
use crate::auth::oauth::{Form, OAuthError, Scopes, UserCode, assistant_at};
use crate::id::OAuthClientId;
use crate::protocol::wire;

/// What a person is asked who typed a code.
#[derive(Clone, Debug)]
pub struct DeviceConsent {
    /// What the program is called, or the device that is to be logged in.
    pub program: String,
    /// What it asks for.
    pub scopes: Scopes,
    /// The code.
    pub code: UserCode,
    /// The program; nothing where the device is to be logged in.
    client: Option<OAuthClientId>,
}

impl DeviceConsent {
    /// Whether the device is to be logged in, and may do then whatever the person may.
    pub fn is_log_in(&self) -> bool {
        self.client.is_none()
    }
}

/// A device is told what was decided about it. Until what comes of that is committed it may fail, and the device asks again.
#[must_use = "the device is told again unless this ends"]
pub(super) struct Telling<'a> {
    accounts: &'a Accounts,
    hash: [u8; 32],
    is_open: bool,
}

impl Telling<'_> {
    /// It came to something, and isn't told again.
    pub(super) fn end(mut self) {
        self.is_open = false;
        self.accounts.0.oauth.devices().end(&self.hash);
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.accounts.0.oauth.devices().give_back(&self.hash);
        }
    }
}

impl Accounts {
    /// Answers a device that wants somebody to type its code.
    pub fn oauth_device(
        &self,
        authorization: Option<&str>,
        form: &Form,
        issuer: &str,
        from: IpAddr,
    ) -> Result<Value, OAuthError> {
        let client = self.proven_client(authorization, form, from)?;
        if !client.device {
            return Err(OAuthError::Unauthorized);
        }
        let asked = form.get("scope").map(Scopes::parse).transpose()?.unwrap_or_default();
        let assistant = assistant_at(issuer);
        let rules = rules_of(&client, allowed(&client), &assistant);
        let resource = rules.resource(form.get("resource").filter(|asked| !asked.is_empty()))?;
        let scopes = rules.given(asked, resource.as_deref())?;
        let wish = Wish::Tokens { client: client.id, scopes, resource: resource.unwrap_or_default() };
        let (secret, code) = self.let_wait(wish, from)?;
        let page = format!("{issuer}/oauth/device");
        Ok(json!({
            "device_code": secret,
            "user_code": code.to_string(),
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={code}"),
            "expires_in": LIFE.as_secs(),
            "interval": PAUSE.as_secs(),
        }))
    }

    /// Lets a device wait. Answers with its secret, and with what somebody types.
    fn let_wait(&self, wish: Wish, from: IpAddr) -> Result<(String, UserCode), OAuthError> {
        let secret = BASE64URL_NOPAD.encode(&random::<32>()?);
        let code = UserCode::from_random(random()?);
        let device = Device { wish, code, from: AddressKey::of(from) };
        if !self.0.oauth.devices().put(Sha256::digest(&secret).into(), device, self.0.clock.monotonic()) {
            return Err(OAuthError::Busy);
        }
        Ok((secret, code))
    }

    /// Answers a device that wants to be logged in by whoever types its code.
    pub fn begin_web_log_in(
        &self,
        begin: &wire::BeginWebLogIn,
        from: IpAddr,
    ) -> Result<wire::WebLogIn, AccountError> {
        self.check_address(from)?;
        self.admit_program(from).map_err(|error| refused(&error))?;
        let waiting = self.let_wait(Wish::LogIn(device_name(&begin.device)), from);
        let (code, user_code) = waiting.map_err(|error| refused(&error))?;
        let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (life_ms, pause_ms) = (milliseconds(LIFE), milliseconds(PAUSE));
        Ok(wire::WebLogIn { code, user_code: user_code.to_string(), life_ms, pause_ms })
    }

    /// What a device is answered that asks what was decided, and what says that it was told.
    pub(super) fn poll_device(&self, code: &str, client: Option<OAuthClientId>) -> (Polled, Telling<'_>) {
        let hash = Sha256::digest(code).into();
        let polled = self.0.oauth.devices().poll(hash, client, self.0.clock.monotonic());
        let is_open = matches!(polled, Polled::Decided(..));
        (polled, Telling { accounts: self, hash, is_open })
    }

    /// Logs a device in whose code somebody typed, and allowed it.
    pub async fn by_web(&self, proof: &wire::LogInWeb, visitor: Visitor<'_>) -> Result<Proven, AccountError> {
        self.check_address(visitor.from)?;
        let (polled, telling) = self.poll_device(&proof.code, None);
        match polled {
            Polled::Decided(Device { wish: Wish::LogIn(name), .. }, Decision::LoggedIn { user, shown }) => {
                let account = self.named(user)?;
                let proven = self.begin(&account, &name, *shown, visitor).await?;
                telling.end();
                Ok(proven)
            }
            Polled::Decided(..) => {
                telling.end();
                Err(AccountError::WebLogInDenied)
            }
            Polled::Pending => Err(AccountError::Pending(PAUSE)),
            Polled::TooSoon => Err(AccountError::RateLimited(PAUSE)),
            Polled::Expired => Err(AccountError::CodeInvalid),
        }
    }

    /// What a device asks whose code somebody types. A wrong one is counted as a failed log-in of the address.
    pub fn read_device(&self, typed: &str, from: IpAddr) -> Result<DeviceConsent, AccountError> {
        self.check_address(from)?;
        let counted = self.0.attempts.admit(None, from)?;
        let code = UserCode::parse(typed).ok_or(AccountError::CodeInvalid)?;
        let device = self.0.oauth.devices().of(code, self.0.clock.monotonic());
        let device = device.ok_or(AccountError::CodeInvalid)?;
        self.0.attempts.give_back(&counted);
        let (client, scopes) = match device.wish {
            Wish::LogIn(program) => {
                return Ok(DeviceConsent { program, scopes: Scopes::default(), code, client: None });
            }
            Wish::Tokens { client, scopes, .. } => (client, scopes),
        };
        let client = self.oauth_client(client).map_err(|_| AccountError::NoSuchProgram)?;
        Ok(DeviceConsent { program: client.name, scopes, code, client: Some(client.id) })
    }

    /// Somebody allows a device what it asks for. They are always asked: whoever else has the device may have sent them
    /// here (RFC 8628, section 5.4).
    pub async fn allow_device(
        &self,
        consent: &DeviceConsent,
        shows: Shows<'_>,
        visitor: Visitor<'_>,
    ) -> Result<(), AccountError> {
        let decision = if let Some(client) = consent.client {
            let (user, authenticated) = self.allow_by(client, consent.scopes, shows, visitor).await?;
            Decision::Allowed { user, authenticated }
        } else {
            let (user, shown) = self.log_in_by(shows, visitor.from).await?;
            Decision::LoggedIn { user, shown: Box::new(shown) }
        };
        self.decide_device(consent, decision)
    }

    /// Somebody doesn't.
    pub fn deny_device(&self, consent: &DeviceConsent) -> Result<(), AccountError> {
        self.decide_device(consent, Decision::Denied)
    }

    fn decide_device(&self, consent: &DeviceConsent, decision: Decision) -> Result<(), AccountError> {
        let is_first = self.0.oauth.devices().decide(consent.code, decision, self.0.clock.monotonic());
        if is_first { Ok(()) } else { Err(AccountError::CodeInvalid) }
    }
}

/// Why a device can't wait.
fn refused(error: &OAuthError) -> AccountError {
    match error {
        OAuthError::RateLimited(after) => AccountError::RateLimited(*after),
        OAuthError::Busy => AccountError::Busy,
        _ => AccountError::Internal,
    }
}
