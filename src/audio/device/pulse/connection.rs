//! A connection to the sound server: messages in and out, each wait bounded.

use std::ffi::CString;
use std::io::{self, Cursor, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use pulseaudio::protocol::{
    AuthParams, AuthReply, Command, CommandReply, DESCRIPTOR_SIZE, DescriptorFlags, MAX_VERSION, MIN_VERSION,
    Prop, Props, ProtocolError, PulseError, SetClientNameReply, SubscriptionMask, TagStructReader,
    encode_descriptor, read_descriptor, write_command_message,
};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::super::DeviceError;

/// Bytes of a cookie, with which a client shows that it may read its user's files.
const COOKIE: usize = 256;

/// Most bytes of a message. The largest that a server sends is a list of devices.
const LARGEST: usize = 4 * 1024 * 1024;

/// Bytes that are read at once.
const PART: usize = 16 * 1024;

/// How long the server may take to take what is sent.
const SEND: Duration = Duration::from_millis(250);

/// A connection, its greeting over.
pub(super) struct Connection {
    socket: UnixStream,
    version: u16,
    /// What came and isn't taken yet.
    received: Vec<u8>,
    /// Where the next message begins there.
    start: usize,
    /// Until when an answer to a question is waited for.
    deadline: Instant,
    number: u32,
}

/// What comes from the server.
pub(super) enum Message<'a> {
    /// Sound of the stream that is recorded.
    Sound(&'a [u8]),
    /// The answer to the question of this number.
    Reply(u32, Body<'a>),
    /// Something that happened.
    Command(Box<Command>),
}

/// An answer that isn't read yet.
pub(super) struct Body<'a> {
    bytes: &'a [u8],
    version: u16,
}

impl Body<'_> {
    pub(super) fn read<T: CommandReply>(self) -> Result<T, DeviceError> {
        let mut cursor = Cursor::new(self.bytes);
        TagStructReader::new(&mut cursor, self.version).read().map_err(|_| DeviceError::Garbled)
    }
}

