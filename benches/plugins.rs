//! What does a plugin cost: loaded, called, and asked about each log-in? Beside the limit: the same log-in without it.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::config::{Config, Sources};
use parlour::plugin::{Answered, Host, HttpAsked, Manifest, Module};
use parlour::protocol::wire::{self, request};
use parlour::server::Server;
use sha2::{Digest, Sha256};

const CALLS: usize = 2_000;
const LOG_INS: usize = 200;
const PASSWORD: &str = "correct horse battery";
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

fn report(what: &str, mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let (median, high) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what:<28} {median:>10.1} us {high:>10.1} us");
    println!("{{\"bench\":\"plugins\",\"case\":\"{what}\",\"median_us\":{median:.1},\"p99_us\":{high:.1}}}");
    median
}

fn microseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e6
}

async fn log_ins(address: &Address) -> Vec<f64> {
    let mut times = Vec::new();
    for number in 0..LOG_INS {
        let connected = connect(address, Trust::FirstUse, "bench/1").await.unwrap();
        let started = Instant::now();
        let guest = connected.log_in(Credentials::guest(&format!("guest{number}"), "bench")).await.unwrap();
        times.push(microseconds(started));
        guest.close().await;
    }
    times
}

async fn install(root: &Session, code: &[u8]) {
    let sha256 = HEXLOWER.encode(&Sha256::digest(code));
    let part = wire::SendPluginPart { sha256: sha256.clone(), offset: 0, data: code.to_vec().into() };
    root.request(request::Body::SendPluginPart(part)).await.unwrap();
    let install = wire::InstallPlugin { sha256, manifest: MANIFEST.to_owned(), grants: Vec::new() };
    root.request(request::Body::InstallPlugin(install)).await.unwrap();
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
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

    let directory = tempfile::tempdir().unwrap();
    let flags = vec![
        ("data_dir", directory.path().display().to_string()),
        ("limits.address_connects", "10000".to_owned()),
        ("limits.address_sessions", "1000".to_owned()),
        ("limits.address_guests", "1000".to_owned()),
        ("limits.address_tries", "10000".to_owned()),
        ("sessions.guests", "true".to_owned()),
    ];
    let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    let server = Server::start(&config, &["127.0.0.1:0".parse().unwrap()], true).await.unwrap();
    let address: Address = server.addresses()[0].to_string().parse().unwrap();
    server.ensure_user("root", PASSWORD, "Owner").await.unwrap();
    let connected = connect(&address, Trust::FirstUse, "bench/1").await.unwrap();
    let root = connected.log_in(Credentials::password("root", PASSWORD, "bench")).await.unwrap();
    let without = report("log-in without", log_ins(&address).await);
    install(&root, &code).await;
    let with = report("log-in that a plugin decides", log_ins(&address).await);
    println!("a plugin adds {:.1} us to a log-in", with - without);
    root.close().await;
    server.stop().await;
}
