//! What a rush at the door costs: 1,000 people with tokens at once, and a thousand wrong passwords a second, while others
//! talk and while the right person wants in. The server and the talk are processes of their own.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

#[path = "../tests/support/outside.rs"]
mod outside;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parlour::auth::{StoredPassword, Token};
use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::id::{RoleId, Timestamp, UserId};
use parlour::protocol::wire::{Hello, LogInPassword, Request, Response, request, response};
use parlour::protocol::{ALPN, ErrorCode, decode, encode};
use parlour::store::write::{self, Entry, NewSession, NewUser};
use parlour::store::{By, SEEDED_ORGANIZATION, Session as Kept, Store};
use parlour::transport;

use outside::{first_address, memory, processor_time, start};

const PEOPLE: usize = 1_000;
const PASSWORD: &str = "correct horse battery";
/// Connections that guess, each from an address of its own.
const GUESSERS: u8 = 200;
const WRONG_A_SECOND: u32 = 1_000;

/// A database with people who have been here before.
fn furnish(directory: &Path) -> Vec<Token> {
    let now = Timestamp::default().plus(SystemTime::UNIX_EPOCH.elapsed().unwrap());
    let store = Store::open(&directory.join("parlour.redb"), now).unwrap();
    let mut tokens = Vec::new();
    for number in 0..PEOPLE {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&(number as u64 * 0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let token = Token::from_random(bytes);
        let new = NewUser {
            organization: SEEDED_ORGANIZATION,
            name: format!("user{number}"),
            email: None,
            password: None,
            roles: vec![RoleId(3)],
        };
        let row = Kept {
            id: store.new_session_id(),
            user: UserId(0),
            token: token.hash(),
            created: now,
            expires: now.plus(Duration::from_secs(86_400)),
            device: "bench".to_owned(),
            address: None,
        };
        let session = move |user| NewSession::unproven(Kept { user, ..row.clone() });
        let create = write::register(Entry::Open, new, session);
        store.run(By::server(now), create).unwrap();
        tokens.push(token);
    }
    let password = Some(StoredPassword::new(PASSWORD, [5; 16]).unwrap());
    let (organization, name) = (SEEDED_ORGANIZATION, "right".to_owned());
    let right = NewUser { organization, name, email: None, password, roles: vec![RoleId(3)] };
    store.run(By::server(now), write::create_user(right)).unwrap();
    tokens
}

fn serve(directory: &Path) -> (Child, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory);
    command.env("PARLOUR_SESSIONS_GUESTS", "true").env("PARLOUR_LIMITS_MAX_SESSIONS", "3000");
    // The thousand come from one address.
    for limit in ["CONNECTS", "STRANGERS", "SESSIONS"] {
        command.env(format!("PARLOUR_LIMITS_ADDRESS_{limit}"), "3000");
    }
    let (child, said) = start(command.env("PARLOUR_LOG", "error"));
    (child, first_address(&said))
}

/// A conversation of three, and what its frames' delays were: p50 and p99 in milliseconds, and the share that was lost.
fn talk(address: SocketAddr, seconds: u32) -> Child {
    Command::new(env!("CARGO_BIN_EXE_parlour"))
        .args(["--json", "bench", "voice", "1x3x1", "--server", &address.to_string()])
        .args(["--seconds", &seconds.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn heard(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap_or("{}")).unwrap();
    format!("{line}")
}

/// Everybody comes at once. Answers with how long it took, and with what they come back by.
async fn rush(address: &Address, tokens: Vec<Vec<u8>>) -> (f64, Vec<Session>) {
    let began = Instant::now();
    let coming: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            let address = address.clone();
            tokio::spawn(async move {
                // A first packet that gets lost in the rush is sent again by QUIC; a connection that fails, by us.
                loop {
                    if let Ok(connected) = connect(&address, Trust::FirstUse, "bench/1").await
                        && let Ok(session) = connected.log_in(Credentials::token(&token)).await
                    {
                        return session;
                    }
                }
            })
        })
        .collect();
    let mut sessions = Vec::new();
    for one in coming {
        sessions.push(one.await.unwrap());
    }
    (began.elapsed().as_secs_f64(), sessions)
}

