//! Publishing: the forwarding table, and each session's events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;

use super::live::Control;
use super::routing::Parts;
use crate::id::SessionId;
use crate::permission::Permissions;
use crate::protocol::wire::event;
use crate::protocol::{CloseCode, EncodedBody, MAX_SNAPSHOT, parts_of};
use crate::state::{Channel, Class, Event};
use crate::voice::{Peer, SpeakerSelection};

/// What makes two viewers see the same: their class, their ceiling, and whether what they see changed just now.
type Alike = (*const Class, Permissions, bool);

impl<P: Peer> Control<P> {
    /// What those are told whose access changed, encoded once for all who are told the same. In one batch it may have changed several times
    /// for one of them.
    fn encode_access(&self, events: &[Event]) -> HashMap<SessionId, Vec<Arc<Vec<EncodedBody>>>> {
        let mut told: HashMap<SessionId, Vec<Arc<Vec<EncodedBody>>>> = HashMap::new();
        for event in events {
            let Event::Access(access) = event else { continue };
            let bodies = Arc::new(self.state.show_access(access).iter().map(EncodedBody::new).collect());
            for session in &access.sessions {
                told.entry(*session).or_default().push(Arc::clone(&bodies));
            }
        }
        told
    }

    /// Makes what happened visible: first the table, so that nobody hears what an event says they don't,
    /// then the events. Those who arrived get a snapshot instead.
    pub(super) fn publish(&mut self, events: &[Event], arrived: &[SessionId]) {
        if events.is_empty()
            && arrived.is_empty()
            && self.state.recordings().is_empty()
            && self.recorder.is_idle()
        {
            return;
        }
        let records = self.recorder.follow(&self.state, self.shared.clock.now());
        self.publish_table(records, events);
        let by_access = self.encode_access(events);
        let mut slow = Vec::new();
        // Those who may do the same are told the same, so an event is encoded once for all of a class.
        let mut told: Vec<Vec<(Alike, Option<EncodedBody>)>> = vec![Vec::new(); events.len()];
        for (session, connection) in self.connections.iter_mut() {
            let Some(viewer) = self.state.member(*session) else { continue };
            let keeps_up = if arrived.contains(session) {
                let (snapshot, rest) = parts_of(self.state.snapshot(Some(viewer)), MAX_SNAPSHOT);
                let rest: Vec<_> = rest.iter().map(EncodedBody::new).collect();
                let has_room = connection.tell(event::Body::Snapshot(snapshot));
                let mut all = BytesMut::new();
                connection.add(rest.iter(), &mut all);
                has_room && connection.tell_all(all)
            } else {
                let is_turned = by_access.contains_key(session);
                let alike = (Arc::as_ptr(&viewer.class), viewer.ceiling, is_turned);
                let mut all = BytesMut::new();
                for (event, told) in events.iter().zip(&mut told) {
                    let fresh = || {
                        let shown = if is_turned {
                            self.state.show_event(&event.for_the_turned(), viewer)
                        } else {
                            self.state.show_event(event, viewer)
                        };
                        shown.as_ref().map(EncodedBody::new)
                    };
                    if event.is_for_one(viewer) {
                        connection.add(fresh().iter(), &mut all);
                        continue;
                    }
                    if !told.iter().any(|(whom, _)| *whom == alike) {
                        told.push((alike, fresh()));
                    }
                    let shown = told.iter().filter(|(whom, _)| *whom == alike);
                    connection.add(shown.filter_map(|(_, body)| body.as_ref()), &mut all);
                }
                connection
                    .add(by_access.get(session).into_iter().flatten().flat_map(|bodies| &**bodies), &mut all);
                connection.tell_all(all)
            };
            if !keeps_up {
                slow.push(*session);
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

    /// Publishes who hears whom by now. All of it is looked at again where `anew`, or where other channels select speakers.
    fn publish_table(&mut self, anew: bool, events: &[Event]) {
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
