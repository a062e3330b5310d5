//! How a frame is made to fit the time that there is for it.

use super::stretch::{best_cut, lengthen, shorten};

/// A wait that is too long by so much is set right in frames that are quiet, in microseconds. A block is no
/// reason: packets come between two of them.
const SURPLUS: i64 = 6_000;

/// One that is too long by so much is set right in frames that are alike in two places, too; and by so much in any.
const MUCH: i64 = 40_000;
const VERY_MUCH: i64 = 120_000;

/// What was said before the speaker's client knew that somebody speaks comes late. Where that is so much, it is set right at once in frames
/// that are alike in two places.
const LATE_BEGINNING: i64 = 10_000;

/// A wait that is too short by so much is set right in quiet frames.
const LACK: i64 = 5_000;

/// What is taken out of a frame or said twice in it at most and at least, in samples: 15 ms and 5 ms.
const LONGEST: i64 = 720;
const SHORTEST: i64 = 240;

/// What is taken out of a loud frame at least: 10 ms.
const SHORTEST_LOUD: i64 = 480;

/// How alike two places of a loud frame have to be.
const ALIKE: f32 = 0.6;

/// Below which share of the speaker's loudness a frame is quiet, as an amplitude (-28 dB), and what is quiet anyway (-66 dBov).
const QUIET: f32 = 0.04;
const SILENCE: f32 = 0.000_5;

/// So many quiet frames one after the other are a pause; without one for so many frames, any quiet one will do.
const PAUSE: u32 = 4;
const PATIENCE: u32 = 150;

/// How the speaker's loudness falls from a frame to the next (by half in 7 s), and how the background's rises.
const FALL: f32 = 0.998;
const RISE: f32 = 1.004;

/// What the speaker sounds like.
#[derive(Debug)]
pub(super) struct Pace {
    loudest: f32,
    quietest: f32,
    /// Quiet frames one after the other.
    quiet: u32,
    /// Frames in which the wait was wrong, one after the other.
    wrong: u32,
    /// A talk spurt has begun, and the wait wasn't right since.
    begins: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { loudest: 0.0, quietest: 1.0, quiet: 0, wrong: 0, begins: false }
    }
}

impl Pace {
    /// A talk spurt begins behind a pause.
    pub(super) fn begin_spurt(&mut self) {
        self.begins = true;
        self.quiet = PAUSE;
    }

    /// The frame as it is, or shorter where the wait is too long by `surplus` microseconds, or longer where it is too
    /// short, by `-difference`.
    pub(super) fn fit(&mut self, frame: Vec<f32>, surplus: i64, difference: i64) -> Vec<f32> {
        let is_wrong = surplus > SURPLUS || difference < -LACK;
        self.begins &= is_wrong;
        self.wrong = if is_wrong { self.wrong.saturating_add(1) } else { 0 };
        self.quiet = if self.is_quiet(&frame) { self.quiet.saturating_add(1) } else { 0 };
        // In a pause rather than between two sounds of a word, unless there is none for long.
        let is_quiet = self.quiet >= PAUSE || self.quiet > 0 && self.wrong > PATIENCE;
        let samples = |time: i64| time * 48 / 1_000;
        let is_loud_too = surplus > if self.begins { LATE_BEGINNING } else { MUCH };
        if surplus > SURPLUS && (is_quiet || is_loud_too) {
            let shortest = if is_quiet { SHORTEST } else { SHORTEST_LOUD };
            let longest = samples(surplus).clamp(shortest, LONGEST);
            let cut = best_cut(&frame, shortest as usize, longest as usize);
            let is_good = |likeness: f32| is_quiet || likeness > ALIKE || surplus > VERY_MUCH;
            return match cut.filter(|cut| is_good(cut.likeness)) {
                Some(cut) => shorten(&frame, cut),
                None => frame,
            };
        }
        if difference < -LACK && is_quiet {
            let longest = samples(-difference).clamp(SHORTEST, LONGEST);
            return match best_cut(&frame, SHORTEST as usize, longest as usize) {
                Some(cut) => lengthen(&frame, cut),
                None => frame,
            };
        }
        frame
    }

    fn is_quiet(&mut self, frame: &[f32]) -> bool {
        let squares: f32 = frame.iter().map(|sample| sample * sample).sum();
        let level = f32::sqrt(squares / frame.len().max(1) as f32);
        self.loudest = level.max(self.loudest * FALL);
        self.quietest = level.max(1e-5).min(self.quietest * RISE);
        level < SILENCE
            || level < self.loudest * QUIET
            || level < self.loudest * 0.25 && level < self.quietest * 1.6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(level: f32) -> Vec<f32> {
        (0..960).map(|i| (i as f32 * 0.0459).sin() * level).collect()
    }

    #[test]
    fn a_little_is_set_right_in_quiet_frames_only() {
        let mut pace = Pace::default();
        assert_eq!(pace.fit(tone(0.5), 20_000, 20_000).len(), 960);
        for _ in 0..3 {
            assert_eq!(pace.fit(tone(0.005), 20_000, 20_000).len(), 960, "between two sounds");
        }
        let quiet = pace.fit(tone(0.005), 20_000, 20_000).len();
        assert!((240..=720).contains(&quiet), "{quiet}");
        let longer = pace.fit(tone(0.005), -20_000, -20_000).len();
        assert!(longer > 960 && longer <= 1_680, "{longer}");
        assert_eq!(pace.fit(tone(0.005), 4_000, 4_000).len(), 960);
        assert_eq!(pace.fit(tone(0.5), -20_000, -20_000).len(), 960);
    }

    #[test]
    fn much_is_set_right_in_loud_frames_too() {
        let mut pace = Pace::default();
        let loud = pace.fit(tone(0.5), 80_000, 80_000).len();
        assert!((240..=480).contains(&loud), "{loud}");
    }

    #[test]
    fn a_late_beginning_is_set_right_until_it_is_in_time() {
        let mut pace = Pace::default();
        pace.fit(tone(0.5), 0, 0);
        assert_eq!(pace.fit(tone(0.5), 30_000, 30_000).len(), 960);
        pace.begin_spurt();
        assert!(pace.fit(tone(0.005), 30_000, 30_000).len() < 960, "in a pause");
        assert!(pace.fit(tone(0.5), 20_000, 20_000).len() < 960);
        assert_eq!(pace.fit(tone(0.5), 5_000, 5_000).len(), 960);
        assert_eq!(pace.fit(tone(0.5), 30_000, 30_000).len(), 960);
    }
}
