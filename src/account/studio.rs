//! Where pictures are made anew.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::AccountError;
use crate::picture::made_anew;

/// Pictures that wait to be made anew while one is.
const WAITING: usize = 16;

/// Where pictures are made anew, of all organizations: one at a time, since each takes memory and time.
#[derive(Clone, Debug)]
pub(super) struct Studio {
    waiting: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

impl Default for Studio {
    fn default() -> Self {
        Self { waiting: Arc::new(Semaphore::new(WAITING)), working: Arc::new(Semaphore::new(1)) }
    }
}

impl Studio {
    /// A picture as it is kept.
    pub(super) async fn make(
        &self,
        sent: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Vec<u8>, AccountError> {
        let _place = self.waiting.try_acquire().map_err(|_| AccountError::Busy)?;
        let turn = Arc::clone(&self.working).acquire_owned().await.map_err(|_| AccountError::Internal)?;
        let work = move || {
            let made = made_anew(sent.as_ref());
            // Only now is it the next one's turn, even if whoever asked is gone by then.
            drop(turn);
            made
        };
        let made = tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "a picture can't be made anew");
            AccountError::Internal
        })?;
        Ok(made?)
    }
}
