//! Microphone, loudspeaker and when one is heard: one row a setting, which arrows change.

use super::super::complete::Devices;
use crate::talk::{Action, Chimes, Choice, Echo, Mode, Picture, Quality};

/// A row of the screen of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Microphone,
    Loudspeaker,
    Mode,
    Threshold,
    Release,
    Noise,
    Gain,
    Echo,
    Sidetone,
    Volume,
    Quality,
    Sounds,
    Test,
}

/// All of them, from the top.
pub(super) const ROWS: [Row; 13] = [
    Row::Microphone,
    Row::Loudspeaker,
    Row::Mode,
    Row::Threshold,
    Row::Release,
    Row::Noise,
    Row::Gain,
    Row::Echo,
    Row::Sidetone,
    Row::Volume,
    Row::Quality,
    Row::Sounds,
    Row::Test,
];

const MODES: [Mode; 3] = [Mode::PushToTalk, Mode::VoiceActivation, Mode::Continuous];
const ECHOES: [Echo; 3] = [Echo::Off, Echo::On, Echo::Auto];

impl Row {
    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Microphone => "Microphone",
            Self::Loudspeaker => "Loudspeaker",
            Self::Mode => "When you are heard",
            Self::Threshold => "Microphone threshold",
            Self::Release => "Heard on after the key",
            Self::Noise => "Suppress noise",
            Self::Gain => "Even out loudness",
            Self::Echo => "Cancel echo",
            Self::Sidetone => "Hear yourself speak",
            Self::Volume => "Volume of all",
            Self::Quality => "Quality of your voice",
            Self::Sounds => "Small sounds",
            Self::Test => "Hear yourself by the server",
        }
    }

    /// How it is set.
    pub(super) fn value(self, picture: &Picture) -> String {
        let settings = &picture.settings;
        let on = |on: bool| if on { "on" } else { "off" }.to_owned();
        let device = |name: &Option<String>| name.clone().unwrap_or_else(|| "the usual one".to_owned());
        match self {
            Self::Microphone => device(&settings.microphone),
            Self::Loudspeaker => device(&settings.loudspeaker),
            Self::Mode => mode(settings.mode).to_owned(),
            Self::Threshold => format!("{:.0} %", settings.threshold * 100.0),
            Self::Release => format!("{} ms", settings.release_ms),
            Self::Noise => on(settings.noise_suppression),
            Self::Gain => on(settings.gain),
            Self::Echo => match settings.echo {
                Echo::Off => "off".to_owned(),
                Echo::On => "on".to_owned(),
                Echo::Auto => "once there is some".to_owned(),
            },
            Self::Sidetone if settings.sidetone == 0 => "off".to_owned(),
            Self::Sidetone => format!("{} %", settings.sidetone),
            Self::Volume => format!("{} %", settings.volume),
            Self::Quality => {
                format!("{}, {} kbit/s", settings.quality.name(), picture.bitrate.div_ceil(1_000))
            }
            Self::Sounds => match settings.chimes {
                chimes if chimes == all(true) => "on".to_owned(),
                chimes if chimes == all(false) => "off".to_owned(),
                _ => "some (/sounds)".to_owned(),
            },
            Self::Test => on(picture.echo_test),
        }
    }

    /// The next value, or the one before it.
    pub(super) fn change(self, picture: &Picture, devices: &Devices, is_up: bool) -> Action {
        let settings = &picture.settings;
        Action::Choose(match self {
            Self::Microphone => {
                Choice::Microphone(device(settings.microphone.as_ref(), &devices.microphones, is_up))
            }
            Self::Loudspeaker => {
                Choice::Loudspeaker(device(settings.loudspeaker.as_ref(), &devices.loudspeakers, is_up))
            }
            Self::Mode => Choice::Mode(next(&MODES, settings.mode, is_up)),
            Self::Threshold => {
                let percent = stepped((settings.threshold * 100.0).round() as u16, 5, 0..=100, is_up);
                Choice::Threshold(f32::from(percent) / 100.0)
            }
            Self::Release => Choice::ReleaseMs(stepped(settings.release_ms, 50, 0..=2_000, is_up)),
            Self::Noise => Choice::NoiseSuppression(!settings.noise_suppression),
            Self::Gain => Choice::Gain(!settings.gain),
            Self::Echo => Choice::Echo(next(&ECHOES, settings.echo, is_up)),
            Self::Sidetone => Choice::Sidetone(stepped(settings.sidetone, 10, 0..=100, is_up)),
            Self::Volume => Choice::Volume(stepped(settings.volume, 10, 0..=200, is_up)),
            Self::Quality => Choice::Quality(next(&Quality::ALL, settings.quality, is_up)),
            Self::Sounds => Choice::Chimes(all(settings.chimes != all(true))),
            Self::Test => return Action::EchoTest(!picture.echo_test),
        })
    }
}

