//! What the server tells a speaker beside voice, in RTCP packets of the kind that applications define (RFC 3550,
//! section 6.7), each in a datagram as voice is; RFC 5761, section 4, tells the two apart.

use std::time::Duration;

use super::{read_varint, write_varint};
use crate::id::{FlowId, Ssrc};

/// The packet type APP (RFC 3550, section 12.1).
const APP: u8 = 204;

/// Size of the RTCP packet in bytes: header, SSRC, name, and a number: a time in microseconds, or a share in percent.
const SIZE: usize = 16;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Where several people speak: send later by this much, once, so that all frames come at the same time and
    /// reach each listener in one packet.
    Pace(Duration),
    /// The server is at its limit, and nobody hears this speaker: try again after this long.
    Busy(Duration),
    /// This is what gets lost between this speaker and its listeners, from now on: encode for it.
    Loss(Loss),
}

/// How many packets get lost, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// The share, in percent: 0 to 100.
    pub percent: u8,
    /// Whether several in a row get lost, rather than one here and there.
    pub bursts: bool,
}

/// The names that packets have for it.
const PACE: [u8; 4] = *b"PACE";
const BUSY: [u8; 4] = *b"BUSY";
const LOSS: [u8; 4] = *b"LOSS";

/// The version of RTP, in the two upper bits of the first byte (RFC 3550, section 5.1).
const VERSION: u8 = 2 << 6;

/// The subtype of loss in bursts, in the five lower ones.
const BURSTS: u8 = 1;

/// The datagram that tells the speaker of `ssrc`.
pub fn write_notice(ssrc: Ssrc, notice: Notice) -> Vec<u8> {
    let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    let (subtype, name, number) = match notice {
        Notice::Pace(time) => (0, PACE, micros(time)),
        Notice::Busy(time) => (0, BUSY, micros(time)),
        Notice::Loss(Loss { percent, bursts }) => (u8::from(bursts) * BURSTS, LOSS, percent.into()),
    };
    let mut out = Vec::with_capacity(1 + SIZE);
    write_varint(FlowId::CHANNEL.0, &mut out);
    // Its length is counted in words after the first.
    out.extend_from_slice(&[VERSION | subtype, APP, 0, (SIZE / 4 - 1) as u8]);
    out.extend_from_slice(&ssrc.0.to_be_bytes());
    out.extend_from_slice(&name);
    out.extend_from_slice(&number.to_be_bytes());
    out
}

/// Reads such a datagram; none when it is something else.
pub fn read_notice(datagram: &[u8]) -> Option<(Ssrc, Notice)> {
    let (_, from) = read_varint(datagram)?;
    let packet: &[u8; SIZE] = datagram.get(from..)?.try_into().ok()?;
    let word = |number: usize| -> Option<[u8; 4]> { packet.get(number * 4..)?.first_chunk().copied() };
    let [first, APP, 0, 3] = word(0)? else { return None };
    let (ssrc, number) = (u32::from_be_bytes(word(1)?), u32::from_be_bytes(word(3)?));
    let time = Duration::from_micros(number.into());
    let notice = match word(2)? {
        PACE => Notice::Pace(time),
        BUSY => Notice::Busy(time),
        LOSS => Notice::Loss(Loss { percent: number.min(100) as u8, bursts: first & BURSTS != 0 }),
        _ => return None,
    };
    (first & 0xc0 == VERSION).then_some((Ssrc(ssrc), notice))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::{OPUS_PAYLOAD_TYPE, VoicePacket};

    proptest! {
        #[test]
        fn what_is_written_is_read_and_is_no_voice(ssrc in any::<u32>(), micros in any::<u32>(), loss in (0..=100_u8, any::<bool>()), which in 0..3) {
            let time = Duration::from_micros(micros.into());
            let (percent, bursts) = loss;
            let notice = match which {
                0 => Notice::Pace(time),
                1 => Notice::Busy(time),
                _ => Notice::Loss(Loss { percent, bursts }),
            };
            let datagram = write_notice(Ssrc(ssrc), notice);
            prop_assert_eq!(read_notice(&datagram), Some((Ssrc(ssrc), notice)));
            let as_voice = VoicePacket::parse(&datagram);
            prop_assert!(!as_voice.is_ok_and(|packet| packet.header.payload_type == OPUS_PAYLOAD_TYPE));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((ssrc, notice)) = read_notice(&bytes) {
                prop_assert_eq!(read_notice(&write_notice(ssrc, notice)), Some((ssrc, notice)));
            }
        }
    }
}
