//! What does an event cost with webhooks, and does voice suffer? Servers with no webhook, 10 and 100, each of an account of its own,
//! take turns within one run: one person speaks to another while something happens ten times a second, first what is kept nowhere
//! (somebody mutes themselves), then what is kept (a channel is changed). Then as much happens at once as makes 5,000 messages, and
//! how fast they are delivered is measured. Servers, the receiver and the talk are processes of their own.
//!
//! `cargo bench --bench hooks`; `BENCH_SECONDS` (10) for each talk, `BENCH_ROUNDS` (4).

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

#[path = "../tests/support/outside.rs"]
mod outside;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::id::ChannelId;
use parlour::protocol::wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use outside::{first_address, processor_time, start};

const CASES: [usize; 3] = [0, 10, 100];
/// Messages that are delivered at once.
const BURST: usize = 5_000;
const FRAME: Duration = Duration::from_millis(20);
const HAPPENS: Duration = Duration::from_millis(100);
/// The nice value of a process that gets what the others leave (`nice(1)`).
const GIVES_WAY: i32 = 15;
const PASSWORD: &str = "parlour-demo";

/// Takes messages and counts them; `GET` asks how many came, and for their bytes. Receivers are on other machines, so this process
/// gives way to those whose voice is measured here.
async fn receive() {
    rustix::process::setpriority_process(None, GIVES_WAY).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{{\"addresses\":[\"{}\"]}}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicU64::new(0));
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            let mut read = Vec::new();
            loop {
                let mut part = [0; 4_096];
                let got = stream.read(&mut part).await.unwrap_or(0);
                if got == 0 {
                    return;
                }
                read.extend_from_slice(&part[..got]);
                let text = String::from_utf8_lossy(&read).to_lowercase();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head
                    .split_once("content-length: ")
                    .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
                if body.len() >= length {
                    let body = if head.starts_with("get") {
                        count.load(Ordering::Relaxed).to_string()
                    } else {
                        count.fetch_add(1, Ordering::Relaxed);
                        String::new()
                    };
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    let _ = stream.write_all(answer.as_bytes()).await;
                    return;
                }
            }
        });
    }
}

/// How many messages the receiver took.
async fn received(receiver: SocketAddr) -> u64 {
    let mut stream = TcpStream::connect(receiver).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.rsplit("\r\n").next().unwrap().parse().unwrap()
}

/// Waits until the receiver took so many.
async fn wait_for(receiver: SocketAddr, count: u64) {
    while received(receiver).await < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn come_in(address: &Address, name: &str) -> Session {
    let connected = connect(address, Trust::FirstUse, "bench/1").await.unwrap();
    let session = connected.log_in(Credentials::password(name, PASSWORD, "bench")).await.unwrap();
    let general = session.view().find("General").unwrap().id;
    session.join(ChannelId(general)).await.unwrap();
    session
}

/// A process, until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What happens.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Muted,
    Changed,
}

/// A server with webhooks, and what was measured of it.
struct Case {
    hooks: usize,
    server: Running,
    _directory: tempfile::TempDir,
    people: [Session; 3],
    measured: [Measured; 2],
    burst: Vec<(f64, f64)>,
}

#[derive(Default)]
struct Measured {
    delays: Vec<f64>,
    /// How long it took until whoever had something happen was answered, in milliseconds.
    answers: Vec<f64>,
    /// Milliseconds of the server's processor time, and of its control thread's.
    server: f64,
    control: f64,
}

impl Case {
    async fn start(hooks: usize, receiver: SocketAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
        command.args(["--json", "serve", "--demo", "--listen", "127.0.0.1:0", "--log", "warn"]);
        command.env("PARLOUR_DATA_DIR", directory.path()).env("PARLOUR_HOOKS_NETWORKS", "127.0.0.0/8");
        command.env("PARLOUR_DISCOVERY_ENABLED", "false").env("PARLOUR_LIMITS_REQUEST_BURST", "100000");
        command.env("PARLOUR_LIMITS_REQUESTS_PER_SECOND", "10000");
        let (server, said) = start(&mut command);
        let server = Running(server);
        let address: Address = first_address(&said).to_string().parse().unwrap();
        let owner = come_in(&address, "demo").await;
        for number in 0..hooks {
            let name = format!("told{number}");
            owner.create_user(&name, PASSWORD, "").await.unwrap();
            let own = come_in(&address, &name).await;
            own.create_hook(wire::CreateHook {
                url: format!("http://{receiver}/"),
                kinds: vec!["presence".to_owned(), "channels".to_owned()],
                ..Default::default()
            })
            .await
            .unwrap();
            own.log_out().await.unwrap();
        }
        let people = [owner, come_in(&address, "alice").await, come_in(&address, "bob").await];
        let measured = Default::default();
        Self { hooks, server, _directory: directory, people, measured, burst: Vec::new() }
    }

    /// Something happens: the number makes each time another thing of it.
    async fn happen(&self, what: What, number: u64) {
        let mover = &self.people[0];
        match what {
            What::Muted => mover.set_self(Some(number.is_multiple_of(2)), None).await.unwrap(),
            What::Changed => {
                let general = ChannelId(mover.view().find("General").unwrap().id);
                mover.edit_channel(general, None, Some(&format!("Number {number}")), None).await.unwrap();
            }
        }
    }

