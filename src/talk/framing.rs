//! Cuts what a microphone hears into the frames that are sent. The boundaries of frames stay where they are, whenever one begins
//! to speak, so that a server can ask for them to be elsewhere (docs/protocol.md, "The pace").

use std::collections::VecDeque;

use crate::audio::FRAME;
use crate::audio::processing::{SILENCE, loudness};

/// Samples that are judged at once: 10 ms, half of a usual frame.
pub(super) const HALF: usize = FRAME / 2;

/// Halves of the longest frame: 60 ms (RFC 6716, section 2.1.4).
const MOST: usize = 6;

/// What came before the frame in which the gate opened is sent, too, as far as there is anything in it: what says that somebody speaks
/// does so a little after the beginning of a word. So many halves, as whole frames, and one frame at least.
const KEPT: usize = 6;

/// What is so much quieter than the loudest frame there, in decibels, is no beginning of a word: it would only make what follows late.
const QUIETER: f32 = 30.0;

/// Nor is what isn't louder than the room by so many decibels.
const LOUDER: f32 = 6.0;

/// But the room is never taken for louder than the loudest frame there without so many decibels.
const ABOVE: f32 = 12.0;

/// How far the room's loudness, in decibels, goes towards that of each frame that isn't sent.
const FOLLOWS: f32 = 0.1;

/// What is to be done with a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Due<'a> {
    /// Frames of silence before it, where it begins a talk spurt.
    pub(super) after: Option<u32>,
    /// Its samples.
    pub(super) frame: &'a [f32],
}

/// Room for a frame of any length.
type Samples = [f32; MOST * HALF];

/// Frames in the making. Blocks go in by [`Framing::put`], which answers by calling what sends.
#[derive(Debug)]
pub(super) struct Framing {
    frame: Samples,
    /// Samples of a frame.
    length: usize,
    filled: usize,
    /// The gate was open in a part of the frame.
    open: bool,
    /// The last frame was sent.
    sending: bool,
    kept: VecDeque<Samples>,
    /// Frames that are kept at most.
    most: usize,
    /// Frames that weren't sent since the last one that was, but for those that are kept.
    silent: u32,
    /// How loud what isn't sent is, in dBov, once there was something.
    room: Option<f32>,
}

impl Framing {
    /// Frames of so many halves, from 1 to 6.
    pub(super) fn new(halves: usize) -> Self {
        let halves = halves.clamp(1, MOST);
        let most = (KEPT / halves).max(1);
        let (frame, kept) = ([0.0; MOST * HALF], VecDeque::with_capacity(most + 1));
        let length = halves * HALF;
        Self { frame, length, filled: 0, open: false, sending: false, kept, most, silent: 0, room: None }
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
        if self.filled < self.length {
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
                send(Due { after: after.take(), frame: &frame[..self.length] });
            }
            send(Due { after: after.take(), frame: &self.frame[..self.length] });
            self.sending = true;
        } else {
            self.sending = false;
            self.kept.push_back(self.frame);
            if self.kept.len() > self.most
                && let Some(frame) = self.kept.pop_front()
            {
                let level = loudness(&frame[..self.length]);
                self.room = Some(self.room.map_or(level, |room| room + FOLLOWS * (level - room)));
                self.silent = self.silent.saturating_add(1);
            }
        }
    }
}

impl Framing {
    /// What was heard until now isn't to be sent with what comes: half a frame that is in the making becomes silence.
    pub(super) fn cut(&mut self) {
        self.frame[..self.filled].fill(0.0);
        self.open = false;
    }

    /// The same, and what is kept from before the gate opened is forgotten, too.
    pub(super) fn forget(&mut self) {
        self.cut();
        self.silent = self.silent.saturating_add(self.kept.len() as u32);
        self.kept.clear();
    }

    /// Nothing was heard for so many frames, since the microphone was closed or stood still.
    pub(super) fn miss(&mut self, frames: u32) {
        self.forget();
        self.sending = false;
        self.silent = self.silent.saturating_add(frames);
    }

