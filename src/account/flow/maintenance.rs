//! What the server does for itself, with the runs that are kept of it, as flows and their runs are shown.

use serde_json::Value;

use super::super::{AccountError, Accounts};
use super::built_in::{ALL, BuiltIn, named};
use super::runs::{shown_state, state_of};
use super::{FlowUnfit, score_of};
use crate::bounds::page;
use crate::id::Timestamp;
use crate::name::folded;
use crate::protocol::wire::{self, FlowRunState, FlowStepState};
use crate::store::write::FlowError;
use crate::store::{Job, JobState};

impl Accounts {
    /// Those that fit, each with how its runs went that are kept.
    pub(super) fn built_in_flows(&self, words: &[String]) -> Result<Vec<wire::Flow>, AccountError> {
        let jobs = self.0.store.jobs(None, usize::MAX)?;
        let fits = |one: &&BuiltIn| score_of([one.name, one.title, "", one.description], words).is_some();
        Ok(ALL.iter().filter(fits).map(|one| shown(one, &jobs)).collect())
    }

    /// One of them.
    pub(super) fn show_built_in(&self, name: &str) -> Result<wire::FlowShown, AccountError> {
        let one = named(name)?;
        let jobs = self.0.store.jobs(None, usize::MAX)?;
        Ok(wire::FlowShown { flow: Some(shown(one, &jobs)), ..wire::FlowShown::default() })
    }

    /// The runs of one of them, the latest first.
    pub(super) fn built_in_runs(&self, list: &wire::ListRuns) -> Result<wire::FlowRuns, AccountError> {
        let one = named(&list.flow)?;
        let state = match list.state.as_str() {
            "" => None,
            word => Some(state_of(word).ok_or_else(|| FlowUnfit::State(word.chars().take(64).collect()))?),
        };
        let words: Vec<String> = list.query.split_whitespace().map(folded).collect();
        let fits = |job: &Job| {
            let text = folded(&format!("{} {}", job.steps.join(" "), job.error.as_deref().unwrap_or("")));
            job.kind == one.kind
                && (list.before == 0 || job.id.0 < list.before)
                && state.is_none_or(|state| shown_state(state) == state_of_job(job.state))
                && words.iter().all(|word| text.contains(word.as_str()))
        };
        let jobs = self.0.store.jobs(None, usize::MAX)?;
        let runs = jobs.iter().filter(|job| fits(job)).take(page(list.limit)).map(|job| shown_run(one, job));
        Ok(wire::FlowRuns { runs: runs.collect() })
    }

    /// A run of one of them, with what was done.
    pub(super) fn show_built_in_run(&self, name: &str, run: u64) -> Result<wire::FlowRun, AccountError> {
        let one = named(name)?;
        let jobs = self.0.store.jobs(None, usize::MAX)?;
        let job = jobs.iter().find(|job| job.id.0 == run && job.kind == one.kind);
        let job = job.ok_or(FlowError::NoSuchRun)?;
        let step = |(place, step): (usize, &String)| wire::FlowStep {
            number: place as u32 + 1,
            name: format!("step_{}", place + 1),
            state: FlowStepState::Done.into(),
            attempts: 1,
            input: "{}".to_owned(),
            output: Value::from(step.as_str()).to_string(),
            began_ms: job.started.0,
            ..wire::FlowStep::default()
        };
        let steps = job.steps.iter().enumerate().map(step).collect();
        Ok(wire::FlowRun { steps, ..shown_run(one, job) })
    }
}

fn shown(one: &BuiltIn, jobs: &[Job]) -> wire::Flow {
    let of_kind = || jobs.iter().filter(|job| job.kind == one.kind);
    let count = |state| of_kind().filter(|job| job.state == state).count() as u64;
    let took = |job: &Job| Some(job.finished?.since(job.started).as_millis());
    let ended = of_kind().filter_map(took).count() as u128;
    let average = of_kind().filter_map(took).sum::<u128>().checked_div(ended).unwrap_or(0);
    let last = of_kind().filter_map(|job| job.finished).max().unwrap_or(Timestamp(0));
    wire::Flow {
        name: one.name.to_owned(),
        title: one.title.to_owned(),
        description: one.description.to_owned(),
        built_in: true,
        shared: true,
        completed: count(JobState::Done),
        failed: count(JobState::Failed),
        rolled_back: count(JobState::RolledBack),
        average_ms: u64::try_from(average).unwrap_or(u64::MAX),
        last_ms: last.0,
        ..wire::Flow::default()
    }
}

fn state_of_job(state: JobState) -> FlowRunState {
    match state {
        JobState::Queued => FlowRunState::Queued,
        JobState::Running => FlowRunState::InProgress,
        JobState::Done => FlowRunState::Completed,
        JobState::Failed => FlowRunState::Failed,
        JobState::RolledBack => FlowRunState::RolledBack,
    }
}

fn shown_run(one: &BuiltIn, job: &Job) -> wire::FlowRun {
    wire::FlowRun {
        run: job.id.0,
        flow: one.name.to_owned(),
        state: state_of_job(job.state).into(),
        progress: job.progress.into(),
        trigger: "server".to_owned(),
        event: "{}".to_owned(),
        input: "{}".to_owned(),
        queued_ms: job.started.0,
        began_ms: job.started.0,
        ended_ms: job.finished.map_or(0, |at| at.0),
        error: job.error.clone().unwrap_or_default(),
        ..wire::FlowRun::default()
    }
}