/// All of it as lines of text.
pub(in crate::cli::talk) fn settings(picture: &Picture) -> Vec<String> {
    ROWS.iter().map(|row| format!("{}: {}", row.name(), row.value(picture))).collect()
}

/// What was chosen, in words.
pub(in crate::cli::talk) fn chosen(choice: &Choice, picture: &Picture) -> String {
    let row = match choice {
        Choice::Microphone(_) => Row::Microphone,
        Choice::Loudspeaker(_) => Row::Loudspeaker,
        Choice::Mode(_) => Row::Mode,
        Choice::Threshold(_) => Row::Threshold,
        Choice::ReleaseMs(_) => Row::Release,
        Choice::NoiseSuppression(_) => Row::Noise,
        Choice::Gain(_) => Row::Gain,
        Choice::Echo(_) => Row::Echo,
        Choice::Sidetone(_) => Row::Sidetone,
        Choice::Volume(_) => Row::Volume,
        Choice::Quality(_) => Row::Quality,
        Choice::Chimes(_) => Row::Sounds,
    };
    format!("{}: {}", row.name(), row.value(picture))
}

/// When one is heard, in words.
fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::PushToTalk => "while you hold a key",
        Mode::VoiceActivation => "while you speak",
        Mode::Continuous => "always",
    }
}

fn all(on: bool) -> Chimes {
    Chimes { join: on, leave: on, mute: on, unmute: on, message: on, poke: on }
}

/// The value behind this one, or the one before it; behind the last comes the first.
fn next<T: Copy + PartialEq>(all: &[T], now: T, is_up: bool) -> T {
    let at = all.iter().position(|one| *one == now).unwrap_or(0);
    let at = if is_up { at + 1 } else { at + all.len() - 1 };
    all.get(at % all.len()).copied().unwrap_or(now)
}

/// The next device; in front of the first one is the usual one.
fn device(now: Option<&String>, there: &[String], is_up: bool) -> Option<String> {
    let all: Vec<_> = std::iter::once(None).chain(there.iter().map(Some)).collect();
    next(&all, now, is_up).cloned()
}

/// A number so much higher or lower, within its range.
pub(super) fn stepped(now: u16, step: u16, range: std::ops::RangeInclusive<u16>, is_up: bool) -> u16 {
    let next = if is_up { now.saturating_add(step) } else { now.saturating_sub(step) };
    next.clamp(*range.start(), *range.end())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::talk::Settings;

    #[test]
    fn arrows_reach_every_value_and_come_back() {
        let devices =
            Devices { microphones: vec!["USB".to_owned(), "Built-in".to_owned()], ..Devices::default() };
        for row in ROWS {
            let mut picture = Picture::default();
            let before = row.value(&picture);
            for is_up in [true, false] {
                match row.change(&picture, &devices, is_up) {
                    Action::EchoTest(on) => picture.echo_test = on,
                    Action::Choose(choice) => {
                        let mut settings = Settings::clone(&picture.settings);
                        settings.choose(choice).unwrap();
                        picture.settings = Arc::new(settings);
                    }
                    other => unreachable!("{other:?}"),
                }
            }
            assert_eq!(row.value(&picture), before, "{}", row.name());
        }
    }

    #[test]
    fn a_device_that_is_gone_leads_to_the_first() {
        let there = ["USB".to_owned()];
        assert_eq!(device(Some(&"gone".to_owned()), &there, true).as_deref(), Some("USB"));
        assert_eq!(device(Some(&"USB".to_owned()), &there, true), None);
        assert_eq!(device(None, &[], false), None);
    }

    #[test]
    fn numbers_stay_within_their_range() {
        assert_eq!(stepped(195, 10, 0..=200, true), 200);
        assert_eq!(stepped(5, 10, 0..=200, false), 0);
    }
}
