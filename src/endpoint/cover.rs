//! Covers: packets without content that follow what was said on streams, so that a loss of it shows at once.
//!
//! Our clients acknowledge voice seldom (`transport::patient`), and quinn takes their delay for the time after which nothing
//! heard of a packet means that it is lost. A packet behind it needs no such time: whoever gets that sees what is missing
//! before it, and says so at once. Where voice goes to the client there is one anyway.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use quinn::Connection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::voice::Bucket;

/// The time in which what was said has left. What leaves later follows it.
const LEAVES: Duration = Duration::from_millis(5);

/// How long after that something has to have followed. With that, what is lost is noticed earlier than by a probe, which waits for
/// a round trip and 100 ms even where acknowledgements wait no longer than that.
const FOLLOWS: Duration = Duration::from_millis(45);

/// Covers a second of one shard, sustained and at once: 0.4 % of a core. When many come and go before many, the next news
/// covers the last.
const RATE: u32 = 500;
const BURST: u32 = 500;

/// How many covers a shard sends.
#[derive(Debug)]
pub(super) struct Covers {
    began: Instant,
    bucket: Mutex<Bucket>,
}

impl Default for Covers {
    fn default() -> Self {
        Self { began: Instant::now(), bucket: Mutex::new(Bucket::new(RATE, BURST)) }
    }
}

impl Covers {
    fn admit(&self) -> bool {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).admit(self.began.elapsed())
    }
}

/// What a connection said that nothing may have followed yet.
#[derive(Debug, Default)]
pub(super) struct Cover(Notify);

impl Cover {
    /// Something is said on a stream.
    pub(super) fn said(&self) {
        self.0.notify_one();
    }

    /// Has something follow it; doesn't end.
    pub(super) async fn run(&self, connection: &Connection, covers: &Covers) {
        loop {
            self.0.notified().await;
            while !is_over(connection, covers).await {}
        }
    }
}

/// Waits for what was said to leave, and sends a cover unless something else followed it. Answers `false` while there is more of
/// it, which has to be followed in its turn.
async fn is_over(connection: &Connection, covers: &Covers) -> bool {
    sleep(LEAVES).await;
    let before = connection.stats().frame_tx;
    sleep(FOLLOWS).await;
    let after = connection.stats().frame_tx;
    if after.stream != before.stream && connection.close_reason().is_none() {
        return false;
    }
    // What only acknowledges isn't acknowledged itself, so nobody would look for what is missing before it.
    if after.datagram == before.datagram && covers.admit() {
        // A client that takes no datagrams gets no voice either.
        let _ = connection.send_datagram(Bytes::new());
    }
    true
}
