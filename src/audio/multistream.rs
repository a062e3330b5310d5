//! The packets of an Opus file, which may have many channels: several Opus streams, a packet of each in one (RFC 7845,
//! section 5.1.1). Each stream has a decoder of its own here, since the binding's decoder of several stays on the thread
//! that made it.

use opusic_c::{Channels, Decoder, ErrorCode, SampleRate};

use super::CodecError;
use super::codec::LONGEST;

/// What a mapping says of a channel that is silent.
const SILENT: u8 = 255;

/// Makes sound of the packets of a file.
pub(super) struct ManyDecoder {
    streams: Vec<Decoder>,
    /// Where each channel of the file comes from: a stream, and the channel of that; `None` for nowhere.
    sources: Vec<Option<(usize, usize)>>,
}

impl std::fmt::Debug for ManyDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManyDecoder").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl ManyDecoder {
    /// A decoder of so many streams, of which the first `coupled` have two channels each. `mapping` says for each
    /// channel of the file which one of those it is.
    pub(super) fn new(streams: u8, coupled: u8, mapping: &[u8]) -> Result<Self, CodecError> {
        let all = u16::from(streams) + u16::from(coupled);
        if streams == 0 || coupled > streams || all > 255 || mapping.is_empty() {
            return Err(ErrorCode::BadArg.into());
        }
        let source = |channel: &u8| match *channel {
            SILENT => Ok(None),
            channel if u16::from(channel) >= all => Err(CodecError::from(ErrorCode::BadArg)),
            channel if channel / 2 < coupled => {
                Ok(Some((usize::from(channel / 2), usize::from(channel % 2))))
            }
            channel => Ok(Some((usize::from(channel - coupled), 0))),
        };
        let sources = mapping.iter().map(source).collect::<Result<_, _>>()?;
        let open = |stream| {
            let channels = if stream < coupled { Channels::Stereo } else { Channels::Mono };
            Decoder::new(channels, SampleRate::Hz48000)
        };
        Ok(Self { streams: (0..streams).map(open).collect::<Result<_, _>>()?, sources })
    }

    /// Makes it louder from now on, by so many 256ths of a decibel.
    pub(super) fn set_gain(&mut self, gain: i16) -> Result<(), CodecError> {
        for stream in &mut self.streams {
            stream.set_gain(gain.into())?;
        }
        Ok(())
    }

    /// Decodes a packet: a sample of each channel after the other.
    pub(super) fn decode(&mut self, packet: &[u8]) -> Result<Vec<f32>, CodecError> {
        let mut rest = packet;
        let mut packets = Vec::with_capacity(self.streams.len());
        for _ in 1..self.streams.len() {
            let (one, behind) = split_first(rest).ok_or(ErrorCode::InvalidPacket)?;
            packets.push(one);
            rest = behind;
        }
        if rest.is_empty() {
            return Err(ErrorCode::InvalidPacket.into());
        }
        packets.push(rest.to_vec());
        self.run(&packets, LONGEST)
    }

    /// Makes up so many samples, a multiple of 120.
    pub(super) fn conceal(&mut self, samples: usize) -> Result<Vec<f32>, CodecError> {
        if samples == 0 { Ok(Vec::new()) } else { self.run(&vec![Vec::new(); self.streams.len()], samples) }
    }

    /// Decodes a packet of each stream, an empty one for what is lost, and puts the channels in the file's order.
    fn run(&mut self, packets: &[Vec<u8>], room: usize) -> Result<Vec<f32>, CodecError> {
        let mut sounds = Vec::with_capacity(packets.len());
        let mut frames = None;
        for (stream, packet) in self.streams.iter_mut().zip(packets) {
            let width = stream.channels() as usize;
            let mut sound = vec![0.0; room * width];
            let count = stream.decode_float_to_slice(packet, &mut sound, false)?;
            // All of them last as long as each other.
            if *frames.get_or_insert(count) != count {
                return Err(ErrorCode::InvalidPacket.into());
            }
            sounds.push((sound, width));
        }
        let sample = |frame: usize, source: &Option<(usize, usize)>| {
            source.and_then(|(stream, channel)| {
                let (sound, width) = sounds.get(stream)?;
                sound.get(frame * width + channel).copied()
            })
        };
        let all =
            (0..frames.unwrap_or(0)).flat_map(|frame| self.sources.iter().map(move |source| (frame, source)));
        Ok(all.map(|(frame, source)| sample(frame, source).unwrap_or(0.0)).collect())
    }
}

/// The first of several packets, which says how long it is (RFC 6716, appendix B), as one by itself is, which doesn't;
/// and what comes behind it.
fn split_first(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let toc = *bytes.first()?;
    let mut at = 1;
    let mut padding = 0;
    // Frames, and those of them whose lengths a packet by itself says, too.
    let (frames, said) = match toc & 3 {
        0 => (1, 0),
        1 => (2, 0),
        2 => (2, 1),
        _ => {
            let flags = *bytes.get(1)?;
            at = 2;
            if flags & 0x40 != 0 {
                padding = read_padding(bytes, &mut at)?;
            }
            let frames = usize::from(flags & 0x3f);
            (frames, if flags & 0x80 == 0 { 0 } else { frames.checked_sub(1)? })
        }
    };
    let mut length = 0;
    for _ in 0..said {
        length += read_length(bytes, &mut at)?;
    }
    let head = at;
    let last = read_length(bytes, &mut at)?;
    length += last * (frames - said);
    let end = at.checked_add(length)?.checked_add(padding)?;
    let packet = [bytes.get(..head)?, bytes.get(at..end)?].concat();
    Some((packet, &bytes[end..]))
}

