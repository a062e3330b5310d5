//! Runs of flows: queued with what begins them, done step by step, ended, kept for a while.

use std::convert::Infallible;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{
    Flow, FlowMessage, FlowRun, FlowStats, FlowStep, FlowVersion, RunAtWork, RunState, RunWish,
};
use super::super::row::Record;
use super::Write;
use super::flow::{FlowError, flow_use_of, stats_of};
use super::hook_message::{NewMessage, add_hook_messages};
use super::rows::remove_in;
use crate::bounds::{
    MAX_FLOW_MESSAGES, MAX_RUN_BYTES, MAX_RUNS_KEPT, MAX_RUNS_WAITING, MESSAGE_KEPT, RUN_KEPT,
};
use crate::id::{FlowNumber, FlowRunId, Timestamp, UserId};

/// A run to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Whose.
    pub user: UserId,
    /// Of which flow.
    pub flow: FlowNumber,
    /// The name of what begins it.
    pub trigger: String,
    /// What begins it, in JSON.
    pub event: String,
    /// What a person says, in JSON; an empty object otherwise.
    pub input: String,
    /// How many flows began each other before it, itself counted.
    pub depth: u8,
    /// The run that it repeats; 0 for none.
    pub again: u64,
    /// The time of a schedule that it is for. A time that was seen to begins nothing again.
    pub due: Option<Timestamp>,
    /// Too many have begun lately: it is counted among those that weren't begun, and that is all.
    pub over: bool,
}

/// Runs wait from now on. What is for a flow that is off, or gone, is for nobody; where too many wait, it is counted and begins
/// nothing. Answers with the runs that wait by that.
pub fn queue_runs(new: Vec<NewRun>) -> Write<Vec<(UserId, FlowRunId)>, Infallible> {
    Write::new(move |open| Ok(queue_all(open, &new)?))
}

fn queue_all(open: &mut Open<'_>, new: &[NewRun]) -> Result<Vec<(UserId, FlowRunId)>, ReadError> {
    let mut queued = Vec::new();
    for one in new {
        let flow: Option<Flow> = open.get((one.user.0, one.flow.0))?;
        let Some(flow) = flow.filter(|flow| flow.off.is_none()) else { continue };
        if let Some(run) = queue(open, &flow, one)? {
            queued.push((one.user, run));
        }
    }
    Ok(queued)
}

/// What belongs to what happened waits from now on: messages to webhooks ([`add_hook_messages`]), and runs of flows
/// ([`queue_runs`]).
pub fn add_event_rows(
    messages: Vec<NewMessage>,
    cut: fn(&str, &str) -> String,
    runs: Vec<NewRun>,
) -> Write<(), Infallible> {
    let (messages, runs) = (add_hook_messages(messages, cut), queue_runs(runs));
    Write::new(move |open| {
        (messages.0)(open)?;
        (runs.0)(open).map(drop)
    })
}

/// A run that somebody asks for waits from now on. Answers with its number.
pub fn queue_run(new: NewRun) -> Write<FlowRunId, FlowError> {
    Write::new(move |open| {
        let flow: Flow = open.require((new.user.0, new.flow.0), FlowError::NoSuchFlow)?;
        if flow.off.is_some() {
            return Err(Stop::Refused(FlowError::Off));
        }
        queue(open, &flow, &new)?.ok_or(Stop::Refused(FlowError::TooManyRuns))
    })
}

/// A run that a message of somebody else's server asks for waits from now on, where this message hasn't begun one: `message` is the first
/// eight bytes of the hash of its identifier. Answers with the run's number, and whether it is a new one.
pub fn queue_run_by_message(new: NewRun, message: u64) -> Write<(FlowRunId, bool), FlowError> {
    let (user, flow) = (new.user, new.flow);
    let run = queue_run(new);
    Write::new(move |open| {
        let at = open.by.at;
        let old: Option<FlowMessage> = open.get((user.0, flow.0, message))?;
        if let Some(old) = old.filter(|old| is_remembered(old, at)) {
            return Ok((old.run, false));
        }
        let run = (run.0)(open)?;
        let mut known = messages_in(open, (user.0, flow.0, 0)..=(user.0, flow.0, u64::MAX))?;
        known.retain(|known| known.message != message);
        known.sort_by_key(|known| (is_remembered(known, at), known.at));
        let going = known.len().saturating_sub(MAX_FLOW_MESSAGES - 1);
        let going = going.max(known.iter().filter(|known| !is_remembered(known, at)).count());
        for gone in &known[..going] {
            let _ = open.put_unaudited(Some(gone), None)?;
        }
        let _ = open.put_unaudited(None, Some(&FlowMessage { user, flow, message, run, at }))?;
        Ok((run, true))
    })
}

