//! Does a delivered frame cost the same however many listen, and in however many channels? And on two shards?
//! Each row is `parlour bench voice` with the server alone on a core; the last ones give it two cores, which its
//! clients share where there are no more, with one shard and with two. What counts is the server's processor
//! time for each frame, so sharing a core costs caches, not time.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

use std::process::Command;

const ROUNDS: usize = 3;

/// One speaker in each, which is the dearest case: no frame shares a packet.
const LISTENERS: [&str; 5] = ["1x26x1", "1x101x1", "1x251x1", "1x501x1", "1x1001x1"];
const CHANNELS: [&str; 5] = ["1x26x1", "5x26x1", "20x26x1", "40x26x1", "200x6x1"];

fn main() {
    table("One channel, one speaker, more and more listeners:", &LISTENERS);
    table("More and more channels, one speaker in each:", &CHANNELS);
    println!("Two cores; the people of a channel on one shard, or on any:\n");
    println!("{:<26}{:>14}{:>10}", "20x26x1", "us a frame", "ratio");
    let of = |shards: &str, more: &[&str]| {
        let rounds = (0..ROUNDS).map(|_| cost("20x26x1", shards, &[&["--cores", "2"], more].concat()));
        median(rounds.collect())
    };
    let one = of("1", &["--by-shard"]);
    for (name, cost) in [
        ("one shard", one),
        ("two, a channel on one", of("2", &["--by-shard"])),
        ("two, people on any", of("2", &[])),
    ] {
        println!("{name:<26}{cost:>14.2}{:>10.2}", cost / one);
    }
}

fn table(title: &str, workloads: &[&str]) {
    println!("{title}\n\n{:<26}{:>14}{:>10}", "channels x people x speak", "us a frame", "ratio");
    // In turns, so that a busy minute of the machine meets all of them.
    let mut costs = vec![Vec::new(); workloads.len()];
    for _ in 0..ROUNDS {
        for (costs, workload) in costs.iter_mut().zip(workloads) {
            costs.push(cost(workload, "1", &[]));
        }
    }
    let medians: Vec<f64> = costs.into_iter().map(median).collect();
    for (workload, cost) in workloads.iter().zip(&medians) {
        println!("{workload:<26}{cost:>14.2}{:>10.2}", cost / medians[0]);
    }
    println!();
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Microseconds of the server's processor time for each frame delivered.
fn cost(workload: &str, shards: &str, more: &[&str]) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command.args(["--json", "bench", "voice", workload, "--seconds", "4"]).args(more);
    let output = command.env("PARLOUR_VOICE_SHARDS", shards).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    1e6 / report["steps"][0]["frames_a_server_second"].as_f64().unwrap()
}
