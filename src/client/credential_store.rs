//! What a client comes back with, and where it keeps it.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::Credentials;
use crate::protocol::wire::LoggedIn;

/// An access token that ends sooner isn't worth trying.
const TOO_SHORT: Duration = Duration::from_secs(10);

/// Where a client keeps what it comes back with. Several programs may share one.
pub trait CredentialStore: Debug + Send + Sync {
    /// What to come back with now; nothing when there is nothing.
    fn credentials(&self) -> Option<Credentials>;

    /// Keeps what a log-in was answered with. A token that is missing stays as it was.
    fn keep(&self, logged_in: &LoggedIn);
}

/// Whether a token that ends then is worth showing.
pub fn lasts(token: &[u8], expires_ms: u64) -> bool {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default() + TOO_SHORT;
    !token.is_empty() && u128::from(expires_ms) > now.as_millis()
}

/// In memory, for as long as the program runs.
#[derive(Debug)]
pub struct InMemory(Mutex<LoggedIn>);

impl InMemory {
    /// Begins with what a log-in was answered with.
    pub fn new(logged_in: &LoggedIn) -> Self {
        Self(Mutex::new(logged_in.clone()))
    }
}

impl CredentialStore for InMemory {
    fn credentials(&self) -> Option<Credentials> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lasts(&kept.access_token, kept.access_token_expires_ms) {
            Some(Credentials::token(&kept.access_token))
        } else {
            (!kept.token.is_empty()).then(|| Credentials::token(&kept.token))
        }
    }

    fn keep(&self, logged_in: &LoggedIn) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (token, until) = (kept.token.clone(), kept.token_expires_ms);
        kept.clone_from(logged_in);
        if kept.token.is_empty() {
            (kept.token, kept.token_expires_ms) = (token, until);
        }
    }
}
