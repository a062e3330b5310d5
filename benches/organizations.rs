//! Do requests in one organization slow those of another? Requests in one are timed alone, and while many at once are asked in
//! the other: such as only look, and such as are kept.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parlour::config::{Config, Sources};
use parlour::control::{Actor, Handle};
use parlour::protocol::wire::{self, request};
use parlour::server::Server;
use parlour::voice::Peer;

/// Requests that are timed.
const TIMED: usize = 500;

/// Requests that the other organization is asked at once.
const AT_ONCE: usize = 256;

/// One that only looks, or one that is on disk before it is answered.
fn body(is_kept: bool, number: usize) -> request::Body {
    if is_kept {
        let welcome = Some(format!("welcome {number}"));
        request::Body::EditOrganization(wire::EditOrganization { welcome, ..Default::default() })
    } else {
        request::Body::ListRoles(wire::ListRoles {})
    }
}

/// Asks without a pause until it is told to stop; answers with how many requests were done.
async fn flood<P: Peer>(handle: Handle<P>, is_kept: bool, stop: Arc<AtomicBool>) -> usize {
    let mut asking = tokio::task::JoinSet::new();
    for first in 0..AT_ONCE {
        let (handle, stop) = (handle.clone(), Arc::clone(&stop));
        asking.spawn(async move {
            let mut done = 0;
            while !stop.load(Ordering::Relaxed) {
                // A full queue is an answer, too.
                done +=
                    usize::from(handle.request(Actor::Operator, body(is_kept, first + done)).await.is_ok());
            }
            done
        });
    }
    asking.join_all().await.into_iter().sum()
}

async fn times<P: Peer>(handle: &Handle<P>, is_kept: bool) -> Vec<f64> {
    let mut times = Vec::new();
    for number in 0..TIMED {
        let started = Instant::now();
        handle.request(Actor::Operator, body(is_kept, number)).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times
}

fn report(what: &str, times: &[f64], alone: Option<&[f64]>, beside: f64) {
    let at = |times: &[f64]| (times[times.len() / 2], times[times.len() * 99 / 100]);
    let ((median, p99), (alone_median, alone_p99)) = (at(times), at(alone.unwrap_or(times)));
    let (times_median, times_p99) = (median / alone_median, p99 / alone_p99);
    println!("{what:<42} {median:>9.3} {p99:>9.3} {times_median:>8.1} {times_p99:>8.1} {beside:>12.0}");
    println!(
        "{{\"bench\":\"organizations\",\"case\":\"{what}\",\"median_ms\":{median:.4},\"p99_ms\":{p99:.4},\"beside\":{beside:.0}}}"
    );
}

/// The same while the other organization is asked without a pause, by a thread of its own; and how much that was, a second.
async fn beside<P: Peer>(one: &Handle<P>, other: &Handle<P>, is_kept: bool, floods: bool) -> (Vec<f64>, f64) {
    let (stop, other) = (Arc::new(AtomicBool::new(false)), other.clone());
    let (stopped, started) = (Arc::clone(&stop), Instant::now());
    let flooding = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(flood(other, floods, stopped))
    });
    let times = times(one, is_kept).await;
    stop.store(true, Ordering::Relaxed);
    let done = flooding.join().unwrap();
    (times, done as f64 / started.elapsed().as_secs_f64())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let flags = vec![("data_dir", directory.path().display().to_string())];
    let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    let server = Server::start(&config, &["127.0.0.1:0".parse().unwrap()], true).await.unwrap();
    let create = wire::CreateOrganization { tag: "other".to_owned(), name: "Other".to_owned() };
    let create = request::Body::CreateOrganization(create);
    server.organizations().operate(create.into()).await.unwrap();
    let (one, other) = (server.handle().clone(), server.organizations().find("other").await.unwrap());
    println!(
        "{:<42} {:>9} {:>9} {:>8} {:>8} {:>12}",
        "request in one, ms", "median", "p99", "times", "times", "beside it/s"
    );
    for (is_kept, word) in [(false, "look"), (true, "keep")] {
        let alone = times(&one, is_kept).await;
        report(&format!("{word}, nothing else"), &alone, None, 0.0);
        for (floods, other_word) in [(false, "looks"), (true, "keeps")] {
            let (busy, done) = beside(&one, &other, is_kept, floods).await;
            report(&format!("{word}, while the other {other_word}"), &busy, Some(&alone), done);
        }
    }
    drop((one, other));
    server.stop().await;
}
