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

#[cfg(target_os = "linux")]
mod alsa;
mod backend;
mod backoff;
mod block;
mod choose;
mod error;
mod event;
mod file;
#[cfg(not(target_os = "linux"))]
mod native;
mod open;
#[cfg(target_os = "linux")]
mod pulse;
mod side;
mod state;
mod steady;
#[cfg(target_os = "linux")]
mod system;

pub use backend::{Backend, Loudspeaker, Microphone};
pub use block::{BLOCK, BLOCK_LASTS};
pub use choose::{Choice, Device};
pub use error::DeviceError;
pub use event::{Change, DeviceEvent, EVENTS, Events};
pub use file::{FileDevices, Files, Pace};
pub use side::Side;
pub use state::DeviceState;
