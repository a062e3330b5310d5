//! Do a wrong password, an unknown user and a disabled account take the same time? Beside the limit: the
//! Argon2 run that each of them has to make.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

use std::time::Instant;

use parlour::auth::StoredPassword;
use parlour::client::{Address, Credentials, Trust, connect};
use parlour::config::{Config, Sources};
use parlour::server::Server;

const TRIES: usize = 24;
/// Tries of one account that aren't slowed down.
const EACH: usize = 4;
const PASSWORD: &str = "correct horse battery";

async fn try_log_in(address: &Address, name: &str, password: &str) -> (f64, bool) {
    let connected = connect(address, Trust::FirstUse, "bench/1").await.unwrap();
    let started = Instant::now();
    let outcome = connected.log_in(Credentials::password(name, password, "bench")).await;
    (started.elapsed().as_secs_f64() * 1e3, outcome.is_ok())
}

fn report(what: &str, mut times: Vec<f64>, argon2: f64) {
    times.sort_by(f64::total_cmp);
    let (low, median, high) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    println!("{what:<16} {low:>8.2} {median:>8.2} {high:>8.2} {:>14.2}", median / argon2);
    println!(
        "{{\"bench\":\"log_in\",\"case\":\"{what}\",\"median_ms\":{median:.3},\"of_argon2\":{:.3}}}",
        median / argon2
    );
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    // All come from one address: so many failures of it are free.
    let flags = vec![
        ("data_dir", directory.path().display().to_string()),
        ("limits.address_tries", (TRIES * 4).to_string()),
    ];
    let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    let server = Server::start(&config, &["127.0.0.1:0".parse().unwrap()], true).await.unwrap();
    let address: Address = server.addresses()[0].to_string().parse().unwrap();
    server.ensure_user("root", PASSWORD, "Admin").await.unwrap();
    let connected = connect(&address, Trust::FirstUse, "bench/1").await.unwrap();
    let root = connected.log_in(Credentials::password("root", PASSWORD, "bench")).await.unwrap();
    for number in 0..TRIES / EACH {
        server.ensure_user(&format!("user{number}"), PASSWORD, "Member").await.unwrap();
        let disabled = format!("disabled{number}");
        server.ensure_user(&disabled, PASSWORD, "Member").await.unwrap();
        root.set_user_disabled(&disabled, true).await.unwrap();
    }
    let mut hashes = Vec::new();
    let stored = StoredPassword::new(PASSWORD, [1; 16]).unwrap();
    let [mut wrong, mut unknown, mut disabled, mut right] = [const { Vec::new() }; 4];
    for number in 0..TRIES {
        let started = Instant::now();
        stored.verify("another password").unwrap();
        hashes.push(started.elapsed().as_secs_f64() * 1e3);
        let account = number / EACH;
        // The hashing threads take turns, and one may have its memory at hand while the other has to get it
        // anew: the order of the cases changes, so that each case meets both.
        for place in 0..4 {
            match (place + number) % 4 {
                0 => wrong.push(try_log_in(&address, &format!("user{account}"), "wrong password").await.0),
                1 => unknown.push(try_log_in(&address, &format!("nobody{number}"), PASSWORD).await.0),
                2 => disabled.push(try_log_in(&address, &format!("disabled{account}"), PASSWORD).await.0),
                _ => {
                    let (time, succeeded) = try_log_in(&address, "root", PASSWORD).await;
                    assert!(succeeded);
                    right.push(time);
                }
            }
        }
    }
    hashes.sort_by(f64::total_cmp);
    let argon2 = hashes[hashes.len() / 2];
    println!("log-in by password, {TRIES} tries each, ms; one Argon2 run here: median {argon2:.2} ms");
    println!("{:<16} {:>8} {:>8} {:>8} {:>14}", "case", "min", "median", "max", "median/Argon2");
    report("wrong password", wrong, argon2);
    report("unknown user", unknown, argon2);
    report("disabled", disabled, argon2);
    report("right password", right, argon2);
    server.stop().await;
}
