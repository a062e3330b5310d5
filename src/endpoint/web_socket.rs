//! The way of a client that UDP doesn't reach: what QUIC would carry, as messages over a WebSocket. The
//! messages' form is in docs/protocol.md; the HTTPS listener moves them, and a shard serves them.
//!
//! TCP holds voice up behind what was lost, so only so much of it waits: the oldest goes.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::{Notify, mpsc, watch};

use crate::protocol::{CloseCode, MAX_PACKET};
use crate::transport::DATAGRAM_SEND_BUFFER;

/// First byte of a message: a voice packet, a request or its answer, a part of the event stream.
const VOICE: u8 = 0;
const EXCHANGE: u8 = 1;
const EVENTS: u8 = 2;

/// Requests that wait to be taken up, and answers and events that wait to be sent. A client that is ahead of
/// them waits in its TCP connection.
const ASKED: usize = 1;
const WAITING: usize = 8;

/// Voice packets from a client that wait to be passed on; the newest are dropped.
const VOICE_WAITING: usize = 64;

/// The session's side.
#[derive(Debug)]
pub(super) struct SocketLink {
    from: IpAddr,
    requests: tokio::sync::Mutex<mpsc::Receiver<(u32, Bytes)>>,
    voice_in: tokio::sync::Mutex<mpsc::Receiver<Bytes>>,
    out: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
}

/// The listener's side: what comes is handed to it, and what is to be sent comes out of it.
#[derive(Debug)]
pub struct SocketEnd {
    entrance: Entrance,
    out: mpsc::Receiver<Bytes>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    voice: Mutex<Voice>,
    more: Notify,
    /// Told when something left.
    left: Notify,
    ended: watch::Sender<Option<End>>,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The session's side closed it.
    Closed(CloseCode),
    /// One of the sides is gone.
    Gone,
}

#[derive(Debug, Default)]
struct Voice {
    packets: VecDeque<Bytes>,
    bytes: usize,
}

/// What the listener's side sends next.
#[derive(Debug)]
pub enum Outgoing {
    /// A message.
    Message(Bytes),
    /// The end, with the code and sentence to close with.
    Close(u32, &'static str),
}

/// A message of a client (docs/protocol.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketMessage {
    /// A voice packet.
    Voice(Bytes),
    /// A request with its size, and the number that its answer bears.
    Request(u32, Bytes),
}

impl SocketMessage {
    /// Reads it; `None` for what has no place here.
    pub fn read(message: &Bytes) -> Option<Self> {
        match message.split_first()? {
            (&VOICE, _) => Some(Self::Voice(message.slice(1..))),
            (&EXCHANGE, rest) => {
                let number = u32::from_be_bytes(*rest.first_chunk()?);
                Some(Self::Request(number, message.slice(5..)))
            }
            _ => None,
        }
    }
}

/// A new link for a client at an address.
pub(super) fn pair(from: IpAddr) -> (SocketLink, SocketEnd) {
    let (requests, taken) = mpsc::channel(ASKED);
    let (voice_in, heard) = mpsc::channel(VOICE_WAITING);
    let (out, sent) = mpsc::channel(WAITING);
    let shared = Arc::new(Shared {
        voice: Mutex::default(),
        more: Notify::new(),
        left: Notify::new(),
        ended: watch::Sender::new(None),
    });
    let link = SocketLink {
        from,
        requests: tokio::sync::Mutex::new(taken),
        voice_in: tokio::sync::Mutex::new(heard),
        out,
        shared: Arc::clone(&shared),
    };
    (link, SocketEnd { entrance: Entrance { requests, voice_in }, out: sent, shared })
}

impl Shared {
    fn voice(&self) -> MutexGuard<'_, Voice> {
        self.voice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    fn end(&self, how: End) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(how);
            }
            first
        });
    }

    async fn ended(&self) -> End {
        let mut ended = self.ended.subscribe();
        // The sender is here, so waiting can't fail.
        ended.wait_for(Option::is_some).await.ok().and_then(|how| *how).unwrap_or(End::Gone)
    }
}

impl SocketLink {
    /// Where the client is.
    pub(super) fn from(&self) -> IpAddr {
        self.from
    }

    /// The next request, with its number.
    pub(super) async fn request(&self) -> Option<(u32, Bytes)> {
        let mut requests = self.requests.lock().await;
        tokio::select! {
            biased;
            _ = self.shared.ended() => None,
            request = requests.recv() => request,
        }
    }

