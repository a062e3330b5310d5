//! Runs of flows, each with its steps.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::id::{FlowNumber, FlowRunId, OrganizationId, Timestamp, UserId};

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
    /// Bytes of its steps, of what began it, of what it was given and of why it failed.
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

/// A message of somebody else's server that began a run. One that is delivered again, as servers do that don't know whether it came,
/// begins none.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct FlowMessage {
    /// Whose the flow is.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Which flow.
    #[rkyv(with = As<u64>)]
    pub flow: FlowNumber,
    /// The first eight bytes of the hash of the message's identifier.
    pub message: u64,
    /// The run.
    #[rkyv(with = As<u64>)]
    pub run: FlowRunId,
    /// When it came.
    #[rkyv(with = As<u64>)]
    pub at: Timestamp,
}

stored! {
    FlowMessage, 1, "FlowMessage/1(user, flow, message, run, at)";
    key: (u64, u64, u64) = |m| (m.user.0, m.flow.0, m.message);
    of: User, |m| (OrganizationId::of(m.user.0), m.user.0);
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
    fn the_bytes_of_a_message_are_these() {
        golden(
            &FlowMessage { user: USER, flow: FLOW, message: 9, run: RUN, at: AT },
            "01b6f141aa05000000000000000200000000000000090000000000000007000000000000000403020100000000",
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
