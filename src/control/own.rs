//! What people do to their own accounts: password, devices, keys, second factor.

use super::log_in::device_name;
use super::{Actor, Done, Handle, Refused};
use crate::auth::{DEVICE_KEY, StoredPassword, device_fingerprint};
use crate::id::{Fingerprint, SessionId, UserId};
use crate::protocol::wire::{self, request, response};
use crate::state::Change;
use crate::store::write::{self, UserEdit};
use crate::store::{By, DeviceKey, Seen, User};
use crate::voice::Peer;

/// Devices of one account that are listed at most; an organization allows fewer.
const LISTED: usize = 1_000;

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for to their own account, which the state allows to whoever has one.
    pub(super) async fn own_account(
        &self,
        actor: Actor,
        body: request::Body,
    ) -> Result<response::Body, Refused> {
        let allowed = self.ask(actor, body.clone(), true).await?;
        let Done::Allowed(Change::OwnAccount { user, session, connected }, by) = allowed else {
            return Err(Refused::Internal);
        };
        let account = self.0.store.user(user)?.ok_or(Refused::TokenInvalid)?;
        let done = response::Body::Done(wire::Done {});
        match body {
            request::Body::GetAccount(_) => Ok(response::Body::Account(self.account(&account)?)),
            request::Body::ChangePassword(change) => {
                self.change_password(&account, session, &change, by).await?;
                Ok(done)
            }
            request::Body::ListDevices(_) => {
                Ok(response::Body::Devices(self.devices(user, session, &connected)?))
            }
            request::Body::EndDevice(end) if end.session == session.0 => {
                self.forget_key(user, session, by).await?;
                match self.ask(actor, request::Body::LogOut(wire::LogOut {}), false).await? {
                    Done::Answer(answer) => Ok(answer),
                    Done::Allowed(..) | Done::Imagined(_) => Err(Refused::Internal),
                }
            }
            request::Body::EndDevice(end) => {
                let ended = SessionId(end.session);
                self.forget_key(user, ended, by).await?;
                self.run(by, write::end_session(user, ended)).await?;
                self.refresh().await?;
                Ok(done)
            }
            request::Body::EndOtherDevices(_) => {
                self.end_others(user, session, by).await?;
                Ok(done)
            }
            request::Body::RegisterKey(key) => {
                self.register_key(user, session, &key, by).await?;
                Ok(done)
            }
            request::Body::RemoveKey(key) => {
                let fingerprint: [u8; 32] = key
                    .fingerprint
                    .as_ref()
                    .try_into()
                    .map_err(|_| write::RemoveDeviceKeyError::NoSuchKey)?;
                self.run(by, write::remove_device_key(user, Fingerprint(fingerprint), session)).await?;
                self.refresh().await?;
                Ok(done)
            }
            body => self.own_proof(&account, body, by).await,
        }
    }

    /// What proves a person: second factor, e-mail address, keys of programs.
    async fn own_proof(
        &self,
        account: &User,
        body: request::Body,
        by: By,
    ) -> Result<response::Body, Refused> {
        let (user, done) = (account.id, response::Body::Done(wire::Done {}));
        match body {
            request::Body::SetUpSecondFactor(_) => {
                self.set_up_second_factor(account, by).await.map(response::Body::SecondFactorSecret)
            }
            request::Body::ConfirmSecondFactor(confirm) => {
                let codes = self.confirm_second_factor(user, &confirm.code, by).await;
                codes.map(response::Body::RecoveryCodes)
            }
            request::Body::RemoveSecondFactor(remove) => {
                self.remove_second_factor(account, &remove.proof, by).await?;
                Ok(done)
            }
            request::Body::CreateApiKey(create) => {
                self.create_api_key(user, &create, by).await.map(response::Body::ApiKeyMade)
            }
            request::Body::SetEmail(set) => {
                self.set_email(account, &set, by).await?;
                Ok(done)
            }
            request::Body::VerifyEmail(verify) => {
                self.verify_email(user, &verify.code, by).await?;
                Ok(done)
            }
            request::Body::ListApiKeys(_) => Ok(response::Body::ApiKeys(self.api_keys(user)?)),
            request::Body::RevokeApiKey(revoke) => {
                self.revoke_api_key(user, revoke.id, by).await?;
                Ok(done)
            }
            _ => Err(Refused::Unexpected),
        }
    }

    fn account(&self, user: &User) -> Result<wire::Account, Refused> {
        let factor = self.0.store.second_factor(user.id)?.filter(|factor| factor.confirmed.is_some());
        let mut roles = Vec::new();
        for grant in user.grants.iter().filter(|grant| grant.holds(self.0.clock.wall())) {
            roles.extend(self.0.store.role(grant.role)?.map(|role| role.name));
        }
        Ok(wire::Account {
            user: user.id.0,
            name: user.name.clone(),
            email: user.email.clone().unwrap_or_default(),
            email_verified: user.email_verified,
            second_factor: factor.is_some(),
            recovery_codes: factor.map_or(0, |factor| factor.recovery.len() as u32),
            roles,
            created_ms: user.created.0,
        })
    }

    /// Whether this is the account's password. Tries are counted as log-ins are.
    pub(super) async fn check_own_password(&self, user: &User, password: &str) -> Result<(), Refused> {
        let account = crate::name::folded(&user.name);
        self.admit_account(&account)?;
        let stored = user.password.clone().unwrap_or_else(StoredPassword::decoy);
        let password = password.to_owned();
        let matches = self.0.hashing.run(move || stored.verify(&password)).await?;
        if !matches.map_err(|_| Refused::Busy)? {
            return Err(Refused::OwnPasswordWrong);
        }
        self.forgive_account(&account);
        Ok(())
    }

    async fn change_password(
        &self,
        user: &User,
        session: SessionId,
        change: &wire::ChangePassword,
        by: By,
    ) -> Result<(), Refused> {
        self.check_own_password(user, &change.old).await?;
        let email = user.email.clone().unwrap_or_default();
        self.check_new_password(&change.new, &[&user.name, &email]).await?;
        let password = self.hash(&change.new).await?;
        let edit = UserEdit { password: Some(Some(password)), ..UserEdit::default() };
        self.run(by, write::edit_user(user.id, edit)).await?;
        self.end_others(user.id, session, by).await
    }

    /// Ends every session of an account but one, and removes the keys that other devices would come back with.
    async fn end_others(&self, user: UserId, session: SessionId, by: By) -> Result<(), Refused> {
        let own = self.0.store.device(user, session)?.and_then(|device| device.key);
        self.run(by, write::end_sessions_of(user, Some(session))).await?;
        self.run(by, write::remove_device_keys_of(user, own)).await?;
        self.refresh().await
    }

    /// A device that is logged out doesn't come back by its key.
    async fn forget_key(&self, user: UserId, session: SessionId, by: By) -> Result<(), Refused> {
        if let Some(key) = self.0.store.device(user, session)?.and_then(|device| device.key)
            && self.0.store.device_key(user, key)?.is_some()
        {
            self.run(by, write::remove_device_key(user, key, session)).await?;
        }
        Ok(())
    }

    fn devices(
        &self,
        user: UserId,
        own: SessionId,
        connected: &[SessionId],
    ) -> Result<wire::Devices, Refused> {
        let store = &self.0.store;
        let now = self.0.clock.wall();
        let mut devices = Vec::new();
        for session in store.sessions_of(user, None, LISTED)?.into_iter().filter(|one| now < one.expires) {
            let device = store.device(user, session.id)?;
            let address = device.as_ref().and_then(|device| device.address).or(session.address);
            let last = store.last_seen(Seen::Session(user, session.id))?.unwrap_or(session.created);
            devices.push(wire::Device {
                session: session.id.0,
                name: session.device,
                client: device.map(|device| device.client).unwrap_or_default(),
                address: address.map(|address| address.to_string()).unwrap_or_default(),
                used_ms: last.0,
                created_ms: session.created.0,
                expires_ms: session.expires.0,
                connected: connected.contains(&session.id),
                this: session.id == own,
            });
        }
        let keys = store.device_keys_of(user)?.into_iter().map(|key| wire::DeviceKey {
            fingerprint: key.fingerprint.0.to_vec().into(),
            name: key.name,
            created_ms: key.created.0,
            session: key.session.map_or(0, u64::from),
        });
        Ok(wire::Devices { devices, keys: keys.collect() })
    }

    async fn register_key(
        &self,
        user: UserId,
        session: SessionId,
        key: &wire::RegisterKey,
        by: By,
    ) -> Result<(), Refused> {
        let malformed = || Refused::Malformed("a public key has 32 bytes (Ed25519)".to_owned());
        let public: [u8; DEVICE_KEY] = key.public_key.as_ref().try_into().map_err(|_| malformed())?;
        let fingerprint = device_fingerprint(&public);
        let row = DeviceKey {
            user,
            fingerprint,
            public,
            name: device_name(&key.name),
            created: by.at,
            address: by.from,
            session: Some(session),
        };
        self.run(by, write::register_device_key(row)).await?;
        if let Some(device) = self.0.store.device(user, session)? {
            let device = crate::store::Device { key: Some(fingerprint), ..device };
            self.run(by, write::put_device(device)).await?;
        }
        Ok(())
    }
}
