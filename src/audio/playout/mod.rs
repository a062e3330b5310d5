//! One speaker's packets made sound: what comes late, twice, in another order or not at all becomes speech that goes
//! on. Pure: the clock is passed in, and the sound is pulled in blocks of 5 ms.
//!
//! Whatever is played has waited a moment behind the fastest packet, as long as 499 of 500 packets need
//! (`timing`). While packets are lost, a frame more: the packet behind a lost one repeats it. What hasn't come when it
//! is due is made up, which takes no time of the speaker's, so that nothing is skipped when it comes late. A wait that
//! is too long or too short is set right where nobody hears it (`stretch`).

mod loss;
mod pace;
mod queue;
mod stretch;
mod timing;

use std::time::Duration;

use bytes::Bytes;

use self::loss::Loss;
use self::pace::Pace;
use self::queue::{Heard, Packet, Queue};
use self::timing::Timing;
use super::redundancy::{has_deep_redundancy, has_repetition};
use super::{CodecError, Concealment, Decoder, FRAME};
use crate::protocol::VoiceHeader;

/// Samples in what is pulled at once: 5 ms.
pub const BLOCK: usize = 240;

/// What a block takes, in microseconds.
const BLOCK_TIME: i64 = 5_000;

/// What is waited beside the lateness: a block, since packets come between two of them, and a moment.
const MARGIN: i64 = BLOCK_TIME + 1_000;

/// A frame of look-ahead, in microseconds; and what pays where loss comes in bursts and packets describe what was
/// before.
const LOOK_AHEAD: i64 = 20_000;
const LONG_LOOK_AHEAD: i64 = 80_000;

/// From which share on packets are often lost one after the other by chance.
const LOST_IN_ROWS: f32 = 0.12;

/// How many samples are made up where nothing comes, until it is silent: 160 ms, of which the last 60 fade.
const MADE_UP: usize = 8 * FRAME;
const FADES_FROM: usize = 5 * FRAME;

/// The longest gap that is recovered from a packet at once, in samples: 100 ms.
const DEEPEST: i64 = 5 * FRAME as i64;

/// The longest gap in a spurt that is filled, in samples: what is longer is cut to that.
const LONGEST_GAP: i64 = 10 * FRAME as i64;

/// What a block weighs in the share of what is made up: the last 10 s count most.
const WEIGHT: f32 = 1.0 / 2_000.0;

/// What is known beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// How lost speech is made up.
    pub concealment: Concealment,
    /// The share of packets that were lost lately, from 0 to 1 ([`Figures::loss`]).
    pub loss: f32,
    /// Whether they were lost several together ([`Figures::is_bursty`]).
    pub is_bursty: bool,
    /// How late packets came lately ([`Figures::lateness`]).
    pub lateness: Duration,
}

/// How it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// How long what is played has waited behind the fastest packet.
    pub delay: Duration,
    /// How long it should.
    pub target: Duration,
    /// By how much 499 of 500 packets are later than the fastest at most.
    pub lateness: Duration,
    /// The share of packets that are lost, from 0 to 1, of the last 500 about.
    pub loss: f32,
    /// Whether several are lost together.
    pub is_bursty: bool,
    /// The share of the sound of the last 10 s that was made up or recovered, from 0 to 1.
    pub concealed: f32,
    /// Packets that came when their place was played already.
    pub late: u64,
    /// Packets that were lost.
    pub lost: u64,
    /// How often packets stopped coming for long, and came all together.
    pub stalls: u32,
}

/// Where in the speaker's packets it is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The packet that is next.
    number: i64,
    /// The sample that is next.
    at: i64,
}

/// What is done at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// A talk spurt is awaited.
    Quiet,
    /// It is played.
    Speaking,
    /// The packet that is due isn't there: so many samples were made up so far.
    Dry(usize),
}

