//! A terminal for the program: a pseudo-terminal, and as much of a terminal's behaviour as the screen uses.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::support::eventually;

/// What a terminal answers to the question what it is: one that tells when a key comes up (kitty's protocol), and one that doesn't.
pub(super) const WITH_RELEASES: &str = "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\\x1b[?0u\x1b[?62;c";
pub(super) const WITHOUT_RELEASES: &str = "\x1b[?62;c";

/// What is written behind all that a program wrote: a title, which is shown nowhere.
const LAST: &[u8] = b"\x1b]2;last\x07";

/// A program in a terminal. It is killed when dropped.
pub(super) struct Terminal {
    child: Child,
    keys: File,
    line: OwnedFd,
    shown: Arc<Mutex<Shown>>,
}

/// What a terminal shows, and what it was told.
struct Shown {
    columns: usize,
    cells: Vec<char>,
    at: usize,
    /// All that came, for what isn't seen.
    came: Vec<u8>,
    rest: Vec<u8>,
}

impl Terminal {
    /// Starts a program in a terminal of so many columns and rows that answers so to the question what it is.
    pub(super) fn start(command: &mut Command, (columns, rows): (u16, u16), answer: &'static str) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let line = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&line, size).unwrap();
        let end = || Stdio::from(line.try_clone().unwrap());
        // A session of its own, whose terminal this is.
        let mut wrapped = Command::new("setsid");
        wrapped.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        let child = wrapped.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let (mut reads, mut keys) = (File::from(ours.try_clone().unwrap()), File::from(ours));
        let cells = vec![' '; usize::from(columns) * usize::from(rows)];
        let shown = Shown { columns: columns.into(), cells, at: 0, came: Vec::new(), rest: Vec::new() };
        let shown = Arc::new(Mutex::new(shown));
        let (of_thread, mut answers) = (Arc::clone(&shown), keys.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The other end is gone with the program (EIO).
            while let Ok(count @ 1..) = reads.read(&mut bytes) {
                let is_asked = lock(&of_thread).take(&bytes[..count]);
                if is_asked {
                    let _ = answers.write_all(answer.as_bytes());
                }
            }
        });
        keys.flush().unwrap();
        Self { child, keys, line, shown }
    }

    /// Types.
    pub(super) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// The rows that are shown.
    pub(super) fn rows(&self) -> Vec<String> {
        let shown = lock(&self.shown);
        shown.cells.chunks(shown.columns).map(|row| row.iter().collect()).collect()
    }

    /// Waits until a text is shown.
    pub(super) async fn sees(&self, text: &str) {
        let rows = || self.rows();
        let is_there = async || rows().iter().any(|row| row.contains(text)).then_some(());
        let found = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while is_there().await.is_none() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        });
        assert!(found.await.is_ok(), "\"{text}\" isn't shown: {:#?}", self.rows());
    }

    /// All that the program wrote.
    pub(super) fn came(&self) -> String {
        String::from_utf8_lossy(&lock(&self.shown).came).into_owned()
    }

    /// Whether lines are edited and shown by the terminal, as a shell wants it.
    pub(super) fn is_usual(&self) -> bool {
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// The program's number.
    pub(super) fn id(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    /// Waits until the program has ended.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        let status = eventually("the program ends", async || self.child.try_wait().unwrap()).await;
        // What it wrote last may still be on its way: what is written now comes behind it.
        rustix::io::write(&self.line, LAST).unwrap();
        eventually("all of it has come", async || lock(&self.shown).came.ends_with(LAST).then_some(())).await;
        let came = &mut lock(&self.shown).came;
        came.truncate(came.len() - LAST.len());
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shown {
    /// Takes what the program wrote. Answers with whether it asks what the terminal is.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.came.extend_from_slice(bytes);
        self.rest.extend_from_slice(bytes);
        let (mut is_asked, mut from) = (false, 0);
        let rest = std::mem::take(&mut self.rest);
        while let Some(length) = length(&rest[from..]) {
            let piece = String::from_utf8_lossy(&rest[from..from + length]).into_owned();
            is_asked |= piece == "\x1b[c";
            self.obey(&piece);
            from += length;
        }
        self.rest = rest[from..].to_vec();
        is_asked
    }

    fn obey(&mut self, piece: &str) {
        let rows = self.cells.len() / self.columns;
        if let Some(sequence) = piece.strip_prefix("\x1b[") {
            let (numbers, what) = sequence.split_at(sequence.len() - 1);
            let mut numbers = numbers.split(';').map(|number| number.parse().unwrap_or(1).max(1) - 1);
            match what {
                "H" => {
                    let (row, column) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                    self.at = row.min(rows - 1) * self.columns + column.min(self.columns - 1);
                }
                "J" => self.cells.fill(' '),
                // Colours, modes and the cursor's looks aren't seen here.
                _ => (),
            }
            return;
        }
        match piece {
            "\r" => self.at -= self.at % self.columns,
            "\n" => self.at += self.columns,
            piece if piece.starts_with('\x1b') => (),
            piece => {
                for c in piece.chars() {
                    if let Some(cell) = self.cells.get_mut(self.at) {
                        *cell = c;
                    }
                    self.at += 1;
                }
            }
        }
        self.at = self.at.min(self.cells.len().saturating_sub(1));
    }
}

/// How long the first piece is: a character, or a sequence that begins with Escape; none while it isn't whole.
fn length(bytes: &[u8]) -> Option<usize> {
    let [first, rest @ ..] = bytes else { return None };
    if *first != 0x1b {
        let length = match first {
            0..0xc0 => 1,
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        return (bytes.len() >= length).then_some(length);
    }
    match rest.first()? {
        // ECMA-48: parameters, and then a byte from @ to ~.
        b'[' => rest[1..].iter().position(|byte| (0x40..0x7f).contains(byte)).map(|end| end + 3),
        b']' => rest.iter().position(|byte| matches!(byte, 0x07 | 0x5c)).map(|end| end + 2),
        _ => Some(2),
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}
