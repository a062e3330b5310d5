//! What is measured of each server alone: what idle clients and log-ins cost, and where voice breaks. Each server has the
//! first core and its clients the second, in turns; what is printed are medians.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use parlour::load::{Report, Workload, measure};
use serde_json::Value;

use super::crowd::Mumblers;
use super::server::Server;

/// The workload against Mumble, in this process.
pub(crate) async fn one(workload: Workload, duration: Duration) -> anyhow::Result<Report> {
    let server = Server::start()?;
    let before = server.process.usage()?;
    let crowd = Mumblers::gather(workload, server.address).await?;
    let mut report = Report::new(workload, workload.people());
    report.log_ins(crowd.log_ins.clone(), &before, &server.process.usage()?);
    measure(&mut report, &crowd, &|| server.process.usage(), duration, &|_, _| ()).await?;
    Ok(report)
}

/// Both in turns, each in a process of its own.
pub(crate) fn compare(name: &str, seconds: u64, rounds: u64) -> anyhow::Result<()> {
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
        _ => bail!("{name} isn't measured alone"),
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
