//! The limiter after mixing: several people at once don't distort.

use std::collections::VecDeque;

/// The highest amplitude that leaves the limiter: -1 dBov, since the filters of a sound card overshoot a little.
const CEILING: f32 = 0.891;

/// Samples by which the limiter sees ahead, and by which it delays: 1 ms.
const AHEAD: usize = 48;

/// How much of a reduction is left after a sample: it has gone back by two thirds after 100 ms.
const RELEASE: f32 = 0.999_79;

/// Keeps sound below full scale without distorting it: the gain goes down in the millisecond before a peak, and
/// comes back within some 100 ms. It delays by 1 ms.
#[derive(Debug)]
pub struct Limiter {
    /// The samples that wait.
    delayed: VecDeque<f32>,
    /// Where in the last [`AHEAD`] + 1 samples the gain is lowest from there on: number of the sample, gain.
    lowest: VecDeque<(u64, f32)>,
    /// The last [`AHEAD`] gains, whose average is applied, and their sum.
    gains: VecDeque<f32>,
    sum: f64,
    gain: f32,
    number: u64,
    reduction: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Limiter {
    /// A limiter that has heard silence until now.
    pub fn new() -> Self {
        Self {
            delayed: VecDeque::from([0.0; AHEAD]),
            lowest: VecDeque::with_capacity(AHEAD + 2),
            gains: VecDeque::from([1.0; AHEAD]),
            sum: AHEAD as f64,
            gain: 1.0,
            number: 0,
            reduction: 0.0,
        }
    }

    /// Limits samples of any amplitude; what isn't a number becomes silence. No sample is above -1 dBov afterwards.
    pub fn process(&mut self, block: &mut [f32]) {
        let mut least = 1.0_f32;
        for sample in block {
            let new = if sample.is_finite() { *sample } else { 0.0 };
            let gain = self.next_gain(new);
            self.delayed.push_back(new);
            // The clamp only takes away what rounding adds.
            *sample = (self.delayed.pop_front().unwrap_or(0.0) * gain).clamp(-CEILING, CEILING);
            least = least.min(gain);
        }
        self.reduction = -20.0 * least.log10();
    }

    /// By how many decibels the loudest sample of the last block was lowered; 0 where none was.
    pub fn reduction(&self) -> f32 {
        self.reduction
    }

    /// The gain of the sample that leaves when this one comes in.
    fn next_gain(&mut self, new: f32) -> f32 {
        let wanted = if new.abs() > CEILING { CEILING / new.abs() } else { 1.0 };
        while self.lowest.back().is_some_and(|(_, gain)| *gain >= wanted) {
            self.lowest.pop_back();
        }
        self.lowest.push_back((self.number, wanted));
        if self.lowest.front().is_some_and(|(number, _)| number + (AHEAD as u64) < self.number) {
            self.lowest.pop_front();
        }
        self.number += 1;
        let held = self.lowest.front().map_or(1.0, |(_, gain)| *gain);
        self.gain = held.min(1.0 - (1.0 - self.gain) * RELEASE);
        self.gains.push_back(self.gain);
        self.sum += f64::from(self.gain) - self.gains.pop_front().map_or(0.0, f64::from);
        (self.sum / AHEAD as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of a tone, limited.
    fn limited(amplitude: f32, blocks: usize) -> (Vec<f32>, Limiter) {
        let mut limiter = Limiter::new();
        let mut all = Vec::new();
        for number in 0..blocks {
            let mut block: Vec<f32> = (0..240)
                .map(|at| {
                    amplitude
                        * (((number * 240 + at) as f32) * 440.0 * std::f32::consts::TAU / 48_000.0).sin()
                })
                .collect();
            limiter.process(&mut block);
            all.extend(block);
        }
        (all, limiter)
    }

    #[test]
    fn what_is_quiet_enough_is_only_delayed() {
        let (sound, limiter) = limited(0.8, 20);
        for (at, sample) in sound.iter().enumerate().skip(AHEAD) {
            let original = 0.8 * ((at - AHEAD) as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin();
            assert!((sample - original).abs() < 1e-3, "{at}");
        }
        assert!(limiter.reduction().abs() < 0.01);
    }

    #[test]
    fn what_is_too_loud_is_turned_down_rather_than_cut_off() {
        let (sound, limiter) = limited(4.0, 40);
        assert!(sound.iter().all(|sample| sample.abs() <= CEILING));
        assert!((limiter.reduction() - 13.0).abs() < 0.5, "{}", limiter.reduction());
        // A tone that is cut off has odd overtones of a tenth of its amplitude and more.
        let tail = &sound[4_800..];
        let part = |frequency: f32| {
            let (mut re, mut im) = (0.0, 0.0);
            for (at, sample) in tail.iter().enumerate() {
                let angle = at as f32 * frequency * std::f32::consts::TAU / 48_000.0;
                re += sample * angle.cos();
                im += sample * angle.sin();
            }
            re.hypot(im)
        };
        assert!(part(1_320.0) < 0.02 * part(440.0), "{} of {}", part(1_320.0), part(440.0));
    }

    #[test]
    fn a_single_peak_is_seen_in_time_and_forgotten_within_half_a_second() {
        let mut limiter = Limiter::new();
        let mut block = [0.5; 240];
        limiter.process(&mut block);
        block = [0.5; 240];
        block[0] = 100.0;
        limiter.process(&mut block);
        assert!(block.iter().all(|sample| sample.abs() <= CEILING));
        for _ in 0..100 {
            block = [0.5; 240];
            limiter.process(&mut block);
        }
        assert!((block[239] - 0.5).abs() < 0.02, "{}", block[239]);
    }

    #[test]
    fn what_is_no_number_is_silence() {
        let mut limiter = Limiter::new();
        let mut block = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN].repeat(48);
        limiter.process(&mut block);
        limiter.process(&mut block);
        assert!(block.iter().all(|sample| sample.abs() <= CEILING));
    }
}
