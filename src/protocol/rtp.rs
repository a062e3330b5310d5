//! Voice on the wire: a flow id (draft-ietf-avtcore-rtp-over-quic, section 5.1), then an RTP packet
//! (RFC 3550, section 5.1) that carries one Opus packet (RFC 7587).

use std::ops::Range;

use thiserror::Error;

use super::{MAX_PACKET, read_varint, write_varint};
use crate::id::{FlowId, Ssrc};

/// RTP payload type of Opus in Parlour, from the dynamic range (RFC 3551, section 3).
pub const OPUS_PAYLOAD_TYPE: u8 = 111;

/// Size of an RTP header without contributing sources and extensions, in bytes.
pub const RTP_HEADER: usize = 12;

/// Why a datagram isn't a voice packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// It ends before the header does.
    #[error("the datagram ends inside its header")]
    Truncated,
    /// The packet is above [`MAX_PACKET`].
    #[error("the packet is larger than {MAX_PACKET} bytes")]
    TooLarge,
    /// The first two bits are not 2 (RFC 3550, section 5.1, field V).
    #[error("the packet isn't RTP version 2")]
    Version,
    /// There is no payload after the header, or padding claims more than there is.
    #[error("the packet carries no payload")]
    Empty,
}

/// The fields of an RTP header that routing and playing need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoiceHeader {
    /// Whose voice it is.
    pub ssrc: Ssrc,
    /// Counts packets, wrapping (RFC 3550).
    pub sequence: u16,
    /// Sampling instant of the first sample at 48 kHz, wrapping (RFC 7587, section 4.1).
    pub timestamp: u32,
    /// First packet of a talk spurt (RFC 3551, section 4.1).
    pub marker: bool,
    /// What the payload is; [`OPUS_PAYLOAD_TYPE`] for clear Opus.
    pub payload_type: u8,
}

/// A datagram read in place: where its parts are, nothing copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoicePacket {
    /// To whom it speaks.
    pub flow: FlowId,
    /// The RTP header's fields.
    pub header: VoiceHeader,
    /// Where in the datagram the RTP packet begins, after the flow id.
    pub rtp: usize,
    /// Where in the datagram the payload is, padding excluded.
    pub payload: Range<usize>,
}

impl VoicePacket {
    /// Reads the headers of a datagram. The payload is opaque and not looked at.
    pub fn parse(datagram: &[u8]) -> Result<Self, HeaderError> {
        let (flow, rtp) = read_varint(datagram).ok_or(HeaderError::Truncated)?;
        let packet = &datagram[rtp..];
        if packet.len() > MAX_PACKET {
            return Err(HeaderError::TooLarge);
        }
        let (header, sources, extended, padded) = read_header(packet)?;
        let mut start = RTP_HEADER + 4 * sources;
        if extended {
            // RFC 3550, section 5.3.1: 16 bits of profile, then the length in 32-bit words.
            let words = packet.get(start + 2..start + 4).ok_or(HeaderError::Truncated)?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        }
        if start > packet.len() {
            return Err(HeaderError::Truncated);
        }
        let padding = if padded { packet.last().map_or(0, |count| usize::from(*count)) } else { 0 };
        let end = packet.len().checked_sub(padding).filter(|end| *end > start).ok_or(HeaderError::Empty)?;
        Ok(Self { flow: FlowId(flow), header, rtp, payload: rtp + start..rtp + end })
    }
}

/// The fixed part: fields, count of contributing sources, extension bit, padding bit.
fn read_header(packet: &[u8]) -> Result<(VoiceHeader, usize, bool, bool), HeaderError> {
    let fixed: &[u8; RTP_HEADER] = packet.first_chunk().ok_or(HeaderError::Truncated)?;
    if fixed[0] >> 6 != 2 {
        return Err(HeaderError::Version);
    }
    let header = VoiceHeader {
        marker: fixed[1] & 0x80 != 0,
        payload_type: fixed[1] & 0x7f,
        sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        ssrc: Ssrc(u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]])),
    };
    Ok((header, usize::from(fixed[0] & 0x0f), fixed[0] & 0x10 != 0, fixed[0] & 0x20 != 0))
}

/// Appends a datagram: flow id, RTP header without extensions, payload.
pub fn write_packet(flow: FlowId, header: &VoiceHeader, payload: &[u8], out: &mut Vec<u8>) {
    write_varint(flow.0, out);
    out.push(2 << 6);
    out.push(u8::from(header.marker) << 7 | (header.payload_type & 0x7f));
    out.extend_from_slice(&header.sequence.to_be_bytes());
    out.extend_from_slice(&header.timestamp.to_be_bytes());
    out.extend_from_slice(&header.ssrc.0.to_be_bytes());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: VoiceHeader = VoiceHeader {
        ssrc: Ssrc(0x0102_0304),
        sequence: 65_535,
        timestamp: 960,
        marker: true,
        payload_type: OPUS_PAYLOAD_TYPE,
    };

    fn packet(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_packet(FlowId(70), &HEADER, payload, &mut out);
        out
    }

    #[test]
    fn a_packet_reads_back() {
        let bytes = packet(b"opus");
        let read = VoicePacket::parse(&bytes).unwrap();
        assert_eq!((read.flow, read.header, read.rtp), (FlowId(70), HEADER, 2));
        assert_eq!(&bytes[read.payload], b"opus");
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = packet(b"o");
        for end in 0..bytes.len() {
            assert!(VoicePacket::parse(&bytes[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn sources_extension_and_padding_are_skipped() {
        let mut bytes = packet(&[]);
        bytes[2] = 2 << 6 | 0x20 | 0x10 | 1; // padding, extension, one contributing source
        bytes.extend_from_slice(&[9, 9, 9, 9]); // the source
        bytes.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 0x42, 0, 0]); // RFC 8285, one word
        bytes.extend_from_slice(b"opus\x00\x00\x03"); // three bytes of padding
        let read = VoicePacket::parse(&bytes).unwrap();
        assert_eq!(&bytes[read.payload], b"opus");
    }

    #[test]
    fn limits_and_version_are_enforced() {
        assert_eq!(VoicePacket::parse(&packet(&[0; MAX_PACKET])), Err(HeaderError::TooLarge));
        assert!(VoicePacket::parse(&packet(&[0; MAX_PACKET - RTP_HEADER])).is_ok());
        let mut other = packet(b"x");
        other[2] = 1 << 6;
        assert_eq!(VoicePacket::parse(&other), Err(HeaderError::Version));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_within_bounds(
            bytes in proptest::collection::vec(any::<u8>(), 0..1300),
        ) {
            if let Ok(read) = VoicePacket::parse(&bytes) {
                prop_assert!(read.payload.start < read.payload.end && read.payload.end <= bytes.len());
            }
        }

        #[test]
        fn any_fields_read_back(ssrc: u32, sequence: u16, timestamp: u32, marker: bool, payload_type in 0..128_u8) {
            let header = VoiceHeader { ssrc: Ssrc(ssrc), sequence, timestamp, marker, payload_type };
            let mut bytes = Vec::new();
            write_packet(FlowId::CHANNEL, &header, &[1], &mut bytes);
            prop_assert_eq!(VoicePacket::parse(&bytes).unwrap().header, header);
        }
    }
}
