//! The microphone's gain: WebRTC's automatic gain control 2, which raises what is quiet up to a level and lets loud
//! speech be. It goes by the noise suppression's judgement of what is speech, so no second network runs.

use sonora_agc2::adaptive_digital_gain_controller::{AdaptiveDigitalGainController, FrameInfo};
use sonora_agc2::common::{
    ADJACENT_SPEECH_FRAMES_THRESHOLD, SATURATION_PROTECTOR_INITIAL_HEADROOM_DB, float_s16_to_dbfs,
};
use sonora_agc2::limiter::Limiter;
use sonora_agc2::noise_level_estimator::NoiseLevelEstimator;
use sonora_agc2::saturation_protector::SaturationProtector;
use sonora_agc2::speech_level_estimator::{AdaptiveDigitalConfig, SpeechLevelEstimator};

use super::BLOCK;
use super::level::factor;

/// The most decibels that a gain set by hand raises or lowers by.
const BY_HAND: f32 = 30.0;

/// Where the automatic gain begins and ends, and how quickly it moves. It begins lower than WebRTC's (15 dB), so that
/// somebody whose microphone is right isn't too loud for their first seconds.
const AUTOMATIC: AdaptiveDigitalConfig = AdaptiveDigitalConfig {
    headroom_db: 5.0,
    max_gain_db: 30.0,
    initial_gain_db: 6.0,
    max_gain_change_db_per_second: 6.0,
    max_output_noise_level_dbfs: -50.0,
};

/// What makes the microphone louder or quieter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GainMode {
    /// Nothing.
    Off,
    /// By how loud somebody speaks, 0 to 30 dB.
    Automatic,
    /// By so many decibels, -30 to 30; others become the nearest.
    Fixed(f32),
}

/// Applies a gain.
#[derive(Debug)]
pub(super) struct Gain {
    mode: GainMode,
    automatic: Automatic,
    limiter: Limiter,
    /// What the last sample was multiplied by.
    factor: f32,
}

impl Gain {
    pub(super) fn new(mode: GainMode) -> Self {
        Self { mode, automatic: Automatic::new(), limiter: Limiter::new(BLOCK), factor: by_hand(mode) }
    }

    /// Makes a block louder or quieter, and keeps it below full scale.
    pub(super) fn process(&mut self, block: &mut [f32; BLOCK], speech: f32, mode: GainMode) {
        if mode != self.mode {
            self.mode = mode;
            self.automatic = Automatic::new();
        }
        let mut scaled = block.map(|sample| sample * 32_768.0);
        if mode == GainMode::Automatic {
            let before = power(&scaled);
            self.automatic.process(&mut scaled, speech, self.limiter.last_audio_level());
            if before > 1.0 {
                self.factor = (power(&scaled) / before).sqrt();
            }
        } else {
            let wanted = by_hand(mode);
            for (at, sample) in scaled.iter_mut().enumerate() {
                *sample *= self.factor + at as f32 / BLOCK as f32 * (wanted - self.factor);
            }
            self.factor = wanted;
        }
        if mode != GainMode::Off {
            self.limiter.process(&mut [&mut scaled]);
        }
        *block = scaled.map(|sample| (sample / 32_768.0).clamp(-1.0, 1.0));
    }

    /// What the last block was raised by, in decibels.
    pub(super) fn decibels(&self) -> f32 {
        20.0 * self.factor.log10()
    }
}

fn power(samples: &[f32; BLOCK]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / BLOCK as f32
}

fn by_hand(mode: GainMode) -> f32 {
    match mode {
        GainMode::Fixed(decibels) if decibels.is_finite() => factor(decibels.clamp(-BY_HAND, BY_HAND)),
        _ => 1.0,
    }
}

/// The parts of WebRTC's gain control, joined as its `GainController2` joins them.
#[derive(Debug)]
struct Automatic {
    speech_level: SpeechLevelEstimator,
    noise_level: NoiseLevelEstimator,
    headroom: SaturationProtector,
    gain: AdaptiveDigitalGainController,
}

impl Automatic {
    fn new() -> Self {
        Self {
            speech_level: SpeechLevelEstimator::new(&AUTOMATIC, ADJACENT_SPEECH_FRAMES_THRESHOLD),
            noise_level: NoiseLevelEstimator::default(),
            headroom: SaturationProtector::new(
                SATURATION_PROTECTOR_INITIAL_HEADROOM_DB,
                ADJACENT_SPEECH_FRAMES_THRESHOLD,
            ),
            gain: AdaptiveDigitalGainController::new(AUTOMATIC, ADJACENT_SPEECH_FRAMES_THRESHOLD),
        }
    }

    /// Raises samples of 16 bits; `limited` is how loud they were when the limiter last heard them.
    fn process(&mut self, scaled: &mut [f32; BLOCK], speech: f32, limited: f32) {
        let peak = scaled.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
        let noise_rms_dbfs = self.noise_level.analyze(&[scaled]);
        self.speech_level.update(float_s16_to_dbfs(power(scaled).sqrt()), speech);
        let speech_level_dbfs = self.speech_level.level_dbfs();
        self.headroom.analyze(speech, float_s16_to_dbfs(peak), speech_level_dbfs);
        let info = FrameInfo {
            speech_probability: speech,
            speech_level_dbfs,
            speech_level_reliable: self.speech_level.is_confident(),
            noise_rms_dbfs,
            headroom_db: self.headroom.headroom_db(),
            limiter_envelope_dbfs: float_s16_to_dbfs(limited),
        };
        self.gain.process(&info, &mut [scaled]);
    }
}
