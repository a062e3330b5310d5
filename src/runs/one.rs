//! One run: from when it is queued to its end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::parts::{Key, PAUSE, Parts};
use super::scope::{at_item, at_step, of_run, restored, value};
use crate::account::AccountError;
use crate::bounds::{MAX_BYTES_OF_RUN, MAX_FLOW_DEPTH, MAX_RUN_ERROR, MAX_STEPS_OF_RUN};
use crate::control::{Handle, Organizations, Refused};
use crate::flow::{self, Ended, Flow, On, OnFailure, Scope, Step, Undo, Workflow, hide, secrets};
use crate::id::{OrganizationId, Timestamp};
use crate::store::write::{Advance, FlowError, NewRun};
use crate::store::{self, FlowOff, FlowRun, FlowStep, RunState, RunWish, StepState};
use crate::voice::Peer;

/// A run that is to be done.
pub(super) struct One<P> {
    pub(super) organizations: Organizations<P>,
    pub(super) parts: Arc<Parts>,
    pub(super) key: Key,
    /// Somebody asks something of it, or another run has ended.
    pub(super) news: Arc<Notify>,
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// To go on.
    GoOn,
    /// To wait for what is new.
    Wait,
    /// To wait until a time, or for what is new.
    Until(Timestamp),
    /// Nothing.
    Nothing,
}

/// A run at work, with all that it needs.
pub(super) struct Work<P> {
    pub(super) handle: Handle<P>,
    pub(super) parts: Arc<Parts>,
    pub(super) row: store::Flow,
    pub(super) workflow: Workflow,
    pub(super) run: FlowRun,
    pub(super) steps: Vec<FlowStep>,
    /// Steps that have ended and aren't said to have yet: they are written with what comes next.
    ended: Vec<FlowStep>,
    /// The values of the parameters.
    pub(super) input: Map<String, Value>,
    /// The texts that no record of the run shows.
    pub(super) hidden: Vec<String>,
    /// The values that the owner set.
    pub(super) settings: Map<String, Value>,
    /// What began it.
    pub(super) event: Value,
    /// The owner's name.
    pub(super) owner: String,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// It is over, and the run goes on.
    Over,
    /// It isn't over.
    Later(Next),
    /// The run ends, and is completed.
    Stop,
    /// The run fails.
    Fail(String),
}

