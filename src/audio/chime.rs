//! The small sounds that tell what happens: made here of a few notes each, so that they are under this program's
//! licence and no files.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::sync::Arc;

use super::SAMPLE_RATE;

/// Chimes that sound at once; another one then takes the place of the oldest.
const AT_ONCE: usize = 4;

/// The same chime isn't begun again before so many samples, such as when many come at once: 100 ms.
const APART: usize = 4_800;

/// How long a note needs to be as loud as it gets, in samples: 4 ms, so that it doesn't click.
const ATTACK: f32 = 192.0;

/// What a chime tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chime {
    /// Somebody comes.
    Join,
    /// Somebody goes.
    Leave,
    /// One isn't heard from now on, or hears nothing.
    Mute,
    /// One is heard again.
    Unmute,
    /// Somebody writes.
    Message,
    /// Somebody wants one's attention.
    Poke,
}

/// A note of a chime.
struct Note {
    /// When it begins, in milliseconds.
    at: u32,
    /// Its pitch in Hz.
    pitch: f32,
    /// How long it is heard, in milliseconds.
    lasts: u32,
    /// How loud it is, as an amplitude.
    loud: f32,
}

const fn note(at: u32, pitch: f32, lasts: u32, loud: f32) -> Note {
    Note { at, pitch, lasts, loud }
}

impl Chime {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Join, Self::Leave, Self::Mute, Self::Unmute, Self::Message, Self::Poke];

    /// Its notes: up is for what begins, down for what ends; what one does oneself is shorter and lower.
    fn notes(self) -> &'static [Note] {
        const JOIN: &[Note] = &[note(0, 523.25, 160, 0.16), note(90, 783.99, 260, 0.16)];
        const LEAVE: &[Note] = &[note(0, 783.99, 160, 0.14), note(90, 523.25, 260, 0.14)];
        const MUTE: &[Note] = &[note(0, 392.0, 90, 0.18), note(60, 293.66, 140, 0.18)];
        const UNMUTE: &[Note] = &[note(0, 293.66, 90, 0.18), note(60, 392.0, 140, 0.18)];
        const MESSAGE: &[Note] = &[note(0, 1_046.5, 220, 0.12)];
        const POKE: &[Note] =
            &[note(0, 880.0, 120, 0.2), note(130, 1_174.66, 120, 0.2), note(260, 880.0, 260, 0.2)];
        match self {
            Self::Join => JOIN,
            Self::Leave => LEAVE,
            Self::Mute => MUTE,
            Self::Unmute => UNMUTE,
            Self::Message => MESSAGE,
            Self::Poke => POKE,
        }
    }

    /// Its sound, of one channel at [`SAMPLE_RATE`]: half a second at most, no louder than half of full scale.
    pub fn samples(self) -> Vec<f32> {
        let per_milli = SAMPLE_RATE / 1_000;
        let length = self.notes().iter().map(|note| (note.at + note.lasts) * per_milli).max().unwrap_or(0);
        let mut samples = vec![0.0; length as usize];
        for note in self.notes() {
            let from = (note.at * per_milli) as usize;
            let lasts = note.lasts * per_milli;
            for (at, sample) in samples[from..].iter_mut().take(lasts as usize).enumerate() {
                *sample += note.sample(at as f32, lasts as f32);
            }
        }
        samples
    }
}

impl Note {
    /// Like a bell: it is there at once, dies away, and has overtones that die away sooner.
    fn sample(&self, at: f32, lasts: f32) -> f32 {
        let turn = at / SAMPLE_RATE as f32 * self.pitch * TAU;
        let gone = at / lasts;
        let tone = turn.sin() * (-4.0 * gone).exp()
            + 0.3 * (2.0 * turn).sin() * (-6.0 * gone).exp()
            + 0.12 * (3.0 * turn).sin() * (-9.0 * gone).exp();
        // It rises without a click, and what is left of it at its end fades out.
        self.loud * tone * (at / ATTACK).min(1.0) * (4.0 * (1.0 - gone)).min(1.0)
    }
}

/// Plays chimes into the loudspeaker's sound. It plays no more than four at once.
#[derive(Debug)]
pub struct ChimePlayer {
    sounds: [Arc<[f32]>; 6],
    /// Which are playing, from which sample on; the oldest first.
    playing: VecDeque<(Chime, usize)>,
}

