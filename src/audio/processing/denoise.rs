//! Noise, suppressed by a recurrent network (that of `nnnoiseless`), which also says how likely a block is speech.

use nnnoiseless::DenoiseState;

use super::level::loudness;
use super::{BLOCK, fade};

/// Where speech is so many decibels above the noise, only the network's output is sent.
const NOISY: f32 = 20.0;

/// And here, in speech, only what the microphone gave: the network costs clean speech more than it gains.
const CLEAN: f32 = 28.0;

/// How much of the network's output is sent in the pauses of clean speech: noise is 10 dB quieter there.
const PAUSE: f32 = 0.7;

/// How loud speech is taken to be until some was heard.
const SPEECH: f32 = -25.0;

/// Blocks in each of the parts whose quietest block is the noise.
const PART: usize = 50;

/// The quietest blocks of the last six seconds: who reads aloud breathes rather than pauses for nearly as long.
const PARTS: usize = 12;

/// What was heard of a block before its noise was suppressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    /// How likely it is speech, 0 to 1.
    pub(super) speech: f32,
    /// By how many decibels it is louder than the quietest moment of the last seconds.
    pub(super) rise: f32,
}

/// Suppresses noise as far as there is any.
pub(super) struct Denoiser {
    network: Box<DenoiseState<'static>>,
    is_on: bool,
    /// The block before: the network's output is 10 ms behind.
    before: [f32; BLOCK],
    /// How much of the last block was the network's.
    share: f32,
    noise: NoiseLevel,
    speech_level: f32,
}

impl std::fmt::Debug for Denoiser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Denoiser")
            .field("is_on", &self.is_on)
            .field("share", &self.share)
            .finish_non_exhaustive()
    }
}

impl Denoiser {
    /// One that has heard nothing yet.
    pub(super) fn new(is_on: bool) -> Self {
        Self {
            network: DenoiseState::new(),
            is_on,
            before: [0.0; BLOCK],
            share: 1.0,
            noise: NoiseLevel::default(),
            speech_level: SPEECH,
        }
    }

    /// Suppresses the noise of a block, which leaves 10 ms later if `is_on`; the answer is what was heard of it before.
    pub(super) fn process(&mut self, block: &mut [f32; BLOCK], is_on: bool) -> Judged {
        let scaled = block.map(|sample| sample * 32_768.0);
        let mut network = [0.0; BLOCK];
        let speech = self.network.process_frame(&mut network, &scaled).clamp(0.0, 1.0);
        let level = loudness(block);
        let share = self.next_share(level, speech);
        let rise = level - self.noise.level();

        if is_on || self.is_on {
            let mut suppressed = [0.0; BLOCK];
            for (at, sample) in suppressed.iter_mut().enumerate() {
                let own = self.share + (share - self.share) * at as f32 / BLOCK as f32;
                *sample = own * network[at] / 32_768.0 + (1.0 - own) * self.before[at];
            }
            let original = *block;
            match (self.is_on, is_on) {
                (false, _) => fade(&original, &suppressed, block),
                (true, false) => fade(&suppressed, &original, block),
                (true, true) => *block = suppressed,
            }
            self.before = original;
        } else {
            self.before = *block;
        }
        self.share = share;
        self.is_on = is_on;
        Judged { speech, rise }
    }

    /// How much of the network's output is sent of a block: all of it in noise, little of it where there is none.
    fn next_share(&mut self, level: f32, speech: f32) -> f32 {
        self.noise.hear(level);
        if speech > 0.9 {
            self.speech_level += 0.02 * (level - self.speech_level);
        }
        let distance = self.speech_level - self.noise.level();
        let in_speech = ((CLEAN - distance) / (CLEAN - NOISY)).clamp(0.0, 1.0);
        let in_pause = PAUSE * (1.0 - 1.5 * speech).clamp(0.0, 1.0);
        in_speech.max(in_pause)
    }
}

/// How loud the noise is: the quietest moment of the last seconds, since people pause.
#[derive(Debug, Default)]
struct NoiseLevel {
    /// The level of the last blocks, once there was one.
    smooth: Option<f32>,
    heard: usize,
    /// The quietest of each part, the newest first; 0 where nothing was heard yet, which takes all for noise.
    quietest: [f32; PARTS],
}

impl NoiseLevel {
    fn hear(&mut self, level: f32) {
        let smooth = self.smooth.map_or(level, |smooth| smooth + 0.3 * (level - smooth));
        self.smooth = Some(smooth);
        if self.heard == PART {
            self.quietest.rotate_right(1);
            self.quietest[0] = 0.0;
            self.heard = 0;
        }
        self.heard += 1;
        self.quietest[0] = self.quietest[0].min(smooth);
    }

    fn level(&self) -> f32 {
        self.quietest.iter().copied().fold(0.0, f32::min)
    }
}
