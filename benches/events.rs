//! Does voice suffer from programs that follow what happens? Eight people speak, each to another, while 500 follow over HTTP
//! (`/api/events`) and something happens ten times a second; beside the limit: the same with nobody who follows. Both in turns of
//! two seconds, measured in the same way, and the server, the followers and the talks are processes of their own. The talks don't
//! begin together, so that their frames meet what happens at every moment of it.
//!
//! What is asked is how long a frame takes through the server. Those who talk and those who follow are on other machines than that,
//! where there are so many. So the server has one processor to itself, on which all of its threads meet, which is harder than two; the
//! others have a second one. There those who follow run only while no other process wants to (sched(7), `SCHED_IDLE`): otherwise
//! a frame that has left the server would wait for them. Figures differ from one moment to the next, so the p99 of each turn is
//! compared with that of the turn before it, and the median of these ratios is said beside the p99 of all frames.
//!
//! Voice's threads have the real-time priority that the shipped systemd unit grants them, where whoever runs this may grant it, too.
//!
//! `cargo bench --bench events`; `BENCH_ROUNDS` (20), each of two turns.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

#[path = "../tests/support/outside.rs"]
mod outside;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::permission::Permissions;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use outside::{first_address, https, processor_time, start};

const FOLLOWERS: usize = 500;
/// Of one account, which follows 64 times at most.
const OF_ONE: usize = 63;
const TALKS: usize = 8;
/// How long one measurement takes, and how long it is quiet before.
const TALK: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_millis(300);
const FRAME: Duration = Duration::from_millis(20);
const HAPPENS: Duration = Duration::from_millis(100);

const PASSWORD: &str = "parlour-demo";

/// Follows with as many connections as there are to be, and reads all that comes.
async fn follow(address: SocketAddr, keys: &[String]) {
    let mut streams = Vec::new();
    for number in 0..FOLLOWERS {
        let mut stream = https(Ipv4Addr::LOCALHOST, address).await.unwrap();
        let ask = format!(
            "GET /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
            keys[number / OF_ONE]
        );
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut head = vec![0; 12];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&head), "HTTP/1.1 200");
        streams.push(stream);
    }
    println!("{{\"following\":{FOLLOWERS}}}");
    let mut reading = JoinSet::new();
    for mut stream in streams {
        reading.spawn(async move {
            let mut bytes = vec![0; 16_384];
            while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
        });
    }
    // None may end while the talk is measured: whoever looks at this process sees it.
    reading.join_next().await;
}

/// The process that follows.
fn followers(place: SocketAddr, keys: &[String]) -> Running {
    let mut command = Command::new("chrt");
    command.args(["--idle", "0"]).arg(std::env::current_exe().unwrap());
    Running(start(command.arg("--follow").arg(place.to_string()).args(keys)).0)
}

async fn come_in(address: &Address, name: &str) -> Session {
    let connected = connect(address, Trust::FirstUse, "bench/1").await.unwrap();
    connected.log_in(Credentials::password(name, PASSWORD, "bench")).await.unwrap()
}

/// Somebody who speaks and somebody who listens, in a channel of their own.
async fn pair(address: &Address, owner: &Session, number: usize) -> (Session, Session) {
    let channel = owner.create_channel(None, &format!("Talk {number}")).await.unwrap();
    let names = [format!("speaker{number}"), format!("listener{number}")];
    let mut both = Vec::new();
    for name in &names {
        owner.create_user(name, PASSWORD, "").await.unwrap();
        let session = come_in(address, name).await;
        session.join(channel).await.unwrap();
        both.push(session);
    }
    let listener = both.pop().unwrap();
    (both.pop().unwrap(), listener)
}

/// How long the frames of one person took to another, in microseconds.
async fn talk(pair: Arc<(Session, Session)>, begin: Duration) -> Vec<f64> {
    let (speaker, listener) = &*pair;
    tokio::time::sleep(begin).await;
    let began = Instant::now();
    let speaking = async {
        let (mut speaker, mut tick) = (speaker.speaker(), tokio::time::interval(FRAME));
        loop {
            tick.tick().await;
            let mut frame = [0; 80];
            frame[..8].copy_from_slice(&(began.elapsed().as_nanos() as u64).to_be_bytes());
            speaker.send(&frame);
        }
    };
    let hearing = async {
        let (mut voice, mut delays) = (listener.voice(), Vec::new());
        while began.elapsed() < TALK {
            let Ok(Ok(heard)) = tokio::time::timeout(TALK, voice.next()).await else { break };
            let sent = u64::from_be_bytes(heard.payload[..8].try_into().unwrap());
            let delay = heard.at.saturating_duration_since(began).as_nanos() as f64 - sent as f64;
            delays.push(delay / 1e3);
        }
        delays
    };
    tokio::select! {
        delays = hearing => delays,
        () = speaking => Vec::new(),
    }
}

/// The same of all who talk, while something happens.
async fn talks(pairs: &[Arc<(Session, Session)>], mover: &Session) -> Vec<f64> {
    let happening = async {
        let mut tick = tokio::time::interval(HAPPENS);
        for number in 0_u64.. {
            tick.tick().await;
            mover.set_self(Some(number % 2 == 0), None).await.unwrap();
        }
    };
    let step = FRAME / u32::try_from(pairs.len()).unwrap();
    let talking: JoinSet<_> =
        pairs.iter().zip(0..).map(|(pair, number)| talk(Arc::clone(pair), step * number)).collect();
    tokio::select! {
        all = talking.join_all() => all.concat(),
        () = happening => Vec::new(),
    }
}

/// A process, until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has this process, and those that it starts from now on, run on one processor alone.
fn run_on(processor: usize) {
    let mut one = CpuSet::new();
    one.set(processor);
    sched_setaffinity(None, &one).unwrap();
}

