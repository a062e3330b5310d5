//! The snapshots that those are told who come, put together of parts that are encoded once for all who see the same.

use prost::Message;

use super::sight::Sights;
use super::{Event, Member, State};
use crate::protocol::wire::{self, event};
use crate::protocol::{EncodedBody, MAX_SNAPSHOT, parts_of};

/// Of so many classes the channels, roles and settings are kept; the oldest goes.
const KEPT: usize = 16;

/// Those who see the same: their class, by its number, and what they may do at most.
type Alike = (u64, u64);

/// Parts of snapshots, as far as they are what the state says.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// Channels, roles and settings, the oldest first.
    places: Vec<(Alike, Vec<u8>)>,
    /// Everybody, of the batch that is told.
    people: Vec<(Alike, Vec<u8>)>,
}

impl Snapshots {
    /// Forgets what is another by these events, or all of it where everything may be.
    pub fn follow(&mut self, events: &[Event], everything: bool) {
        self.people.clear();
        let is_place = |event: &Event| {
            matches!(event, Event::Channel(_) | Event::Access(_) | Event::Roles | Event::OrganizationSettings)
        };
        if everything || events.iter().any(is_place) {
            self.places.clear();
        }
    }

    /// What somebody is told who comes: a snapshot, and what it has no room for.
    pub fn of(&mut self, state: &State, sights: &Sights, viewer: &Member) -> Vec<EncodedBody> {
        let alike = (viewer.class.number(), viewer.ceiling.bits());
        let place = kept(&mut self.places, alike, || state.show_place(viewer).encode_to_vec());
        let own = wire::Snapshot { self_session: viewer.session.0, ..wire::Snapshot::default() };
        let body = if sights.has(viewer.session) {
            let sight = sights.show(state, viewer).encode_to_vec();
            EncodedBody::of_snapshot(&[place, &sight])
        } else {
            let people = kept(&mut self.people, alike, || {
                let members = state.members().map(|member| state.show_as_other(member, viewer)).collect();
                wire::Snapshot { members, ..wire::Snapshot::default() }.encode_to_vec()
            });
            EncodedBody::of_snapshot(&[place, people, &own.encode_to_vec()])
        };
        // Whoever listens already is told how loud, and others aren't.
        if body.size() <= MAX_SNAPSHOT && (viewer.listening.is_empty() || sights.has(viewer.session)) {
            return vec![body];
        }
        let (first, rest) = parts_of(whole(state, sights, viewer), MAX_SNAPSHOT);
        let first = EncodedBody::new(&event::Body::Snapshot(first));
        std::iter::once(first).chain(rest.iter().map(EncodedBody::new)).collect()
    }
}

fn whole(state: &State, sights: &Sights, viewer: &Member) -> wire::Snapshot {
    if sights.has(viewer.session) {
        let wire::Snapshot { channels, organization, roles, .. } = state.show_place(viewer);
        wire::Snapshot { channels, organization, roles, ..sights.show(state, viewer) }
    } else {
        state.snapshot(Some(viewer))
    }
}

fn kept(all: &mut Vec<(Alike, Vec<u8>)>, alike: Alike, encode: impl FnOnce() -> Vec<u8>) -> &[u8] {
    let place = all.iter().position(|(whose, _)| *whose == alike).unwrap_or_else(|| {
        if all.len() == KEPT {
            all.remove(0);
        }
        all.push((alike, encode()));
        all.len() - 1
    });
    &all[place].1
}
