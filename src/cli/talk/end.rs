//! How a live client ends.

use tokio::signal::unix::{SignalKind, signal};

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Next {
    /// Nothing.
    End,
    /// Another server: its address.
    Connect(String),
}

/// Waits for a signal that asks this program to end.
pub(super) async fn ended_by_signal() {
    let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
    let [Ok(mut terminate), Ok(mut hang_up), Ok(mut interrupt)] = kinds.map(signal) else {
        // Without handlers the system ends it.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => (),
        _ = hang_up.recv() => (),
        _ = interrupt.recv() => (),
    }
}
