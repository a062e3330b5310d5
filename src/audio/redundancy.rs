//! What an Opus packet has of the frames before it, read from its bytes.

/// The number of the extension that carries deep redundancy (draft-ietf-mlcodec-opus-dred, section 8.1).
const DEEP: u8 = 126;

/// Whether the packet repeats the frame before it (LBRR; RFC 6716, section 4.2.3 and 4.2.4).
pub(crate) fn has_repetition(packet: &[u8]) -> bool {
    let Some(toc) = packet.first() else { return false };
    let (config, is_stereo) = (toc >> 3, toc & 4 != 0);
    // Those from 16 on have no SILK layer. A frame of 40 ms is two of SILK's, one of 60 ms three, each with a flag.
    let frames = match config {
        16.. => return false,
        0..=11 => [1, 1, 2, 3][usize::from(config & 3)],
        _ => 1,
    };
    let Some(first) = first_frame(packet) else { return false };
    let flag = |shift: u8| first >> shift & 1 != 0;
    flag(7 - frames) || is_stereo && flag(6 - 2 * frames)
}

/// Whether the packet describes the speech before it (DRED), as far as its first extension says so.
pub(crate) fn has_deep_redundancy(packet: &[u8]) -> bool {
    let Some(padding) = padding(packet) else { return false };
    padding.first().is_some_and(|extension| extension >> 1 == DEEP)
}

/// The first byte of the first frame.
fn first_frame(packet: &[u8]) -> Option<u8> {
    let at = match packet.first()? & 3 {
        0 | 1 => 1,
        2 => 1 + length_size(packet, 1)?,
        _ => {
            let flags = *packet.get(1)?;
            let mut at = 2 + padding_size(packet, flags)?.0;
            if flags & 0x80 != 0 {
                for _ in 1..flags & 0x3f {
                    at += length_size(packet, at)?;
                }
            }
            at
        }
    };
    packet.get(at).copied()
}

/// The padding at the end (RFC 6716, section 3.2.5).
fn padding(packet: &[u8]) -> Option<&[u8]> {
    let (toc, flags) = (packet.first()?, *packet.get(1)?);
    if toc & 3 != 3 {
        return None;
    }
    let (_, size) = padding_size(packet, flags)?;
    packet.get(packet.len().checked_sub(size)?..)
}

/// How many bytes say how much padding there is, and how much.
fn padding_size(packet: &[u8], flags: u8) -> Option<(usize, usize)> {
    if flags & 0x40 == 0 {
        return Some((0, 0));
    }
    let (mut bytes, mut size) = (0, 0);
    loop {
        let byte = usize::from(*packet.get(2 + bytes)?);
        bytes += 1;
        if byte < 255 {
            return Some((bytes, size + byte));
        }
        size += 254;
    }
}

/// How many bytes the length of a frame takes (RFC 6716, section 3.2.1).
fn length_size(packet: &[u8], at: usize) -> Option<usize> {
    Some(if *packet.get(at)? < 252 { 1 } else { 2 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audio::{Encoder, FRAME, Source};

    /// Packets of speech.
    fn packets(loss: i32, deep: u32) -> Vec<Vec<u8>> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/speech.wav");
        let speech = Source::open(path.as_ref()).unwrap().samples().unwrap();
        let mut encoder = Encoder::new(32_000).unwrap();
        encoder.set_expected_loss(loss).unwrap();
        encoder.set_deep_redundancy(deep).unwrap();
        speech.as_chunks::<FRAME>().0[..100].iter().map(|frame| encoder.encode(frame).unwrap()).collect()
    }

    fn count(packets: &[Vec<u8>], has: fn(&[u8]) -> bool) -> usize {
        packets.iter().filter(|packet| has(packet)).count()
    }

    #[test]
    fn what_the_encoder_adds_is_seen() {
        let (plain, repeated, deep) = (packets(0, 0), packets(20, 0), packets(20, 200));
        assert_eq!((count(&plain, has_repetition), count(&plain, has_deep_redundancy)), (0, 0));
        assert!(count(&repeated, has_repetition) > 60, "{}", count(&repeated, has_repetition));
        assert_eq!(count(&repeated, has_deep_redundancy), 0);
        assert!(count(&deep, has_deep_redundancy) > 60, "{}", count(&deep, has_deep_redundancy));
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_panic(packet in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (has_repetition(&packet), has_deep_redundancy(&packet));
        }
    }
}
