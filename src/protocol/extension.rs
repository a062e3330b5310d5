//! What a voice packet tells beside the voice: how loud it is (RFC 6464) and where its speaker is, as one-byte
//! header extensions (RFC 8285, section 4.2). Read in place; the server passes them on as they are.

use std::ops::Range;

use super::rtp::RTP_HEADER;
use super::{VoiceHeader, VoicePacket, write_packet, write_varint};
use crate::id::FlowId;

/// "Defined by profile": one-byte header extensions follow (RFC 8285, section 4.2).
const PROFILE: [u8; 2] = [0xbe, 0xde];

/// The element that carries the audio level.
const LEVEL: u8 = 1;

/// The element that carries the position.
const POSITION: u8 = 2;

/// Elements end here, whatever follows (RFC 8285, section 4.2).
const STOP: u8 = 15;

/// Three floats of 32 bits.
const POSITION_BYTES: usize = 12;

/// What the elements of a packet say; each may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extensions {
    /// How loud the packet is, in -dBov: 0 is the loudest, 127 is silence (RFC 6464, section 3). The bit for
    /// voice activity isn't part of it, and is written as 0.
    pub level: Option<u8>,
    /// Where the speaker is, in metres; finite numbers.
    pub position: Option<[f32; 3]>,
}

/// Reads the elements of a datagram that was read as `packet`. Those that it doesn't know, or that have another
/// size than they should, are skipped; of two alike the first counts.
pub fn read_extensions(datagram: &[u8], packet: &VoicePacket) -> Extensions {
    let mut found = Extensions::default();
    let Some(block) = block(datagram, packet) else { return found };
    for (id, range) in Elements::new(datagram, block) {
        let data = datagram.get(range).unwrap_or_default();
        match (id, data) {
            (LEVEL, [level]) => found.level = found.level.or(Some(level & 0x7f)),
            (POSITION, data) => found.position = found.position.or_else(|| position(data)),
            _ => (),
        }
    }
    found
}

/// Appends a datagram as [`write_packet`] does, with these elements. A position that isn't finite is left out, and
/// a level above 127 is 127.
pub fn write_packet_with(
    flow: FlowId,
    header: &VoiceHeader,
    extensions: Extensions,
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    let mut elements = Vec::with_capacity(16);
    if let Some(level) = extensions.level {
        elements.extend([LEVEL << 4, level.min(127)]);
    }
    if let Some(position) = extensions.position.filter(|position| position.iter().all(|at| at.is_finite())) {
        elements.push(POSITION << 4 | (POSITION_BYTES as u8 - 1));
        elements.extend(position.iter().flat_map(|at| at.to_be_bytes()));
    }
    if elements.is_empty() {
        return write_packet(flow, header, payload, out);
    }
    // The block counts whole words; bytes of zero are padding.
    elements.resize(elements.len().next_multiple_of(4), 0);
    let mut plain = Vec::with_capacity(RTP_HEADER);
    write_packet(flow, header, &[], &mut plain);
    let mut number = Vec::with_capacity(8);
    write_varint(flow.0, &mut number);
    if let Some(first) = plain.get_mut(number.len()) {
        *first |= 0x10;
    }
    out.extend_from_slice(&plain);
    out.extend_from_slice(&PROFILE);
    out.extend_from_slice(&((elements.len() / 4) as u16).to_be_bytes());
    out.extend_from_slice(&elements);
    out.extend_from_slice(payload);
}

/// The datagram for those whom the speaker's position doesn't concern: of the same length, with padding in place of
/// the position (RFC 8285, section 4.2). `None` when there is no element for it.
pub fn without_position(datagram: &[u8], packet: &VoicePacket) -> Option<Vec<u8>> {
    let block = block(datagram, packet)?;
    let mut stripped = None;
    for (id, range) in Elements::new(datagram, block) {
        if id == POSITION {
            let bytes = stripped.get_or_insert_with(|| datagram.to_vec());
            // The byte before an element's data names it.
            let whole = range.start.saturating_sub(1)..range.end;
            bytes.get_mut(whole)?.fill(0);
        }
    }
    stripped
}

/// Where in the datagram the elements are; none when it has no extension of this profile.
fn block(datagram: &[u8], packet: &VoicePacket) -> Option<Range<usize>> {
    let first = *datagram.get(packet.rtp)?;
    if first & 0x10 == 0 {
        return None;
    }
    let start = packet.rtp + RTP_HEADER + 4 * usize::from(first & 0x0f);
    let head: &[u8; 4] = datagram.get(start..)?.first_chunk()?;
    if [head[0], head[1]] != PROFILE {
        return None;
    }
    let start = start + head.len();
    let end = start + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
    (end <= datagram.len()).then_some(start..end)
}

fn position(data: &[u8]) -> Option<[f32; 3]> {
    let data: &[u8; POSITION_BYTES] = data.try_into().ok()?;
    let at =
        |place: usize| f32::from_be_bytes([data[place], data[place + 1], data[place + 2], data[place + 3]]);
    let position = [at(0), at(4), at(8)];
    position.iter().all(|at| at.is_finite()).then_some(position)
}

/// The elements of a block: the number of each, and where in the datagram its data is.
struct Elements<'a> {
    datagram: &'a [u8],
    left: Range<usize>,
}

impl<'a> Elements<'a> {
    fn new(datagram: &'a [u8], block: Range<usize>) -> Self {
        Self { datagram, left: block }
    }
}

