//! What is known of a provider: what it says of itself, and its keys. Both are asked for again after an hour; what was known
//! before goes on while it can't be reached, for a day.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::error::ProviderError;
use super::fetch::{Fetch, FetchError, Question};
use crate::auth::oidc::{Metadata, PublicKeys};
use crate::clock::Clock;

/// For how long it isn't asked for again.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// For how long it is believed while it can't be asked for.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long one that couldn't be reached isn't tried again: each try would have everybody wait who comes meanwhile.
const PAUSE: Duration = Duration::from_secs(5);

/// How often keys are asked for again at most because a token names one that isn't known.
const KEYS_PAUSE: Duration = Duration::from_secs(30);

/// What is known of a provider.
#[derive(Debug, Default)]
pub(super) struct Known {
    metadata: Mutex<Kept<Metadata>>,
    keys: Mutex<Kept<PublicKeys>>,
}

/// Something that was asked for.
#[derive(Debug)]
struct Kept<T> {
    found: Option<(Arc<T>, Duration)>,
    failed: Option<(ProviderError, Duration)>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { found: None, failed: None }
    }
}

impl<T> Kept<T> {
    /// What needn't be asked for: what is known and not older than `life`, or why it couldn't be asked for a moment ago.
    fn at_hand(&self, life: Duration, now: Duration) -> Option<Result<Arc<T>, ProviderError>> {
        if let Some((found, since)) = &self.found
            && now < *since + life
        {
            return Some(Ok(Arc::clone(found)));
        }
        let (failed, _) = self.failed.as_ref().filter(|(_, since)| now < *since + PAUSE)?;
        Some(self.in_spite_of(failed.clone(), now))
    }

    /// Takes what was asked for.
    fn take(&mut self, asked: Result<T, ProviderError>, now: Duration) -> Result<Arc<T>, ProviderError> {
        match asked {
            Ok(found) => {
                let found = Arc::new(found);
                (self.found, self.failed) = (Some((Arc::clone(&found), now)), None);
                Ok(found)
            }
            // That so many ask says nothing of it.
            Err(busy @ ProviderError::Fetch(FetchError::Busy)) => self.in_spite_of(busy, now),
            Err(error) => {
                self.failed = Some((error.clone(), now));
                self.in_spite_of(error, now)
            }
        }
    }

    /// What was known before it couldn't be asked for.
    fn in_spite_of(&self, error: ProviderError, now: Duration) -> Result<Arc<T>, ProviderError> {
        match &self.found {
            Some((found, since)) if now < *since + OLD => Ok(Arc::clone(found)),
            _ => Err(error),
        }
    }
}

impl Known {
    /// What it says of itself.
    pub(super) async fn metadata(
        &self,
        fetch: &Fetch,
        clock: &Clock,
        issuer: &str,
    ) -> Result<Arc<Metadata>, ProviderError> {
        // Whoever comes while it is asked waits for that one answer.
        let mut kept = self.metadata.lock().await;
        if let Some(at_hand) = kept.at_hand(LIFE, clock.monotonic()) {
            return at_hand;
        }
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let asked = document(fetch, &address).await;
        let read = asked.and_then(|document| Ok(Metadata::read(&document, issuer)?));
        kept.take(read, clock.monotonic())
    }

    /// Its keys; `anew` where a token names one that isn't among them.
    pub(super) async fn keys(
        &self,
        fetch: &Fetch,
        clock: &Clock,
        address: &str,
        anew: bool,
    ) -> Result<Arc<PublicKeys>, ProviderError> {
        let mut kept = self.keys.lock().await;
        let life = if anew { KEYS_PAUSE } else { LIFE };
        if let Some(at_hand) = kept.at_hand(life, clock.monotonic()) {
            return at_hand;
        }
        let asked = document(fetch, address).await;
        let read = asked.and_then(|document| Ok(PublicKeys::read(&document)?));
        kept.take(read, clock.monotonic())
    }
}

async fn document(fetch: &Fetch, address: &str) -> Result<Bytes, ProviderError> {
    let answer = fetch.ask(Question::open(address)).await?;
    if answer.status == 200 { Ok(answer.body) } else { Err(ProviderError::Status(answer.status)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_lasts_for_an_hour_and_in_spite_of_an_outage_for_a_day() {
        let mut kept = Kept::default();
        let at = Duration::from_secs;
        assert!(kept.at_hand(LIFE, at(0)).is_none());
        assert_eq!(kept.take(Ok(1), at(0)), Ok(Arc::new(1)));
        assert_eq!(kept.at_hand(LIFE, at(59 * 60)), Some(Ok(Arc::new(1))));
        assert!(kept.at_hand(LIFE, LIFE).is_none());
        // Keys may be asked for again before.
        assert!(kept.at_hand(KEYS_PAUSE, KEYS_PAUSE).is_none());
        let gone = || ProviderError::Status(502);
        assert_eq!(kept.take(Err(gone()), LIFE), Ok(Arc::new(1)));
        assert_eq!(kept.at_hand(LIFE, LIFE + at(1)), Some(Ok(Arc::new(1))));
        assert!(kept.at_hand(LIFE, LIFE + PAUSE).is_none());
        assert_eq!(kept.take(Err(gone()), OLD), Err(gone()));
        assert_eq!(kept.at_hand(LIFE, OLD + at(1)), Some(Err(gone())));
        assert_eq!(kept.take(Ok(2), OLD + PAUSE), Ok(Arc::new(2)));
        assert_eq!(kept.at_hand(LIFE, OLD + PAUSE + at(1)), Some(Ok(Arc::new(2))));
    }
}
