//! Voice out: RTP packets in datagrams. Opus is made elsewhere.

use std::time::Duration;

use super::Session;
use crate::id::FlowId;
use crate::protocol::{Extensions, Loss, OPUS_PAYLOAD_TYPE, VoiceHeader, write_packet_with};

/// Samples at 48 kHz in a frame of 20 ms.
const FRAME: u32 = 960;

/// Numbers and sends frames: of 20 ms, unless [`Speaker::set_frame`] says otherwise.
#[derive(Debug)]
pub struct Speaker {
    session: Session,
    flow: FlowId,
    sequence: u16,
    timestamp: u32,
    /// Samples of a frame.
    frame: u32,
    begins: bool,
    extensions: Extensions,
}

impl Speaker {
    fn new(session: Session, flow: FlowId) -> Self {
        // RFC 3550 wants random starts; what varies from one speaker to the next is enough here, as
        // neither number is a secret inside an encrypted connection.
        let start = session.ssrc().0.rotate_left(7);
        let (sequence, extensions) = (start as u16, Extensions::default());
        Self { session, flow, sequence, timestamp: start, frame: FRAME, begins: true, extensions }
    }

    /// How loud the frames are from now on, in -dBov: 0 is the loudest, 127 silence (RFC 6464); `None` for not
    /// telling. A large channel passes on the loudest of those who tell.
    pub fn set_level(&mut self, level: Option<u8>) {
        self.extensions.level = level;
    }

    /// How long frames are from the next one on, those of a pause, too: in samples at 48 kHz, from 120 to 5760.
    pub fn set_frame(&mut self, samples: u32) {
        self.frame = samples;
    }

    /// Where the speaker is from now on, in metres; `None` for nowhere. It reaches those in the same context only
    /// ([`OwnState::position_context`](super::OwnState)).
    pub fn set_position(&mut self, position: Option<[f32; 3]>) {
        self.extensions.position = position;
    }

    /// Speaks on another flow from the next frame on, which begins a talk spurt. The numbering goes on: to a listener
    /// of both flows they are one voice.
    pub fn speak_on(&mut self, flow: FlowId) {
        if self.flow != flow {
            self.flow = flow;
            self.begins = true;
        }
    }

    /// Sends the next frame. The first, and the first after a pause, are marked as the beginning of a talk
    /// spurt. Answers with the packet's header, or `None` when the connection takes no datagram now; the
    /// frame counts as sent all the same, so listeners conceal it.
    pub fn send(&mut self, opus: &[u8]) -> Option<VoiceHeader> {
        let header = VoiceHeader {
            ssrc: self.session.ssrc(),
            sequence: self.sequence,
            timestamp: self.timestamp,
            marker: self.begins,
            payload_type: OPUS_PAYLOAD_TYPE,
        };
        let mut datagram = Vec::with_capacity(40 + opus.len());
        write_packet_with(self.flow, &header, self.extensions, opus, &mut datagram);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.frame);
        self.begins = false;
        self.session.send_datagram(datagram.into()).then_some(header)
    }

    /// By how much the server asks to send later, once, since it was last looked: where several people
    /// speak, all of their frames then come together and cost little. Follow it where nobody hears it, at a
    /// pause. It is read from what [`Session::voice`] receives.
    pub fn pace(&self) -> Option<Duration> {
        self.session.notices().take_pace()
    }

    /// Whether the server said in the last two seconds that it is at its limit, so that nobody hears this
    /// speaker; what was begun before is heard. Read as [`Speaker::pace`] is.
    pub fn is_busy(&self) -> bool {
        self.session.notices().is_busy()
    }

    /// What gets lost between this speaker and its listeners, as the server told it last in this session: what to encode
    /// for. `None` as long as it told nothing, which it doesn't where nothing gets lost. Read as [`Speaker::pace`] is.
    pub fn loss(&self) -> Option<Loss> {
        self.session.notices().loss()
    }

    /// Lets time pass in silence: no packet is sent for these frames.
    pub fn pause(&mut self, frames: u32) {
        self.timestamp = self.timestamp.wrapping_add(frames.wrapping_mul(self.frame));
        self.begins = true;
    }

    /// Goes on speaking in another session of the same user, after a reconnection.
    pub fn continue_in(&mut self, session: Session) {
        self.session = session;
        self.begins = true;
    }
}

impl Session {
    /// Something that numbers and sends this session's voice.
    pub fn speaker(&self) -> Speaker {
        self.speaker_on(FlowId::CHANNEL)
    }

    /// The same on another flow: [`FlowId::ECHO`] comes back to this session alone, and those with a target
    /// ([`Session::set_voice_target`]) reach that.
    pub fn speaker_on(&self, flow: FlowId) -> Speaker {
        Speaker::new(self.clone(), flow)
    }
}
