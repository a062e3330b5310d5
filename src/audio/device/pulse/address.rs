//! Where the sound server is, as PulseAudio's own clients find it.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use super::super::{DeviceError, Side};

/// The socket of this session's sound server.
pub(super) fn find() -> Result<PathBuf, DeviceError> {
    if let Some(server) = set("PULSE_SERVER") {
        return of_setting(&server.to_string_lossy());
    }
    let user = rustix::process::getuid().as_raw();
    let runtime = set("XDG_RUNTIME_DIR").map(PathBuf::from);
    let is_known = runtime.is_some();
    let runtime = runtime.unwrap_or_else(|| format!("/run/user/{user}").into());
    let usual = runtime.join("pulse/native");
    let own = set("PULSE_RUNTIME_PATH").map(|path| PathBuf::from(path).join("native"));
    let of_machine = PathBuf::from("/run/pulse/native");
    match own.into_iter().chain([usual.clone(), of_machine]).find(|path| path.exists()) {
        Some(path) => Ok(path),
        None if is_known => Err(DeviceError::Unreachable { path: usual, reason: io::ErrorKind::NotFound }),
        None => Err(DeviceError::NoServer),
    }
}

/// The first socket of this machine that `PULSE_SERVER` names: it is a list of addresses, each perhaps with the machine in
/// braces for which it is good.
fn of_setting(setting: &str) -> Result<PathBuf, DeviceError> {
    let paths = setting.split_whitespace().filter_map(|address| {
        let address = address.split_once('}').map_or(address, |(_, address)| address);
        let path = address.strip_prefix("unix:").unwrap_or(address);
        path.starts_with('/').then(|| PathBuf::from(path))
    });
    let paths: Vec<PathBuf> = paths.collect();
    let there = paths.iter().find(|path| path.exists());
    there.or(paths.first()).cloned().ok_or_else(|| DeviceError::Remote(setting.to_owned()))
}

/// The device that the environment says to be the default.
pub(super) fn fixed(side: Side) -> Option<String> {
    let name = match side {
        Side::Microphone => "PULSE_SOURCE",
        Side::Loudspeaker => "PULSE_SINK",
    };
    set(name).map(|id| id.to_string_lossy().into_owned())
}

fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_a_socket_of_this_machine() {
        assert_eq!(of_setting("unix:/tmp/p"), Ok("/tmp/p".into()));
        assert_eq!(of_setting("/tmp/p"), Ok("/tmp/p".into()));
        assert_eq!(of_setting("{0123}unix:/tmp/p tcp:desk:4713"), Ok("/tmp/p".into()));
        assert_eq!(of_setting("tcp:desk:4713"), Err(DeviceError::Remote("tcp:desk:4713".into())));
    }
}
