//! Coming back: after a lost connection, log in by token, and go where one was.

use std::sync::Arc;
use std::time::Duration;

use super::{Address, ConnectError, Ended, RequestError, Session, Trust, Wallet, connect};
use crate::id::{ChannelId, Fingerprint};
use crate::protocol::CloseCode;

/// First wait between two tries; each further one doubles it, up to the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// What came of coming back.
#[derive(Debug)]
pub enum Restored {
    /// A new connection of the same session, in the same channel and with the same flags.
    Session(Session),
    /// There is no coming back: the session was ended, or its token is refused.
    Over(String),
}

/// Knows how to come back to a server.
#[derive(Clone, Debug)]
pub struct Keeper {
    address: Address,
    fingerprint: Fingerprint,
    wallet: Arc<dyn Wallet>,
    client: String,
}

impl Keeper {
    /// Comes back to `address`, if it still presents `fingerprint`, with what `wallet` keeps.
    pub fn new(address: Address, fingerprint: Fingerprint, wallet: Arc<dyn Wallet>, client: String) -> Self {
        Self { address, fingerprint, wallet, client }
    }

    /// Whether a connection that ended so is worth coming back for.
    pub fn returns_after(ended: &Ended) -> bool {
        match ended {
            Ended::ByServer(code) => matches!(
                code,
                CloseCode::ShuttingDown | CloseCode::TooSlow | CloseCode::Internal | CloseCode::Full
            ),
            Ended::ByUs => false,
            Ended::Lost(_) => true,
        }
    }

    /// Tries until the server is there again. `lost` is the session that was: where it was and how it
    /// had set itself is done again. Waits 0.1 s after the first failure, doubling up to 1 s.
    pub async fn restore(&self, lost: &Session) -> Restored {
        let ended = lost.closed().await;
        if !Self::returns_after(&ended) {
            return Restored::Over(ended.to_string());
        }
        let view = lost.view();
        let mut wait = FIRST;
        loop {
            match self.try_restore(&view).await {
                Ok(session) => return Restored::Session(session),
                Err(Failure::Over(reason)) => return Restored::Over(reason),
                Err(Failure::Again(reason)) => {
                    tracing::debug!(%reason, "not back yet");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST);
                }
            }
        }
    }

    async fn try_restore(&self, view: &super::View) -> Result<Session, Failure> {
        let connected = connect(&self.address, Trust::Pinned(self.fingerprint), &self.client).await?;
        let credentials = self.wallet.credentials();
        let credentials =
            credentials.ok_or_else(|| Failure::Over("you aren't logged in any more".to_owned()))?;
        let session = connected.log_in(credentials).await?;
        self.wallet.keep(session.logged_in());
        if let Some(own) = view.own() {
            if own.mute || own.deaf {
                session.set_self(Some(own.mute), Some(own.deaf)).await?;
            }
            // The channel may be gone by now; then one is back, in no channel.
            if own.channel != 0
                && let Err(RequestError::Ended(reason)) = session.join(ChannelId(own.channel)).await
            {
                return Err(Failure::Again(reason.to_string()));
            }
        }
        Ok(session)
    }
}

enum Failure {
    Again(String),
    Over(String),
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::CertificateChanged { .. } => Self::Over(error.to_string()),
            error => Self::Again(error.to_string()),
        }
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused { retry_after_ms: 0, message, .. } => Self::Over(message),
            error => Self::Again(error.to_string()),
        }
    }
}
