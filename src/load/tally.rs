//! What is counted, and what it comes to.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::workload::Workload;

/// Delays, counted in steps of 3 % from a microsecond on: what a percentile needs, in 5 KB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delays {
    counts: Vec<u64>,
    total: u64,
}

/// Steps that double the delay.
const STEPS: u32 = 24;

/// Doublings from a microsecond to more than a minute.
const DOUBLINGS: u32 = 27;

impl Default for Delays {
    fn default() -> Self {
        Self { counts: vec![0; (STEPS * DOUBLINGS) as usize], total: 0 }
    }
}

impl Delays {
    /// Counts one.
    pub fn add(&mut self, delay: Duration) {
        let microseconds = delay.as_micros().max(1) as f64;
        let step = (microseconds.log2() * f64::from(STEPS)) as usize;
        let last = self.counts.len() - 1;
        self.counts[step.min(last)] += 1;
        self.total += 1;
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The delay that a share of them, 0 to 1, don't exceed; within 3 %. Zero when nothing was counted.
    pub fn at(&self, share: f64) -> Duration {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let microseconds = ((step + 1) as f64 / f64::from(STEPS)).exp2();
                return Duration::from_secs_f64(microseconds / 1e6);
            }
        }
        Duration::ZERO
    }
}

/// Processor time and memory at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// When.
    pub at: Instant,
    /// Processor time of the server, when it is known.
    pub server: Option<Duration>,
    /// Processor time of this program.
    pub driver: Duration,
    /// Memory of the server in bytes; 0 when it isn't known.
    pub memory: u64,
}

/// So many speakers for a while.
#[derive(Clone, Debug)]
pub struct Step {
    /// In each channel.
    pub speakers: usize,
    /// For how long.
    pub duration: Duration,
    /// Frames that should have arrived.
    pub expected: u64,
    /// Frames that came in another order than they were sent.
    pub disordered: u64,
    /// How long those that arrived took.
    pub delays: Delays,
    /// The same for each fifth of a second.
    pub over_time: Vec<Delays>,
    /// Processor time of the server.
    pub server: Duration,
    /// Processor time of this program.
    pub driver: Duration,
}

impl Step {
    /// The share of frames that didn't arrive.
    pub fn loss(&self) -> f64 {
        if self.expected == 0 {
            return 0.0;
        }
        1.0 - self.delays.total().min(self.expected) as f64 / self.expected as f64
    }

    /// Frames delivered a second.
    pub fn rate(&self) -> f64 {
        self.delays.total() as f64 / self.duration.as_secs_f64()
    }

    /// Frames delivered for each second of the server's processor time; none when that isn't known.
    pub fn per_server_second(&self) -> Option<f64> {
        (!self.server.is_zero()).then(|| self.delays.total() as f64 / self.server.as_secs_f64())
    }

    /// Who had no more to give: a core that was busy for more than nine tenths of the time.
    pub fn limit(&self) -> &'static str {
        let busy = |time: Duration| time.as_secs_f64() / self.duration.as_secs_f64() > 0.9;
        match (busy(self.server), busy(self.driver)) {
            (true, true) => "server and driver",
            (true, false) => "server",
            (false, true) => "driver",
            (false, false) => "neither",
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was run.
    pub workload: Workload,
    /// Clients.
    pub clients: usize,
    /// How long log-ins took.
    pub log_ins: Delays,
    /// Processor time of the server for each; none when that isn't known.
    pub log_in_cost: Option<Duration>,
    /// Memory of the server with everybody connected, in bytes.
    pub memory: u64,
    /// Memory that each client added, in bytes.
    pub memory_a_client: u64,
    /// The share of a core that the server took while measured.
    pub server_load: f64,
    /// What was said and heard: one step, or several.
    pub steps: Vec<Step>,
    /// The step that was too much.
    pub broken: Option<Step>,
}

impl Report {
    /// Nothing yet.
    pub fn new(workload: Workload, clients: usize) -> Self {
        Self {
            workload,
            clients,
            log_ins: Delays::default(),
            log_in_cost: None,
            memory: 0,
            memory_a_client: 0,
            server_load: 0.0,
            steps: Vec::new(),
            broken: None,
        }
    }

    /// Everybody logged in between these moments.
    pub fn log_ins(&mut self, times: Delays, before: &Usage, after: &Usage) {
        self.log_ins = times;
        let clients = self.clients.max(1);
        if let (Some(before), Some(after)) = (before.server, after.server) {
            self.log_in_cost = Some(after.saturating_sub(before) / u32::try_from(clients).unwrap_or(1));
        }
        self.memory = after.memory;
        self.memory_a_client = after.memory.saturating_sub(before.memory) / clients as u64;
    }

    pub(super) fn measured(&mut self, begun: &Usage, ended: &Usage) {
        let passed = ended.at.duration_since(begun.at).as_secs_f64();
        if let (Some(begun), Some(ended)) = (begun.server, ended.server) {
            self.server_load = (ended.saturating_sub(begun)).as_secs_f64() / passed.max(1e-9);
        }
        self.memory = self.memory.max(ended.memory);
    }

    /// All of it for a program.
    pub fn to_json(&self) -> Value {
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let steps: Vec<_> = self
            .steps
            .iter()
            .chain(&self.broken)
            .map(|step| {
                json!({
                    "speakers": step.speakers, "seconds": step.duration.as_secs_f64(),
                    "expected": step.expected, "delivered": step.delays.total(), "loss": step.loss(),
                    "frames_a_second": step.rate(), "frames_a_server_second": step.per_server_second(),
                    "p50_ms": milliseconds(step.delays.at(0.5)), "p99_ms": milliseconds(step.delays.at(0.99)),
                    "p999_ms": milliseconds(step.delays.at(0.999)), "disordered": step.disordered,
                    "server_cpu_s": step.server.as_secs_f64(), "driver_cpu_s": step.driver.as_secs_f64(),
                    "limit": step.limit(),
                })
            })
            .collect();
        json!({
            "bench": "voice", "workload": self.workload.name(), "clients": self.clients,
            "log_in_p50_ms": milliseconds(self.log_ins.at(0.5)), "log_in_p99_ms": milliseconds(self.log_ins.at(0.99)),
            "log_in_cpu_ms": self.log_in_cost.map(milliseconds), "memory_bytes": self.memory,
            "memory_a_client_bytes": self.memory_a_client, "server_load": self.server_load,
            "broke": self.broken.is_some(), "steps": steps,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn percentiles_are_right_within_three_in_a_hundred(mut delays in proptest::collection::vec(2_u64..50_000_000, 1..400)) {
            let mut counted = Delays::default();
            for delay in &delays {
                counted.add(Duration::from_micros(*delay));
            }
            delays.sort_unstable();
            for share in [0.01, 0.5, 0.99, 1.0] {
                let place = ((delays.len() as f64 * share).ceil() as usize).max(1) - 1;
                let (right, said) = (delays[place] as f64, counted.at(share).as_secs_f64() * 1e6);
                prop_assert!(said >= right * 0.999 && said <= right * 1.031, "{said} for {right}");
            }
            prop_assert_eq!(counted.total(), delays.len() as u64);
        }
    }

    #[test]
    fn extremes_are_counted() {
        let mut counted = Delays::default();
        assert_eq!(counted.at(0.5), Duration::ZERO);
        counted.add(Duration::ZERO);
        counted.add(Duration::from_secs(1_000));
        assert!(counted.at(1.0) > Duration::from_secs(60));
    }
}
