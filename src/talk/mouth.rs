//! From the microphone to the server: what is heard is cleaned, judged, cut into frames, encoded and sent. It runs on the
//! thread of the open microphone.

use std::sync::Arc;

use super::Echo;
use super::framing::{Due, Framing, HALF};
use super::shared::{MouthMeters, Orders, Shared, lock};
use crate::audio::device::{BLOCK, BLOCK_LASTS};
use crate::audio::processing::{Capture, CaptureSettings, EchoMode, GainMode, Heard};
use crate::audio::{CodecError, Encoder};
use crate::client::Speaker;
use crate::id::FlowId;

/// How long one has to talk before one is told that one is muted: a cough isn't worth a word.
const TALKS: u32 = 30;

/// How often the server's wish for other boundaries of frames is looked at, in halves of frames.
const PACE: u32 = 10;

/// What the microphone's thread has.
#[derive(Debug)]
pub(super) struct Mouth {
    shared: Arc<Shared>,
    orders: Arc<Orders>,
    capture: Capture,
    encoder: Encoder,
    framing: Framing,
    half: [f32; HALF],
    filled: usize,
    /// Blocks of the device that are to be left out, so that the boundaries of frames come later.
    skip: u32,
    /// Halves of frames in a row in which one talked silently.
    talks: u32,
    since_pace: u32,
    level: u8,
}

impl Mouth {
    /// One that begins to hear now.
    pub(super) fn new(shared: Arc<Shared>) -> Result<Self, CodecError> {
        let orders = shared.orders.load_full();
        let mut mouth = Self {
            capture: Capture::new(capture_settings(&orders)),
            encoder: Encoder::live(orders.bitrate as i32)?,
            framing: Framing::new(0),
            half: [0.0; HALF],
            filled: 0,
            skip: 0,
            talks: 0,
            since_pace: 0,
            level: 127,
            orders,
            shared,
        };
        prepare(&mut mouth.encoder, &mouth.orders)?;
        Ok(mouth)
    }

    /// Takes what the microphone heard.
    pub(super) fn hear(&mut self, block: &[f32; BLOCK]) {
        if self.skip > 0 && !self.framing.is_sending() {
            self.skip -= 1;
            return;
        }
        self.half[self.filled..self.filled + BLOCK].copy_from_slice(block);
        self.filled += BLOCK;
        if self.filled == HALF {
            self.filled = 0;
            self.judge();
        }
    }

    /// Cleans and judges half a frame, and sends what is to be sent.
    fn judge(&mut self) {
        self.follow();
        let mut far = [0.0; HALF];
        lock(&self.shared.far).read(&mut far);
        let heard = self.capture.process(&mut self.half, &far);
        lock(&self.shared.sidetone).write(&self.half);
        let now = self.shared.now();
        let is_open = lock(&self.shared.gate).hear(now, heard.speech, heard.level);
        let is_sent = self.orders.echo_test || is_open && !self.orders.silent;
        // RFC 6464 has it without its sign, from 0 to 127.
        self.level = (-heard.level).clamp(0.0, 127.0) as u8;
        let (framing, encoder, shared, level) =
            (&mut self.framing, &mut self.encoder, &self.shared, self.level);
        framing.put(&self.half, is_sent, |due| send(shared, encoder, level, due));
        self.keep_pace();
        self.tell(&heard, is_open);
    }

    /// Does as it is told from now on.
    fn follow(&mut self) {
        let orders = self.shared.orders.load();
        if Arc::ptr_eq(&orders, &self.orders) {
            return;
        }
        self.capture.set(capture_settings(&orders));
        if let Err(error) = prepare(&mut self.encoder, &orders) {
            tracing::warn!(%error, "the encoder stays as it was");
        }
        self.orders = Arc::clone(&orders);
    }

    /// Moves the boundaries of frames where the server asks for it and nobody hears it.
    fn keep_pace(&mut self) {
        self.since_pace += 1;
        if self.since_pace < PACE || self.framing.is_sending() {
            return;
        }
        self.since_pace = 0;
        let later = lock(&self.shared.speaker).as_ref().and_then(Speaker::pace);
        if let Some(later) = later {
            self.skip = (later.as_millis() / BLOCK_LASTS.as_millis()) as u32 % 4;
        }
    }

    fn tell(&mut self, heard: &Heard, is_open: bool) {
        let talks = self.orders.silent && is_open && heard.speech > 0.5;
        self.talks = if talks { self.talks.saturating_add(1) } else { 0 };
        let is_busy = lock(&self.shared.speaker).as_ref().is_some_and(Speaker::is_busy);
        let told = MouthMeters {
            level: heard.level,
            speech: heard.speech,
            sending: self.framing.is_sending(),
            echo_found: heard.is_far_found,
            talks_silently: self.talks >= TALKS,
            busy: is_busy && self.framing.is_sending(),
        };
        let before = std::mem::replace(&mut *lock(&self.shared.mouth), told);
        let changed = |what: fn(&MouthMeters) -> bool| what(&before) != what(&told);
        if changed(|told| told.sending) || changed(|told| told.talks_silently) || changed(|told| told.busy) {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Mouth {
    fn drop(&mut self) {
        *lock(&self.shared.mouth) = MouthMeters::default();
        self.shared.changed.notify_one();
    }
}

/// Encodes a frame and sends it.
fn send(shared: &Shared, encoder: &mut Encoder, level: u8, due: Due<'_>) {
    let mut speaker = lock(&shared.speaker);
    let Some(speaker) = speaker.as_mut() else { return };
    let orders = shared.orders.load();
    let flow = if orders.echo_test { FlowId::ECHO } else { orders.flow };
    speaker.speak_on(flow);
    speaker.set_level(Some(level));
    if let Some(frames) = due.after {
        speaker.pause(frames);
    }
    // What can't be encoded counts as lost on the way: the next frame is another one.
    match encoder.encode_float(due.frame) {
        Ok(opus) => {
            shared.count_sent(opus.len());
            speaker.send(&opus);
        }
        Err(error) => {
            tracing::debug!(%error, "a frame can't be encoded");
            speaker.pause(1);
        }
    }
}

/// Has the encoder make what is ordered: as many bits, and ready for the loss that listeners have.
fn prepare(encoder: &mut Encoder, orders: &Orders) -> Result<(), CodecError> {
    encoder.set_bitrate(orders.bitrate as i32)?;
    encoder.set_protection(orders.loss.percent, orders.loss.bursts)
}

fn capture_settings(orders: &Orders) -> CaptureSettings {
    let settings = &orders.settings;
    CaptureSettings {
        suppress_noise: settings.noise_suppression,
        gain: if settings.gain { GainMode::Automatic } else { GainMode::Off },
        echo: match settings.echo {
            Echo::Off => EchoMode::Off,
            Echo::On => EchoMode::On,
            Echo::Auto => EchoMode::Auto,
        },
    }
}
