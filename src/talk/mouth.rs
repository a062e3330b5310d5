//! From the microphone to the server: what is heard is cleaned, judged, cut into frames, encoded and sent. It runs on the
//! thread of the open microphone.

use std::sync::Arc;
use std::time::Duration;

use super::framing::{Due, Framing, HALF};
use super::rest::Rest;
use super::shared::{MouthMeters, Orders, Shared, lock};
use super::voicing::Voicing;
use super::{Echo, Mode, Quality};
use crate::audio::CodecError;
use crate::audio::device::{BLOCK, BLOCK_LASTS};
use crate::audio::processing::{Capture, CaptureSettings, EchoMode, GainMode, Heard, loudness};
use crate::client::Speaker;
use crate::id::FlowId;

/// How long one has to talk before one is told that one is muted: a cough isn't worth a word.
const TALKS: u32 = 30;

/// How often the server's wish for other boundaries of frames is looked at, in halves of frames.
const PACE: u32 = 10;

/// A microphone that gave nothing for so long was closed or stood still: that time is silence. What is late on a machine that has too
/// much to do comes all the same, and no device keeps it for so long.
const MISSED: Duration = Duration::from_millis(500);

/// What the microphone's thread has.
#[derive(Debug)]
pub(super) struct Mouth {
    shared: Arc<Shared>,
    orders: Arc<Orders>,
    capture: Capture,
    rest: Rest,
    voicing: Voicing,
    framing: Framing,
    half: [f32; HALF],
    filled: usize,
    /// Blocks of the device that are to be left out, so that the boundaries of frames come later.
    skip: u32,
    /// Halves of frames in a row in which one talked silently.
    talks: u32,
    since_pace: u32,
}

