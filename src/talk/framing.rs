//! Cuts what a microphone hears into the frames that are sent. The boundaries of frames stay where they are, whenever one begins
//! to speak, so that a server can ask for them to be elsewhere (docs/protocol.md, "The pace").

use std::collections::VecDeque;

use crate::audio::FRAME;
use crate::audio::processing::{SILENCE, loudness};

/// Samples that are judged at once: 10 ms.
pub(super) const HALF: usize = FRAME / 2;

/// Frames before the one in which the gate opened that are sent, too, as far as there is anything in them: what says that somebody
/// speaks does so a little after the beginning of a word.
const KEPT: usize = 3;

/// What is so much quieter than the loudest frame there, in decibels, is no beginning of a word: it would only come later.
const QUIETER: f32 = 30.0;

/// What is to be done with a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Due<'a> {
    /// Frames of silence before it, where it begins a talk spurt.
    pub(super) after: Option<u32>,
    /// Its samples.
    pub(super) frame: &'a [f32; FRAME],
}

/// Frames in the making. Blocks go in by [`Framing::put`], which answers by calling what sends.
#[derive(Debug)]
pub(super) struct Framing {
    frame: [f32; FRAME],
    filled: usize,
    /// The gate was open in a part of the frame.
    open: bool,
    /// The last frame was sent.
    sending: bool,
    kept: VecDeque<[f32; FRAME]>,
    /// Frames that weren't sent since the last one that was, but for those that are kept.
    silent: u32,
}

impl Framing {
    /// One that comes so many frames after the last one that was sent.
    pub(super) fn new(silent: u32) -> Self {
        let kept = VecDeque::with_capacity(KEPT + 1);
        Self { frame: [0.0; FRAME], filled: 0, open: false, sending: false, kept, silent }
    }

    /// Whether the last frame was sent.
    pub(super) fn is_sending(&self) -> bool {
        self.sending
    }

    /// Takes half a frame, and whether it is to be heard.
    pub(super) fn put(&mut self, half: &[f32; HALF], open: bool, mut send: impl FnMut(Due<'_>)) {
        self.frame[self.filled..self.filled + HALF].copy_from_slice(half);
        self.filled += HALF;
        self.open |= open;
        if self.filled < FRAME {
            return;
        }
        self.filled = 0;
        if std::mem::take(&mut self.open) {
            let mut after = (!self.sending).then(|| std::mem::take(&mut self.silent));
            let quiet = self.quiet();
            if let Some(after) = &mut after {
                *after += quiet as u32;
            }
            for frame in self.kept.drain(..).skip(quiet) {
                send(Due { after: after.take(), frame: &frame });
            }
            send(Due { after: after.take(), frame: &self.frame });
            self.sending = true;
        } else {
            self.sending = false;
            self.kept.push_back(self.frame);
            if self.kept.len() > KEPT {
                self.kept.pop_front();
                self.silent = self.silent.saturating_add(1);
            }
        }
    }
}

impl Framing {
    /// How many of the frames that are kept, from the first on, have nothing in them.
    fn quiet(&self) -> usize {
        let loudest =
            self.kept.iter().chain([&self.frame]).map(|frame| loudness(frame)).fold(SILENCE, f32::max);
        self.kept.iter().take_while(|frame| loudness(*frame) < loudest - QUIETER).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts halves in of which each has its number as samples, in ten-thousandths, and answers with those that were sent and with
    /// the pauses. A half of which `silent` says so has nothing in it.
    fn run(halves: impl IntoIterator<Item = bool>, silent: impl Fn(usize) -> bool) -> (Vec<u32>, Vec<u32>) {
        let (mut framing, mut sent, mut pauses) = (Framing::new(0), Vec::new(), Vec::new());
        for (number, open) in halves.into_iter().enumerate() {
            let sample = if silent(number) { 0.0 } else { (number + 100) as f32 / 10_000.0 };
            framing.put(&[sample; HALF], open, |due| {
                pauses.extend(due.after);
                let halves = [due.frame[0], due.frame[HALF]];
                sent.extend(halves.map(|sample| ((sample * 10_000.0).round() as u32).saturating_sub(100)));
            });
        }
        (sent, pauses)
    }

    #[test]
    fn what_came_before_the_gate_opened_is_sent_and_the_last_frame_is_whole() {
        let open = |from: usize, to: usize| (0..20).map(move |number| (from..to).contains(&number));
        let loud = |_: usize| false;
        assert_eq!(run(open(11, 15), loud), ((4..16).collect(), vec![2]));
        assert_eq!(run(open(0, 1), loud), (vec![0, 1], vec![0]));
        assert_eq!(run(open(0, 20), loud).0, (0..20).collect::<Vec<_>>());
        assert_eq!(run(open(20, 20), loud), (vec![], vec![]));
    }

    #[test]
    fn what_has_nothing_in_it_is_not_sent() {
        let open = (0..20).map(|number| (11..15).contains(&number));
        assert_eq!(run(open, |number| number < 8), ((8..16).collect(), vec![4]));
    }

    #[test]
    fn a_pause_counts_what_was_not_sent() {
        let open = |number: usize| !(2..14).contains(&number);
        // Frames 1 to 6 are silent, of which the last three are sent.
        assert_eq!(
            run((0..16).map(open), |_| false),
            ([0, 1].into_iter().chain(8..16).collect(), vec![0, 3])
        );
        // A short pause is bridged by what is kept: nothing is missing then.
        let open = |number: usize| !(4..6).contains(&number);
        assert_eq!(run((0..10).map(open), |_| false), ((0..10).collect(), vec![0, 0]));
    }
}
