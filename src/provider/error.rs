//! Why nobody is logged in by a provider, in sentences for whoever wanted to be.

use std::time::Duration;

use thiserror::Error;

use super::fetch::FetchError;
use crate::auth::oidc::Distrust;

/// Why nobody is logged in by a provider. Whoever is logged in stays so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// Whoever comes back didn't go from here, went by another browser, or long ago.
    #[error(
        "this log-in was begun in another browser, more than ten minutes ago, or has been used; begin again"
    )]
    Lost,
    /// One address begins and ends too many.
    #[error("too many log-ins come from your address; try again in {seconds} s", seconds = .0.as_secs().max(1))]
    Often(Duration),
    /// The person didn't log in there, or wasn't allowed to.
    #[error("the log-in was refused there ({0}); begin again, or choose another way")]
    Refused(String),
    /// It can't be asked.
    #[error("{0}; try again later, or choose another way")]
    Fetch(#[from] FetchError),
    /// It answers, but not what is asked for.
    #[error("it answered with the status {0}; tell whoever runs this server")]
    Status(u16),
    /// It doesn't take the code.
    #[error(
        "it didn't take what it gave ({0}); tell whoever runs this server to compare the client's number and secret"
    )]
    Exchange(String),
    /// The code isn't one that it gave, or was used.
    #[error("it doesn't know the code that came with this log-in; begin again")]
    Code,
    /// What it says isn't believed.
    #[error("{0}; tell whoever runs this server")]
    Distrust(#[from] Distrust),
    /// Something failed here.
    #[error("the server failed; its log says why")]
    Failed,
}

impl ProviderError {
    /// It sent somebody back with a code of RFC 6749, section 4.1.2.1.
    pub(super) fn refused(code: &str) -> Self {
        Self::Refused(word(code))
    }

    /// It answered a code so, with a code of RFC 6749, section 5.2.
    pub(super) fn exchange(status: u16, code: Option<&str>) -> Self {
        if code == Some("invalid_grant") {
            return Self::Code;
        }
        Self::Exchange(code.map(word).filter(|word| !word.is_empty()).unwrap_or_else(|| status.to_string()))
    }

    /// Whether it is the provider's fault, or its settings', so that the log should say it.
    pub fn is_theirs(&self) -> bool {
        !matches!(
            self,
            Self::Often(_) | Self::Lost | Self::Refused(_) | Self::Code | Self::Fetch(FetchError::Busy)
        )
    }
}

/// A code as a sentence may repeat it.
fn word(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect()
}
