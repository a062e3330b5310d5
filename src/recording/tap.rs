//! The way of a recorded channel's voice to the writer.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Instant;

use bytes::Bytes;

use crate::id::{RecordingId, Ssrc};

/// Packets that wait for the writer at most, of all recordings. Further ones are refused.
pub(super) const QUEUE: usize = 4_096;

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A packet of a speaker in a recorded channel, and when it came.
    Voice { recording: RecordingId, ssrc: Ssrc, at: Instant, datagram: Bytes },
    /// Something in the ledger is for it.
    Wake,
}

/// Where the voice of a recorded channel goes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tap {
    pub(super) recording: RecordingId,
    pub(super) queue: SyncSender<Message>,
}

impl Tap {
    /// Which recording it belongs to.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// Takes a datagram, flow id first, as the speaker sent it. Never waits: `false` when the queue is full, and the
    /// packet is lost to the recording.
    pub fn offer(&self, ssrc: Ssrc, datagram: Bytes) -> bool {
        self.offer_at(ssrc, datagram, Instant::now())
    }

    pub(super) fn offer_at(&self, ssrc: Ssrc, datagram: Bytes, at: Instant) -> bool {
        let message = Message::Voice { recording: self.recording, ssrc, at, datagram };
        !matches!(self.queue.try_send(message), Err(TrySendError::Full(_)))
    }
}
