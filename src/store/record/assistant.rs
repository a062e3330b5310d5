//! What assistants asked for.

use std::net::IpAddr;

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::id::{OAuthClientId, OrganizationId, Timestamp, UserId};

/// A call of an assistant's. Its row is written before it is done, and once more when it has ended: one that never ends there was
/// under way when the server stopped.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct AssistantCall {
    /// Whose server.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// Its place among the organization's, from 1.
    pub number: u64,
    /// For whom.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Which program.
    #[rkyv(with = As<u64>)]
    pub client: OAuthClientId,
    /// From where.
    pub from: Option<IpAddr>,
    /// The operation.
    pub tool: String,
    /// Its arguments as JSON, without secrets; cut where they are long.
    pub arguments: String,
    /// When it was asked for.
    #[rkyv(with = As<u64>)]
    pub begun: Timestamp,
    /// When it had ended.
    #[rkyv(with = Map<As<u64>>)]
    pub ended: Option<Timestamp>,
    /// What came of it: `done`, or the name of an error's code; empty until it has ended.
    pub outcome: String,
}

stored! {
    AssistantCall, 1, "AssistantCall/1(organization, number, user, client, from, tool, arguments, begun, ended, outcome)";
    key: (u64, u64) = |c| (c.organization.0, c.number);
    of: Organization, |c| (c.organization, c.number);
}

/// What is counted of an organization's assistants.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub(in crate::store) struct AssistantUse {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub(in crate::store) organization: OrganizationId,
    /// The highest number that a call had.
    pub(in crate::store) last: u64,
    /// Calls that are kept and weren't refused.
    pub(in crate::store) done: u64,
    /// Those that were.
    pub(in crate::store) refused: u64,
}

stored! {
    AssistantUse, 1, "AssistantUse/1(organization, last, done, refused)";
    key: u64 = |u| u.organization.0;
    of: Organization, |u| (u.organization, u.organization.0);
}

impl AssistantCall {
    /// Whether it was refused: it has ended, and wasn't done.
    pub(in crate::store) fn is_refused(&self) -> bool {
        self.ended.is_some() && self.outcome != Self::DONE
    }

    /// What came of a call that was done.
    pub const DONE: &str = "done";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    #[test]
    fn the_bytes_of_what_is_counted_are_these() {
        golden(
            &AssistantUse { organization: OrganizationId(1), last: 9, done: 5, refused: 3 },
            "01b82caa1a0100000000000000090000000000000005000000000000000300000000000000",
        );
    }

    #[test]
    fn the_bytes_of_a_call_are_these() {
        golden(
            &AssistantCall {
                organization: OrganizationId(1),
                number: 7,
                user: UserId(5),
                client: OAuthClientId(3),
                from: Some(IpAddr::from([192, 0, 2, 1])),
                tool: "list".to_owned(),
                arguments: "{}".to_owned(),
                begun: Timestamp(0x0102_0304),
                ended: None,
                outcome: String::new(),
            },
            "0151c4857301000000000000000700000000000000050000000000000003000000000000000100c00002010000000000000000000000006c697374ffffffff7b7dffffffffffff0403020100000000000000000000000000ffffffffffffffff",
        );
    }
}
