//! Voice in: RTP packets in datagrams, and what the server tells beside them. Opus is played elsewhere.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Ended;
use super::socket::Arrival;
use crate::id::FlowId;
use crate::protocol::{
    Echo, Extensions, Loss, Notice, OPUS_PAYLOAD_TYPE, VoiceHeader, VoicePacket, read_echo, read_extensions,
    read_notice,
};

/// What the server last told this session's speakers.
#[derive(Clone, Debug, Default)]
pub(super) struct Notices(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    pace: Option<Duration>,
    busy: Option<Instant>,
    loss: Option<Loss>,
}

impl Notices {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, notice: Notice) {
        match notice {
            Notice::Pace(later) => self.lock().pace = Some(later),
            Notice::Busy(_) => self.lock().busy = Some(Instant::now()),
            Notice::Loss(loss) => self.lock().loss = Some(loss),
        }
    }

    pub(super) fn take_pace(&self) -> Option<Duration> {
        self.lock().pace.take()
    }

    pub(super) fn loss(&self) -> Option<Loss> {
        self.lock().loss
    }

    pub(super) fn is_busy(&self) -> bool {
        self.lock().busy.is_some_and(|told| told.elapsed() < Duration::from_secs(2))
    }
}

/// A packet that arrived.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Through which flow: [`FlowId::CHANNEL`] for the channel, another one for a whisper or a shout.
    pub flow: FlowId,
    /// Its header.
    pub header: VoiceHeader,
    /// One Opus packet.
    pub payload: Bytes,
    /// The server's note, when it is this session's own packet that came back ([`FlowId::ECHO`]).
    pub echo: Option<Echo>,
    /// How loud it is, in -dBov, if its speaker tells (RFC 6464).
    pub level: Option<u8>,
    /// Where its speaker is, in metres, if that concerns this session.
    pub position: Option<[f32; 3]>,
    /// When it reached this machine, by the kernel's clock; exact while packets are read as they come.
    pub at: Instant,
}

/// Packets as they arrive, unordered.
#[derive(Debug)]
pub struct VoiceIn {
    connection: quinn::Connection,
    arrival: Arrival,
    notices: Notices,
}

impl VoiceIn {
    pub(super) fn new(connection: quinn::Connection, arrival: Arrival, notices: Notices) -> Self {
        Self { connection, arrival, notices }
    }

    /// The next voice packet; what isn't one is skipped. Safe to drop while it waits.
    pub async fn next(&mut self) -> Result<Heard, Ended> {
        loop {
            let datagram = self.connection.read_datagram().await?;
            if let Some((_, notice)) = read_notice(&datagram) {
                self.notices.note(notice);
                continue;
            }
            // What speakers or a server of a later version send beside Opus isn't to be played as such.
            if let Ok(packet) = VoicePacket::parse(&datagram)
                && packet.header.payload_type == OPUS_PAYLOAD_TYPE
            {
                let echo = read_echo(&datagram, &packet).filter(|_| packet.flow == FlowId::ECHO);
                let Extensions { level, position } = read_extensions(&datagram, &packet);
                let VoicePacket { flow, header, payload, .. } = packet;
                let (payload, at) = (datagram.slice(payload), self.arrival.latest());
                return Ok(Heard { flow, header, payload, echo, level, position, at });
            }
        }
    }
}