/// Plays one speaker. The order of calls is [`Playout::hear`] for each packet that came, and [`Playout::pull`] every
/// 5 ms.
#[derive(Debug)]
pub struct Playout {
    decoder: Decoder,
    queue: Queue,
    timing: Timing,
    loss: Loss,
    pace: Pace,
    mood: Mood,
    place: Option<Place>,
    /// Samples that are ready, and how many of those were made up for what may come yet.
    ready: Vec<f32>,
    made_up: usize,
    /// Whether packets describe what was before them.
    is_deep: bool,
    figures: Figures,
    /// How many of the samples that are ready were made up or recovered.
    concealed: usize,
}

impl Playout {
    /// For a speaker who has said nothing yet.
    pub fn new(settings: Settings) -> Result<Self, CodecError> {
        let mut decoder = Decoder::new()?;
        decoder.set_concealment(settings.concealment)?;
        Ok(Self {
            decoder,
            queue: Queue::default(),
            timing: Timing::new(settings.lateness),
            loss: Loss::new(settings.loss, settings.is_bursty),
            pace: Pace::default(),
            mood: Mood::Quiet,
            place: None,
            ready: Vec::with_capacity(8 * FRAME),
            made_up: 0,
            is_deep: false,
            figures: Figures::default(),
            concealed: 0,
        })
    }

    /// How lost speech is made up from now on.
    pub fn set_concealment(&mut self, concealment: Concealment) {
        // It fails only for a complexity that doesn't exist.
        let _ = self.decoder.set_concealment(concealment);
    }

    /// Takes a packet that came at `now`.
    pub fn hear(&mut self, now: Duration, header: &VoiceHeader, payload: Bytes) {
        let is_deep = has_deep_redundancy(&payload);
        let heard = self.queue.hear(header, payload);
        if heard != Heard::Useless {
            self.is_deep = is_deep;
        }
        if header.marker && heard != Heard::Useless {
            self.timing.begin_spurt();
        }
        match heard {
            Heard::Taken(at) => self.timing.arrive(now, at),
            Heard::First(at) => {
                self.timing.restart();
                self.timing.arrive(now, at);
                self.place = None;
                self.mood = Mood::Quiet;
            }
            Heard::Late(at) => {
                self.figures.late += 1;
                self.loss.came_late();
                self.timing.arrive(now, at);
            }
            Heard::Useless => {}
        }
    }

    /// Whether something is heard of the speaker.
    pub fn is_speaking(&self) -> bool {
        !self.ready.is_empty() || self.mood == Mood::Speaking
    }

    /// How it goes.
    pub fn figures(&self) -> Figures {
        let target = Duration::from_micros(self.target().cast_unsigned());
        let (loss, is_bursty) = (self.loss.share(), self.loss.is_bursty());
        Figures {
            target,
            loss,
            is_bursty,
            lateness: self.timing.wait(),
            stalls: self.timing.stalls(),
            ..self.figures
        }
    }

    /// Fills a block with what is heard at `now`: silence where nothing is due.
    pub fn pull(&mut self, now: Duration, out: &mut [f32; BLOCK]) {
        self.take_back(now);
        while self.ready.len() < BLOCK && self.advance(now) {}
        let count = self.ready.len().min(BLOCK);
        out[..count].copy_from_slice(&self.ready[..count]);
        out[count..].fill(0.0);
        self.ready.drain(..count);
        self.made_up = self.made_up.min(self.ready.len());
        if count > 0 {
            let concealed = self.concealed.min(count) as f32 / BLOCK as f32;
            self.concealed -= self.concealed.min(count);
            self.figures.concealed += (concealed - self.figures.concealed) * WEIGHT;
        }
    }

    /// How long what is played has to wait behind the fastest packet, in microseconds.
    fn target(&self) -> i64 {
        let wait = i64::try_from(self.timing.wait().as_micros()).unwrap_or(0);
        let is_long = self.is_deep && (self.loss.is_bursty() || self.loss.share() > LOST_IN_ROWS);
        let ahead = match (self.loss.is_much(), is_long) {
            (false, _) => 0,
            (true, false) => LOOK_AHEAD,
            (true, true) => LONG_LOOK_AHEAD,
        };
        wait + MARGIN + ahead
    }

