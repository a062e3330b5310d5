//! How a live client ends.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Next {
    /// Nothing.
    End,
    /// Another server: its address.
    Connect(String),
}

/// The signals that ask this program to end, from the first moment on: whoever is connected says goodbye to the server.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// The terminal is gone.
    hang_up: Option<Signal>,
}

impl Signals {
    /// Takes them from now on; that the terminal is gone only where one is needed.
    pub(super) fn take(has_terminal: bool) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: has_terminal.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        let hung_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
            _ = hung_up => (),
        }
    }
}