/// Whether a message that came isn't too old to be known again. One that came later than now came before the clock was set back.
fn is_remembered(message: &FlowMessage, now: Timestamp) -> bool {
    now.since(message.at) <= MESSAGE_KEPT
}

fn messages_in(
    open: &Open<'_>,
    keys: std::ops::RangeInclusive<(u64, u64, u64)>,
) -> Result<Vec<FlowMessage>, ReadError> {
    open.tables.flow_messages.range(keys)?.map(|row| FlowMessage::decode(row?.1.value())).collect()
}

fn queue(open: &mut Open<'_>, flow: &Flow, new: &NewRun) -> Result<Option<FlowRunId>, ReadError> {
    let user = new.user;
    let mut stats = stats_of(open, user, flow.id)?;
    if let Some(due) = new.due {
        if stats.is_seen_to(&new.trigger, due, open.by.at) {
            return Ok(None);
        }
        stats.since = stats.since.min(due);
        stats.see_to(&new.trigger, due);
        put_stats(open, &stats)?;
    }
    let waiting = open.tables.runs_at_work.range((user.0, 0)..=(user.0, u64::MAX))?.count();
    if new.over || waiting >= MAX_RUNS_WAITING {
        stats.dropped += 1;
        put_stats(open, &stats)?;
        return Ok(None);
    }
    let mut counted = flow_use_of(open, user)?;
    counted.runs += 1;
    let id = FlowRunId(counted.runs);
    let _ = open.put_unaudited(None, Some(&counted))?;
    let run = FlowRun {
        user,
        id,
        flow: flow.id,
        version: flow.version,
        state: RunState::Queued,
        wish: None,
        trigger: new.trigger.clone(),
        event: new.event.clone(),
        input: new.input.clone(),
        depth: new.depth,
        again: new.again,
        queued: open.by.at,
        began: None,
        ended: None,
        steps: 0,
        progress: 0,
        bytes: (new.event.len() + new.input.len()) as u64,
        error: String::new(),
    };
    put_run(open, &run)?;
    let _ = open.put_unaudited(None, Some(&RunAtWork { user, run: id, flow: flow.id }))?;
    Ok(Some(id))
}

/// A flow's schedule was seen to, up to a time; nothing begins by that.
pub fn see_to_flow(user: UserId, id: FlowNumber, trigger: String, until: Timestamp) -> Write<(), Infallible> {
    Write::new(move |open| {
        if open.get::<Flow>((user.0, id.0))?.is_some() {
            let mut stats = stats_of(open, user, id)?;
            if stats.seen_to(&trigger, open.by.at) < until {
                stats.see_to(&trigger, until);
                put_stats(open, &stats)?;
            }
        }
        Ok(())
    })
}

/// How a run goes on; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// Steps that are so from now on.
    pub steps: Vec<FlowStep>,
    /// How far it is.
    pub state: Option<RunState>,
    /// What it was given.
    pub input: Option<String>,
    /// What began it.
    pub event: Option<String>,
    /// How much of it is done, in percent.
    pub progress: Option<u8>,
    /// Why it failed or is undone.
    pub error: Option<String>,
    /// The runs that begin by that.
    pub begins: Vec<NewRun>,
}

