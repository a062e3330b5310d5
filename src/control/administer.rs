//! Requests of the person who owns the machine about the database's file, which nothing live depends on.

use super::{Handle, Refused};
use crate::admin::{self, AdminError, Request};
use crate::protocol::{ErrorCode, wire};
use crate::store::{Author, By};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Does a request to the database. Long ones have a thread of their own.
    pub(super) async fn administer(&self, request: &str) -> Result<wire::Administered, Refused> {
        let request: Request = serde_json::from_str(request).map_err(|_| Refused::Unsupported)?;
        let store = std::sync::Arc::clone(&self.shared.store);
        let by = By::new(Author::Operator, None, self.shared.clock.wall());
        let clock = self.shared.clock.clone();
        let work = move || admin::run(&store, by, &clock, request, &|_, _| ());
        let answer = tokio::task::spawn_blocking(work).await.map_err(|_| Refused::Internal)??;
        let answer = serde_json::to_string(&answer).map_err(|_| Refused::Internal)?;
        Ok(wire::Administered { answer })
    }

    /// Makes a backup when the last regular one is older than so many hours, and removes what has expired.
    pub async fn maintain(&self, backup_hours: u32) {
        let store = std::sync::Arc::clone(&self.shared.store);
        let by = By::server(self.shared.clock.wall());
        let clock = self.shared.clock.clone();
        let work = move || {
            admin::run(&store, by, &clock, Request::Database(admin::Database::Sweep), &|_, _| ())?;
            if admin::backup_is_due(&store, by.at, backup_hours) {
                let backup = Request::Database(admin::Database::Backup { to: None });
                admin::run(&store, by, &clock, backup, &|_, _| ())?;
            }
            Ok::<_, AdminError>(())
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => {
                tracing::error!(%error, "maintenance of the database failed; it is tried again");
            }
            Err(error) => tracing::error!(%error, "maintenance of the database broke off; it is tried again"),
        }
    }
}

impl From<AdminError> for Refused {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Refused(words) => Self::Rejected(ErrorCode::Malformed, words),
            AdminError::Unknown { .. } => Self::Rejected(ErrorCode::NotFound, error.to_string()),
            AdminError::Commit(error) => error.into(),
            AdminError::Read(error) => error.into(),
            AdminError::Backup(error) => Self::Rejected(ErrorCode::ReadOnly, error.to_string()),
        }
    }
}
