//! A loudspeaker that nobody hears, at the pace of one.

use std::thread;
use std::time::{Duration, Instant};

use super::block::{BLOCK, BLOCK_LASTS};
use super::choose::Choice;
use super::error::DeviceError;
use super::open::{About, Driver, Line, Step, Stream};
use super::side::Side;

/// How far a pace may be behind before it leaves out what it missed: a machine that was suspended doesn't catch up.
const BEHIND: Duration = Duration::from_millis(250);

/// When the next block is due, by the machine's clock.
#[derive(Debug)]
pub(super) struct Pace {
    due: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { due: Instant::now() }
    }

    /// Waits until the next block is due.
    pub(super) fn wait(&mut self) {
        self.due += BLOCK_LASTS;
        let now = Instant::now();
        if self.due + BEHIND < now {
            self.due = now;
        }
        thread::sleep(self.due.saturating_duration_since(now));
    }
}

/// A loudspeaker that nobody hears.
#[derive(Debug)]
pub(super) struct Nobody;

impl Driver for Nobody {
    type Stream = Pace;

    fn open(&mut self, _: Side, _: &Choice) -> Result<Pace, DeviceError> {
        Ok(Pace::new())
    }
}

impl Stream for Pace {
    fn about(&self) -> About {
        About { name: "none".to_owned(), ..About::default() }
    }

    fn may_stand_still(&self) -> bool {
        false
    }

    fn step(&mut self, line: &Line) -> Result<Step, DeviceError> {
        self.wait();
        line.render(&mut [0.0; BLOCK]);
        Ok(Step::Worked)
    }
}
