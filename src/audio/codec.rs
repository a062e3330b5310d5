//! Opus (RFC 6716): packets of 20 ms are made, and packets of any length are decoded.

use thiserror::Error;

use super::{FRAME, SAMPLE_RATE};

/// Largest packet that an encoder makes, in bytes: what a voice packet has room for.
const MAX_OPUS: usize = 1_000;

/// Samples of the longest packet there is, 120 ms (RFC 6716, section 2.1.4).
const LONGEST: usize = 5_760;

/// Opus failed: wrong settings, or bytes that are no Opus packet.
#[derive(Debug, Error)]
#[error("Opus: {0}")]
pub struct CodecError(#[from] opus::Error);

/// Makes packets of speech.
#[derive(Debug)]
pub struct Encoder(opus::Encoder);

impl Encoder {
    /// An encoder at `bitrate` bits a second (500 to 512000), with forward error correction for the loss
    /// that [`Encoder::set_expected_loss`] says.
    pub fn new(bitrate: i32) -> Result<Self, CodecError> {
        Self::with_channels(bitrate, opus::Channels::Mono)
    }

    /// The same of two channels, whose samples alternate.
    pub fn stereo(bitrate: i32) -> Result<Self, CodecError> {
        Self::with_channels(bitrate, opus::Channels::Stereo)
    }

    fn with_channels(bitrate: i32, channels: opus::Channels) -> Result<Self, CodecError> {
        // `Audio` keeps the wave as it is. `Voip` filters low frequencies out, which suits a microphone
        // and turns their phase: speech from a file then correlates 0.85 with itself rather than 0.98.
        let mut encoder = opus::Encoder::new(SAMPLE_RATE, channels, opus::Application::Audio)?;
        encoder.set_bitrate(opus::Bitrate::Bits(bitrate))?;
        encoder.set_inband_fec(true)?;
        Ok(Self(encoder))
    }

    /// Prepares for so many lost packets, in percent (0 to 100), by repeating speech in the next packet.
    pub fn set_expected_loss(&mut self, percent: i32) -> Result<(), CodecError> {
        Ok(self.0.set_packet_loss_perc(percent)?)
    }

    /// Samples by which the decoded sound comes later than what was encoded: a file's pre-skip.
    pub fn look_ahead(&mut self) -> Result<u16, CodecError> {
        Ok(u16::try_from(self.0.get_lookahead()?).unwrap_or(0))
    }

    /// Encodes one frame: [`FRAME`] samples of each channel.
    pub fn encode(&mut self, frame: &[i16]) -> Result<Vec<u8>, CodecError> {
        Ok(self.0.encode_vec(frame, MAX_OPUS)?)
    }
}

/// Makes sound of packets, which must come in order.
#[derive(Debug)]
pub struct Decoder(opus::Decoder);

impl Decoder {
    /// A decoder that has heard nothing.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self(opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono)?))
    }

    /// Decodes a packet; stereo is mixed to one channel.
    pub fn decode(&mut self, packet: &[u8]) -> Result<Vec<i16>, CodecError> {
        let mut samples = vec![0; LONGEST];
        let count = self.0.decode(packet, &mut samples, false)?;
        samples.truncate(count);
        Ok(samples)
    }

    /// Conceals a lost frame of 20 ms.
    pub fn conceal(&mut self) -> Result<Vec<i16>, CodecError> {
        let mut samples = vec![0; FRAME];
        let count = self.0.decode(&[], &mut samples, false)?;
        samples.truncate(count);
        Ok(samples)
    }

    /// Recovers the frame of 20 ms before `next`, whose packet was lost, from what `next` repeats of it.
    pub fn recover(&mut self, next: &[u8]) -> Result<Vec<i16>, CodecError> {
        let mut samples = vec![0; FRAME];
        let count = self.0.decode(next, &mut samples, true)?;
        samples.truncate(count);
        Ok(samples)
    }
}

/// Makes sound of the packets of a file, which may have many channels (RFC 7845, section 5.1.1).
#[derive(Debug)]
pub(super) struct ManyDecoder {
    decoder: opus::MSDecoder,
    channels: usize,
}

impl ManyDecoder {
    /// A decoder of so many streams, of which the first `coupled` have two channels each. `mapping` says for each
    /// channel of the file which one of those it is.
    pub(super) fn new(streams: u8, coupled: u8, mapping: &[u8]) -> Result<Self, CodecError> {
        let decoder = opus::MSDecoder::new(SAMPLE_RATE, streams, coupled, mapping)?;
        Ok(Self { decoder, channels: mapping.len() })
    }

    /// Makes it louder from now on, by so many 256ths of a decibel.
    pub(super) fn set_gain(&mut self, gain: i16) -> Result<(), CodecError> {
        Ok(self.decoder.set_gain(gain.into())?)
    }

    /// Decodes a packet: a sample of each channel after the other.
    pub(super) fn decode(&mut self, packet: &[u8]) -> Result<Vec<f32>, CodecError> {
        self.run(packet, LONGEST)
    }

    /// Makes up so many samples, a multiple of 120.
    pub(super) fn conceal(&mut self, samples: usize) -> Result<Vec<f32>, CodecError> {
        if samples == 0 { Ok(Vec::new()) } else { self.run(&[], samples) }
    }

    fn run(&mut self, packet: &[u8], room: usize) -> Result<Vec<f32>, CodecError> {
        let mut samples = vec![0.0; room * self.channels];
        let count = self.decoder.decode_float(packet, &mut samples, false)?;
        samples.truncate(count * self.channels);
        Ok(samples)
    }
}

/// Samples at 48 kHz that a packet decodes to, from its first bytes (RFC 6716, section 3.1); `None` when
/// it is no packet.
pub fn packet_duration(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = toc >> 3;
    let frame = match config {
        0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        12..=15 => [480, 960][usize::from(config & 1)],
        16.. => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    let samples = frame * frames;
    (samples > 0 && samples <= LONGEST as u32).then_some(samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tone() -> [i16; FRAME] {
        std::array::from_fn(|i| ((i as f32 * 0.05).sin() * 8_000.0) as i16)
    }

    #[test]
    fn a_frame_comes_back_as_long_as_it_was() {
        let (mut encoder, mut decoder) = (Encoder::new(32_000).unwrap(), Decoder::new().unwrap());
        let packet = encoder.encode(&tone()).unwrap();
        assert_eq!(packet_duration(&packet), Some(960));
        assert_eq!(decoder.decode(&packet).unwrap().len(), FRAME);
        assert_eq!(decoder.conceal().unwrap().len(), FRAME);
        assert_eq!(decoder.recover(&packet).unwrap().len(), FRAME);
        assert_eq!(encoder.look_ahead().unwrap(), 312);
    }

    proptest! {
        #[test]
        fn durations_are_those_of_the_library(packet in proptest::collection::vec(any::<u8>(), 1..20)) {
            let ours = packet_duration(&packet).map(|samples| samples as usize);
            let theirs = opus::packet::get_nb_samples(&packet, SAMPLE_RATE).ok().filter(|samples| *samples > 0);
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Decoder::new().unwrap().decode(&packet);
        }
    }
}
