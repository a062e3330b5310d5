//! What do a thousand runs of flows a minute cost, and does voice suffer? Two servers take turns within one run, one with ten flows of
//! two accounts and one with none: one person speaks to another, and a hundred times a minute somebody mutes themselves, which begins
//! a run of each flow. A run works a value out and keeps it on its owner's account. Servers and the talk are processes of their own.
//!
//! `cargo bench --bench flows`; `BENCH_SECONDS` (60) for each talk, `BENCH_ROUNDS` (2).

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

mod beside;
#[path = "../tests/support/outside.rs"]
mod outside;

use std::process::Command;
use std::time::{Duration, Instant};

use parlour::client::Session;
use parlour::protocol::wire;

use beside::{PASSWORD, Running, Talk, quantile};
use outside::processor_time;

/// Accounts, and flows of each: an account begins 600 runs a minute at most, a flow 120.
const OWNERS: usize = 2;
const FLOWS: usize = 5;
const HAPPENS: Duration = Duration::from_millis(600);

fn flow(number: usize) -> String {
    format!(
        r#"
[workflow]
name = "keeper-{number}"
description = "Keeps when somebody's presence was another one."

[[triggers]]
on = "event"
event = "presence"

[[steps]]
name = "work"
do = "value"
with = {{ value = "{{{{ event.at }}}} in {{{{ event.channel }}}}" }}

[[steps]]
name = "keep"
do = "set_element"
[steps.with]
user = "{{{{ owner.name }}}}"
name = "bench.flow{number}"
value = {{ last = "{{{{ steps.work.output }}}}" }}
"#
    )
}

/// A server, and what was measured of it.
struct Case {
    server: Running,
    talk: Talk,
    mover: Session,
    owners: Vec<Session>,
    delays: Vec<f64>,
    /// Milliseconds of the server's processor time.
    cost: f64,
    events: u64,
}

impl Case {
    async fn start(has_flows: bool) -> Self {
        let server = Running::start(&[
            ("PARLOUR_LIMITS_REQUEST_BURST", "10000"),
            ("PARLOUR_LIMITS_REQUESTS_PER_SECOND", "1000"),
        ]);
        let (talk, mover) = (Talk::start(&server).await, server.come_in("demo").await);
        let mut owners = Vec::new();
        for owner in 0..OWNERS * usize::from(has_flows) {
            let name = format!("owner{owner}");
            mover.create_user(&name, PASSWORD, "").await.unwrap();
            let own = server.come_in(&name).await;
            for number in 0..FLOWS {
                let source = flow(owner * FLOWS + number);
                own.add_flow(wire::AddFlow { source, ..Default::default() }).await.unwrap();
            }
            owners.push(own);
        }
        Self { server, talk, mover, owners, delays: Vec::new(), cost: 0.0, events: 0 }
    }

    /// Runs that have ended as they were to.
    async fn completed(&self) -> u64 {
        let mut all = 0;
        for owner in &self.owners {
            let flows = owner.flows(wire::ListFlows { own: true, ..Default::default() }).await.unwrap();
            assert!(flows.iter().all(|flow| flow.failed + flow.dropped == 0), "{flows:?}");
            all += flows.iter().map(|flow| flow.completed).sum::<u64>();
        }
        all
    }

    /// One speaks to another while something happens.
    async fn measure(&mut self, seconds: Duration) {
        let (before, began) = (processor_time(&self.server.server), Instant::now());
        let happening = async {
            let (mut tick, mut events) = (tokio::time::interval(HAPPENS), 0);
            while began.elapsed() < seconds {
                tick.tick().await;
                self.mover.set_self(Some((self.events + events).is_multiple_of(2)), None).await.unwrap();
                events += 1;
            }
            events
        };
        let (events, delays) = self.talk.beside(happening).await;
        self.events += events;
        self.delays.extend(delays);
        while self.completed().await < self.events * (self.owners.len() * FLOWS) as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.cost += processor_time(&self.server.server) - before;
    }

    /// Bytes of what the database keeps of flows and runs, and rows of runs.
    fn stored(&self) -> (u64, u64) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
        command.args(["--json", "db", "stats"]).env("PARLOUR_DATA_DIR", self.server.directory.path());
        let said: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let tables = said["tables"].as_array().unwrap();
        let of = |begins: &str, field: &str| {
            let named = tables
                .iter()
                .filter(|table| table["name"].as_str().is_some_and(|name| name.starts_with(begins)));
            named.map(|table| table[field].as_u64().unwrap()).sum::<u64>()
        };
        (of("flow_runs", "stored_bytes") + of("flow_steps", "stored_bytes"), of("flow_runs", "rows"))
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (seconds, rounds) = (Duration::from_secs(setting("BENCH_SECONDS", 60)), setting("BENCH_ROUNDS", 2));
    let mut cases = [Case::start(false).await, Case::start(true).await];
    for _ in 0..rounds {
        for case in &mut cases {
            case.measure(seconds).await;
        }
    }
    println!(
        "somebody mutes themselves every {HAPPENS:?}, one speaks to another, for {seconds:?} {rounds} times"
    );
    println!("{:>8} {:>8} {:>10} {:>8} {:>12}", "runs", "frames", "median us", "p99 us", "server ms");
    for case in &mut cases {
        let runs = case.events * (case.owners.len() * FLOWS) as u64;
        let (median, p99) = (quantile(&mut case.delays, 0.5), quantile(&mut case.delays, 0.99));
        println!("{runs:>8} {:>8} {median:>10.0} {p99:>8.0} {:>12.0}", case.delays.len(), case.cost);
        println!(
            "{{\"bench\":\"flows\",\"runs\":{runs},\"median_us\":{median:.1},\"p99_us\":{p99:.1},\"server_ms\":{:.0}}}",
            case.cost
        );
    }
    let [without, with] = &cases;
    let each = (with.cost - without.cost) / (with.events * (OWNERS * FLOWS) as u64) as f64;
    let (bytes, rows) = with.stored();
    let kept = bytes as f64 / rows as f64;
    println!(
        "a run of two steps: {each:.2} ms of the server, {kept:.0} bytes in the database ({rows} runs are kept)"
    );
    println!("{{\"bench\":\"flows\",\"case\":\"run\",\"server_ms\":{each:.3},\"bytes\":{kept:.0}}}");
}
