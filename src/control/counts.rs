//! What became of requests, for operators and tests.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::ErrorCode;

/// A counter of answered requests, and one of refused requests for each error code.
#[derive(Debug)]
pub struct Counts {
    answered: AtomicU64,
    refused: [AtomicU64; ErrorCode::ALL.len()],
}

impl Default for Counts {
    fn default() -> Self {
        Self { answered: AtomicU64::new(0), refused: std::array::from_fn(|_| AtomicU64::new(0)) }
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

    /// How often a code was answered since the start of the server.
    pub fn of(&self, code: ErrorCode) -> u64 {
        let place = ErrorCode::ALL.iter().position(|known| *known == code);
        place.map_or(0, |place| self.refused[place].load(Ordering::Relaxed))
    }

    /// Every counter with its name; refusals under their code's name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let answered = ("requests_answered", self.answered.load(Ordering::Relaxed));
        let refused = ErrorCode::ALL.iter().map(|code| (code.name(), self.of(*code)));
        std::iter::once(answered).chain(refused)
    }
}
