//! A connected session's way out: its voice, its events, and the words with which it is sent away.

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
    next: u64,
}

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
        Self { peer, address, attachment, activity, until, brief, wants, parting, events, next: 0 }
    }

    /// Queues an event. `false` when the client lets too many pile up.
    pub(super) fn tell(&mut self, body: event::Body) -> bool {
        let event = wire::Event { number: self.next, body: Some(body) };
        self.next += 1;
        self.events.try_send(encode(&event)).is_ok()
    }

    /// Numbers events that are encoded already, and queues them as one. `false` when the client lets too many pile up.
    pub(super) fn tell_all<'a>(&mut self, bodies: impl IntoIterator<Item = &'a EncodedBody>) -> bool {
        let mut all = BytesMut::new();
        for body in bodies {
            body.write(self.next, &mut all);
            self.next += 1;
        }
        all.is_empty() || self.events.try_send(all.freeze()).is_ok()
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
