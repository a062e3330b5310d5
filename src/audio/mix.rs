//! Many speakers into one WAV file, in memory that doesn't grow with its length.

use std::collections::VecDeque;
use std::io::{Seek, Write};

use hound::{SampleFormat, WavSpec, WavWriter};

use super::SAMPLE_RATE;

/// How far behind the newest sample one can still be mixed in: 2 s.
const WINDOW: u64 = 2 * SAMPLE_RATE as u64;

/// Adds up what is given for each moment. What is older than two seconds is written and can't change.
pub struct WavMixer<W: Write + Seek> {
    writer: WavWriter<W>,
    written: u64,
    window: VecDeque<i32>,
}

impl<W: Write + Seek> std::fmt::Debug for WavMixer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavMixer").field("written", &self.written).finish_non_exhaustive()
    }
}

impl<W: Write + Seek> WavMixer<W> {
    /// Begins a file of one channel, 16 bit.
    pub fn new(writer: W) -> Result<Self, hound::Error> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        Ok(Self { writer: WavWriter::new(writer, spec)?, written: 0, window: VecDeque::new() })
    }

    /// Mixes samples in from a moment on, in samples since the beginning. What is too old is left out.
    pub fn add(&mut self, at: u64, samples: &[i16]) -> Result<(), hound::Error> {
        self.advance((at + samples.len() as u64).saturating_sub(WINDOW))?;
        for (moment, sample) in (at..).zip(samples) {
            let Some(place) = moment.checked_sub(self.written) else { continue };
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            if place >= self.window.len() {
                self.window.resize(place + 1, 0);
            }
            self.window[place] += i32::from(*sample);
        }
        Ok(())
    }

    /// Ends the file at a moment.
    pub fn finish(mut self, end: u64) -> Result<(), hound::Error> {
        self.advance(end)?;
        self.writer.finalize()
    }

    fn advance(&mut self, until: u64) -> Result<(), hound::Error> {
        while self.written < until {
            let sum = self.window.pop_front().unwrap_or(0);
            let sample = sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
            self.writer.write_sample(sample)?;
            self.written += 1;
            if self.written.is_multiple_of(SAMPLE_RATE.into()) {
                self.writer.flush()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::audio::Source;

    #[test]
    fn speakers_are_added_up_and_limited() {
        let mut file = Cursor::new(Vec::new());
        let mut mixer = WavMixer::new(&mut file).unwrap();
        mixer.add(10, &[100; 10]).unwrap();
        mixer.add(15, &[i16::MAX; 10]).unwrap();
        mixer.finish(30).unwrap();
        let samples = Source::read(Cursor::new(file.into_inner())).unwrap().samples().unwrap();
        assert_eq!(
            (samples.len(), samples[9], samples[10], samples[15], samples[20], samples[25]),
            (30, 0, 100, i16::MAX, i16::MAX, 0)
        );
    }

    #[test]
    fn memory_is_bounded_and_old_sound_is_left_out() {
        let mut file = Cursor::new(Vec::new());
        let mut mixer = WavMixer::new(&mut file).unwrap();
        mixer.add(10 * WINDOW, &[7; 960]).unwrap();
        assert!(mixer.window.len() as u64 <= WINDOW + 960);
        mixer.add(5, &[9; 960]).unwrap();
        mixer.finish(10 * WINDOW + 960).unwrap();
        let samples = Source::read(Cursor::new(file.into_inner())).unwrap().samples().unwrap();
        assert_eq!((samples[5], samples.last()), (0, Some(&7)));
    }
}
