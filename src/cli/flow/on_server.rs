//! The commands of `parlour flow` that ask a server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::connect::Server;
use crate::cli::output::{Output, paint, styled};
use crate::cli::words::clock;
use crate::client::Session;
use crate::id::Timestamp;
use crate::protocol::wire::{self, FlowOff, FlowRunState, FlowStepState, FlowValue};

/// Values of a flow's parameters.
#[derive(Debug, Args)]
pub(in crate::cli) struct Values {
    /// A value of a parameter: name=value. Several times for several.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = value)]
    set: Vec<FlowValue>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum OnServer {
    /// Add a flow from a file. It is on at once, and acts for you.
    Add {
        /// The file, in TOML; `parlour flow check` says what is wrong with one.
        file: PathBuf,
        #[command(flatten)]
        values: Values,
        /// Have everybody of the organization see it in the catalogue.
        #[arg(long)]
        share: bool,
    },
    /// Show the catalogue: your flows, and those that others share.
    List {
        /// Only those in which these words occur.
        words: Vec<String>,
        /// Only yours.
        #[arg(long)]
        own: bool,
        /// Only your favourites.
        #[arg(long)]
        favourites: bool,
        /// In which order: name, popularity, rating, changed.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "ORDER")]
        order: String,
    },
    /// Show a flow: what it is for, how it went, and its source.
    Show {
        /// Its name.
        name: String,
        /// A former version of its source.
        #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "VERSION")]
        former: u64,
        /// Print its source alone, to be kept in a file.
        #[arg(long)]
        source: bool,
    },
    /// Change a flow: another version from a file, other values, who sees it.
    Edit {
        /// Its name.
        name: String,
        /// Another version of it.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        values: Values,
        /// Have everybody of the organization see it in the catalogue.
        #[arg(long, conflicts_with = "unshare")]
        share: bool,
        /// Have nobody else see it.
        #[arg(long)]
        unshare: bool,
    },
    /// Have a flow begin runs again that was off.
    On {
        /// Its name.
        name: String,
    },
    /// Have a flow begin nothing. Runs that wait are cancelled.
    Off {
        /// Its name.
        name: String,
    },
    /// Take a flow away, and what is kept of its runs. What they did stays.
    Remove {
        /// Its name.
        name: String,
    },
    /// Give a flow another secret, by which somebody else's server begins it (`on = "webhook"`). It is shown once.
    Secret {
        /// Its name.
        name: String,
    },
    /// Say what you think of a flow.
    Rate {
        /// Its name.
        name: String,
        /// How many stars, 1 to 5; 0 takes them back.
        stars: Option<u32>,
        /// Make it a favourite of yours, or none any more: yes or no.
        #[arg(long, value_name = "YES|NO", value_parser = crate::cli::words::yes_or_no)]
        favourite: Option<bool>,
    },
    /// Begin a run of a flow by hand, and show how it goes.
    Run {
        /// Its name.
        name: String,
        #[command(flatten)]
        values: Values,
        /// Don't wait for its end.
        #[arg(long)]
        detach: bool,
    },
    /// Show runs, the latest first; or one with its steps.
    Runs {
        /// The number of one run.
        run: Option<u64>,
        /// Only those of this flow.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
        flow: String,
        /// Only those that are so: queued, in-progress, completed, failed, rolled-back, cancelled.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "STATE")]
        state: String,
        /// Only those in which these words occur.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "WORDS")]
        query: String,
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: u32,
    },
    /// End a run before its next step. What it did stays.
    Cancel {
        /// The run's number.
        run: u64,
    },
    /// Undo what a run did, the last step first.
    RollBack {
        /// The run's number.
        run: u64,
    },
    /// Begin a run again, with what it was given.
    Again {
        /// The run's number.
        run: u64,
        /// Don't wait for its end.
        #[arg(long)]
        detach: bool,
    },
}

const FLOWS: &[(&str, &str, &str)] = &[
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

const RUNS: &[(&str, &str, &str)] = &[
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

/// How often it is looked how far a run is, and for how long.
const LOOK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));

/// Characters of what a step was given, and answered, that a table shows.
const SHORT: usize = 60;

impl OnServer {
    pub(in crate::cli) async fn run(self, server: Server, output: Output) -> anyhow::Result<()> {
        let session = server.enter_for_lasting().await?;
        let done = self.ask(&session, output).await;
        session.close().await;
        done
    }