    /// How long the control thread has run on a processor, in milliseconds (proc(5)).
    fn control_time(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.server.0.id())).unwrap();
        let is_control = |task: &std::path::PathBuf| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "control")
        };
        let control = tasks.map(|task| task.unwrap().path()).find(is_control).unwrap();
        let times = std::fs::read_to_string(control.join("schedstat")).unwrap();
        times.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
    }

    /// One speaks to another while something happens.
    async fn talk(&mut self, what: What, seconds: Duration, receiver: SocketAddr) {
        let (came, answers) = (received(receiver).await, RefCell::new(Vec::new()));
        let (server, control) = (processor_time(&self.server.0), self.control_time());
        let (began, [_, speaker, listener]) = (Instant::now(), &self.people);
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
            while began.elapsed() < seconds {
                let Ok(Ok(heard)) = tokio::time::timeout(seconds, voice.next()).await else { break };
                let sent = u64::from_be_bytes(heard.payload[..8].try_into().unwrap());
                let delay = heard.at.saturating_duration_since(began).as_nanos() as f64 - sent as f64;
                delays.push(delay / 1e3);
            }
            delays
        };
        let happening = async {
            let mut tick = tokio::time::interval(HAPPENS);
            for number in 0.. {
                tick.tick().await;
                let asked = Instant::now();
                self.happen(what, number).await;
                answers.borrow_mut().push(asked.elapsed().as_secs_f64() * 1e3);
            }
        };
        let delays = tokio::select! {
            delays = hearing => delays,
            () = speaking => Vec::new(),
            () = happening => Vec::new(),
        };
        // What one may have asked for isn't counted, but its messages may come.
        let answers = answers.into_inner();
        wait_for(receiver, came + (answers.len() * self.hooks) as u64).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (server, control) = (processor_time(&self.server.0) - server, self.control_time() - control);
        let measured = &mut self.measured[usize::from(what == What::Changed)];
        measured.delays.extend(delays);
        measured.answers.extend(answers);
        measured.server += server;
        measured.control += control;
    }

    /// Much happens at once: how many messages are delivered a second, and what one costs the server in milliseconds.
    async fn deliver(&mut self, receiver: SocketAddr) {
        let Some(times) = BURST.checked_div(self.hooks) else { return };
        let (came, began, before) =
            (received(receiver).await, Instant::now(), processor_time(&self.server.0));
        for number in 0..times as u64 {
            self.happen(What::Muted, number).await;
        }
        let messages = (times * self.hooks) as u64;
        wait_for(receiver, came + messages).await;
        let (took, cost) = (began.elapsed().as_secs_f64(), processor_time(&self.server.0) - before);
        self.burst.push((messages as f64 / took, cost / messages as f64));
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn mean(all: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = all.len() as f64;
    all.sum::<f64>() / count
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if std::env::args().nth(1).is_some_and(|argument| argument == "--receive") {
        return receive().await;
    }
    let (seconds, rounds) = (Duration::from_secs(setting("BENCH_SECONDS", 10)), setting("BENCH_ROUNDS", 4));
    let (child, said) = start(Command::new(std::env::current_exe().unwrap()).arg("--receive"));
    let (_receiving, receiver) = (Running(child), first_address(&said));
    let mut cases = Vec::new();
    for hooks in CASES {
        cases.push(Case::start(hooks, receiver).await);
    }
    for _ in 0..rounds {
        for what in [What::Muted, What::Changed] {
            for case in &mut cases {
                case.talk(what, seconds, receiver).await;
            }
        }
        for case in &mut cases {
            case.deliver(receiver).await;
        }
    }
    println!("an event every {HAPPENS:?}, one speaks to another; of the server what an event costs in all");
    println!(
        "{:>8} {:>5} {:>8} {:>10} {:>8} {:>10} {:>11} {:>12}",
        "event", "hooks", "frames", "median us", "p99 us", "server ms", "control ms", "answered ms"
    );
    for (kind, word) in ["muted", "changed"].into_iter().enumerate() {
        for case in &mut cases {
            let Measured { delays, answers, server, control } = &mut case.measured[kind];
            delays.sort_by(f64::total_cmp);
            answers.sort_by(f64::total_cmp);
            let (median, p99) = (delays[delays.len() / 2], delays[delays.len() * 99 / 100]);
            let (events, answered) = (answers.len() as f64, answers[answers.len() / 2]);
            let (server, control) = (*server / events, *control / events);
            let hooks = case.hooks;
            println!(
                "{word:>8} {hooks:>5} {:>8} {median:>10.0} {p99:>8.0} {server:>10.2} {control:>11.3} {answered:>12.2}",
                delays.len()
            );
            println!(
                "{{\"bench\":\"hooks\",\"event\":\"{word}\",\"hooks\":{hooks},\"median_us\":{median:.1},\"p99_us\":{p99:.1},\"server_ms\":{server:.3},\"control_ms\":{control:.4},\"answered_ms\":{answered:.3}}}"
            );
        }
    }
    for case in cases.iter().filter(|case| case.hooks > 0) {
        let a_second = mean(case.burst.iter().map(|(a_second, _)| *a_second));
        let each = mean(case.burst.iter().map(|(_, each)| *each));
        println!("{} hooks: {a_second:.0} deliveries a second, {each:.3} ms of the server each", case.hooks);
        println!(
            "{{\"bench\":\"hooks\",\"case\":\"burst\",\"hooks\":{},\"deliveries_a_second\":{a_second:.1},\"server_ms_each\":{each:.4}}}",
            case.hooks
        );
    }
}
