//! Requests have a span each, and those that take long are logged and counted.

use std::time::Duration;

use tracing::Instrument;

use super::Handle;
use crate::protocol::operation::Operation;
use crate::voice::Peer;

/// A request that takes longer is logged and counted.
const LONG: Duration = Duration::from_millis(100);

impl<P: Peer> Handle<P> {
    /// Does the work of a request in a span that names its operation, within the one of whoever asks. What is logged
    /// meanwhile says whose it is.
    pub(super) async fn timed<T>(&self, operation: &'static Operation, work: impl Future<Output = T>) -> T {
        let span = tracing::info_span!("request", operation = operation.name);
        let began = self.shared.clock.monotonic();
        let answer = work.instrument(span.clone()).await;
        let now = self.shared.clock.monotonic();
        let took = now.saturating_sub(began);
        if took > LONG && self.shared.counts.took_long(now) {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            span.in_scope(|| tracing::warn!(took_ms, "a request took long"));
        }
        answer
    }
}
