//! One's own account: password, devices, keys, second factor.

use bytes::Bytes;

use super::{DeviceSecret, RequestError, Session};
use crate::id::{Fingerprint, SessionId};
use crate::protocol::wire::{self, request, response};

impl Session {
    /// What the server knows of the account.
    pub async fn account(&self) -> Result<wire::Account, RequestError> {
        match self.request(request::Body::GetAccount(wire::GetAccount {})).await? {
            response::Body::Account(account) => Ok(account),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Chooses another password; every other session of the account ends.
    pub async fn change_password(&self, old: &str, new: &str) -> Result<(), RequestError> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.done(request::Body::ChangePassword(wire::ChangePassword { old, new })).await
    }

    /// The account's log-ins and the keys of its devices.
    pub async fn devices(&self) -> Result<wire::Devices, RequestError> {
        match self.request(request::Body::ListDevices(wire::ListDevices {})).await? {
            response::Body::Devices(devices) => Ok(devices),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Ends a log-in of the account.
    pub async fn end_device(&self, session: SessionId) -> Result<(), RequestError> {
        self.done(request::Body::EndDevice(wire::EndDevice { session: session.0 })).await
    }

    /// Ends all of them but this one, and removes the keys of other devices.
    pub async fn end_other_devices(&self) -> Result<(), RequestError> {
        self.done(request::Body::EndOtherDevices(wire::EndOtherDevices {})).await
    }

    /// From now on this device may log in by a key.
    pub async fn register_key(&self, key: &DeviceSecret, name: &str) -> Result<(), RequestError> {
        let (public_key, name) = (Bytes::copy_from_slice(key.public()), name.to_owned());
        self.done(request::Body::RegisterKey(wire::RegisterKey { public_key, name })).await
    }

    /// A device may log in by its key no more, and its log-in ends.
    pub async fn remove_key(&self, fingerprint: Fingerprint) -> Result<(), RequestError> {
        let fingerprint = Bytes::copy_from_slice(&fingerprint.0);
        self.done(request::Body::RemoveKey(wire::RemoveKey { fingerprint })).await
    }

    /// Begins to set up one-time codes.
    pub async fn set_up_second_factor(&self) -> Result<wire::SecondFactorSecret, RequestError> {
        match self.request(request::Body::SetUpSecondFactor(wire::SetUpSecondFactor {})).await? {
            response::Body::SecondFactorSecret(secret) => Ok(secret),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Puts them in force by a first code. Answers with the recovery codes.
    pub async fn confirm_second_factor(&self, code: &str) -> Result<Vec<String>, RequestError> {
        let code = code.to_owned();
        match self.request(request::Body::ConfirmSecondFactor(wire::ConfirmSecondFactor { code })).await? {
            response::Body::RecoveryCodes(codes) => Ok(codes.codes),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Does without them; `proof` is a code, a recovery code or the password.
    pub async fn remove_second_factor(&self, proof: &str) -> Result<(), RequestError> {
        let proof = proof.to_owned();
        self.done(request::Body::RemoveSecondFactor(wire::RemoveSecondFactor { proof })).await
    }
}
