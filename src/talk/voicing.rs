//! What encodes one's own voice for whom it is meant.

use crate::audio::{CodecError, Encoder, FRAME};
use crate::id::FlowId;
use crate::protocol::Loss;

/// Encodes what goes on one flow after the other.
#[derive(Debug)]
pub(super) struct Voicing {
    encoder: Encoder,
    bitrate: u32,
    loss: Loss,
    /// That of the last frame.
    flow: Option<FlowId>,
}

impl Voicing {
    /// So many bits a second, ready for the loss that listeners have.
    pub(super) fn new(bitrate: u32, loss: Loss) -> Result<Self, CodecError> {
        let encoder = Encoder::live(bitrate.cast_signed())?;
        let mut voicing = Self { encoder, bitrate, loss, flow: None };
        voicing.prepare(bitrate, loss)?;
        Ok(voicing)
    }

    /// As many bits from the next frame on, and ready for that loss.
    pub(super) fn prepare(&mut self, bitrate: u32, loss: Loss) -> Result<(), CodecError> {
        (self.bitrate, self.loss) = (bitrate, loss);
        self.encoder.set_bitrate(bitrate.cast_signed())?;
        self.encoder.set_protection(loss.percent, loss.bursts)
    }

    /// Encodes a frame that goes on a flow. A packet repeats and describes the speech before it; where that was for others, as a
    /// whisper is, it has nothing of it.
    pub(super) fn encode(&mut self, flow: FlowId, frame: &[f32; FRAME]) -> Result<Vec<u8>, CodecError> {
        if self.flow.is_some_and(|before| before != flow) {
            // One that is reset makes no redundancy for some seconds.
            *self = Self::new(self.bitrate, self.loss)?;
        }
        self.flow = Some(flow);
        self.encoder.encode_float(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Source, has_deep_redundancy, has_repetition};

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
            let mut same = Voicing::new(48_000, loss).unwrap();
            let packets: Vec<_> = frames.iter().map(|frame| same.encode(FlowId(2), frame).unwrap()).collect();
            let at = (50..200).find(|at| has(&packets[*at])).unwrap();
            let mut other = Voicing::new(48_000, loss).unwrap();
            for frame in &frames[..at] {
                other.encode(FlowId(2), frame).unwrap();
            }
            assert!(!has(&other.encode(FlowId::CHANNEL, &frames[at]).unwrap()), "bursts: {bursts}");
            let after = frames[at + 1..].iter().map(|frame| other.encode(FlowId::CHANNEL, frame).unwrap());
            assert!(after.into_iter().any(|packet| has(&packet)), "it goes on being protected");
        }
    }
}
