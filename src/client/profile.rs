//! What a client keeps between runs: each server's fingerprint, and the token to come back with. One file,
//! readable to its owner only, replaced whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::Fingerprint;

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
}

impl Known {
    /// The pinned certificate.
    pub fn pinned(&self) -> Option<Fingerprint> {
        Fingerprint::parse(&self.fingerprint)
    }

    /// The token's bytes.
    pub fn token_bytes(&self) -> Option<Vec<u8>> {
        let digits = self.token.as_bytes();
        let pairs =
            digits.chunks_exact(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        pairs.collect::<Option<Vec<u8>>>().filter(|bytes| !bytes.is_empty() && digits.len().is_multiple_of(2))
    }

    /// Keeps a token.
    pub fn set_token(&mut self, token: &[u8], expires_ms: u64) {
        self.token.clear();
        for byte in token {
            // Writing to a String can't fail.
            let _ = std::fmt::Write::write_fmt(&mut self.token, format_args!("{byte:02x}"));
        }
        self.token_expires_ms = expires_ms;
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

/// The servers that are known, by `host:port`.
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
            Ok(contents) => Ok(Self { path, contents }),
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

    /// Replaces what is known of a server, and makes it the last. Written at once.
    pub fn remember(&mut self, server: &str, address: String, known: Known) -> Result<(), ProfileError> {
        self.contents.servers.insert(server.to_owned(), known);
        self.contents.last = address;
        self.save().map_err(|source| ProfileError::File { path: self.path.clone(), source })
    }

    fn save(&self) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let text = toml::to_string(&self.contents).map_err(io::Error::other)?;
        let partial = self.path.with_extension(format!("partial-{}", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
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
    fn what_is_remembered_is_read_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let mut profile = Profile::load(directory.path()).unwrap();
        let mut known = Known { fingerprint: Fingerprint([9; 32]).to_string(), ..Known::default() };
        known.set_token(&[0, 255, 16], 7);
        profile.remember("host:1", "parlour://host:1".to_owned(), known.clone()).unwrap();
        let read = Profile::load(directory.path()).unwrap();
        assert_eq!((read.known("host:1"), read.last()), (Some(&known), "parlour://host:1"));
        assert_eq!(read.known("host:1").unwrap().token_bytes(), Some(vec![0, 255, 16]));
        assert_eq!(read.known("host:1").unwrap().pinned(), Some(Fingerprint([9; 32])));
        let mode = fs::metadata(directory.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_profile_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "servers = 3").unwrap();
        assert!(matches!(Profile::load(directory.path()), Err(ProfileError::Damaged { .. })));
    }
}
