//! How a record says everything about itself that its table needs, beside its struct.

use std::ops::RangeInclusive;

use crate::id::{ChannelId, OrganizationId, UserId};
use crate::store::index::IndexKey;
use crate::store::record::subject::SubjectKind;
use crate::store::row::{Record, RowKey};

/// A key that begins with a number.
pub(in crate::store) trait Numbered: RowKey {
    /// The number.
    fn first(self) -> u64;
    /// The number after it, of a key of two.
    fn second(self) -> Option<u64>;
    /// The keys that begin with one of these.
    fn beginning(first: RangeInclusive<u64>) -> RangeInclusive<Self>;
    /// The keys that begin with these two; none, for a key of one number.
    fn beginning_with_both(first: u64, second: u64) -> Option<RangeInclusive<Self>>;
}

impl Numbered for u64 {
    fn first(self) -> u64 {
        self
    }

    fn second(self) -> Option<u64> {
        None
    }

    fn beginning(first: RangeInclusive<u64>) -> RangeInclusive<Self> {
        first
    }

    fn beginning_with_both(_: u64, _: u64) -> Option<RangeInclusive<Self>> {
        None
    }
}

impl Numbered for (u64, u64) {
    fn first(self) -> u64 {
        self.0
    }

    fn second(self) -> Option<u64> {
        Some(self.1)
    }

    fn beginning(first: RangeInclusive<u64>) -> RangeInclusive<Self> {
        (*first.start(), 0)..=(*first.end(), u64::MAX)
    }

    fn beginning_with_both(first: u64, second: u64) -> Option<RangeInclusive<Self>> {
        Some((first, second)..=(first, second))
    }
}

impl Numbered for (u64, u64, u64) {
    fn first(self) -> u64 {
        self.0
    }

    fn second(self) -> Option<u64> {
        None
    }

    fn beginning(first: RangeInclusive<u64>) -> RangeInclusive<Self> {
        (*first.start(), 0, 0)..=(*first.end(), u64::MAX, u64::MAX)
    }

    fn beginning_with_both(_: u64, _: u64) -> Option<RangeInclusive<Self>> {
        None
    }
}

impl Numbered for (u64, u8, u64) {
    fn first(self) -> u64 {
        self.0
    }

    fn second(self) -> Option<u64> {
        None
    }

    fn beginning(first: RangeInclusive<u64>) -> RangeInclusive<Self> {
        (*first.start(), 0, 0)..=(*first.end(), u8::MAX, u64::MAX)
    }

    fn beginning_with_both(_: u64, _: u64) -> Option<RangeInclusive<Self>> {
        None
    }
}

impl Numbered for (u64, u8, u64, u64) {
    fn first(self) -> u64 {
        self.0
    }

    fn second(self) -> Option<u64> {
        None
    }

    fn beginning(first: RangeInclusive<u64>) -> RangeInclusive<Self> {
        (*first.start(), 0, 0, 0)..=(*first.end(), u8::MAX, u64::MAX, u64::MAX)
    }

    fn beginning_with_both(_: u64, _: u64) -> Option<RangeInclusive<Self>> {
        None
    }
}

/// With what a row goes, and where its key says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Belongs {
    /// With nothing: it goes by writes of its own.
    Nothing,
    /// With an organization; the key is an identifier of the organization's range.
    Identified,
    /// With an organization, by whose number the key begins.
    Organization,
    /// With a user, by whose number the key begins.
    User,
    /// With a channel, by whose number the key begins.
    Channel,
    /// With a user; the key is (organization, user).
    Member,
}

/// A record with a table of its own.
pub(in crate::store) trait Stored: Record<Key: Numbered> + serde::Serialize {
    /// With what its rows go.
    const BELONGS: Belongs;
    /// Whether its rows have entries in the index.
    const IS_INDEXED: bool = false;

    /// Whose audit trail it belongs to, and its number there.
    fn of(&self) -> (OrganizationId, u64);

    /// What must be unique about it. Each key leads to the first number of the row's.
    fn entries(&self) -> Vec<IndexKey> {
        Vec::new()
    }

    /// The keys of the rows that go with an organization.
    fn of_organization(id: OrganizationId) -> Option<RangeInclusive<Self::Key>> {
        match Self::BELONGS {
            Belongs::Nothing => None,
            Belongs::Organization | Belongs::Member => Some(Self::Key::beginning(id.0..=id.0)),
            Belongs::Identified | Belongs::User | Belongs::Channel => {
                Some(Self::Key::beginning(id.identifiers()))
            }
        }
    }

    /// The keys of the rows that go with a user.
    fn of_user(user: UserId) -> Option<RangeInclusive<Self::Key>> {
        match Self::BELONGS {
            Belongs::User => Some(Self::Key::beginning(user.0..=user.0)),
            Belongs::Member => Self::Key::beginning_with_both(OrganizationId::of(user.0).0, user.0),
            Belongs::Nothing | Belongs::Identified | Belongs::Organization | Belongs::Channel => None,
        }
    }

    /// The keys of the rows that go with a channel.
    fn of_channel(channel: ChannelId) -> Option<RangeInclusive<Self::Key>> {
        (Self::BELONGS == Belongs::Channel).then(|| Self::Key::beginning(channel.0..=channel.0))
    }
}

/// A record whose changes the audit trail shows.
pub(in crate::store) trait Audited: Stored {
    /// What kind of thing it is.
    const SUBJECT: SubjectKind;
    /// Fields that the audit trail names without their content: secrets, and what is large.
    const UNSHOWN: &'static [&'static str];
}

/// Declares a record's row and table:
///
/// - its version, and the layout's name and fields, which are part of the table's type on disk;
/// - `key`: what the row is found by;
/// - `of`: with what it goes, and whose audit trail it belongs to, by which number;
/// - `audit`, where its changes are shown in the audit trail: as what, and the fields whose content isn't;
/// - `index`, where something about it must be unique: the keys of that.
macro_rules! stored {
    (
        $record:ident, $version:literal, $layout:literal;
        key: $key:ty = $key_of:expr;
        of: $belongs:ident, $of:expr;
        $(audit: $subject:ident $(, [$($unshown:literal),*])?;)?
        $(index: $index:expr;)?
    ) => {
        $crate::store::row::records! { $record, $version, $key, $key_of, $layout; }

        impl $crate::store::record::declare::Stored for $record {
            const BELONGS: $crate::store::record::declare::Belongs =
                $crate::store::record::declare::Belongs::$belongs;

            fn of(&self) -> ($crate::id::OrganizationId, u64) {
                let of: fn(&$record) -> ($crate::id::OrganizationId, u64) = $of;
                of(self)
            }

            $(
                const IS_INDEXED: bool = true;

                fn entries(&self) -> Vec<$crate::store::index::IndexKey> {
                    let of: fn(&$record) -> Vec<$crate::store::index::IndexKey> = $index;
                    of(self)
                }
            )?
        }

        $(
            impl $crate::store::record::declare::Audited for $record {
                const SUBJECT: $crate::store::record::SubjectKind = $crate::store::record::SubjectKind::$subject;
                const UNSHOWN: &'static [&'static str] = &[$($($unshown),*)?];
            }
        )?
    };
}

pub(super) use stored;