    /// Where the packet that was made up for comes while that is played, the rest of that isn't played.
    fn take_back(&mut self, now: Duration) {
        let (Mood::Dry(_), Some(place)) = (self.mood, self.place) else { return };
        if self.made_up == 0 || self.queue.get(place.number).is_none() {
            return;
        }
        let kept = self.ready.len() - self.made_up;
        let rest = self.ready.split_off(kept);
        self.concealed = self.concealed.saturating_sub(rest.len());
        self.made_up = 0;
        self.play_next(now, place);
        if let Some(after) = self.ready.get_mut(kept..) {
            stretch::cross(&rest, after);
        }
    }

    /// Makes more ready. Answers `false` where nothing is due.
    fn advance(&mut self, now: Duration) -> bool {
        let Some((first, packet)) = self.queue.first() else { return self.run_dry() };
        let (at, marker) = (packet.at, packet.marker);
        match (self.mood, self.place) {
            (Mood::Speaking | Mood::Dry(_), Some(place)) if first == place.number => {
                if at > place.at && Self::is_pause(at - place.at) {
                    return self.fall_silent();
                }
                self.play_next(now, place);
                true
            }
            (Mood::Speaking | Mood::Dry(_), Some(place)) => self.fill_gap(place, first, at, marker),
            (Mood::Quiet, _) | (_, None) => self.begin(now, first, at, marker),
        }
    }

    /// Whether the speaker was silent for that long, rather than counting a little otherwise.
    fn is_pause(gap: i64) -> bool {
        gap >= FRAME as i64 / 2
    }

    /// Nothing is there: speech goes on for a moment.
    fn run_dry(&mut self) -> bool {
        let made_up = match self.mood {
            Mood::Quiet => return false,
            Mood::Speaking => 0,
            Mood::Dry(made_up) => made_up,
        };
        if made_up >= MADE_UP {
            self.mood = Mood::Quiet;
            return false;
        }
        let Ok(mut sound) = self.decoder.conceal_float(FRAME) else { return false };
        for (index, sample) in sound.iter_mut().enumerate() {
            let past = (made_up + index).saturating_sub(FADES_FROM) as f32;
            *sample *= (1.0 - past / (MADE_UP - FADES_FROM) as f32).max(0.0);
        }
        self.made_up = sound.len();
        self.concealed += sound.len();
        self.mood = Mood::Dry(made_up + sound.len());
        self.ready.extend(sound);
        true
    }

    /// A spurt is over: it fades in a block.
    fn fall_silent(&mut self) -> bool {
        let was_dry = matches!(self.mood, Mood::Dry(_));
        self.mood = Mood::Quiet;
        self.made_up = 0;
        if was_dry {
            return true;
        }
        if let Ok(mut sound) = self.decoder.conceal_float(BLOCK) {
            for (index, sample) in sound.iter_mut().enumerate() {
                *sample *= 1.0 - index as f32 / BLOCK as f32;
            }
            self.ready.extend(sound);
        }
        true
    }

    /// Begins a spurt when its first packet is due.
    fn begin(&mut self, now: Duration, first: i64, at: i64, marker: bool) -> bool {
        // The one before it was lost and isn't played yet: it may be the beginning of a word.
        let is_cut =
            !marker && self.place.is_some_and(|place| first > place.number && at - place.at >= FRAME as i64);
        let begins = if is_cut { at - FRAME as i64 } else { at };
        if self.timing.delay(now, begins) < self.target() && self.queue.sound() < timing::STALL * 48 * 5 {
            return false;
        }
        // The speaker may have counted on where this listener doesn't hear: in a whisper to others.
        if let Some(place) = self.place.filter(|place| !marker && place.number < first) {
            let lost = u32::try_from(first - place.number).unwrap_or(u32::MAX);
            self.note_lost(lost);
        }
        self.mood = Mood::Speaking;
        self.pace.begin_spurt();
        self.place = Some(Place { number: first, at });
        if is_cut {
            let Some(packet) = self.queue.get(first).filter(|packet| has_repetition(&packet.payload)) else {
                return true;
            };
            if let Ok(sound) = self.decoder.recover_float(&packet.payload.clone(), FRAME) {
                self.concealed += sound.len();
                self.ready.extend(sound);
            }
        }
        true
    }

