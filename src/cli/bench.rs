//! `parlour bench`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::connect::{RemoteServer, Server};
use super::operate::Bar;
use super::output::Output;
use crate::client::Address;
use crate::load::{self, Report, Step, Target, Workload};

/// Measure a server.
#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put a server under load with many clients, and time every frame.
    Voice(Voice),
    /// Measure the way to a server and back: delay, jitter and loss of voice in each direction.
    Link(Link),
}

/// Measure the way to a server and back.
#[derive(Debug, Args)]
struct Link {
    #[command(flatten)]
    server: Server,
    /// For how many seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Write a chart of the delay over time into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    report: Option<PathBuf>,
}

impl Link {
    async fn run(self, output: Output) -> anyhow::Result<()> {
        let remote = RemoteServer::find(self.server.address.as_deref())?;
        let session = remote.enter().await?.session;
        let bar = Bar::new(output);
        let progress = |what: &str, done: f64| bar.show(what, done);
        let report = load::link(&session, Duration::from_secs(self.seconds), &progress).await?;
        bar.clear();
        output.object(&report.to_json());
        let rows = report.ways().map(|(name, way)| {
            vec![
                name.to_owned(),
                milliseconds(way.delays.at(0.5)),
                milliseconds(way.delays.at(0.99)),
                milliseconds(way.jitter),
                format!("{:.2} % of {}", way.loss() * 100.0, way.sent),
            ]
        });
        output.table(&["", "p50 ms", "p99 ms", "Jitter ms", "Loss"], rows.into());
        for (name, line) in ["there", "back "].into_iter().zip(report.by_fifths()) {
            output.line(format!(" {name} {}", bars(&line)));
        }
        let server = remote.address.server();
        if let Some(directory) = &self.report {
            std::fs::create_dir_all(directory)
                .with_context(|| format!("can't make the directory {}", directory.display()))?;
            let file = directory.join("link.svg");
            std::fs::write(&file, report.chart(&server))
                .with_context(|| format!("can't write {}", file.display()))?;
            output.line(format!("The delay over time is in {}.", file.display()));
        }
        session.close().await;
        Ok(())
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// A line of bars, 60 at most, each as high as the highest of what it stands for.
fn bars(line: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = line.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let each = line.len().div_ceil(60).max(1);
    let bar = |part: &[f64]| {
        let share = part.iter().copied().fold(0.0, f64::max) / highest;
        BARS[((share * 7.0).round() as usize).min(7)]
    };
    let drawn: String = line.chunks(each).map(bar).collect();
    format!("{drawn}  highest {highest:.1} ms")
}

/// Put a server under load.
#[derive(Debug, Args)]
struct Voice {
    /// What to run: w1 (1 speaker, 200 listeners), w2 (1, 1000), w3 (20 channels of 25, 3 speak), w4 (100
    /// people, 10 speak), w5 (200 people, ever more speak), w6 (40 channels of 1 speaker and 25 listeners), storm
    /// (1000 log-ins), idle (1000 clients), churn (w3 with people moving), or numbers of channels, people and
    /// speakers in each, as in 20x25x3.
    #[arg(default_values_t = ["w1".to_owned(), "w3".to_owned(), "w4".to_owned()])]
    workloads: Vec<String>,
    /// A server that lets guests in. Default: one that is started for it, on a core of its own.
    #[arg(long, short, value_name = "ADDRESS")]
    server: Option<Address>,
    /// Seconds for each.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Cores for the server that is started; the clients get the others.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    cores: usize,
    /// The people of a channel come to the same shard of the server; by themselves they come to any.
    #[arg(long)]
    by_shard: bool,
    /// Write a chart of the delay over time into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    report: Option<PathBuf>,
}

impl Bench {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        match self.command {
            Command::Voice(voice) => tokio::task::LocalSet::new().run_until(voice.run(output)).await,
            Command::Link(link) => link.run(output).await,
        }
    }
}

impl Voice {
    async fn run(self, output: Output) -> anyhow::Result<()> {
        let workloads =
            self.workloads.iter().map(|name| name.parse()).collect::<Result<Vec<Workload>, _>>()?;
        let elsewhere = match &self.server {
            Some(address) => Some(resolve(address).await?),
            None => None,
        };
        if let Some(directory) = &self.report {
            std::fs::create_dir_all(directory)
                .with_context(|| format!("can't make the directory {}", directory.display()))?;
        }
        let mut rows = Vec::new();
        for workload in workloads {
            let bar = Bar::new(output);
            let progress = |what: &str, done: f64| bar.show(&format!("{}: {what}", workload.name()), done);
            // A new server for each, so that none begins with what another left behind.
            let target = match elsewhere {
                Some(address) => Target::elsewhere(address),
                None => Target::start(workload.people(), workload.shape().0, self.cores)?,
            };
            let target = target.by_shard(self.by_shard);
            let report = load::run(workload, &target, Duration::from_secs(self.seconds), &progress).await?;
            bar.clear();
            output.object(&report.to_json());
            rows.extend(lines(&report));
            if let Some(directory) = &self.report
                && let Some(chart) = load::delay_over_time(&report)
            {
                let file = directory.join(format!("{}.svg", workload.name()));
                std::fs::write(&file, chart).with_context(|| format!("can't write {}", file.display()))?;
                output.line(format!("The delay over time is in {}.", file.display()));
            }
        }
        output.table(&HEADINGS, rows);
        Ok(())
    }
}

async fn resolve(address: &Address) -> anyhow::Result<SocketAddr> {
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let mut found = found.with_context(|| format!("can't find the host {}", address.host))?;
    found.next().with_context(|| format!("the host {} has no address", address.host))
}

const HEADINGS: [&str; 11] = [
    "Workload",
    "Clients",
    "Frames/s",
    "per CPU-s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "Loss",
    "Order",
    "Memory",
    "Limit",
];

/// A line for each step, or one for a run without any.
fn lines(report: &Report) -> Vec<Vec<String>> {
    let memory =
        format!("{} ({} KiB each)", indicatif::HumanBytes(report.memory), report.memory_a_client / 1024);
    if report.steps.is_empty() && report.broken.is_none() {
        let cost = report
            .log_in_cost
            .map_or(String::new(), |cost| format!("{} ms CPU a log-in", milliseconds(cost)));
        return vec![vec![
            report.workload.name(),
            report.clients.to_string(),
            cost,
            format!("{:.2} % of a core", report.server_load * 100.0),
            milliseconds(report.log_ins.at(0.5)),
            milliseconds(report.log_ins.at(0.99)),
            milliseconds(report.log_ins.at(0.999)),
            String::new(),
            String::new(),
            memory,
            String::new(),
        ]];
    }
    let several = report.steps.len() + usize::from(report.broken.is_some()) > 1;
    let line = |step: &Step| {
        let name = report.workload.name();
        let name = if several { format!("{name}, {} speak", step.speakers) } else { name };
        let per_second = step.per_server_second().map_or(String::new(), |rate| format!("{rate:.0}"));
        vec![
            name,
            report.clients.to_string(),
            format!("{:.0}", step.rate()),
            per_second,
            milliseconds(step.delays.at(0.5)),
            milliseconds(step.delays.at(0.99)),
            milliseconds(step.delays.at(0.999)),
            format!("{:.2} %", step.loss() * 100.0),
            step.disordered.to_string(),
            memory.clone(),
            step.limit().to_owned(),
        ]
    };
    report.steps.iter().chain(&report.broken).map(line).collect()
}
