//! The echo of what the loudspeaker plays, taken out of what the microphone hears (WebRTC's AEC3).
//!
//! It costs near speech where there is no echo, so by default it begins only after far sound was found in the
//! microphone, and it rests while nothing is played.

use sonora::config::{EchoCanceller, MaxProcessingRate, Pipeline};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::far::FarDetector;
use super::{BLOCK, SampleQueue, fade};
use crate::audio::SAMPLE_RATE;

/// By how many samples the canceller delays.
const DELAY: usize = 468;

/// After how many blocks without far sound it rests: a second, which is longer than rooms echo.
const REST: u32 = 100;

/// For how many blocks it works before its output is heard, since what is left in it is older.
const WARM: u32 = 3;

/// Amplitude from which on something is played: -72 dBov.
const AUDIBLE: f32 = 0.000_25;

/// When the echo is cancelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EchoMode {
    /// Never.
    Off,
    /// Whenever something is played.
    On,
    /// From when far sound was found in the microphone until it isn't found for ten seconds of it.
    #[default]
    Auto,
}

/// Which of the sounds leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    /// The microphone's, at once.
    Direct,
    /// The microphone's, as late as the canceller's.
    Delayed,
    /// The canceller's.
    Cancelled,
}

/// Cancels the echo.
#[derive(Debug)]
pub(super) struct Echo {
    detector: FarDetector,
    canceller: Option<Box<AudioProcessing>>,
    delayed: SampleQueue,
    path: Path,
    /// Blocks since something was played.
    quiet: u32,
    /// Blocks since the canceller began or woke up.
    awake: u32,
    is_found: bool,
}

impl Echo {
    pub(super) fn new() -> Self {
        Self {
            detector: FarDetector::new(),
            canceller: None,
            delayed: SampleQueue::new(DELAY, DELAY + BLOCK),
            path: Path::Direct,
            quiet: REST,
            awake: 0,
            is_found: false,
        }
    }

    /// Takes what was played out of a block.
    pub(super) fn process(&mut self, block: &mut [f32; BLOCK], far: &[f32; BLOCK], mode: EchoMode) {
        let direct = *block;
        let mut delayed = [0.0; BLOCK];
        self.delayed.write(&direct);
        self.delayed.read(&mut delayed);

        let is_played = far.iter().any(|sample| sample.abs() > AUDIBLE);
        self.quiet = if is_played { 0 } else { self.quiet.saturating_add(1) };
        self.is_found = mode != EchoMode::Off && self.detector.process(&direct, far);
        let is_on = mode == EchoMode::On || mode == EchoMode::Auto && self.is_found;
        let mut cancelled = [0.0; BLOCK];
        let path = if !is_on {
            self.canceller = None;
            Path::Direct
        } else if self.quiet >= REST {
            self.awake = 0;
            Path::Delayed
        } else {
            let canceller = self.canceller.get_or_insert_with(new_canceller);
            let is_right = cancel(canceller, &direct, far, &mut cancelled);
            self.awake = if is_right { self.awake.saturating_add(1) } else { 0 };
            if self.awake > WARM { Path::Cancelled } else { Path::Delayed }
        };

        let sound = |path| match path {
            Path::Direct => &direct,
            Path::Delayed => &delayed,
            Path::Cancelled => &cancelled,
        };
        // What the canceller would have given now isn't known when it doesn't run, so it fades from the same sound.
        let before = if self.path == Path::Cancelled && self.awake == 0 { Path::Delayed } else { self.path };
        if before == path {
            *block = *sound(path);
        } else {
            fade(sound(before), sound(path), block);
        }
        self.path = path;
    }

    /// Whether what is played was found in the microphone.
    pub(super) fn is_found(&self) -> bool {
        self.is_found
    }

    /// Whether the canceller is at work.
    pub(super) fn is_cancelling(&self) -> bool {
        self.path == Path::Cancelled
    }
}

fn new_canceller() -> Box<AudioProcessing> {
    let config = Config {
        pipeline: Pipeline {
            maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
            ..Pipeline::default()
        },
        echo_canceller: Some(EchoCanceller::default()),
        ..Config::default()
    };
    let mono = StreamConfig::new(SAMPLE_RATE, 1);
    Box::new(AudioProcessing::builder().config(config).capture_config(mono).render_config(mono).build())
}

/// Whether the canceller took both blocks; it refuses no block of this length and rate.
fn cancel(
    canceller: &mut AudioProcessing,
    block: &[f32; BLOCK],
    far: &[f32; BLOCK],
    out: &mut [f32; BLOCK],
) -> bool {
    let mut played = [0.0; BLOCK];
    canceller.process_render_f32(&[far], &mut [&mut played]).is_ok()
        && canceller.process_capture_f32(&[block], &mut [out]).is_ok()
}
