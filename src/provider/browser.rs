//! Which browser somebody comes back by, and the secrets of a log-in.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use super::error::ProviderError;

/// Somebody's browser on the way to a provider: the secret that its cookie holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Browser(String);

impl Browser {
    /// The one of a cookie.
    pub fn of(cookie: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(cookie.as_bytes()).ok()?;
        (bytes.len() == 32).then(|| Self(cookie.to_owned()))
    }

    /// One that comes for the first time.
    pub fn new() -> Result<Self, ProviderError> {
        Ok(Self(secret()?))
    }

    /// What its cookie holds.
    pub fn cookie(&self) -> &str {
        &self.0
    }

    /// What is kept of it here.
    pub(super) fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Browser(..)")
    }
}

/// What is kept of a secret.
pub(super) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// A secret that nobody guesses, of letters that need no escape: 43 of them, as a verifier needs (RFC 7636, section 4.1).
pub(super) fn secret() -> Result<String, ProviderError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no random bytes");
        ProviderError::Failed
    })?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}
