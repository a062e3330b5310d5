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

/// Who hears a speaker: those of a channel, by the shard that their connections live on.
#[derive(Debug)]
pub struct Audience<P> {
    channel: ChannelId,
    /// By shard; shards at the end on which nobody listens are left out.
    shards: Vec<Vec<(Ssrc, P)>>,
    listeners: usize,
}

impl<P: Peer> Audience<P> {
    /// The channel.
    pub fn channel(&self) -> ChannelId {
        self.channel
    }

    /// How many listen, on all shards.
    pub fn listeners(&self) -> usize {
        self.listeners
    }

    /// The shards on which somebody listens.
    pub fn shards(&self) -> impl Iterator<Item = usize> {
        self.shards.iter().enumerate().filter(|(_, listeners)| !listeners.is_empty()).map(|(shard, _)| shard)
    }

    /// Those on a shard, with the SSRC of each: nobody hears themselves.
    pub fn on_shard(&self, shard: usize) -> &[(Ssrc, P)] {
        self.shards.get(shard).map_or(&[], Vec::as_slice)
    }
}

/// A channel while the table is built: who speaks, and who listens on each shard.
type Channel<P> = (Vec<Ssrc>, Vec<Vec<(Ssrc, P)>>);

/// Who hears whom. Built when somebody joins, moves, leaves, is muted or deafened, or a permission
/// changes; never changed afterwards, so that a reader needs no lock.
#[derive(Debug)]
pub struct ForwardTable<P> {
    /// The audience of each speaker. A session that may not speak isn't in here.
    speakers: HashMap<Ssrc, Arc<Audience<P>>>,
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
            let (speakers, shards) = channels.entry(seat.channel).or_default();
            if seat.speaks {
                speakers.push(seat.ssrc);
            }
            if seat.hears {
                let shard = seat.peer.shard();
                if shards.len() <= shard {
                    shards.resize_with(shard + 1, Vec::new);
                }
                if let Some(listeners) = shards.get_mut(shard) {
                    listeners.push((seat.ssrc, seat.peer));
                }
            }
        }
        let mut table = Self::default();
        for (channel, (speakers, shards)) in channels {
            let listeners = shards.iter().map(Vec::len).sum();
            let audience = Arc::new(Audience { channel, shards, listeners });
            table.speakers.extend(speakers.into_iter().map(|ssrc| (ssrc, Arc::clone(&audience))));
        }
        table
    }

    /// Those who hear `speaker` on this flow, the speaker maybe among them; `None` when the speaker may not
    /// be heard there.
    pub fn audience(&self, speaker: Ssrc, flow: FlowId) -> Option<&Audience<P>> {
        if flow != FlowId::CHANNEL {
            return None;
        }
        self.speakers.get(&speaker).map(Arc::as_ref)
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
        fn shard(&self) -> usize {
            self.0 as usize % 3
        }
    }

    prop_compose! {
        fn any_seat()(channel in 1..4_u64, speaks: bool, hears: bool) -> (u64, bool, bool) {
            (channel, speaks, hears)
        }
    }

    proptest! {
        #[test]
        fn exactly_the_hearing_people_of_the_channel_are_reached_each_on_its_shard(
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
                let reached = table.audience(speaker.ssrc, FlowId::CHANNEL).map(|audience| {
                    assert_eq!(audience.channel(), speaker.channel);
                    let mut found: Vec<u32> = Vec::new();
                    for shard in audience.shards() {
                        let here = audience.on_shard(shard);
                        assert!(!here.is_empty() && here.iter().all(|(_, peer)| peer.shard() == shard));
                        found.extend(here.iter().map(|(ssrc, _)| ssrc.0));
                    }
                    found.sort_unstable();
                    found
                });
                let expected: Vec<u32> = seats
                    .iter()
                    .filter(|seat| seat.channel == speaker.channel && seat.hears)
                    .map(|seat| seat.ssrc.0)
                    .collect();
                prop_assert_eq!(reached, speaker.speaks.then_some(expected));
                prop_assert!(table.audience(speaker.ssrc, FlowId(1)).is_none());
            }
            prop_assert!(table.audience(Ssrc(1_000), FlowId::CHANNEL).is_none());
        }
    }
}
