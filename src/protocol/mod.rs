//! Bytes to messages and back: control messages, voice packets, and the codes both sides agree on.
//!
//! Nothing here knows the network. Control messages are protobuf, generated from `protocol.proto`
//! into [`wire`]; voice is RTP (RFC 3550) with Opus (RFC 7587) behind a flow id, read in place by
//! [`VoicePacket`].

pub mod call;
mod code;
mod echo;
mod extension;
mod frame;
pub mod json;
mod notice;
pub mod operation;
pub mod rest;
mod rtp;
pub mod schema;
mod snapshot;
mod varint;

pub use code::{CloseCode, ErrorCode};
pub use echo::{Echo, read_echo, write_echo};
pub use extension::{Extensions, read_extensions, without_position, write_packet_with};
pub use frame::{EncodedBody, FrameError, Framed, decode, encode};
pub use notice::{Loss, Notice, read_notice, write_notice};
pub use rtp::{HeaderError, OPUS_PAYLOAD_TYPE, RTP_HEADER, VoiceHeader, VoicePacket, write_packet};
pub use snapshot::parts_of;
pub use varint::{read_varint, varint_size, write_varint};

/// The generated messages of `protocol.proto`.
#[expect(missing_docs, clippy::pedantic, reason = "generated; protocol.proto documents every message")]
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/parlour.v1.rs"));
}

use crate::bounds::Registration;

impl From<Registration> for wire::Registration {
    fn from(registration: Registration) -> Self {
        match registration {
            Registration::Closed => Self::Closed,
            Registration::Invite => Self::Invite,
            Registration::Open => Self::Open,
        }
    }
}

impl From<wire::Registration> for Option<Registration> {
    fn from(registration: wire::Registration) -> Self {
        match registration {
            wire::Registration::Configured => None,
            wire::Registration::Closed => Some(Registration::Closed),
            wire::Registration::Invite => Some(Registration::Invite),
            wire::Registration::Open => Some(Registration::Open),
        }
    }
}

impl From<wire::request::Body> for wire::Request {
    /// The request with this body, about the organization of whoever asks.
    fn from(body: wire::request::Body) -> Self {
        Self { body: Some(body), ..Self::default() }
    }
}

/// ALPN (RFC 7301) of browsers: WebTransport over HTTP/3 (draft-ietf-webtrans-http3).
pub const ALPN_WEB: &[u8] = b"h3";

/// ALPN (RFC 7301) of native clients.
pub const ALPN: &[u8] = b"parlour/1";

/// Lowest and highest version of the control protocol that this program speaks.
pub const VERSIONS: std::ops::RangeInclusive<u32> = 1..=1;

/// Optional features this program knows, for [`wire::Hello`]: in-band error correction of Opus is
/// used by receivers, the audio level header extension (RFC 6464) is passed on, and speakers follow the
/// [`PACE`]. Whoever wants [`ELEMENTS`] or [`PROFILES`] is told of them, and of people by [`PRESENCE`].
pub const FEATURES: &[&str] = &["opus-fec", "audio-level", PACE, ELEMENTS, PROFILES, PRESENCE];

/// The feature of clients that shift their frames when they are asked to ([`Notice::Pace`]).
pub const PACE: &str = "pace";

/// The feature of clients that are told which elements change ([`wire::ElementChanged`]).
pub const ELEMENTS: &str = "elements";

/// The feature of clients that are told who shows something else of themselves ([`wire::ProfileChanged`]), and what else
/// follows the account from device to device.
pub const PROFILES: &str = "profiles";

/// The feature of clients that are told of the people whom they look at ([`wire::Sight`]), and of the others how many there are.
pub const PRESENCE: &str = "presence";

/// UDP port of a server that was told none.
pub const DEFAULT_PORT: u16 = 4848;

/// Largest request, in bytes without its size.
pub const MAX_REQUEST: usize = 64 * 1024;

/// Largest response, in bytes with its size. A listing of a full server is the largest there is.
pub const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// Largest event that a client takes, in bytes.
pub const MAX_EVENT: usize = 4 * 1024 * 1024;

/// Largest snapshot, in bytes, which is the largest event there is. What it has no room for follows it.
pub const MAX_SNAPSHOT: usize = MAX_EVENT / 2;

/// Largest RTP packet, header included, in bytes. With the flow id it fits a QUIC datagram at the
/// smallest MTU (1200) and leaves 32 bytes for the tag and header of an encrypted channel (RFC 9605).
pub const MAX_PACKET: usize = 1100;

/// Largest text message, in bytes of UTF-8.
pub const MAX_TEXT: usize = crate::bounds::MAX_TEXT;

/// Largest channel description, in bytes of UTF-8.
pub const MAX_DESCRIPTION: usize = crate::bounds::MAX_DESCRIPTION;

/// Largest line that somebody says about themselves, and largest position context, in bytes.
pub const MAX_STATUS: usize = crate::bounds::MAX_STATUS;

/// Rate of RTP timestamps, in Hz, whatever the encoder's (RFC 7587, section 4.1).
pub const RTP_CLOCK: u32 = 48_000;
