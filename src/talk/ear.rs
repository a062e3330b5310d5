//! From the server to the loudspeaker: packets are put in their places, decoded, made as loud as one wants, and mixed. It runs
//! on the thread of the open loudspeaker.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::picture::VoiceMeter;
use super::shared::{EarMeters, EarVoice, Loudness, Shared, lock};
use crate::audio::device::BLOCK;
use crate::audio::playout::{Playout, Settings};
use crate::audio::processing::{Limiter, SILENCE, loudness as level_of};
use crate::audio::{ChimePlayer, CodecError, Concealment};
use crate::client::Heard;
use crate::id::{FlowId, SessionId};

/// Speakers that are known at once; then who was quiet for longest is forgotten.
const SPEAKERS: usize = 64;

/// Speakers whose losses are concealed by the network that imitates voices, which takes 2 ms a frame: the loudest.
const NEURAL: usize = 8;

/// How often the loudest are found, in blocks: 200 ms.
const RANKED: u32 = 40;

/// How loud chimes are, as a factor.
const CHIMES: f32 = 1.0;

/// After so long without a packet somebody isn't shown any more.
const SHOWN: Duration = Duration::from_secs(60);

/// After so long they are forgotten.
const KEPT: Duration = Duration::from_secs(600);

/// A packet that waited longer for a loudspeaker is no use any more.
const STALE: Duration = Duration::from_secs(2);

/// What others are turned down by while a priority speaker speaks: 12 dB.
const DUCKED: f32 = 0.251;

/// How far a gain goes in one block towards what it is to be, so that it doesn't crack.
const STEP: f32 = 0.05;

/// Whoever sent nothing for so long, and has nothing left to be played, isn't asked for sound.
const QUIET: Duration = Duration::from_millis(500);

/// After so many blocks of silence the limiter has forgotten what was loud, and isn't asked: a second.
const SILENT: u32 = 200;

/// How often meters are told, in blocks: 20 ms.
const TOLD: u32 = 4;

/// What the loudspeaker's thread has.
#[derive(Debug)]
pub(super) struct Ear {
    shared: Arc<Shared>,
    packets: Receiver<Heard>,
    /// By SSRC.
    voices: HashMap<u32, Voice>,
    limiter: Limiter,
    chimes: ChimePlayer,
    /// What is known of the way from the server beforehand.
    known: Settings,
    blocks: u32,
    /// The loudest block since meters were told.
    level: f32,
    /// Blocks of silence, one after the other.
    silent: u32,
}

/// Somebody who is heard, or was.
#[derive(Debug)]
struct Voice {
    playout: Playout,
    concealment: Concealment,
    heard: Duration,
    whisper: bool,
    /// It is one's own, which came back.
    echo: bool,
    /// That of the last block; there is none before the first.
    gain: Option<f32>,
    /// The loudest block since meters were told, and before.
    loudest: f32,
    level: f32,
}

impl Ear {
    /// One that has heard nobody, and knows something of the way from the server.
    pub(super) fn new(shared: Arc<Shared>, packets: Receiver<Heard>, known: Settings) -> Self {
        Self {
            shared,
            packets,
            voices: HashMap::new(),
            limiter: Limiter::new(),
            chimes: ChimePlayer::new(),
            known,
            blocks: 0,
            level: SILENCE,
            silent: 0,
        }
    }

    /// Plays the next block.
    pub(super) fn render(&mut self, out: &mut [f32; BLOCK]) {
        let now = self.shared.now();
        self.receive(now);
        let loudness = self.shared.loudness.load();
        let ducked = self.voices.iter().any(|(ssrc, voice)| {
            voice.playout.is_speaking() && loudness.get(ssrc).is_some_and(|loudness| loudness.priority)
        });
        let is_deaf = self.shared.orders.load().deaf;
        let mut block = [0.0; BLOCK];
        for (ssrc, voice) in &mut self.voices {
            if now.saturating_sub(voice.heard) > QUIET && !voice.playout.is_speaking() {
                continue;
            }
            voice.playout.pull(now, &mut block);
            voice.loudest = voice.loudest.max(level_of(&block));
            // The server sends nothing more once it knows; until then what comes isn't heard.
            let gain = if is_deaf { 0.0 } else { voice.wanted(loudness.get(ssrc), ducked) };
            voice.mix(gain, &block, out);
        }
        self.finish(out);
        self.blocks += 1;
        if self.blocks.is_multiple_of(TOLD) {
            self.tell(now, &loudness);
        }
    }

