//! Webhooks: where somebody is sent what happens, and what is sent there.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::id::{HookId, OrganizationId, Timestamp, UserId};

/// Why nothing is sent to a webhook.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum HookOff {
    /// Its owner turned it off.
    Owner = 1,
    /// Its receiver said that it is gone (status 410).
    Gone = 2,
    /// Nothing could be delivered for so long.
    Failing = 3,
    /// Its owner couldn't come in.
    NotLetIn = 4,
    /// The ways into its owner's account were closed, as by another password: somebody else may have made it.
    Closed = 5,
}

/// A webhook: an address to which somebody is sent what happens.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Hook {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Its number among the account's.
    #[rkyv(with = As<u64>)]
    pub id: HookId,
    /// Where messages go.
    pub url: String,
    /// What it is for, in its owner's words.
    pub description: String,
    /// The kinds of what is sent there, by their words; empty for all.
    pub kinds: Vec<String>,
    /// What messages are signed with, sealed under a key that the database doesn't hold.
    pub secret: Vec<u8>,
    /// The secret before that one, sealed; empty where there is none.
    pub former: Vec<u8>,
    /// Until when messages are signed with that one, too.
    #[rkyv(with = As<u64>)]
    pub former_until: Timestamp,
    /// Why it is off; `None` while it is on.
    pub off: Option<HookOff>,
    /// When it was made.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
}

stored! {
    Hook, 1, "Hook/1(user, id, url, description, kinds, secret, former, former_until, off, created)";
    key: (u64, u64) = |h| (h.user.0, h.id.0);
    of: User, |h| (OrganizationId::of(h.user.0), h.user.0);
    audit: Hook, ["secret", "former"];
}

/// How far a webhook is. There is a row for each.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct HookProgress {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Which.
    #[rkyv(with = As<u64>)]
    pub hook: HookId,
    /// The number of the next message.
    pub next: u64,
    /// Nothing before this number waits.
    pub first: u64,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that are kept beside those.
    pub kept: u64,
    /// Since when nothing could be delivered; `None` where the last message was.
    #[rkyv(with = Map<As<u64>>)]
    pub failing: Option<Timestamp>,
}

stored! {
    HookProgress, 1, "HookProgress/1(user, hook, next, first, waiting, kept, failing)";
    key: (u64, u64) = |p| (p.user.0, p.hook.0);
    of: User, |p| (OrganizationId::of(p.user.0), p.user.0);
}

/// What is counted of an account's webhooks.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub(in crate::store) struct HookUse {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub(in crate::store) user: UserId,
    /// The highest number that a webhook had: it isn't given again, so what is known of one that was removed is said of no other.
    pub(in crate::store) last: u64,
}

stored! {
    HookUse, 1, "HookUse/1(user, last)";
    key: u64 = |u| u.user.0;
    of: User, |u| (OrganizationId::of(u.user.0), u.user.0);
}

/// What the messages of a webhook take. There is no row for one whose messages were all written before this was counted.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub(in crate::store) struct HookBytes {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub(in crate::store) user: UserId,
    /// Of which.
    #[rkyv(with = As<u64>)]
    pub(in crate::store) hook: HookId,
    /// Bytes of those that wait.
    pub(in crate::store) waiting: u64,
    /// Bytes of those that are kept beside them, with their tries.
    pub(in crate::store) kept: u64,
}

stored! {
    HookBytes, 1, "HookBytes/1(user, hook, waiting, kept)";
    key: (u64, u64) = |b| (b.user.0, b.hook.0);
    of: User, |b| (OrganizationId::of(b.user.0), b.user.0);
}

/// What has become of a message.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum DeliveryState {
    /// It waits.
    Waiting = 1,
    /// Its receiver took it.
    Delivered = 2,
    /// Its receiver didn't take it, however often it was tried.
    GivenUp = 3,
    /// The webhook's owner may not know of it any more, so it wasn't sent.
    Withheld = 4,
}

/// One try to deliver a message.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct HookTry {
    /// When.
    #[rkyv(with = As<u64>)]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// The status of the answer (RFC 9110, section 15); 0 where there was none.
    pub status: u16,
    /// Why there was no answer; empty where there was one.
    pub error: String,
    /// The beginning of the answer.
    pub answer: String,
}

/// A message to a webhook.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct HookDelivery {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// To which.
    #[rkyv(with = As<u64>)]
    pub hook: HookId,
    /// Its place among the webhook's, from 1.
    pub number: u64,
    /// When what it tells of happened.
    #[rkyv(with = As<u64>)]
    pub at: Timestamp,
    /// What it tells of (`feed::Message`, in JSON), as its owner might know it then.
    pub message: String,
    /// What has become of it.
    pub state: DeliveryState,
    /// How often it was tried since it waits.
    pub attempts: u32,
    /// When it is tried next, while it waits.
    #[rkyv(with = As<u64>)]
    pub due: Timestamp,
    /// The last tries, the oldest first.
    pub tries: Vec<HookTry>,
}

stored! {
    HookDelivery, 1, "HookDelivery/1(user, hook, number, at, message, state, attempts, due, tries)";
    key: (u64, u64, u64) = |d| (d.user.0, d.hook.0, d.number);
    of: User, |d| (OrganizationId::of(d.user.0), d.user.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    const AT: Timestamp = Timestamp(0x0102_0304);

    #[test]
    fn the_bytes_of_a_webhook_are_these() {
        golden(
            &Hook {
                user: UserId(5),
                id: HookId(2),
                url: "https://a.example/in".to_owned(),
                description: "Matrix".to_owned(),
                kinds: vec!["presence".to_owned()],
                secret: vec![1, 2, 3],
                former: vec![],
                former_until: AT,
                off: Some(HookOff::Gone),
                created: AT,
            },
            "01a2f774ba68747470733a2f2f612e6578616d706c652f696e70726573656e63650102030500000000000000020000000000000094000000d1ffffff4d6174726978ffffd5ffffff01000000d5ffffff03000000d0ffffff00000000040302010000000001020403020100000000",
        );
    }

    #[test]
    fn the_bytes_of_how_far_it_is_are_these() {
        golden(
            &HookProgress {
                user: UserId(5),
                hook: HookId(2),
                next: 9,
                first: 8,
                waiting: 1,
                kept: 7,
                failing: Some(AT),
            },
            "01b2473bcd050000000000000002000000000000000900000000000000080000000000000001000000000000000700000000000000010403020100000000",
        );
    }

    #[test]
    fn the_bytes_of_what_is_counted_of_an_account_are_these() {
        golden(&HookUse { user: UserId(5), last: 9 }, "01c3fc5f2b05000000000000000900000000000000");
    }

    #[test]
    fn the_bytes_of_what_messages_take_are_these() {
        golden(
            &HookBytes { user: UserId(5), hook: HookId(2), waiting: 300, kept: 9 },
            "0187114c03050000000000000002000000000000002c010000000000000900000000000000",
        );
    }

    #[test]
    fn the_bytes_of_a_message_are_these() {
        golden(
            &HookDelivery {
                user: UserId(5),
                hook: HookId(2),
                number: 8,
                at: AT,
                message: "{}".to_owned(),
                state: DeliveryState::Waiting,
                attempts: 1,
                due: AT,
                tries: vec![HookTry {
                    at: AT,
                    took_ms: 7,
                    status: 500,
                    error: String::new(),
                    answer: "no".to_owned(),
                }],
            },
            "0118f9eb16040302010000000007000000f401ffffffffffffffff6e6fffffffffffff05000000000000000200000000000000080000000000000004030201000000007b7dffffffffffff01010000000403020100000000adffffff01000000",
        );
    }
}