    /// How many of the frames that are kept, from the first on, have nothing in them.
    fn quiet(&self) -> usize {
        let level = |frame: &Samples| loudness(&frame[..self.length]);
        let loudest = self.kept.iter().chain([&self.frame]).map(level).fold(SILENCE, f32::max);
        let room = self.room.map_or(SILENCE, |room| room + LOUDER);
        let least = room.min(loudest - ABOVE).max(loudest - QUIETER);
        self.kept.iter().take_while(|frame| level(frame) < least).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts halves in of which each has its number as samples, in ten-thousandths, and answers with those that were sent and with
    /// the pauses. A half of which `silent` says so has nothing in it.
    fn run(halves: impl IntoIterator<Item = bool>, silent: impl Fn(usize) -> bool) -> (Vec<u32>, Vec<u32>) {
        let (mut framing, mut sent, mut pauses) = (Framing::new(2), Vec::new(), Vec::new());
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
    fn frames_are_as_long_as_is_said() {
        for halves in [1, 2, 4, 6] {
            let (mut framing, mut lengths, mut first) = (Framing::new(halves), Vec::new(), None);
            for number in 0..60 {
                let sample = (number + 100) as f32 / 10_000.0;
                framing.put(&[sample; HALF], number >= 24, |due| {
                    lengths.push(due.frame.len());
                    first.get_or_insert((due.after, (due.frame[0] * 10_000.0).round() as usize - 100));
                });
            }
            assert!(lengths.iter().all(|length| *length == halves * HALF), "{halves}: {lengths:?}");
            // What came before the gate opened is there, whole frames of it, and the pause counts frames.
            let before = (KEPT / halves).max(1) * halves;
            assert_eq!(first, Some((Some(((24 - before) / halves) as u32), 24 - before)), "{halves}");
        }
    }

    #[test]
    fn what_has_nothing_in_it_is_not_sent() {
        let open = (0..20).map(|number| (11..15).contains(&number));
        assert_eq!(run(open, |number| number < 8), ((8..16).collect(), vec![4]));
    }

    /// Puts so many halves in, each of these samples, and answers with the first and the last sample of what is sent, in
    /// hundredths, and with the pauses before it.
    fn put(framing: &mut Framing, halves: usize, sample: f32, open: bool) -> (Vec<[u32; 2]>, Vec<u32>) {
        let (mut sent, mut pauses) = (Vec::new(), Vec::new());
        for _ in 0..halves {
            framing.put(&[sample; HALF], open, |due| {
                pauses.extend(due.after);
                sent.push([due.frame[0], due.frame[HALF]].map(|sample| (sample * 100.0).round() as u32));
            });
        }
        (sent, pauses)
    }

    #[test]
    fn what_is_no_louder_than_the_room_is_not_sent() {
        // From 4 to 8 the room alone, then a sound that is 20 dB louder, which is known to be speech at 13.
        let sample = |number: usize| if number < 8 { 0.001 } else { 0.01 };
        let (mut framing, mut sent) = (Framing::new(2), Vec::new());
        for number in 0..16 {
            framing.put(&[sample(number); HALF], number >= 13, |due| sent.push((due.after, due.frame[0])));
        }
        assert_eq!(sent, [(Some(4), 0.01), (None, 0.01), (None, 0.01), (None, 0.01)]);
        // What is as loud as the room was until now, but alone, is sent as it was.
        let (mut framing, mut sent) = (Framing::new(2), 0);
        for number in 0..16 {
            framing.put(&[0.01; HALF], number >= 13, |_| sent += 1);
        }
        assert_eq!(sent, 5);
    }

    #[test]
    fn what_was_said_to_nobody_is_not_sent_afterwards() {
        let mut framing = Framing::new(2);
        put(&mut framing, 7, 0.5, false);
        framing.forget();
        assert_eq!(put(&mut framing, 3, 0.25, true), (vec![[0, 25], [25, 25]], vec![3]));

        let mut framing = Framing::new(2);
        put(&mut framing, 6, 0.5, false);
        put(&mut framing, 1, 0.5, true);
        framing.cut();
        assert_eq!(put(&mut framing, 1, 0.25, false).0, Vec::<[u32; 2]>::new(), "half a frame for others");
        assert_eq!(put(&mut framing, 2, 0.25, true).0, [[50, 50], [50, 50], [0, 25], [25, 25]]);
    }

    #[test]
    fn a_microphone_that_was_closed_counts_as_silence() {
        let mut framing = Framing::new(2);
        put(&mut framing, 4, 0.5, true);
        framing.miss(500);
        assert!(!framing.is_sending());
        assert_eq!(put(&mut framing, 2, 0.5, true).1, [500]);
        put(&mut framing, 2, 0.5, false);
        framing.miss(10);
        assert_eq!(put(&mut framing, 2, 0.5, true), (vec![[50, 50]], vec![11]));
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
