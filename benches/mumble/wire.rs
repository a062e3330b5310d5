//! What is needed of Mumble's protocol: a few of its messages, and its voice packets (docs/dev/network-protocol
//! of Mumble's repository).

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Version {
    #[prost(uint32, tag = "1")]
    pub(crate) version: u32,
    #[prost(string, tag = "2")]
    pub(crate) release: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Authenticate {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) password: Option<String>,
    #[prost(bool, tag = "5")]
    pub(crate) opus: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ping {
    #[prost(uint64, tag = "1")]
    pub(crate) timestamp: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Reject {
    #[prost(string, tag = "2")]
    pub(crate) reason: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerSync {
    #[prost(uint32, tag = "1")]
    pub(crate) session: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChannelState {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) id: Option<u32>,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) parent: Option<u32>,
    #[prost(string, optional, tag = "3")]
    pub(crate) name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UserState {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) session: Option<u32>,
    #[prost(uint32, optional, tag = "5")]
    pub(crate) channel: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CryptSetup {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(crate) key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) client_nonce: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) server_nonce: Option<Vec<u8>>,
}

/// A message's kind, in front of it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Kind {
    Version = 0,
    Authenticate = 2,
    Ping = 3,
    Reject = 4,
    ServerSync = 5,
    ChannelState = 7,
    UserState = 9,
    CryptSetup = 15,
}

/// A message with its kind and length in front.
pub(crate) fn framed(kind: Kind, message: &impl Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    let mut out = (kind as u16).to_be_bytes().to_vec();
    out.extend_from_slice(&(body.len() as u32).to_be_bytes());
    out.extend_from_slice(&body);
    out
}

/// An Opus frame to the speaker's channel.
pub(crate) fn voice(sequence: u32, frame: &[u8]) -> Vec<u8> {
    let mut out = vec![4 << 5];
    push(&mut out, sequence);
    push(&mut out, frame.len() as u32);
    out.extend_from_slice(frame);
    out
}

/// A packet that shows the server where this client is.
pub(crate) fn ping() -> Vec<u8> {
    vec![1 << 5, 1]
}

/// The frame in a packet from the server, with the session that speaks.
pub(crate) fn heard(packet: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = packet.split_first()?;
    if first >> 5 != 4 {
        return None;
    }
    let (session, rest) = pull(rest)?;
    let (_, rest) = pull(rest)?;
    let (length, rest) = pull(rest)?;
    Some((session, rest.get(..(length & 0x1fff) as usize)?))
}

/// Mumble's own variable-length numbers: the leading ones of the first byte tell how many bytes follow.
fn push(out: &mut Vec<u8>, number: u32) {
    match number {
        0..0x80 => out.push(number as u8),
        0x80..0x4000 => out.extend_from_slice(&(number as u16 | 0x8000).to_be_bytes()),
        0x4000..0x20_0000 => out.extend_from_slice(&(number | 0xc0_0000).to_be_bytes()[1..]),
        0x20_0000..0x1000_0000 => out.extend_from_slice(&(number | 0xe000_0000).to_be_bytes()),
        _ => {
            out.push(0xf0);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn pull(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let first = *bytes.first()?;
    let (mask, length) = match first {
        0..0x80 => (0x7f, 1),
        0x80..0xc0 => (0x3f, 2),
        0xc0..0xe0 => (0x1f, 3),
        0xe0..0xf0 => (0x0f, 4),
        _ => (0, 5),
    };
    let (taken, rest) = bytes.split_at_checked(length)?;
    let number =
        taken[1..].iter().fold(u32::from(first & mask), |number, byte| number << 8 | u32::from(*byte));
    Some((number, rest))
}
