//! What does Mumble's server take for the same? The workloads of `parlour bench voice` against Parlour and
//! against Debian's mumble-server, in turns, each server alone on the first core and its clients on the
//! second; what is printed are medians.
//!
//! `cargo bench --bench mumble -- [w1 ... w6 idle storm]`; `BENCH_SECONDS` (6) for each,
//! `BENCH_ROUNDS` (3).

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod crowd;
mod ocb;
mod server;
mod wire;

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use parlour::load::{Report, Workload, measure};
use serde_json::Value;

use crowd::Mumblers;
use server::Server;

const ALL: [&str; 8] = ["w1", "w2", "w3", "w4", "w5", "w6", "idle", "storm"];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let seconds = setting("BENCH_SECONDS", 6);
    if let [first, workload] = &arguments[..]
        && first == "--one"
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = tokio::task::LocalSet::new();
        let report = local.block_on(&runtime, one(workload.parse()?, Duration::from_secs(seconds)))?;
        println!("{}", report.to_json());
        return Ok(());
    }
    let named: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let named = if named.is_empty() { ALL.to_vec() } else { named };
    println!(
        "Both servers on one core, their clients on another, one socket a client, 80-byte frames every 20 ms.\n\
         On loopback a sender also pays for the receiver's share of the kernel, in both alike. Mumble sends voice\n\
         from one thread whatever the number of cores; Parlour runs one shard here.\n"
    );
    println!(
        "{:<7}{:>12}{:>12}{:>8}{:>18}{:>18}{:>16}{:>18}",
        "", "frames a server-CPU-second", "", "ratio", "p50/p99 ms", "", "loss %", "KiB a client"
    );
    println!(
        "{:<7}{:>12}{:>12}{:>8}{:>18}{:>18}{:>16}{:>18}",
        "", "Parlour", "Mumble", "", "Parlour", "Mumble", "", ""
    );
    for name in named {
        compare(name, seconds, setting("BENCH_ROUNDS", 3))?;
    }
    Ok(())
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The workload against Mumble, in this process.
async fn one(workload: Workload, duration: Duration) -> anyhow::Result<Report> {
    let server = Server::start()?;
    let before = server.process.usage()?;
    let crowd = Mumblers::gather(workload, server.address).await?;
    let mut report = Report::new(workload, workload.people());
    report.log_ins(crowd.log_ins.clone(), &before, &server.process.usage()?);
    measure(&mut report, &crowd, &|| server.process.usage(), duration, &|_, _| ()).await?;
    Ok(report)
}

/// Both in turns, each in a process of its own.
fn compare(name: &str, seconds: u64, rounds: u64) -> anyhow::Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let seconds = seconds.to_string();
        let mut parlour = Command::new(env!("CARGO_BIN_EXE_parlour"));
        ours.push(run(parlour.args(["--json", "bench", "voice", name, "--seconds", &seconds]))?);
        let mut mumble = Command::new(std::env::current_exe()?);
        theirs.push(run(mumble.args(["--one", name]))?);
    }
    match name {
        "idle" => {
            let load = |report: &Value| report["server_load"].as_f64().map(|load| load * 100.0);
            let (a, b) = (median(&ours, load), median(&theirs, load));
            println!("{name:<7}{a:>10.2} %{b:>10.2} %{:>8.3}   of a core", a / b);
            let memory =
                |report: &Value| report["memory_a_client_bytes"].as_f64().map(|bytes| bytes / 1024.0);
            let (a, b) = (median(&ours, memory), median(&theirs, memory));
            println!("{name:<7}{a:>8.0} KiB{b:>8.0} KiB{:>8.3}   memory a client", a / b);
        }
        "storm" => {
            let cost = |report: &Value| report["log_in_cpu_ms"].as_f64();
            let (a, b) = (median(&ours, cost), median(&theirs, cost));
            println!("{name:<7}{a:>9.3} ms{b:>9.3} ms{:>8.3}   server CPU a log-in", a / b);
        }
        "w5" => {
            let best = |report: &Value| {
                let steps = report["steps"].as_array()?;
                let held = &steps[..steps.len() - usize::from(report["broke"] == true)];
                held.iter().filter_map(|step| step["frames_a_second"].as_f64()).reduce(f64::max)
            };
            let (a, b) = (median(&ours, best), median(&theirs, best));
            let limit =
                |reports: &[Value]| last(&reports[0])["limit"].as_str().unwrap_or_default().to_owned();
            let (la, lb) = (limit(&ours), limit(&theirs));
            println!(
                "{name:<7}{a:>12.0}{b:>12.0}{:>8.2}   frames a second before loss > 1 % or p99 > 100 ms",
                a / b
            );
            println!("{:<7}{la:>12}{lb:>12}{:>8}   what was the limit", "", "");
            let rate = |report: &Value| last_held(report)["frames_a_server_second"].as_f64();
            let (a, b) = (median(&ours, rate), median(&theirs, rate));
            println!("{name:<7}{a:>12.0}{b:>12.0}{:>8.2}   frames a server-CPU-second there", a / b);
        }
        _ => {
            let of = |key: &'static str| move |report: &Value| last(report)[key].as_f64();
            let (a, b) =
                (median(&ours, of("frames_a_server_second")), median(&theirs, of("frames_a_server_second")));
            let delay = |reports: &[Value]| {
                format!("{:.2} / {:.2}", median(reports, of("p50_ms")), median(reports, of("p99_ms")))
            };
            let loss = |reports: &[Value]| median(reports, of("loss")) * 100.0;
            let memory =
                |report: &Value| report["memory_a_client_bytes"].as_f64().map(|bytes| bytes / 1024.0);
            println!(
                "{name:<7}{a:>12.0}{b:>12.0}{:>8.2}{:>18}{:>18}{:>16}{:>18}",
                a / b,
                delay(&ours),
                delay(&theirs),
                format!("{:.2} / {:.2}", loss(&ours), loss(&theirs)),
                format!("{:.0} / {:.0}", median(&ours, memory), median(&theirs, memory)),
            );
        }
    }
    Ok(())
}

fn last(report: &Value) -> &Value {
    report["steps"].as_array().and_then(|steps| steps.last()).unwrap_or(&Value::Null)
}

/// The last step that wasn't too much.
fn last_held(report: &Value) -> &Value {
    let steps = report["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let held = steps.len().saturating_sub(1 + usize::from(report["broke"] == true));
    steps.get(held).unwrap_or(&Value::Null)
}

fn run(command: &mut Command) -> anyhow::Result<Value> {
    let done = command.stderr(Stdio::inherit()).output()?;
    ensure!(done.status.success(), "a run failed: {}", done.status);
    serde_json::from_slice(&done.stdout).context("a run printed something else than its figures")
}

fn median(reports: &[Value], of: impl Fn(&Value) -> Option<f64>) -> f64 {
    let mut all: Vec<f64> = reports.iter().filter_map(of).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
