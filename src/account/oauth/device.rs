//! Devices without a keyboard or a browser: somebody types their code elsewhere, and allows it there (RFC 8628).

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::consent::Shows;
use super::devices::{Decision, Device, LIFE, PAUSE};
use super::held::allowed;
use super::random;
use crate::account::{AccountError, Accounts};
use crate::auth::AddressKey;
use crate::auth::oauth::{Form, OAuthError, Scopes, UserCode};
use crate::id::OAuthClientId;

/// What a person is asked who typed a code.
#[derive(Clone, Debug)]
pub struct DeviceConsent {
    /// What the program is called.
    pub program: String,
    /// What it asks for.
    pub scopes: Scopes,
    /// The code.
    pub code: UserCode,
    client: OAuthClientId,
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
        let scopes = form.get("scope").map(Scopes::parse).transpose()?.unwrap_or_default();
        if let Some(name) = scopes.beyond(allowed(&client)) {
            return Err(OAuthError::Scope(name));
        }
        let resource = form.get("resource").unwrap_or_default();
        if !resource.is_empty() && !client.resources.iter().any(|one| one == resource) {
            return Err(OAuthError::Target);
        }
        let secret = BASE64URL_NOPAD.encode(&random::<32>()?);
        let code = UserCode::from_random(random()?);
        let (resource, from) = (resource.to_owned(), AddressKey::of(from));
        let device = Device { client: client.id, scopes, resource, code, from };
        let hash = Sha256::digest(&secret).into();
        if !self.0.oauth.devices().put(hash, device, self.0.clock.monotonic()) {
            return Err(OAuthError::Busy);
        }
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

    /// What a device asks whose code somebody types. A wrong one is counted as a failed log-in of the address.
    pub fn read_device(&self, typed: &str, from: IpAddr) -> Result<DeviceConsent, AccountError> {
        self.check_address(from)?;
        let counted = self.0.attempts.admit(None, from)?;
        let code = UserCode::parse(typed).ok_or(AccountError::CodeInvalid)?;
        let device = self.0.oauth.devices().of(code, self.0.clock.monotonic());
        let device = device.ok_or(AccountError::CodeInvalid)?;
        self.0.attempts.give_back(&counted);
        let client = self.oauth_client(device.client).map_err(|_| AccountError::NoSuchProgram)?;
        Ok(DeviceConsent { program: client.name, scopes: device.scopes, code, client: client.id })
    }

    /// Somebody allows a device what it asks for. They are always asked: whoever else has the device may have sent them
    /// here (RFC 8628, section 5.4).
    pub async fn allow_device(
        &self,
        consent: &DeviceConsent,
        shows: Shows<'_>,
        from: IpAddr,
    ) -> Result<(), AccountError> {
        let (user, authenticated) = self.allow_by(consent.client, consent.scopes, shows, from).await?;
        self.decide_device(consent, Decision::Allowed { user, authenticated })
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
