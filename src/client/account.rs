//! One's own account (password, devices, keys, second factor), and who comes in (invites, bans).

use std::time::Duration;

use bytes::Bytes;

use super::{DeviceSecret, RequestError, Session};
use crate::id::{Fingerprint, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{self, create_ban, request, response};

impl Session {
    /// What the server knows of the account.
    pub async fn account(&self) -> Result<wire::Account, RequestError> {
        match self.request(request::Body::GetAccount(wire::GetAccount {})).await? {
            response::Body::Account(account) => Ok(account),
            _ => Err(RequestError::Misfit),
        }
    }

    /// The log-ins at other servers that lead to one's account.
    pub async fn linked_log_ins(&self) -> Result<Vec<wire::LinkedLogIn>, RequestError> {
        match self.request(request::Body::ListLinkedLogIns(wire::ListLinkedLogIns {})).await? {
            response::Body::LinkedLogIns(linked) => Ok(linked.log_ins),
            _ => Err(RequestError::Misfit),
        }
    }

    /// One of them leads there no more.
    pub async fn remove_linked_log_in(&self, id: u64) -> Result<(), RequestError> {
        self.done(request::Body::RemoveLinkedLogIn(wire::RemoveLinkedLogIn { id })).await
    }

    /// Chooses another password; every other session of the account ends. Answers with what ended.
    pub async fn change_password(
        &self,
        old: &str,
        new: &str,
        keep_keys: bool,
    ) -> Result<wire::PasswordChanged, RequestError> {
        let (old, new) = (old.to_owned(), new.to_owned());
        let change = wire::ChangePassword { old, new, keep_keys };
        match self.request(request::Body::ChangePassword(change)).await? {
            response::Body::PasswordChanged(ended) => Ok(ended),
            _ => Err(RequestError::Misfit),
        }
    }

    /// The account's e-mail address, empty for none. An e-mail with a code goes there.
    pub async fn set_email(&self, email: &str, password: &str) -> Result<(), RequestError> {
        let (email, password) = (email.to_owned(), password.to_owned());
        self.done(request::Body::SetEmail(wire::SetEmail { email, password })).await
    }

    /// Proves by that code that the address is one's own.
    pub async fn verify_email(&self, code: &str) -> Result<(), RequestError> {
        self.done(request::Body::VerifyEmail(wire::VerifyEmail { code: code.to_owned() })).await
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

    /// Ends all of them but this one, and removes the keys of other devices. What programs were allowed and the invites that the
    /// account made end, too; API keys stay.
    pub async fn end_other_devices(&self) -> Result<(), RequestError> {
        self.done(request::Body::EndOtherDevices(wire::EndOtherDevices {})).await
    }

    /// From now on this device may log in by a key.
    pub async fn register_key(&self, key: &DeviceSecret, name: &str) -> Result<(), RequestError> {
        self.register(key, name, false).await
    }

    /// Registers a key that opens a session of its own, so that a program which stays connected isn't replaced by others of the
    /// same person on this device. A server of an earlier version takes it for a key of this session.
    pub async fn register_key_apart(&self, key: &DeviceSecret, name: &str) -> Result<(), RequestError> {
        self.register(key, name, true).await
    }

    async fn register(&self, key: &DeviceSecret, name: &str, apart: bool) -> Result<(), RequestError> {
        let (public_key, name) = (Bytes::copy_from_slice(key.public()), name.to_owned());
        self.done(request::Body::RegisterKey(wire::RegisterKey { public_key, name, apart })).await
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

    /// A role grants nothing to who has no second factor, or does again.
    pub async fn require_second_factor(&self, role: &str, required: bool) -> Result<(), RequestError> {
        let role = role.to_owned();
        self.done(request::Body::RequireSecondFactor(wire::RequireSecondFactor { role, required })).await
    }

    /// Makes a key for a program, which may do at most what `scopes` has, and is good for so long, or for ever.
    pub async fn create_api_key(
        &self,
        name: &str,
        scopes: Permissions,
        life: Option<Duration>,
    ) -> Result<wire::ApiKeyMade, RequestError> {
        let create =
            wire::CreateApiKey { name: name.to_owned(), scopes: scopes.bits(), life_ms: milliseconds(life) };
        match self.request(request::Body::CreateApiKey(create)).await? {
            response::Body::ApiKeyMade(key) => Ok(key),
            _ => Err(RequestError::Misfit),
        }
    }

    /// The account's keys.
    pub async fn api_keys(&self) -> Result<Vec<wire::ApiKey>, RequestError> {
        match self.request(request::Body::ListApiKeys(wire::ListApiKeys {})).await? {
            response::Body::ApiKeys(keys) => Ok(keys.keys),
            _ => Err(RequestError::Misfit),
        }
    }

    /// A key is good no more.
    pub async fn revoke_api_key(&self, id: u64) -> Result<(), RequestError> {
        self.done(request::Body::RevokeApiKey(wire::RevokeApiKey { id })).await
    }

    /// Makes an invite.
    pub async fn create_invite(&self, create: wire::CreateInvite) -> Result<wire::Invite, RequestError> {
        match self.request(request::Body::CreateInvite(create)).await? {
            response::Body::Invite(invite) => Ok(invite),
            _ => Err(RequestError::Misfit),
        }
    }

    /// The invites that are good, with the codes of those that one may make oneself.
    pub async fn invites(&self) -> Result<Vec<wire::Invite>, RequestError> {
        match self.request(request::Body::ListInvites(wire::ListInvites {})).await? {
            response::Body::Invites(invites) => Ok(invites.invites),
            _ => Err(RequestError::Misfit),
        }
    }

    /// An invite is good no more.
    pub async fn revoke_invite(&self, id: u64) -> Result<(), RequestError> {
        self.done(request::Body::RevokeInvite(wire::RevokeInvite { id })).await
    }

    /// Keeps somebody out, for so long, or for good; who is in goes.
    pub async fn ban(
        &self,
        subject: create_ban::Subject,
        reason: &str,
        life: Option<Duration>,
    ) -> Result<u64, RequestError> {
        let (subject, reason, life_ms) = (Some(subject), reason.to_owned(), milliseconds(life));
        self.created(request::Body::CreateBan(wire::CreateBan { subject, reason, life_ms })).await
    }

    /// The bans that hold.
    pub async fn bans(&self) -> Result<Vec<wire::Ban>, RequestError> {
        match self.request(request::Body::ListBans(wire::ListBans {})).await? {
            response::Body::Bans(bans) => Ok(bans.bans),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Lets somebody in again.
    pub async fn lift_ban(&self, id: u64) -> Result<(), RequestError> {
        self.done(request::Body::LiftBan(wire::LiftBan { id })).await
    }
}

pub(super) fn milliseconds(life: Option<Duration>) -> u64 {
    life.map_or(0, |life| u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1))
}
