//! Flows: what is done by itself for somebody, and each run of it with its steps.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::id::{FlowNumber, FlowRunId, OrganizationId, Timestamp, UserId};
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
    /// The values that its owner set for its parameters, in JSON.
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
    /// Bytes of the steps of those.
    pub bytes: u64,
}

stored! {
    FlowUse, 1, "FlowUse/1(user, flows, runs, kept, bytes)";
    key: u64 = |u| u.user.0;
    of: User, |u| (OrganizationId::of(u.user.0), u.user.0);
}

/// How far a run is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum RunState {
    /// It waits to begin.
    Queued = 1,
    /// Its steps are done.
    InProgress = 2,
    /// What it did is undone.
    RollingBack = 3,
    /// It did all that it was to do.
    Completed = 4,
    /// A step failed, and what was done before stays.
    Failed = 5,
    /// What it did is undone.
    RolledBack = 6,
    /// Somebody ended it.
    Cancelled = 7,
}

impl RunState {
    /// Whether nothing of it is to be done any more.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::RolledBack | Self::Cancelled)
    }
}

/// What somebody asks of a run that is under way.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum RunWish {
    /// That it ends, and what it did stays.
    Cancel = 1,
    /// That what it did is undone.
    RollBack = 2,
}

/// A run of a flow.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct FlowRun {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Its number among those of the account. None is given twice.
    #[rkyv(with = As<u64>)]
    pub id: FlowRunId,
    /// Of which flow.
    #[rkyv(with = As<u64>)]
    pub flow: FlowNumber,
    /// By which version of it.
    pub version: u64,
    /// How far it is.
    pub state: RunState,
    /// What somebody asks of it.
    pub wish: Option<RunWish>,
    /// The name of the trigger that began it.
    pub trigger: String,
    /// What began it, in JSON.
    pub event: String,
    /// What it was given, in JSON: what a person said while it is queued, and all parameters from when it began.
    pub input: String,
    /// How many flows began each other before it, itself counted.
    pub depth: u8,
    /// The run that this one repeats; 0 for none.
    pub again: u64,
    /// When it was queued.
    #[rkyv(with = As<u64>)]
    pub queued: Timestamp,
    /// When it began.
    #[rkyv(with = Map<As<u64>>)]
    pub began: Option<Timestamp>,
    /// When it ended.
    #[rkyv(with = Map<As<u64>>)]
    pub ended: Option<Timestamp>,
    /// The highest number of its steps.
    pub steps: u32,
    /// How much of it is done, in percent.
    pub progress: u8,
    /// Bytes of its steps.
    pub bytes: u64,
    /// Why it failed or was undone; empty where it didn't and wasn't.
    pub error: String,
}

stored! {
    FlowRun, 1, "FlowRun/1(user, id, flow, version, state, wish, trigger, event, input, depth, again, queued, began, ended, steps, progress, bytes, error)";
    key: (u64, u64) = |r| (r.user.0, r.id.0);
    of: User, |r| (OrganizationId::of(r.user.0), r.user.0);
}

/// A run of which something is to be done. It is there while the run hasn't ended.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct RunAtWork {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Which.
    #[rkyv(with = As<u64>)]
    pub run: FlowRunId,
    /// Of which flow.
    #[rkyv(with = As<u64>)]
    pub flow: FlowNumber,
}

stored! {
    RunAtWork, 1, "RunAtWork/1(user, run, flow)";
    key: (u64, u64) = |r| (r.user.0, r.run.0);
    of: User, |r| (OrganizationId::of(r.user.0), r.user.0);
}

/// How far a step is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum StepState {
    /// It is being done.
    Begun = 1,
    /// It is done.
    Done = 2,
    /// It isn't done, since its condition didn't hold.
    Skipped = 3,
    /// It failed.
    Failed = 4,
    /// What it does is done, as was noted in the same transaction; what it answered isn't known yet.
    Noted = 5,
}

impl StepState {
    /// Whether nothing of it is to be done any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Skipped | Self::Failed)
    }
}

