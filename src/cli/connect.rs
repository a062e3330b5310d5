//! The one way in which commands reach a server: address, pinned certificate, kept token.

mod place;
mod stay;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;

use super::operate;
use super::operate::Organization;
use super::output::{Output, eprint_line};
use crate::client::{
    Address, ConnectError, Connected, CredentialStore, Credentials, DeviceSecret, Keeper, Known, Profile,
    ProfileCredentials, RequestError, Session, Trust, connect,
};
use crate::id::Fingerprint;
use crate::protocol::ErrorCode;
use crate::protocol::wire::LoggedIn;

pub(super) use place::{JoinPassword, Place, join};

/// How this program calls itself.
pub(super) const CLIENT: &str = concat!("parlour/", env!("CARGO_PKG_VERSION"));

/// Which server.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Server {
    /// The server: parlour://[user@]host[:port][/+TAG][/Channel/Sub]. Default: the one logged in to last.
    ///
    /// With an API key in `PARLOUR_API_KEY`, the command acts by that instead of a log-in.
    #[arg(long = "server", short = 's', env = "PARLOUR_ADDRESS", value_name = "ADDRESS")]
    pub(super) address: Option<String>,
}

impl Server {
    /// A session there, by what is kept of the log-in.
    pub(super) async fn enter(&self) -> anyhow::Result<Session> {
        Ok(RemoteServer::find(self.address.as_deref())?.enter().await?.session)
    }

    /// The same for what may make something that lasts, for which an access token isn't enough.
    pub(super) async fn enter_for_lasting(&self) -> anyhow::Result<Session> {
        Ok(RemoteServer::find(self.address.as_deref())?.enter_for_lasting().await?.session)
    }
}

/// A server with what is known of it here.
pub(super) struct RemoteServer {
    pub(super) address: Address,
    pub(super) profile: Profile,
}

impl RemoteServer {
    /// The server that is named, or the last one, or this machine's.
    pub(super) fn find(named: Option<&str>) -> anyhow::Result<Self> {
        let profile = Profile::load(&directory())?;
        let text = named.unwrap_or(match profile.last() {
            "" => "localhost",
            last => last,
        });
        Ok(Self { address: text.parse()?, profile })
    }

    pub(super) fn known(&self) -> Option<&Known> {
        self.profile.known(&self.address.home())
    }

    /// The certificate that is expected there.
    pub(super) fn pinned(&self) -> Option<Fingerprint> {
        self.profile.pinned(&self.address.server())
    }

    /// Connects, with the pinned certificate if there is one; `trust` overrides it.
    pub(super) async fn connect(&self, trust: Option<Fingerprint>) -> anyhow::Result<Connected> {
        let pinned = trust.or_else(|| self.pinned());
        let connected = connect(&self.address, pinned.map_or(Trust::FirstUse, Trust::Pinned), CLIENT).await;
        match connected {
            // What somebody named was never seen there.
            Err(ConnectError::CertificateChanged { server, expected, found }) if trust.is_some() => bail!(
                "the identity of {server} isn't the one that --trust names!\n  named  {expected}\n  it is  {found}\nCheck the \
                 address and the fingerprint with whoever runs the server. If both are right, somebody pretends to be it."
            ),
            connected => Ok(connected?),
        }
    }

    /// Keeps a log-in for the next commands.
    pub(super) fn remember(&mut self, session: &Session, fingerprint: Fingerprint) -> anyhow::Result<()> {
        let logged_in = session.logged_in();
        let before = self.known().cloned().unwrap_or_default();
        let mut known = Known { fingerprint: fingerprint.to_string(), ..before };
        if known.user_number != logged_in.user {
            known.set_device_key(None);
        }
        known.set_logged_in(logged_in);
        let address =
            Address { user: Some(logged_in.name.clone()), channel: String::new(), ..self.address.clone() };
        Ok(self.profile.remember(&self.address.home(), address.to_string(), known)?)
    }

