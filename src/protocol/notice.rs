//! What the server tells a speaker beside voice, in RTCP packets of the kind that applications define (RFC 3550,
//! section 6.7), each in a datagram as voice is; RFC 5761, section 4, tells the two apart.

use std::time::Duration;

use super::{read_varint, write_varint};
use crate::id::{FlowId, Ssrc};

/// The packet type APP (RFC 3550, section 12.1).
const APP: u8 = 204;

/// Size of the RTCP packet in bytes: header, SSRC, name, and a time in microseconds.
const SIZE: usize = 16;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Where several people speak: send later by this much, once, so that all frames come at the same time and
    /// reach each listener in one packet.
    Pace(Duration),
    /// The server is at its limit, and nobody hears this speaker: try again after this long.
    Busy(Duration),
}

type Name = [u8; 4];
type Make = fn(Duration) -> Notice;

/// The names that packets have for it, and what is made of the time behind them.
const NAMES: [(Name, Make); 2] = [(*b"PACE", Notice::Pace), (*b"BUSY", Notice::Busy)];

/// The datagram that tells the speaker of `ssrc`.
pub fn write_notice(ssrc: Ssrc, notice: Notice) -> Vec<u8> {
    let ([pace, busy], mut out) = (NAMES, Vec::with_capacity(1 + SIZE));
    let ((name, _), time) = match notice {
        Notice::Pace(time) => (pace, time),
        Notice::Busy(time) => (busy, time),
    };
    write_varint(FlowId::CHANNEL.0, &mut out);
    // Its length is counted in words after the first.
    out.extend_from_slice(&[2 << 6, APP, 0, (SIZE / 4 - 1) as u8]);
    out.extend_from_slice(&ssrc.0.to_be_bytes());
    out.extend_from_slice(&name);
    out.extend_from_slice(&u32::try_from(time.as_micros()).unwrap_or(u32::MAX).to_be_bytes());
    out
}

/// Reads such a datagram; none when it is something else.
pub fn read_notice(datagram: &[u8]) -> Option<(Ssrc, Notice)> {
    let (_, from) = read_varint(datagram)?;
    let packet: &[u8; SIZE] = datagram.get(from..)?.try_into().ok()?;
    let word = |number: usize| -> Option<[u8; 4]> { packet.get(number * 4..)?.first_chunk().copied() };
    let [first, APP, 0, 3] = word(0)? else { return None };
    let (_, notice) = NAMES.into_iter().find(|(name, _)| Some(*name) == word(2))?;
    let (ssrc, time) = (u32::from_be_bytes(word(1)?), u32::from_be_bytes(word(3)?));
    (first >> 6 == 2).then(|| (Ssrc(ssrc), notice(Duration::from_micros(time.into()))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::{OPUS_PAYLOAD_TYPE, VoicePacket};

    proptest! {
        #[test]
        fn what_is_written_is_read_and_is_no_voice(ssrc: u32, micros: u32, busy: bool) {
            let time = Duration::from_micros(micros.into());
            let notice = if busy { Notice::Busy(time) } else { Notice::Pace(time) };
            let datagram = write_notice(Ssrc(ssrc), notice);
            prop_assert_eq!(read_notice(&datagram), Some((Ssrc(ssrc), notice)));
            let as_voice = VoicePacket::parse(&datagram);
            prop_assert!(as_voice.is_ok_and(|packet| packet.header.payload_type != OPUS_PAYLOAD_TYPE));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((ssrc, notice)) = read_notice(&bytes) {
                prop_assert_eq!(read_notice(&write_notice(ssrc, notice)), Some((ssrc, notice)));
            }
        }
    }
}