    /// The next voice packet.
    pub(super) async fn datagram(&self) -> Option<Bytes> {
        let mut voice = self.voice_in.lock().await;
        tokio::select! {
            biased;
            _ = self.shared.ended() => None,
            packet = voice.recv() => packet,
        }
    }

    /// Queues a voice packet. Answers `false` when it was dropped, or pushed out an older one.
    pub(super) fn send_datagram(&self, datagram: Bytes) -> bool {
        if self.shared.has_ended() {
            return false;
        }
        let mut voice = self.shared.voice();
        voice.bytes += datagram.len();
        voice.packets.push_back(datagram);
        let mut fits = true;
        while voice.bytes > DATAGRAM_SEND_BUFFER
            && let Some(oldest) = voice.packets.pop_front()
        {
            voice.bytes -= oldest.len();
            fits = false;
        }
        drop(voice);
        self.shared.more.notify_one();
        fits
    }

    /// Ends it: nothing is sent after this but what is queued and the reason.
    pub(super) fn close(&self, code: CloseCode) {
        self.shared.end(End::Closed(code));
        // What was said to somebody else's ears isn't sent any more.
        *self.shared.voice() = Voice::default();
    }

    /// Waits until it ended.
    pub(super) async fn closed(&self) {
        self.shared.ended().await;
    }
}

impl Drop for SocketLink {
    fn drop(&mut self) {
        self.shared.end(End::Gone);
    }
}

/// The way back of one request, or of the events.
pub(super) struct SocketReply {
    link: Arc<SocketLink>,
    head: Bytes,
}

impl SocketReply {
    pub(super) fn new(link: &Arc<SocketLink>, number: u32) -> Self {
        let mut head = BytesMut::with_capacity(5);
        head.put_u8(EXCHANGE);
        head.put_u32(number);
        Self { link: Arc::clone(link), head: head.freeze() }
    }

    pub(super) fn events(link: &Arc<SocketLink>) -> Self {
        Self { link: Arc::clone(link), head: Bytes::from_static(&[EVENTS]) }
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> bool {
        let message = [&self.head[..], &bytes].concat();
        tokio::select! {
            biased;
            sent = self.link.out.send(message.into()) => sent.is_ok(),
            _ = self.link.shared.ended() => false,
        }
    }

    /// Waits until nothing waits to be sent.
    pub(super) async fn sent(&mut self) {
        while !self.link.shared.has_ended() {
            let left = self.link.shared.left.notified();
            if self.link.out.capacity() == self.link.out.max_capacity() {
                return;
            }
            left.await;
        }
    }
}

impl SocketEnd {
    /// The way in for what comes.
    pub fn entrance(&self) -> Entrance {
        self.entrance.clone()
    }

    /// What to send next. Voice goes first: the rest can wait.
    pub async fn next(&mut self) -> Outgoing {
        loop {
            let more = self.shared.more.notified();
            let packet = {
                let mut voice = self.shared.voice();
                let packet = voice.packets.pop_front();
                voice.bytes -= packet.as_ref().map_or(0, Bytes::len);
                packet
            };
            if let Some(packet) = packet {
                return Outgoing::Message([&[VOICE][..], &packet].concat().into());
            }
            tokio::select! {
                biased;
                message = self.out.recv() => {
                    self.shared.left.notify_waiters();
                    return match message {
                        Some(message) => Outgoing::Message(message),
                        None => self.farewell().await,
                    };
                }
                _ = self.shared.ended() => return self.farewell().await,
                () = more => (),
            }
        }
    }

    async fn farewell(&mut self) -> Outgoing {
        match self.shared.ended().await {
            End::Closed(code) => Outgoing::Close(code.number(), code.sentence()),
            End::Gone => Outgoing::Close(0, ""),
        }
    }
}

/// Hands to the session's side what comes, beside what is sent.
#[derive(Clone, Debug)]
pub struct Entrance {
    requests: mpsc::Sender<(u32, Bytes)>,
    voice_in: mpsc::Sender<Bytes>,
}

impl Entrance {
    /// Waits until there is room for a request: before that nothing is read, so the client waits in its TCP connection.
    pub async fn ready(&self) {
        // That the session is over shows when something comes.
        let _ = self.requests.reserve().await;
    }

