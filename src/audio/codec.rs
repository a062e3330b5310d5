//! Opus (RFC 6716): packets of 20 ms are made, and packets of any length are decoded.

use std::fmt;

use opusic_c::dred::Dred;
use opusic_c::{Application, Bitrate, Channels, ErrorCode, InbandFec, SampleRate};
use thiserror::Error;

use super::FRAME;

/// Largest packet that an encoder makes, in bytes: what a voice packet has room for.
const MAX_OPUS: usize = 1_000;

/// Samples of the longest packet there is, 120 ms (RFC 6716, section 2.1.4).
pub(super) const LONGEST: usize = 5_760;

/// The decoder's complexity from which on a network conceals what is lost.
const NEURAL: u8 = 5;

/// The longest time that deep redundancy reaches back, in milliseconds.
const LONGEST_REDUNDANCY: u32 = 1_000;

/// From which loss on deep redundancy pays also where packets are lost one by one, in percent.
const DEEP_FROM: u8 = 15;

/// How far deep redundancy reaches back, in milliseconds: most bursts are shorter.
const PROTECTED: u32 = 200;

/// Opus failed: wrong settings, or bytes that are no Opus packet.
#[derive(Debug, Error)]
#[error("Opus: {}", .0.message())]
pub struct CodecError(ErrorCode);

impl From<ErrorCode> for CodecError {
    fn from(code: ErrorCode) -> Self {
        Self(code)
    }
}

/// Makes packets of speech.
pub struct Encoder(opusic_c::Encoder);

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("channels", &self.0.channels()).finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder at `bitrate` bits a second (500 to 512000), with forward error correction for the loss
    /// that [`Encoder::set_expected_loss`] says.
    pub fn new(bitrate: i32) -> Result<Self, CodecError> {
        // `Audio` keeps the wave as it is. `Voip` filters low frequencies out, which suits a microphone
        // and turns their phase: speech from a file then correlates 0.85 with itself rather than 0.98.
        Self::with_channels(bitrate, Channels::Mono, Application::Audio)
    }

    /// The same for a microphone: low frequencies are filtered out, and loss does less harm.
    pub fn live(bitrate: i32) -> Result<Self, CodecError> {
        Self::with_channels(bitrate, Channels::Mono, Application::Voip)
    }

    /// The same of two channels, whose samples alternate.
    pub fn stereo(bitrate: i32) -> Result<Self, CodecError> {
        Self::with_channels(bitrate, Channels::Stereo, Application::Audio)
    }

    fn with_channels(bitrate: i32, channels: Channels, sort: Application) -> Result<Self, CodecError> {
        let mut encoder = Self(opusic_c::Encoder::new(channels, SampleRate::Hz48000, sort)?);
        encoder.set_bitrate(bitrate)?;
        encoder.0.set_inband_fec(InbandFec::Mode1)?;
        Ok(encoder)
    }

    /// So many bits a second from the next frame on (500 to 512000), redundancy included.
    pub fn set_bitrate(&mut self, bitrate: i32) -> Result<(), CodecError> {
        let bitrate = u32::try_from(bitrate).map_err(|_| ErrorCode::BadArg)?;
        Ok(self.0.set_bitrate(Bitrate::Value(bitrate))?)
    }

    /// Prepares for so many lost packets, in percent (0 to 100), by repeating speech in the next packet.
    pub fn set_expected_loss(&mut self, percent: i32) -> Result<(), CodecError> {
        Ok(self.0.set_packet_loss(u8::try_from(percent).map_err(|_| ErrorCode::BadArg)?)?)
    }

    /// Has each packet describe the speech of so many milliseconds before it, for loss that comes in bursts (deep
    /// redundancy, DRED): 0 for none, 1000 at most, in steps of 10. It is made only where loss is expected
    /// ([`Encoder::set_expected_loss`]), and takes its bits from the bitrate.
    pub fn set_deep_redundancy(&mut self, milliseconds: u32) -> Result<(), CodecError> {
        let steps = milliseconds.min(LONGEST_REDUNDANCY) / 10;
        Ok(self.0.set_dred_duration(u8::try_from(steps).unwrap_or(u8::MAX))?)
    }

    /// Prepares for so many lost packets, in percent (0 to 100): by repeating speech in the next packet, and where
    /// several are lost together, or very many, by deep redundancy, too.
    pub fn set_protection(&mut self, percent: u8, is_bursty: bool) -> Result<(), CodecError> {
        let is_deep = percent >= DEEP_FROM || is_bursty && percent > 0;
        self.set_deep_redundancy(if is_deep { PROTECTED } else { 0 })?;
        // With less libopus has too few bits for deep redundancy beside the repetition, with more for the speech itself.
        self.set_expected_loss(if is_deep { DEEP_FROM } else { percent }.into())
    }

    /// Samples by which the decoded sound comes later than what was encoded: a file's pre-skip.
    pub fn look_ahead(&mut self) -> Result<u16, CodecError> {
        Ok(u16::try_from(self.0.get_look_ahead()?).unwrap_or(0))
    }

    /// Encodes one frame: [`FRAME`] samples of each channel.
    pub fn encode(&mut self, frame: &[i16]) -> Result<Vec<u8>, CodecError> {
        let frame: Vec<u16> = frame.iter().map(|sample| sample.cast_unsigned()).collect();
        let mut packet = vec![0; MAX_OPUS];
        let length = self.0.encode_to_slice(&frame, &mut packet)?;
        packet.truncate(length);
        Ok(packet)
    }

    /// The same of samples between -1 and 1.
    pub fn encode_float(&mut self, frame: &[f32]) -> Result<Vec<u8>, CodecError> {
        let mut packet = vec![0; MAX_OPUS];
        let length = self.0.encode_float_to_slice(frame, &mut packet)?;
        packet.truncate(length);
        Ok(packet)
    }
}