impl Mouth {
    /// One that begins to hear now.
    pub(super) fn new(shared: Arc<Shared>) -> Result<Self, CodecError> {
        let orders = shared.orders.load_full();
        Ok(Self {
            capture: Capture::new(capture_settings(&orders)),
            rest: Rest::default(),
            voicing: Voicing::new(orders.bitrate, orders.loss, is_music(&orders))?,
            framing: framing(&orders),
            half: [0.0; HALF],
            filled: 0,
            skip: 0,
            talks: 0,
            since_pace: 0,
            orders,
            shared,
        })
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
            self.take();
        }
    }

    /// Takes half a frame: has it wait where nobody is to hear it, else cleans, judges and sends what is to be sent.
    fn take(&mut self) {
        self.follow();
        let now = self.shared.now();
        let missed = self.shared.hears(now).filter(|missed| *missed > MISSED);
        if let Some(missed) = missed {
            self.skip_rest();
            self.framing.miss(frames(missed, self.orders.frame_ms));
        }
        let mut far = [0.0; HALF];
        lock(&self.shared.far).read(&mut far);
        let half = self.half;
        if self.may_rest(now, &far) {
            self.wait(&half, &far);
        } else {
            while let Some((before, far)) = self.rest.next() {
                let mut before = before;
                self.capture.process(&mut before, &far);
                self.framing.put(&before, false, |_| ());
            }
            self.judge(now, half, &far);
        }
        self.keep_pace();
    }

    /// Whether nothing is to be done with what is heard: only a key opens the gate, it isn't down, and nobody looks at what speech
    /// it is. An echo is looked for all the same.
    fn may_rest(&mut self, now: Duration, far: &[f32; HALF]) -> bool {
        let Orders { settings, echo_test, .. } = &*self.orders;
        let is_quiet = self.rest.is_quiet(far) || settings.echo == Echo::Off;
        settings.mode == Mode::PushToTalk
            && is_quiet
            && settings.sidetone == 0
            && !echo_test
            && !self.framing.is_sending()
            && !self.shared.is_watched(now)
            && !lock(&self.shared.gate).is_pushed(now)
    }

    /// Has half a frame wait. What has waited for too long is silence to whoever hears what comes.
    fn wait(&mut self, half: &[f32; HALF], far: &[f32; HALF]) {
        let level = loudness(half);
        if let Some((old, _)) = self.rest.wait(half, far) {
            self.framing.put(&old, false, |_| ());
        }
        self.talks = 0;
        self.tell(MouthMeters { level, echo_found: self.capture.is_far_found(), ..MouthMeters::default() });
    }

    /// What waits is silence.
    fn skip_rest(&mut self) {
        while let Some((old, _)) = self.rest.next() {
            self.framing.put(&old, false, |_| ());
        }
    }

    /// Cleans and judges half a frame, and sends what is to be sent.
    fn judge(&mut self, now: Duration, mut half: [f32; HALF], far: &[f32; HALF]) {
        let heard = self.capture.process(&mut half, far);
        lock(&self.shared.sidetone).write(&half);
        let is_open = lock(&self.shared.gate).hear(now, &heard);
        let is_sent = self.orders.echo_test || is_open && !self.orders.silent;
        // RFC 6464 has it without its sign, from 0 to 127.
        let level = (-heard.level).clamp(0.0, 127.0) as u8;
        let (framing, voicing, shared) = (&mut self.framing, &mut self.voicing, &self.shared);
        let flow = self.orders.goes_to();
        framing.put(&half, is_sent, |due| send(shared, voicing, flow, level, due));
        self.tell_heard(&heard, is_open);
    }

    /// Does as it is told from now on.
    fn follow(&mut self) {
        let orders = self.shared.orders.load();
        if Arc::ptr_eq(&orders, &self.orders) {
            return;
        }
        self.capture.set(capture_settings(&orders));
        if let Err(error) = self.voicing.prepare(orders.bitrate, orders.loss, is_music(&orders)) {
            tracing::warn!(%error, "the encoder stays as it was");
        }
        let before = std::mem::replace(&mut self.orders, Arc::clone(&orders));
        if before.frame_ms != orders.frame_ms {
            self.framing = framing(&orders);
        }
        let goes = |orders: &Orders| (orders.goes_to(), orders.silent, orders.echo_test);
        if goes(&before) == goes(&orders) {
            return;
        }
        // What was said while it was for nobody, or for a few, isn't for those who hear what comes.
        if before.silent || before.echo_test || orders.goes_to() == FlowId::CHANNEL {
            self.skip_rest();
            self.framing.forget();
        } else {
            self.framing.cut();
        }
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

    fn tell_heard(&mut self, heard: &Heard, is_open: bool) {
        let talks = self.orders.silent && is_open && heard.speech > 0.5;
        self.talks = if talks { self.talks.saturating_add(1) } else { 0 };
        let sending = self.framing.is_sending();
        let is_busy = sending && lock(&self.shared.speaker).as_ref().is_some_and(Speaker::is_busy);
        self.tell(MouthMeters {
            level: heard.level,
            speech: heard.speech,
            sending,
            echo_found: heard.is_far_found,
            talks_silently: self.talks >= TALKS,
            busy: is_busy,
        });
    }

    fn tell(&mut self, told: MouthMeters) {
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

/// Frames of so many milliseconds in a time, the nearest number.
fn frames(time: Duration, frame_ms: u32) -> u32 {
    let each = u128::from(frame_ms.max(1));
    u32::try_from((time.as_millis() + each / 2) / each).unwrap_or(u32::MAX)
}

/// Encodes a frame and sends it.
fn send(shared: &Shared, voicing: &mut Voicing, flow: FlowId, level: u8, due: Due<'_>) {
    let mut speaker = lock(&shared.speaker);
    let Some(speaker) = speaker.as_mut() else { return };
    speaker.speak_on(flow);
    speaker.set_level(Some(level));
    speaker.set_frame(due.frame.len() as u32);
    if let Some(frames) = due.after {
        speaker.pause(frames);
    }
    // What can't be encoded counts as lost on the way: the next frame is another one.
    match voicing.encode(flow, due.frame) {
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

/// Whether deep notes are wanted.
fn is_music(orders: &Orders) -> bool {
    orders.settings.quality == Quality::Music
}

fn framing(orders: &Orders) -> Framing {
    Framing::new(orders.frame_ms as usize / 10)
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
