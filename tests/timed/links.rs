//! Voice over bad networks: what is heard is what the link lets through, as fast as it does, and nobody has
//! to connect anew.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::network::{Link, Proxy};
use crate::support::{self, Process, TestServer, channel_id, log_in, parlour};
use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::load::{Delays, EVERY, Stamp};
use tokio::task::JoinSet;

/// Speaks a frame every 20 ms until told to stop; counts them.
struct Voice {
    sent: Arc<AtomicU64>,
    speaks: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Voice {
    fn start(session: &Session, base: Instant) -> Self {
        let (sent, speaks) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(true)));
        let mut speaker = session.speaker();
        let (count, on) = (Arc::clone(&sent), Arc::clone(&speaks));
        let task = tokio::spawn(async move {
            let mut due = tokio::time::interval(EVERY);
            for number in 0.. {
                due.tick().await;
                if on.load(Ordering::Relaxed) {
                    let stamp = Stamp { sent: base.elapsed().as_nanos() as u64, number };
                    speaker.send(&stamp.frame());
                    count.fetch_add(1, Ordering::Relaxed);
                } else {
                    speaker.pause(1);
                }
            }
        });
        Self { sent, speaks, task }
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn set(&self, speaks: bool) {
        self.speaks.store(speaks, Ordering::Relaxed);
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts what a session hears and how long it took.
struct Ear {
    heard: Arc<Mutex<Delays>>,
    task: tokio::task::JoinHandle<()>,
}

impl Ear {
    fn open(session: &Session, base: Instant) -> Self {
        let (mut voice, heard) = (session.voice(), Arc::new(Mutex::new(Delays::default())));
        let count = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok(packet) = voice.next().await {
                let Some(stamp) = Stamp::of(&packet.payload) else { continue };
                let at = packet.at.saturating_duration_since(base);
                count.lock().unwrap().add(at.saturating_sub(Duration::from_nanos(stamp.sent)));
            }
        });
        Self { heard, task }
    }

