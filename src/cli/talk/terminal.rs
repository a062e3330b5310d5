//! The terminal: taken for the screen, and given back as it was, also after a panic.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture, KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use rustix::event::{PollFd, PollFlags, poll};

use super::theme::Known;

/// How long a terminal may take to say what it is. Every one answers the last question; one that doesn't is taken to know nothing.
const ANSWERING: Duration = Duration::from_millis(400);

/// The longest answer that is read, in bytes.
const ANSWER: usize = 1_024;

/// The terminal is ours, and isn't as it was.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
static HAS_RELEASES: AtomicBool = AtomicBool::new(false);

/// Panics of other threads while the terminal is ours: they are told when it is given back.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Whether there is a terminal to show a screen on.
pub(super) fn check() -> anyhow::Result<()> {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return Ok(());
    }
    anyhow::bail!(
        "standard input and output aren't a terminal; --plain reads and writes lines, and --headless needs neither"
    )
}

/// The terminal, as long as it is ours. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Taken {
    /// What it shows.
    pub(super) known: Known,
    /// It tells when a key comes up.
    pub(super) has_releases: bool,
}

impl Taken {
    /// Takes the terminal, after asking it what it is.
    pub(super) fn take(known: Known) -> io::Result<Self> {
        give_back_after_panics();
        enable_raw_mode()?;
        IS_TAKEN.store(true, Ordering::SeqCst);
        let said = ask().unwrap_or_default();
        HAS_RELEASES.store(said.has_releases, Ordering::SeqCst);
        let known = Known { is_light: said.is_light.or(known.is_light), ..known };
        let taken = Self { known, has_releases: said.has_releases };
        taken.set_up()?;
        Ok(taken)
    }

    /// Sets the terminal up.
    fn set_up(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        queue!(out, EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste, EnableFocusChange)?;
        if self.has_releases {
            let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES
                | KeyboardEnhancementFlags::REPORT_EVENT_TYPES;
            queue!(out, PushKeyboardEnhancementFlags(flags))?;
        }
        out.flush()
    }

    /// Gives it to the shell, stops this process, and takes it again when somebody has it go on.
    pub(super) fn suspend(&self) -> io::Result<()> {
        give_back();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        enable_raw_mode()?;
        IS_TAKEN.store(true, Ordering::SeqCst);
        self.set_up()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
        let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
        for panic in panics {
            let _ = writeln!(io::stderr(), "{panic}");
        }
    }
}

/// Puts a text into the clipboard of whoever sits at the terminal, where that lets programs (OSC 52).
pub(super) fn copy(text: &str) -> io::Result<()> {
    let coded = data_encoding::BASE64.encode(text.as_bytes());
    let mut out = io::stdout().lock();
    write!(out, "\x1b]52;c;{coded}\x07")?;
    out.flush()
}

/// Makes the terminal what it was; once is enough.
fn give_back() {
    if !IS_TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout().lock();
    if HAS_RELEASES.load(Ordering::SeqCst) {
        let _ = queue!(out, PopKeyboardEnhancementFlags);
    }
    let _ = execute!(
        out,
        DisableFocusChange,
        DisableBracketedPaste,
        DisableMouseCapture,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
}

/// A panic of the thread that draws is told on a terminal that is as it was. One of another thread waits until then: it would write
/// across the screen.
fn give_back_after_panics() {
    static IS_SET: AtomicBool = AtomicBool::new(false);
    if IS_SET.swap(true, Ordering::SeqCst) {
        return;
    }
    let (drawing, before) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != drawing && IS_TAKEN.load(Ordering::SeqCst) {
            PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
            return;
        }
        give_back();
        before(panic);
    }));
}

/// What a terminal says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Said {
    is_light: Option<bool>,
    has_releases: bool,
}

