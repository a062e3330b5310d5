//! Whether the microphone hears what the loudspeaker plays.
//!
//! The two are compared by their cross-correlation, each frequency with the same weight (PHAT), averaged over about a
//! second: an echo is a peak that stays at one delay, while two people who talk at once have none.

use std::collections::VecDeque;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::BLOCK;

/// 48 kHz to 8 kHz: speech is found by what is below 4 kHz.
const DECIMATION: usize = 6;

/// Samples at 8 kHz that are compared: a second of what was played,
const PLAYED: usize = 8_192;

/// with the last half of a second of the microphone. So delays of up to 512 ms are found.
const HEARD: usize = 4_096;

/// Blocks between comparisons.
const EVERY: usize = 24;

/// The frequencies that count: 300 Hz to 3.4 kHz.
const BAND: std::ops::Range<usize> = 307..3_481;

/// How much of the average is kept from one comparison to the next.
const KEPT: f32 = 0.78;

/// How many times as high as the correlation at other delays a peak is that counts. Speech that isn't an echo stays
/// below 6; an echo at -20 dB is above 25, and above 10 while somebody speaks over it.
const HIGH: f32 = 9.0;

/// Below this, nothing was found.
const LOW: f32 = 6.5;

/// How much quieter than what is played an echo may be that counts, as the gain of its strongest way through the
/// room: -45 dB. What a headset leaks is below the noise of most microphones, and an echo canceller would cost more.
const AUDIBLE: f32 = 0.0056;

/// In which range of delays two peaks are the same: 1 ms.
const SAME: usize = 8;

/// After how many comparisons without a peak the echo is gone: ten seconds of sound that was played.
const GONE: u32 = 42;

/// Mean power of what is played from which on it is compared: -50 dBov.
const LOUD_ENOUGH: f32 = 1e-5;

/// Looks for what is played in what the microphone hears.
pub(super) struct FarDetector {
    played: VecDeque<f32>,
    heard: VecDeque<f32>,
    blocks: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    window: Vec<f32>,
    /// The average of the cross-spectra, of equal weight at all frequencies, and as they are.
    whitened: Vec<Complex32>,
    cross: Vec<Complex32>,
    /// The average power of what was played, over the same time.
    power: f32,
    last_delay: Option<usize>,
    missed: u32,
    is_found: bool,
}

impl std::fmt::Debug for FarDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FarDetector").field("is_found", &self.is_found).finish_non_exhaustive()
    }
}

/// The highest peak of a correlation.
struct Peak {
    delay: usize,
    /// How many times as high as the rest.
    height: f32,
    /// How much quieter than what was played the echo is, as a factor.
    gain: f32,
}

impl FarDetector {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let window = (0..HEARD).map(|at| raised_cosine(at as f32 / HEARD as f32 * 2.0)).collect();
        Self {
            played: VecDeque::from(vec![0.0; PLAYED]),
            heard: VecDeque::from(vec![0.0; HEARD]),
            blocks: 0,
            forward: planner.plan_fft_forward(PLAYED),
            inverse: planner.plan_fft_inverse(PLAYED),
            window,
            whitened: vec![Complex32::default(); PLAYED / 2 + 1],
            cross: vec![Complex32::default(); PLAYED / 2 + 1],
            power: 0.0,
            last_delay: None,
            missed: 0,
            is_found: false,
        }
    }

    /// Takes a block of the microphone and what was played meanwhile, and answers whether the one is in the other.
    pub(super) fn process(&mut self, block: &[f32; BLOCK], far: &[f32; BLOCK]) -> bool {
        push(&mut self.heard, block);
        push(&mut self.played, far);
        self.blocks += 1;
        if self.blocks == EVERY {
            self.blocks = 0;
            let power = self.played.iter().map(|sample| sample * sample).sum::<f32>() / PLAYED as f32;
            if power > LOUD_ENOUGH
                && let Some(peak) = self.compare()
            {
                self.judge(&peak);
            }
        }
        self.is_found
    }

    fn judge(&mut self, peak: &Peak) {
        let is_same = self.last_delay.is_some_and(|last| last.abs_diff(peak.delay) <= SAME);
        let is_echo = peak.height > HIGH && peak.gain > AUDIBLE;
        if is_echo && is_same {
            self.is_found = true;
        }
        if is_echo || self.is_found && is_same && peak.height > LOW {
            self.missed = 0;
        } else {
            self.missed += 1;
        }
        if self.missed >= GONE {
            self.is_found = false;
        }
        self.last_delay = Some(peak.delay);
    }

    /// Compares the last second; nothing comes of it if the transform refuses, which it does for lengths that aren't its.
    fn compare(&mut self) -> Option<Peak> {
        let mut played: Vec<f32> = self.played.iter().copied().collect();
        // Where the second begins and ends, nothing jumps.
        for at in 0..PLAYED / 16 {
            let share = raised_cosine(at as f32 / (PLAYED / 16) as f32);
            played[at] *= share;
            played[PLAYED - 1 - at] *= share;
        }
        let mut heard = vec![0.0; PLAYED - HEARD];
        heard.extend(self.heard.iter().zip(&self.window).map(|(sample, weight)| sample * weight));
        let mut far = self.forward.make_output_vec();
        let mut near = self.forward.make_output_vec();
        self.forward.process(&mut played, &mut far).ok()?;
        self.forward.process(&mut heard, &mut near).ok()?;

        self.power *= KEPT;
        for at in BAND {
            let cross = near[at] * far[at].conj();
            let size = cross.norm();
            let whitened = if size > 0.0 { cross / size } else { Complex32::default() };
            self.whitened[at] = self.whitened[at] * KEPT + whitened;
            self.cross[at] = self.cross[at] * KEPT + cross;
            self.power += far[at].norm_sqr();
        }
        self.peak()
    }

    fn peak(&self) -> Option<Peak> {
        let mut spectrum = self.whitened.clone();
        let mut correlation = self.inverse.make_output_vec();
        self.inverse.process(&mut spectrum, &mut correlation).ok()?;
        let delays = &correlation[..PLAYED - HEARD];
        let rest = (delays.iter().map(|value| value * value).sum::<f32>() / delays.len() as f32).sqrt();
        let (delay, highest) = delays
            .iter()
            .map(|value| value.abs())
            .enumerate()
            .max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        let turn = -std::f32::consts::TAU * delay as f32 / PLAYED as f32;
        let along: f32 =
            BAND.map(|at| (self.cross[at] * Complex32::from_polar(1.0, -turn * at as f32)).re).sum();
        // The microphone's window holds a quarter of the power that the whole second of the other would.
        let gain = (4.0 * along / self.power.max(f32::MIN_POSITIVE)).abs();
        Some(Peak { delay, height: highest / rest.max(f32::MIN_POSITIVE), gain })
    }
}

/// From 0 at 0 to 1 at 1 and back to 0 at 2.
fn raised_cosine(at: f32) -> f32 {
    0.5 - 0.5 * (std::f32::consts::PI * at).cos()
}

fn push(samples: &mut VecDeque<f32>, block: &[f32; BLOCK]) {
    samples.extend(block.chunks_exact(DECIMATION).map(|part| part.iter().sum::<f32>() / DECIMATION as f32));
    samples.drain(..BLOCK / DECIMATION);
}