    fn note_lost(&mut self, packets: u32) {
        self.loss.lost(packets);
        self.figures.lost += u64::from(packets);
    }

    /// Decodes the packet that is next.
    fn play_next(&mut self, now: Duration, place: Place) {
        let Some(packet) = self.queue.take(place.number) else { return };
        let waits = i64::try_from(self.ready.len()).unwrap_or(0) * 1_000_000 / 48_000;
        let at = packet.at;
        self.loss.received();
        self.mood = Mood::Speaking;
        self.made_up = 0;
        self.place = Some(Place { number: place.number + 1, at: at + packet.duration });
        let delay = self.timing.delay(now, at) + waits;
        self.figures.delay = Duration::from_micros(delay.max(0).cast_unsigned());
        let sound = self.decode(&packet);
        let surplus = (self.timing.delay_lately(now, at) + waits).min(delay) - self.target();
        let backlog = self.queue.sound() * 1_000_000 / 48_000;
        self.ready.extend(self.pace.fit(sound, surplus.min(backlog.max(LOOK_AHEAD)), delay - self.target()));
    }

    fn decode(&mut self, packet: &Packet) -> Vec<f32> {
        // What can't be decoded is made up.
        let made_up = usize::try_from(packet.duration).unwrap_or(FRAME);
        self.decoder
            .decode_float(&packet.payload)
            .or_else(|_| self.decoder.conceal_float(made_up))
            .unwrap_or_default()
    }

    /// Packets are missing before the first that is there.
    fn fill_gap(&mut self, place: Place, first: i64, at: i64, marker: bool) -> bool {
        let missing = (first - place.number).max(0);
        let made_up = if let Mood::Dry(made_up) = self.mood { made_up as i64 } else { 0 };
        let gap = (at - place.at).max(0);
        let lost = gap.min(missing * FRAME as i64);
        // Beside what was lost the speaker was silent: the spurt ended in the gap.
        if gap - lost >= FRAME as i64 || marker && gap > lost {
            return self.fall_silent();
        }
        self.note_lost(u32::try_from(missing).unwrap_or(u32::MAX));
        self.queue.skip_to(first);
        self.place = Some(Place { number: first, at });
        self.mood = Mood::Speaking;
        self.made_up = 0;
        // Where the wait has to grow, what was made up is beside what is recovered rather than in its place.
        let delay = i64::try_from(self.figures.delay.as_micros()).unwrap_or(0);
        let grows = made_up > 0 && self.target() - delay > LOOK_AHEAD / 2;
        let made_up = if grows { made_up.min(gap - FRAME as i64).max(0) } else { made_up };
        let left = (gap.min(LONGEST_GAP) - made_up) / BLOCK as i64 * BLOCK as i64;
        if left <= 0 {
            return true;
        }
        let sound = self.recover(first, left);
        self.concealed += sound.len();
        self.ready.extend(sound);
        true
    }

    /// Recovers so many samples before a packet that waits, as far as it goes.
    fn recover(&mut self, number: i64, samples: i64) -> Vec<f32> {
        let Some(packet) = self.queue.get(number) else { return Vec::new() };
        let payload = packet.payload.clone();
        let is_deep = has_deep_redundancy(&payload) && (samples > FRAME as i64 || !has_repetition(&payload));
        let reach = if is_deep { samples.min(DEEPEST) / 480 * 480 } else { samples.min(FRAME as i64) };
        let mut sound = Vec::new();
        let mut before = samples - reach;
        while before > 0 {
            let part = before.min(FRAME as i64);
            sound.extend(self.decoder.conceal_float(part as usize).unwrap_or_default());
            before -= part;
        }
        let reach = reach as usize;
        let recovered = if is_deep {
            self.decoder.recover_deeply(&payload, reach)
        } else {
            self.decoder.recover_float(&payload, reach)
        };
        sound.extend(recovered.or_else(|_| self.decoder.conceal_float(reach)).unwrap_or_default());
        sound
    }
}

#[cfg(test)]
mod tests;
