//! Coming back: after a lost connection, log in by token, and go where one was.

use std::sync::Arc;
use std::time::Duration;

use super::{Address, ConnectError, CredentialStore, Ended, OwnState, RequestError, Session, Trust, connect};
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
    store: Arc<dyn CredentialStore>,
    client: String,
}

impl Keeper {
    /// Comes back to `address`, if it still presents `fingerprint`, with what `store` keeps.
    pub fn new(
        address: Address,
        fingerprint: Fingerprint,
        store: Arc<dyn CredentialStore>,
        client: String,
    ) -> Self {
        Self { address, fingerprint, store, client }
    }

    /// Whether a connection that ended so is worth coming back for. Who was kicked, logged out or replaced doesn't
    /// come back by itself.
    pub fn returns_after(ended: &Ended) -> bool {
        match ended {
            Ended::ByServer(code) => matches!(
                code,
                CloseCode::ShuttingDown
                    | CloseCode::TooSlow
                    | CloseCode::Internal
                    | CloseCode::Full
                    | CloseCode::Expired
            ),
            Ended::ByUs => false,
            Ended::Lost(_) => true,
        }
    }

    /// Tries until the server is there again. `lost` is the session that was: where it was, what it listened to and
    /// how it had set itself is done again; voice targets and the position's context aren't. Waits 0.1 s after the first failure, doubling up to 1 s.
    pub async fn restore(&self, lost: &Session) -> Restored {
        let ended = lost.closed().await;
        if !Self::returns_after(&ended) {
            return Restored::Over(lost.closed_because().await);
        }
        self.come_back(lost).await
    }

    /// The same, however the connection ended, and though it may seem to be there: after the machine slept, the server may have
    /// given it up without our knowing.
    pub async fn come_back(&self, lost: &Session) -> Restored {
        let view = lost.view();
        let mut wait = FIRST;
        loop {
            match self.try_restore(lost, &view).await {
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

    async fn try_restore(&self, lost: &Session, view: &super::View) -> Result<Session, Failure> {
        let connected = connect(&self.address, Trust::Pinned(self.fingerprint), &self.client).await?;
        let credentials = self.store.credentials();
        let credentials =
            credentials.ok_or_else(|| Failure::Over("you aren't logged in any more".to_owned()))?;
        let session = connected.log_in(credentials).await?;
        self.store.keep(session.logged_in());
        if let Some(own) = view.own() {
            if own.mute || own.deaf {
                session.set_self(Some(own.mute), Some(own.deaf)).await?;
            }
            if own.away || !own.status.is_empty() {
                let status = Some(own.status.clone());
                let state = OwnState { away: Some(own.away), status, ..OwnState::default() };
                unless_ended(session.set_own_state(state).await)?;
            }
            // The channel may be gone by now; then one is back, in no channel.
            if own.channel != 0 {
                let channel = ChannelId(own.channel);
                let password = lost.password_of(channel);
                unless_ended(session.join_with_password(channel, &password).await)?;
            }
            for listening in &own.listening {
                let channel = ChannelId(listening.channel);
                let password = lost.password_of(channel);
                let listens = session.listen_with_password(channel, listening.volume, &password).await;
                unless_ended(listens)?;
            }
        }
        Ok(session)
    }
}

/// What the server refuses now, one does without; a connection that ended is tried again.
fn unless_ended(outcome: Result<(), RequestError>) -> Result<(), Failure> {
    match outcome {
        Err(RequestError::Ended(reason)) => Err(Failure::Again(reason.to_string())),
        _ => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_sent_away_stays_away() {
        for code in [CloseCode::Kicked, CloseCode::LoggedOut, CloseCode::Replaced, CloseCode::Disabled] {
            assert!(!Keeper::returns_after(&Ended::ByServer(code)), "{code:?}");
        }
        // There may be something that lasts longer than what it came by.
        for code in [CloseCode::ShuttingDown, CloseCode::Expired] {
            assert!(Keeper::returns_after(&Ended::ByServer(code)), "{code:?}");
        }
        assert!(Keeper::returns_after(&Ended::Lost("gone".to_owned())));
    }
}
