//! Runs of an account's flows: begun by hand, asked something, shown; and what whoever does them reads and writes.

use std::time::Duration;

use serde_json::Value;

use super::super::{AccountError, Accounts};
use super::built_in::is_built_in;
use super::{FlowUnfit, few, given, no_secret};
use crate::bounds::{MAX_RUN_INPUT, page};
use crate::flow::{self, On};
use crate::id::{FlowNumber, FlowRunId, Timestamp, UserId};
use crate::name::folded;
use crate::protocol::wire::{self, FlowRunState, FlowStepState};
use crate::store::write::{self, Advance, FlowError, NewRun};
use crate::store::{By, FlowRun, FlowStep, RunAtWork, RunState, RunWish, StepState};

/// Bytes of what runs were given and began them that a list has at most.
const LIST: usize = 1 << 20;

/// Bytes of inputs and outputs of steps that one run shows at most.
const SHOWN: usize = 3 << 20;

impl Accounts {
    /// A run that somebody begins by hand is queued, where `admit` lets it be.
    pub async fn run_flow(
        &self,
        user: UserId,
        run: &wire::RunFlow,
        admit: impl Fn(FlowNumber) -> Result<(), Duration>,
        by: By,
    ) -> Result<u64, AccountError> {
        few(&run.input)?;
        let row = self.own_flow(user, &run.name)?;
        let flow::Flow::Workflow(workflow) = self.read_flow(&row, row.version)? else {
            return Err(FlowUnfit::Skill.into());
        };
        let trigger = workflow.triggers.iter().find(|trigger| matches!(trigger.on, On::Hand));
        let trigger = trigger.ok_or(FlowUnfit::NotByHand)?;
        let given = given(&workflow.parameters, &run.input, MAX_RUN_INPUT)?;
        no_secret(&workflow.parameters, &given)?;
        admit(row.id).map_err(AccountError::RateLimited)?;
        let event = serde_json::json!({ "at": by.at.to_string() }).to_string();
        let new = NewRun {
            user,
            flow: row.id,
            trigger: trigger.name.clone(),
            event,
            input: Value::Object(given).to_string(),
            depth: 1,
            again: 0,
            due: None,
            over: false,
        };
        Ok(self.run(by, write::queue_run(new)).await?.0)
    }

    /// The same flow is begun again, with what began a run and what it was given, where `admit` lets it be.
    pub async fn run_again(
        &self,
        user: UserId,
        run: u64,
        admit: impl Fn(FlowNumber) -> Result<(), Duration>,
        by: By,
    ) -> Result<u64, AccountError> {
        let old = self.flow_run(user, FlowRunId(run))?.ok_or(FlowError::NoSuchRun)?;
        admit(old.flow).map_err(AccountError::RateLimited)?;
        let new = NewRun {
            user,
            flow: old.flow,
            trigger: old.trigger,
            event: old.event,
            input: old.input,
            depth: 1,
            again: run,
            due: None,
            over: false,
        };
        Ok(self.run(by, write::queue_run(new)).await?.0)
    }

    /// Somebody asks something of a run.
    pub async fn ask_of_run(
        &self,
        user: UserId,
        run: u64,
        wish: RunWish,
        by: By,
    ) -> Result<(), AccountError> {
        self.run(by, write::ask_of_run(user, FlowRunId(run), wish)).await?;
        Ok(())
    }

    /// Runs of somebody's flows, the latest first; or of one that is the server's, where they may see that.
    pub fn flow_runs(
        &self,
        user: UserId,
        list: &wire::ListRuns,
        sees_server: bool,
    ) -> Result<wire::FlowRuns, AccountError> {
        if sees_server && is_built_in(&list.flow) {
            return self.built_in_runs(list);
        }
        let names = self.flow_names(user)?;
        let of = match list.flow.as_str() {
            "" => None,
            name => Some(self.own_flow(user, name)?.id),
        };
        let state = match list.state.as_str() {
            "" => None,
            word => Some(state_of(word).ok_or_else(|| FlowUnfit::State(word.chars().take(64).collect()))?),
        };
        let words: Vec<String> = list.query.split_whitespace().map(folded).collect();
        let name_of =
            |run: &FlowRun| names.iter().find(|(id, _)| *id == run.flow).map(|(_, name)| name.clone());
        let fits = |run: &FlowRun| {
            let text = || {
                let name = name_of(run).unwrap_or_default();
                folded(&format!("{name} {} {} {} {}", run.trigger, run.event, run.input, run.error))
            };
            of.is_none_or(|of| of == run.flow)
                && state.is_none_or(|state| state == run.state)
                && (words.is_empty() || words.iter().all(|word| text().contains(word.as_str())))
        };
        let before = (list.before > 0).then_some(list.before);
        let mut room = LIST;
        let found = self.0.store.flow_runs(user, before, page(list.limit), fits)?;
        let runs = found.into_iter().map(|run| {
            let name = name_of(&run).unwrap_or_default();
            shown_run(run, name, Vec::new(), &mut room)
        });
        Ok(wire::FlowRuns { runs: runs.collect() })
    }

