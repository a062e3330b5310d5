//! Numbers of what happens: none is given again, also where the clock was set back before the server began anew. By them messages to
//! webhooks are known again, and whoever follows says from where they come back.

use super::live::Control;
use crate::store::{By, write};
use crate::voice::Peer;

/// Numbers that are reserved at once, more than a server gives in weeks.
const RESERVED: u64 = 1 << 32;

impl<P: Peer> Control<P> {
    /// Goes on behind all numbers that may have been given before the server began anew.
    pub(super) fn begin_numbers(&mut self) {
        let (store, home) = (&self.shared.store, self.shared.organization);
        let write = write::reserve_events(home, self.feed.next_number(), RESERVED);
        match store.run(By::server(self.shared.clock.wall()), write) {
            Ok(first) => {
                self.feed.go_on_from(first);
                self.numbered_until = first.saturating_add(RESERVED);
            }
            // What isn't reserved may be given again by the next start, and that only where the clock is set back.
            Err(error) => {
                tracing::warn!(%error, "numbers of what happens can't be reserved");
                match store.first_event(home) {
                    Ok(first) => self.feed.go_on_from(first),
                    Err(error) => error.complain(),
                }
            }
        }
    }

    /// Reserves more, where half of what was is given.
    pub(super) fn renew_numbers(&mut self) {
        let next = self.feed.next_number();
        if next.saturating_add(RESERVED / 2) < self.numbered_until {
            return;
        }
        self.numbered_until = self.numbered_until.saturating_add(RESERVED);
        let write = write::reserve_events(self.shared.organization, next, RESERVED);
        let by = By::server(self.shared.clock.wall());
        let submitted = self.shared.store.submit(by, write, |outcome| {
            if let Err(error) = outcome {
                tracing::warn!(%error, "numbers of what happens can't be reserved");
            }
        });
        if let Err(error) = submitted {
            tracing::warn!(%error, "numbers of what happens can't be reserved");
        }
    }
}
