//! Is a request that touches no disk held up by those that do? Joins are timed alone, and while channels
//! are created one after the other; beside them what the creations themselves take. And what may a client's bytes cost the
//! thread that does them all?

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

mod dearest;

use std::time::Instant;

use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::config::{Config, Sources};
use parlour::id::ChannelId;
use parlour::server::Server;

const JOINS: usize = 500;
const PASSWORD: &str = "correct horse battery";

async fn log_in(address: &Address, name: &str) -> Session {
    let connected = connect(address, Trust::FirstUse, "bench/1").await.unwrap();
    connected.log_in(Credentials::password(name, PASSWORD, "bench")).await.unwrap()
}

async fn joins(session: &Session) -> Vec<f64> {
    let mut times = Vec::new();
    for number in 0..JOINS {
        let started = Instant::now();
        session.join(ChannelId(1 + number as u64 % 5)).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times
}

fn report(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what:<34} {:>6} {median:>9.3} {p99:>9.3}", times.len());
    println!("{{\"bench\":\"requests\",\"case\":\"{what}\",\"median_ms\":{median:.4},\"p99_ms\":{p99:.4}}}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let fast = "10000".to_owned();
    let flags = vec![
        ("data_dir", directory.path().display().to_string()),
        ("limits.requests_per_second", fast.clone()),
        ("limits.request_burst", fast),
    ];
    let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    let server = Server::start(&config, &["127.0.0.1:0".parse().unwrap()], true).await.unwrap();
    let address: Address = server.addresses()[0].to_string().parse().unwrap();
    server.ensure_user("root", PASSWORD, "Admin").await.unwrap();
    server.ensure_user("alice", PASSWORD, "Member").await.unwrap();
    let (root, alice) = (log_in(&address, "root").await, log_in(&address, "alice").await);
    println!("{:<34} {:>6} {:>9} {:>9}", "request, ms", "times", "median", "p99");
    report("join, nothing else", joins(&alice).await);
    let writing = async {
        let mut times = Vec::new();
        for number in 0.. {
            let started = Instant::now();
            let channel = root.create_channel(None, &format!("channel {number}")).await.unwrap();
            times.push(started.elapsed().as_secs_f64() * 1e3);
            root.remove_channel(channel).await.unwrap();
            if number > 10_000 {
                break;
            }
            WRITTEN.with_borrow_mut(|written| written.clone_from(&times));
        }
    };
    let busy = tokio::select! {
        times = joins(&alice) => times,
        () = writing => Vec::new(),
    };
    report("join, while channels are created", busy);
    report("create a channel (durable)", WRITTEN.take());
    dearest::furnish(&root).await;
    dearest::report(&address).await;
    server.stop().await;
}

thread_local! {
    static WRITTEN: std::cell::RefCell<Vec<f64>> = const { std::cell::RefCell::new(Vec::new()) };
}