/// The length of a frame (RFC 6716, section 3.2.1).
fn read_length(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let first = usize::from(*bytes.get(*at)?);
    *at += 1;
    if first < 252 {
        return Some(first);
    }
    let second = usize::from(*bytes.get(*at)?);
    *at += 1;
    Some(4 * second + first)
}

/// How many bytes of padding there are at the end (RFC 6716, section 3.2.5).
fn read_padding(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut padding = 0;
    loop {
        let byte = usize::from(*bytes.get(*at)?);
        *at += 1;
        if byte < 255 {
            return Some(padding + byte);
        }
        padding += 254;
    }
}

#[cfg(test)]
mod tests {
    use opusic_c::Application;
    use opusic_c::multistream::{Config, Encoder};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_arrangement_of_channels_is_refused() {
        assert!(ManyDecoder::new(0, 0, &[0]).is_err(), "no stream");
        assert!(ManyDecoder::new(1, 2, &[0, 1]).is_err(), "more coupled streams than there are");
        assert!(ManyDecoder::new(1, 0, &[]).is_err(), "no channel");
        assert!(ManyDecoder::new(1, 0, &[1]).is_err(), "a channel of a stream that isn't there");
        assert!(ManyDecoder::new(255, 255, &[0]).is_err(), "more streams than can be");
    }

    #[test]
    fn it_answers_with_the_channels_of_the_file() {
        for (streams, coupled, mapping) in [
            (1, 0, vec![0]),
            (1, 0, vec![0, 0, 255]),
            (1, 1, vec![0, 1]),
            (4, 2, vec![0, 4, 1, 2, 3, 5]),
            (9, 0, vec![0]),
            (32, 0, (0..32).collect()),
            (40, 0, vec![39]),
        ] {
            let heard = ManyDecoder::new(streams, coupled, &mapping).unwrap().conceal(960).unwrap();
            assert_eq!(heard.len(), 960 * mapping.len(), "{streams} streams, {mapping:?}");
        }
    }

    /// Two streams, the first of two channels, whose three channels are tones of their own loudness.
    fn packet(encoder: &mut Encoder, index: usize) -> Vec<u8> {
        let sound: Vec<f32> = (0..960)
            .flat_map(|i| {
                let wave = ((index * 960 + i) as f32 * 0.05).sin();
                [wave * 0.8, wave * 0.4, wave * 0.2]
            })
            .collect();
        let mut packet = vec![0; 4_000];
        let length = encoder.encode_float_to_slice(&sound, &mut packet).unwrap();
        packet.truncate(length);
        packet
    }

    fn encoder() -> Encoder {
        Encoder::new(Config::new(2, 1, [0, 1, 2]), SampleRate::Hz48000, Application::Audio).unwrap()
    }

    #[test]
    fn each_channel_comes_from_its_own_stream() {
        let (mut encoder, mut decoder) = (encoder(), ManyDecoder::new(2, 1, &[2, 255, 0, 1]).unwrap());
        let mut sound = Vec::new();
        for index in 0..20 {
            sound = decoder.decode(&packet(&mut encoder, index)).unwrap();
        }
        let level = |channel: usize| {
            let squares = sound.chunks_exact(4).map(|frame| frame[channel] * frame[channel]).sum::<f32>();
            (squares / 960.0 * 2.0).sqrt()
        };
        let levels: Vec<f32> = (0..4).map(level).collect();
        for (heard, expected) in levels.iter().zip([0.2, 0.0, 0.8, 0.4]) {
            assert!((heard - expected).abs() < 0.03, "{levels:?}");
        }
    }

    #[test]
    fn a_packet_among_several_becomes_one_by_itself() {
        let frame = |length: usize, byte: u8| vec![byte; length];
        let cases: [(Vec<u8>, Vec<u8>); 5] = [
            ([vec![0x08, 3], frame(3, 7)].concat(), [vec![0x08], frame(3, 7)].concat()),
            ([vec![0x09, 2], frame(4, 7)].concat(), [vec![0x09], frame(4, 7)].concat()),
            ([vec![0x0a, 2, 3], frame(5, 7)].concat(), [vec![0x0a, 2], frame(5, 7)].concat()),
            // Three frames of any length, with two bytes of padding.
            (
                [vec![0x0b, 0xc3, 2, 1, 2, 3], frame(8, 7)].concat(),
                [vec![0x0b, 0xc3, 2, 1, 2], frame(8, 7)].concat(),
            ),
            // Two of the same length, 253 bytes.
            ([vec![0x0b, 2, 253, 0], frame(506, 7)].concat(), [vec![0x0b, 2], frame(506, 7)].concat()),
        ];
        for (several, alone) in cases {
            let bytes = [several, b"behind".to_vec()].concat();
            let (packet, behind) = split_first(&bytes).unwrap();
            assert_eq!((packet, behind), (alone, &b"behind"[..]));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            streams in 1_u8..4,
        ) {
            let _ = ManyDecoder::new(streams, streams / 2, &[0]).unwrap().decode(&bytes);
        }

        #[test]
        fn a_packet_with_a_byte_changed_is_decoded_without_panic(at in 0_usize..60, byte: u8) {
            let mut bytes = packet(&mut encoder(), 0);
            let at = at.min(bytes.len() - 1);
            bytes[at] = byte;
            let _ = ManyDecoder::new(2, 1, &[0, 1, 2]).unwrap().decode(&bytes);
        }
    }
}
