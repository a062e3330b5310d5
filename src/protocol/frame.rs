//! Length-delimited protobuf, as it stands on a stream: the message's size as a protobuf varint
//! (at most four bytes here), then the message.

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{WireType, encode_key};
use thiserror::Error;

use super::wire::{self, event};

/// Why bytes aren't a message.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The size before the message is above what the reader accepts.
    #[error("the message says it has {size} bytes; at most {limit} are accepted")]
    TooLarge {
        /// What was claimed, in bytes.
        size: u64,
        /// What is accepted, in bytes.
        limit: usize,
    },
    /// The stream ended inside a message.
    #[error("the stream ends inside a message")]
    Truncated,
    /// Bytes follow the one message that was expected.
    #[error("bytes follow the message")]
    Trailing,
    /// The bytes are not protobuf of the expected message.
    #[error("the message can't be decoded: {0}")]
    Malformed(#[from] prost::DecodeError),
}

/// The message with its size before it.
pub fn encode(message: &impl Message) -> Bytes {
    message.encode_length_delimited_to_vec().into()
}

/// What an event says, encoded once for all who are told the same; only its number differs.
#[derive(Clone, Debug)]
pub struct EncodedBody(Bytes);

impl EncodedBody {
    /// Encodes it.
    pub fn new(body: &event::Body) -> Self {
        let mut bytes = BytesMut::with_capacity(body.encoded_len());
        body.encode(&mut bytes);
        Self(bytes.freeze())
    }

    /// A snapshot that is put together of encoded parts. Fields of one part that are in another one, too, are joined where they
    /// are lists.
    pub fn of_snapshot(parts: &[&[u8]]) -> Self {
        let size: usize = parts.iter().map(|part| part.len()).sum();
        let mut bytes = BytesMut::with_capacity(size + 6);
        encode_key(SNAPSHOT, WireType::LengthDelimited, &mut bytes);
        prost::encoding::encode_varint(size as u64, &mut bytes);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        Self(bytes.freeze())
    }

    /// What it says.
    #[cfg(test)]
    pub(crate) fn body(&self) -> event::Body {
        wire::Event::decode(self.0.clone()).unwrap().body.unwrap()
    }

    /// How many bytes it has, the event's number and size apart.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Appends the event of a number, as [`encode`] does it. A message may be put together of the encodings
    /// of its parts (Protocol Buffers, "Encoding", "Last one wins").
    pub fn write(&self, number: u64, out: &mut BytesMut) {
        let numbered = wire::Event { number, body: None };
        prost::encoding::encode_varint((numbered.encoded_len() + self.0.len()) as u64, out);
        // It has room: the buffer grows.
        let _ = numbered.encode(out);
        out.extend_from_slice(&self.0);
    }
}

/// The number of `Event.snapshot`.
const SNAPSHOT: u32 = 2;

/// Reads exactly one message of at most `limit` bytes.
pub fn decode<M: Message + Default>(bytes: &[u8], limit: usize) -> Result<M, FrameError> {
    let mut framed = Framed::new(limit);
    framed.handle_bytes(bytes);
    let message = framed.poll_message()?.ok_or(FrameError::Truncated)?;
    if framed.is_empty() { Ok(message) } else { Err(FrameError::Trailing) }
}

/// Cuts a stream into messages: give it what arrives with [`Framed::handle_bytes`], then take
/// messages with [`Framed::poll_message`] until it has none. It holds at most one message and what
/// the caller gave at once, when the caller polls after each call.
#[derive(Debug)]
pub struct Framed {
    buffer: BytesMut,
    limit: usize,
}

impl Framed {
    /// A reader of messages of at most `limit` bytes each.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    /// Whether no byte waits for the rest of its message.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Takes the next bytes of the stream.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, or `None` until more bytes come. After an error the stream can't be
    /// read further.
    pub fn poll_message<M: Message + Default>(&mut self) -> Result<Option<M>, FrameError> {
        let Some((size, prefix)) = self.size()? else { return Ok(None) };
        if self.buffer.len() < prefix + size {
            return Ok(None);
        }
        self.buffer.advance(prefix);
        Ok(Some(M::decode(self.buffer.split_to(size).freeze())?))
    }

    fn size(&self) -> Result<Option<(usize, usize)>, FrameError> {
        let mut size = 0_u64;
        for (index, byte) in self.buffer.iter().take(4).enumerate() {
            size |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let fits = usize::try_from(size).ok().filter(|size| *size <= self.limit);
                let size = fits.ok_or(FrameError::TooLarge { size, limit: self.limit })?;
                return Ok(Some((size, index + 1)));
            }
        }
        if self.buffer.len() < 4 { Ok(None) } else { Err(FrameError::TooLarge { size, limit: self.limit }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::wire::{Join, Request, request};

    fn join(channel: u64) -> Request {
        Request::from(request::Body::Join(Join { channel, ..Join::default() }))
    }

    #[test]
    fn a_message_reads_back() {
        assert_eq!(decode::<Request>(&encode(&join(7)), 100).unwrap(), join(7));
    }

    #[test]
    fn a_body_that_is_encoded_once_makes_the_same_event() {
        let body = event::Body::MemberGone(7);
        for number in [0, 1, 300] {
            let mut out = BytesMut::new();
            EncodedBody::new(&body).write(number, &mut out);
            assert_eq!(out.freeze(), encode(&wire::Event { number, body: Some(body.clone()) }));
        }
    }

    #[test]
    fn a_snapshot_of_parts_is_the_whole() {
        let channels = vec![wire::Channel { id: 3, ..wire::Channel::default() }];
        let members = vec![wire::Member { session: 7, ..wire::Member::default() }];
        let place = wire::Snapshot { channels: channels.clone(), ..wire::Snapshot::default() };
        let people =
            wire::Snapshot { members: members.clone(), self_session: 300, ..wire::Snapshot::default() };
        let body = EncodedBody::of_snapshot(&[&place.encode_to_vec(), &people.encode_to_vec()]);
        let mut out = BytesMut::new();
        body.write(5, &mut out);
        let whole = wire::Snapshot { channels, members, self_session: 300, ..wire::Snapshot::default() };
        let event = wire::Event { number: 5, body: Some(event::Body::Snapshot(whole)) };
        assert_eq!(decode::<wire::Event>(&out, 1_000).unwrap(), event);
    }

    #[test]
    fn sizes_and_endings_are_checked() {
        let bytes = encode(&join(7));
        assert!(matches!(decode::<Request>(&bytes, 2), Err(FrameError::TooLarge { .. })));
        assert!(matches!(decode::<Request>(&bytes[..2], 100), Err(FrameError::Truncated)));
        let twice = [bytes.clone(), bytes].concat();
        assert!(matches!(decode::<Request>(&twice, 100), Err(FrameError::Trailing)));
        let endless = [0xff; 12];
        assert!(matches!(decode::<Request>(&endless, 100), Err(FrameError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn messages_survive_any_cut(channels in proptest::collection::vec(any::<u64>(), 1..5), cut in 1..9_usize) {
            let bytes: Vec<u8> = channels.iter().flat_map(|channel| encode(&join(*channel)).to_vec()).collect();
            let mut framed = Framed::new(100);
            let mut read = Vec::new();
            for part in bytes.chunks(cut) {
                framed.handle_bytes(part);
                while let Some(message) = framed.poll_message::<Request>().unwrap() {
                    read.push(message);
                }
            }
            prop_assert_eq!(read, channels.into_iter().map(join).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode::<Request>(&bytes, 300);
        }
    }
}
