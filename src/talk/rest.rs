//! What a microphone heard lately while nobody was to hear it. The network that takes noise out costs a hundredth of a core, so while
//! only a key opens the gate, and isn't down, what is heard waits here, and is cleaned only once it is down: what was before the
//! first word is then known as if it had been cleaned all along.

use std::collections::VecDeque;

use super::framing::HALF;
use crate::audio::processing::loudness;

/// Halves of frames that wait: 300 ms, which are cleaned in 4 ms.
const WAITS: usize = 30;

/// How loud what is played has to be for an echo of it to be looked for, in dBov.
const PLAYED: f32 = -72.0;

/// For how many halves of frames after that the microphone is listened to: a second, which is longer than rooms echo.
const ECHOES: u32 = 100;

/// What the microphone heard, and what was played meanwhile.
pub(super) type Waiting = ([f32; HALF], [f32; HALF]);

/// What waits, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Rest {
    waiting: VecDeque<Waiting>,
    /// Halves of frames since something was played.
    quiet: u32,
}

impl Rest {
    /// Takes note of what is played, and answers whether it has been silent for so long that nothing of it is heard any more.
    pub(super) fn is_quiet(&mut self, far: &[f32; HALF]) -> bool {
        self.quiet = if loudness(far) > PLAYED { 0 } else { self.quiet.saturating_add(1) };
        self.quiet >= ECHOES
    }

    /// Has half a frame wait. Answers with the oldest where too many do.
    pub(super) fn wait(&mut self, half: &[f32; HALF], far: &[f32; HALF]) -> Option<Waiting> {
        self.waiting.push_back((*half, *far));
        if self.waiting.len() > WAITS { self.waiting.pop_front() } else { None }
    }

    /// The oldest that waits.
    pub(super) fn next(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_passed_on_in_order() {
        let mut rest = Rest::default();
        let passed: Vec<_> =
            (0_u8..50).filter_map(|number| rest.wait(&[f32::from(number); HALF], &[0.0; HALF])).collect();
        let left: Vec<_> = std::iter::from_fn(|| rest.next()).collect();
        let all: Vec<_> = passed.iter().chain(&left).map(|(half, _)| half[0] as usize).collect();
        assert_eq!((passed.len(), all), (50 - WAITS, (0..50).collect()));
    }

    #[test]
    fn an_echo_is_waited_for() {
        let mut rest = Rest::default();
        assert!((0..100).map(|_| rest.is_quiet(&[0.0; HALF])).last().unwrap());
        assert!(!rest.is_quiet(&[0.1; HALF]));
        assert_eq!((0..200).filter(|_| rest.is_quiet(&[0.0; HALF])).count(), 101);
    }
}