    /// One run with its steps.
    pub fn show_run(
        &self,
        user: UserId,
        show: &wire::ShowRun,
        sees_server: bool,
    ) -> Result<wire::FlowRun, AccountError> {
        if is_built_in(&show.flow) {
            return if sees_server {
                self.show_built_in_run(&show.flow, show.run)
            } else {
                Err(FlowError::NoSuchRun.into())
            };
        }
        let row = self.flow_run(user, FlowRunId(show.run))?.ok_or(FlowError::NoSuchRun)?;
        let is_other =
            |flow: FlowNumber| self.own_flow(user, &show.flow).map_or(true, |named| named.id != flow);
        if !show.flow.is_empty() && is_other(row.flow) {
            return Err(FlowError::NoSuchRun.into());
        }
        let name = self.0.store.flow(user, row.flow)?.map_or_else(String::new, |flow| flow.name);
        let mut room = SHOWN;
        let steps = self.0.store.flow_steps(user, row.id)?;
        let steps = steps.into_iter().map(|step| shown_step(step, &mut room)).collect();
        Ok(shown_run(row, name, steps, &mut SHOWN.clone()))
    }

    /// A run.
    pub fn flow_run(&self, user: UserId, run: FlowRunId) -> Result<Option<FlowRun>, AccountError> {
        Ok(self.0.store.flow_run(user, run)?)
    }

    /// A run goes on. Nothing is answered where it has ended meanwhile.
    pub async fn advance_run(
        &self,
        user: UserId,
        run: FlowRunId,
        advance: Advance,
    ) -> Result<Option<FlowRun>, AccountError> {
        self.run(By::server(self.0.clock.wall()), write::advance_run(user, run, advance)).await
    }

    /// A run that waits comes to nothing.
    pub async fn discard_run(&self, user: UserId, run: FlowRunId, dropped: bool) -> Result<(), AccountError> {
        self.run(By::server(self.0.clock.wall()), write::discard_run(user, run, dropped)).await
    }

    /// Runs wait from now on.
    pub async fn queue_runs(&self, new: Vec<NewRun>) -> Result<(), AccountError> {
        self.run(By::server(self.0.clock.wall()), write::queue_runs(new)).await?;
        Ok(())
    }

    /// A schedule of a flow was seen to, up to a time; nothing begins by that.
    pub async fn see_to_flow(
        &self,
        user: UserId,
        id: FlowNumber,
        trigger: String,
        until: Timestamp,
    ) -> Result<(), AccountError> {
        self.run(By::server(self.0.clock.wall()), write::see_to_flow(user, id, trigger, until)).await
    }

    /// The runs of all accounts of all organizations that haven't ended.
    pub fn all_runs_at_work(&self) -> Result<Vec<RunAtWork>, AccountError> {
        Ok(self.0.store.all_runs_at_work()?)
    }

    /// The runs of an account that haven't ended, the oldest first.
    pub fn runs_at_work_of(&self, user: UserId) -> Result<Vec<RunAtWork>, AccountError> {
        Ok(self.0.store.runs_at_work_of(user)?)
    }

    /// The steps of a run.
    pub fn flow_steps(&self, user: UserId, run: FlowRunId) -> Result<Vec<FlowStep>, AccountError> {
        Ok(self.0.store.flow_steps(user, run)?)
    }

    /// A step of a run.
    pub fn flow_step(
        &self,
        user: UserId,
        run: FlowRunId,
        number: u32,
    ) -> Result<Option<FlowStep>, AccountError> {
        Ok(self.0.store.flow_step(user, run, number)?)
    }
}

/// The state of a word.
pub(super) fn state_of(word: &str) -> Option<RunState> {
    Some(match word {
        "queued" => RunState::Queued,
        "in-progress" => RunState::InProgress,
        "rolling-back" => RunState::RollingBack,
        "completed" => RunState::Completed,
        "failed" => RunState::Failed,
        "rolled-back" => RunState::RolledBack,
        "cancelled" => RunState::Cancelled,
        _ => return None,
    })
}

/// The state, as it is told.
pub(super) fn shown_state(state: RunState) -> FlowRunState {
    match state {
        RunState::Queued => FlowRunState::Queued,
        RunState::InProgress => FlowRunState::InProgress,
        RunState::RollingBack => FlowRunState::RollingBack,
        RunState::Completed => FlowRunState::Completed,
        RunState::Failed => FlowRunState::Failed,
        RunState::RolledBack => FlowRunState::RolledBack,
        RunState::Cancelled => FlowRunState::Cancelled,
    }
}

fn shown_run(run: FlowRun, flow: String, steps: Vec<wire::FlowStep>, room: &mut usize) -> wire::FlowRun {
    let state = shown_state(run.state);
    wire::FlowRun {
        run: run.id.0,
        flow,
        version: run.version,
        state: state.into(),
        progress: run.progress.into(),
        trigger: run.trigger,
        event: within(run.event, room),
        input: within(run.input, room),
        depth: run.depth.into(),
        again: run.again,
        queued_ms: run.queued.0,
        began_ms: run.began.map_or(0, |at| at.0),
        ended_ms: run.ended.map_or(0, |at| at.0),
        error: run.error,
        steps,
    }
}

fn shown_step(step: FlowStep, room: &mut usize) -> wire::FlowStep {
    let state = match step.state {
        StepState::Begun | StepState::Noted => FlowStepState::Begun,
        StepState::Done => FlowStepState::Done,
        StepState::Skipped => FlowStepState::Skipped,
        StepState::Failed => FlowStepState::Failed,
    };
    wire::FlowStep {
        number: step.number,
        name: step.name,
        index: step.index,
        undoes: step.undoes,
        state: state.into(),
        attempts: step.attempts,
        input: within(step.input, room),
        output: within(step.output, room),
        error: step.error,
        began_ms: step.began.0,
        until_ms: step.until.map_or(0, |at| at.0),
        ended_ms: step.ended.map_or(0, |at| at.0),
    }
}

/// A text, while there is room for it.
fn within(text: String, room: &mut usize) -> String {
    let left = room.checked_sub(text.len());
    *room = left.unwrap_or(0);
    if left.is_some() { text } else { String::new() }
}
