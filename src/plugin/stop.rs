//! That what runs has to end, since the server stops or whose it is was deleted.

use std::sync::Arc;

use tokio::sync::watch;

/// Is set once, and told to all of its clones.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Has what runs end.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// Whether what runs has to end.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is set.
    pub async fn told(&self) {
        // It ends with an error where nobody could set it any more, and this is one that could.
        let _ = self.0.subscribe().wait_for(|is_set| *is_set).await;
    }
}
