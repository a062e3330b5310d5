//! Which flow speaks to whom. What was spoken to once keeps its flow, so that it takes no time to do so again.

use std::collections::VecDeque;

use crate::client::{Session, Target};
use crate::id::FlowId;

/// Flows of voice with the targets that the server was told for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Flows {
    /// The one used last is the last one.
    known: VecDeque<(FlowId, Vec<Target>)>,
    current: Option<FlowId>,
}

impl Flows {
    /// Where voice goes instead of the channel.
    pub(super) fn current(&self) -> Option<FlowId> {
        self.current
    }

    /// Speaks to the channel again.
    pub(super) fn end(&mut self) {
        self.current = None;
    }

    /// The flow that speaks to these, if the server was told so; it is in use from now on.
    pub(super) fn take(&mut self, targets: &[Target]) -> Option<FlowId> {
        let place = self.known.iter().position(|(_, known)| known == targets)?;
        let known = self.known.remove(place)?;
        self.current = Some(known.0);
        self.known.push_back(known);
        self.current
    }

    /// The flow that the server may be told other targets for: a free one, or the one used least recently.
    pub(super) fn free(&self) -> FlowId {
        let free =
            Session::TARGET_FLOWS.map(FlowId).find(|flow| self.known.iter().all(|(known, _)| known != flow));
        free.or_else(|| self.known.front().map(|(flow, _)| *flow))
            .unwrap_or(FlowId(*Session::TARGET_FLOWS.start()))
    }

    /// The server was told that this flow speaks to these; it is in use from now on.
    pub(super) fn put(&mut self, flow: FlowId, targets: &[Target]) {
        self.known.retain(|(known, _)| *known != flow);
        self.known.push_back((flow, targets.to_vec()));
        self.current = Some(flow);
    }

    /// A new connection knows none.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;

    #[test]
    fn whom_one_spoke_to_has_a_flow_already_and_the_oldest_gives_way() {
        let to = |number| [Target::Session(SessionId(number))];
        let mut flows = Flows::default();
        for number in 1..=30 {
            assert_eq!(flows.take(&to(number)), None);
            let flow = flows.free();
            assert_eq!(flow, FlowId(number + 1), "each has its own");
            flows.put(flow, &to(number));
        }
        assert_eq!(flows.take(&to(1)), Some(FlowId(2)));
        assert_eq!(flows.free(), FlowId(3), "that of the second, which was used least recently");
        flows.put(FlowId(3), &to(31));
        assert_eq!((flows.take(&to(2)), flows.take(&to(31))), (None, Some(FlowId(3))));
        flows.end();
        assert_eq!(flows.current(), None);
    }
}
