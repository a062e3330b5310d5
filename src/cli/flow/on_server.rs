//! The commands of `parlour flow` that ask a server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::shipped;
use super::show::{FLOWS, RUNS, flow_row, run_row, show, show_run};
use crate::cli::connect::Server;
use crate::cli::output::{Output, paint, styled};
use crate::client::Session;
use crate::protocol::wire::{self, FlowRunState, FlowValue};

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
        #[arg(required_unless_present = "shipped")]
        file: Option<PathBuf>,
        /// In place of a file, one that comes with the program: `parlour flow list --shipped` shows which there are.
        #[arg(long, value_name = "NAME", conflicts_with = "file")]
        shipped: Option<String>,
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
        /// Those that come with the program, in place of those that are on a server.
        #[arg(long, conflicts_with_all = ["own", "favourites", "order"])]
        shipped: bool,
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
        /// One that comes with the program, in place of one that is on a server.
        #[arg(long, conflicts_with = "former")]
        shipped: bool,
    },
    /// Change a flow: another version from a file, other values, who sees it.
    ///
    /// Values that aren't named stay as they are set. `--unset NAME` takes one away: the parameter has its default then.
    Edit {
        /// Its name.
        name: String,
        /// Another version of it.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        values: Values,
        /// A parameter whose value is taken away. Several times for several.
        #[arg(long, value_name = "NAME")]
        unset: Vec<String>,
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
        /// Only those of this flow; has to be said for what the server does for itself, as server.backup.
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

/// How often it is looked how far a run is, and for how long.
const LOOK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));

impl OnServer {
    pub(in crate::cli) async fn run(self, server: Server, output: Output) -> anyhow::Result<()> {
        match &self {
            Self::List { words, shipped: true, .. } => {
                shipped::list(words, output);
                return Ok(());
            }
            Self::Show { name, shipped: true, .. } => return shipped::show(name, output),
            _ => (),
        }
        let session = server.enter_for_lasting().await?;
        let done = self.ask(&session, output).await;
        session.close().await;
        done
    }

    async fn ask(self, session: &Session, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Add { file, shipped, values, share } => {
                let source = match (&file, &shipped) {
                    (_, Some(name)) => shipped::source(name)?.to_owned(),
                    (Some(file), None) => source(file)?,
                    (None, None) => bail!("say which file, or --shipped and a name"),
                };
                let add = wire::AddFlow { source, settings: values.set, shared: share };
                add_flow(session, add, output).await?;
            }
            Self::List { words, own, favourites, order, .. } => {
                let list = wire::ListFlows { query: words.join(" "), own, favourites, order };
                let rows: Vec<_> = session.flows(list).await?.iter().map(flow_row).collect();
                output.records(FLOWS, &rows);
            }
            Self::Show { name, former, source, .. } => show(session, &name, former, source, output).await?,
            Self::Edit { name, file, values, unset, share, unshare } => {
                let shared = (share || unshare).then_some(share);
                edit(session, name, (file, values.set, unset, shared), output).await?;
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
            Self::Runs { run: Some(run), flow, .. } => {
                show_run(&session.run_of_flow(&flow, run).await?, output);
            }
            Self::Runs { run: None, flow, state, query, limit } => {
                let list = wire::ListRuns { flow, state, query, before: 0, limit };
                let rows: Vec<_> = session.flow_runs(list).await?.iter().map(run_row).collect();
                output.records(RUNS, &rows);
            }
            Self::Cancel { run } => cancel(session, run, output).await?,
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

async fn add_flow(session: &Session, add: wire::AddFlow, output: Output) -> anyhow::Result<()> {
    let flow = session.add_flow(add).await?;
    output.line(format!("The flow {} is on. It acts for you.", paint(&flow.name, "1", styled())));
    output.object(&flow_row(&flow));
    Ok(())
}

async fn cancel(session: &Session, run: u64, output: Output) -> anyhow::Result<()> {
    session.cancel_run(run).await?;
    output.line(format!("Run {run} ends before its next step. What it did stays."));
    output.object(&json!({ "cancelled": run }));
    Ok(())
}

async fn edit(
    session: &Session,
    name: String,
    (file, values, unset, shared): (Option<PathBuf>, Vec<FlowValue>, Vec<String>, Option<bool>),
    output: Output,
) -> anyhow::Result<()> {
    let source = file.as_deref().map(source).transpose()?;
    let settings = if values.is_empty() && unset.is_empty() {
        None
    } else {
        Some(settings(session, &name, values, &unset).await?)
    };
    if source.is_none() && settings.is_none() && shared.is_none() {
        bail!("say what changes: --file, --set, --unset, --share or --unshare");
    }
    let edit = wire::EditFlow { name: name.clone(), source, settings, shared, on: None };
    session.edit_flow(edit).await?;
    output.line(format!("The flow {name} is changed."));
    output.object(&json!({ "changed": name }));
    Ok(())
}

/// The values of a flow when these are set and those are taken away: the others stay.
async fn settings(
    session: &Session,
    name: &str,
    values: Vec<FlowValue>,
    unset: &[String],
) -> anyhow::Result<wire::FlowValues> {
    let set: Vec<_> = session.flow(name, 0).await?.settings.into_iter().map(|one| one.name).collect();
    if let Some(unknown) = unset.iter().find(|one| !set.contains(one)) {
        let set = if set.is_empty() { "nothing".to_owned() } else { set.join(", ") };
        bail!("`{unknown}` isn't set for {name}: there is {set}");
    }
    if let Some(both) = unset.iter().find(|one| values.iter().any(|value| value.name == **one)) {
        bail!("`{both}` is both set and taken away: say one of both");
    }
    let keep =
        set.into_iter().filter(|one| !unset.contains(one) && values.iter().all(|value| value.name != *one));
    Ok(wire::FlowValues { keep: keep.collect(), values })
}

async fn turn(session: &Session, name: String, on: bool, output: Output) -> anyhow::Result<()> {
    let edit = wire::EditFlow { name: name.clone(), on: Some(on), ..Default::default() };
    session.edit_flow(edit).await?;
    output.line(format!("The flow {name} {}.", if on { "is on" } else { "begins nothing" }));
    output.object(&json!({ "flow": name, "on": on }));
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
