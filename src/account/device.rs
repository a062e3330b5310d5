//! The devices that an account is logged in on, and their keys.

use super::begin::device_name;
use super::{AccountError, Accounts, Changed};
use crate::auth::{DEVICE_KEY, device_fingerprint};
use crate::id::{Fingerprint, SessionId, UserId};
use crate::protocol::wire;
use crate::store::write;
use crate::store::{By, DeviceKey, Seen, User};

/// Devices of one account that are listed at most; an organization allows fewer.
const LISTED: usize = 1_000;

impl Accounts {
    /// An account, as it is now.
    pub fn account(&self, user: UserId) -> Result<User, AccountError> {
        self.user(user)?.ok_or(AccountError::TokenInvalid)
    }

    /// What is shown of an account.
    pub(super) fn describe(&self, user: &User) -> Result<wire::Account, AccountError> {
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
            email_pending: String::new(),
        })
    }

    /// The same with what only they themselves are shown.
    pub fn describe_own(&self, user: &User) -> Result<wire::Account, AccountError> {
        Ok(wire::Account { email_pending: self.pending_email(user.id)?, ..self.describe(user)? })
    }

    /// Where an account is logged in, and which keys it would come back with; `connected` are the sessions that are there.
    pub fn devices(
        &self,
        user: UserId,
        own: SessionId,
        connected: &[SessionId],
    ) -> Result<wire::Devices, AccountError> {
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

    /// A device is logged out, and doesn't come back by its key.
    pub async fn end_device(&self, user: UserId, ended: SessionId, by: By) -> Result<Changed, AccountError> {
        self.run(by, write::end_device(user, ended)).await?;
        Ok(Changed::User(user))
    }

    /// A key opens nothing any more; the session that it logged in to ends, unless it is the asker's own.
    pub async fn remove_key(
        &self,
        user: UserId,
        fingerprint: &[u8],
        session: SessionId,
        by: By,
    ) -> Result<Changed, AccountError> {
        let fingerprint = fingerprint.try_into().map_err(|_| write::RemoveDeviceKeyError::NoSuchKey)?;
        self.run(by, write::remove_device_key(user, Fingerprint(fingerprint), session)).await?;
        Ok(Changed::User(user))
    }

    /// Ends every session of an account but one, removes the keys that other devices would come back with, and takes back what
    /// programs were allowed and the invites that the account made.
    pub async fn end_others(
        &self,
        user: UserId,
        session: SessionId,
        by: By,
    ) -> Result<Changed, AccountError> {
        self.run(by, write::end_other_devices(user, session)).await?;
        Ok(Changed::User(user))
    }

    /// The device of a session may log in by a key from now on: to that session, or apart from it to one of its own.
    pub async fn register_key(
        &self,
        user: UserId,
        session: SessionId,
        key: &wire::RegisterKey,
        by: By,
    ) -> Result<(), AccountError> {
        let public: [u8; DEVICE_KEY] =
            key.public_key.as_ref().try_into().map_err(|_| AccountError::PublicKeyInvalid)?;
        let fingerprint = device_fingerprint(&public);
        let row = DeviceKey {
            user,
            fingerprint,
            public,
            name: device_name(&key.name),
            created: by.at,
            address: by.from,
            session: (!key.apart).then_some(session),
        };
        self.run(by, write::register_device_key(row)).await
    }
}