impl<P: Peer> One<P> {
    /// Does what is to be done, until nothing is.
    pub(super) async fn run(&self) {
        loop {
            match self.go_on().await {
                Ok(Next::Nothing) | Err(Refused::NoSuchOrganization | Refused::Stopping) => return,
                Ok(_) => (),
                Err(error) => {
                    let (user, run) = self.key;
                    tracing::warn!(%error, %user, %run, "a run of a flow waits");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn go_on(&self) -> Result<Next, Refused> {
        let Some(mut work) = self.look().await? else { return Ok(Next::Nothing) };
        loop {
            let place = self.parts.shares.take(self.key.0).await;
            let next = work.go_on().await?;
            drop(place);
            match next {
                Next::GoOn => (),
                Next::Nothing => return Ok(Next::Nothing),
                // What is new is looked at in the store.
                Next::Wait => {
                    self.news.notified().await;
                    return Ok(Next::GoOn);
                }
                Next::Until(time) => {
                    tokio::select! {
                        () = work.handle.clock().until_wall(time) => (),
                        () = self.news.notified() => (),
                    }
                    return Ok(Next::GoOn);
                }
            }
        }
    }

    /// The run as it is kept; nothing where there is nothing to do for it.
    async fn look(&self) -> Result<Option<Work<P>>, Refused> {
        let (user, id) = self.key;
        let handle = self.organizations.numbered(OrganizationId::of(user.0)).await?;
        let accounts = handle.accounts();
        let Some(run) = accounts.flow_run(user, id)?.filter(|run| !run.state.has_ended()) else {
            return Ok(None);
        };
        let Some(row) = accounts.flow_row(user, run.flow)? else { return Ok(None) };
        let flow = match self.parts.flow(accounts, &row, run.version) {
            Ok(flow) => flow,
            Err(error @ (AccountError::Flow(FlowError::NoSuchVersion) | AccountError::Unfit(_))) => {
                let (state, error) = (Some(RunState::Failed), Some(error.to_string()));
                accounts.advance_run(user, id, Advance { state, error, ..Advance::default() }).await?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let Flow::Workflow(workflow) = (*flow).clone() else { return Ok(None) };
        let settings = match accounts.flow_settings(&row) {
            // They are set for the flow's last version, and this may be a run of one before.
            Ok(mut settings) => {
                settings.retain(|name, _| workflow.parameters.iter().any(|one| one.name == *name));
                settings
            }
            Err(error @ AccountError::Flow(FlowError::Sealed)) => {
                let (state, error) = (Some(RunState::Failed), Some(error.to_string()));
                accounts.advance_run(user, id, Advance { state, error, ..Advance::default() }).await?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let input = restored(&workflow.parameters, &run.input, &settings);
        let hidden = secrets(&workflow.parameters, &input);
        Ok(Some(Work {
            parts: Arc::clone(&self.parts),
            steps: accounts.flow_steps(user, id)?,
            ended: Vec::new(),
            input,
            hidden,
            event: value(&run.event),
            owner: accounts.owner_name(user)?,
            settings,
            workflow,
            row,
            run,
            handle,
        }))
    }
}

impl<P: Peer> Work<P> {
    /// Does what is next.
    async fn go_on(&mut self) -> Result<Next, Refused> {
        // What was asked while a step was done is seen before the next one.
        let now = self.handle.accounts().flow_run(self.run.user, self.run.id)?;
        let Some(now) = now.filter(|now| !now.state.has_ended()) else { return Ok(Next::Nothing) };
        self.run.wish = now.wish;
        match self.run.state {
            RunState::Queued => self.begin().await,
            RunState::InProgress => self.go_through().await,
            RunState::RollingBack => self.undo_all().await,
            RunState::Completed | RunState::Failed | RunState::RolledBack | RunState::Cancelled => {
                Ok(Next::Nothing)
            }
        }
    }

    /// The first step that isn't over is done.
    async fn go_through(&mut self) -> Result<Next, Refused> {
        // What is done already is noted with its answer before anything else.
        let is_noted = self.steps.iter().any(|step| step.state == StepState::Noted);
        match self.run.wish.filter(|_| !is_noted) {
            Some(RunWish::Cancel) => {
                return self.end(RunState::Cancelled, "its owner ended it".to_owned()).await;
            }
            Some(RunWish::RollBack) => return self.roll_back("its owner had it undone".to_owned()).await,
            None => (),
        }
        if self.run.steps >= MAX_STEPS_OF_RUN || self.run.bytes > MAX_BYTES_OF_RUN {
            let words = format!(
                "it came to more than {MAX_STEPS_OF_RUN} steps or {} KiB of them",
                MAX_BYTES_OF_RUN / 1_024
            );
            return self.fail(words).await;
        }
        let all = self.workflow.steps.len();
        let next = (0..all).find(|place| !self.is_over(&self.workflow.steps[*place].name));
        let Some(place) = next else { return self.end(RunState::Completed, String::new()).await };
        let step = self.workflow.steps[place].clone();
        self.run.progress = (place * 100 / all.max(1)) as u8;
        let outcome = match &step.each {
            Some(_) => self.do_each(&step).await?,
            None => self.do_step(&step, None).await?,
        };
        match outcome {
            Outcome::Over => Ok(Next::GoOn),
            Outcome::Later(next) => Ok(next),
            Outcome::Stop => self.end(RunState::Completed, String::new()).await,
            Outcome::Fail(error) => self.fail(format!("step `{}`: {error}", step.name)).await,
        }
    }

    fn is_over(&self, name: &str) -> bool {
        self.steps
            .iter()
            .any(|step| step.undoes == 0 && step.index.is_none() && step.name == name && step.state.is_over())
    }

    /// The step's row, of an item or of the whole.
    pub(super) fn step_row(&self, name: &str, index: Option<u32>) -> Option<&FlowStep> {
        self.steps.iter().find(|step| step.undoes == 0 && step.index == index && step.name == name)
    }

    pub(super) fn scope(&self) -> Scope {
        of_run(&self.run, &self.row.name, &self.owner, &self.input)
    }

    /// The list of a step that is done for each item of it is worked out.
    async fn begin_each(&mut self, step: &Step) -> Result<Outcome, Refused> {
        let mut row = self.new_step(&step.name, None, 0);
        let scope = at_step(&self.scope(), row.began, &self.steps);
        match step.each.as_ref().map(|each| each.items(&scope)).transpose() {
            Ok(items) => row.output = self.hidden(Value::from(items.unwrap_or_default())),
            Err(error) => {
                let error = format!("`each`: {error}");
                self.over(row, StepState::Failed, "null".to_owned(), error.clone());
                return Ok(if step.may_fail { Outcome::Over } else { Outcome::Fail(error) });
            }
        }
        self.write(row).await?;
        Ok(Outcome::Over)
    }

    /// The next item of a list is done.
    async fn do_each(&mut self, step: &Step) -> Result<Outcome, Refused> {
        let Some(row) = self.step_row(&step.name, None).cloned() else { return self.begin_each(step).await };
        let items: Vec<Value> = serde_json::from_str(&row.output).unwrap_or_default();
        // By their places, since there may be a thousand of them, each of which is asked about each time.
        let of_list =
            self.steps.iter().filter(|one| one.undoes == 0 && one.name == step.name && one.state.is_over());
        let over: HashMap<u32, &FlowStep> =
            of_list.filter_map(|one| one.index.map(|index| (index, one))).collect();
        let next = (0..items.len() as u32).find(|index| !over.contains_key(index));
        let Some(index) = next else {
            let of_item = |index: u32| over.get(&index).map(|item| value(&item.output));
            let outputs: Vec<Value> =
                (0..items.len() as u32).map(|index| of_item(index).unwrap_or_default()).collect();
            let shown = FlowStep { input: json!({ "each": items }).to_string(), ..row };
            return Ok(self.over(shown, StepState::Done, Value::from(outputs).to_string(), String::new()));
        };
        let item = items[index as usize].clone();
        self.do_step(step, Some((index, &item))).await
    }

    /// A step of this run that isn't begun yet.
    pub(super) fn new_step(&self, name: &str, index: Option<u32>, undoes: u32) -> FlowStep {
        let last = self.steps.iter().map(|step| step.number).max().unwrap_or(0);
        FlowStep {
            user: self.run.user,
            run: self.run.id,
            number: last + 1,
            name: name.to_owned(),
            index,
            undoes,
            state: StepState::Begun,
            attempts: 1,
            input: "{}".to_owned(),
            output: "null".to_owned(),
            made: None,
            error: String::new(),
            began: self.handle.clock().wall(),
            until: None,
            ended: None,
        }
    }

    /// A value as it is kept: without what is secret.
    pub(super) fn hidden(&self, mut value: Value) -> String {
        hide(&mut value, &self.hidden);
        value.to_string()
    }

    /// What is said of a failure, as it is kept: without what is secret, and no longer than anybody reads.
    pub(super) fn hidden_text(&self, text: &str) -> String {
        let mut shown = flow::hidden(text, &self.hidden);
        if shown.len() > MAX_RUN_ERROR {
            let end = (0..=MAX_RUN_ERROR).rev().find(|end| shown.is_char_boundary(*end));
            shown.truncate(end.unwrap_or(0));
            shown.push_str("...");
        }
        shown
    }

    /// A step is so from now on, once it is written; with it those that have ended.
    pub(super) async fn write(&mut self, step: FlowStep) -> Result<(), Refused> {
        self.put(step.clone());
        let mut steps = std::mem::take(&mut self.ended);
        steps.retain(|one| one.number != step.number);
        steps.push(step);
        let progress = Some(self.run.progress);
        let advance = Advance { steps, progress, ..Advance::default() };
        let after = self.handle.accounts().advance_run(self.run.user, self.run.id, advance).await?;
        match after {
            Some(after) => self.run = after,
            // Removed meanwhile.
            None => return Err(Refused::NoSuchOrganization),
        }
        Ok(())
    }

    fn put(&mut self, step: FlowStep) {
        match self.steps.iter_mut().find(|one| one.number == step.number) {
            Some(one) => *one = step,
            None => self.steps.push(step),
        }
    }

    /// A step has come to an end, which is written with what comes next.
    pub(super) fn over(
        &mut self,
        step: FlowStep,
        state: StepState,
        output: String,
        error: String,
    ) -> Outcome {
        let ended = Some(self.handle.clock().wall());
        let error = if error.is_empty() { error } else { self.hidden_text(&error) };
        let step = FlowStep { state, output, error, ended, ..step };
        self.put(step.clone());
        self.ended.push(step);
        Outcome::Over
    }

    /// The run goes on as it is said.
    pub(super) async fn advance(&mut self, advance: Advance) -> Result<Next, Refused> {
        let mut steps = std::mem::take(&mut self.ended);
        steps.extend(advance.steps);
        let error = advance.error.map(|error| self.hidden_text(&error));
        let advance = Advance { steps, error, ..advance };
        let after = self.handle.accounts().advance_run(self.run.user, self.run.id, advance).await?;
        let Some(after) = after else { return Ok(Next::Nothing) };
        self.run = after;
        Ok(if self.run.state.has_ended() { Next::Nothing } else { Next::GoOn })
    }

    /// The run ends; other flows of its owner may begin by that, in the same transaction.
    pub(super) async fn end(&mut self, state: RunState, error: String) -> Result<Next, Refused> {
        let begins = self.begun_by(state)?;
        self.advance(Advance { state: Some(state), error: Some(error), begins, ..Advance::default() }).await
    }

    /// The runs that begin when this one ends like that.
    fn begun_by(&self, state: RunState) -> Result<Vec<NewRun>, Refused> {
        let (ended, word) = match state {
            RunState::Completed => (Ended::Completed, "completed"),
            RunState::RolledBack => (Ended::RolledBack, "rolled-back"),
            RunState::Cancelled => (Ended::Cancelled, "cancelled"),
            _ => (Ended::Failed, "failed"),
        };
        let depth = self.run.depth.saturating_add(1);
        if usize::from(depth) > MAX_FLOW_DEPTH {
            return Ok(Vec::new());
        }
        let accounts = self.handle.accounts();
        let at = self.handle.clock().wall().to_string();
        let mut begun = Vec::new();
        for row in accounts.flows_on_of(self.run.user)? {
            let Ok(flow) = self.parts.flow(accounts, &row, row.version) else { continue };
            let Flow::Workflow(workflow) = &*flow else { continue };
            let is_begun = |on: &On| matches!(on, On::Workflow { name, ended: wanted } if *name == self.row.name && wanted.contains(&ended));
            for trigger in workflow.triggers.iter().filter(|trigger| is_begun(&trigger.on)) {
                let event = json!({
                    "flow": self.row.name, "run": self.run.id.to_string(), "status": word, "at": at,
                });
                begun.push(NewRun {
                    user: row.user,
                    flow: row.id,
                    trigger: trigger.name.clone(),
                    event: event.to_string(),
                    input: "{}".to_owned(),
                    depth,
                    again: 0,
                    due: None,
                    over: self.handle.admit_run(row.user, row.id).is_err(),
                });
            }
        }
        Ok(begun)
    }

    /// A step has failed: what was done before is undone, or stays, as the flow says.
    async fn fail(&mut self, error: String) -> Result<Next, Refused> {
        if self.workflow.on_failure == OnFailure::RollBack && self.next_to_undo().is_some() {
            return self.roll_back(error).await;
        }
        self.end(RunState::Failed, error).await
    }

    async fn roll_back(&mut self, error: String) -> Result<Next, Refused> {
        let (state, error) = (Some(RunState::RollingBack), Some(error));
        self.advance(Advance { state, error, ..Advance::default() }).await
    }

    /// The last step that is done, says how it is undone, and isn't.
    fn next_to_undo(&self) -> Option<(FlowStep, Step, Undo)> {
        let over = self.steps.iter().filter(|one| one.undoes > 0 && one.state.is_over());
        let undone: HashSet<u32> = over.map(|one| one.undoes).collect();
        let is_left = |step: &&FlowStep| {
            step.undoes == 0 && step.state == StepState::Done && !undone.contains(&step.number)
        };
        let mut done: Vec<&FlowStep> = self.steps.iter().filter(is_left).collect();
        done.sort_by_key(|step| std::cmp::Reverse(step.number));
        done.into_iter().find_map(|row| {
            let step = self.workflow.steps.iter().find(|step| step.name == row.name)?;
            // Of a list each item is undone by itself.
            if step.each.is_some() != row.index.is_some() {
                return None;
            }
            Some((row.clone(), step.clone(), step.undo.clone()?))
        })
    }

    /// The last step that isn't undone is.
    async fn undo_all(&mut self) -> Result<Next, Refused> {
        let Some((done, step, undo)) = self.next_to_undo() else {
            let left: Vec<_> =
                self.steps.iter().filter(|one| one.undoes > 0 && one.state == StepState::Failed).collect();
            if left.is_empty() {
                let error = self.run.error.clone();
                return self.end(RunState::RolledBack, error).await;
            }
            let names: Vec<_> = left.iter().map(|one| format!("`{}` ({})", one.name, one.error)).collect();
            let error = format!("{}; what couldn't be undone: {}", self.run.error, names.join(", "));
            return self.end(RunState::Failed, error).await;
        };
        let is_noted = self.steps.iter().any(|step| step.state == StepState::Noted);
        if self.run.wish == Some(RunWish::Cancel) && !is_noted {
            let error = format!("{}; its owner ended it before all was undone", self.run.error);
            return self.end(RunState::Cancelled, error).await;
        }
        let begun = self.steps.iter().find(|one| one.undoes == done.number).cloned();
        let row = begun.clone().unwrap_or_else(|| self.new_step(&done.name, done.index, done.number));
        let before: Vec<_> = self.steps.iter().filter(|one| one.number < done.number).cloned().collect();
        let items = self.step_row(&step.name, None).map(|list| {
            // While its items are done, a list is the output; after that it is the input.
            let each = value(&list.input).get("each").cloned();
            each.unwrap_or_else(|| value(&list.output))
        });
        let item = done.index.and_then(|index| Some((index, items.as_ref()?.get(index as usize)?.clone())));
        let scope = at_step(&self.scope(), row.began, &before);
        let scope = at_item(&scope, item.as_ref().map(|(index, item)| (*index, item)));
        let scope = scope.with("output", &value(&done.output));
        match self.do_call(row, begun.is_some(), (&undo.action, &undo.with), &scope).await? {
            Outcome::Later(next) => Ok(next),
            _ => Ok(Next::GoOn),
        }
    }

    /// The flow is off, since its owner isn't let in; that is said as why the run fails.
    pub(super) async fn not_let_in(&self, error: &AccountError) -> Result<String, Refused> {
        self.handle.turn_flow_off(self.run.user, self.run.flow, FlowOff::NotLetIn).await?;
        let why = match error {
            AccountError::TokenInvalid => "the account is disabled".to_owned(),
            error => error.to_string(),
        };
        Ok(format!("the flow's owner isn't let in any more ({why}), so the flow is off"))
    }
}
