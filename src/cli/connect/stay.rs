//! The log-in of a program that stays connected. It has a session of its own, so that what the same person does meanwhile by other
//! commands, which share one, doesn't take its place.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::{CLIENT, Entered, RemoteServer, api_key, device, directory, say_notice};
use crate::auth::device_fingerprint;
use crate::client::{
    CredentialStore, Credentials, DeviceSecret, Keeper, Known, Profile, ProfileError, RequestError, Session,
};
use crate::protocol::ErrorCode;
use crate::protocol::wire::LoggedIn;

impl RemoteServer {
    /// Comes in to stay, by a key that opens a session of its own. The first time, and when that key was taken back, one is
    /// registered by way of the session that all commands share; where the server refuses that, it is that session.
    pub(super) async fn enter_to_stay(&self) -> anyhow::Result<Entered> {
        if api_key().is_some() {
            return self.enter().await;
        }
        let user = self.logged_in()?.user_number;
        let store = Staying { directory: staying(), server: self.address.home() };
        if store.known(user).is_some() {
            match self.stay(&store).await? {
                Ok(entered) => return Ok(entered),
                Err(error) if error.code() == Some(ErrorCode::ReadOnly) => return self.enter().await,
                Err(error) if error.code() != Some(ErrorCode::LogInFailed) => {
                    return Err(self.cant_come_back(error));
                }
                Err(_) => (),
            }
        }
        let entered = self.enter_for_lasting().await?;
        let key = DeviceSecret::random().context("the operating system gives no random bytes")?;
        let name = format!("{} (parlour talk)", device());
        match entered.session.register_key_apart(&key, &name).await {
            Ok(()) => (),
            Err(RequestError::Refused { .. }) => return Ok(entered),
            Err(error) => return Err(error.into()),
        }
        store.put(user, &entered.session, &key)?;
        entered.session.close().await;
        self.stay(&store).await?.map_err(|error| self.cant_come_back(error))
    }

    /// Comes in by what is kept for staying.
    async fn stay(&self, store: &Staying) -> anyhow::Result<Result<Entered, RequestError>> {
        let credentials = store.credentials().context("the log-in is gone from the profile")?;
        let connected = self.connect(None).await?;
        let fingerprint = connected.fingerprint();
        Ok(connected.log_in(credentials).await.map(|session| {
            say_notice(&session);
            let store = Arc::new(store.clone());
            let keeper = Keeper::new(self.address.clone(), fingerprint, store, CLIENT.to_owned());
            Entered { session, keeper }
        }))
    }

    /// Takes the key back by which a program stays, with the session that it opened, before one logs out.
    pub(in crate::cli) async fn stay_no_more(&self, session: &Session) -> anyhow::Result<()> {
        let store = Staying { directory: staying(), server: self.address.home() };
        let Some(key) = store.known(session.logged_in().user).and_then(|known| known.device_key()) else {
            return Ok(());
        };
        match session.remove_key(device_fingerprint(key.public())).await {
            // It was taken back from elsewhere.
            Err(error) if error.code() == Some(ErrorCode::NotFound) => (),
            outcome => outcome?,
        }
        Ok(store.forget()?)
    }
}

/// Where it is kept what one stays by: beside the log-ins that other commands share.
fn staying() -> PathBuf {
    directory().join("talk")
}

/// What is kept of staying at one server. The key is all that it takes, also to come back.
#[derive(Clone, Debug)]
struct Staying {
    directory: PathBuf,
    server: String,
}

impl Staying {
    fn known(&self, user: u64) -> Option<Known> {
        let profile = Profile::load(&self.directory).ok()?;
        profile.known(&self.server).filter(|known| known.user_number == user).cloned()
    }

    fn put(&self, user: u64, session: &Session, key: &DeviceSecret) -> Result<(), ProfileError> {
        let user_name = session.logged_in().name.clone();
        let mut known = Known { user: user_name, user_number: user, ..Known::default() };
        known.set_device_key(Some(key));
        Profile::load(&self.directory)?.put(&self.server, known)
    }

    fn forget(&self) -> Result<(), ProfileError> {
        Profile::load(&self.directory)?.put(&self.server, Known::default())
    }
}

impl CredentialStore for Staying {
    fn credentials(&self) -> Option<Credentials> {
        Profile::load(&self.directory).ok()?.known(&self.server)?.lasting_credentials()
    }

    fn keep(&self, _: &LoggedIn) {}
}
