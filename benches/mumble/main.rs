//! What does Mumble's server take for the same? Both servers run at once, ours and Debian's mumble-server, on the first core,
//! and the clients of both on the second speak in turns. w5, idle and storm are measured of each server alone.
//!
//! `cargo bench --bench mumble -- [w1 ... w6 idle storm]`; `BENCH_TURNS` (10) of each server, of
//! `BENCH_TURN_SECONDS` (2) each; `BENCH_SECONDS` (6) and `BENCH_ROUNDS` (3) for what is measured alone.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod alone;
mod crowd;
mod ocb;
mod server;
mod turns;
mod wire;

use std::time::Duration;

use anyhow::ensure;
use parlour::load::Workload;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open beside the clients' sockets.
const FILES: u64 = 256;

const ALL: [&str; 8] = ["w1", "w2", "w3", "w4", "w6", "w5", "idle", "storm"];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let seconds = setting("BENCH_SECONDS", 6);
    if let [first, workload] = &arguments[..]
        && first == "--one"
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = tokio::task::LocalSet::new();
        let report = alone::one(workload.parse()?, Duration::from_secs(seconds));
        println!("{}", local.block_on(&runtime, report)?.to_json());
        return Ok(());
    }
    let named: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let named = if named.is_empty() { ALL.to_vec() } else { named };
    println!(
        "Both servers on one core, their clients on another, one socket a client, 80-byte frames every 20 ms.\n\
         On loopback a sender also pays for the receiver's share of the kernel, in both alike. Mumble sends voice\n\
         from one thread whatever the number of cores; Parlour runs one shard here. A ratio is Parlour's frames for a\n\
         second of the server's processor time over Mumble's, all acknowledgements included: above 1, Parlour's are\n\
         cheaper. Where two figures stand together, Parlour's is the first. ACKs are acknowledgements a frame heard.\n"
    );
    turns::heads();
    for name in named {
        let workload: Workload = name.parse()?;
        // A client of ours has a socket; one of Mumble's another for TCP.
        raise_files(workload.people() as u64 * 3 + FILES)?;
        match workload {
            Workload::W5 | Workload::Idle | Workload::Storm => {
                alone::compare(name, seconds, setting("BENCH_ROUNDS", 3))?;
            }
            _ => {
                let turn = Duration::from_secs(setting("BENCH_TURN_SECONDS", 2));
                turns::compare(name, workload, setting("BENCH_TURNS", 10), turn)?;
            }
        }
    }
    Ok(())
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Lets this program, and what it starts, have so many files open.
fn raise_files(needed: u64) -> anyhow::Result<()> {
    let now = getrlimit(Resource::Nofile);
    ensure!(
        now.maximum.is_none_or(|allowed| allowed >= needed),
        "{needed} files have to be open at once, and this shell allows fewer: as root, `ulimit -n {needed}` before the bench"
    );
    if now.current.is_some_and(|current| current < needed) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: now.maximum })?;
    }
    Ok(())
}
