//! The machine's own devices on Linux: by its sound server, or by ALSA's programs where it has none.

use std::io::ErrorKind;

use super::alsa::{self, Alsa, AlsaStream};
use super::choose::{Choice, Device};
use super::error::DeviceError;
use super::open::{About, Driver, Line, Step, Stream};
use super::pulse::{self, Pulse, PulseStream};
use super::side::Side;

/// The devices that there are.
pub(super) fn list() -> Result<Vec<Device>, DeviceError> {
    match pulse::list(None) {
        Err(why) if is_missing(&why) && alsa::has_cards() => alsa::list().map_err(|_| why),
        listed => listed,
    }
}

/// Whether the machine has no sound server at all. One that doesn't answer is waited for: it has the sound cards.
fn is_missing(why: &DeviceError) -> bool {
    matches!(why, DeviceError::NoServer | DeviceError::Unreachable { reason: ErrorKind::NotFound, .. })
}

/// The machine's own devices.
#[derive(Debug, Default)]
pub(super) struct System {
    pulse: Pulse,
}

impl Driver for System {
    type Stream = SystemStream;

    fn open(&mut self, side: Side, choice: &Choice) -> Result<SystemStream, DeviceError> {
        match self.pulse.open(side, choice) {
            Ok(stream) => Ok(SystemStream::Pulse(Box::new(stream))),
            Err(why) if is_missing(&why) && alsa::has_cards() => match Alsa.open(side, choice) {
                Ok(stream) => Ok(SystemStream::Alsa(stream)),
                // Whoever has neither is told of the sound server.
                Err(DeviceError::Program { .. }) => Err(why),
                Err(why) => Err(why),
            },
            Err(why) => Err(why),
        }
    }
}

/// A stream of either kind.
pub(super) enum SystemStream {
    Pulse(Box<PulseStream>),
    Alsa(AlsaStream),
}

impl Stream for SystemStream {
    fn about(&self) -> About {
        match self {
            Self::Pulse(stream) => stream.about(),
            Self::Alsa(stream) => stream.about(),
        }
    }

    fn step(&mut self, line: &Line) -> Result<Step, DeviceError> {
        match self {
            Self::Pulse(stream) => stream.step(line),
            Self::Alsa(stream) => stream.step(line),
        }
    }
}
