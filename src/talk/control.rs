//! The control socket: other programs of the same person push the key to talk, mute and so on, whatever has the focus. One line asks,
//! one answers: `ok`, then what was asked for, or `error` and why. It is a Unix socket that only its owner can open.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::act;
use super::live::Live;
use super::{Action, Push};
use crate::files;

/// Programs that are connected at once; the next ones wait in the listener's backlog.
const PROGRAMS: usize = 16;

/// The longest line that is read, in bytes.
const LINE: u64 = 256;

/// How long a program may take with its next line, and with an answer: one that does nothing keeps no place.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no control socket, or nothing answers on it.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Somebody else has it.
    #[error("another parlour talk has the control socket {} already; give this one another place with --control", path.display())]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// There is no live client.
    #[error("no parlour talk runs here (nothing answers at {}); start one with: parlour talk", path.display())]
    Nobody {
        /// Where it was tried.
        path: PathBuf,
    },
    /// Something else is in its place.
    #[error("{} is there and isn't a socket; move it away, or give another place with --control", path.display())]
    InTheWay {
        /// Where.
        path: PathBuf,
    },
    /// It can't be used.
    #[error("can't use the control socket {}: {source}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It was refused.
    #[error("{0}")]
    Refused(String),
}

/// What is asked of a live client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Push the key to talk.
    Push(Push),
    /// Say nothing, or be heard again.
    Mute(Switch),
    /// Hear nothing, or hear again.
    Deafen(Switch),
    /// Be away, or be back.
    Away(Switch),
    /// How one is set, in a line.
    Status,
    /// What whoever looks for a fault wants to know.
    Statistics,
}

/// What a switch is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
    /// The other one.
    #[default]
    Toggle,
}

impl Switch {
    fn of(self, now: bool) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            Self::Toggle => !now,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Toggle => "toggle",
        }
    }

    fn read(word: &str) -> Option<Self> {
        [Self::On, Self::Off, Self::Toggle].into_iter().find(|switch| switch.word() == word)
    }
}

impl Ask {
    /// The line that asks for it.
    fn line(self) -> String {
        match self {
            Self::Push(Push::Down) => "ptt down".to_owned(),
            Self::Push(Push::Up) => "ptt up".to_owned(),
            Self::Push(Push::Toggle) => "ptt toggle".to_owned(),
            Self::Mute(switch) => format!("mute {}", switch.word()),
            Self::Deafen(switch) => format!("deafen {}", switch.word()),
            Self::Away(switch) => format!("away {}", switch.word()),
            Self::Status => "status".to_owned(),
            Self::Statistics => "statistics".to_owned(),
        }
    }

    /// What a line asks for.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (what, how) = (words.next()?, words.next());
        if words.next().is_some() {
            return None;
        }
        Some(match (what, how) {
            ("ptt", Some("down")) => Self::Push(Push::Down),
            ("ptt", Some("up")) => Self::Push(Push::Up),
            ("ptt", Some("toggle")) => Self::Push(Push::Toggle),
            ("mute", Some(how)) => Self::Mute(Switch::read(how)?),
            ("deafen", Some(how)) => Self::Deafen(Switch::read(how)?),
            ("away", Some(how)) => Self::Away(Switch::read(how)?),
            ("status", None) => Self::Status,
            ("statistics", None) => Self::Statistics,
            _ => return None,
        })
    }
}

/// Where the control socket is when nothing else is said: in the directory that the system has for a user's sockets, else beside
/// the settings.
pub fn control_path(settings: &Path) -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    runtime.unwrap_or_else(|| settings.to_owned()).join("parlour-talk.sock")
}

/// Asks a live client for something, and answers with what it said.
pub fn ask(path: &Path, ask: Ask) -> Result<String, ControlError> {
    use std::io::{Read, Write};
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::Nobody { path: path.to_owned() }
        }
        _ => ControlError::Socket { path: path.to_owned(), source },
    };
    let mut stream = StdStream::connect(path).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWERING)).map_err(failed)?;
    stream.write_all(format!("{}\n", ask.line()).as_bytes()).map_err(failed)?;
    stream.shutdown(std::net::Shutdown::Write).map_err(failed)?;
    let mut answer = String::new();
    stream.take(ANSWER).read_to_string(&mut answer).map_err(failed)?;
    match answer.split_once([' ', '\n']) {
        Some(("ok", rest)) => Ok(rest.trim_end().to_owned()),
        Some((_, rest)) => Err(ControlError::Refused(rest.trim_end().to_owned())),
        None => Err(failed(io::Error::from(io::ErrorKind::UnexpectedEof))),
    }
}

/// The longest answer that is read, in bytes.
const ANSWER: u64 = 64 * 1024;

/// How long an answer may take.
const ANSWERING: Duration = Duration::from_secs(10);

/// The open control socket. Dropping it closes it.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Control {
    /// Opens it, and does what is asked there.
    pub(super) fn open(path: PathBuf, live: Arc<Live>, runtime: &Handle) -> Result<Self, ControlError> {
        let failed = |source| ControlError::Socket { path: path.clone(), source };
        if let Some(directory) = path.parent() {
            files::make_directory(directory).map_err(failed)?;
        }
        clear(&path)?;
        let listener = {
            let _within = runtime.enter();
            UnixListener::bind(&path).map_err(failed)?
        };
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .map_err(failed)?;
        let task = runtime.spawn(listen(listener, live));
        Ok(Self { path, task })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // Somebody may have taken it away already.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes what a program left that was stopped in the middle; one that still answers keeps its place.
fn clear(path: &Path) -> Result<(), ControlError> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ControlError::InTheWay { path: path.to_owned() });
    }
    if StdStream::connect(path).is_ok() {
        return Err(ControlError::Taken { path: path.to_owned() });
    }
    std::fs::remove_file(path).map_err(|source| ControlError::Socket { path: path.to_owned(), source })
}

