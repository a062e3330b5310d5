//! What became of requests, and how many took long, for operators and tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::protocol::ErrorCode;
use crate::voice::Bucket;

/// Lines of the log about slow requests: a second, and at once. All of them are counted, but a server that is slow for
/// everybody must not write a line for each of them, nor a stranger fill the log.
const LINES: (u32, u32) = (5, 20);

/// A counter of answered requests, one of slow ones, and one of refused requests for each error code.
#[derive(Debug)]
pub struct Counts {
    answered: AtomicU64,
    slow: AtomicU64,
    lines: Mutex<Bucket>,
    refused: [AtomicU64; ErrorCode::ALL.len()],
}

impl Default for Counts {
    fn default() -> Self {
        let refused = std::array::from_fn(|_| AtomicU64::new(0));
        let lines = Mutex::new(Bucket::new(LINES.0, LINES.1));
        Self { answered: AtomicU64::new(0), slow: AtomicU64::new(0), lines, refused }
    }
}

impl Counts {
    /// Counts a request that was done.
    pub fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that was refused.
    pub fn refused(&self, code: ErrorCode) {
        if let Some(place) = ErrorCode::ALL.iter().position(|known| *known == code) {
            self.refused[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a request that took longer than 100 ms, whatever its answer. Whether the log may have a line about it, at
    /// `now` by the monotonic clock.
    pub(super) fn took_long(&self, now: Duration) -> bool {
        self.slow.fetch_add(1, Ordering::Relaxed);
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).admit(now)
    }

    /// Requests that took longer than 100 ms, since the start of the server.
    pub fn slow(&self) -> u64 {
        self.slow.load(Ordering::Relaxed)
    }

    /// How often a code was answered since the start of the server.
    pub fn of(&self, code: ErrorCode) -> u64 {
        let place = ErrorCode::ALL.iter().position(|known| *known == code);
        place.map_or(0, |place| self.refused[place].load(Ordering::Relaxed))
    }

    /// Every counter of answers with its name; refusals under their code's name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let answered = ("requests_answered", self.answered.load(Ordering::Relaxed));
        let refused = ErrorCode::ALL.iter().map(|code| (code.name(), self.of(*code)));
        std::iter::once(answered).chain(refused)
    }
}