/// Asks for the background's colour (OSC 11), for the keyboard protocol that tells of releases (CSI ? u), and what every terminal
/// answers (CSI c), after which no answer comes any more.
fn ask() -> io::Result<Said> {
    let mut out = io::stdout().lock();
    out.write_all(b"\x1b]11;?\x07\x1b[?u\x1b[c")?;
    out.flush()?;
    let (stdin, until) = (io::stdin(), Instant::now() + ANSWERING);
    let mut answer = Vec::new();
    while !is_whole(&answer) && answer.len() < ANSWER {
        let left = until.saturating_duration_since(Instant::now());
        let mut asked = [PollFd::new(&stdin, PollFlags::IN)];
        let wait = rustix::event::Timespec::try_from(left).map_err(io::Error::other)?;
        if left.is_zero() || poll(&mut asked, Some(&wait))? == 0 {
            break;
        }
        let mut bytes = [0; 256];
        let count = rustix::io::read(stdin.as_fd(), &mut bytes)?;
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&bytes[..count]);
    }
    Ok(understood(&answer))
}

/// Whether the answer to the last question is there.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    text.rsplit_once("\x1b[?").is_some_and(|(_, last)| last.ends_with('c'))
}

fn understood(answer: &[u8]) -> Said {
    let text = String::from_utf8_lossy(answer);
    let behind = |sign: &str| text.split_once(sign).map(|(_, rest)| rest);
    let colour = behind("\x1b]11;rgb:").and_then(|rest| {
        let parts = rest.split(['\x07', '\x1b']).next()?.split('/');
        let part = |digits: &str| {
            let most = 16_u32.checked_pow(u32::try_from(digits.len()).ok()?)?.checked_sub(1)?;
            Some(f64::from(u32::from_str_radix(digits, 16).ok()?) / f64::from(most.max(1)))
        };
        let parts: Option<Vec<f64>> = parts.map(part).collect();
        <[f64; 3]>::try_from(parts?).ok()
    });
    // The weights of ITU-R BT.709.
    let is_light = colour.map(|[red, green, blue]| red * 0.2126 + green * 0.7152 + blue * 0.0722 > 0.5);
    let is_flags = |rest: &str| {
        rest.split('u')
            .next()
            .is_some_and(|flags| !flags.is_empty() && flags.bytes().all(|b| b.is_ascii_digit()))
    };
    let has_releases = text.split("\x1b[?").skip(1).any(|rest| rest.contains('u') && is_flags(rest));
    Said { is_light, has_releases }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let drawing = std::thread::spawn(|| {
            give_back_after_panics();
            IS_TAKEN.store(true, Ordering::SeqCst);
            // Another thread's panic leaves it, and is told later.
            let other = std::thread::spawn(|| std::panic::panic_any("of another thread")).join();
            assert!(other.is_err() && IS_TAKEN.load(Ordering::SeqCst));
            let mut kept = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
            assert!(std::mem::take(&mut *kept).iter().any(|panic| panic.contains("panicked at")));
            drop(kept);
            std::panic::panic_any("while drawing");
        });
        assert!(drawing.join().is_err());
        assert!(!IS_TAKEN.load(Ordering::SeqCst));
    }

    #[test]
    fn what_terminals_say_is_understood() {
        let kitty = b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\\x1b[?0u\x1b[?62;c";
        assert!(is_whole(kitty) && !is_whole(&kitty[..20]));
        assert_eq!(understood(kitty), Said { is_light: Some(false), has_releases: true });
        let xterm = b"\x1b]11;rgb:ffff/ffff/dddd\x07\x1b[?64;1;2c";
        assert_eq!(understood(xterm), Said { is_light: Some(true), has_releases: false });
        assert_eq!(understood(b"\x1b]11;rgb:ff/ff/ff\x07\x1b[?1;2c").is_light, Some(true));
        for nonsense in [
            &b""[..],
            b"\x1b[?1;2c",
            b"\x1b]11;rgb:x/y/z\x07\x1b[?c",
            b"\x1b]11;rgb:\x07",
            b"\x1b[?uuu\xff",
            b"\x1b]11;rgb:000000000/0/0\x07",
        ] {
            assert_eq!(understood(nonsense), Said::default(), "{nonsense:?}");
        }
    }
}
