//! Which device is meant.

use super::error::DeviceError;
use super::side::Side;

/// A device that the machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Which way sound goes.
    pub side: Side,
    /// What the sound server calls it; stays the same while it is plugged in at the same place.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The sound server uses it where nothing is chosen.
    pub is_default: bool,
    /// A microphone that hears what a loudspeaker plays.
    pub is_monitor: bool,
}

/// Which device somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The machine's default, whichever that is at the moment.
    #[default]
    Default,
    /// The one of this id or name, or the only one whose name has this in it; the default while it isn't there.
    Named(String),
}

impl Choice {
    /// The choice that a setting or an argument means: nothing and "default" are the default.
    pub fn of(text: &str) -> Self {
        match text.trim() {
            "" | "default" => Self::Default,
            name => Self::Named(name.to_owned()),
        }
    }

    /// The device that is meant; where it isn't there, the default and the name of the one that is missing.
    pub(super) fn find_or_default(
        &self,
        side: Side,
        devices: &[Device],
    ) -> Result<(Device, Option<String>), DeviceError> {
        match (self.find(side, devices), self) {
            (Ok(device), _) => Ok((device.clone(), None)),
            (Err(why @ DeviceError::Unknown { .. }), Self::Named(name)) => {
                let other = Self::Default.find(side, devices).map_err(|_| why)?;
                Ok((other.clone(), Some(name.clone())))
            }
            (Err(why), _) => Err(why),
        }
    }

    /// The device that is meant. A monitor is meant only where it is named in full, or by part of its name as nothing else
    /// is.
    pub fn find<'a>(&self, side: Side, devices: &'a [Device]) -> Result<&'a Device, DeviceError> {
        let of_side = || devices.iter().filter(|device| device.side == side);
        let Self::Named(name) = self else {
            let default = of_side().find(|device| device.is_default);
            return match default {
                Some(device) if device.is_monitor => Err(DeviceError::OnlyMonitor(device.name.clone())),
                Some(device) => Ok(device),
                None => Err(DeviceError::None(side)),
            };
        };
        if let Some(exact) = of_side().find(|device| device.id == *name) {
            return Ok(exact);
        }
        let folded = name.to_lowercase();
        let is_name = |device: &&Device| device.name.to_lowercase() == folded;
        let has_name = |device: &&Device| device.name.to_lowercase().contains(&folded);
        let real = || of_side().filter(|device| !device.is_monitor);
        let ways: [Vec<&Device>; 3] = [
            of_side().filter(is_name).collect(),
            real().filter(has_name).collect(),
            of_side().filter(has_name).collect(),
        ];
        let fitting = ways.into_iter().find(|fitting| !fitting.is_empty()).unwrap_or_default();
        match fitting[..] {
            [] => Err(DeviceError::Unknown { side, name: name.clone() }),
            [one] => Ok(one),
            [first, second, ..] => Err(DeviceError::Ambiguous {
                name: name.clone(),
                first: first.name.clone(),
                second: second.name.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, name: &str, is_default: bool, is_monitor: bool) -> Device {
        Device { side: Side::Microphone, id: id.into(), name: name.into(), is_default, is_monitor }
    }

    fn found(choice: &str, devices: &[Device]) -> Result<String, DeviceError> {
        Choice::of(choice).find(Side::Microphone, devices).map(|device| device.id.clone())
    }

    #[test]
    fn a_device_is_found_by_its_id_its_name_or_the_only_name_that_has_it() {
        let devices = [
            device("usb.1", "Jabra Evolve", false, false),
            device("usb.2", "Jabra Speak", true, false),
            device("usb.2.monitor", "Monitor of Jabra Speak", false, true),
        ];
        assert_eq!(found("default", &devices), Ok("usb.2".into()));
        assert_eq!(found("usb.1", &devices), Ok("usb.1".into()));
        assert_eq!(found("jabra speak", &devices), Ok("usb.2".into()));
        assert_eq!(found("evolve", &devices), Ok("usb.1".into()));
        assert_eq!(found("monitor", &devices), Ok("usb.2.monitor".into()));
        let (name, first, second) = ("jabra".to_owned(), "Jabra Evolve".to_owned(), "Jabra Speak".to_owned());
        assert_eq!(found("jabra", &devices), Err(DeviceError::Ambiguous { name, first, second }));
        let unknown = DeviceError::Unknown { side: Side::Microphone, name: "webcam".into() };
        assert_eq!(found("webcam", &devices), Err(unknown));
    }

    #[test]
    fn what_a_loudspeaker_plays_is_no_microphone_unless_it_is_named() {
        let devices = [device("null.monitor", "Monitor of Null", true, true)];
        assert_eq!(found("", &devices), Err(DeviceError::OnlyMonitor("Monitor of Null".into())));
        assert_eq!(found("null.monitor", &devices), Ok("null.monitor".into()));
        assert_eq!(found("", &[]), Err(DeviceError::None(Side::Microphone)));
    }
}
