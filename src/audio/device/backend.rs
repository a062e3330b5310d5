//! What there is to hear and to play with, and the handles of what is open.

#[cfg(target_os = "linux")]
use std::path::PathBuf;

use super::block::BLOCK;
use super::choose::{Choice, Device};
use super::error::DeviceError;
use super::event::Events;
use super::file::FileDevices;
use super::open::{Opened, Work};
#[cfg(target_os = "linux")]
use super::pulse;
use super::side::Side;
use super::state::DeviceState;
use super::steady;
#[cfg(target_os = "linux")]
use super::{alsa, system};

/// What there is to hear and to play with.
#[derive(Clone, Debug)]
pub enum Backend {
    /// The machine's own devices. On Linux by its sound server, PulseAudio or PipeWire, and by ALSA where it has none.
    System,
    /// Those of the sound server that has this socket.
    #[cfg(target_os = "linux")]
    Server(PathBuf),
    /// ALSA's, by its programs `arecord` and `aplay`.
    #[cfg(target_os = "linux")]
    Alsa,
    /// A file as the microphone, and one as the loudspeaker.
    File(FileDevices),
    /// No microphone, and a loudspeaker that nobody hears: for a box without sound.
    None,
}

impl Backend {
    /// The devices that there are. Waits for the sound server, a second at most.
    pub fn list(&self) -> Result<Vec<Device>, DeviceError> {
        match self {
            #[cfg(target_os = "linux")]
            Self::System => system::list(),
            #[cfg(target_os = "linux")]
            Self::Server(socket) => pulse::list(Some(socket.clone())),
            #[cfg(target_os = "linux")]
            Self::Alsa => alsa::list(),
            #[cfg(not(target_os = "linux"))]
            Self::System => super::native::list(),
            Self::File(files) => Ok(files.list()),
            Self::None => Ok(Vec::new()),
        }
    }

    /// Opens a microphone; `hear` is called with each block, until the handle is dropped. It must not drop that itself.
    pub fn open_microphone(
        &self,
        choice: Choice,
        events: Events,
        hear: impl FnMut(&[f32; BLOCK]) + Send + 'static,
    ) -> Microphone {
        Microphone(self.open(Side::Microphone, choice, events, Work::Hear(Box::new(hear))))
    }

    /// Opens a loudspeaker; `render` is called for each block, until the handle is dropped. It must not drop that itself. While
    /// there is no device it is called at the same pace, and what it renders is heard by nobody. The block is silent
    /// when it comes.
    pub fn open_loudspeaker(
        &self,
        choice: Choice,
        events: Events,
        render: impl FnMut(&mut [f32; BLOCK]) + Send + 'static,
    ) -> Loudspeaker {
        Loudspeaker(self.open(Side::Loudspeaker, choice, events, Work::Render(Box::new(render))))
    }

    fn open(&self, side: Side, choice: Choice, events: Events, work: Work) -> Opened {
        match self {
            #[cfg(target_os = "linux")]
            Self::System => Opened::start(side, choice, events, work, system::System::default()),
            #[cfg(target_os = "linux")]
            Self::Server(socket) => {
                Opened::start(side, choice, events, work, pulse::Pulse::at(Some(socket.clone())))
            }
            #[cfg(target_os = "linux")]
            Self::Alsa => Opened::start(side, choice, events, work, alsa::Alsa),
            #[cfg(not(target_os = "linux"))]
            Self::System => Opened::start(side, choice, events, work, super::native::Native),
            Self::File(files) => files.open(side, choice, events, work),
            Self::None => match side {
                Side::Microphone => Opened::idle(side, events, work),
                Side::Loudspeaker => Opened::start(side, choice, events, work, steady::Nobody),
            },
        }
    }
}

/// An open microphone. Dropping it closes it: no block comes after that, and the machine shows it as closed within a
/// twentieth of a second.
#[derive(Debug)]
#[must_use = "it is closed when it is dropped"]
pub struct Microphone(Opened);

impl Microphone {
    /// How it is now.
    pub fn state(&self) -> DeviceState {
        self.0.state()
    }
}

/// An open loudspeaker. Dropping it closes it.
#[derive(Debug)]
#[must_use = "it is closed when it is dropped"]
pub struct Loudspeaker(Opened);

impl Loudspeaker {
    /// How it is now.
    pub fn state(&self) -> DeviceState {
        self.0.state()
    }
}
