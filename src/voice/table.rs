//! The forwarding table: an immutable answer to "who hears this packet?".

use std::collections::HashMap;
use std::sync::Arc;

use super::Peer;
use crate::id::{ChannelId, FlowId, Ssrc};

/// One connected session as the table sees it.
#[derive(Clone, Debug)]
pub struct Seat<P> {
    /// The session's own SSRC.
    pub ssrc: Ssrc,
    /// The channel it is in; a session in none has no seat.
    pub channel: ChannelId,
    /// Not muted, not suppressed, and allowed to speak.
    pub speaks: bool,
    /// Not deaf.
    pub hears: bool,
    /// Its connection.
    pub peer: P,
}

/// Who hears whom. Built when somebody joins, moves, leaves, is muted or deafened, or a permission
/// changes; never changed afterwards, so that a reader needs no lock.
#[derive(Debug)]
pub struct ForwardTable<P> {
    /// The listeners of each speaker's channel. A session that may not speak isn't in here.
    speakers: HashMap<Ssrc, Arc<[(Ssrc, P)]>>,
}

/// A channel while the table is built.
struct Channel<P> {
    speakers: Vec<Ssrc>,
    listeners: Vec<(Ssrc, P)>,
}

impl<P> Channel<P> {
    fn empty() -> Self {
        Self { speakers: Vec::new(), listeners: Vec::new() }
    }
}

impl<P> Default for ForwardTable<P> {
    fn default() -> Self {
        Self { speakers: HashMap::new() }
    }
}

impl<P: Peer> ForwardTable<P> {
    /// The table of these seats. Costs a clone of each peer that hears, and an entry for each that speaks.
    pub fn build(seats: impl IntoIterator<Item = Seat<P>>) -> Self {
        let mut channels: HashMap<ChannelId, Channel<P>> = HashMap::new();
        for seat in seats {
            let Channel { speakers, listeners } = channels.entry(seat.channel).or_insert_with(Channel::empty);
            if seat.speaks {
                speakers.push(seat.ssrc);
            }
            if seat.hears {
                listeners.push((seat.ssrc, seat.peer));
            }
        }
        let mut table = Self::default();
        for Channel { speakers, listeners } in channels.into_values() {
            let listeners: Arc<[(Ssrc, P)]> = listeners.into();
            table.speakers.extend(speakers.into_iter().map(|ssrc| (ssrc, Arc::clone(&listeners))));
        }
        table
    }

    /// Everyone who hears `speaker` on this flow, the speaker excluded; `None` when the speaker may
    /// not be heard there.
    pub fn listeners(&self, speaker: Ssrc, flow: FlowId) -> Option<impl Iterator<Item = &P>> {
        if flow != FlowId::CHANNEL {
            return None;
        }
        let listeners = self.speakers.get(&speaker)?;
        Some(listeners.iter().filter(move |(ssrc, _)| *ssrc != speaker).map(|(_, peer)| peer))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::CloseCode;

    #[derive(Clone, Debug, PartialEq)]
    struct Named(u32);

    impl Peer for Named {
        fn send(&self, _: Bytes) -> bool {
            true
        }
        fn close(&self, _: CloseCode) {}
    }

    prop_compose! {
        fn any_seat()(channel in 1..4_u64, speaks: bool, hears: bool) -> (u64, bool, bool) {
            (channel, speaks, hears)
        }
    }

    proptest! {
        #[test]
        fn exactly_the_hearing_others_of_the_channel_are_reached(
            seats in proptest::collection::vec(any_seat(), 0..30),
        ) {
            let seats: Vec<Seat<Named>> = (1..)
                .zip(seats)
                .map(|(ssrc, (channel, speaks, hears))| Seat {
                    ssrc: Ssrc(ssrc), channel: ChannelId(channel), speaks, hears, peer: Named(ssrc),
                })
                .collect();
            let table = ForwardTable::build(seats.clone());
            for speaker in &seats {
                let reached = table.listeners(speaker.ssrc, FlowId::CHANNEL).map(|found| {
                    let mut found: Vec<u32> = found.map(|peer| peer.0).collect();
                    found.sort_unstable();
                    found
                });
                let expected: Vec<u32> = seats
                    .iter()
                    .filter(|seat| seat.channel == speaker.channel && seat.hears && seat.ssrc != speaker.ssrc)
                    .map(|seat| seat.ssrc.0)
                    .collect();
                prop_assert_eq!(reached, speaker.speaks.then_some(expected));
                prop_assert!(table.listeners(speaker.ssrc, FlowId(1)).is_none());
            }
            prop_assert!(table.listeners(Ssrc(1_000), FlowId::CHANNEL).is_none());
        }
    }
}
