//! Elements: what programs keep on channels, accounts and recordings, and how much of it an organization has.

use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::id::{ChannelId, ElementPlace, OrganizationId, RecordingId, Timestamp, UserId};
use crate::store::index::hash_of;

/// What a program keeps under a name on a channel, an account or a recording.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Element {
    /// Where it belongs.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// What it is on.
    #[rkyv(with = As<PlaceLayout>)]
    pub on: ElementPlace,
    /// Unique there.
    pub name: String,
    /// JSON, as whoever set it wrote it.
    pub value: String,
    /// Another one with every change, and never the same again in the organization.
    pub version: u64,
    /// When it was set last.
    #[rkyv(with = As<u64>)]
    pub changed: Timestamp,
}

impl Element {
    /// Bytes that count towards what an organization may have.
    pub fn bytes(&self) -> u64 {
        (self.name.len() + self.value.len()) as u64
    }
}

stored! {
    Element, 1, "Element/1(organization, kind, id, name, value, version, changed)";
    key: (u64, u8, u64, u64) = |e| element_key(e.organization, e.on, &e.name);
    of: Organization, |e| (e.organization, place_key(e.on).1);
}

/// How much of elements an organization has. There is no row for one that never had any.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct ElementUse {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// How many there are.
    pub count: u64,
    /// Bytes of all their names and values.
    pub bytes: u64,
    /// The last version that was given.
    pub last: u64,
}

stored! {
    ElementUse, 1, "ElementUse/1(organization, count, bytes, last)";
    key: u64 = |u| u.organization.0;
    of: Organization, |u| (u.organization, u.organization.0);
}

/// The key of an element: where it is, and the first eight bytes of its name's hash.
pub(in crate::store) fn element_key(
    organization: OrganizationId,
    on: ElementPlace,
    name: &str,
) -> (u64, u8, u64, u64) {
    let (kind, id) = place_key(on);
    (organization.0, kind, id, hash_of(name))
}

/// Kind and number of what an element is on, as keys hold them.
pub(in crate::store) fn place_key(on: ElementPlace) -> (u8, u64) {
    match on {
        ElementPlace::Channel(channel) => (0, channel.0),
        ElementPlace::User(user) => (1, user.0),
        ElementPlace::Recording(recording) => (2, recording.0),
    }
}

/// What an element is on, in a row.
#[derive(Archive, Serialize, Deserialize)]
pub(in crate::store) struct PlaceLayout {
    kind: u8,
    id: u64,
}

impl From<&ElementPlace> for PlaceLayout {
    fn from(on: &ElementPlace) -> Self {
        let (kind, id) = place_key(*on);
        Self { kind, id }
    }
}

impl TryFrom<PlaceLayout> for ElementPlace {
    type Error = ();

    fn try_from(PlaceLayout { kind, id }: PlaceLayout) -> Result<Self, ()> {
        match kind {
            0 => Ok(Self::Channel(ChannelId(id))),
            1 => Ok(Self::User(UserId(id))),
            2 => Ok(Self::Recording(RecordingId(id))),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    #[test]
    fn the_bytes_of_an_element_and_of_their_count_are_these() {
        let (organization, on) = (OrganizationId(1), ElementPlace::Channel(ChannelId(5)));
        let (name, value) = ("bot.greeting".to_owned(), "{\"text\":\"hello\"}".to_owned());
        golden(
            &Element { organization, on, name, value, version: 7, changed: Timestamp(0x0102_0304) },
            concat!(
                "010b533d86626f742e6772656574696e677b2274657874223a2268656c6c6f227d010000000000000000050000",
                "00000000008c000000d3ffffff90000000d7ffffff07000000000000000403020100000000"
            ),
        );
        golden(
            &ElementUse { organization, count: 1, bytes: 28, last: 7 },
            "01bc2eb177010000000000000001000000000000001c000000000000000700000000000000",
        );
    }
}
