//! The life of one connection: handshake, then session, then farewell.

use std::sync::Arc;

use quinn::Incoming;

use super::Shared;
use super::handshake::ExpectHello;
use crate::protocol::CloseCode;

/// Serves a connection until it ends.
pub(super) async fn serve(incoming: Incoming, shared: &Arc<Shared>) {
    let from = incoming.remote_address().ip();
    let deadline = tokio::time::Instant::now() + shared.limits.handshake;
    // A greeting that comes with the first packet is answered with the first answer; `exchange::read` takes
    // nothing else so early.
    let connecting = async {
        match incoming.accept().ok()?.into_0rtt() {
            Ok((connection, _)) => Some(connection),
            Err(connecting) => connecting.await.ok(),
        }
    };
    let connected = tokio::time::timeout_at(deadline, connecting).await;
    let outcome = match connected {
        Ok(Some(connection)) => {
            let hello = ExpectHello::new(connection.clone(), from, Arc::clone(shared));
            let steps = async { hello.hello().await?.log_in().await };
            let result = tokio::time::timeout_at(deadline, steps).await;
            Some((connection, result.unwrap_or(Err(Some(CloseCode::HandshakeTimeout)))))
        }
        Ok(None) | Err(_) => None,
    };
    match outcome {
        Some((_, Ok(session))) => session.run().await,
        Some((connection, Err(Some(code)))) => {
            tracing::debug!(reason = code.name(), "a connection ended in its handshake");
            connection.close(code.number().into(), code.sentence().as_bytes());
        }
        Some((_, Err(None))) | None => tracing::debug!("a connection was lost in its handshake"),
    }
}