/// A run goes on. Answers with it as it is then; with nothing where it has ended, or is gone.
pub fn advance_run(user: UserId, id: FlowRunId, advance: Advance) -> Write<Option<FlowRun>, Infallible> {
    Write::new(move |open| {
        let found: Option<FlowRun> = open.get((user.0, id.0))?;
        let Some(mut run) = found.filter(|run| !run.state.has_ended()) else { return Ok(None) };
        for step in &advance.steps {
            let old: Option<FlowStep> = open.get(step.key())?;
            let before = old.as_ref().map_or(0, FlowStep::bytes);
            run.bytes = run.bytes.saturating_sub(before) + step.bytes();
            run.steps = run.steps.max(step.number);
            let _ = open.put_unaudited(None, Some(step))?;
        }
        run.progress = advance.progress.unwrap_or(run.progress).min(100);
        let told = [
            (&mut run.error, advance.error.as_ref()),
            (&mut run.input, advance.input.as_ref()),
            (&mut run.event, advance.event.as_ref()),
        ];
        for (old, new) in told {
            if let Some(new) = new {
                run.bytes = run.bytes.saturating_sub(old.len() as u64) + new.len() as u64;
                old.clone_from(new);
            }
        }
        if let Some(state) = advance.state {
            if state == RunState::InProgress {
                run.began = run.began.or(Some(open.by.at));
            }
            run.state = state;
        }
        if run.state.has_ended() {
            end(open, &mut run)?;
        } else {
            put_run(open, &run)?;
        }
        queue_all(open, &advance.begins)?;
        Ok(Some(run))
    })
}

/// Somebody asks something of a run. One that waits is cancelled by that; one that has ended is undone.
pub fn ask_of_run(user: UserId, id: FlowRunId, wish: RunWish) -> Write<FlowRun, FlowError> {
    Write::new(move |open| {
        let mut run: FlowRun = open.require((user.0, id.0), FlowError::NoSuchRun)?;
        match (wish, run.state) {
            (RunWish::RollBack, RunState::RolledBack | RunState::RollingBack) => {
                return Err(Stop::Refused(FlowError::Undone));
            }
            (RunWish::Cancel, state) if state.has_ended() => return Err(Stop::Refused(FlowError::Ended)),
            (_, RunState::Queued) => {
                run.state = RunState::Cancelled;
                end(open, &mut run)?;
            }
            (RunWish::RollBack, state) if state.has_ended() => {
                let _: FlowVersion =
                    open.require((user.0, run.flow.0, run.version), FlowError::NoSuchVersion)?;
                begin_again(open, &mut run)?;
            }
            _ => {
                run.wish = Some(wish);
                put_run(open, &run)?;
            }
        }
        Ok(run)
    })
}

/// What a run did that has ended is undone from now on.
fn begin_again(open: &mut Open<'_>, run: &mut FlowRun) -> Result<(), ReadError> {
    let mut counted = flow_use_of(open, run.user)?;
    counted.kept = counted.kept.saturating_sub(1);
    counted.bytes = counted.bytes.saturating_sub(run.bytes);
    let _ = open.put_unaudited(None, Some(&counted))?;
    (run.state, run.wish, run.ended) = (RunState::RollingBack, None, None);
    "its owner had it undone".clone_into(&mut run.error);
    put_run(open, run)?;
    let _ = open.put_unaudited(None, Some(&RunAtWork { user: run.user, run: run.id, flow: run.flow }))?;
    Ok(())
}

/// A run that waits comes to nothing, as if it had never been: what its trigger asks for doesn't hold. `dropped` counts it among
/// those that weren't begun.
pub fn discard_run(user: UserId, id: FlowRunId, dropped: bool) -> Write<(), Infallible> {
    Write::new(move |open| {
        let run: Option<FlowRun> = open.get((user.0, id.0))?;
        let Some(run) = run.filter(|run| run.state == RunState::Queued) else { return Ok(()) };
        if dropped {
            let mut stats = stats_of(open, user, run.flow)?;
            stats.dropped += 1;
            put_stats(open, &stats)?;
        }
        remove_in::<RunAtWork>(open, (user.0, id.0)..=(user.0, id.0))?;
        let _ = open.put_unaudited(Some(&run), None)?;
        Ok(())
    })
}

