//! How long somebody may take to come in.

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

/// The moment at which whoever hasn't come in has to go. What a program asks for by a key, without coming in, is finished and
/// answered first: it may well change something, and whoever asked has to know.
pub(super) struct Patience {
    until: Instant,
    under_way: Mutex<()>,
}

impl Patience {
    pub(super) fn new(until: Instant) -> Self {
        Self { until, under_way: Mutex::new(()) }
    }

    /// Waits until it is over.
    pub(super) async fn ends(&self) {
        tokio::time::sleep_until(self.until).await;
        // Whoever asks next waits behind this, so that no request after another puts the end off.
        drop(self.under_way.lock().await);
    }

    /// Doesn't end while this is held.
    pub(super) async fn hold(&self) -> MutexGuard<'_, ()> {
        self.under_way.lock().await
    }

    /// Whether only what is held keeps it from being over.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn what_is_under_way_puts_the_end_off_and_what_comes_after_does_not() {
        let patience = Patience::new(Instant::now());
        let held = patience.hold().await;
        assert!(patience.is_over());
        let mut end = pin!(patience.ends());
        assert!(timeout(MOMENT, &mut end).await.is_err());
        let mut next = pin!(patience.hold());
        assert!(timeout(MOMENT, &mut next).await.is_err());
        drop(held);
        // The end was waited for first, so it comes first: whoever asks next hasn't their turn before it.
        end.await;
        drop(next.await);
    }
}
