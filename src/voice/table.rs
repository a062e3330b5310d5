//! The forwarding table: an immutable answer to "who hears this packet?".

use std::sync::Arc;

use arc_swap::ArcSwap;
use imbl::HashMap;

use super::{Peer, SpeakerSelection, Tap, typical_loss};
use crate::id::{ChannelId, FlowId, Ssrc};
use crate::protocol::Loss;

/// One who hears.
#[derive(Clone, Debug)]
pub struct Listener<P> {
    /// The session's own SSRC: nobody hears themselves.
    pub ssrc: Ssrc,
    /// Where its position counts; 0 for nowhere.
    pub context: u32,
    /// Its connection.
    pub peer: P,
}

/// Those who hear the same voices, by the shard that their connections live on.
#[derive(Debug)]
pub struct Audience<P> {
    channel: Option<ChannelId>,
    /// By shard; shards at the end on which nobody listens are left out.
    shards: Vec<Vec<Listener<P>>>,
    listeners: usize,
}

impl<P: Peer> Audience<P> {
    /// Those who hear what is said in a channel; without one, what is said to voice targets.
    pub fn new(channel: Option<ChannelId>, listeners: impl IntoIterator<Item = Listener<P>>) -> Self {
        let mut shards: Vec<Vec<Listener<P>>> = Vec::new();
        for listener in listeners {
            let shard = listener.peer.shard();
            if shards.len() <= shard {
                shards.resize_with(shard + 1, Vec::new);
            }
            if let Some(here) = shards.get_mut(shard) {
                here.push(listener);
            }
        }
        let listeners = shards.iter().map(Vec::len).sum();
        Self { channel, shards, listeners }
    }

    /// The channel that its speakers are in; none for voice targets.
    pub fn channel(&self) -> Option<ChannelId> {
        self.channel
    }

    /// How many listen, on all shards.
    pub fn listeners(&self) -> usize {
        self.listeners
    }

    /// What they lose, all but a tenth of them at most, and all but the speaker of `but`.
    pub fn loss(&self, but: Ssrc) -> Loss {
        let listeners = self.shards.iter().flatten().filter(|listener| listener.ssrc != but);
        typical_loss(listeners.filter_map(|listener| listener.peer.reception()))
    }

    /// The shards on which somebody listens.
    pub fn shards(&self) -> impl Iterator<Item = usize> {
        self.shards.iter().enumerate().filter(|(_, listeners)| !listeners.is_empty()).map(|(shard, _)| shard)
    }

    /// Those on a shard.
    pub fn on_shard(&self, shard: usize) -> &[Listener<P>] {
        self.shards.get(shard).map_or(&[], Vec::as_slice)
    }
}

/// A flow of somebody's voice, and all that was decided of it beforehand.
#[derive(Debug)]
pub struct Route<P> {
    /// Who hears it, the speaker maybe among them. All who are heard by the same have the same here, and it is replaced in
    /// this place.
    pub audience: Arc<ArcSwap<Audience<P>>>,
    /// Where the speaker's position counts; 0 for nowhere.
    pub context: u32,
    /// Whether the speaker is a priority speaker.
    pub priority: bool,
    /// Where only some are passed on at once.
    pub selection: Option<Arc<SpeakerSelection>>,
    /// Who records it.
    pub tap: Option<Arc<dyn Tap>>,
}

impl<P: Peer> Route<P> {
    /// Who hears it by now.
    pub fn audience(&self) -> Arc<Audience<P>> {
        self.audience.load_full()
    }

    /// Whether the same hear another, in the same places.
    pub fn goes_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.audience, &other.audience) && self.context == other.context
    }
}

/// The flows of a speaker: the one to the channel first, and few others.
type Flows<P> = Vec<(FlowId, Route<P>)>;

/// Who hears whom. When somebody joins, moves, leaves, is muted or deafened, or a permission changes, a copy is changed and
/// published, which shares all the rest with the one before; a reader needs no lock.
#[derive(Debug)]
pub struct ForwardTable<P> {
    /// A session that nobody may hear isn't in here.
    speakers: HashMap<Ssrc, Arc<Flows<P>>>,
}

impl<P> Clone for ForwardTable<P> {
    fn clone(&self) -> Self {
        Self { speakers: self.speakers.clone() }
    }
}

impl<P> Default for ForwardTable<P> {
    fn default() -> Self {
        Self { speakers: HashMap::new() }
    }
}

impl<P: Peer> ForwardTable<P> {
    /// The flows of a speaker are these from now on; without any, nobody hears it.
    pub fn set(&mut self, speaker: Ssrc, flows: Vec<(FlowId, Route<P>)>) {
        if flows.is_empty() {
            self.speakers.remove(&speaker);
        } else {
            self.speakers.insert(speaker, Arc::new(flows));
        }
    }

    /// What was decided of a flow of `speaker`; `None` when nobody may hear it.
    pub fn route(&self, speaker: Ssrc, flow: FlowId) -> Option<&Route<P>> {
        let flows = self.speakers.get(&speaker)?;
        flows.iter().find(|(one, _)| *one == flow).map(|(_, route)| route)
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

    proptest! {
        #[test]
        fn exactly_those_of_a_flow_are_reached_each_on_its_shard(
            flows in proptest::collection::btree_map((1..6_u32, 0..4_u64), proptest::collection::btree_set(1..30_u32, 0..20), 0..12),
        ) {
            let route = |listeners: &std::collections::BTreeSet<u32>| Route {
                audience: Arc::new(ArcSwap::from_pointee(Audience::new(None, listeners.iter().map(|ssrc| Listener {
                    ssrc: Ssrc(*ssrc), context: 0, peer: Named(*ssrc),
                })))),
                context: 0, priority: false, selection: None, tap: None,
            };
            let mut table = ForwardTable::default();
            for speaker in 1..6 {
                let theirs = flows.iter().filter(|((ssrc, _), _)| *ssrc == speaker);
                let theirs = theirs.map(|((_, flow), listeners)| (FlowId(*flow), route(listeners)));
                table.set(Ssrc(speaker), theirs.collect());
            }
            for ssrc in 1..6 {
                for flow in 0..4 {
                    let reached = table.route(Ssrc(ssrc), FlowId(flow)).map(|route| {
                        let mut found = std::collections::BTreeSet::new();
                        let audience = route.audience();
                        for shard in audience.shards() {
                            let here = audience.on_shard(shard);
                            assert!(!here.is_empty() && here.iter().all(|one| one.peer.shard() == shard));
                            found.extend(here.iter().map(|one| one.ssrc.0));
                        }
                        assert_eq!(found.len(), audience.listeners());
                        found
                    });
                    prop_assert_eq!(reached.as_ref(), flows.get(&(ssrc, flow)));
                }
            }
        }
    }
}