/// Removes runs of all accounts that ended longer ago than they are kept, and the messages that began some. Answers with how many runs.
pub fn sweep_runs() -> Write<u64, Infallible> {
    Write::new(|open| {
        let oldest = open.by.at.0.saturating_sub(u64::try_from(RUN_KEPT.as_millis()).unwrap_or(u64::MAX));
        let mut going = Vec::new();
        for row in open.tables.flow_runs.all()? {
            let run = FlowRun::decode(row?.1.value())?;
            if run.ended.is_some_and(|ended| ended.0 < oldest) {
                going.push(run);
            }
        }
        for run in &going {
            let mut counted = flow_use_of(open, run.user)?;
            counted.kept = counted.kept.saturating_sub(1);
            counted.bytes = counted.bytes.saturating_sub(run.bytes);
            let _ = open.put_unaudited(None, Some(&counted))?;
            forget(open, run)?;
        }
        let messages = messages_in(open, (0, 0, 0)..=(u64::MAX, u64::MAX, u64::MAX))?;
        let now = open.by.at;
        for message in messages.iter().filter(|message| !is_remembered(message, now)) {
            let _ = open.put_unaudited(Some(message), None)?;
        }
        Ok(going.len() as u64)
    })
}

/// All runs of an account that go on end where they are, and what they did stays.
pub(super) fn end_runs_of(open: &mut Open<'_>, user: UserId, why: &str) -> Result<(), ReadError> {
    let rows = open.tables.runs_at_work.range((user.0, 0)..=(user.0, u64::MAX))?;
    let at_work: Vec<RunAtWork> =
        rows.map(|row| RunAtWork::decode(row?.1.value())).collect::<Result<_, ReadError>>()?;
    for RunAtWork { run, .. } in at_work {
        if let Some(mut run) = open.get::<FlowRun>((user.0, run.0))? {
            run.bytes = run.bytes.saturating_sub(run.error.len() as u64) + why.len() as u64;
            (run.state, run.error) = (RunState::Cancelled, why.to_owned());
            end(open, &mut run)?;
        }
    }
    Ok(())
}

fn put_run(open: &mut Open<'_>, run: &FlowRun) -> Result<(), ReadError> {
    let _ = open.put_unaudited(None, Some(run))?;
    Ok(())
}

fn put_stats(open: &mut Open<'_>, stats: &FlowStats) -> Result<(), ReadError> {
    let _ = open.put_unaudited(None, Some(stats))?;
    Ok(())
}

/// A run has ended, and is counted and kept. At the bound the oldest that has ended goes.
fn end(open: &mut Open<'_>, run: &mut FlowRun) -> Result<(), ReadError> {
    let now = open.by.at;
    (run.ended, run.wish) = (Some(now), None);
    if run.state == RunState::Completed {
        run.progress = 100;
    }
    put_run(open, run)?;
    remove_in::<RunAtWork>(open, (run.user.0, run.id.0)..=(run.user.0, run.id.0))?;
    let mut stats = stats_of(open, run.user, run.flow)?;
    match run.state {
        RunState::Completed => stats.completed += 1,
        RunState::RolledBack => stats.rolled_back += 1,
        RunState::Cancelled => stats.cancelled += 1,
        RunState::Failed | RunState::Queued | RunState::InProgress | RunState::RollingBack => {
            stats.failed += 1;
        }
    }
    let took = now.since(run.began.unwrap_or(now));
    stats.took_ms = stats.took_ms.saturating_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    stats.last = Some(now);
    put_stats(open, &stats)?;
    let mut counted = flow_use_of(open, run.user)?;
    counted.kept += 1;
    counted.bytes += run.bytes;
    while counted.kept > MAX_RUNS_KEPT || counted.bytes > MAX_RUN_BYTES {
        let Some(oldest) = oldest_that_ended(open, run.user)? else { break };
        counted.kept = counted.kept.saturating_sub(1);
        counted.bytes = counted.bytes.saturating_sub(oldest.bytes);
        forget(open, &oldest)?;
    }
    let _ = open.put_unaudited(None, Some(&counted))?;
    Ok(())
}

fn oldest_that_ended(open: &Open<'_>, user: UserId) -> Result<Option<FlowRun>, ReadError> {
    for row in open.tables.flow_runs.range((user.0, 0)..=(user.0, u64::MAX))? {
        let run = FlowRun::decode(row?.1.value())?;
        if run.state.has_ended() {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

fn forget(open: &mut Open<'_>, run: &FlowRun) -> Result<(), ReadError> {
    remove_in::<FlowStep>(open, (run.user.0, run.id.0, 0)..=(run.user.0, run.id.0, u64::MAX))?;
    let _ = open.put_unaudited(Some(run), None)?;
    Ok(())
}

#[cfg(test)]
mod tests;