    /// Takes what came meanwhile.
    fn receive(&mut self, now: Duration) {
        while let Ok(heard) = self.packets.try_recv() {
            let at = self.shared.time_of(heard.at);
            if now.saturating_sub(at) > STALE {
                continue;
            }
            let ssrc = heard.header.ssrc.0;
            if !self.voices.contains_key(&ssrc) {
                self.make_room();
            }
            let voice = match self.voices.entry(ssrc) {
                Entry::Occupied(voice) => voice.into_mut(),
                Entry::Vacant(place) => match Voice::new(self.known) {
                    Ok(voice) => place.insert(voice),
                    Err(error) => {
                        tracing::warn!(%error, "somebody can't be heard");
                        continue;
                    }
                },
            };
            voice.heard = now;
            voice.echo = heard.flow == FlowId::ECHO;
            voice.whisper = heard.flow != FlowId::CHANNEL && !voice.echo;
            voice.playout.hear(at, &heard.header, heard.payload);
        }
    }

    fn make_room(&mut self) {
        if self.voices.len() < SPEAKERS {
            return;
        }
        let quietest = self.voices.iter().min_by_key(|(_, voice)| voice.heard).map(|(ssrc, _)| *ssrc);
        if let Some(ssrc) = quietest {
            self.voices.remove(&ssrc);
        }
    }

    /// Makes all of it as loud as one wants, adds what isn't from the server, and limits it.
    fn finish(&mut self, out: &mut [f32; BLOCK]) {
        let settings = &self.shared.orders.load().settings;
        let volume = f32::from(settings.volume) / 100.0;
        for sample in out.iter_mut() {
            *sample *= volume;
        }
        lock(&self.shared.sidetone).mix_into(out);
        if let Some(chime) = lock(&self.shared.chime).take() {
            self.chimes.play(chime);
        }
        self.chimes.mix_into(out, volume * CHIMES);
        self.silent = if out.iter().all(|sample| *sample == 0.0) { self.silent.saturating_add(1) } else { 0 };
        if self.silent > SILENT {
            lock(&self.shared.far).write(out);
            return;
        }
        self.limiter.process(out);
        lock(&self.shared.far).write(out);
        self.level = self.level.max(level_of(out));
    }

    /// Tells how loud everybody is, who begins to speak, and whose losses are worth the most work.
    fn tell(&mut self, now: Duration, loudness: &HashMap<u32, Loudness>) {
        self.voices.retain(|_, voice| now.saturating_sub(voice.heard) < KEPT);
        let mut told = Vec::with_capacity(self.voices.len());
        for (ssrc, voice) in &mut self.voices {
            let is_shown = now.saturating_sub(voice.heard) < SHOWN;
            voice.level = std::mem::replace(&mut voice.loudest, SILENCE);
            if let (true, Some(known)) = (is_shown, loudness.get(ssrc)) {
                told.push(voice.meter(known.session));
            }
        }
        told.sort_by_key(|voice| voice.meter.session);
        let level = std::mem::replace(&mut self.level, SILENCE);
        let before =
            std::mem::replace(&mut *lock(&self.shared.ear), EarMeters { level, voices: told.clone() });
        let speaking = |voices: &[EarVoice]| -> Vec<(SessionId, bool)> {
            let speaking = voices.iter().filter(|voice| voice.speaking);
            speaking.map(|voice| (voice.meter.session, voice.whisper)).collect()
        };
        if speaking(&before.voices) != speaking(&told) {
            self.shared.changed.notify_one();
        }
        if self.blocks.is_multiple_of(RANKED) {
            self.rank();
        }
    }

