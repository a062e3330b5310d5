//! The echo: what a client sends on flow 1 comes back to itself alone, with a note of when it reached the server
//! and how many did before, in an RTP header extension (RFC 3550, section 5.3.1). For testing a microphone,
//! and for telling the way there from the way back.

use std::time::Duration;

use super::rtp::RTP_HEADER;
use super::{MAX_PACKET, VoicePacket};

/// "Defined by profile": the name of this extension.
const PROFILE: [u8; 2] = *b"PE";

/// Words of 32 bits in it: a time in microseconds and a count.
const WORDS: u8 = 3;

/// The server's note on a packet that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// When it reached the server, by the server's clock, since any fixed instant.
    pub at: Duration,
    /// Packets of this session's echo that had reached it by then, this one included.
    pub count: u32,
}

/// The datagram with the server's note; as it was, when it has an extension already or no room.
pub fn write_echo(datagram: &[u8], packet: &VoicePacket, echo: Echo) -> Vec<u8> {
    let rtp = packet.rtp;
    // No extension and no contributing sources: the lower five bits of the first byte.
    let added = 4 + 4 * usize::from(WORDS);
    let plain = datagram.get(rtp).is_some_and(|first| first.trailing_zeros() >= 5);
    let fits = datagram.len() - rtp + added <= MAX_PACKET;
    let (Some((front, rest)), true, true) = (datagram.split_at_checked(rtp + RTP_HEADER), plain, fits) else {
        return datagram.to_vec();
    };
    let mut out = front.to_vec();
    if let Some(first) = out.get_mut(rtp) {
        *first |= 0x10;
    }
    out.extend_from_slice(&PROFILE);
    out.extend_from_slice(&[0, WORDS]);
    out.extend_from_slice(&u64::try_from(echo.at.as_micros()).unwrap_or(u64::MAX).to_be_bytes());
    out.extend_from_slice(&echo.count.to_be_bytes());
    out.extend_from_slice(rest);
    out
}

/// The server's note on a packet; none when it has none.
pub fn read_echo(datagram: &[u8], packet: &VoicePacket) -> Option<Echo> {
    let sources = usize::from(datagram.get(packet.rtp)? & 0x0f);
    let extended = datagram.get(packet.rtp)? & 0x10 != 0;
    let extension = datagram.get(packet.rtp + RTP_HEADER + 4 * sources..)?;
    let (head, body) = extension.split_first_chunk::<4>()?;
    if !extended || *head != [PROFILE[0], PROFILE[1], 0, WORDS] {
        return None;
    }
    let (at, rest) = body.split_first_chunk()?;
    let at = Duration::from_micros(u64::from_be_bytes(*at));
    Some(Echo { at, count: u32::from_be_bytes(*rest.first_chunk()?) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::{FlowId, Ssrc};
    use crate::protocol::{OPUS_PAYLOAD_TYPE, VoiceHeader, write_packet};

    proptest! {
        #[test]
        fn a_packet_comes_back_whole_with_a_note(payload in proptest::collection::vec(any::<u8>(), 1..1_088), micros: u32, count: u32) {
            let header = VoiceHeader {
                ssrc: Ssrc(7), sequence: 3, timestamp: 4, marker: true, payload_type: OPUS_PAYLOAD_TYPE,
            };
            let mut sent = Vec::new();
            write_packet(FlowId::ECHO, &header, &payload, &mut sent);
            let echo = Echo { at: Duration::from_micros(micros.into()), count };
            let back = write_echo(&sent, &VoicePacket::parse(&sent).unwrap(), echo);
            let packet = VoicePacket::parse(&back).unwrap();
            prop_assert_eq!((&back[packet.payload.clone()], packet.header), (&payload[..], header));
            let noted = read_echo(&back, &packet);
            prop_assert_eq!(noted, (payload.len() <= MAX_PACKET - RTP_HEADER - 16).then_some(echo));
            // It isn't noted twice.
            prop_assert_eq!(write_echo(&back, &packet, echo) == back, true);
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(packet) = VoicePacket::parse(&bytes) {
                let _ = read_echo(&bytes, &packet);
                let _ = write_echo(&bytes, &packet, Echo { at: Duration::ZERO, count: 0 });
            }
        }
    }
}
