//! Publishing: the forwarding table, and each session's events.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::batch::Control;
use crate::id::SessionId;
use crate::protocol::wire::{self, event};
use crate::protocol::{CloseCode, EncodedBody, encode};
use crate::state::Event;
use crate::voice::{ForwardTable, Peer, Seat};

/// A connected session's way out: its voice, its events.
pub(super) struct Place<P> {
    pub(super) peer: P,
    pub(super) address: IpAddr,
    pub(super) attachment: u64,
    events: mpsc::Sender<Bytes>,
    next: u64,
}

impl<P: Peer> Place<P> {
    pub(super) fn new(peer: P, address: IpAddr, attachment: u64, events: mpsc::Sender<Bytes>) -> Self {
        Self { peer, address, attachment, events, next: 0 }
    }

    /// Queues an event. `false` when the client lets too many pile up.
    fn tell(&mut self, body: event::Body) -> bool {
        let event = wire::Event { number: self.next, body: Some(body) };
        self.next += 1;
        self.events.try_send(encode(&event)).is_ok()
    }

    /// Queues events that are encoded already, but for their numbers, as one.
    fn tell_all<'a>(&mut self, bodies: impl Iterator<Item = &'a EncodedBody>) -> bool {
        let mut all = BytesMut::new();
        for body in bodies {
            body.write(self.next, &mut all);
            self.next += 1;
        }
        all.is_empty() || self.events.try_send(all.freeze()).is_ok()
    }

    /// Says why the connection ends, and ends it. The event may be lost; the close code says the same.
    pub(super) fn dismiss(&mut self, code: CloseCode) {
        self.say_goodbye(code);
        self.peer.close(code);
    }

    pub(super) fn say_goodbye(&mut self, code: CloseCode) {
        let goodbye = wire::Goodbye { code: code.number(), message: code.sentence().to_owned() };
        let _ = self.tell(event::Body::Goodbye(goodbye));
    }
}

impl<P: Peer> Control<P> {
    /// Makes what happened visible: first the table, so that nobody hears what an event says they don't,
    /// then the events. Those who arrived get a snapshot instead.
    pub(super) fn publish(&mut self, events: &[Event], arrived: &[SessionId]) {
        if events.is_empty() && arrived.is_empty() {
            return;
        }
        if events.iter().any(|event| !matches!(event, Event::TextChannel { .. } | Event::TextSession { .. }))
        {
            self.publish_table();
        }
        let mut slow = Vec::new();
        // Most of them see the same, so an event is encoded anew only when it differs from what the one
        // before was shown.
        let mut latest: Vec<Option<(event::Body, EncodedBody)>> = vec![None; events.len()];
        for (session, place) in &mut self.seats {
            let Some(viewer) = self.state.member(*session) else { continue };
            let keeps_up = if arrived.contains(session) {
                place.tell(event::Body::Snapshot(self.state.snapshot(Some(*session))))
            } else {
                let shown = events.iter().zip(&mut latest).filter_map(|(event, latest)| {
                    let body = self.state.show_event(event, viewer)?;
                    if latest.as_ref().is_none_or(|(before, _)| *before != body) {
                        let encoded = EncodedBody::new(&body);
                        *latest = Some((body, encoded));
                    }
                    latest.as_ref().map(|(_, encoded)| encoded)
                });
                place.tell_all(shown)
            };
            if !keeps_up {
                slow.push(*session);
            }
        }
        for session in slow {
            tracing::info!(%session, "a client doesn't read its events; it is disconnected");
            // Its connection's end is reported as a departure, which tells the others.
            if let Some(place) = self.seats.get_mut(&session) {
                place.peer.close(CloseCode::TooSlow);
            }
        }
    }

    fn publish_table(&self) {
        let seats = self.state.members().filter_map(|member| {
            let place = self.seats.get(&member.session)?;
            Some(Seat {
                ssrc: member.ssrc,
                channel: member.channel?,
                speaks: self.state.speaks(member),
                hears: !member.deaf,
                peer: place.peer.clone(),
            })
        });
        self.shared.table.store(ForwardTable::build(seats).into());
        let connected = u32::try_from(self.state.members().len()).unwrap_or(u32::MAX);
        self.shared.connected.store(connected, Ordering::Relaxed);
    }
}
