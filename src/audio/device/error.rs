//! Why there is no sound.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::side::Side;

/// Why a device can't be used, or can't be used any more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DeviceError {
    /// It isn't known where the sound server is.
    #[error(
        "no sound server was found: neither PULSE_SERVER nor XDG_RUNTIME_DIR says where one is; start PulseAudio or PipeWire with its \
         pulse server in this session"
    )]
    NoServer,
    /// The sound server is on another machine.
    #[error(
        "PULSE_SERVER is \"{0}\", but only a sound server of this machine is used; set it to unix: and the path of its socket"
    )]
    Remote(String),
    /// Nothing answers on its socket.
    #[error("the sound server can't be reached at {}: {}", path.display(), unreachable_because(*reason))]
    Unreachable {
        /// Where it was tried.
        path: PathBuf,
        /// What the system said.
        reason: io::ErrorKind,
    },
    /// It didn't answer in time.
    #[error("the sound server doesn't answer")]
    Unanswered,
    /// It closed the connection, or its connection broke.
    #[error("the sound server ended")]
    Ended,
    /// It refused something.
    #[error("it was refused: {0}")]
    Refused(&'static str),
    /// It sent something that isn't understood.
    #[error("the sound server sent something that isn't understood")]
    Garbled,
    /// There is no device of that kind at all.
    #[error("there is no {0}; plug one in")]
    None(Side),
    /// The only thing there is to hear with is what a loudspeaker plays.
    #[error(
        "there is no microphone but {0}, which hears what a loudspeaker plays; plug one in, or choose that by its name if you mean it"
    )]
    OnlyMonitor(String),
    /// No device is called so.
    #[error("no {side} is called \"{name}\"; parlour devices lists them")]
    Unknown {
        /// What is sought.
        side: Side,
        /// How it should be called.
        name: String,
    },
    /// Several devices are called so.
    #[error("\"{name}\" fits {first} and {second}; give more of the name")]
    Ambiguous {
        /// How it should be called.
        name: String,
        /// One that fits.
        first: String,
        /// Another one.
        second: String,
    },
    /// The device was unplugged, or taken away.
    #[error("it was removed")]
    Removed,
    /// The sound server has put it to rest.
    #[error("the sound server has suspended it")]
    Suspended,
    /// Nothing came from it, or nothing was asked for it, for too long.
    #[error("it has stopped")]
    Stopped,
    /// A file can't be read.
    #[error("{} can't be played as the microphone: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file can't be written.
    #[error("{} can't be written as the loudspeaker: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// One of ALSA's programs can't be run.
    #[error("{name} can't be run: {reason}; install alsa-utils, or start a sound server")]
    Program {
        /// Its name.
        name: &'static str,
        /// What the system said.
        reason: io::ErrorKind,
    },
    /// The machine has no thread left for it.
    #[error("the machine has no thread for it: {0}")]
    Thread(io::ErrorKind),
}

/// Why nothing answers on a socket, and what to do.
fn unreachable_because(reason: io::ErrorKind) -> String {
    let start = "start PulseAudio, or PipeWire with its pulse server";
    match reason {
        io::ErrorKind::NotFound => format!("there is no such socket; {start}"),
        io::ErrorKind::ConnectionRefused => format!("nobody answers there; {start}"),
        io::ErrorKind::PermissionDenied => "it is another user's".to_owned(),
        reason => reason.to_string(),
    }
}
