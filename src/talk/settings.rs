//! What one chooses of how one speaks and hears, and what lasts.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// All of it. Devices are named as `parlour devices` lists them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The microphone; `None` for the system's own choice, also when that changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub microphone: Option<String>,
    /// The loudspeaker; `None` for the system's own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudspeaker: Option<String>,
    /// When one is heard.
    pub mode: Mode,
    /// How sure it has to be that somebody speaks for voice activation to let it through: 0 to 1.
    pub threshold: f32,
    /// How long one is still heard after the key to talk came up, in milliseconds, 0 to 2000: words end later than fingers.
    pub release_ms: u16,
    /// Noise is taken out of the microphone.
    pub noise_suppression: bool,
    /// One is made as loud as others are.
    pub gain: bool,
    /// What the loudspeaker plays is taken out of the microphone.
    pub echo: Echo,
    /// How loud one hears oneself, in percent, 0 to 100: after the filters, without the way over the server.
    pub sidetone: u16,
    /// How loud everything is, in percent, 0 to 200.
    pub volume: u16,
    /// How good one's voice is, and how much of the line it takes.
    pub quality: Quality,
    /// The small sounds that tell what happens.
    pub chimes: Chimes,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            microphone: None,
            loudspeaker: None,
            mode: Mode::default(),
            threshold: 0.6,
            release_ms: 200,
            noise_suppression: true,
            gain: true,
            echo: Echo::default(),
            sidetone: 0,
            volume: 100,
            quality: Quality::default(),
            chimes: Chimes::default(),
        }
    }
}

/// When one is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// While one speaks.
    #[default]
    VoiceActivation,
    /// While a key is pressed.
    PushToTalk,
    /// All the time.
    Continuous,
}

/// Whether what the loudspeaker plays is taken out of the microphone. That costs quality where there is no echo, as with a
/// headset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Echo {
    /// No.
    Off,
    /// Yes.
    On,
    /// Once it was found there.
    #[default]
    Auto,
}

/// How good one's voice is. A channel may take less; then it is as good as that allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// 16 kbit/s: for a thin line.
    Low,
    /// 48 kbit/s: speech that can't be told from the original, with room for what repeats it where packets are lost.
    #[default]
    Speech,
    /// 64 kbit/s: for ears that listen closely.
    High,
    /// 128 kbit/s: for music.
    Music,
}

impl Quality {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Speech, Self::High, Self::Music];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Speech => "speech",
            Self::High => "high",
            Self::Music => "music",
        }
    }

    /// Bits a second in a channel that takes `most` of each speaker; 0 for any number.
    pub fn bitrate(self, most: u32) -> u32 {
        let wanted = match self {
            Self::Low => 16_000,
            Self::Speech => 48_000,
            Self::High => 64_000,
            Self::Music => 128_000,
        };
        // Opus makes no less than 6 kbit/s of speech that anybody understands (RFC 6716, section 2.1.1).
        if most == 0 { wanted } else { wanted.min(most).max(6_000) }
    }
}

/// Which of the small sounds are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Chimes {
    /// Somebody comes into the channel.
    pub join: bool,
    /// Somebody leaves it.
    pub leave: bool,
    /// One is muted or deaf from now on.
    pub mute: bool,
    /// One isn't any more.
    pub unmute: bool,
    /// Somebody writes to the channel.
    pub message: bool,
    /// Somebody writes to oneself.
    pub poke: bool,
}

impl Default for Chimes {
    fn default() -> Self {
        Self { join: true, leave: true, mute: true, unmute: true, message: true, poke: true }
    }
}

/// One of the [`Settings`] with what it is to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// [`Settings::microphone`].
    Microphone(Option<String>),
    /// [`Settings::loudspeaker`].
    Loudspeaker(Option<String>),
    /// [`Settings::mode`].
    Mode(Mode),
    /// [`Settings::threshold`].
    Threshold(f32),
    /// [`Settings::release_ms`].
    ReleaseMs(u16),
    /// [`Settings::noise_suppression`].
    NoiseSuppression(bool),
    /// [`Settings::gain`].
    Gain(bool),
    /// [`Settings::echo`].
    Echo(Echo),
    /// [`Settings::sidetone`].
    Sidetone(u16),
    /// [`Settings::volume`].
    Volume(u16),
    /// [`Settings::quality`].
    Quality(Quality),
    /// [`Settings::chimes`].
    Chimes(Chimes),
}

