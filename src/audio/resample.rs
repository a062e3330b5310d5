//! Sound of any rate at [`SAMPLE_RATE`], as it comes.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use super::{SAMPLE_RATE, SoundError};

/// Frames that are converted at once, about: 23 ms at 44.1 kHz.
const CHUNK: usize = 1_024;

/// Converts one rate to ours, in the same number of channels. The order of calls is [`RateConverter::convert`] for
/// what comes, and [`RateConverter::finish`] at the end.
pub(super) struct RateConverter {
    /// `None` where nothing is to be converted.
    fft: Option<Fft<f32>>,
    rate: u32,
    channels: usize,
    waiting: Vec<f32>,
    /// Frames before the first that was given.
    delay: usize,
    /// Frames that came, and that were passed on.
    taken: u64,
    given: u64,
}

impl RateConverter {
    /// From so many samples a second.
    pub(super) fn new(rate: u32, channels: usize) -> Result<Self, SoundError> {
        let fft = (rate != SAMPLE_RATE)
            .then(|| Fft::new(rate as usize, SAMPLE_RATE as usize, CHUNK, channels, FixedSync::Both))
            .transpose()
            .map_err(|_| SoundError::Resample("the rate can't be converted"))?;
        let delay = fft.as_ref().map_or(0, Resampler::output_delay);
        Ok(Self { fft, rate, channels, waiting: Vec::new(), delay, taken: 0, given: 0 })
    }

    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Converts interleaved samples, as far as they fill a chunk.
    pub(super) fn convert(&mut self, samples: &[f32], converted: &mut Vec<f32>) -> Result<(), SoundError> {
        let Some(fft) = &mut self.fft else {
            converted.extend_from_slice(samples);
            return Ok(());
        };
        self.taken += (samples.len() / self.channels) as u64;
        self.waiting.extend_from_slice(samples);
        let needed = fft.input_frames_next() * self.channels;
        let whole = self.waiting.len() / needed * needed;
        let chunks: Vec<f32> = self.waiting.drain(..whole).collect();
        for chunk in chunks.chunks_exact(needed) {
            self.convert_chunk(chunk, converted)?;
        }
        Ok(())
    }

    /// Converts what is left.
    pub(super) fn finish(&mut self, converted: &mut Vec<f32>) -> Result<(), SoundError> {
        let Some(fft) = &self.fft else { return Ok(()) };
        let needed = fft.input_frames_next() * self.channels;
        let end = (u128::from(self.taken) * u128::from(SAMPLE_RATE)).div_ceil(self.rate.into()) as u64;
        let before = self.given;
        let begin = converted.len();
        while self.given < end {
            let mut chunk = std::mem::take(&mut self.waiting);
            chunk.resize(needed, 0.0);
            self.convert_chunk(&chunk, converted)?;
        }
        converted.truncate(begin + end.saturating_sub(before) as usize * self.channels);
        (self.taken, self.given) = (0, 0);
        Ok(())
    }

    fn convert_chunk(&mut self, chunk: &[f32], converted: &mut Vec<f32>) -> Result<(), SoundError> {
        let Some(fft) = &mut self.fft else { return Ok(()) };
        let failed = SoundError::Resample("the converter refused a part of it");
        let frames = chunk.len() / self.channels;
        let Ok(input) = InterleavedSlice::new(chunk, self.channels, frames) else { return Err(failed) };
        let Ok(output) = fft.process(&input, None) else { return Err(failed) };
        let output = output.take_data();
        let skipped = self.delay.min(output.len() / self.channels);
        self.delay -= skipped;
        converted.extend_from_slice(&output[skipped * self.channels..]);
        self.given += (output.len() / self.channels - skipped) as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_parts_the_length_is_right_and_nothing_moves() {
        for rate in [8_000, 11_025, 44_100, 48_000, 96_000, 44_099] {
            for part in [1, 700, 100_000] {
                let tone: Vec<f32> = (0..rate)
                    .map(|i| (i as f32 * 440.0 * std::f32::consts::TAU / rate as f32).sin() * 0.5)
                    .flat_map(|sample| [sample, -sample])
                    .collect();
                let (mut converter, mut converted) = (RateConverter::new(rate, 2).unwrap(), Vec::new());
                for samples in tone.chunks(part * 2) {
                    converter.convert(samples, &mut converted).unwrap();
                }
                converter.finish(&mut converted).unwrap();
                assert_eq!(converted.len(), 96_000, "{rate}");
                // A block of an odd number of samples has its middle between two of them.
                let bound = 0.02 + 0.25 * 440.0 * std::f32::consts::TAU / rate as f32;
                for (index, pair) in converted.chunks(2).enumerate().skip(2_000).take(44_000) {
                    let expected = (index as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.5;
                    assert!(
                        (pair[0] - expected).abs() < bound,
                        "{rate} at {index}: {pair:?}, not {expected}"
                    );
                    assert!((pair[0] + pair[1]).abs() < 1e-4);
                }
            }
        }
    }
}