    /// Comes in as a program, by a key of its owner.
    async fn enter_by_key(&self, key: &str) -> anyhow::Result<Entered> {
        let connected = self.connect(None).await?;
        let fingerprint = connected.fingerprint();
        let session = connected.log_in(Credentials::api_key(key)).await?;
        let store = Arc::new(ApiKeyCredentials(key.to_owned()));
        let keeper = Keeper::new(self.address.clone(), fingerprint, store, CLIENT.to_owned());
        Ok(Entered { session, keeper })
    }

    /// Gives this device a key of its own, by which it logs in from now on. One that it has is registered again: it may have
    /// been logged out from elsewhere, and its key removed.
    pub(super) async fn register_device(&mut self, session: &Session) -> anyhow::Result<()> {
        let mut known = self.known().cloned().unwrap_or_default();
        let key = known.device_key().or_else(DeviceSecret::random);
        let key = key.context("the operating system gives no random bytes")?;
        session.register_key(&key, &device()).await?;
        known.set_device_key(Some(&key));
        Ok(self.profile.put(&self.address.home(), known)?)
    }

    /// Comes in as a guest of this name, or by what is kept where none is given.
    pub(super) async fn enter_as(&mut self, guest: Option<&str>, output: Output) -> anyhow::Result<Entered> {
        let Some(name) = guest else { return self.enter().await };
        let connected = self.connect(None).await?;
        let fingerprint = connected.fingerprint();
        announce(output, self, Expected::default(), fingerprint);
        if self.known().is_none() {
            let known = Known { fingerprint: fingerprint.to_string(), ..Known::default() };
            self.profile.put(&self.address.home(), known)?;
        }
        let session = connected.log_in(Credentials::guest(name, &device())).await?;
        let store = Arc::new(GuestCredentials(name.to_owned()));
        let keeper = Keeper::new(self.address.clone(), fingerprint, store, CLIENT.to_owned());
        Ok(Entered { session, keeper })
    }

    /// Comes in by the kept token, as every command but `login` does.
    pub(super) async fn enter(&self) -> anyhow::Result<Entered> {
        self.enter_by(false).await
    }

    /// Comes in for what may make something that lasts: by the device's key or the long token.
    pub(super) async fn enter_for_lasting(&self) -> anyhow::Result<Entered> {
        self.enter_by(true).await
    }

    /// Comes in by what is kept; with an access token only where nothing lasting is to be made.
    async fn enter_by(&self, lasting: bool) -> anyhow::Result<Entered> {
        if let Some(key) = api_key() {
            return self.enter_by_key(&key).await;
        }
        let (server, known) = (self.address.home(), self.logged_in()?);
        let connected = self.connect(None).await?;
        let fingerprint = connected.fingerprint();
        let store = Arc::new(ProfileCredentials::new(directory(), server.clone()));
        let credentials = if lasting { known.lasting_credentials() } else { store.credentials() };
        let credentials = credentials.context("the log-in is gone from the profile")?;
        let mut outcome = connected.log_in(credentials).await;
        if let (Err(error), Some(brief)) = (&outcome, store.credentials().filter(|_| lasting))
            && error.code() == Some(ErrorCode::ReadOnly)
        {
            // A server that writes nothing still answers what it is asked.
            outcome = self.connect(None).await?.log_in(brief).await;
        }
        let session = match (outcome, known.device_key()) {
            // The session is gone, and the device still has its key.
            (Err(error), Some(key)) if error.code() == Some(ErrorCode::TokenInvalid) => {
                self.connect(None).await?.log_in(Credentials::key(known.user_number, &key)).await
            }
            (outcome, _) => outcome,
        };
        let session = session.map_err(|error| self.cant_come_back(error))?;
        store.keep(session.logged_in());
        say_notice(&session);
        let keeper = Keeper::new(self.address.clone(), fingerprint, store, CLIENT.to_owned());
        Ok(Entered { session, keeper })
    }
}

impl RemoteServer {
    /// What is kept of the log-in here, of whom the address names.
    fn logged_in(&self) -> anyhow::Result<&Known> {
        let server = self.address.home();
        let Some(known) = self.known().filter(|known| known.is_logged_in()) else {
            bail!("you aren't logged in to {server}; log in with: parlour login {}", self.address)
        };
        if let Some(user) =
            self.address.user.as_ref().filter(|user| user.to_lowercase() != known.user.to_lowercase())
        {
            bail!(
                "you are logged in to {server} as {}, not as {user}; to change: parlour login {}",
                known.user,
                self.address
            )
        }
        Ok(known)
    }