/// How lost speech is made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concealment {
    /// By repeating what was before: cheap.
    #[default]
    Plain,
    /// By a network that speaks on: 2 ms of processor time for a frame of 20 ms, and a normal frame costs twice as much.
    Neural,
}

/// Makes sound of packets, which must come in order.
pub struct Decoder(Dred);

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder that has heard nothing, and conceals plainly.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self(Dred::new(opusic_c::Decoder::new(Channels::Mono, SampleRate::Hz48000)?)?))
    }

    /// How lost speech is made up from now on.
    pub fn set_concealment(&mut self, concealment: Concealment) -> Result<(), CodecError> {
        let complexity = if concealment == Concealment::Neural { NEURAL } else { 0 };
        Ok(self.0.decoder_mut().set_complexity(complexity)?)
    }

    /// Decodes a packet; stereo is mixed to one channel.
    pub fn decode(&mut self, packet: &[u8]) -> Result<Vec<i16>, CodecError> {
        self.run(packet, LONGEST, false)
    }

    /// Conceals a lost frame of 20 ms.
    pub fn conceal(&mut self) -> Result<Vec<i16>, CodecError> {
        self.run(&[], FRAME, false)
    }

    /// Recovers the frame of 20 ms before `next`, whose packet was lost, from what `next` repeats of it.
    pub fn recover(&mut self, next: &[u8]) -> Result<Vec<i16>, CodecError> {
        self.run(next, FRAME, true)
    }

    fn run(&mut self, packet: &[u8], room: usize, is_before: bool) -> Result<Vec<i16>, CodecError> {
        let mut samples = vec![0; room];
        let count = self.0.decoder_mut().decode_to_slice(packet, &mut samples, is_before)?;
        samples.truncate(count);
        Ok(samples.into_iter().map(u16::cast_signed).collect())
    }

    /// Decodes a packet to samples between about -1 and 1, as many as it has.
    pub fn decode_float(&mut self, packet: &[u8]) -> Result<Vec<f32>, CodecError> {
        if packet.is_empty() {
            return Err(ErrorCode::InvalidPacket.into());
        }
        self.run_float(packet, LONGEST, false)
    }

    /// Makes up so many lost samples, a multiple of 120 and 5760 at most.
    pub fn conceal_float(&mut self, samples: usize) -> Result<Vec<f32>, CodecError> {
        self.run_float(&[], samples.min(LONGEST), false)
    }

    /// Recovers so many lost samples right before `next` from what `next` repeats of the frame before it; what that
    /// doesn't reach is made up. A multiple of 120, and 5760 at most.
    pub fn recover_float(&mut self, next: &[u8], samples: usize) -> Result<Vec<f32>, CodecError> {
        self.run_float(next, samples.min(LONGEST), true)
    }

    /// Recovers so many lost samples right before `next` from the deep redundancy in it; without that they are made
    /// up. A multiple of 480, and 4800 at most.
    pub fn recover_deeply(&mut self, next: &[u8], samples: usize) -> Result<Vec<f32>, CodecError> {
        let mut sound = vec![0.0; samples.min(LONGEST)];
        let count = self.0.decode_float_to_slice(next, &mut sound)?;
        sound.truncate(count);
        Ok(sound)
    }

    fn run_float(&mut self, packet: &[u8], room: usize, is_before: bool) -> Result<Vec<f32>, CodecError> {
        let mut samples = vec![0.0; room];
        let count = self.0.decoder_mut().decode_float_to_slice(packet, &mut samples, is_before)?;
        samples.truncate(count);
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
            let theirs = opusic_c::utils::get_nb_samples(&packet, SampleRate::Hz48000).ok().filter(|samples| *samples > 0);
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Decoder::new().unwrap().decode(&packet);
        }
    }
}
