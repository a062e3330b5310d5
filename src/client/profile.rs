//! What a client keeps between runs: each server's fingerprint, and the token to come back with. One file,
//! readable to its owner only, replaced whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Address, CredentialStore, Credentials, DeviceSecret, lasts};
use crate::files;
use crate::id::Fingerprint;
use crate::protocol::wire::LoggedIn;

const FILE: &str = "servers.toml";

/// Why the profile can't be used.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// The file can't be read or written.
    #[error("can't use {}: {source}; make it readable and writable for you, or name another place in PARLOUR_CONFIG_DIR", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file isn't what was written.
    #[error("{} is damaged: {problem}; mend or remove it (the servers' fingerprints and your log-ins are in it)", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where and why.
        problem: String,
    },
}

/// What is known of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// SHA-256 of its certificate.
    pub fingerprint: String,
    /// Who one is there; empty when logged out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The session's token in hexadecimal; empty when logged out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// When the token ends, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub token_expires_ms: u64,
    /// The session's access token in hexadecimal; empty when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub access_token: String,
    /// When that ends.
    #[serde(default)]
    pub access_token_expires_ms: u64,
    /// The number of one's account; 0 when logged out.
    #[serde(default)]
    pub user_number: u64,
    /// The secret of this device's key in hexadecimal; empty where it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device_secret: String,
}

impl Known {
    /// The pinned certificate.
    pub fn pinned(&self) -> Option<Fingerprint> {
        Fingerprint::parse(&self.fingerprint)
    }

    /// Whether one can come back without the password.
    pub fn is_logged_in(&self) -> bool {
        self.credentials().is_some()
    }

    /// What to come back with: the access token while it lasts, the device's key, the long token.
    pub fn credentials(&self) -> Option<Credentials> {
        let access = from_hex(&self.access_token).filter(|token| lasts(token, self.access_token_expires_ms));
        if let Some(token) = access {
            return Some(Credentials::token(&token));
        }
        self.lasting_credentials()
    }

    /// What to come back with for something that outlasts an access token: the device's key, the long token.
    pub fn lasting_credentials(&self) -> Option<Credentials> {
        match self.device_key() {
            Some(key) => Some(Credentials::key(self.user_number, &key)),
            None => from_hex(&self.token).map(|token| Credentials::token(&token)),
        }
    }

    /// This device's key, if it has one.
    pub fn device_key(&self) -> Option<DeviceSecret> {
        from_hex(&self.device_secret).and_then(|seed| DeviceSecret::from_seed(seed.try_into().ok()?))
    }

    /// Keeps what a log-in was answered with. A token that is missing stays as it was.
    pub fn set_logged_in(&mut self, logged_in: &LoggedIn) {
        self.user.clone_from(&logged_in.name);
        self.user_number = logged_in.user;
        if !logged_in.token.is_empty() {
            (self.token, self.token_expires_ms) = (to_hex(&logged_in.token), logged_in.token_expires_ms);
        }
        self.access_token = to_hex(&logged_in.access_token);
        self.access_token_expires_ms = logged_in.access_token_expires_ms;
    }

    /// Keeps this device's key, or none.
    pub fn set_device_key(&mut self, key: Option<&DeviceSecret>) {
        self.device_secret = key.map(|key| to_hex(key.seed())).unwrap_or_default();
    }
}

fn to_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().filter(|bytes| !bytes.is_empty())
}

/// The profile as a store of credentials: read and written each time, since other programs of the same person do so, too.
#[derive(Debug)]
pub struct ProfileCredentials {
    directory: PathBuf,
    server: String,
}

impl ProfileCredentials {
    /// What the profile in a directory keeps for a server.
    pub fn new(directory: PathBuf, server: String) -> Self {
        Self { directory, server }
    }
}

impl CredentialStore for ProfileCredentials {
    fn credentials(&self) -> Option<Credentials> {
        Profile::load(&self.directory).ok()?.known(&self.server)?.credentials()
    }

