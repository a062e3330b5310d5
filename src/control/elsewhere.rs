//! What is read and may be long, read where nobody's voice waits for it.

use std::sync::Arc;

use super::handle::Handle;
use super::refused::Refused;
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Reads what may be much on a thread that carries no voice, when it is its turn. It goes on, and has its turn, when
    /// nobody waits for it any more.
    pub(super) async fn elsewhere<T, E>(
        &self,
        read: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refused>
    where
        T: Send + 'static,
        E: Into<Refused> + Send + 'static,
    {
        let turn = Arc::clone(&self.shared.reading).acquire_owned().await.map_err(|_| Refused::Internal)?;
        let reading = tokio::task::spawn_blocking(move || {
            let read = read();
            drop(turn);
            read
        });
        reading.await.map_err(|_| Refused::Internal)?.map_err(Into::into)
    }
}
