//! What a live client shows at one moment. A screen is a function of this; nothing here says how it is drawn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::Settings;
use crate::client::{Target, View};
use crate::id::{ChannelId, SessionId};
use crate::protocol::Loss;
use crate::protocol::wire::Channel;

/// Texts that are kept to be read again; then the oldest go.
pub const TEXTS: usize = 500;

/// Everything that changes rarely enough to be told as a whole. What moves all the time is in [`Meters`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The server, as `host:port` or `host:port/+tag`.
    pub server: String,
    /// Who one is there.
    pub name: String,
    /// How the connection is.
    pub connection: Connection,
    /// The channels and the people. While one is disconnected, as they were last.
    pub view: Arc<View>,
    /// What one has set for oneself.
    pub own: Own,
    /// Who is heard now.
    pub talking: BTreeMap<SessionId, Talking>,
    /// What was written, the oldest first, [`TEXTS`] at most. The server keeps no texts, so it begins with one's coming.
    pub texts: Arc<VecDeque<Line>>,
    /// How one hears people, where it isn't as they come.
    pub people: Arc<BTreeMap<SessionId, Hearing>>,
    /// How the microphone is.
    pub microphone: Device,
    /// How the loudspeaker is.
    pub loudspeaker: Device,
    /// What one has chosen and what lasts.
    pub settings: Arc<Settings>,
    /// Servers that one keeps at hand.
    pub bookmarks: Arc<Vec<Bookmark>>,
    /// Whether one hears oneself by way of the server, and nobody else does.
    pub echo_test: bool,
    /// How much of one's voice those who hear it lose, as the server tells; `None` until it does, which it doesn't where nothing
    /// is lost.
    pub told_loss: Option<Loss>,
    /// Bits a second of one's own voice: the chosen quality, within what the channel takes.
    pub bitrate: u32,
}

impl Picture {
    /// The channel that one is in.
    pub fn channel(&self) -> Option<&Channel> {
        self.view.own_channel()
    }

    /// Who has the own channel recorded; `None` while nobody has.
    pub fn recorded_by(&self) -> Option<&str> {
        self.channel().map(|channel| channel.recorded_by.as_str()).filter(|by| !by.is_empty())
    }
}

/// How the connection is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// There is none yet.
    #[default]
    Connecting,
    /// It is there.
    Connected,
    /// It was lost, and one is coming back.
    Returning {
        /// Why it was lost, in words.
        reason: String,
    },
    /// It has ended for good.
    Over {
        /// Why, in words.
        reason: String,
    },
}

/// What one has set for oneself. It is kept over a lost connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Own {
    /// Says nothing.
    pub mute: bool,
    /// Hears nothing, and says nothing.
    pub deaf: bool,
    /// Isn't at the keyboard.
    pub away: bool,
    /// A line for the others.
    pub status: String,
    /// The key to talk is pressed.
    pub pressed: bool,
    /// The key to talk needs not be held: it was pushed twice, or toggled.
    pub latched: bool,
    /// One's voice is being sent.
    pub sending: bool,
    /// Whom one speaks to instead of the channel; empty for the channel.
    pub whisper: Vec<Target>,
    /// The server is at its limit, and doesn't pass on one's voice.
    pub busy: bool,
}

/// Somebody who is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Talking {
    /// They speak to chosen people, of whom one is one, rather than to a channel.
    pub whisper: bool,
}

/// How one hears somebody. It lasts: for an account by its number, for a guest by the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hearing {
    /// In percent of how they come, 0 to 200.
    pub volume: u16,
    /// Not at all, whatever the volume is.
    pub mute: bool,
}

impl Default for Hearing {
    fn default() -> Self {
        Self { volume: 100, mute: false }
    }
}

/// Something that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, in milliseconds since the Unix epoch, by the server's clock.
    pub sent_ms: u64,
    /// Who wrote it; `None` for an account that isn't connected.
    pub from: Option<SessionId>,
    /// The name of whoever wrote it.
    pub name: String,
    /// One wrote it oneself.
    pub own: bool,
    /// Whom it is for.
    pub to: To,
    /// The text; may have several lines.
    pub text: String,
}

/// Whom a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum To {
    /// Everybody in a channel.
    Channel(ChannelId),
    /// One person.
    Person(SessionId),
}

/// How a microphone or a loudspeaker is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// It isn't wanted now: whoever is deaf, away or disconnected isn't listened to.
    #[default]
    Closed,
    /// It works. The name is the one that it has for people.
    Open(String),
    /// It doesn't, and is tried again. Why, in words.
    Failing(String),
}

/// A server that one keeps at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// What one calls it.
    pub name: String,
    /// Where it is, as `parlour talk` takes it.
    pub address: String,
}

/// What moves all the time, as of now. Levels are in dB below full scale: 0 is the loudest there is, [`SILENCE`] nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Meters {
    /// How loud the microphone is, after it was processed.
    pub microphone: f32,
    /// How sure it is that somebody speaks into it, 0 to 1.
    pub speech: f32,
    /// One's voice is being sent.
    pub sending: bool,
    /// What the loudspeaker plays was found in the microphone.
    pub echo_found: bool,
    /// How loud all that is heard is.
    pub loudspeaker: f32,
    /// Those who were heard within the last minute.
    pub voices: Vec<VoiceMeter>,
    /// There and back, to the server.
    pub round_trip: Duration,
    /// Bits a second of voice that were sent and received within the last second, with what carries them.
    pub sent_bits: u32,
    /// The same of what was received.
    pub received_bits: u32,
}

/// Nothing is heard, in dB below full scale.
pub const SILENCE: f32 = -127.0;

impl Default for Meters {
    fn default() -> Self {
        Self {
            microphone: SILENCE,
            speech: 0.0,
            sending: false,
            echo_found: false,
            loudspeaker: SILENCE,
            voices: Vec::new(),
            round_trip: Duration::ZERO,
            sent_bits: 0,
            received_bits: 0,
        }
    }
}

impl Meters {
    /// The worst there is of those who are heard: the longest delay, the most loss, the most that was concealed.
    pub fn worst(&self) -> VoiceMeter {
        let mut worst = VoiceMeter::default();
        for voice in &self.voices {
            worst.delay = worst.delay.max(voice.delay);
            worst.target = worst.target.max(voice.target);
            worst.loss = worst.loss.max(voice.loss);
            worst.concealed = worst.concealed.max(voice.concealed);
            worst.stalls = worst.stalls.max(voice.stalls);
            worst.level = worst.level.max(voice.level);
        }
        worst
    }

    /// The meter of one of those who were heard.
    pub fn voice(&self, session: SessionId) -> Option<&VoiceMeter> {
        self.voices.iter().find(|voice| voice.session == session)
    }
}

/// How somebody is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceMeter {
    /// Who.
    pub session: SessionId,
    /// How loud, before one's own volume for them.
    pub level: f32,
    /// What the buffer adds now, and what it aims at.
    pub delay: Duration,
    /// What it aims at.
    pub target: Duration,
    /// The share of packets that don't come in time, 0 to 1.
    pub loss: f32,
    /// The share of sound that is made up, 0 to 1.
    pub concealed: f32,
    /// How often nothing came for so long that it isn't counted as delay.
    pub stalls: u32,
}

impl Default for VoiceMeter {
    fn default() -> Self {
        Self {
            session: SessionId(0),
            level: SILENCE,
            delay: Duration::ZERO,
            target: Duration::ZERO,
            loss: 0.0,
            concealed: 0.0,
            stalls: 0,
        }
    }
}
