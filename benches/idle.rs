//! What do 200 idle clients cost a server? Beside the limit: a bare quinn endpoint that holds as many
//! connections with the same settings and does nothing else. Each server is a process of its own.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

#[path = "../tests/support/outside.rs"]
mod outside;

use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::endpoint::{Certificates, Identity};
use parlour::protocol::ALPN;
use parlour::transport;

use outside::{first_address, memory, processor_time, start};

const CLIENTS: usize = 200;
const WATCH: Duration = Duration::from_secs(20);

/// Resident memory in KiB and processor time in milliseconds of a process.
fn usage(child: &Child) -> (f64, f64) {
    (memory(child).0, processor_time(child))
}

/// The bare peer: accepts, and keeps what it accepted.
async fn bare() {
    let directory = tempfile::tempdir().unwrap();
    let identity = Identity::load_or_create(directory.path()).unwrap();
    let certificates = Certificates::load(&identity, directory.path(), None).unwrap();
    let config = transport::server_config(Arc::new(certificates), &[ALPN], Duration::from_secs(30)).unwrap();
    let endpoint = quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
    println!("{{\"addresses\":[\"{}\"]}}", endpoint.local_addr().unwrap());
    let mut kept = Vec::new();
    while let Some(incoming) = endpoint.accept().await {
        kept.push(incoming.await.unwrap());
    }
}

async fn come_in(address: &Address, number: usize) -> Session {
    let connected = connect(address, Trust::FirstUse, "bench/1").await.unwrap();
    let session = connected.log_in(Credentials::guest(&format!("guest{number}"), "bench")).await.unwrap();
    let general = session.view().find("General").unwrap().id;
    session.join(parlour::id::ChannelId(general)).await.unwrap();
    session
}

async fn measure<T>(name: &str, child: &Child, clients: impl Future<Output = Vec<T>>) -> (f64, f64) {
    let (before, cpu_before) = usage(child);
    let kept = clients.await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (after, cpu_idle) = usage(child);
    tokio::time::sleep(WATCH).await;
    let (_, cpu_after) = usage(child);
    let memory = (after - before) / kept.len() as f64;
    let arrival = (cpu_idle - cpu_before) / kept.len() as f64;
    let share = (cpu_after - cpu_idle) / (WATCH.as_secs_f64() * 1e3) * 100.0;
    println!("{name:<12} {memory:>14.1} {arrival:>18.2} {share:>16.2}");
    println!(
        "{{\"bench\":\"idle\",\"server\":\"{name}\",\"clients\":{},\"kib_per_client\":{memory:.2},\"ms_per_arrival\":{arrival:.3},\"idle_percent\":{share:.3}}}",
        kept.len()
    );
    (memory, share)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if std::env::args().any(|argument| argument == "--bare") {
        return bare().await;
    }
    println!("{CLIENTS} idle clients in one channel, watched for {} s", WATCH.as_secs());
    println!(
        "{:<12} {:>14} {:>18} {:>16}",
        "server", "KiB a client", "CPU ms an arrival", "idle % of a core"
    );
    let (mut child, said) = start(Command::new(std::env::current_exe().unwrap()).arg("--bare"));
    let place = first_address(&said);
    let plain = async {
        let (config, _) = transport::client_config(None, ALPN).unwrap();
        let mut kept = Vec::new();
        for _ in 0..CLIENTS {
            let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
            kept.push(endpoint.connect_with(config.clone(), place, "x").unwrap().await.unwrap());
        }
        kept
    };
    let (bare_memory, _) = measure("bare quinn", &child, plain).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
    command.env("PARLOUR_SESSIONS_GUESTS", "true").env("PARLOUR_DATA_DIR", directory.path());
    let (mut child, said) = start(&mut command);
    let address: Address = first_address(&said).to_string().parse().unwrap();
    let people = async {
        let mut kept = Vec::new();
        for number in 0..CLIENTS {
            kept.push(come_in(&address, number).await);
        }
        kept
    };
    let (memory, _) = measure("parlour", &child, people).await;
    println!("memory a client: {:.2} times bare quinn's", memory / bare_memory);
    child.kill().unwrap();
    child.wait().unwrap();
}
