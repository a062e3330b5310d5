//! Numbers of an organization that are given once.

use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::id::OrganizationId;

/// Numbers that an organization gives once, beside those of its ledger: what is known of something by its number comes late, such as
/// the outcome of a call, and is said of nothing else then.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub(in crate::store) struct Numbers {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub(in crate::store) organization: OrganizationId,
    /// The highest number that a plugin had.
    pub(in crate::store) plugins: u64,
    /// Numbers below this one may have been given to what happened.
    pub(in crate::store) events: u64,
}

stored! {
    Numbers, 1, "Numbers/1(organization, plugins, events)";
    key: u64 = |n| n.organization.0;
    of: Organization, |n| (n.organization, n.organization.0);
}

impl Numbers {
    /// Those of an organization that gave none yet.
    pub(in crate::store) fn new(organization: OrganizationId) -> Self {
        Self { organization, plugins: 0, events: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    #[test]
    fn the_bytes_of_numbers_are_these() {
        golden(
            &Numbers { organization: OrganizationId(1), plugins: 3, events: 1_024 },
            "01476be610010000000000000003000000000000000004000000000000",
        );
    }
}
