//! What the threads of sound and the one of the network have in common. A lock of it is held for no longer than a copy takes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{Settings, VoiceMeter};
use crate::audio::Chime;
use crate::audio::processing::{Gate, GateSettings, SILENCE, SampleQueue, Sidetone};
use crate::client::{Heard, Speaker};
use crate::id::{FlowId, SessionId};
use crate::protocol::Loss;

/// Packets that wait for the loudspeaker's thread: ten seconds of two people, or a second of twenty. Then the newest goes.
const PACKETS: usize = 1_024;

/// For how long after somebody looked closely all is measured.
const WATCHED: Duration = Duration::from_secs(1);

/// What carries a frame of voice, in bytes: IPv4 and UDP 28, QUIC about 30 with its tag, and RTP with the level 20.
const CARRIED: u64 = 78;

/// Milliseconds of a frame where the channel takes any.
pub(super) const FRAME_MS: u32 = 20;

/// What the network's thread wants of those of sound.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Orders {
    pub(super) settings: Arc<Settings>,
    /// Nothing is sent, whatever the gate says.
    pub(super) silent: bool,
    /// Nobody is heard, whatever comes.
    pub(super) deaf: bool,
    /// One hears oneself by way of the server.
    pub(super) echo_test: bool,
    /// Where voice goes.
    pub(super) flow: FlowId,
    /// Bits a second.
    pub(super) bitrate: u32,
    /// Milliseconds of a frame: 10, 20, 40 or 60.
    pub(super) frame_ms: u32,
    /// Loss to prepare for.
    pub(super) loss: Loss,
}

impl Orders {
    /// Where voice goes now.
    pub(super) fn goes_to(&self) -> FlowId {
        if self.echo_test { FlowId::ECHO } else { self.flow }
    }

    /// Before there is a connection.
    pub(super) fn first(settings: Arc<Settings>) -> Self {
        let bitrate = settings.quality.bitrate(0);
        Self {
            settings,
            silent: true,
            deaf: false,
            echo_test: false,
            flow: FlowId::CHANNEL,
            bitrate,
            frame_ms: FRAME_MS,
            loss: Loss::default(),
        }
    }
}

/// How the loudspeaker's thread plays somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Loudness {
    pub(super) session: SessionId,
    /// One's own choice: 1 is as it comes.
    pub(super) own: f32,
    /// What one chose for the channel where they are and one is not, for what isn't whispered.
    pub(super) far: f32,
    /// The others are turned down while they speak.
    pub(super) priority: bool,
}

/// What the microphone's thread tells.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is told for itself")]
pub(super) struct MouthMeters {
    pub(super) level: f32,
    pub(super) speech: f32,
    pub(super) sending: bool,
    pub(super) echo_found: bool,
    /// One talks, and is silent by one's own choice or another's.
    pub(super) talks_silently: bool,
    pub(super) busy: bool,
}

impl Default for MouthMeters {
    fn default() -> Self {
        let (level, speech) = (SILENCE, 0.0);
        Self { level, speech, sending: false, echo_found: false, talks_silently: false, busy: false }
    }
}

/// What the loudspeaker's thread tells.
#[derive(Clone, Debug, Default)]
pub(super) struct EarMeters {
    /// In dB below full scale.
    pub(super) level: f32,
    /// Those who were heard lately.
    pub(super) voices: Vec<EarVoice>,
}

/// Somebody who was heard lately.
#[derive(Clone, Copy, Debug)]
pub(super) struct EarVoice {
    pub(super) meter: VoiceMeter,
    pub(super) speaking: bool,
    pub(super) whisper: bool,
    /// Whether several packets are lost together.
    pub(super) is_bursty: bool,
    /// By how much late packets are late.
    pub(super) lateness: Duration,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Shared {
    begun: Instant,
    pub(super) orders: ArcSwap<Orders>,
    /// By SSRC.
    pub(super) loudness: ArcSwap<HashMap<u32, Loudness>>,
    /// What sends voice, while there is a connection.
    pub(super) speaker: Mutex<Option<Speaker>>,
    packets: SyncSender<Heard>,
    /// When one is heard, by the key and by speech.
    pub(super) gate: Mutex<Gate>,
    /// What is played, for the echo canceller.
    pub(super) far: Mutex<SampleQueue>,
    /// What the microphone hears, for oneself.
    pub(super) sidetone: Mutex<Sidetone>,
    /// The small sound to be played next.
    pub(super) chime: Mutex<Option<Chime>>,
    pub(super) mouth: Mutex<MouthMeters>,
    pub(super) ear: Mutex<EarMeters>,
    /// Somebody began or ceased to speak.
    pub(super) changed: Notify,
    /// When the microphone gave something last, whichever it was, and when somebody looked closely at what it gives, both in
    /// microseconds since it began; 0 for never.
    heard: AtomicU64,
    watched: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    /// Packets that found no place.
    dropped: AtomicU64,
}

impl Shared {
    pub(super) fn new(orders: Orders) -> (Arc<Self>, Receiver<Heard>) {
        let (packets, receiver) = sync_channel(PACKETS);
        let shared = Self {
            begun: Instant::now(),
            orders: ArcSwap::from_pointee(orders),
            loudness: ArcSwap::default(),
            speaker: Mutex::default(),
            packets,
            gate: Mutex::new(Gate::new(GateSettings::default())),
            // The two threads aren't in step: one begins a block or two before the other.
            far: Mutex::new(SampleQueue::new(480, 2_400)),
            sidetone: Mutex::new(Sidetone::new()),
            chime: Mutex::default(),
            mouth: Mutex::default(),
            ear: Mutex::default(),
            changed: Notify::new(),
            heard: AtomicU64::new(0),
            watched: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        };
        (Arc::new(shared), receiver)
    }

    /// Time since it began, by which all sound goes.
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The same at a moment; nothing for what was before.
    pub(super) fn time_of(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.begun)
    }

    /// The microphone gives something now. Answers how long ago it did before, if ever.
    pub(super) fn hears(&self, now: Duration) -> Option<Duration> {
        let before = self.heard.swap(micros(now), Ordering::Relaxed);
        (before > 0).then(|| now.saturating_sub(Duration::from_micros(before)))
    }

    /// Somebody looks closely at what the microphone gives, for a second from now on.
    pub(super) fn watch_closely(&self) {
        self.watched.store(micros(self.now()), Ordering::Relaxed);
    }

    pub(super) fn is_watched(&self, now: Duration) -> bool {
        let watched = self.watched.load(Ordering::Relaxed);
        watched > 0 && now.saturating_sub(Duration::from_micros(watched)) < WATCHED
    }

    /// Hands a packet to the loudspeaker's thread.
    pub(super) fn receive(&self, heard: Heard) {
        self.received.fetch_add(CARRIED + heard.payload.len() as u64, Ordering::Relaxed);
        if self.packets.try_send(heard).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_sent(&self, opus: usize) {
        self.sent.fetch_add(CARRIED + opus as u64, Ordering::Relaxed);
    }

    /// Bytes of voice so far, sent and received, with what carries them.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// A lock; what a thread that panicked left is taken as it is.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
