//! How flows and their runs are shown.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::output::{Output, paint, styled};
use crate::cli::words::clock;
use crate::client::Session;
use crate::id::Timestamp;
use crate::protocol::wire::{self, FlowOff, FlowRunState, FlowStepState};

/// The columns of flows, as [`flow_row`] has them.
pub(super) const FLOWS: &[(&str, &str, &str)] = &[
    ("name", "Flow", ""),
    ("title", "Title", ""),
    ("owner", "Of", "?"),
    ("state", "State", ""),
    ("runs", "Runs", "none"),
    ("well", "Went well", "-"),
    ("average", "Takes", "-"),
    ("last", "Last", "never"),
    ("rating", "Rating", "-"),
    ("favourites", "Favourite of", "-"),
];

/// The columns of runs, as [`run_row`] has them.
pub(super) const RUNS: &[(&str, &str, &str)] = &[
    ("run", "Run", ""),
    ("flow", "Flow", "?"),
    ("state", "State", ""),
    ("trigger", "Begun by", ""),
    ("queued", "When", ""),
    ("took", "Took", "-"),
    ("error", "Why", "-"),
];

const STEPS: &[(&str, &str, &str)] = &[
    ("step", "Step", ""),
    ("does", "Does", "-"),
    ("state", "State", ""),
    ("took", "Took", "-"),
    ("with", "With", "-"),
    ("output", "Answered", "-"),
    ("error", "Error", "-"),
];

/// Characters of what a step was given, and answered, that a table shows.
const SHORT: usize = 60;

/// Shows a flow.
pub(super) async fn show(
    session: &Session,
    name: &str,
    version: u64,
    source: bool,
    output: Output,
) -> anyhow::Result<()> {
    let shown = session.flow(name, version).await?;
    let flow = shown.flow.clone().unwrap_or_default();
    if output.is_json() {
        let mut row = flow_row(&flow);
        row["source"] = shown.source.into();
        row["source_version"] = shown.version.into();
        let versions = shown.versions.iter();
        row["versions"] =
            versions.map(|one| json!({ "version": one.version, "at": Timestamp(one.at_ms) })).collect();
        row["settings"] =
            shown.settings.iter().map(|one| json!({ "name": one.name, "value": one.value })).collect();
        output.object(&row);
        return Ok(());
    }
    if source {
        output.line(shown.source.trim_end());
        return Ok(());
    }
    let bold = |text: &str| paint(text, "1", styled());
    output.line(format!("{}  {}", bold(&flow.name), flow.title));
    if !flow.description.is_empty() {
        output.line(format!("  {}", flow.description));
    }
    let row = flow_row(&flow);
    let say = |heading: &str, text: String| {
        if !text.is_empty() {
            output.line(format!("  {heading:<10} {text}"));
        }
    };
    say("State", row["state"].as_str().unwrap_or_default().to_owned());
    say("Of", flow.owner.clone());
    say("Author", flow.author.clone());
    say("Edition", format!("{} (version {} here)", flow.edition, flow.version));
    say("Tags", flow.tags.join(", "));
    let ended = [
        (flow.completed, "completed"),
        (flow.failed, "failed"),
        (flow.rolled_back, "rolled back"),
        (flow.cancelled, "cancelled"),
        (flow.dropped, "not begun: too many"),
    ];
    let ended: Vec<_> =
        ended.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    say("Runs", ended.join(", "));
    if flow.raters > 0 {
        say("Rating", rating(&flow).unwrap_or_default());
    }
    for one in &shown.settings {
        say("Set", format!("{} = {}", one.name, one.value));
    }
    let kept: Vec<_> = shown.versions.iter().map(|one| one.version.to_string()).collect();
    say("Versions", kept.join(", "));
    output.line("");
    for line in shown.source.lines() {
        output.line(format!("  {line}"));
    }
    Ok(())
}

/// Shows a run with its steps.
pub(super) fn show_run(run: &wire::FlowRun, output: Output) {
    if output.is_json() {
        let mut row = run_row(run);
        row["steps"] = run.steps.iter().map(step_row).collect();
        return output.object(&row);
    }
    let row = run_row(run);
    let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let flow = paint(&run.flow, "1", styled());
    output.line(format!("Run {} of {flow}: {}, begun by {}", run.run, text("state"), run.trigger));
    if !run.error.is_empty() {
        output.line(format!("  {}", run.error));
    }
    if run.input != "{}" && !run.input.is_empty() {
        output.line(format!("  Given     {}", run.input));
    }
    let rows: Vec<_> = run.steps.iter().map(step_row).collect();
    let columns: Vec<_> = rows.iter().map(short).collect();
    output.records(STEPS, &columns);
}

