//! The pace: where several people speak, the server asks each to shift their frames within the 20 ms, so that
//! all come at the same time and reach each listener in one packet. An RTCP packet of the kind that
//! applications define (RFC 3550, section 6.7), in a datagram as voice is; RFC 5761, section 4, tells the two
//! apart.

use std::time::Duration;

use super::{read_varint, write_varint};
use crate::id::{FlowId, Ssrc};

/// The packet type APP (RFC 3550, section 12.1).
const APP: u8 = 204;

const NAME: [u8; 4] = *b"PACE";

/// Size of the RTCP packet in bytes: header, SSRC, name, and the shift in microseconds.
const SIZE: usize = 16;

/// Appends a datagram that asks the speaker of `ssrc` to send later by `shift`, once.
pub fn write_pace(ssrc: Ssrc, shift: Duration, out: &mut Vec<u8>) {
    write_varint(FlowId::CHANNEL.0, out);
    // Its length is counted in words after the first.
    out.extend_from_slice(&[2 << 6, APP, 0, (SIZE / 4 - 1) as u8]);
    out.extend_from_slice(&ssrc.0.to_be_bytes());
    out.extend_from_slice(&NAME);
    out.extend_from_slice(&u32::try_from(shift.as_micros()).unwrap_or(0).to_be_bytes());
}

/// Reads such a datagram; none when it is something else.
pub fn read_pace(datagram: &[u8]) -> Option<(Ssrc, Duration)> {
    let (_, from) = read_varint(datagram)?;
    let packet: &[u8; SIZE] = datagram.get(from..)?.try_into().ok()?;
    let word = |number: usize| -> Option<[u8; 4]> { packet.get(number * 4..)?.first_chunk().copied() };
    let [first, APP, 0, 3] = word(0)? else { return None };
    if first >> 6 != 2 || word(2)? != NAME {
        return None;
    }
    let (ssrc, shift) = (u32::from_be_bytes(word(1)?), u32::from_be_bytes(word(3)?));
    Some((Ssrc(ssrc), Duration::from_micros(shift.into())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::{OPUS_PAYLOAD_TYPE, VoicePacket};

    proptest! {
        #[test]
        fn what_is_written_is_read_and_is_no_voice(ssrc: u32, shift in 0..20_000_u64) {
            let mut datagram = Vec::new();
            write_pace(Ssrc(ssrc), Duration::from_micros(shift), &mut datagram);
            prop_assert_eq!(read_pace(&datagram), Some((Ssrc(ssrc), Duration::from_micros(shift))));
            let as_voice = VoicePacket::parse(&datagram);
            prop_assert!(as_voice.is_ok_and(|packet| packet.header.payload_type != OPUS_PAYLOAD_TYPE));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((ssrc, shift)) = read_pace(&bytes) {
                let mut again = Vec::new();
                write_pace(ssrc, shift, &mut again);
                prop_assert_eq!(read_pace(&again), Some((ssrc, shift)));
            }
        }
    }
}
