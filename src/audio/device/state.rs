//! How an open device is.

use std::time::Duration;

use super::error::DeviceError;

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
