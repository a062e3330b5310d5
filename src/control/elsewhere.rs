//! What is read and may be long, read where nobody's voice waits for it.

use super::handle::Handle;
use super::refused::Refused;
use crate::store::{Author, By};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Reads what may be much for somebody, on a thread that carries no voice, when it is its turn. It goes on, and has its turn,
    /// when nobody waits for it any more.
    pub(super) async fn elsewhere<T, E>(
        &self,
        by: By,
        read: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refused>
    where
        T: Send + 'static,
        E: Into<Refused> + Send + 'static,
    {
        let whose = match by.author {
            Author::User(user) => Some(user),
            Author::Guest | Author::Operator | Author::Server => None,
        };
        let turn = self.shared.reading.wait(whose).await;
        let reading = tokio::task::spawn_blocking(move || {
            let read = read();
            drop(turn);
            read
        });
        reading.await.map_err(|_| Refused::Internal)?.map_err(Into::into)
    }
}