    /// Takes a message of the client, waiting for room if it is a request. Answers `false` for one that has
    /// no place here, or when the session is over.
    pub async fn take(&self, message: Bytes) -> bool {
        match SocketMessage::read(&message) {
            Some(SocketMessage::Voice(packet)) => {
                // Of what is larger than any packet, enough is kept to see that. A copy, since a part of a message would
                // keep all of what came with it.
                let packet = Bytes::copy_from_slice(packet.get(..=MAX_PACKET).unwrap_or(&packet));
                // A full queue loses the newest: the session is counted as sending too much.
                let _ = self.voice_in.try_send(packet);
                !self.voice_in.is_closed()
            }
            Some(SocketMessage::Request(number, request)) => {
                self.requests.send((number, request)).await.is_ok()
            }
            None => false,
        }
    }
}

impl Drop for SocketEnd {
    fn drop(&mut self) {
        self.shared.end(End::Gone);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ends() -> (Arc<SocketLink>, SocketEnd) {
        let (link, end) = pair(Ipv4Addr::LOCALHOST.into());
        (Arc::new(link), end)
    }

    #[tokio::test]
    async fn a_request_comes_through_and_its_answer_bears_its_number() {
        let (link, mut end) = ends();
        assert!(end.entrance().take(Bytes::from_static(&[EXCHANGE, 0, 0, 1, 2, 7, 8])).await);
        let (number, request) = link.request().await.unwrap();
        assert_eq!((number, &request[..]), (258, &[7, 8][..]));
        assert!(SocketReply::new(&link, number).write(Bytes::from_static(&[9])).await);
        let Outgoing::Message(message) = end.next().await else { panic!("closed") };
        assert_eq!(&message[..], &[EXCHANGE, 0, 0, 1, 2, 9]);
    }

    #[tokio::test]
    async fn what_is_no_message_of_ours_is_refused() {
        let (_link, end) = ends();
        for nonsense in [&[][..], &[EXCHANGE, 1, 2], &[EVENTS, 1], &[77]] {
            assert!(!end.entrance().take(Bytes::copy_from_slice(nonsense)).await);
        }
    }

    #[tokio::test]
    async fn nothing_larger_than_a_packet_waits_and_a_single_request_does() {
        let (link, end) = ends();
        let mut large = vec![VOICE; 1 + 64 * 1_024];
        for _ in 0..VOICE_WAITING * 2 {
            assert!(end.entrance().take(large.clone().into()).await);
        }
        let mut waiting = 0;
        while let Ok(packet) = link.voice_in.try_lock().unwrap().try_recv() {
            // Its buffer is its own.
            waiting += packet.try_into_mut().unwrap().capacity();
        }
        assert!(waiting <= VOICE_WAITING * (MAX_PACKET + 1), "{waiting} bytes");
        large[0] = EXCHANGE;
        assert!(end.entrance().take(large.clone().into()).await);
        let second =
            tokio::time::timeout(std::time::Duration::from_millis(20), end.entrance().take(large.into()))
                .await;
        assert!(second.is_err(), "it waits where it came from");
    }

    #[tokio::test]
    async fn voice_that_nobody_takes_is_bounded_and_the_oldest_goes() {
        let (link, mut end) = ends();
        let mut dropped = 0;
        for number in 0..200_u8 {
            dropped += usize::from(!link.send_datagram(vec![number; 1_000].into()));
        }
        assert_eq!(dropped, 200 - DATAGRAM_SEND_BUFFER / 1_000);
        let Outgoing::Message(message) = end.next().await else { panic!("closed") };
        assert_eq!((message[0], usize::from(message[1])), (VOICE, dropped));
    }

    #[tokio::test]
    async fn nothing_is_heard_after_a_close_and_its_reason_is_told() {
        let (link, mut end) = ends();
        assert!(link.send_datagram(Bytes::from_static(b"voice")));
        link.close(CloseCode::LoggedOut);
        assert!(!link.send_datagram(Bytes::from_static(b"voice")));
        assert!(
            matches!(end.next().await, Outgoing::Close(code, _) if code == CloseCode::LoggedOut.number())
        );
        assert!(link.datagram().await.is_none() && link.request().await.is_none());
    }

    #[tokio::test]
    async fn either_side_s_end_is_the_other_s() {
        let (link, end) = ends();
        drop(end);
        link.closed().await;
        let (link, mut end) = ends();
        drop(link);
        assert!(matches!(end.next().await, Outgoing::Close(0, _)));
    }
}
