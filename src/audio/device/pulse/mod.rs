//! Microphones and loudspeakers by PulseAudio's native protocol, which PipeWire's pulse server speaks, too.
//!
//! Each open device has a connection of its own, on the thread that keeps it open. The messages of the crate
//! `pulseaudio` are used, and not its client: that one does the work in a callback on a thread that never ends, and
//! tells nothing of a device that was removed or of a server that ended.

mod address;
mod connection;
mod record;
mod render;
mod roster;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use pulseaudio::protocol::{Command, ServerInfo, SubscriptionEventFacility, SubscriptionMask};

use super::open::{About, Driver, Line, Step, Stream};
use super::{Choice, Device, DeviceError, Side};
use connection::{Connection, Message};
use record::Recording;
use render::Rendering;
use roster::Roster;

/// How long a device may take to open.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a step waits for the server.
const STEP: Duration = Duration::from_millis(50);

/// Questions of a stream that is open, by the number that their answers have.
const DEFAULTS: u32 = 1;
const DEVICES: u32 = 2;

/// The sound server of this session, or the one at a socket.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    socket: Option<PathBuf>,
    /// Milliseconds that a loudspeaker's stream holds.
    held: Arc<AtomicU32>,
}

/// The devices that there are.
pub(super) fn list(socket: Option<PathBuf>) -> Result<Vec<Device>, DeviceError> {
    let mut connection = Pulse::at(socket).connect()?;
    let mut devices = Vec::new();
    for side in [Side::Microphone, Side::Loudspeaker] {
        devices.extend(Roster::ask(&mut connection, side)?.devices);
    }
    Ok(devices)
}

impl Pulse {
    pub(super) fn at(socket: Option<PathBuf>) -> Self {
        Self { socket, held: Arc::default() }
    }

    fn connect(&self) -> Result<Connection, DeviceError> {
        let path = self.socket.clone().map_or_else(address::find, Ok)?;
        Connection::open(&path, Instant::now() + PATIENCE)
    }
}

impl Driver for Pulse {
    type Stream = PulseStream;

    fn open(&mut self, side: Side, choice: &Choice) -> Result<PulseStream, DeviceError> {
        let mut connection = self.connect()?;
        // Before the devices are asked for, so that no change falls between.
        connection.subscribe(match side {
            Side::Microphone => SubscriptionMask::SOURCE | SubscriptionMask::SERVER,
            Side::Loudspeaker => SubscriptionMask::SINK | SubscriptionMask::SERVER,
        })?;
        let roster = Roster::ask(&mut connection, side)?;
        let (device, instead_of) = choice.find_or_default(side, &roster.devices)?;
        // A stream for which no device is named follows the default, which may be one of the environment.
        let is_chosen = *choice != Choice::Default && instead_of.is_none();
        let named = (is_chosen || roster.fixed.is_some()).then_some(device.id.as_str());
        let sound = match side {
            Side::Microphone => Sound::Recording(Recording::create(&mut connection, named)?),
            Side::Loudspeaker => {
                Sound::Rendering(Rendering::create(&mut connection, named, Arc::clone(&self.held))?)
            }
        };
        Ok(PulseStream {
            connection,
            roster,
            choice: choice.clone(),
            device,
            instead_of,
            sound,
            is_asking: false,
            has_moved: false,
        })
    }
}

/// What goes through a stream.
enum Sound {
    Recording(Recording),
    Rendering(Rendering),
}

/// A stream of the sound server.
pub(super) struct PulseStream {
    connection: Connection,
    roster: Roster,
    choice: Choice,
    device: Device,
    instead_of: Option<String>,
    sound: Sound,
    /// The devices were asked for, and the answer isn't there yet.
    is_asking: bool,
    /// The server has moved the stream to a device whose name for people is asked for.
    has_moved: bool,
}

impl Stream for PulseStream {
    fn about(&self) -> About {
        let delay = match &self.sound {
            Sound::Recording(recording) => recording.delay(),
            Sound::Rendering(rendering) => rendering.delay(),
        };
        About { name: self.device.name.clone(), instead_of: self.instead_of.clone(), delay }
    }

