//! What encodes one's own voice for whom it is meant.

use crate::audio::{CodecError, Encoder};
use crate::id::FlowId;
use crate::protocol::Loss;

/// Encodes what goes on one flow after the other.
#[derive(Debug)]
pub(super) struct Voicing {
    encoder: Encoder,
    bitrate: u32,
    loss: Loss,
    is_music: bool,
    /// That of the last frame.
    flow: Option<FlowId>,
}

impl Voicing {
    /// So many bits a second, ready for the loss that listeners have. An encoder for speech leaves low frequencies out, of which a
    /// voice has none; music has.
    pub(super) fn new(bitrate: u32, loss: Loss, is_music: bool) -> Result<Self, CodecError> {
        let bits = bitrate.cast_signed();
        let encoder = if is_music { Encoder::new(bits)? } else { Encoder::live(bits)? };
        let mut voicing = Self { encoder, bitrate, loss, is_music, flow: None };
        voicing.prepare(bitrate, loss, is_music)?;
        Ok(voicing)
    }

    /// As many bits from the next frame on, ready for that loss, and music or not.
    pub(super) fn prepare(&mut self, bitrate: u32, loss: Loss, is_music: bool) -> Result<(), CodecError> {
        if is_music != self.is_music {
            *self = Self::new(bitrate, loss, is_music)?;
            return Ok(());
        }
        (self.bitrate, self.loss) = (bitrate, loss);
        self.encoder.set_bitrate(bitrate.cast_signed())?;
        self.encoder.set_protection(loss.percent, loss.bursts)
    }

    /// Encodes a frame that goes on a flow. A packet repeats and describes the speech before it; where that was for others, as a
    /// whisper is, it has nothing of it.
    pub(super) fn encode(&mut self, flow: FlowId, frame: &[f32]) -> Result<Vec<u8>, CodecError> {
        if self.flow.is_some_and(|before| before != flow) {
            // One that is reset makes no redundancy for some seconds.
            *self = Self::new(self.bitrate, self.loss, self.is_music)?;
        }
        self.flow = Some(flow);
        self.encoder.encode_float(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::processing::loudness;
    use crate::audio::{Decoder, FRAME, SAMPLE_RATE, Source, has_deep_redundancy, has_repetition};

    #[test]
    fn what_was_whispered_is_not_repeated_to_the_channel() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/speech.wav");
        let speech = Source::open(path.as_ref()).unwrap().samples().unwrap();
        let speech: Vec<f32> = speech.into_iter().map(|sample| f32::from(sample) / 32_768.0).collect();
        let frames = &speech.as_chunks::<FRAME>().0[..200];
        for bursts in [false, true] {
            let has = if bursts { has_deep_redundancy } else { has_repetition };
            // In the middle of a word, after a frame that is repeated while the flow is the same.
            let loss = Loss { percent: 10, bursts };
            let mut same = Voicing::new(48_000, loss, false).unwrap();
            let packets: Vec<_> = frames.iter().map(|frame| same.encode(FlowId(2), frame).unwrap()).collect();
            let at = (50..200).find(|at| has(&packets[*at])).unwrap();
            let mut other = Voicing::new(48_000, loss, false).unwrap();
            for frame in &frames[..at] {
                other.encode(FlowId(2), frame).unwrap();
            }
            assert!(!has(&other.encode(FlowId::CHANNEL, &frames[at]).unwrap()), "bursts: {bursts}");
            let after = frames[at + 1..].iter().map(|frame| other.encode(FlowId::CHANNEL, frame).unwrap());
            assert!(after.into_iter().any(|packet| has(&packet)), "it goes on being protected");
        }
    }

    /// How loud a deep tone comes out, beside what went in, in decibels.
    fn kept_of(hertz: f32, is_music: bool) -> f32 {
        // What is sent becomes music, or speech, in between.
        let mut voicing = Voicing::new(48_000, Loss::default(), !is_music).unwrap();
        voicing.prepare(128_000, Loss::default(), is_music).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let (mut given, mut kept) = (Vec::new(), Vec::new());
        for frame in 0..50 {
            let at = |sample: usize| (frame * FRAME + sample) as f32 / SAMPLE_RATE as f32;
            let frame: Vec<f32> =
                (0..FRAME).map(|sample| 0.3 * (std::f32::consts::TAU * hertz * at(sample)).sin()).collect();
            let decoded = decoder.decode(&voicing.encode(FlowId::CHANNEL, &frame).unwrap()).unwrap();
            kept.extend(decoded.iter().map(|sample| f32::from(*sample) / 32_768.0));
            given.extend(frame);
        }
        loudness(&kept[10 * FRAME..]) - loudness(&given[10 * FRAME..])
    }

    #[test]
    fn music_keeps_its_deep_notes() {
        let (music, speech) = (kept_of(35.0, true), kept_of(35.0, false));
        assert!(music > -1.0, "{music} dB of a note of 35 Hz");
        assert!(speech < -3.0, "{speech} dB: if speech keeps it, too, one encoder is enough");
    }
}
