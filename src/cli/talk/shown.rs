//! What is drawn: the picture, the meters, and how they were.

use std::time::Duration;

use super::meter::Recent;
use super::theme::Theme;
use crate::talk::{Meters, Picture};

/// What is drawn, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) picture: &'a Picture,
    pub(super) meters: &'a Meters,
    pub(super) past: &'a Past,
    /// The terminal tells when a key comes up.
    pub(super) has_releases: bool,
    pub(super) theme: Theme,
}

/// How the connection was each second of the last two minutes.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// There and back, in milliseconds.
    pub(super) delay: Recent,
    /// What buffers add, in milliseconds: that of the voice that has the most.
    pub(super) buffer: Recent,
    /// What doesn't come in time, in percent.
    pub(super) loss: Recent,
    /// What is made up, in percent.
    pub(super) concealed: Recent,
}

/// Seconds that are shown at most.
pub(super) const SECONDS: usize = 120;

impl Default for Past {
    fn default() -> Self {
        let recent = || Recent::new(SECONDS);
        Self { delay: recent(), buffer: recent(), loss: recent(), concealed: recent() }
    }
}

impl Past {
    /// A second has passed.
    pub(super) fn push(&mut self, meters: &Meters) {
        let worst = meters.worst();
        self.delay.push(milliseconds(meters.round_trip));
        self.buffer.push(milliseconds(worst.delay));
        self.loss.push(worst.loss * 100.0);
        self.concealed.push(worst.concealed * 100.0);
    }
}

fn milliseconds(time: Duration) -> f32 {
    time.as_secs_f32() * 1_000.0
}
