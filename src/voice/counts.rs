//! What became of every datagram that arrived, for operators and tests.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! outcomes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal;)*) => {
        /// What became of a datagram.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Outcome {
            $($(#[$doc])* $variant,)*
        }

        impl Outcome {
            /// Every outcome with the name it is counted under, as docs/protocol.md lists them.
            pub const NAMED: &[(Self, &'static str)] = &[$((Self::$variant, $word)),*];
        }
    };
}

outcomes! {
    /// A packet arrived and was passed on to whoever listens, maybe nobody.
    Forwarded = "voice_forwarded";
    /// A packet went back to its sender, who asked for its echo.
    Echoed = "voice_echoed";
    /// A copy of a packet was handed to a listener's connection.
    Delivered = "voice_delivered";
    /// A copy found its listener's buffer full, so the oldest in there was dropped.
    ListenerFull = "voice_dropped_listener_full";
    /// Another shard, on which somebody listens, is too far behind to take it.
    ShardFull = "voice_dropped_shard_full";
    /// Not a voice packet: truncated, a wrong version, or without payload.
    Malformed = "voice_dropped_malformed";
    /// Larger than a packet may be.
    TooLarge = "voice_dropped_too_large";
    /// Names an SSRC that isn't the session's own.
    ForeignSsrc = "voice_dropped_foreign_ssrc";
    /// The server is at its limit, and the speaker hadn't begun yet; it was told so.
    Busy = "voice_dropped_busy";
    /// The session sends more than it may.
    RateLimited = "voice_dropped_rate_limited";
    /// The channel passes on so many speakers at once, and this was one more.
    NotSelected = "voice_dropped_off_stage";
    /// A recorded packet found the recording's buffer full; the listeners got it.
    Unrecorded = "voice_dropped_unrecorded";
    /// The speaker is in no channel, muted, or may not speak there, or the flow isn't registered.
    NotSpeaking = "voice_dropped_not_speaking";
}

/// A counter for each [`Outcome`]; shared by all connections, so each counter is atomic and relaxed.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; Outcome::NAMED.len()]);

impl Counts {
    /// Adds `times` to the outcome's counter.
    pub fn add(&self, outcome: Outcome, times: u64) {
        self.0[outcome as usize].fetch_add(times, Ordering::Relaxed);
    }

    /// How often it happened since the start of the server.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize].load(Ordering::Relaxed)
    }

    /// Every counter with its name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Outcome::NAMED.iter().map(|(outcome, name)| (*name, self.of(*outcome)))
    }
}