impl Settings {
    /// Makes a choice, or says why it can't be made, and changes nothing then.
    pub fn choose(&mut self, choice: Choice) -> Result<(), OutOfRange> {
        let mut chosen = self.clone();
        chosen.take(choice);
        chosen.check()?;
        *self = chosen;
        Ok(())
    }

    fn take(&mut self, choice: Choice) {
        match choice {
            Choice::Microphone(microphone) => self.microphone = microphone,
            Choice::Loudspeaker(loudspeaker) => self.loudspeaker = loudspeaker,
            Choice::Mode(mode) => self.mode = mode,
            Choice::Threshold(threshold) => self.threshold = threshold,
            Choice::ReleaseMs(release) => self.release_ms = release,
            Choice::NoiseSuppression(on) => self.noise_suppression = on,
            Choice::Gain(on) => self.gain = on,
            Choice::Echo(echo) => self.echo = echo,
            Choice::Sidetone(percent) => self.sidetone = percent,
            Choice::Volume(percent) => self.volume = percent,
            Choice::Quality(quality) => self.quality = quality,
            Choice::Chimes(chimes) => self.chimes = chimes,
        }
    }

    /// Whether each number is in its range.
    pub(super) fn check(&self) -> Result<(), OutOfRange> {
        within("the microphone threshold in percent", (self.threshold * 100.0).round(), 0.0, 100.0)?;
        within("the release delay in milliseconds", self.release_ms.into(), 0.0, 2_000.0)?;
        within("the sidetone in percent", self.sidetone.into(), 0.0, 100.0)?;
        within("the volume in percent", self.volume.into(), 0.0, 200.0)
    }
}

/// A number is out of its range.
#[derive(Clone, Debug, Error)]
#[error("{what} can be from {least} to {most}; {given} was given")]
pub struct OutOfRange {
    /// What the number is.
    pub what: &'static str,
    /// The least that it may be.
    pub least: f32,
    /// The most.
    pub most: f32,
    /// What was given.
    pub given: f32,
}

/// Refuses a number that is out of its range.
pub(super) fn within(what: &'static str, given: f32, least: f32, most: f32) -> Result<(), OutOfRange> {
    // Whatever isn't a number is in no range.
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(OutOfRange { what, least, most, given })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_bounds_the_quality() {
        assert_eq!(Quality::High.bitrate(0), 64_000);
        assert_eq!(Quality::High.bitrate(24_000), 24_000);
        assert_eq!(Quality::Low.bitrate(24_000), 16_000);
        assert_eq!(Quality::Low.bitrate(1), 6_000);
        let rates = Quality::ALL.map(|quality| quality.bitrate(0));
        assert!(rates.is_sorted(), "{rates:?}");
    }

    #[test]
    fn what_is_out_of_its_range_is_refused_and_changes_nothing() {
        let mut settings = Settings::default();
        let before = settings.clone();
        for choice in [
            Choice::Threshold(1.1),
            Choice::Threshold(f32::NAN),
            Choice::ReleaseMs(2_001),
            Choice::Sidetone(101),
            Choice::Volume(201),
        ] {
            let refused = settings.choose(choice.clone()).unwrap_err().to_string();
            assert!(refused.contains(" can be from "), "{choice:?}: {refused}");
        }
        assert_eq!(settings, before);
        let refused = settings.choose(Choice::Threshold(1.5)).unwrap_err().to_string();
        assert_eq!(refused, "the microphone threshold in percent can be from 0 to 100; 150 was given");
        settings.choose(Choice::Volume(200)).unwrap();
        assert_eq!(settings.volume, 200);
    }
}
