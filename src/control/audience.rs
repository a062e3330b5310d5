//! Publishing: the forwarding table, and each session's events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::live::Control;
use super::routing::Parts;
use crate::id::SessionId;
use crate::permission::Permissions;
use crate::protocol::wire::event;
use crate::protocol::{CloseCode, EncodedBody};
use crate::state::{Channel, Class, Event, Telling};
use crate::voice::{Peer, SpeakerSelection};

/// What makes two viewers see the same: their class and their ceiling.
type Likeness = (*const Class, Permissions);

impl<P: Peer> Control<P> {
    /// Makes what happened visible: first the table, so that nobody hears what an event says they don't,
    /// then the events. Those who arrived get a snapshot instead. Only those are looked at for whom there is something.
    pub(super) fn publish(&mut self, events: &[Event], arrived: &[SessionId]) {
        if events.is_empty()
            && arrived.is_empty()
            && self.state.recordings().is_empty()
            && self.recorder.is_idle()
        {
            return;
        }
        let records = self.recorder.follow(&self.state, self.shared.clock.now());
        let everything = self.publish_table(records, events);
        self.snapshots.follow(events, everything);
        let Self { state, sights, connections, snapshots, .. } = self;
        let mut telling = Telling::new(state, sights, events);
        let mut slow = Vec::new();
        for session in connections.reached(&telling.reach(), arrived) {
            let (Some(viewer), Some(connection)) = (state.member(session), connections.get_mut(session))
            else {
                continue;
            };
            let bodies = if arrived.contains(&session) {
                snapshots.of(state, telling.sights(), viewer)
            } else {
                telling.bodies(viewer)
            };
            if !connection.tell_all(&bodies) {
                slow.push(session);
            }
        }
        self.disconnect_slow(slow);
    }

    /// Tells those who are told of people by interest how many are where, of the channels in which others are than they were told.
    pub(super) fn tell_counts(&mut self) {
        let Some(channels) = self.sights.take_counts(self.shared.clock.monotonic()) else { return };
        let Self { state, sights, connections, .. } = self;
        let mut told: Vec<(Likeness, EncodedBody)> = Vec::new();
        let mut slow = Vec::new();
        for session in sights.viewers() {
            let (Some(viewer), Some(connection)) = (state.member(session), connections.get_mut(session))
            else {
                continue;
            };
            let alike = (Arc::as_ptr(&viewer.class), viewer.ceiling);
            let place = told.iter().position(|(whom, _)| *whom == alike).unwrap_or_else(|| {
                let counts = sights.counts(state, viewer, channels.iter().copied());
                told.push((alike, EncodedBody::new(&event::Body::CountsAre(counts))));
                told.len() - 1
            });
            let body = told.get(place).map(|(_, body)| body);
            if !connection.tell_all(body) {
                slow.push(session);
            }
        }
        self.disconnect_slow(slow);
    }

    /// Ends the connections of those who don't read their events.
    pub(super) fn disconnect_slow(&mut self, slow: Vec<SessionId>) {
        for session in slow {
            tracing::info!(%session, "a client doesn't read its events; it is disconnected");
            // Its connection's end is reported as a departure, which tells the others.
            if let Some(connection) = self.connections.get_mut(session) {
                connection.peer.close(CloseCode::TooSlow);
            }
        }
    }

    /// Publishes who hears whom by now. All of it is looked at again where `anew`, or where other channels select speakers; answers
    /// whether that was so for whatever reason.
    fn publish_table(&mut self, anew: bool, events: &[Event]) -> bool {
        let mut touched = self.state.take_touched();
        touched.everything |= anew;
        if touched.everything || events.iter().any(|event| matches!(event, Event::Channel(_))) {
            touched.everything |= self.set_selections();
        }
        let parts = Parts {
            state: &self.state,
            connections: &self.connections,
            selections: &self.selections,
            recorder: &self.recorder,
        };
        if let Some(table) = self.routing.follow(&parts, &touched) {
            self.shared.table.store(table.into());
        }
        let connected = u32::try_from(self.state.members().len()).unwrap_or(u32::MAX);
        self.shared.connected.store(connected, Ordering::Relaxed);
        touched.everything
    }

    /// A selection of speakers for each channel that passes on only so many at once. Whoever speaks in one goes on.
    /// Answers whether they are others than before.
    fn set_selections(&mut self) -> bool {
        let places = |channel: &Channel| usize::from(channel.voice.last_speakers);
        let wanted: HashMap<_, _> = self
            .state
            .channels()
            .filter(|channel| places(channel) > 0)
            .map(|channel| (channel.id, places(channel)))
            .collect();
        let before = self.selections.len();
        self.selections.retain(|channel, selection| wanted.get(channel) == Some(&selection.places()));
        let stay = self.selections.len();
        for (channel, places) in wanted {
            self.selections.entry(channel).or_insert_with(|| Arc::new(SpeakerSelection::new(places)));
        }
        before != stay || stay != self.selections.len()
    }
}