async fn listen(listener: UnixListener, live: Arc<Live>) {
    let mut programs = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if programs.len() < PROGRAMS => match accepted {
                Ok((stream, _)) => drop(programs.spawn(serve(stream, Arc::clone(&live)))),
                // No file is left for it; others are closed in a moment.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = programs.join_next() => (),
        }
    }
}

/// Does what one program asks for, line by line.
async fn serve(stream: UnixStream, live: Arc<Live>) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let mut part = (&mut reader).take(LINE);
        let read = part.read_until(b'\n', &mut line);
        if !matches!(tokio::time::timeout(PATIENCE, read).await, Ok(Ok(1..))) {
            return;
        }
        // What is behind the longest line isn't a line of its own.
        let is_too_long = line.len() as u64 == LINE && !line.ends_with(b"\n");
        let answer = match std::str::from_utf8(&line).ok().and_then(Ask::read).filter(|_| !is_too_long) {
            Some(ask) => obey(&live, ask).await,
            None => "error this isn't understood; there are: ptt down|up|toggle, mute|deafen|away on|off|toggle, status, \
                     statistics\n"
                .to_owned(),
        };
        let written = tokio::time::timeout(PATIENCE, writer.write_all(answer.as_bytes())).await;
        if is_too_long || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

async fn obey(live: &Live, ask: Ask) -> String {
    let own = live.look(|state| state.picture.own.clone());
    let action = match ask {
        Ask::Push(push) => Action::Push(push),
        Ask::Mute(switch) => Action::Mute(switch.of(own.mute)),
        Ask::Deafen(switch) => Action::Deafen(switch.of(own.deaf)),
        Ask::Away(switch) => Action::Away(switch.of(own.away)),
        Ask::Status => return format!("ok {}\n", status(live)),
        Ask::Statistics => return format!("ok {}", live.statistics()),
    };
    match act::act(live, action).await {
        Ok(()) => format!("ok {}\n", status(live)),
        Err(error) => format!("error {}\n", error.to_string().replace('\n', " ")),
    }
}

/// How one is set, as words that programs can look for.
fn status(live: &Live) -> String {
    live.look(|state| {
        let own = &state.picture.own;
        let words = [
            (state.session.is_some(), "connected"),
            (own.mute, "mute"),
            (own.deaf, "deaf"),
            (own.away, "away"),
            (own.pressed, "pressed"),
            (own.latched, "latched"),
            (own.sending, "sending"),
        ];
        let words: Vec<_> = words.into_iter().filter_map(|(is, word)| is.then_some(word)).collect();
        words.join(" ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::Picture;
    use crate::talk::kept::{Kept, OfServer};
    use crate::talk::shared::{Orders, Shared};

    #[test]
    fn a_line_asks_for_what_it_was_made_of() {
        let switches = [Switch::On, Switch::Off, Switch::Toggle];
        let pushes = [Push::Down, Push::Up, Push::Toggle].map(Ask::Push);
        let asks = pushes.into_iter().chain([Ask::Status, Ask::Statistics]);
        let switched = switches.into_iter().flat_map(|s| [Ask::Mute(s), Ask::Deafen(s), Ask::Away(s)]);
        for ask in asks.chain(switched) {
            assert_eq!(Ask::read(&ask.line()), Some(ask));
        }
        for line in ["", "ptt", "ptt sideways", "ptt down now", "mute", "status 1", "MUTE on"] {
            assert_eq!(Ask::read(line), None, "{line}");
        }
    }

    #[tokio::test]
    async fn what_was_left_behind_is_cleared_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("talk.sock");
        clear(&path).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        assert!(matches!(clear(&path), Err(ControlError::Taken { .. })));
        drop(listener);
        clear(&path).unwrap();
        assert!(!path.exists());
        assert!(matches!(ask(&path, Ask::Status), Err(ControlError::Nobody { .. })));
        std::fs::write(&path, "a letter").unwrap();
        assert!(matches!(clear(&path), Err(ControlError::InTheWay { .. })));
        assert!(path.exists());
    }
    #[tokio::test]
    async fn what_is_behind_the_longest_line_is_no_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("talk.sock");
        let (shared, _packets) = Shared::new(Orders::first(Arc::default()));
        let (kept, picture) = (Kept::new(directory.path()), Picture::default());
        let live = Arc::new(Live::new(shared, kept, picture, OfServer::default()));
        let _control = Control::open(path.clone(), Arc::clone(&live), &Handle::current()).unwrap();
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let line = format!("{}mute on\n", "x".repeat(LINE as usize));
        stream.write_all(line.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // The connection is closed, perhaps with what wasn't read of it.
        let _ = stream.read_to_string(&mut answer).await;
        assert!(answer.starts_with("error ") && answer.lines().count() == 1, "{answer}");
        assert!(!live.look(|state| state.picture.own.mute));
    }
}
