//! The devices of one side that the sound server has.

use std::ffi::CStr;

use pulseaudio::protocol::{Command, ServerInfo, SinkInfoList, SourceInfoList};

use super::super::{Device, DeviceError, Side};
use super::address;
use super::connection::{Body, Connection};

/// The devices, and which one is the default.
pub(super) struct Roster {
    pub(super) side: Side,
    pub(super) devices: Vec<Device>,
    default: Option<String>,
    has_changed: bool,
    /// What the environment says that the default is.
    pub(super) fixed: Option<String>,
}

impl Roster {
    /// Asks the server.
    pub(super) fn ask(connection: &mut Connection, side: Side) -> Result<Self, DeviceError> {
        let mut roster = Self {
            side,
            devices: Vec::new(),
            default: None,
            has_changed: false,
            fixed: address::fixed(side),
        };
        roster.take_defaults(&connection.ask(&Command::GetServerInfo)?);
        roster.has_changed = false;
        match side {
            Side::Microphone => roster.take_microphones(&connection.ask(&roster.question())?),
            Side::Loudspeaker => roster.take_loudspeakers(&connection.ask(&roster.question())?),
        }
        Ok(roster)
    }

    /// What the server is asked for the devices.
    pub(super) fn question(&self) -> Command {
        match self.side {
            Side::Microphone => Command::GetSourceInfoList,
            Side::Loudspeaker => Command::GetSinkInfoList,
        }
    }

    /// Takes from the server's answer which device is the default.
    pub(super) fn take_defaults(&mut self, server: &ServerInfo) {
        let default = match self.side {
            Side::Microphone => server.default_source_name.as_deref(),
            Side::Loudspeaker => server.default_sink_name.as_deref(),
        };
        let default = default.map(text);
        self.has_changed |= self.default != default;
        self.default = default;
    }

    /// Takes the answer to [`question`](Self::question).
    pub(super) fn take_devices(&mut self, body: Body<'_>) -> Result<(), DeviceError> {
        match self.side {
            Side::Microphone => self.take_microphones(&body.read()?),
            Side::Loudspeaker => self.take_loudspeakers(&body.read()?),
        }
        Ok(())
    }

    /// Whether the default has changed since this was asked last.
    pub(super) fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    pub(super) fn find(&self, id: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }

    fn take_microphones(&mut self, sources: &SourceInfoList) {
        let devices = sources.iter().map(|source| {
            let is_monitor = source.monitor_of_sink_index.is_some();
            self.device(&source.name, source.description.as_deref(), is_monitor)
        });
        self.devices = devices.collect();
        self.mark();
    }

    fn take_loudspeakers(&mut self, sinks: &SinkInfoList) {
        let devices = sinks.iter().map(|sink| self.device(&sink.name, sink.description.as_deref(), false));
        self.devices = devices.collect();
        self.mark();
    }

    fn device(&self, id: &CStr, name: Option<&CStr>, is_monitor: bool) -> Device {
        let id = text(id);
        let name = name.map_or_else(|| id.clone(), text);
        Device { side: self.side, id, name, is_default: false, is_monitor }
    }

    /// Marks the default. What the environment names is meant, even where it is a monitor.
    fn mark(&mut self) {
        let fixed = self.fixed.as_deref().filter(|id| self.find(id).is_some());
        let default = fixed.or(self.default.as_deref()).map(str::to_owned);
        let is_fixed = fixed.is_some();
        for device in self.devices.iter_mut().filter(|device| Some(&device.id) == default.as_ref()) {
            device.is_default = true;
            device.is_monitor &= !is_fixed;
        }
    }
}

/// What the server calls something, without what would move the cursor of a terminal.
fn text(name: &CStr) -> String {
    name.to_string_lossy().replace(char::is_control, " ")
}