/// A step of a run; with `each`, of one item; or one that undoes another.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct FlowStep {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Of which run.
    #[rkyv(with = As<u64>)]
    pub run: FlowRunId,
    /// Its number among what the run did, from 1.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// The place of its item in the list; `None` for a step that is done once, and for the list of one that is done for each.
    pub index: Option<u32>,
    /// The number of the step that it undoes; 0 for none.
    pub undoes: u32,
    /// How far it is.
    pub state: StepState,
    /// How often it was begun.
    pub attempts: u32,
    /// What it does and was given, in JSON.
    pub input: String,
    /// What it answered, in JSON. For the list of a step that is done for each item, the list.
    pub output: String,
    /// The identifier of what it made, where it was made in the transaction that says that the step is done.
    pub made: Option<u64>,
    /// Why it failed; empty where it didn't.
    pub error: String,
    /// When it began, which its templates see as `now`.
    #[rkyv(with = As<u64>)]
    pub began: Timestamp,
    /// Until when it lets time pass, where it does.
    #[rkyv(with = Map<As<u64>>)]
    pub until: Option<Timestamp>,
    /// When it ended.
    #[rkyv(with = Map<As<u64>>)]
    pub ended: Option<Timestamp>,
}

stored! {
    FlowStep, 1, "FlowStep/1(user, run, number, name, index, undoes, state, attempts, input, output, made, error, began, until, ended)";
    key: (u64, u64, u64) = |s| (s.user.0, s.run.0, u64::from(s.number));
    of: User, |s| (OrganizationId::of(s.user.0), s.user.0);
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

impl FlowStats {
    /// Until when a schedule was seen to.
    pub fn seen_to(&self, trigger: &str) -> Timestamp {
        let seen = self.seen_to.iter().find(|one| one.trigger == trigger);
        self.since.max(seen.map_or(Timestamp(0), |seen| seen.at))
    }

    /// A schedule was seen to, up to a time.
    pub(in crate::store) fn see_to(&mut self, trigger: &str, at: Timestamp) {
        self.seen_to.retain(|one| one.trigger != trigger);
        self.seen_to.push(SeenTo { trigger: trigger.to_owned(), at });
    }
}

impl FlowStep {
    /// Bytes of what it holds that may be long.
    pub(in crate::store) fn bytes(&self) -> u64 {
        (self.input.len() + self.output.len() + self.error.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    const AT: Timestamp = Timestamp(0x0102_0304);
    const USER: UserId = UserId(5);
    const FLOW: FlowNumber = FlowNumber(2);
    const RUN: FlowRunId = FlowRunId(7);

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

    #[test]
    fn the_bytes_of_a_run_are_these() {
        golden(
            &FlowRun {
                user: USER,
                id: RUN,
                flow: FLOW,
                version: 3,
                state: RunState::RollingBack,
                wish: Some(RunWish::Cancel),
                trigger: "hand".to_owned(),
                event: "{}".to_owned(),
                input: "{}".to_owned(),
                depth: 1,
                again: 6,
                queued: AT,
                began: Some(AT),
                ended: None,
                steps: 4,
                progress: 50,
                bytes: 100,
                error: "no milk".to_owned(),
            },
            "01d3dbc0c1050000000000000007000000000000000200000000000000030000000000000003010168616e64ffffffff7b7dffffffffffff7b7dffffffffffff0106000000000000000403020100000000010403020100000000000000000000000000040000003264000000000000006e6f206d696c6bff",
        );
    }

    #[test]
    fn the_bytes_of_a_run_at_work_are_these() {
        golden(
            &RunAtWork { user: USER, run: RUN, flow: FLOW },
            "01f19abb1b050000000000000007000000000000000200000000000000",
        );
    }

    #[test]
    fn the_bytes_of_a_step_are_these() {
        golden(
            &FlowStep {
                user: USER,
                run: RUN,
                number: 4,
                name: "make".to_owned(),
                index: Some(1),
                undoes: 2,
                state: StepState::Noted,
                attempts: 1,
                input: "{}".to_owned(),
                output: "null".to_owned(),
                made: Some(9),
                error: String::new(),
                began: AT,
                until: Some(AT),
                ended: Some(AT),
            },
            "0157fca79b05000000000000000700000000000000040000006d616b65ffffffff01010000000200000005010000007b7dffffffffffff6e756c6cffffffff010900000000000000ffffffffffffffff0403020100000000010403020100000000010403020100000000",
        );
    }
}
