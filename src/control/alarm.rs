//! When the control thread has something to do next.

use std::time::Duration;

use crate::clock::Clock;
use crate::id::Timestamp;

/// When there is something to do next, by either clock; never where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Alarm {
    pub(super) wall: Option<Timestamp>,
    pub(super) monotonic: Option<Duration>,
}

impl Alarm {
    /// Waits until then.
    pub(super) async fn wait(self, clock: &Clock) {
        let wall = async {
            match self.wall {
                Some(moment) => clock.until_wall(moment).await,
                None => std::future::pending().await,
            }
        };
        let monotonic = async {
            match self.monotonic {
                Some(moment) => clock.until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wall => (),
            () = monotonic => (),
        }
    }
}