    async fn ask(self, session: &Session, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Add { file, values, share } => {
                let add = wire::AddFlow { source: source(&file)?, settings: values.set, shared: share };
                let flow = session.add_flow(add).await?;
                output.line(format!("The flow {} is on. It acts for you.", paint(&flow.name, "1", styled())));
                output.object(&flow_row(&flow));
            }
            Self::List { words, own, favourites, order } => {
                let list = wire::ListFlows { query: words.join(" "), own, favourites, order };
                let rows: Vec<_> = session.flows(list).await?.iter().map(flow_row).collect();
                output.records(FLOWS, &rows);
            }
            Self::Show { name, former, source } => show(session, &name, former, source, output).await?,
            Self::Edit { name, file, values, share, unshare } => {
                let shared = (share || unshare).then_some(share);
                edit(session, name, (file, values, shared), output).await?;
            }
            Self::On { name } => turn(session, name, true, output).await?,
            Self::Off { name } => turn(session, name, false, output).await?,
            Self::Remove { name } => {
                session.remove_flow(&name).await?;
                output.line(format!("The flow {name} is gone."));
                output.object(&json!({ "removed": name }));
            }
            Self::Secret { name } => {
                let made = session.make_flow_secret(&name).await?;
                output.line(format!("POST to {} begins it, by this secret:", made.path));
                output.line(format!("  {}", paint(&made.secret, "1", styled())));
                output.line("It isn't shown again; the one before is good no more.");
                output.object(&json!({ "flow": name, "secret": made.secret, "path": made.path }));
            }
            Self::Rate { name, stars, favourite } => {
                if stars.is_none() && favourite.is_none() {
                    bail!("say how many stars, or --favourite yes or no");
                }
                session.rate_flow(wire::RateFlow { name: name.clone(), stars, favourite }).await?;
                output.line("Thank you.");
                output.object(&json!({ "rated": name, "stars": stars, "favourite": favourite }));
            }
            Self::Run { name, values, detach } => {
                let run = session.run_flow(&name, values.set).await?;
                follow(session, run, detach, output).await?;
            }
            Self::Runs { run: Some(run), .. } => show_run(&session.flow_run(run).await?, output),
            Self::Runs { run: None, flow, state, query, limit } => {
                let list = wire::ListRuns { flow, state, query, before: 0, limit };
                let rows: Vec<_> = session.flow_runs(list).await?.iter().map(run_row).collect();
                output.records(RUNS, &rows);
            }
            Self::Cancel { run } => {
                session.cancel_run(run).await?;
                output.line(format!("Run {run} ends before its next step. What it did stays."));
                output.object(&json!({ "cancelled": run }));
            }
            Self::RollBack { run } => {
                session.roll_back_run(run).await?;
                follow(session, run, false, output).await?;
            }
            Self::Again { run, detach } => {
                let again = session.run_again(run).await?;
                follow(session, again, detach, output).await?;
            }
        }
        Ok(())
    }
}

/// `name=value`.
fn value(text: &str) -> Result<FlowValue, String> {
    let (name, value) = text.split_once('=').ok_or("it has to be name=value")?;
    Ok(FlowValue { name: name.trim().to_owned(), value: value.to_owned() })
}

fn source(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))
}

async fn edit(
    session: &Session,
    name: String,
    (file, values, shared): (Option<PathBuf>, Values, Option<bool>),
    output: Output,
) -> anyhow::Result<()> {
    let source = file.as_deref().map(source).transpose()?;
    let settings = (!values.set.is_empty()).then_some(wire::FlowValues { values: values.set });
    if source.is_none() && settings.is_none() && shared.is_none() {
        bail!("say what changes: --file, --set, --share or --unshare");
    }
    let edit = wire::EditFlow { name: name.clone(), source, settings, shared, on: None };
    session.edit_flow(edit).await?;
    output.line(format!("The flow {name} is changed."));
    output.object(&json!({ "changed": name }));
    Ok(())
}

async fn turn(session: &Session, name: String, on: bool, output: Output) -> anyhow::Result<()> {
    let edit = wire::EditFlow { name: name.clone(), on: Some(on), ..Default::default() };
    session.edit_flow(edit).await?;
    output.line(format!("The flow {name} {}.", if on { "is on" } else { "begins nothing" }));
    output.object(&json!({ "flow": name, "on": on }));
    Ok(())
}

async fn show(
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

/// Shows a run when it has ended.
async fn follow(session: &Session, run: u64, detach: bool, output: Output) -> anyhow::Result<()> {
    if detach {
        output.line(format!("Run {run} is queued; `parlour flow runs {run}` shows how it goes."));
        output.object(&json!({ "run": run }));
        return Ok(());
    }
    let mut left = LOOK.1;
    loop {
        let now = session.flow_run(run).await?;
        let goes_on = matches!(
            now.state(),
            FlowRunState::Queued | FlowRunState::InProgress | FlowRunState::RollingBack
        );
        if !goes_on || left.is_zero() {
            show_run(&now, output);
            if goes_on {
                output.line(format!("It goes on; `parlour flow runs {run}` shows how."));
            } else if now.state() == FlowRunState::Failed {
                bail!("the run failed: {}", now.error);
            }
            return Ok(());
        }
        tokio::time::sleep(LOOK.0).await;
        left = left.saturating_sub(LOOK.0);
    }
}

fn show_run(run: &wire::FlowRun, output: Output) {
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

fn flow_row(flow: &wire::Flow) -> Value {
    let state = match flow.off() {
        FlowOff::On if flow.skill => "a step for others",
        FlowOff::On => "on",
        FlowOff::Owner => "off",
        FlowOff::NotLetIn => "off: its owner wasn't let in",
        FlowOff::Closed => "off: the ways into its owner's account were closed",
    };
    let runs = flow.completed + flow.failed + flow.rolled_back + flow.cancelled;
    let well = (flow.completed * 100).checked_div(runs).map(|percent| format!("{percent} %"));
    json!({
        "name": flow.name, "title": flow.title, "description": flow.description, "owner": flow.owner,
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

fn run_row(run: &wire::FlowRun) -> Value {
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