/// Guesses passwords from an address of its own, at its share of the rate, until the end. Answers are counted by code.
async fn guess(number: u8, server: SocketAddr, until: Instant, counts: Arc<[AtomicU64; 3]>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1) * GUESSERS.into() / WRONG_A_SECOND);
    let from = SocketAddr::new(Ipv4Addr::new(127, 0, 1, number).into(), 0);
    let mut round = 0_u64;
    while Instant::now() < until {
        let Ok(connection) = raw(from, server).await else { continue };
        let hello = request::Body::Hello(Hello { version_min: 1, version_max: 1, ..Hello::default() });
        if ask(&connection, hello).await.is_none() {
            continue;
        }
        for _ in 0..4 {
            tick.tick().await;
            round += 1;
            let (name, password) =
                (format!("user{}", (u64::from(number) + round * 7) % 1_000), format!("wrong {round}"));
            let wrong = LogInPassword { name, password, ..LogInPassword::default() };
            let answer = ask(&connection, request::Body::LogInPassword(wrong)).await;
            let place = match answer {
                Some(response::Body::Error(error)) if error.code == ErrorCode::LogInFailed.number() => 0,
                Some(response::Body::Error(error)) if error.code == ErrorCode::Busy.number() => 1,
                _ => 2,
            };
            counts[place].fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn raw(
    from: SocketAddr,
    server: SocketAddr,
) -> Result<quinn::Connection, Box<dyn std::error::Error + Send + Sync>> {
    let (config, _) = transport::client_config(None, ALPN)?;
    Ok(quinn::Endpoint::client(from)?.connect_with(config, server, "parlour.local")?.await?)
}

async fn ask(connection: &quinn::Connection, body: request::Body) -> Option<response::Body> {
    let (mut send, mut recv) = connection.open_bi().await.ok()?;
    send.write_all(&encode(&Request::from(body))).await.ok()?;
    send.finish().ok()?;
    decode::<Response>(&recv.read_to_end(1 << 16).await.ok()?, 1 << 16).ok()?.body
}

/// The right person tries until it succeeds, as a client does that is told when to try again.
async fn right_person(server: SocketAddr) -> (f64, u32) {
    let (began, mut tries) = (Instant::now(), 0);
    loop {
        tries += 1;
        let connection = raw(SocketAddr::new(Ipv4Addr::new(127, 0, 2, 1).into(), 0), server).await.unwrap();
        let hello = request::Body::Hello(Hello { version_min: 1, version_max: 1, ..Hello::default() });
        ask(&connection, hello).await;
        let (name, password) = ("right".to_owned(), PASSWORD.to_owned());
        let proof = LogInPassword { name, password, ..LogInPassword::default() };
        match ask(&connection, request::Body::LogInPassword(proof)).await {
            Some(response::Body::LoggedIn(_)) => return (began.elapsed().as_secs_f64(), tries),
            Some(response::Body::Error(error)) => {
                tokio::time::sleep(Duration::from_millis(error.retry_after_ms.max(50))).await;
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the right person doesn't get in");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = furnish(directory.path());
    let (mut server, place) = serve(directory.path());
    let address: Address = place.to_string().parse().unwrap();

    let quiet = heard(talk(place, 5));
    println!("a conversation of three, nothing else going on: {quiet}");
    let talking = talk(place, 12);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = processor_time(&server);
    let long = tokens.iter().map(|token| token.as_bytes().to_vec()).collect();
    let (exchanged, sessions) = rush(&address, long).await;
    let cost = (processor_time(&server) - before) / PEOPLE as f64;
    println!(
        "{PEOPLE} people with long tokens, each exchanged on disk: all in after {exchanged:.2} s, {cost:.2} ms of the server's processor each"
    );
    let short: Vec<Vec<u8>> =
        sessions.iter().map(|session| session.logged_in().access_token.to_vec()).collect();
    drop(sessions);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = processor_time(&server);
    let (resumed, sessions) = rush(&address, short).await;
    let resuming = (processor_time(&server) - before) / PEOPLE as f64;
    println!("the same with access tokens: all in after {resumed:.2} s, {resuming:.2} ms each");
    let during = heard(talking);
    println!("the conversation meanwhile: {during}");
    drop(sessions);

    let quiet_memory = memory(&server).0;
    let counts = Arc::new([const { AtomicU64::new(0) }; 3]);
    let until = Instant::now() + Duration::from_secs(15);
    let talking = talk(place, 12);
    let guessers: Vec<_> =
        (1..=GUESSERS).map(|number| tokio::spawn(guess(number, place, until, Arc::clone(&counts)))).collect();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (waited, tries) = right_person(place).await;
    for one in guessers {
        one.await.unwrap();
    }
    let [wrong, busy, other] = [0, 1, 2].map(|place: usize| counts[place].load(Ordering::Relaxed));
    let most = memory(&server).1;
    println!(
        "wrong passwords for 15 s from {GUESSERS} addresses: {:.0} a second ({wrong} checked, {busy} told to come again, {other} slowed down)",
        (wrong + busy + other) as f64 / 15.0
    );
    println!(
        "the right person was in after {waited:.2} s and {tries} tries; memory {quiet_memory:.0} KiB before, {most:.0} at most"
    );
    let attacked = heard(talking);
    println!("the conversation meanwhile: {attacked}");
    println!(
        "{{\"bench\":\"arrivals\",\"people\":{PEOPLE},\"exchanged_s\":{exchanged:.3},\"exchange_cpu_ms\":{cost:.3},\"resumed_s\":{resumed:.3},\"resume_cpu_ms\":{resuming:.3},\"right_person_s\":{waited:.3},\"memory_kib\":{most:.0}}}"
    );
    let _ = server.kill();
    let _ = server.wait();
}
