//! What the machine's owner is told of the whole server.

use super::handle::SLOW_COMMITS;
use super::organizations::Organizations;
use crate::protocol::wire;
use crate::voice::Peer;

impl<P: Peer> Organizations<P> {
    /// The server as it is now: what all organizations have together, and those where somebody is connected.
    pub(super) fn status(&self) -> wire::Status {
        let mut status = self.first().status();
        status.sessions = 0;
        for (tag, handle) in self.in_use() {
            let own = handle.status();
            status.sessions = status.sessions.saturating_add(own.sessions);
            // The first one's are in there already.
            if !tag.is_empty() {
                let both = status.counters.iter_mut().zip(own.counters);
                for (sum, one) in both.filter(|(sum, _)| sum.name != SLOW_COMMITS) {
                    sum.value += one.value;
                }
            }
            if own.sessions > 0 {
                let used = wire::OrganizationInUse { tag, name: own.name, sessions: own.sessions };
                status.organizations.push(used);
            }
        }
        status
    }
}
