//! Flows: what is done by itself for somebody.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::id::{FlowNumber, OrganizationId, Timestamp, UserId};
use crate::store::index::IndexKey;

/// Why a flow begins nothing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum FlowOff {
    /// Its owner turned it off.
    Owner = 1,
    /// Its owner couldn't come in.
    NotLetIn = 2,
    /// The ways into its owner's account were closed, as by another password: somebody else may have made it.
    Closed = 3,
}

/// A flow, as a catalogue shows it. What it does is in its versions.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Flow {
    /// Whose: it acts with this account's rights.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Its number among the account's. None is given twice.
    #[rkyv(with = As<u64>)]
    pub id: FlowNumber,
    /// By which it is called, in its organization.
    pub name: String,
    /// What people read in place of the name.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Who wrote it, as the source says.
    pub author: String,
    /// By which words it is found.
    pub tags: Vec<String>,
    /// Which edition of it this is, as the source says.
    pub edition: String,
    /// Whether it is a step for others, which does nothing by itself.
    pub skill: bool,
    /// The number of its last version, from 1.
    pub version: u64,
    /// The values that its owner set for its parameters, in JSON: sealed, in base 64 (RFC 4648, section 5, without padding). `{}` where there are
    /// none; versions before this one kept others like that, too.
    pub settings: String,
    /// What whoever begins it over HTTP has to show, sealed; empty where nobody does.
    pub secret: Vec<u8>,
    /// Whether others see it in the catalogue.
    pub shared: bool,
    /// Why it is off; `None` while it is on.
    pub off: Option<FlowOff>,
    /// When it was made.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// When it got its last version.
    #[rkyv(with = As<u64>)]
    pub changed: Timestamp,
}

stored! {
    Flow, 1, "Flow/1(user, id, name, title, description, author, tags, edition, skill, version, settings, secret, shared, off, created, changed)";
    key: (u64, u64) = |f| (f.user.0, f.id.0);
    of: User, |f| (OrganizationId::of(f.user.0), f.user.0);
    audit: Flow, ["settings", "secret"];
    index: |f| vec![IndexKey::flow_name(OrganizationId::of(f.user.0), &f.name)];
}

/// What a flow does, since a time.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct FlowVersion {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Of which flow.
    #[rkyv(with = As<u64>)]
    pub flow: FlowNumber,
    /// Its number, from 1.
    pub version: u64,
    /// The flow in its language (TOML).
    pub source: String,
    /// Since when.
    #[rkyv(with = As<u64>)]
    pub at: Timestamp,
}

stored! {
    FlowVersion, 1, "FlowVersion/1(user, flow, version, source, at)";
    key: (u64, u64, u64) = |v| (v.user.0, v.flow.0, v.version);
    of: User, |v| (OrganizationId::of(v.user.0), v.user.0);
}

/// Until when a schedule was seen to.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct SeenTo {
    /// The trigger's name.
    pub trigger: String,
    /// The time that was due.
    #[rkyv(with = As<u64>)]
    pub at: Timestamp,
}

/// What is counted of a flow. There is a row for each.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct FlowStats {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Which.
    #[rkyv(with = As<u64>)]
    pub flow: FlowNumber,
    /// Runs that did all that they were to do.
    pub completed: u64,
    /// Runs that failed, and left done what they had done.
    pub failed: u64,
    /// Runs of which what they had done was undone.
    pub rolled_back: u64,
    /// Runs that somebody ended.
    pub cancelled: u64,
    /// Runs that weren't begun, since too many waited or too many had begun.
    pub dropped: u64,
    /// How long all runs took that have ended, in milliseconds.
    pub took_ms: u64,
    /// When the last run ended.
    #[rkyv(with = Map<As<u64>>)]
    pub last: Option<Timestamp>,
    /// Since when its schedules count: what was due before isn't missed.
    #[rkyv(with = As<u64>)]
    pub since: Timestamp,
    /// The last time of each of its schedules that was seen to.
    pub seen_to: Vec<SeenTo>,
    /// Of how many people it is a favourite.
    pub favourites: u64,
    /// How many rated it.
    pub raters: u64,
    /// The stars that those gave it, together.
    pub stars: u64,
}

stored! {
    FlowStats, 1, "FlowStats/1(user, flow, completed, failed, rolled_back, cancelled, dropped, took_ms, last, since, seen_to, favourites, raters, stars)";
    key: (u64, u64) = |s| (s.user.0, s.flow.0);
    of: User, |s| (OrganizationId::of(s.user.0), s.user.0);
}

/// What is counted of an account's flows.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct FlowUse {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// The highest number that a flow had.
    pub flows: u64,
    /// The highest number that a run had.
    pub runs: u64,
    /// Runs that have ended and are kept.
    pub kept: u64,
    /// Bytes of those and of their steps.
    pub bytes: u64,
}

