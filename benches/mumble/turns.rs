//! Both servers at once on one core, whose clients speak in turns. A machine drifts by a third from one minute to the next, so
//! what is said is the ratio of two turns that follow each other.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use parlour::load::{Counting, Crowd, Delays, Natives, Step, Target, Usage, Workload};
use rustix::thread::{sched_getaffinity, sched_setaffinity};

use super::crowd::Mumblers;
use super::server::Server;

/// After a turn: until the last frames are acknowledged, so that their server pays for all of it.
const TAIL: Duration = Duration::from_millis(600);

/// What one server's turns came to.
#[derive(Default)]
struct Side {
    turns: Vec<Step>,
    /// Bytes of memory that each client added.
    memory: u64,
}

/// Runs a workload, and prints its line.
pub(crate) fn compare(name: &str, workload: Workload, turns: u64, turn: Duration) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, run(name, workload, turns, turn))
}

/// The heads of the columns.
pub(crate) fn heads() {
    println!(
        "{:<6}{:>24}{:>22}{:>22}{:>16}{:>12}{:>16}",
        "", "ratio, least to most", "p50 / p99 ms", "Mumble", "loss %", "ACKs", "KiB a client"
    );
}

async fn run(name: &str, workload: Workload, turns: u64, turn: Duration) -> anyhow::Result<()> {
    let (channels, _, speakers) = workload.shape();
    let everywhere = sched_getaffinity(None)?;
    let mumble = Server::start()?;
    // The second server comes to the first core, too.
    sched_setaffinity(None, &everywhere)?;
    let program = Path::new(env!("CARGO_BIN_EXE_parlour"));
    let parlour = Target::start_program(program, workload.people(), channels, 1)?;
    let our_usage = || Ok(parlour.usage()?);
    let their_usage = || Ok(mumble.process.usage()?);
    let (mut ours, mut theirs) = (Side::default(), Side::default());

    let before = our_usage()?;
    let natives = Natives::gather(workload, &parlour, &|_, _| ()).await?;
    ours.memory = added(&before, &our_usage()?, workload);
    let before = their_usage()?;
    let mumblers = Mumblers::gather(workload, mumble.address).await?;
    theirs.memory = added(&before, &their_usage()?, workload);

    // Caches and estimates settle.
    take_turn(&natives, speakers, turn, &our_usage).await?;
    take_turn(&mumblers, speakers, turn, &their_usage).await?;
    let acknowledged = natives.acknowledgements();
    for number in 0..turns {
        // Each begins as often as the other.
        if number.is_multiple_of(2) {
            ours.turns.push(take_turn(&natives, speakers, turn, &our_usage).await?);
        }
        theirs.turns.push(take_turn(&mumblers, speakers, turn, &their_usage).await?);
        if !number.is_multiple_of(2) {
            ours.turns.push(take_turn(&natives, speakers, turn, &our_usage).await?);
        }
    }
    let acknowledged = natives.acknowledgements() - acknowledged;
    print(name, &ours, &theirs, acknowledged as f64 / ours.delays().total().max(1) as f64)
}

/// Some speak for a while; all that it costs their server until the last acknowledgement is counted.
async fn take_turn(
    crowd: &impl Crowd,
    speakers: usize,
    turn: Duration,
    usage: &dyn Fn() -> anyhow::Result<Usage>,
) -> anyhow::Result<Step> {
    let counting: &Counting = crowd.counting();
    let begun = usage()?;
    counting.begin();
    let talking = crowd.talk(speakers);
    tokio::time::sleep(turn).await;
    drop(talking);
    counting.end();
    tokio::time::sleep(TAIL).await;
    Ok(counting.step(speakers, &begun, &usage()?))
}

fn added(before: &Usage, after: &Usage, workload: Workload) -> u64 {
    after.memory.saturating_sub(before.memory) / workload.people().max(1) as u64
}

impl Side {
    fn delays(&self) -> Delays {
        self.turns.iter().fold(Delays::default(), |mut all, turn| {
            all.merge(&turn.delays);
            all
        })
    }

    /// The share of frames that didn't arrive, in percent.
    fn loss(&self) -> f64 {
        let expected: u64 = self.turns.iter().map(|turn| turn.expected).sum();
        100.0 - 100.0 * self.delays().total().min(expected) as f64 / expected.max(1) as f64
    }

    fn percentiles(&self) -> String {
        let at = |share| self.delays().at(share).as_secs_f64() * 1e3;
        format!("{:.2} / {:.2}", at(0.5), at(0.99))
    }
}

fn print(name: &str, ours: &Side, theirs: &Side, acknowledgements: f64) -> anyhow::Result<()> {
    let pairs = ours.turns.iter().zip(&theirs.turns);
    let ratio =
        |(ours, theirs): (&Step, &Step)| Some(ours.per_server_second()? / theirs.per_server_second()?);
    let mut ratios: Vec<f64> = pairs.filter_map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let (first, last) = ratios.first().zip(ratios.last()).context("no turn of both was measured")?;
    println!(
        "{name:<6}{:>24}{:>22}{:>22}{:>16}{acknowledgements:>12.3}{:>16}",
        format!("{:.2} ({first:.2} to {last:.2})", ratios[ratios.len() / 2]),
        ours.percentiles(),
        theirs.percentiles(),
        format!("{:.2} / {:.2}", ours.loss(), theirs.loss()),
        format!("{} / {}", ours.memory / 1024, theirs.memory / 1024),
    );
    Ok(())
}
