//! The way of a block from the microphone to the encoder.

use super::BLOCK;
use super::denoise::{Denoiser, Judged};
use super::echo::{Echo, EchoMode};
use super::gain::{Gain, GainMode};
use super::level::loudness;

/// The loudest amplitude that is taken in: a device may go a little over full scale.
const MOST: f32 = 4.0;

/// Amplitude from which on a microphone is overdriven.
const CLIPPED: f32 = 0.998;

/// The switches of [`Capture`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaptureSettings {
    /// Whether noise is suppressed, which delays by 10 ms.
    pub suppress_noise: bool,
    /// How the loudness is evened out.
    pub gain: GainMode,
    /// When the echo is cancelled, which delays by 10 ms while it is.
    pub echo: EchoMode,
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self { suppress_noise: true, gain: GainMode::Automatic, echo: EchoMode::Auto }
    }
}

/// What was heard in a block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    /// How loud the block was when it came in, in dBov (0 is full scale, -127 silence).
    pub input: f32,
    /// How loud it is as it leaves, in dBov.
    pub level: f32,
    /// Whether the microphone is overdriven.
    pub is_clipped: bool,
    /// How likely it is that somebody speaks, 0 to 1.
    pub speech: f32,
    /// By how many decibels it was louder than the quietest moment of the last six seconds, without the echo that was cancelled.
    pub rise: f32,
    /// What it was raised by, in decibels.
    pub gain: f32,
    /// Whether what is played was found in the microphone; never while the echo's mode is off.
    pub is_far_found: bool,
    /// Whether the echo was cancelled.
    pub is_cancelling: bool,
}

/// What makes of a microphone's sound what others hear: the echo goes first, then noise, then the gain is applied.
///
/// [`Capture::process`] is called for each block of 10 ms, also while nothing is sent, so that what it knows of noise
/// and echo is there when somebody begins to speak. While nothing is played, what was before the last third of a second may be
/// left out.
#[derive(Debug)]
pub struct Capture {
    settings: CaptureSettings,
    echo: Echo,
    denoiser: Denoiser,
    gain: Gain,
}

impl Capture {
    /// One that has heard nothing yet.
    pub fn new(settings: CaptureSettings) -> Self {
        Self {
            settings,
            echo: Echo::new(),
            denoiser: Denoiser::new(settings.suppress_noise),
            gain: Gain::new(settings.gain),
        }
    }

    /// The switches as they are.
    pub fn settings(&self) -> CaptureSettings {
        self.settings
    }

    /// Turns switches; what comes out changes from one into the other within a block.
    pub fn set(&mut self, settings: CaptureSettings) {
        self.settings = settings;
    }

    /// Whether what is played was found in the microphone, as far as that was processed.
    pub fn is_far_found(&self) -> bool {
        self.echo.is_found()
    }

    /// Processes 10 ms of the microphone. `far` is what was given to the loudspeaker meanwhile, silence where there was
    /// nothing: when it is heard doesn't matter, as long as it takes the same time, half a second at most. Samples that
    /// aren't numbers become silence.
    pub fn process(&mut self, block: &mut [f32; BLOCK], far: &[f32; BLOCK]) -> Heard {
        *block = block.map(bounded);
        let far = far.map(bounded);
        let input = loudness(block);
        let is_clipped = block.iter().any(|sample| sample.abs() >= CLIPPED);
        self.echo.process(block, &far, self.settings.echo);
        let Judged { speech, rise } = self.denoiser.process(block, self.settings.suppress_noise);
        self.gain.process(block, speech, self.settings.gain);
        Heard {
            input,
            level: loudness(block),
            is_clipped,
            speech,
            rise,
            gain: self.gain.decibels(),
            is_far_found: self.echo.is_found(),
            is_cancelling: self.echo.is_cancelling(),
        }
    }
}

fn bounded(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-MOST, MOST) } else { 0.0 }
}
