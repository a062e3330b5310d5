//! What does a plugin cost: loaded, called, and asked about each log-in? Beside the limit: the same log-in without it. Two servers take
//! turns within one run, one with a plugin that decides about log-ins and one with none: people log in twenty times a second, and one
//! person speaks to another. Servers, those who log in and the talk are processes of their own.
//!
//! `cargo bench --bench plugins`; `BENCH_SECONDS` (10) for each talk, `BENCH_ROUNDS` (4).

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

mod beside;
#[path = "../tests/support/outside.rs"]
mod outside;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::plugin::{Answered, Host, HttpAsked, Manifest, Module};
use parlour::protocol::wire::{self, request};
use sha2::{Digest, Sha256};

use beside::{GIVES_WAY, Running, Talk, quantile};
use outside::processor_time;

const CALLS: usize = 2_000;
const LOG_IN: Duration = Duration::from_millis(50);
const MANIFEST: &str = "name = \"gate\"\nfunctions = [\"run\"]\n[hooks]\nlog_in = \"run\"";

/// Nobody is asked for anything here.
struct Nobody;

impl Host for Nobody {
    fn value(&mut self, _: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn keep(&mut self, _: Vec<(String, Option<Vec<u8>>)>) -> Result<(), String> {
        Ok(())
    }

    fn ask(&mut self, _: &'static str, _: &[u8], _: Duration) -> Result<Vec<u8>, String> {
        Err("nobody is there".to_owned())
    }

    fn http(&mut self, _: HttpAsked, _: Duration) -> Result<Answered, String> {
        Err("nobody is there".to_owned())
    }
}

/// A plugin that reads its input and lets everybody in.
fn gate() -> Vec<u8> {
    let answer = br#"{"allow": true}"#;
    let bytes = answer.escape_ascii();
    let text = format!(
        "(module (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))
        (import \"extism:host/env\" \"store_u8\" (func $store (param i64 i32)))
        (import \"extism:host/env\" \"input_length\" (func $length (result i64)))
        (import \"extism:host/env\" \"input_load_u8\" (func $load (param i64) (result i32)))
        (import \"extism:host/env\" \"output_set\" (func $set (param i64 i64)))
        (memory 1) (data (i32.const 0) \"{bytes}\")
        (func (export \"run\") (local $at i64) (local $i i64)
            (loop $on
                (drop (call $load (local.get $i)))
                (local.set $i (i64.add (local.get $i) (i64.const 1)))
                (br_if $on (i64.lt_u (local.get $i) (call $length))))
            (local.set $at (call $alloc (i64.const {len})))
            (local.set $i (i64.const 0))
            (loop $on
                (call $store (i64.add (local.get $at) (local.get $i)) (i32.load8_u (i32.wrap_i64 (local.get $i))))
                (local.set $i (i64.add (local.get $i) (i64.const 1)))
                (br_if $on (i64.lt_u (local.get $i) (i64.const {len}))))
            (call $set (local.get $at) (i64.const {len}))))",
        len = answer.len()
    );
    wat::parse_str(text).unwrap()
}

fn report(what: &str, mut times: Vec<f64>) {
    let (median, high) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    println!("{what:<28} {median:>10.1} us {high:>10.1} us");
    println!("{{\"bench\":\"plugins\",\"case\":\"{what}\",\"median_us\":{median:.1},\"p99_us\":{high:.1}}}");
}

fn microseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e6
}

/// Logs in again and again as another process, and prints how many microseconds each took.
async fn log_in_again(address: &Address, seconds: Duration) {
    rustix::process::setpriority_process(None, GIVES_WAY).unwrap();
    let (mut times, began, mut tick) = (Vec::new(), Instant::now(), tokio::time::interval(LOG_IN));
    while began.elapsed() < seconds {
        tick.tick().await;
        let connected = connect(address, Trust::FirstUse, "bench/1").await.unwrap();
        let (started, name) = (Instant::now(), format!("guest{}", times.len()));
        let guest = connected.log_in(Credentials::guest(&name, "bench")).await.unwrap();
        times.push(microseconds(started));
        guest.close().await;
    }
    println!("{}", serde_json::json!(times));
}

/// A server, and what was measured of it.
struct Case {
    what: &'static str,
    server: Running,
    talk: Talk,
    times: Vec<f64>,
    delays: Vec<f64>,
    /// Milliseconds of the server's processor time.
    cost: f64,
}

impl Case {
    async fn start(what: &'static str, plugin: Option<&[u8]>) -> Self {
        let server = Running::start(&[
            ("PARLOUR_LIMITS_ADDRESS_CONNECTS", "10000"),
            ("PARLOUR_LIMITS_ADDRESS_SESSIONS", "1000"),
            ("PARLOUR_LIMITS_ADDRESS_GUESTS", "1000"),
            ("PARLOUR_LIMITS_ADDRESS_TRIES", "10000"),
            ("PARLOUR_SESSIONS_GUESTS", "true"),
        ]);
        let talk = Talk::start(&server).await;
        if let Some(code) = plugin {
            install(&server.come_in("demo").await, code).await;
        }
        Self { what, server, talk, times: Vec::new(), delays: Vec::new(), cost: 0.0 }
    }

    /// One speaks to another while people log in.
    async fn measure(&mut self, seconds: Duration) {
        let before = processor_time(&self.server.server);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--log-in", &self.server.address.to_string(), &seconds.as_secs().to_string()]);
        let log_ins = tokio::task::spawn_blocking(move || command.output().unwrap());
        let (done, delays) = self.talk.beside(log_ins).await;
        self.cost += processor_time(&self.server.server) - before;
        let times: Vec<f64> = serde_json::from_slice(&done.unwrap().stdout).unwrap();
        self.times.extend(times);
        self.delays.extend(delays);
    }
}

async fn install(root: &Session, code: &[u8]) {
    let sha256 = HEXLOWER.encode(&Sha256::digest(code));
    let part = wire::SendPluginPart { sha256: sha256.clone(), offset: 0, data: code.to_vec().into() };
    root.request(request::Body::SendPluginPart(part)).await.unwrap();
    let install = wire::InstallPlugin { sha256, manifest: MANIFEST.to_owned(), grants: Vec::new() };
    root.request(request::Body::InstallPlugin(install)).await.unwrap();
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, what, address, seconds] = &arguments[..]
        && what == "--log-in"
    {
        let seconds = Duration::from_secs(seconds.parse().unwrap());
        return log_in_again(&address.parse().unwrap(), seconds).await;
    }
    println!("{:<28} {:>13} {:>13}", "case", "median", "p99");
    let (code, manifest) = (gate(), Manifest::read(MANIFEST).unwrap());
    let loads = (0..200).map(|_| {
        let started = Instant::now();
        Module::load(&code, &manifest).unwrap();
        microseconds(started)
    });
    report("load", loads.collect());
    let module = Module::load(&code, &manifest).unwrap();
    let input = br#"{"name": "guest1", "user": null, "way": "guest", "address": "127.0.0.1"}"#;
    let calls = (0..CALLS).map(|_| {
        let started = Instant::now();
        module.call("run", input, Arc::from([]), Box::new(Nobody), None).result.unwrap();
        microseconds(started)
    });
    report("call, fresh instance", calls.collect());

    let (seconds, rounds) = (Duration::from_secs(setting("BENCH_SECONDS", 10)), setting("BENCH_ROUNDS", 4));
    let mut cases =
        [Case::start("log-in without", None).await, Case::start("log-in with", Some(&code)).await];
    for _ in 0..rounds {
        for case in &mut cases {
            case.measure(seconds).await;
        }
    }
    println!("a log-in every {LOG_IN:?}, one speaks to another");
    println!(
        "{:<16} {:>8} {:>10} {:>10} {:>13} {:>12}",
        "case", "log-ins", "median us", "server ms", "voice median", "voice p99 us"
    );
    for case in &mut cases {
        let (count, each) = (case.times.len(), case.cost / case.times.len() as f64);
        let wall = quantile(&mut case.times, 0.5);
        let (median, p99) = (quantile(&mut case.delays, 0.5), quantile(&mut case.delays, 0.99));
        let what = case.what;
        println!("{what:<16} {count:>8} {wall:>10.0} {each:>10.2} {median:>13.0} {p99:>12.0}");
        println!(
            "{{\"bench\":\"plugins\",\"case\":\"{what}\",\"median_us\":{wall:.1},\"server_ms\":{each:.3},\"voice_median_us\":{median:.1},\"voice_p99_us\":{p99:.1}}}"
        );
    }
}