stored! {
    FlowUse, 1, "FlowUse/1(user, flows, runs, kept, bytes)";
    key: u64 = |u| u.user.0;
    of: User, |u| (OrganizationId::of(u.user.0), u.user.0);
}

/// What somebody thinks of a flow.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct FlowOpinion {
    /// Who.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Of whose flow.
    #[rkyv(with = As<u64>)]
    pub of: UserId,
    /// Of which.
    #[rkyv(with = As<u64>)]
    pub flow: FlowNumber,
    /// Whether it is a favourite of theirs.
    pub favourite: bool,
    /// How many stars they give it; 0 for no rating.
    pub stars: u8,
}

stored! {
    FlowOpinion, 1, "FlowOpinion/1(user, of, flow, favourite, stars)";
    key: (u64, u64, u64) = |o| (o.user.0, o.of.0, o.flow.0);
    of: User, |o| (OrganizationId::of(o.user.0), o.user.0);
}

/// How far ahead a time may lie that a schedule was seen to.
const AHEAD: std::time::Duration = std::time::Duration::from_secs(60 * 60);

impl FlowStats {
    /// Until when a schedule was seen to.
    pub fn seen_to(&self, trigger: &str, now: Timestamp) -> Timestamp {
        let until = self.until(trigger);
        if until > now.plus(AHEAD) { now } else { until }
    }

    /// Whether a time of a schedule was seen to.
    pub(in crate::store) fn is_seen_to(&self, trigger: &str, due: Timestamp, now: Timestamp) -> bool {
        let until = self.until(trigger);
        until <= now.plus(AHEAD) && due <= until
    }

    /// What was noted. What lies more than an hour ahead was noted by a clock that was set back since, and keeps the schedule from nothing.
    fn until(&self, trigger: &str) -> Timestamp {
        let seen = self.seen_to.iter().find(|one| one.trigger == trigger);
        self.since.max(seen.map_or(Timestamp(0), |seen| seen.at))
    }

    /// A schedule was seen to, up to a time.
    pub(in crate::store) fn see_to(&mut self, trigger: &str, at: Timestamp) {
        self.seen_to.retain(|one| one.trigger != trigger);
        self.seen_to.push(SeenTo { trigger: trigger.to_owned(), at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    const AT: Timestamp = Timestamp(0x0102_0304);
    const USER: UserId = UserId(5);
    const FLOW: FlowNumber = FlowNumber(2);

    #[test]
    fn the_bytes_of_a_flow_are_these() {
        golden(
            &Flow {
                user: USER,
                id: FLOW,
                name: "tea".to_owned(),
                title: "Tea".to_owned(),
                description: "A long description".to_owned(),
                author: "alice".to_owned(),
                tags: vec!["drinks".to_owned()],
                edition: "1.0.0".to_owned(),
                skill: false,
                version: 3,
                settings: "{}".to_owned(),
                secret: vec![1],
                shared: true,
                off: Some(FlowOff::NotLetIn),
                created: AT,
                changed: AT,
            },
            "0138c911de41206c6f6e67206465736372697074696f6e6472696e6b73ffff0105000000000000000200000000000000746561ffffffffff546561ffffffffff92000000c5ffffff616c696365ffffffc7ffffff01000000312e302e30ffffff0003000000000000007b7dffffffffffffaeffffff0100000001010204030201000000000403020100000000",
        );
    }

    #[test]
    fn the_bytes_of_a_version_are_these() {
        golden(
            &FlowVersion { user: USER, flow: FLOW, version: 3, source: "x".to_owned(), at: AT },
            "01c961e46a05000000000000000200000000000000030000000000000078ffffffffffffff0403020100000000",
        );
    }

    #[test]
    fn the_bytes_of_what_is_counted_are_these() {
        golden(
            &FlowStats {
                user: USER,
                flow: FLOW,
                completed: 1,
                failed: 2,
                rolled_back: 3,
                cancelled: 4,
                dropped: 5,
                took_ms: 6,
                last: Some(AT),
                since: AT,
                seen_to: vec![SeenTo { trigger: "cron".to_owned(), at: AT }],
                favourites: 7,
                raters: 8,
                stars: 9,
            },
            "017b0c340a63726f6effffffff04030201000000000500000000000000020000000000000001000000000000000200000000000000030000000000000004000000000000000500000000000000060000000000000001040302010000000004030201000000009fffffff01000000070000000000000008000000000000000900000000000000",
        );
    }

    #[test]
    fn the_bytes_of_what_is_counted_of_an_account_are_these() {
        golden(
            &FlowUse { user: USER, flows: 2, runs: 7, kept: 6, bytes: 100 },
            "01543cb2f705000000000000000200000000000000070000000000000006000000000000006400000000000000",
        );
    }

    #[test]
    fn the_bytes_of_an_opinion_are_these() {
        golden(
            &FlowOpinion { user: USER, of: UserId(6), flow: FLOW, favourite: true, stars: 4 },
            "015be080ad0500000000000000060000000000000002000000000000000104",
        );
    }
}
