//! The keys that the data directory keeps beside the database, each in a file of its own that only its owner may read:
//! the database, or a backup of it, opens no session and holds no one-time code without them. They are apart from the
//! server's identity, so that a new identity takes nothing from anybody.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::files;

/// Bytes of a key.
pub const KEY: usize = 32;

/// File of the key that makes sessions' tokens.
pub const TOKENS: &str = "tokens.key";
/// File of the key that seals secrets in the database.
pub const SEALING: &str = "sealing.key";

/// Why a key can't be loaded or made.
#[derive(Debug, Error)]
pub enum SecretsError {
    /// A file can't be read or written.
    #[error("can't use {}: {source}; make it readable and writable for the user who runs Parlour", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file of the tokens' key isn't one.
    #[error("{} is damaged: restore it from a backup, or remove it to get a new one (everybody then logs in anew)", .0.display())]
    Tokens(PathBuf),
    /// The file of the sealing key isn't one.
    #[error("{} is damaged: restore it from a backup, or remove it to get a new one (one-time codes of apps are worth nothing then, and only recovery codes work)", .0.display())]
    Sealing(PathBuf),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes for {}", .0.display())]
    Random(PathBuf),
}

/// A key: it never shows in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; KEY] {
        &self.0
    }
}

/// The keys of a data directory.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Makes sessions' tokens.
    pub tokens: Key,
    /// Whether that one was made just now.
    pub tokens_are_new: bool,
    /// Seals what the database holds and somebody has to read again.
    pub sealing: Key,
}

impl Secrets {
    /// Loads the keys from the data directory, and makes those that aren't there.
    pub fn load_or_create(directory: &Path) -> Result<Self, SecretsError> {
        let (tokens, tokens_are_new) = key(directory.join(TOKENS), SecretsError::Tokens)?;
        let (sealing, _) = key(directory.join(SEALING), SecretsError::Sealing)?;
        Ok(Self { tokens, tokens_are_new, sealing })
    }
}

/// The key of a file, and whether it was made just now.
fn key(path: PathBuf, damaged: fn(PathBuf) -> SecretsError) -> Result<(Key, bool), SecretsError> {
    match fs::read(&path) {
        Ok(bytes) => match bytes.try_into() {
            Ok(key) => Ok((Key(key), false)),
            Err(_) => Err(damaged(path)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; KEY];
            getrandom::fill(&mut key).map_err(|_| SecretsError::Random(path.clone()))?;
            match files::write(&path, &key) {
                Ok(()) => Ok((Key(key), true)),
                Err(source) => Err(SecretsError::File { path, source }),
            }
        }
        Err(source) => Err(SecretsError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_private_and_different() {
        let directory = tempfile::tempdir().unwrap();
        let first = Secrets::load_or_create(directory.path()).unwrap();
        assert!(first.tokens_are_new && first.tokens != first.sealing);
        let again = Secrets::load_or_create(directory.path()).unwrap();
        assert!(!again.tokens_are_new && again.tokens == first.tokens && again.sealing == first.sealing);
        for name in [TOKENS, SEALING] {
            let data = fs::metadata(directory.path().join(name)).unwrap();
            assert_eq!((data.permissions().mode() & 0o777, data.len()), (0o600, 32), "{name}");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing half written is left");
        let other = Secrets::load_or_create(tempfile::tempdir().unwrap().path()).unwrap();
        assert!(other.tokens != first.tokens && other.sealing != first.sealing);
    }

    #[test]
    fn a_damaged_key_is_never_replaced_silently() {
        let directory = tempfile::tempdir().unwrap();
        Secrets::load_or_create(directory.path()).unwrap();
        fs::write(directory.path().join(SEALING), [1; 31]).unwrap();
        let refused = Secrets::load_or_create(directory.path()).unwrap_err();
        assert!(matches!(refused, SecretsError::Sealing(_)) && refused.to_string().contains("sealing.key"));
        assert_eq!(fs::read(directory.path().join(SEALING)).unwrap(), [1; 31]);
        fs::write(directory.path().join(TOKENS), "").unwrap();
        assert!(matches!(Secrets::load_or_create(directory.path()), Err(SecretsError::Tokens(_))));
    }
}
