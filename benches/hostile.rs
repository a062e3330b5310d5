//! What one address can do to a conversation: it tries everything that it may, before and after the log-in, while twenty
//! members talk, ask for this and that, and somebody comes again and again on a known device. Server, members and enemy are
//! processes of their own; the enemy is the most patient of them (nice 19), since its machine would be another one.
//!
//! `cargo bench --bench hostile -- --seconds 60`

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

#[path = "../tests/support/outside.rs"]
mod outside;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use data_encoding::HEXLOWER;
use parlour::auth::{StoredPassword, Token};
use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::id::{ChannelId, RoleId, Timestamp, UserId};
use parlour::load::{Delays, EVERY, Stamp};
use parlour::protocol::wire::{self, Hello, LogInGuest, LogInPassword, LogInToken, Request, request};
use parlour::protocol::{ALPN, encode};
use parlour::store::write::{self, Entry, NewSession, NewUser};
use parlour::store::{By, SEEDED_ORGANIZATION, Session as Kept, Store};
use parlour::transport;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use outside::{first_address, https, masked, memory, silent_web_socket, start};

/// Those who talk, five to a channel, and one who comes again and again.
const MEMBERS: usize = 20;
const NEWCOMER: usize = MEMBERS;
/// An account of the enemy.
const MALLORY: usize = MEMBERS + 1;
const PASSWORD: &str = "correct horse battery";

/// The enemy's address: of this machine, and nobody else's.
const ENEMY: Ipv4Addr = Ipv4Addr::new(127, 66, 6, 6);

/// What must hold.
const VOICE: Duration = Duration::from_millis(20);
const REQUESTS: Duration = Duration::from_millis(50);
const ARRIVAL: Duration = Duration::from_secs(2);
/// What the 256 strangers, 256 guests and 64 sessions of an account that an address of this machine may have take together, by
/// the table of docs/architecture.md, in KiB.
const MEMORY: f64 = 256.0 * 512.0 + (256.0 + 64.0) * 2_048.0;

