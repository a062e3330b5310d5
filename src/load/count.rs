//! Frames that carry the time at which they were sent, and the counting of those that arrive.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::tally::{Delays, Step, Usage};

/// A frame of speech at 32 kbit/s, in bytes.
pub const FRAME: usize = 80;

/// How often a speaker sends one.
pub const EVERY: Duration = Duration::from_millis(20);

/// How long a point of the delay's course stands for.
const POINT: Duration = Duration::from_millis(200);

/// A frame that tells when it was sent and which of its speaker's it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds of the run.
    pub sent: u64,
    /// Of this speaker, from 0.
    pub number: u32,
}

impl Stamp {
    /// The frame with this stamp.
    pub fn frame(self) -> [u8; FRAME] {
        let mut frame = [0x5a; FRAME];
        // A code of Opus' table of contents that a decoder would take: a wide-band frame of 20 ms.
        frame[0] = 0x48;
        frame[1..9].copy_from_slice(&self.sent.to_be_bytes());
        frame[9..13].copy_from_slice(&self.number.to_be_bytes());
        frame
    }

    /// The stamp of a frame; none when it has none.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let sent = frame.get(1..9)?.try_into().ok()?;
        let number = frame.get(9..13)?.try_into().ok()?;
        Some(Self { sent: u64::from_be_bytes(sent), number: u32::from_be_bytes(number) })
    }
}

/// What senders and receivers count in. All of them are on one thread.
#[derive(Debug)]
pub struct Counting {
    /// What times are counted from.
    base: Instant,
    /// The time, in nanoseconds since then, from which sent frames count, and to which.
    from: Cell<u64>,
    to: Cell<u64>,
    /// Frames that count, times those who should hear each.
    expected: Cell<u64>,
    disordered: Cell<u64>,
    delays: RefCell<Delays>,
    over_time: RefCell<Vec<Delays>>,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            base: Instant::now(),
            from: Cell::new(u64::MAX),
            to: Cell::new(u64::MAX),
            expected: Cell::new(0),
            disordered: Cell::new(0),
            delays: RefCell::default(),
            over_time: RefCell::default(),
        }
    }
}

impl Counting {
    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn counts(&self, sent: u64) -> bool {
        (self.from.get()..self.to.get()).contains(&sent)
    }

    /// A frame is sent now that so many should hear.
    pub fn send(&self, number: u32, listeners: u64) -> Stamp {
        let sent = self.now();
        if self.counts(sent) {
            self.expected.set(self.expected.get() + listeners);
        }
        Stamp { sent, number }
    }

    /// A frame arrived at a time; `last` is the number of the one before from its speaker.
    pub fn heard(&self, stamp: Stamp, at: Instant, last: Option<u32>) {
        let Stamp { sent, number } = stamp;
        if !self.counts(sent) {
            return;
        }
        let arrived = at.saturating_duration_since(self.base);
        let delay = arrived.saturating_sub(Duration::from_nanos(sent));
        self.delays.borrow_mut().add(delay);
        let point = ((sent - self.from.get()) / POINT.as_nanos() as u64) as usize;
        let mut over_time = self.over_time.borrow_mut();
        if over_time.len() <= point {
            over_time.resize_with(point + 1, Delays::default);
        }
        over_time[point].add(delay);
        if last.is_some_and(|last| last >= number && number != 0) {
            self.disordered.set(self.disordered.get() + 1);
        }
    }

    /// From here on it counts.
    pub fn begin(&self) {
        self.expected.set(0);
        self.disordered.set(0);
        *self.delays.borrow_mut() = Delays::default();
        self.over_time.borrow_mut().clear();
        self.to.set(u64::MAX);
        self.from.set(self.now());
    }

    /// To here.
    pub fn end(&self) {
        self.to.set(self.now());
    }

    /// What was counted.
    pub fn step(&self, speakers: usize, begun: &Usage, ended: &Usage) -> Step {
        let server = match (begun.server, ended.server) {
            (Some(from), Some(to)) => to.saturating_sub(from),
            _ => Duration::ZERO,
        };
        Step {
            speakers,
            duration: ended.at.duration_since(begun.at),
            expected: self.expected.get(),
            disordered: self.disordered.get(),
            delays: self.delays.borrow().clone(),
            over_time: self.over_time.borrow().clone(),
            server,
            driver: ended.driver.saturating_sub(begun.driver),
        }
    }
}