impl Connection {
    /// Connects and greets. Whatever is asked until the deadline waits until then at most.
    pub(super) fn open(path: &Path, deadline: Instant) -> Result<Self, DeviceError> {
        let unreachable =
            |error: io::Error| DeviceError::Unreachable { path: path.to_owned(), reason: error.kind() };
        let socket = connect(path).map_err(unreachable)?;
        socket.set_write_timeout(Some(SEND)).map_err(unreachable)?;
        let (received, start, number) = (Vec::new(), 0, 100);
        let mut connection = Self { socket, version: MIN_VERSION, received, start, deadline, number };
        let greeting =
            AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie: cookie() };
        let welcome: AuthReply = connection.ask(&Command::Auth(greeting))?;
        connection.version = welcome.version.min(MAX_VERSION);
        let mut about = Props::new();
        about.set(Prop::ApplicationName, c"Parlour");
        about.set(Prop::ApplicationId, c"parlour");
        if let Ok(process) = CString::new(std::process::id().to_string()) {
            about.set(Prop::ApplicationProcessId, process);
        }
        let _: SetClientNameReply = connection.ask(&Command::SetClientName(about))?;
        Ok(connection)
    }

    /// Has the server tell of such changes.
    pub(super) fn subscribe(&mut self, to: SubscriptionMask) -> Result<(), DeviceError> {
        self.question(&Command::Subscribe(to)).map(drop)
    }

    /// Asks, and waits for the answer. What comes meanwhile is passed over, so there is no stream yet.
    pub(super) fn ask<T: CommandReply>(&mut self, command: &Command) -> Result<T, DeviceError> {
        self.question(command)?.read()
    }

    fn question(&mut self, command: &Command) -> Result<Body<'_>, DeviceError> {
        self.number += 1;
        let number = self.number;
        self.send(number, command)?;
        let length = loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.next(left)? {
                None => return Err(DeviceError::Unanswered),
                Some(Message::Reply(to, body)) if to == number => break body.bytes.len(),
                Some(_) => (),
            }
        };
        // The answer is the end of what was taken last.
        Ok(Body { bytes: &self.received[self.start - length..self.start], version: self.version })
    }

    /// Sends a command, whose answer has this number.
    pub(super) fn send(&mut self, number: u32, command: &Command) -> Result<(), DeviceError> {
        let mut message = Vec::new();
        write_command_message(&mut message, number, command, self.version)
            .map_err(|_| DeviceError::Garbled)?;
        self.write(&message)
    }

    /// Sends sound of a stream; the message's head is put before it.
    pub(super) fn send_sound(&mut self, channel: u32, sound: &[u8]) -> Result<(), DeviceError> {
        let mut message = vec![0; DESCRIPTOR_SIZE + sound.len()];
        let (head, body) = message.split_at_mut(DESCRIPTOR_SIZE);
        let about = pulseaudio::protocol::Descriptor {
            length: sound.len() as u32,
            channel,
            offset: 0,
            flags: DescriptorFlags::empty(),
        };
        if let Some(head) = head.first_chunk_mut() {
            encode_descriptor(head, &about);
        }
        body.copy_from_slice(sound);
        self.write(&message)
    }

    fn write(&mut self, message: &[u8]) -> Result<(), DeviceError> {
        self.socket.write_all(message).map_err(|error| broken(&error))
    }

    /// The next message, waited for so long at most.
    pub(super) fn next(&mut self, wait: Duration) -> Result<Option<Message<'_>>, DeviceError> {
        let until = Instant::now() + wait;
        let (channel, from, to) = loop {
            if let Some(message) = self.whole()? {
                break message;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.read(left)? {
                return Ok(None);
            }
        };
        self.start = to;
        let body = &self.received[from..to];
        if channel != u32::MAX {
            return Ok(Some(Message::Sound(body)));
        }
        let mut cursor = Cursor::new(body);
        let (number, command) = match Command::read_tag_prefixed(&mut cursor, self.version) {
            Ok(message) => message,
            // A newer server tells of what this one doesn't know.
            Err(ProtocolError::Unimplemented(..)) => {
                return Ok(Some(Message::Command(Box::new(Command::Timeout))));
            }
            Err(_) => return Err(DeviceError::Garbled),
        };
        match command {
            Command::Reply => {
                let at = (cursor.position() as usize).min(body.len());
                Ok(Some(Message::Reply(number, Body { bytes: &body[at..], version: self.version })))
            }
            Command::Error(error) => Err(refusal(error)),
            command => Ok(Some(Message::Command(Box::new(command)))),
        }
    }

    /// The channel of the next message, and where its body is, where it is there as a whole.
    fn whole(&mut self) -> Result<Option<(u32, usize, usize)>, DeviceError> {
        let there = &self.received[self.start..];
        if there.len() < DESCRIPTOR_SIZE {
            return Ok(None);
        }
        let about = read_descriptor(&mut &there[..]).map_err(|_| DeviceError::Garbled)?;
        let length = about.length as usize;
        if length > LARGEST {
            return Err(DeviceError::Garbled);
        }
        let from = self.start + DESCRIPTOR_SIZE;
        Ok((self.received.len() >= from + length).then_some((about.channel, from, from + length)))
    }

    /// Reads what there is. Answers `false` where nothing came in time.
    fn read(&mut self, wait: Duration) -> Result<bool, DeviceError> {
        self.received.drain(..self.start);
        self.start = 0;
        self.socket.set_read_timeout(Some(wait)).map_err(|error| broken(&error))?;
        let before = self.received.len();
        self.received.resize(before + PART, 0);
        let read = self.socket.read(&mut self.received[before..]);
        self.received.truncate(before + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(0) => Err(DeviceError::Ended),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) if is_late(&error) => Ok(false),
            Err(error) => Err(broken(&error)),
        }
    }
}

/// Connects, without waiting for a server that is stopped and whose queue is full.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    let socket = UnixStream::from(socket);
    socket.set_nonblocking(false)?;
    Ok(socket)
}

/// What the user's cookie is; without one the server goes by who the user is.
fn cookie() -> Vec<u8> {
    let mut cookie = Vec::with_capacity(COOKIE);
    if let Some(file) = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::File::open(path).ok()) {
        // What can't be read is as none.
        let _ = file.take(COOKIE as u64).read_to_end(&mut cookie);
    }
    cookie.resize(COOKIE, 0);
    cookie
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn broken(error: &io::Error) -> DeviceError {
    if is_late(error) { DeviceError::Unanswered } else { DeviceError::Ended }
}

fn refusal(error: PulseError) -> DeviceError {
    match error {
        PulseError::NoEntity | PulseError::Killed => DeviceError::Removed,
        PulseError::AccessDenied | PulseError::AuthKey => {
            DeviceError::Refused("this user may not use it; is it another user's?")
        }
        PulseError::TooLarge => DeviceError::Refused("it has as many streams as it takes"),
        PulseError::Version => DeviceError::Refused("it is of a version that isn't understood"),
        PulseError::NotSupported => DeviceError::Refused("it can't do that"),
        PulseError::BadState => DeviceError::Refused("the device can't be used now"),
        _ => DeviceError::Refused("it gave an error"),
    }
}