impl Default for ChimePlayer {
    fn default() -> Self {
        Self::new()
    }
}

impl ChimePlayer {
    /// A player that is silent.
    pub fn new() -> Self {
        Self { sounds: Chime::ALL.map(|chime| chime.samples().into()), playing: VecDeque::new() }
    }

    /// Begins one, unless the same has just begun.
    pub fn play(&mut self, chime: Chime) {
        if self.playing.iter().any(|(other, at)| *other == chime && *at < APART) {
            return;
        }
        if self.playing.len() == AT_ONCE {
            self.playing.pop_front();
        }
        self.playing.push_back((chime, 0));
    }

    /// Whether any is playing.
    pub fn is_playing(&self) -> bool {
        !self.playing.is_empty()
    }

    /// Adds what is playing to a block; `volume` is a factor.
    pub fn mix_into(&mut self, out: &mut [f32], volume: f32) {
        for (chime, at) in &mut self.playing {
            let sound = &self.sounds[*chime as usize];
            for (sum, sample) in out.iter_mut().zip(&sound[*at..]) {
                *sum += sample * volume;
            }
            *at = (*at + out.len()).min(sound.len());
        }
        let sounds = &self.sounds;
        self.playing.retain(|(chime, at)| *at < sounds[*chime as usize].len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often sound goes through zero upwards in a second: its pitch.
    fn pitch(samples: &[f32]) -> f32 {
        let upwards = samples.windows(2).filter(|two| two[0] < 0.0 && two[1] >= 0.0).count();
        upwards as f32 * SAMPLE_RATE as f32 / samples.len() as f32
    }

    #[test]
    fn each_chime_is_short_and_quiet_and_clicks_nowhere() {
        for chime in Chime::ALL {
            let sound = chime.samples();
            assert!((4_800..=25_000).contains(&sound.len()), "{chime:?}: {}", sound.len());
            let peak = sound.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            assert!((0.05..0.5).contains(&peak), "{chime:?}: {peak}");
            let jump = sound.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max);
            assert!(jump < 0.06, "{chime:?}: {jump}");
            assert!(sound[0].abs() < 1e-6 && sound[sound.len() - 1].abs() < 1e-3, "{chime:?}");
        }
    }

    #[test]
    fn what_begins_goes_up_and_what_ends_goes_down() {
        for (chime, is_up) in
            [(Chime::Join, true), (Chime::Unmute, true), (Chime::Leave, false), (Chime::Mute, false)]
        {
            let sound = chime.samples();
            let (first, last) = (pitch(&sound[..2_400]), pitch(&sound[sound.len() - 2_400..]));
            assert_eq!(last > first, is_up, "{chime:?}: from {first} Hz to {last}");
        }
        let sounds = Chime::ALL.map(Chime::samples);
        for (at, sound) in sounds.iter().enumerate() {
            assert!(sounds[..at].iter().all(|other| other != sound), "two chimes are the same");
        }
    }

    #[test]
    fn a_chime_is_added_to_what_plays_and_ends() {
        let mut player = ChimePlayer::new();
        player.play(Chime::Message);
        let sound = Chime::Message.samples();
        let mut heard = Vec::new();
        while player.is_playing() {
            let mut block = [0.25; 240];
            player.mix_into(&mut block, 0.5);
            heard.extend(block);
        }
        assert_eq!(heard.len(), sound.len().next_multiple_of(240));
        for (at, sample) in heard.iter().enumerate() {
            let wanted = 0.25 + 0.5 * sound.get(at).copied().unwrap_or(0.0);
            assert!((sample - wanted).abs() < 1e-6, "{at}");
        }
    }

    #[test]
    fn many_at_once_are_few() {
        let mut player = ChimePlayer::new();
        for _ in 0..1_000 {
            player.play(Chime::Join);
        }
        assert_eq!(player.playing.len(), 1);
        for _ in 0..100 {
            for chime in Chime::ALL {
                player.play(chime);
            }
        }
        assert_eq!(player.playing.len(), AT_ONCE);
        let mut block = vec![0.0; APART];
        player.mix_into(&mut block, 1.0);
        player.play(Chime::Poke);
        assert_eq!(player.playing.back(), Some(&(Chime::Poke, 0)), "after a while it begins again");
    }
}
