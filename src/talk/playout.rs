//! One speaker's packets, played a fixed time after they come.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::audio::device::BLOCK;
use crate::audio::{Decoder, FRAME};
use crate::protocol::VoiceHeader;

/// How long the first packet of a talk spurt waits, so that those after it may come later than it did.
const DELAY: Duration = Duration::from_millis(60);

/// Frames that are made up in a row where none come; then it is silent.
const MADE_UP: u32 = 3;

/// Frames that wait at most; then the oldest go.
const WAITING: usize = 10;

/// Frames in which a share is counted.
const SHARE: f32 = 250.0;

/// How it is going.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) delay: Duration,
    pub(super) target: Duration,
    /// Shares, 0 to 1.
    pub(super) loss: f32,
    pub(super) concealed: f32,
    pub(super) stalls: u32,
}

/// One speaker.
#[derive(Debug)]
pub(super) struct Playout {
    decoder: Decoder,
    /// By timestamp, as it is counted since the first one.
    waiting: BTreeMap<i64, Bytes>,
    /// The timestamp that was seen last, and as it is counted.
    last: Option<(u32, i64)>,
    /// The frame to be played next, and from when on.
    next: Option<(i64, Duration)>,
    made_up: u32,
    sound: Vec<f32>,
    figures: Figures,
}

impl Playout {
    pub(super) fn new(decoder: Decoder) -> Self {
        let figures = Figures { target: DELAY, ..Figures::default() };
        Self {
            decoder,
            waiting: BTreeMap::new(),
            last: None,
            next: None,
            made_up: 0,
            sound: Vec::new(),
            figures,
        }
    }

    pub(super) fn hear(&mut self, now: Duration, header: &VoiceHeader, payload: Bytes) {
        let (before, counted) = self.last.unwrap_or((header.timestamp, 0));
        let counted = counted + i64::from(header.timestamp.wrapping_sub(before).cast_signed());
        self.last = Some((header.timestamp, counted));
        match self.next {
            None => self.next = Some((counted, now + DELAY)),
            Some((next, _)) if counted < next => return,
            Some(_) => (),
        }
        self.waiting.insert(counted, payload);
        while self.waiting.len() > WAITING {
            self.waiting.pop_first();
        }
    }

    pub(super) fn pull(&mut self, now: Duration, out: &mut [f32; BLOCK]) {
        out.fill(0.0);
        if self.sound.is_empty()
            && let Some((next, from)) = self.next
            && now >= from
        {
            self.make(next, from);
        }
        let count = self.sound.len().min(BLOCK);
        for (out, sample) in out.iter_mut().zip(self.sound.drain(..count)) {
            *out = sample;
        }
    }

    pub(super) fn is_speaking(&self) -> bool {
        self.next.is_some()
    }

    pub(super) fn figures(&self) -> Figures {
        let waiting = self.waiting.len() as u32 * 20;
        Figures { delay: Duration::from_millis(waiting.into()), ..self.figures }
    }

    /// Makes the sound of the next frame.
    fn make(&mut self, next: i64, from: Duration) {
        let made = match self.waiting.pop_first() {
            // A longer gap is a pause: what comes after it is played at once.
            Some((at, packet)) if at == next || at - next > i64::from(MADE_UP) * FRAME as i64 => {
                self.next = Some((at + FRAME as i64, from));
                self.made_up = 0;
                self.decoder.decode(&packet)
            }
            Some((at, packet)) => {
                self.waiting.insert(at, packet);
                self.next = Some((next + FRAME as i64, from));
                self.made_up = 1;
                self.decoder.conceal()
            }
            None if self.made_up < MADE_UP => {
                self.made_up += 1;
                self.decoder.conceal()
            }
            None => {
                self.next = None;
                self.made_up = 0;
                return;
            }
        };
        let concealed = if self.made_up > 0 { 1.0 } else { 0.0 };
        self.figures.concealed += (concealed - self.figures.concealed) / SHARE;
        match made {
            Ok(samples) => self.sound.extend(samples.iter().map(|sample| f32::from(*sample) / 32_768.0)),
            Err(error) => tracing::debug!(%error, "a packet can't be decoded"),
        }
    }
}