    fn step(&mut self, line: &Line) -> Result<Step, DeviceError> {
        if let Sound::Rendering(rendering) = &mut self.sound
            && rendering.is_due()
        {
            return rendering.render(&mut self.connection, line);
        }
        match self.connection.next(STEP)? {
            Some(Message::Sound(bytes)) => Ok(match &mut self.sound {
                Sound::Recording(recording) => recording.take(bytes, line),
                Sound::Rendering(_) => Step::Waited,
            }),
            Some(Message::Reply(DEFAULTS, body)) => {
                self.roster.take_defaults(&body.read::<ServerInfo>()?);
                Ok(Step::Waited)
            }
            Some(Message::Reply(DEVICES, body)) => {
                self.is_asking = false;
                self.roster.take_devices(body)?;
                Ok(self.look())
            }
            None | Some(Message::Reply(..)) => Ok(Step::Waited),
            Some(Message::Command(command)) => self.handle(&command, line),
        }
    }
}

impl PulseStream {
    fn handle(&mut self, command: &Command, line: &Line) -> Result<Step, DeviceError> {
        match command {
            Command::Request(request) => {
                if let Sound::Rendering(rendering) = &mut self.sound {
                    rendering.owe(request.length);
                }
            }
            Command::Underflow(_) => {
                if let Sound::Rendering(rendering) = &mut self.sound {
                    line.count_gap();
                    rendering.run_dry(&mut self.connection)?;
                }
            }
            Command::Overflow(_) => line.count_gap(),
            Command::PlaybackStreamKilled(_) | Command::RecordStreamKilled(_) => {
                return Err(DeviceError::Removed);
            }
            Command::PlaybackStreamSuspended(stream) | Command::RecordStreamSuspended(stream)
                if stream.suspended =>
            {
                return Err(DeviceError::Suspended);
            }
            Command::PlaybackStreamMoved(moved) => self.go_to(&moved.device_name.to_string_lossy())?,
            Command::RecordStreamMoved(moved) => self.go_to(&moved.device_name.to_string_lossy())?,
            Command::SubscribeEvent(event) => {
                let is_server = event.event_facility == SubscriptionEventFacility::Server;
                // What changes at a device, such as its volume, is no reason to ask.
                if is_server || event.event_type != pulseaudio::protocol::SubscriptionEventType::Changed {
                    self.ask()?;
                }
            }
            _ => (),
        }
        Ok(Step::Waited)
    }

    /// The stream is at another device.
    fn go_to(&mut self, id: &str) -> Result<(), DeviceError> {
        self.has_moved = true;
        id.clone_into(&mut self.device.id);
        self.ask()
    }

    /// Asks for the default and the devices, unless an answer is on its way.
    fn ask(&mut self) -> Result<(), DeviceError> {
        if self.is_asking {
            return Ok(());
        }
        self.is_asking = true;
        self.connection.send(DEFAULTS, &Command::GetServerInfo)?;
        self.connection.send(DEVICES, &self.roster.question())
    }

    /// Looks whether the stream is where it is to be, after the devices or the default have changed.
    fn look(&mut self) -> Step {
        let has_moved = std::mem::take(&mut self.has_moved);
        if has_moved && let Some(device) = self.roster.find(&self.device.id) {
            self.device = device.clone();
        }
        let default_has_changed = self.roster.take_change();
        let is_there_again =
            self.instead_of.is_some() && self.choice.find(self.roster.side, &self.roster.devices).is_ok();
        let follows = self.choice == Choice::Default || self.instead_of.is_some();
        let default = self.roster.devices.iter().find(|device| device.is_default);
        // A server that moves streams along has done so by now. Where somebody moved the stream by hand, it stays.
        let is_behind =
            follows && default_has_changed && default.is_some_and(|device| device.id != self.device.id);
        match () {
            () if is_there_again || is_behind => Step::Outdated,
            () if has_moved => Step::Moved,
            () => Step::Waited,
        }
    }
}