/// A database with people who were here before.
fn furnish(directory: &Path) -> Vec<Token> {
    let now = Timestamp::default().plus(SystemTime::UNIX_EPOCH.elapsed().unwrap());
    let store = Store::open(&directory.join("parlour.redb"), now).unwrap();
    let mut tokens = Vec::new();
    for number in 0..=MALLORY {
        let mut bytes = [9; 32];
        bytes[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let token = Token::from_random(bytes);
        let new = NewUser {
            organization: SEEDED_ORGANIZATION,
            name: format!("user{number}"),
            email: None,
            password: Some(StoredPassword::new(PASSWORD, [number as u8; 16]).unwrap()),
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
        store.run(By::server(now), write::register(Entry::Open, new, session)).unwrap();
        tokens.push(token);
    }
    tokens
}

/// A server with its defaults, but that guests come in.
fn serve(directory: &Path) -> (Child, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory);
    command.env("PARLOUR_SESSIONS_GUESTS", "true").env("PARLOUR_DISCOVERY_ENABLED", "false");
    let (child, said) = start(command.env("PARLOUR_LOG", "error"));
    (child, first_address(&said))
}

/// What was measured.
#[derive(Default)]
struct Figures {
    voice: Mutex<Delays>,
    requests: Mutex<Delays>,
    arrivals: Mutex<Vec<Duration>>,
}

/// Comes by a token, again until it succeeds.
async fn come(address: &Address, token: &[u8]) -> Session {
    loop {
        if let Ok(connected) = connect(address, Trust::FirstUse, "bench/1").await
            && let Ok(session) = connected.log_in(Credentials::token(token)).await
        {
            return session;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Hears the others of a channel, and asks for something now and then.
fn take_part(session: &Arc<Session>, base: Instant, figures: &Arc<Figures>) {
    let (mut voice, all) = (session.voice(), Arc::clone(figures));
    tokio::spawn(async move {
        while let Ok(packet) = voice.next().await {
            if let Some(stamp) = Stamp::of(&packet.payload) {
                let at = packet.at.saturating_duration_since(base);
                all.voice.lock().unwrap().add(at.saturating_sub(Duration::from_nanos(stamp.sent)));
            }
        }
    });
    let (asking, all) = (Arc::clone(session), Arc::clone(figures));
    tokio::spawn(async move {
        for number in 0_u32.. {
            sleep(Duration::from_millis(500)).await;
            let began = Instant::now();
            asking.set_self(Some(false), Some(number % 2 == 1)).await.unwrap();
            asking.set_self(Some(false), Some(false)).await.unwrap();
            all.requests.lock().unwrap().add(began.elapsed() / 2);
        }
    });
    let mut mouth = session.speaker();
    tokio::spawn(async move {
        let mut due = tokio::time::interval(EVERY);
        for number in 0.. {
            due.tick().await;
            mouth.send(&Stamp { sent: base.elapsed().as_nanos() as u64, number }.frame());
        }
    });
}

/// Everything that one address may try, each by a task that goes on until the process is ended.
async fn attack(to: SocketAddr, token: Vec<u8>) {
    let huge = Arc::new("\u{fdfa}".repeat(20_000));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..4 {
        tasks.spawn(silence(to));
        tasks.spawn(web_sockets(to));
        tasks.spawn(slow_pages(to));
        tasks.spawn(guess(to, number, Arc::clone(&huge)));
    }
    // As many guests and members as come in, each with something of its own to do.
    for number in 0..150 {
        tasks.spawn(insider(to, number, token.clone(), Arc::clone(&huge)));
    }
    tasks.spawn(noise(to));
    while tasks.join_next().await.is_some() {}
}

/// Connections that say nothing.
async fn silence(to: SocketAddr) {
    let mut kept = Vec::new();
    loop {
        kept.extend(raw(to).await);
        kept.retain(|connection: &quinn::Connection| connection.close_reason().is_none());
        sleep(Duration::from_millis(5)).await;
    }
}

/// WebSockets that send messages as large as any, of what isn't voice.
async fn web_sockets(to: SocketAddr) {
    let mut kept = VecDeque::new();
    loop {
        if let Some(mut socket) = silent_web_socket(ENEMY, to).await {
            let message = masked(&[0; 16_000]);
            for _ in 0..256 {
                let sent = tokio::time::timeout(Duration::from_millis(10), socket.write_all(&message)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    break;
                }
            }
            kept.push_back(socket);
        }
        if kept.len() > 100 {
            kept.pop_front();
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Requests for the page that don't end.
async fn slow_pages(to: SocketAddr) {
    let mut kept = VecDeque::new();
    loop {
        if let Ok(mut stream) = https(ENEMY, to).await {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").await;
            kept.push_back(stream);
        }
        if kept.len() > 150 {
            kept.pop_front();
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Greetings, names and passwords that cost.
async fn guess(to: SocketAddr, number: usize, huge: Arc<String>) {
    loop {
        sleep(Duration::from_millis(20)).await;
        let Some(connection) = raw(to).await else { continue };
        let organization = if number == 0 { huge.to_string() } else { String::new() };
        ask(&connection, request::Body::Hello(Hello { organization, ..hello() })).await;
        for round in 0..5 {
            let name = if round == 0 { huge.to_string() } else { format!("user{round}") };
            let wrong = LogInPassword { name, password: "wrong".to_owned(), ..LogInPassword::default() };
            ask(&connection, request::Body::LogInPassword(wrong)).await;
        }
    }
}

/// Comes in again and again, as a guest or a member.
async fn insider(to: SocketAddr, number: usize, token: Vec<u8>, huge: Arc<String>) {
    loop {
        sleep(Duration::from_millis(20)).await;
        let Some(connection) = raw(to).await else { continue };
        ask(&connection, request::Body::Hello(hello())).await;
        let proof = if number < 10 {
            request::Body::LogInToken(LogInToken { token: token.clone().into() })
        } else {
            let name = format!("g{number}x{}", connection.stable_id() % 1_000);
            request::Body::LogInGuest(LogInGuest { name, ..LogInGuest::default() })
        };
        ask(&connection, proof).await;
        misbehave(&connection, number, &huge).await;
    }
}

/// Datagrams that are no QUIC.
async fn noise(to: SocketAddr) {
    let socket = tokio::net::UdpSocket::bind((ENEMY, 0)).await.unwrap();
    for number in 0_usize.. {
        let _ = socket.send_to(&vec![number as u8 | 0xc0; 40 + number * 7 % 1_200], to).await;
        if number.is_multiple_of(50) {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// What one who is logged in does, until the connection ends.
async fn misbehave(connection: &quinn::Connection, kind: usize, huge: &str) {
    let began = Instant::now();
    while connection.close_reason().is_none() && began.elapsed() < Duration::from_secs(20) {
        let body = match kind % 8 {
            0 => request::Body::Why(wire::Why { user: huge.to_owned(), ..wire::Why::default() }),
            1 => request::Body::CreateChannel(wire::CreateChannel {
                name: huge.to_owned(),
                ..Default::default()
            }),
            2 => request::Body::List(wire::List::default()),
            3 => request::Body::SendText(wire::SendText { text: "x".repeat(4_096), ..Default::default() }),
            4 => request::Body::Join(wire::Join {
                channel: 1 + began.elapsed().as_secs() % 4,
                ..Default::default()
            }),
            5 => {
                // Voice of nobody, as much as fits.
                for _ in 0..100 {
                    let _ = connection.send_datagram(vec![0; 1_000].into());
                }
                request::Body::List(wire::List::default())
            }
            6 => {
                // Requests that don't end, whose answers nobody reads.
                let Ok((mut send, recv)) = connection.open_bi().await else { return };
                let _ = send.write_all(&[0xff, 0x7f, 1]).await;
                std::mem::forget((send, recv));
                sleep(Duration::from_millis(50)).await;
                continue;
            }
            _ => request::Body::LogInPassword(LogInPassword { name: huge.to_owned(), ..Default::default() }),
        };
        let patience = Duration::from_millis(if kind.is_multiple_of(3) { 1 } else { 2_000 });
        let _ = tokio::time::timeout(patience, ask(connection, body)).await;
        sleep(Duration::from_millis(40)).await;
    }
}

fn hello() -> Hello {
    Hello { version_min: 1, version_max: 1, client: "enemy".to_owned(), ..Hello::default() }
}

async fn raw(to: SocketAddr) -> Option<quinn::Connection> {
    let (config, _) = transport::client_config(None, ALPN).ok()?;
    let endpoint = quinn::Endpoint::client((ENEMY, 0).into()).ok()?;
    endpoint.connect_with(config, to, "parlour.local").ok()?.await.ok()
}

async fn ask(connection: &quinn::Connection, body: request::Body) -> Option<Vec<u8>> {
    let (mut send, mut recv) = connection.open_bi().await.ok()?;
    send.write_all(&encode(&Request::from(body))).await.ok()?;
    send.finish().ok()?;
    recv.read_to_end(1 << 22).await.ok()
}

fn report(what: &str, found: f64, limit: f64, unit: &str) -> bool {
    let holds = found <= limit;
    let word = if holds { "" } else { "   TOO MUCH" };
    println!("{what:<48} {found:>10.1} {limit:>10.0} {unit}{word}");
    println!(
        "{{\"bench\":\"hostile\",\"case\":\"{what}\",\"found\":{found:.3},\"limit\":{limit},\"unit\":\"{unit}\"}}"
    );
    holds
}

/// The value of a flag; cargo has flags of its own.
fn flag(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// Those who talk, in their channels.
async fn gather(address: &Address, tokens: &[Token], figures: &Arc<Figures>) -> Vec<Arc<Session>> {
    let (base, mut members) = (Instant::now(), Vec::new());
    for token in tokens {
        let session = Arc::new(come(address, token.as_bytes()).await);
        let channels = session.list().await.unwrap().channels;
        let channel = channels[members.len() / 5 % channels.len()].id;
        session.join(ChannelId(channel)).await.unwrap();
        take_part(&session, base, figures);
        members.push(session);
    }
    members
}

/// What a device comes back by that was here before.
async fn known_device(address: &Address, token: &Token) -> Vec<u8> {
    come(address, token.as_bytes()).await.logged_in().access_token.to_vec()
}

/// Comes again and again.
async fn come_again(address: Address, token: Vec<u8>, figures: Arc<Figures>) {
    loop {
        sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        let session = come(&address, &token).await;
        if session.list().await.is_ok() {
            figures.arrivals.lock().unwrap().push(began.elapsed());
        }
    }
}

/// The enemy, as patient as a process can be.
fn enemy(place: SocketAddr, token: &[u8]) -> Child {
    Command::new("nice")
        .args(["-n", "19"])
        .arg(std::env::current_exe().unwrap())
        .args(["--attack", &place.to_string(), "--token", &HEXLOWER.encode(token)])
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Some(to) = flag("--attack") {
        let token = HEXLOWER.decode(flag("--token").unwrap().as_bytes()).unwrap();
        return attack(to.parse().unwrap(), token).await;
    }
    let seconds = flag("--seconds").map_or(60, |seconds| seconds.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let tokens = furnish(directory.path());
    let (mut server, place) = serve(directory.path());
    let address: Address = place.to_string().parse().unwrap();
    let figures = Arc::new(Figures::default());
    let members = gather(&address, &tokens[..MEMBERS], &figures).await;
    let (known, stolen) =
        (known_device(&address, &tokens[NEWCOMER]).await, known_device(&address, &tokens[MALLORY]).await);
    sleep(Duration::from_secs(2)).await;
    let before = memory(&server).0;
    for figure in [&figures.voice, &figures.requests] {
        *figure.lock().unwrap() = Delays::default();
    }
    let mut enemy = enemy(place, &stolen);
    let coming = tokio::spawn(come_again(address, known, Arc::clone(&figures)));
    sleep(Duration::from_secs(seconds)).await;
    let ended = enemy.try_wait().unwrap();
    enemy.kill().unwrap();
    enemy.wait().unwrap();
    coming.abort();
    assert!(ended.is_none(), "the enemy gave up: {ended:?}");
    assert!(server.try_wait().unwrap().is_none(), "the server is gone");
    let most = memory(&server).1;
    // They are there until they are silent for too long.
    let sessions = members[0].list().await.unwrap().members.len().saturating_sub(MEMBERS);
    let mut there = 0;
    for member in &members {
        there += usize::from(member.list().await.is_ok());
    }
    server.kill().unwrap();
    server.wait().unwrap();
    println!("{seconds} s; {there} of {MEMBERS} members and {sessions} sessions of the enemy in the end");
    assert!(judge(&figures, most - before, MEMBERS - there), "the enemy did too much");
}

/// Prints what was measured. Answers whether all of it is within its limit.
fn judge(figures: &Figures, memory: f64, lost: usize) -> bool {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (voice, requests) = (figures.voice.lock().unwrap().clone(), figures.requests.lock().unwrap().clone());
    let mut arrivals = figures.arrivals.lock().unwrap().clone();
    arrivals.sort();
    let worst = arrivals.last().copied().unwrap_or(Duration::MAX);
    println!(
        "{} frames heard, {} pairs of requests, {} arrivals",
        voice.total(),
        requests.total(),
        arrivals.len(),
    );
    println!("{:<48} {:>10} {:>10}", "", "found", "limit");
    let held = [
        report("p99 of the members' voice", milliseconds(voice.at(0.99)), milliseconds(VOICE), "ms"),
        report("p99 of their requests", milliseconds(requests.at(0.99)), milliseconds(REQUESTS), "ms"),
        report("a newcomer on a known device, at worst", milliseconds(worst), milliseconds(ARRIVAL), "ms"),
        report("memory that the enemy takes, at most", memory, MEMORY, "KiB"),
        report("members who were lost", lost as f64, 0.0, "people"),
    ];
    held.iter().all(|held| *held)
}