/// A step as a table shows it.
fn short(row: &Value) -> Value {
    let mut row = row.clone();
    for field in ["with", "output"] {
        let text = match &row[field] {
            Value::Null => continue,
            value => value.to_string(),
        };
        let cut: String = text.chars().take(SHORT).collect();
        row[field] = if cut.len() < text.len() { format!("{cut}...") } else { cut }.into();
    }
    row
}

fn rating(flow: &wire::Flow) -> Option<String> {
    let tenths = (flow.stars * 10).checked_div(flow.raters)?;
    Some(format!("{}.{} of {}", tenths / 10, tenths % 10, flow.raters))
}

/// A flow in a list.
pub(super) fn flow_row(flow: &wire::Flow) -> Value {
    let state = match flow.off() {
        FlowOff::On if flow.built_in => "built in",
        FlowOff::On if flow.skill => "a step for others",
        FlowOff::On => "on",
        FlowOff::Owner => "off",
        FlowOff::NotLetIn => "off: its owner wasn't let in",
        FlowOff::Closed => "off: the ways into its owner's account were closed",
    };
    let runs = flow.completed + flow.failed + flow.rolled_back + flow.cancelled;
    let well = (flow.completed * 100).checked_div(runs).map(|percent| format!("{percent} %"));
    json!({
        "name": flow.name, "title": flow.title, "description": flow.description,
        "owner": if flow.built_in { "the server" } else { flow.owner.as_str() }, "built_in": flow.built_in,
        "author": flow.author, "tags": flow.tags, "edition": flow.edition, "version": flow.version,
        "skill": flow.skill, "own": flow.own, "shared": flow.shared, "state": state,
        "on": flow.off() == FlowOff::On, "runs": (runs > 0).then_some(runs), "well": well,
        "completed": flow.completed, "failed": flow.failed, "rolled_back": flow.rolled_back,
        "cancelled": flow.cancelled, "dropped": flow.dropped, "average_ms": flow.average_ms,
        "average": (runs > 0).then(|| took(flow.average_ms)), "last": time(flow.last_ms),
        "rating": rating(flow), "favourites": (flow.favourites > 0).then_some(flow.favourites),
        "favourite": flow.favourite, "created": Timestamp(flow.created_ms), "changed": Timestamp(flow.changed_ms),
    })
}

fn state_of(run: &wire::FlowRun) -> String {
    match run.state() {
        FlowRunState::Unspecified => "?".to_owned(),
        FlowRunState::Queued => "queued".to_owned(),
        FlowRunState::InProgress => format!("in progress, {} %", run.progress),
        FlowRunState::RollingBack => "rolling back".to_owned(),
        FlowRunState::Completed => "completed".to_owned(),
        FlowRunState::Failed => "failed".to_owned(),
        FlowRunState::RolledBack => "rolled back".to_owned(),
        FlowRunState::Cancelled => "cancelled".to_owned(),
    }
}

/// A run in a list.
pub(super) fn run_row(run: &wire::FlowRun) -> Value {
    let span =
        (run.began_ms > 0 && run.ended_ms > 0).then(|| took(run.ended_ms.saturating_sub(run.began_ms)));
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    json!({
        "run": run.run, "flow": run.flow, "version": run.version, "state": state_of(run), "progress": run.progress,
        "trigger": run.trigger, "event": parsed(&run.event), "input": parsed(&run.input), "depth": run.depth,
        "again": (run.again > 0).then_some(run.again), "queued": Timestamp(run.queued_ms),
        "began": time(run.began_ms), "ended": time(run.ended_ms), "took": span, "error": run.error,
    })
}

fn step_row(step: &wire::FlowStep) -> Value {
    let state = match step.state() {
        FlowStepState::Unspecified => "?",
        FlowStepState::Begun if step.until_ms > 0 => "waits",
        FlowStepState::Begun => "begun",
        FlowStepState::Done => "done",
        FlowStepState::Skipped => "skipped",
        FlowStepState::Failed => "failed",
    };
    let name = match step.index {
        Some(index) => format!("{}[{index}]", step.name),
        None => step.name.clone(),
    };
    let name = if step.undoes > 0 { format!("undo {name}") } else { name };
    let input: Value = serde_json::from_str(&step.input).unwrap_or_default();
    let answered: Value = serde_json::from_str(&step.output).unwrap_or_default();
    let span = (step.ended_ms > 0).then(|| took(step.ended_ms.saturating_sub(step.began_ms)));
    json!({
        "number": step.number, "step": name, "does": input["do"], "state": state, "attempts": step.attempts,
        "with": input["with"], "output": answered, "error": step.error, "began": Timestamp(step.began_ms),
        "until": time(step.until_ms), "ended": time(step.ended_ms), "took": span,
        "undoes": (step.undoes > 0).then_some(step.undoes),
    })
}

fn took(ms: u64) -> String {
    if ms < 10_000 { format!("{ms} ms") } else { clock(Duration::from_millis(ms)) }
}

fn time(at: u64) -> Option<Timestamp> {
    (at > 0).then_some(Timestamp(at))
}
