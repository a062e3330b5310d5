//! What happens to devices, in words.

use std::fmt;

use tokio::sync::mpsc;

use super::error::DeviceError;
use super::side::Side;

/// Events of devices that wait for whoever reads them; further ones are left out, since
/// [`DeviceState`](super::DeviceState) says how it is now.
pub const EVENTS: usize = 64;

/// Where events of devices are told.
pub type Events = mpsc::Sender<DeviceEvent>;

/// Something that happened to an open device. It is shown as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEvent {
    /// Which one.
    pub side: Side,
    /// What happened.
    pub change: Change,
}

/// What happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It works: the first block was heard or asked for.
    Works {
        /// What people call it.
        name: String,
        /// The one that was chosen, where another one stands in for it, because it isn't there.
        instead_of: Option<String>,
        /// It was lost before.
        again: bool,
    },
    /// Sound goes by another device from now on, since the machine's default has changed or somebody moved it there.
    Moved {
        /// What people call it.
        name: String,
    },
    /// There is no sound any more. It is tried again and again.
    Lost {
        /// Why.
        why: DeviceError,
    },
}

impl fmt::Display for DeviceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.side;
        match &self.change {
            Change::Works { name, instead_of: Some(wanted), .. } => {
                write!(f, "The {side} \"{wanted}\" isn't there; {name} is used until it is.")
            }
            Change::Works { name, again: true, .. } => write!(f, "The {side} works again: {name}."),
            Change::Works { name, .. } => write!(f, "The {side} is {name}."),
            Change::Moved { name } => write!(f, "The {side} is {name} now."),
            Change::Lost { why } => write!(f, "The {side} doesn't work now: {why}. It is tried again."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_is_said_in_a_sentence() {
        let says = |change| DeviceEvent { side: Side::Microphone, change }.to_string();
        let name = || "Desk".to_owned();
        assert_eq!(
            says(Change::Works { name: name(), instead_of: None, again: false }),
            "The microphone is Desk."
        );
        assert_eq!(
            says(Change::Works { name: name(), instead_of: Some("Headset".into()), again: true }),
            "The microphone \"Headset\" isn't there; Desk is used until it is."
        );
        assert_eq!(
            says(Change::Lost { why: DeviceError::Removed }),
            "The microphone doesn't work now: it was removed. It is tried again."
        );
    }
}