impl Iterator for Elements<'_> {
    type Item = (u8, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let at = self.left.next()?;
            let head = *self.datagram.get(at)?;
            let (id, length) = (head >> 4, usize::from(head & 0x0f) + 1);
            match (id, head) {
                (_, 0) => continue,
                // Padding with a length, or the number that ends everything: what follows isn't to be read.
                (0 | STOP, _) => return None,
                _ => (),
            }
            let data = at + 1..at + 1 + length;
            if data.end > self.left.end {
                return None;
            }
            self.left.start = data.end;
            return Some((id, data));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::Ssrc;
    use crate::protocol::OPUS_PAYLOAD_TYPE;

    const HEADER: VoiceHeader = VoiceHeader {
        ssrc: Ssrc(7),
        sequence: 3,
        timestamp: 4,
        marker: true,
        payload_type: OPUS_PAYLOAD_TYPE,
    };

    /// A datagram with these bytes as its block, padded to whole words.
    fn with_block(block: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_packet(FlowId::CHANNEL, &HEADER, &[], &mut out);
        out[1] |= 0x10;
        out.extend(PROFILE);
        out.extend((block.len().div_ceil(4) as u16).to_be_bytes());
        out.extend(block);
        out.resize(out.len().next_multiple_of(4) + 1, 0);
        out.extend(b"opus");
        out
    }

    fn read(datagram: &[u8]) -> Extensions {
        read_extensions(datagram, &VoicePacket::parse(datagram).unwrap())
    }

    #[test]
    fn a_packet_without_elements_is_a_plain_one() {
        let (mut plain, mut other) = (Vec::new(), Vec::new());
        write_packet(FlowId(2), &HEADER, b"opus", &mut plain);
        let nowhere = Extensions { level: None, position: Some([f32::NAN, 0.0, 0.0]) };
        write_packet_with(FlowId(2), &HEADER, nowhere, b"opus", &mut other);
        assert_eq!(plain, other);
        assert_eq!(read(&plain), Extensions::default());
        assert_eq!(without_position(&plain, &VoicePacket::parse(&plain).unwrap()), None);
    }

    #[test]
    fn elements_are_read_among_padding_and_unknown_ones() {
        let level = Extensions { level: Some(42), position: None };
        // RFC 6464: the first bit tells of voice activity.
        assert_eq!(read(&with_block(&[0x10, 0x80 | 0x2a])), level);
        assert_eq!(read(&with_block(&[0, 0, 0x51, 9, 9, 0, 0x10, 42])), level);
        // The first of two counts, and one of another size isn't it.
        assert_eq!(read(&with_block(&[0x10, 42, 0x10, 43])), level);
        assert_eq!(read(&with_block(&[0x11, 1, 2, 0x10, 42])), level);
    }

    #[test]
    fn what_ends_the_elements_ends_them() {
        let none = Extensions::default();
        assert_eq!(read(&with_block(&[0xf0, 0x10, 42])), none);
        assert_eq!(read(&with_block(&[0x01, 0x10, 42])), none);
        assert_eq!(read(&with_block(&[0x5f, 0x10, 42])), none);
        let mut two_byte = with_block(&[0x10, 42]);
        two_byte[13..15].copy_from_slice(&[0x10, 0x00]);
        assert_eq!(read(&two_byte), none);
    }

    #[test]
    fn a_position_of_any_size_is_taken_away() {
        let datagram = with_block(&[0x10, 42, 0x21, 7, 7, 0x10, 43]);
        let stripped = without_position(&datagram, &VoicePacket::parse(&datagram).unwrap()).unwrap();
        assert_eq!(stripped, with_block(&[0x10, 42, 0, 0, 0, 0x10, 43]));
    }

    prop_compose! {
        fn extensions()(level in proptest::option::of(0..128_u8), position in proptest::option::of(any::<[f32; 3]>()))
            -> Extensions {
            Extensions { level, position: position.filter(|position| position.iter().all(|at| at.is_finite())) }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            extensions in extensions(), flow in 0..(1_u64 << 62), payload in proptest::collection::vec(any::<u8>(), 1..99),
        ) {
            let mut datagram = vec![];
            write_packet_with(FlowId(flow), &HEADER, extensions, &payload, &mut datagram);
            let packet = VoicePacket::parse(&datagram).unwrap();
            prop_assert_eq!((packet.flow, packet.header), (FlowId(flow), HEADER));
            prop_assert_eq!(&datagram[packet.payload.clone()], &payload[..]);
            prop_assert_eq!(read_extensions(&datagram, &packet), extensions);

            let stripped = without_position(&datagram, &packet);
            prop_assert_eq!(stripped.is_some(), extensions.position.is_some());
            if let Some(stripped) = stripped {
                let again = VoicePacket::parse(&stripped).unwrap();
                prop_assert_eq!((&again, stripped.len()), (&packet, datagram.len()));
                prop_assert_eq!(read_extensions(&stripped, &again), Extensions { position: None, ..extensions });
                prop_assert_eq!(&stripped[again.payload.clone()], &payload[..]);
                prop_assert_eq!(without_position(&stripped, &again), None);
            }
        }

        #[test]
        fn any_block_is_read_and_stripped(block in proptest::collection::vec(any::<u8>(), 0..64)) {
            let datagram = with_block(&block);
            let packet = VoicePacket::parse(&datagram).unwrap();
            let before = read_extensions(&datagram, &packet);
            if let Some(stripped) = without_position(&datagram, &packet) {
                let after = read_extensions(&stripped, &VoicePacket::parse(&stripped).unwrap());
                prop_assert_eq!(after, Extensions { position: None, ..before });
            } else {
                prop_assert_eq!(before.position, None);
            }
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..80), other in any::<[u8; 8]>()) {
            if let Ok(packet) = VoicePacket::parse(&bytes) {
                let _ = read_extensions(&bytes, &packet);
                let _ = without_position(&bytes, &packet);
                // Nor does a packet of another datagram lead out of this one.
                let _ = read_extensions(&other, &packet);
                let _ = without_position(&other, &packet);
            }
        }
    }
}