    fn keep(&self, logged_in: &LoggedIn) {
        let kept = Profile::load(&self.directory).and_then(|mut profile| {
            let mut known = profile.known(&self.server).cloned().unwrap_or_default();
            known.set_logged_in(logged_in);
            profile.put(&self.server, known)
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "the log-in can't be kept; the next command may have to log in again");
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    /// The server logged in to last, as an address.
    #[serde(default)]
    last: String,
    #[serde(default)]
    servers: BTreeMap<String, Known>,
}

/// The same with each server under its one name: before, a server had an entry for each way to write its host. Of several the
/// one with a log-in is kept. One whose fingerprint differs isn't the same server to us, and stays under the name it has.
fn with_one_name(contents: Contents) -> Contents {
    let name_of =
        |written: &str| written.parse().map_or_else(|_| written.to_owned(), |one: Address| one.home());
    let (mut servers, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        contents.servers.into_iter().partition(|(written, _)| name_of(written) == *written);
    for (written, known) in others {
        let name = name_of(&written);
        match servers.get(&name) {
            Some(other) if other.fingerprint != known.fingerprint => drop(servers.insert(written, known)),
            Some(other) if other.is_logged_in() || !known.is_logged_in() => (),
            _ => drop(servers.insert(name, known)),
        }
    }
    Contents { servers, ..contents }
}

/// The servers that are known, by `host:port`, and organizations on them other than the first, by `host:port/+tag`.
#[derive(Clone, Debug)]
pub struct Profile {
    path: PathBuf,
    contents: Contents,
}

impl Profile {
    /// Where the profile is when nothing else is said: `$XDG_CONFIG_HOME/parlour`, or `~/.config/parlour`.
    pub fn default_directory() -> PathBuf {
        etcetera::choose_base_strategy()
            .map_or_else(|_| "parlour-config".into(), |base| base.config_dir().join("parlour"))
    }

    /// Reads the profile in a directory; none is an empty one.
    pub fn load(directory: &Path) -> Result<Self, ProfileError> {
        let path = directory.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ProfileError::File { path, source }),
        };
        match toml::from_str(&text) {
            Ok(contents) => Ok(Self { path, contents: with_one_name(contents) }),
            Err(error) => Err(ProfileError::Damaged { problem: error.to_string(), path }),
        }
    }

    /// The server logged in to last, as an address; empty for none.
    pub fn last(&self) -> &str {
        &self.contents.last
    }

    /// What is known of a server.
    pub fn known(&self, server: &str) -> Option<&Known> {
        self.contents.servers.get(server)
    }

    /// The certificate that is expected of a server: what is known of any of its organizations.
    pub fn pinned(&self, server: &str) -> Option<Fingerprint> {
        let is_there = |home: &str| {
            home.strip_prefix(server).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.contents.servers.iter().filter(|(home, _)| is_there(home)).find_map(|(_, known)| known.pinned())
    }

    /// Replaces what is known of a server, and makes it the last. Written at once.
    pub fn remember(&mut self, server: &str, address: String, known: Known) -> Result<(), ProfileError> {
        self.contents.servers.insert(server.to_owned(), known);
        self.contents.last = address;
        self.save().map_err(|source| ProfileError::File { path: self.path.clone(), source })
    }

    /// Replaces what is known of a server. Written at once.
    pub fn put(&mut self, server: &str, known: Known) -> Result<(), ProfileError> {
        self.contents.servers.insert(server.to_owned(), known);
        self.save().map_err(|source| ProfileError::File { path: self.path.clone(), source })
    }

    fn save(&self) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        files::make_directory(directory)?;
        let text = toml::to_string(&self.contents).map_err(io::Error::other)?;
        let partial = self.path.with_extension(format!("partial-{}", std::process::id()));
        let mut file = files::create_over(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_server_has_one_entry_however_its_name_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let written = |name: &str, fingerprint: u8, token: &str| {
            let fingerprint = Fingerprint([fingerprint; 32]);
            format!("[servers.\"{name}\"]\nfingerprint = \"{fingerprint}\"\ntoken = \"{token}\"\n")
        };
        let text = [
            written("Example.org:4848", 1, ""),
            written("example.org.:4848", 1, "0102"),
            written("example.org:4848/+raid", 1, "03"),
            written("OTHER.example:4848", 2, "04"),
        ];
        fs::write(directory.path().join(FILE), text.concat()).unwrap();
        let profile = Profile::load(directory.path()).unwrap();
        let names: Vec<_> = profile.contents.servers.keys().map(String::as_str).collect();
        assert_eq!(names, ["example.org:4848", "example.org:4848/+raid", "other.example:4848"]);
        assert!(profile.known("example.org:4848").unwrap().is_logged_in(), "the log-in isn't lost");
        let address: Address = "EXAMPLE.ORG.".parse().unwrap();
        assert_eq!(profile.pinned(&address.server()), Some(Fingerprint([1; 32])));
    }

    #[test]
    fn what_is_remembered_is_read_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let mut profile = Profile::load(directory.path()).unwrap();
        let mut known = Known { fingerprint: Fingerprint([9; 32]).to_string(), ..Known::default() };
        known.set_logged_in(&LoggedIn {
            name: "alice".to_owned(),
            user: 3,
            token: vec![0, 255, 16].into(),
            ..LoggedIn::default()
        });
        known.set_device_key(DeviceSecret::from_seed([5; 32]).as_ref());
        profile.remember("host:1", "parlour://host:1".to_owned(), known.clone()).unwrap();
        let read = Profile::load(directory.path()).unwrap();
        assert_eq!((read.known("host:1"), read.last()), (Some(&known), "parlour://host:1"));
        assert_eq!(from_hex(&read.known("host:1").unwrap().token), Some(vec![0, 255, 16]));
        assert_eq!(read.known("host:1").unwrap().device_key().unwrap().seed(), &[5; 32]);
        assert_eq!(read.known("host:1").unwrap().pinned(), Some(Fingerprint([9; 32])));
        let mode = fs::metadata(directory.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn log_ins_are_of_an_organization_and_the_certificate_is_of_the_server() {
        let directory = tempfile::tempdir().unwrap();
        let mut profile = Profile::load(directory.path()).unwrap();
        let known = Known { fingerprint: Fingerprint([9; 32]).to_string(), ..Known::default() };
        profile.put("host:1/+raid", Known { user: "alice".to_owned(), ..known }).unwrap();
        assert_eq!(profile.known("host:1"), None);
        assert_eq!(profile.known("host:1/+raid").unwrap().user, "alice");
        assert_eq!(profile.pinned("host:1"), Some(Fingerprint([9; 32])));
        assert_eq!((profile.pinned("host:11"), profile.pinned("host:")), (None, None));
    }

    #[test]
    fn a_damaged_profile_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "servers = 3").unwrap();
        assert!(matches!(Profile::load(directory.path()), Err(ProfileError::Damaged { .. })));
    }
}