    /// Has the losses of the loudest concealed best.
    fn rank(&mut self) {
        let mut voices: Vec<&mut Voice> = self.voices.values_mut().collect();
        let order = |voice: &Voice| (voice.playout.is_speaking(), voice.level);
        voices.sort_by(|a, b| {
            let ((a_speaks, a_level), (b_speaks, b_level)) = (order(a), order(b));
            b_speaks.cmp(&a_speaks).then(b_level.total_cmp(&a_level))
        });
        for (place, voice) in voices.into_iter().enumerate() {
            let concealment = if place < NEURAL { Concealment::Neural } else { Concealment::Plain };
            if voice.concealment != concealment {
                voice.concealment = concealment;
                voice.playout.set_concealment(concealment);
            }
        }
    }
}

impl Voice {
    fn new(known: Settings) -> Result<Self, CodecError> {
        Ok(Self {
            playout: Playout::new(known)?,
            concealment: known.concealment,
            heard: Duration::ZERO,
            whisper: false,
            echo: false,
            gain: None,
            loudest: SILENCE,
            level: SILENCE,
        })
    }

    /// The gain that it is to have.
    fn wanted(&self, loudness: Option<&Loudness>, ducked: bool) -> f32 {
        let Some(loudness) = loudness.filter(|_| !self.echo) else { return 1.0 };
        let far = if self.whisper { 1.0 } else { loudness.far };
        let gain = loudness.own * far;
        if ducked && !loudness.priority { gain * DUCKED } else { gain }
    }

    /// Adds a block, with its gain on the way to another one.
    fn mix(&mut self, gain: f32, block: &[f32; BLOCK], out: &mut [f32; BLOCK]) {
        let from = self.gain.unwrap_or(gain);
        let to = from + (gain - from).clamp(-STEP, STEP);
        self.gain = Some(to);
        let step = (to - from) / BLOCK as f32;
        for (index, (out, sample)) in out.iter_mut().zip(block).enumerate() {
            *out += sample * (from + step * index as f32);
        }
    }

    fn meter(&self, session: SessionId) -> EarVoice {
        let figures = self.playout.figures();
        let meter = VoiceMeter {
            session,
            level: self.level,
            delay: figures.delay,
            target: figures.target,
            loss: figures.loss,
            concealed: figures.concealed,
            stalls: figures.stalls,
        };
        let (speaking, whisper) = (self.playout.is_speaking(), self.whisper);
        EarVoice { meter, speaking, whisper, is_bursty: figures.is_bursty, lateness: figures.lateness }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::audio::{Encoder, FRAME};
    use crate::id::Ssrc;
    use crate::protocol::{OPUS_PAYLOAD_TYPE, VoiceHeader};
    use crate::talk::shared::Orders;

    /// The loudest sample that is heard of a tone that comes from the server.
    fn loudest(deaf: bool) -> f32 {
        let (shared, packets) = Shared::new(Orders { deaf, ..Orders::first(Arc::default()) });
        let mut ear = Ear::new(Arc::clone(&shared), packets, Settings::default());
        let mut encoder = Encoder::live(48_000).unwrap();
        let tone: [f32; FRAME] = std::array::from_fn(|at| (at as f32 * 0.05).sin() * 0.5);
        // More than a second of it isn't waited with, whatever the time.
        for number in 0..60_u16 {
            let header = VoiceHeader {
                ssrc: Ssrc(7),
                sequence: number,
                timestamp: u32::from(number) * 960,
                marker: number == 0,
                payload_type: OPUS_PAYLOAD_TYPE,
            };
            let payload = encoder.encode_float(&tone).unwrap().into();
            let (flow, at) = (FlowId::CHANNEL, Instant::now());
            shared.receive(Heard { flow, header, payload, echo: None, level: None, position: None, at });
        }
        let mut block = || {
            let mut out = [0.0; BLOCK];
            ear.render(&mut out);
            out.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()))
        };
        (0..200).map(|_| block()).fold(0.0, f32::max)
    }

    #[test]
    fn whoever_is_deaf_hears_nothing_of_what_still_comes() {
        assert!(loudest(false) > 0.1);
        assert!(loudest(true) < 1e-6);
    }
}