/// Gives the threads of a server that carry voice the lowest real-time priority. Answers whether that is granted.
fn goes_first(server: &Child) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let carries_voice = |thread: &PathBuf| {
        std::fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.starts_with("voice-"))
    };
    threads.map(|thread| thread.unwrap().path()).filter(carries_voice).all(|thread| {
        let mut command = Command::new("chrt");
        command.args(["--rr", "--pid", "1"]).arg(thread.file_name().unwrap()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// Starts the server on a processor of its own, and has this process run on another one.
fn serve(directory: &TempDir) -> (Running, SocketAddr) {
    let may = sched_getaffinity(None).unwrap();
    let processors: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|one| may.is_set(*one)).take(2).collect();
    assert_eq!(processors.len(), 2, "the server and those who talk need a processor each");
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command.args(["--json", "serve", "--demo", "--listen", "127.0.0.1:0", "--log", "warn"]);
    command.env("PARLOUR_DATA_DIR", directory.path()).env("PARLOUR_LIMITS_MAX_SESSIONS", "4000");
    command.env("PARLOUR_LIMITS_ADDRESS_HTTP", "1000").env("PARLOUR_LIMITS_REQUEST_BURST", "1000");
    run_on(processors[0]);
    // As config/parlour.service has it. Whoever may set no limit may still give the priority itself.
    let limit = setrlimit(Resource::Rtprio, Rlimit { current: Some(1), maximum: Some(1) });
    let (server, said) = start(&mut command);
    let granted = limit.is_ok() || goes_first(&server);
    println!("voice's threads have {} real-time priority", if granted { "a" } else { "no" });
    run_on(processors[1]);
    (Running(server), first_address(&said))
}

/// What was measured in one of the two cases.
#[derive(Default)]
struct Case {
    delays: Vec<f64>,
    /// Of each turn.
    p99s: Vec<f64>,
    /// Milliseconds of the server's processor time.
    cost: f64,
}

impl Case {
    fn add(&mut self, mut delays: Vec<f64>, cost: f64) {
        self.p99s.push(quantile(&mut delays, 0.99));
        self.delays.append(&mut delays);
        self.cost += cost;
    }

    fn report(&mut self, what: &str) {
        let (count, turns) = (self.delays.len(), self.p99s.len());
        let [median, p99] = [0.5, 0.99].map(|share| quantile(&mut self.delays, share));
        let mut of_turns = self.p99s.clone();
        let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut of_turns, share));
        let share = self.cost / (TALK.as_secs_f64() * 1e3 * turns as f64) * 100.0;
        let spread = format!("{low:.0}-{middle:.0}-{high:.0}");
        println!("{what:<16} {count:>8} {median:>10.0} {p99:>8.0} {spread:>18} {share:>14.1}");
        println!(
            "{{\"bench\":\"events\",\"case\":\"{what}\",\"median_us\":{median:.1},\"p99_us\":{p99:.1},\"p99_of_turns_us\":[{low:.1},{middle:.1},{high:.1}],\"server_percent\":{share:.2}}}"
        );
    }
}

/// The value below which a share of all is.
fn quantile(all: &mut [f64], share: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    all[((all.len() as f64 * share) as usize).min(all.len() - 1)]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|argument| argument == "--follow") {
        return follow(arguments[2].parse().unwrap(), &arguments[3..]).await;
    }
    let rounds: usize = std::env::var("BENCH_ROUNDS").map_or(20, |text| text.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let (server, place) = serve(&directory);
    let address: Address = place.to_string().parse().unwrap();
    let owner = come_in(&address, "demo").await;
    let mut keys = Vec::new();
    for number in 0..FOLLOWERS.div_ceil(OF_ONE) {
        let name = format!("follower{number}");
        owner.create_user(&name, PASSWORD, "").await.unwrap();
        let own = come_in(&address, &name).await;
        keys.push(own.create_api_key("bench", Permissions::VIEW, None).await.unwrap().key);
        own.log_out().await.unwrap();
    }
    let mut pairs = Vec::new();
    for number in 0..TALKS {
        pairs.push(Arc::new(pair(&address, &owner, number).await));
    }
    let [mut alone, mut followed] = [Case::default(), Case::default()];
    for turn in 0..rounds * 2 {
        let is_followed = turn % 2 == 1;
        let mut followers = is_followed.then(|| followers(place, &keys));
        tokio::time::sleep(QUIET).await;
        let before = processor_time(&server.0);
        let delays = talks(&pairs, &owner).await;
        let case = if is_followed { &mut followed } else { &mut alone };
        case.add(delays, processor_time(&server.0) - before);
        if let Some(followers) = &mut followers {
            assert!(followers.0.try_wait().unwrap().is_none(), "a follower was dropped");
        }
    }
    println!("{FOLLOWERS} follow over HTTP, something happens every {HAPPENS:?}, {TALKS} speak to one each");
    println!(
        "{:<16} {:>8} {:>10} {:>8} {:>18} {:>14}",
        "case", "frames", "median us", "p99 us", "quartiles of turns", "server, % core"
    );
    let mut ratios: Vec<f64> =
        followed.p99s.iter().zip(&alone.p99s).map(|(with, without)| with / without).collect();
    alone.report("nobody follows");
    followed.report("500 follow");
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut ratios, share));
    println!("p99 with those who follow, of that in the turn before: {middle:.2} ({low:.2} to {high:.2})");
    println!(
        "{{\"bench\":\"events\",\"case\":\"ratio\",\"p99_quartiles\":[{low:.3},{middle:.3},{high:.3}]}}"
    );
}
