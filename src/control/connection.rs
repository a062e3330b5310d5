//! A connected session's way out: its voice, its events, and the words with which it is sent away.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::newcomer::Wants;
use crate::id::Timestamp;
use crate::protocol::wire::{self, event};
use crate::protocol::{CloseCode, EncodedBody, encode};
use crate::store::Ban;
use crate::voice::{Activity, Peer};

/// What somebody is told whose connection is ended.
#[derive(Debug)]
pub(super) struct Farewell {
    code: CloseCode,
    /// The words of whoever did it; empty for none.
    reason: String,
    /// Until when they are kept out; nothing for good, and where they aren't.
    until: Option<Timestamp>,
}

impl Farewell {
    /// With the reason that somebody gave; an empty one is none.
    pub(super) fn with(code: CloseCode, reason: String) -> Self {
        Self { code, reason, until: None }
    }
}

impl From<CloseCode> for Farewell {
    fn from(code: CloseCode) -> Self {
        Self::with(code, String::new())
    }
}

impl From<&Ban> for Farewell {
    fn from(ban: &Ban) -> Self {
        Self { code: CloseCode::Banned, reason: ban.reason.clone(), until: ban.until }
    }
}

/// A connected session's way out: its voice, its events.
pub(super) struct Connection<P> {
    pub(super) peer: P,
    pub(super) address: IpAddr,
    pub(super) attachment: u64,
    pub(super) activity: Arc<Activity>,
    /// When the log-in ends that it came by: the session's row, or the API key.
    until: Option<Timestamp>,
    /// When the access token ends that it came by, in monotonic time.
    pub(super) brief: Option<Duration>,
    pub(super) wants: Wants,
    parting: Arc<OnceLock<CloseCode>>,
    events: mpsc::Sender<Bytes>,
    /// How large those are that wait, the oldest first, and all of them; one that was added when none waited counts as nothing.
    waiting: VecDeque<usize>,
    bytes: usize,
    next: u64,
}

/// Bytes of events that wait for one session at most, beside those that were added when none waited: whoever looks at other channels
/// again and again, and reads nothing, is told of their people each time.
const WAITING_BYTES: usize = 1 << 20;

impl<P> Connection<P> {
    /// When the log-in ends that it came by.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// The log-in ends then. Answers with when it would have.
    pub(super) fn set_until(&mut self, until: Option<Timestamp>) -> Option<Timestamp> {
        std::mem::replace(&mut self.until, until)
    }
}

impl<P: Peer> Connection<P> {
    pub(super) fn new(
        peer: P,
        address: IpAddr,
        attachment: u64,
        activity: Arc<Activity>,
        parting: Arc<OnceLock<CloseCode>>,
        events: mpsc::Sender<Bytes>,
    ) -> Self {
        let wants = Wants::default();
        let (until, brief) = (None, None);
        let (waiting, bytes, next) = (VecDeque::new(), 0, 0);
        Self {
            peer,
            address,
            attachment,
            activity,
            until,
            brief,
            wants,
            parting,
            events,
            waiting,
            bytes,
            next,
        }
    }

    /// Queues an event. `false` when the client lets too many pile up.
    pub(super) fn tell(&mut self, body: event::Body) -> bool {
        let event = wire::Event { number: self.next, body: Some(body) };
        self.next += 1;
        self.queue(encode(&event))
    }

    /// Numbers events that are encoded already, and queues them as one. `false` when the client lets too many pile up.
    pub(super) fn tell_all<'a>(&mut self, bodies: impl IntoIterator<Item = &'a EncodedBody>) -> bool {
        let mut all = BytesMut::new();
        for body in bodies {
            body.write(self.next, &mut all);
            self.next += 1;
        }
        all.is_empty() || self.queue(all.freeze())
    }

    fn queue(&mut self, events: Bytes) -> bool {
        let count = self.events.max_capacity() - self.events.capacity();
        while self.waiting.len() > count {
            self.bytes -= self.waiting.pop_front().unwrap_or_default();
        }
        // A snapshot is as large as it is, and something may happen before it is on its way.
        let size = if count == 0 { 0 } else { events.len() };
        if self.bytes + size > WAITING_BYTES {
            return false;
        }
        self.waiting.push_back(size);
        self.bytes += size;
        self.events.try_send(events).is_ok()
    }

    /// Says why the connection ends: in the code's words, when there are no others. It ends when the client has read
    /// them, or after a moment; nothing that it sends in that time comes to anything.
    pub(super) fn send_away(mut self, farewell: impl Into<Farewell>) {
        let farewell = farewell.into();
        // Nobody else sets it.
        let _ = self.parting.set(farewell.code);
        self.say_goodbye(farewell);
    }

    /// Says why the connection ends: in the code's words, where nobody gave a reason.
    pub(super) fn say_goodbye(&mut self, farewell: impl Into<Farewell>) {
        let Farewell { code, reason, until } = farewell.into();
        let message = match (reason.as_str(), until) {
            ("", None) => code.sentence().to_owned(),
            ("", Some(until)) => format!("until {until}"),
            (reason, None) => reason.to_owned(),
            (reason, Some(until)) => format!("{reason} (until {until})"),
        };
        let until_ms = until.map_or(0, |until| until.0);
        let goodbye = wire::Goodbye { code: code.number(), message, reason, until_ms };
        let _ = self.tell(event::Body::Goodbye(goodbye));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[derive(Clone)]
    struct Nowhere;

    impl Peer for Nowhere {
        fn send(&self, _: Bytes) -> bool {
            true
        }

        fn close(&self, _: CloseCode) {}
    }

    #[test]
    fn whoever_reads_nothing_lets_no_more_wait_than_there_is_room_for() {
        let (sender, mut events) = mpsc::channel(1_024);
        let (activity, address) = (Arc::new(Activity::new(Duration::ZERO)), Ipv4Addr::LOCALHOST.into());
        let mut connection = Connection::new(Nowhere, address, 1, activity, Arc::default(), sender);
        let many = [EncodedBody::of_snapshot(&[&vec![0; 1 << 17]])];
        let told = (0..100).take_while(|_| connection.tell_all(&many)).count();
        assert_eq!(told, 8, "one, and seven beside it: each has some bytes more than its people");
        // What is read makes room for as much again.
        for _ in 0..3 {
            events.try_recv().unwrap();
        }
        assert!((0..2).all(|_| connection.tell_all(&many)) && !connection.tell_all(&many));
        while events.try_recv().is_ok() {}
        // The largest snapshot passes where nothing waits, and what happens after it.
        assert!(connection.tell_all(&[EncodedBody::of_snapshot(&[&vec![0; 10 << 20]])]));
        assert!(connection.tell_all(&many));
    }
}
