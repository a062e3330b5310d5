//! Microphones and loudspeakers by ALSA's own programs, `arecord` and `aplay`, on a machine that has no sound server. They
//! are processes, so nothing is linked with ALSA.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use socket2::SockRef;

use super::block::{BLOCK, BYTES, of_bytes, to_bytes};
use super::choose::{Choice, Device};
use super::error::DeviceError;
use super::open::{About, Driver, Line, Step, Stream};
use super::side::Side;

/// How long a step waits for a microphone.
const STEP: Duration = Duration::from_millis(50);

/// How long a loudspeaker may take nothing.
const STOPPED: Duration = Duration::from_millis(250);

/// What the device holds, in microseconds: a program that another one keeps waiting for so long isn't heard breaking off.
const HELD: Duration = Duration::from_millis(20);

/// Bytes that wait between here and `aplay`: the least that the system takes, which is a few blocks.
const BETWEEN: usize = 1;

/// Whether the machine has a sound card, as its kernel says.
pub(super) fn has_cards() -> bool {
    fs::read_to_string("/proc/asound/pcm").is_ok_and(|cards| !cards.trim().is_empty())
}

/// The devices that there are, as those programs list them.
pub(super) fn list() -> Result<Vec<Device>, DeviceError> {
    let mut devices = Vec::new();
    for side in [Side::Microphone, Side::Loudspeaker] {
        let listed =
            Command::new(program(side)).arg("-L").stdin(Stdio::null()).stderr(Stdio::null()).output();
        let listed = listed.map_err(|error| missing(side, &error))?;
        devices.extend(named(side, &String::from_utf8_lossy(&listed.stdout)));
    }
    Ok(devices)
}

/// The devices of a list: a name, and below it, indented, what it is. Of the many ways to a card one is taken.
fn named(side: Side, list: &str) -> Vec<Device> {
    let mut lines = list.lines().peekable();
    let mut devices = Vec::new();
    while let Some(id) = lines.next() {
        let about = lines.next_if(|line| line.starts_with(char::is_whitespace));
        if id == "default" || id.starts_with("plughw:") {
            let name = about.map_or(id, str::trim).replace(char::is_control, " ");
            devices.push(Device {
                side,
                id: id.to_owned(),
                name,
                is_default: id == "default",
                is_monitor: false,
            });
        }
    }
    devices
}

fn program(side: Side) -> &'static str {
    match side {
        Side::Microphone => "arecord",
        Side::Loudspeaker => "aplay",
    }
}

fn missing(side: Side, error: &io::Error) -> DeviceError {
    DeviceError::Program { name: program(side), reason: error.kind() }
}

/// ALSA's devices.
#[derive(Debug)]
pub(super) struct Alsa;

impl Driver for Alsa {
    type Stream = AlsaStream;

    fn open(&mut self, side: Side, choice: &Choice) -> Result<AlsaStream, DeviceError> {
        let (device, instead_of) = choice.find_or_default(side, &list()?)?;
        let failed = |error: io::Error| missing(side, &error);
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_read_timeout(Some(STEP)).map_err(failed)?;
        ours.set_write_timeout(Some(STOPPED)).map_err(failed)?;
        for end in [&ours, &theirs] {
            SockRef::from(end).set_send_buffer_size(BETWEEN).map_err(failed)?;
        }
        let theirs = Stdio::from(OwnedFd::from(theirs));
        let mut command = Command::new(program(side));
        command.args(["-q", "-t", "raw", "-f", "FLOAT_LE", "-c", "1", "-r", "48000", "-D", &device.id]);
        command.args(["--period-time=5000", &format!("--buffer-time={}", HELD.as_micros())]);
        match side {
            Side::Microphone => command.stdin(Stdio::null()).stdout(theirs),
            Side::Loudspeaker => command.stdin(theirs).stdout(Stdio::null()),
        };
        let child = command.stderr(Stdio::null()).spawn().map_err(failed)?;
        Ok(AlsaStream { side, device, instead_of, child, socket: ours, begun: Vec::new() })
    }
}

/// One of those programs at work; ends when dropped.
pub(super) struct AlsaStream {
    side: Side,
    device: Device,
    instead_of: Option<String>,
    child: Child,
    socket: UnixStream,
    begun: Vec<u8>,
}

impl Drop for AlsaStream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stream for AlsaStream {
    fn about(&self) -> About {
        About { name: self.device.name.clone(), instead_of: self.instead_of.clone(), delay: HELD }
    }

    fn step(&mut self, line: &Line) -> Result<Step, DeviceError> {
        match self.side {
            Side::Microphone => self.hear(line),
            Side::Loudspeaker => self.render(line),
        }
    }
}

impl AlsaStream {
    fn hear(&mut self, line: &Line) -> Result<Step, DeviceError> {
        let mut bytes = [0; BYTES];
        match self.socket.read(&mut bytes) {
            Ok(0) => return Err(DeviceError::Removed),
            Ok(read) => self.begun.extend_from_slice(&bytes[..read]),
            Err(error) if is_late(&error) => return Ok(Step::Waited),
            Err(_) => return Err(DeviceError::Removed),
        }
        let Some(bytes) = self.begun.first_chunk::<BYTES>() else { return Ok(Step::Waited) };
        let block = of_bytes(bytes);
        self.begun.drain(..BYTES);
        line.hear(&block);
        Ok(Step::Worked)
    }

    /// Waits until the program has taken what it was given before, and gives it a block.
    fn render(&mut self, line: &Line) -> Result<Step, DeviceError> {
        let mut block = [0.0; BLOCK];
        line.render(&mut block);
        match self.socket.write_all(&to_bytes(&block)) {
            Ok(()) => Ok(Step::Worked),
            Err(error) if is_late(&error) => Err(DeviceError::Stopped),
            Err(_) => Err(DeviceError::Removed),
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_to_each_card_is_listed() {
        let list = "null\n    Discard all samples\ndefault\n    Default Audio Device\nhw:CARD=PCH,DEV=0\n    HDA\n    Direct\n\
                    plughw:CARD=PCH,DEV=0\n    HDA Intel PCH, ALC257 Analog\n    Hardware device\nplughw:CARD=Pi\n";
        let devices = named(Side::Loudspeaker, list);
        let about: Vec<_> = devices.iter().map(|device| (device.id.as_str(), device.name.as_str())).collect();
        assert_eq!(
            about,
            [
                ("default", "Default Audio Device"),
                ("plughw:CARD=PCH,DEV=0", "HDA Intel PCH, ALC257 Analog"),
                ("plughw:CARD=Pi", "plughw:CARD=Pi"),
            ]
        );
        assert!(devices[0].is_default);
    }
}