    /// Why what is kept of the log-in opens nothing. Logging in again helps only where it is spent.
    fn cant_come_back(&self, error: RequestError) -> anyhow::Error {
        let is_spent = matches!(error.code(), Some(ErrorCode::TokenInvalid | ErrorCode::LogInFailed));
        let again = if is_spent {
            format!("; log in again with: parlour login {}", self.address)
        } else {
            String::new()
        };
        anyhow::Error::new(error).context(format!("can't come back to {}{again}", self.address.home()))
    }
}

/// Says what the server has to tell the person, once.
fn say_notice(session: &Session) {
    if !session.logged_in().notice.is_empty() {
        eprint_line(&session.logged_in().notice);
    }
}

/// A key is all that a program comes back with.
#[derive(Debug)]
struct ApiKeyCredentials(String);

impl CredentialStore for ApiKeyCredentials {
    fn credentials(&self) -> Option<Credentials> {
        Some(Credentials::api_key(&self.0))
    }

    fn keep(&self, _: &LoggedIn) {}
}

/// A guest comes back as somebody new of the same name.
#[derive(Debug)]
struct GuestCredentials(String);

impl CredentialStore for GuestCredentials {
    fn credentials(&self) -> Option<Credentials> {
        Some(Credentials::guest(&self.0, &device()))
    }

    fn keep(&self, _: &LoggedIn) {}
}

/// A session and the way back to it.
pub(super) struct Entered {
    pub(super) session: Session,
    pub(super) keeper: Keeper,
}

/// Which identity is expected of a server.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Expected {
    /// The server's identity, as its first-run screen and its administrators show it: no other is talked to. From now on it is
    /// trusted, and one that was seen before no longer.
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    pub(super) trust: Option<Fingerprint>,
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text)
        .ok_or_else(|| "a fingerprint is 64 hexadecimal digits, with or without colons".to_owned())
}

/// As whom a command about records acts.
#[derive(Clone, Debug, Args)]
pub(super) struct Acting {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    pub(super) organization: Organization,
    #[command(flatten)]
    pub(super) local: operate::LocalServer,
}

impl Acting {
    /// The server that is asked, and the API key that asks there, where it isn't somebody who is logged in; nothing where the
    /// command acts as the machine's owner: when it is said to, or when nobody is logged in here.
    pub(super) fn at(&self) -> anyhow::Result<Option<(RemoteServer, Option<String>)>> {
        if self.local.data_dir.is_some() || self.organization.tag.is_some() {
            return Ok(None);
        }
        let (remote, key) = (RemoteServer::find(self.server.address.as_deref())?, api_key());
        let is_named = self.server.address.is_some() || key.is_some();
        let is_asked = is_named || remote.known().is_some_and(Known::is_logged_in);
        Ok(is_asked.then_some((remote, key)))
    }
}

/// The key by which a program acts for its owner.
fn api_key() -> Option<String> {
    std::env::var("PARLOUR_API_KEY").ok().filter(|key| !key.is_empty())
}

/// `PARLOUR_CONFIG_DIR`, or the user's configuration directory.
pub(super) fn directory() -> PathBuf {
    std::env::var_os("PARLOUR_CONFIG_DIR").map_or_else(Profile::default_directory, PathBuf::from)
}

/// Shows what the server tells everybody who comes.
pub(super) fn welcome(output: Output, session: &Session) {
    let text = session.view().organization.welcome;
    for line in text.lines() {
        output.line(format!("  {line}"));
    }
}

/// What this device is called in the user's list of devices: its host name.
pub(super) fn device() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Says, as ssh does, that a certificate is trusted from now on, where nobody said which to expect.
pub(super) fn announce(output: Output, remote: &RemoteServer, expected: Expected, fingerprint: Fingerprint) {
    if remote.pinned().is_none() && expected.trust.is_none() {
        output.line(format!(
            "First time at {}. Its identity, from now on expected:\n  {fingerprint}",
            remote.address.server()
        ));
    }
}
