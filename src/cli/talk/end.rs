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

/// Waits for a signal that asks this program to end; one that comes from now on isn't missed.
pub(super) fn ended_by_signal() -> impl Future<Output = ()> {
    let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal);
    async move {
        let [Ok(mut terminate), Ok(mut hang_up), Ok(mut interrupt)] = kinds else {
            // Without handlers the system ends it.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => (),
            _ = hang_up.recv() => (),
            _ = interrupt.recv() => (),
        }
    }
}
