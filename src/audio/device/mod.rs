//! Microphones and loudspeakers.
//!
//! A device is opened by what somebody chose, and stays open until its handle is dropped, whatever happens to the
//! machine's sound meanwhile: where a device is unplugged, or the sound server ends, it is opened again as soon as it
//! can be, and a [`DeviceEvent`] says so. So opening never fails; a device that isn't there is waited for.
//!
//! Sound comes and goes in blocks of [`BLOCK`] samples, of one channel at [`SAMPLE_RATE`](super::SAMPLE_RATE), between -1 and 1. What
//! is done with a block runs on a thread that belongs to the open device, and never in a callback of the sound
//! server: it may take its time, as long as it keeps up with 5 ms a block. Nothing is rendered before it is asked for, so a
//! loudspeaker is never more than what the sound server holds behind.

mod backoff;
mod choose;
mod error;
mod event;
mod file;
mod open;
#[cfg(target_os = "linux")]
mod pulse;
mod steady;

#[cfg(target_os = "linux")]
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

pub use choose::{Choice, Device};
pub use error::DeviceError;
pub use event::{Change, DeviceEvent, Side};
pub use file::{FileDevices, Files, Pace};
use open::{Opened, Work};

/// Samples in a block: 5 ms.
pub const BLOCK: usize = 240;

/// How long a block lasts.
pub const BLOCK_LASTS: Duration = Duration::from_millis(5);

/// Events of devices that wait for whoever reads them; further ones are left out, since [`Microphone::state`] says
/// how it is now.
pub const EVENTS: usize = 64;

/// Where events of devices are told.
pub type Events = mpsc::Sender<DeviceEvent>;

/// What there is to hear and to play with.
#[derive(Clone, Debug)]
pub enum Backend {
    /// The machine's own devices: by PulseAudio's protocol on Linux, which PipeWire speaks, too.
    System,
    /// Those of the sound server that has this socket.
    #[cfg(target_os = "linux")]
    Server(PathBuf),
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
            Self::System => pulse::list(None),
            #[cfg(target_os = "linux")]
            Self::Server(socket) => pulse::list(Some(socket.clone())),
            #[cfg(not(target_os = "linux"))]
            Self::System => native::list(),
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
            Self::System => Opened::start(side, choice, events, work, pulse::Pulse::at(None)),
            #[cfg(target_os = "linux")]
            Self::Server(socket) => {
                Opened::start(side, choice, events, work, pulse::Pulse::at(Some(socket.clone())))
            }
            #[cfg(not(target_os = "linux"))]
            Self::System => Opened::start(side, choice, events, work, native::Native::default()),
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

/// How an open device is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceState {
    /// What people call the device that is in use, while it works.
    pub name: Option<String>,
    /// Why there is none, since it was lost.
    pub lost: Option<DeviceError>,
    /// Blocks that were heard or rendered since it was opened.
    pub blocks: u64,
    /// How often a loudspeaker had nothing to play in time, or a microphone's sound was not fetched in time.
    pub gaps: u64,
    /// How often it was opened again.
    pub reopened: u64,
    /// What the sound server holds between a block and the device, as it says.
    pub delay: Duration,
}