    fn heard(&self) -> Delays {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What happens to the link while they talk.
#[derive(Clone, Copy, PartialEq)]
enum Course {
    /// Nothing more.
    Steady,
    /// After 3 s a third is lost for 10 s.
    Storm,
    /// Another port every 5 s.
    Ports,
    /// Nobody speaks for 5 s, and the port changes in the middle of it.
    Silence,
}

/// Two who talk with each other, one of them behind the link.
async fn talk(server: &TestServer, channel: &str, names: [&str; 2], link: Link, course: Course) {
    let proxy = Proxy::start(server.server.addresses()[0], link, 4_711).await;
    let far: Address = proxy.address().to_string().parse().unwrap();
    let near = server.in_channel(names[0], channel).await;
    let away = log_in(&far, names[1], support::PASSWORD).await.unwrap();
    away.join(channel_id(&away, channel)).await.unwrap();
    let base = Instant::now();
    let ears = [Ear::open(&near, base), Ear::open(&away, base)];
    let voices = [Voice::start(&near, base), Voice::start(&away, base)];
    let seconds = |seconds: u64| tokio::time::sleep(Duration::from_secs(seconds));
    match course {
        Course::Steady => seconds(14).await,
        Course::Storm => {
            seconds(3).await;
            proxy.set(Link { loss: 300, ..link });
            seconds(10).await;
            proxy.set(link);
            seconds(3).await;
        }
        Course::Ports => {
            for _ in 0..3 {
                seconds(5).await;
                proxy.change_port().await;
            }
            seconds(3).await;
        }
        Course::Silence => {
            seconds(4).await;
            voices[0].set(false);
            voices[1].set(false);
            seconds(2).await;
            proxy.change_port().await;
            seconds(3).await;
            voices[0].set(true);
            voices[1].set(true);
            seconds(6).await;
        }
    }
    let sent = [voices[0].sent(), voices[1].sent()];
    drop(voices);
    tokio::time::sleep(link.delay + Duration::from_millis(500)).await;
    for (who, ear, way, sent) in
        [("away", &ears[1], proxy.down(), sent[0]), ("near", &ears[0], proxy.up(), sent[1])]
    {
        let delays = ear.heard();
        let (share, link_share) = (delays.total() as f64 / sent as f64, way.share());
        let added = delays.at(0.99).saturating_sub(way.held(0.99));
        println!(
            "{channel}, {who}: {:.1} % of {sent} heard, the link lets {:.1} % through; p50 {:?}, p99 {:?}, added {added:?}",
            share * 100.0,
            link_share * 100.0,
            delays.at(0.5),
            delays.at(0.99),
        );
        assert!((share - link_share).abs() <= 0.01, "{channel}, {who}: {share} of {sent}, link {link_share}");
        // What this process, which is server, clients and link at once, takes itself, is in there, too.
        assert!(
            added < Duration::from_millis(5) + delays.at(0.99).mul_f64(0.03),
            "{channel}, {who}: {added:?}"
        );
    }
    for session in [&near, &away] {
        let ended = tokio::time::timeout(Duration::from_millis(10), session.closed()).await;
        assert!(ended.is_err(), "{channel}: {ended:?}");
    }
}

#[tokio::test]
async fn what_the_link_lets_through_is_heard_without_more_delay_and_without_a_reconnection() {
    let _alone = support::alone();
    let server = TestServer::start().await;
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        server.server.ensure_user(&name.repeat(3), support::PASSWORD, "Admin").await.unwrap();
    }
    let link = |delay, loss| Link { delay: Duration::from_millis(delay), loss };
    // The delay is of each way, so the round trip takes twice as long.
    tokio::join!(
        talk(&server, "General", ["aaa", "bbb"], link(75, 30), Course::Steady),
        talk(&server, "Operations", ["ccc", "ddd"], link(150, 50), Course::Steady),
        talk(&server, "Social", ["eee", "fff"], link(20, 0), Course::Storm),
        talk(&server, "Operations/Alpha Squad", ["ggg", "hhh"], link(20, 0), Course::Ports),
        talk(&server, "Operations/Bravo Squad", ["iii", "jjj"], link(20, 0), Course::Silence),
    );
    // Nobody came twice: ten people, ten log-ins.
    assert_eq!(server.server.handle().voice_counts().of(parlour::voice::Outcome::ListenerFull), 0);
}

/// Who was there before is there again in half the time: no proof of the address, and the greeting goes with the
/// first packet.
#[tokio::test]
async fn a_known_server_is_reached_in_two_round_trips() {
    let _alone = support::alone();
    let server = TestServer::start().await;
    let delay = Duration::from_millis(60);
    let proxy = Proxy::start(server.server.addresses()[0], Link { delay, loss: 0 }, 7).await;
    let far: Address = proxy.address().to_string().parse().unwrap();
    let trust = Trust::Pinned(server.server.fingerprint());
    let mut took = Vec::new();
    for _ in 0..3 {
        let begun = Instant::now();
        let connected = connect(&far, trust, "test/1").await.unwrap();
        let greeted = begun.elapsed();
        let session =
            connected.log_in(Credentials::password("alice", support::PASSWORD, "test")).await.unwrap();
        session.join(channel_id(&session, "General")).await.unwrap();
        // The tickets for the next time come after the handshake.
        tokio::time::sleep(delay * 2).await;
        session.close().await;
        took.push(greeted);
    }
    println!("greeted after {took:?} at a round trip of {:?}", delay * 2);
    // Retry, handshake, greeting; then both at once.
    assert!(took[0] >= delay * 6, "{took:?}");
    assert!(took[1] < delay * 3 && took[2] < delay * 3, "{took:?}");
}

/// Memory of a process, in KiB.
fn memory(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_listener_that_stops_reading_costs_the_others_nothing() {
    let _alone = support::alone();
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let address: Address = process.address.to_string().parse().unwrap();
    let password = "parlour-demo";
    let proxy = Proxy::start(process.address, Link { delay: Duration::ZERO, loss: 0 }, 1).await;
    let slow_address: Address = proxy.address().to_string().parse().unwrap();
    let speaker = log_in(&address, "alice", password).await.unwrap();
    let listener = log_in(&address, "bob", password).await.unwrap();
    let slow = log_in(&slow_address, "charlie", password).await.unwrap();
    for session in [&speaker, &listener, &slow] {
        session.join(channel_id(session, "General")).await.unwrap();
    }
    let base = Instant::now();
    let ear = Ear::open(&listener, base);
    let voice = Voice::start(&speaker, base);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before = ear.heard();
    let memory_before = memory(&process);
    // Not a packet reaches the slow one any more, nor an acknowledgement of its the server.
    proxy.set(Link { delay: Duration::ZERO, loss: 1_000 });
    tokio::time::sleep(Duration::from_secs(8)).await;
    let after = ear.heard();
    let grown = memory(&process).saturating_sub(memory_before);
    println!("p99 {:?} before, {:?} with it; {grown} KiB more", before.at(0.99), after.at(0.99));
    assert!(after.total() >= before.total() + 390, "{} and {}", before.total(), after.total());
    assert!(after.at(0.99) <= before.at(0.99) * 2 + Duration::from_millis(3));
    assert!(grown < 2_048, "{grown} KiB");
    drop(voice);
    let status = parlour(home.path()).args(["admin", "status", "--json"]).output().unwrap();
    assert!(status.status.success());
}

/// Twenty clients who ask again and again, of whose packets a twentieth is lost each way.
#[tokio::test]
async fn answers_come_in_time_over_a_network_that_loses() {
    let link = Link { delay: Duration::from_millis(50), loss: 0 };
    let server = TestServer::start().await;
    let mut asking = JoinSet::new();
    for number in 0..20 {
        let name = format!("guest{number}");
        server.server.ensure_user(&name, support::PASSWORD, "Admin").await.unwrap();
        let proxy = Proxy::start(server.server.addresses()[0], link, 97 + number).await;
        let address: Address = proxy.address().to_string().parse().unwrap();
        asking.spawn(async move {
            let session = log_in(&address, &name, support::PASSWORD).await.unwrap();
            proxy.set(Link { loss: 50, ..link });
            let mut times = Delays::default();
            for _ in 0..40 {
                let asked = Instant::now();
                session.list().await.unwrap();
                times.add(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            times
        });
    }
    let mut times = Delays::default();
    while let Some(some) = asking.join_next().await {
        times.merge(&some.unwrap());
    }
    let at = |share| times.at(share);
    // Without something behind each answer 860 ms were measured at the last, and 540 with it.
    assert!(at(0.5) < Duration::from_millis(150), "{:?}", at(0.5));
    assert!(at(0.99) < Duration::from_millis(800), "{:?}", at(0.99));
}
