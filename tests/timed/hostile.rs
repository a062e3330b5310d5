//! What strangers and logged-in enemies send: nothing of it ends the server, fills it or is heard by those
//! who talk.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{self, Process, channel_id, log_in};
use parlour::client::{Address, Session, Socket, Trust};
use parlour::load::{Delays, EVERY, Stamp};

const PASSWORD: &str = "parlour-demo";

/// How much is sent, and how fast.
const DATAGRAMS: u64 = 1_000_000;
const A_SECOND: u64 = 20_000;

/// A source of numbers that is the same in each run (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Memory of a process, in KiB.
fn memory(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// First packets of clients, as they would go to a server; each with an id of its own.
async fn first_packets(count: usize) -> Vec<Vec<u8>> {
    let sink = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    sink.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let place = sink.local_addr().unwrap();
    let (mut found, mut ids) = (Vec::new(), HashSet::new());
    while found.len() < count {
        let socket = Socket::bind(place).unwrap();
        let _ = socket.connect(place, Trust::FirstUse, "nobody", Duration::from_millis(1)).await;
        let mut buffer = [0; 2_048];
        sink.set_nonblocking(true).unwrap();
        while let Ok(length) = sink.recv(&mut buffer) {
            let packet = buffer[..length].to_vec();
            // Repetitions carry the id of the first; a client hello may take two packets.
            if length >= 1_200 && ids.insert(packet[6..14].to_vec()) {
                found.push(packet);
            }
        }
    }
    found
}

/// Everything a stranger can send that isn't a connection: noise, headers with noise behind them, first
/// packets that were tampered with, versions that nobody speaks, packets of connections that aren't theirs.
fn strangers(to: SocketAddr, firsts: &[Vec<u8>], stop: &AtomicBool, sent: &AtomicU64) {
    let sockets: Vec<UdpSocket> =
        (0..32).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    let mut random = Random(0x5eed);
    let begun = Instant::now();
    for number in 0..DATAGRAMS {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut packet = match number % 6 {
            0 => {
                let length = random.next() as usize % 1_400;
                random.bytes(length)
            }
            1 => {
                // A long header of QUIC's first version, of any type.
                let length = 20 + random.next() as usize % 1_200;
                let mut packet = random.bytes(length);
                packet[0] |= 0xc0;
                packet[1..6].copy_from_slice(&[0, 0, 0, 1, 8]);
                packet
            }
            2 => {
                // A short header for a shard that there is, or isn't.
                let mut packet = random.bytes(60);
                packet[0] = 0x40 | packet[0] & 0x3f;
                packet[1] %= 4;
                packet
            }
            3 => {
                let mut packet = random.bytes(1_200);
                packet[0] |= 0x80;
                packet
            }
            _ => {
                let mut packet = firsts[random.next() as usize % firsts.len()].clone();
                for _ in 0..=random.next() % 4 {
                    let place = random.next() as usize % packet.len();
                    packet[place] ^= 1 << (random.next() % 8);
                }
                packet.truncate(1 + random.next() as usize % packet.len());
                packet
            }
        };
        if packet.is_empty() {
            packet.push(0);
        }
        let _ = sockets[number as usize % sockets.len()].send_to(&packet, to);
        sent.fetch_add(1, Ordering::Relaxed);
        if number % 200 == 199 {
            let due = Duration::from_secs(number + 1) / A_SECOND as u32;
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
}

/// Everything that one who is logged in can send: datagrams that are no voice, too large, of others, too many.
async fn enemy(session: Session, stop: Arc<AtomicBool>) -> u64 {
    let mut random = Random(0xbad);
    let mut sent = 0;
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        for _ in 0..10 {
            let length = 1 + random.next() as usize % 1_100;
            let mut datagram = random.bytes(length);
            if random.next().is_multiple_of(2) && length > 13 {
                datagram[0] = 0;
                datagram[1] = 0x80;
                datagram[9..13].copy_from_slice(&(random.next() as u32).to_be_bytes());
            }
            sent += u64::from(session.send_datagram(datagram.into()));
        }
    }
    sent
}

/// Requests that can't be read, one after the other.
async fn scribbler(session: Session, stop: Arc<AtomicBool>) -> u64 {
    let mut random = Random(0xdad);
    let mut refused = 0;
    while !stop.load(Ordering::Relaxed) {
        let length = 1 + random.next() as usize % 300;
        let answer = session.request_bytes(&random.bytes(length)).await;
        refused += u64::from(answer.is_err());
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    refused
}

#[tokio::test]
async fn a_conversation_goes_on_through_a_million_hostile_datagrams() {
    let _alone = support::alone();
    let home = tempfile::tempdir().unwrap();
    let mut process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let address: Address = process.address.to_string().parse().unwrap();
    let speaker = log_in(&address, "alice", PASSWORD).await.unwrap();
    let listener = log_in(&address, "bob", PASSWORD).await.unwrap();
    let (evil, scribe) = (
        log_in(&address, "charlie", PASSWORD).await.unwrap(),
        log_in(&address, "charlie", PASSWORD).await.unwrap(),
    );
    for session in [&speaker, &listener, &evil, &scribe] {
        session.join(channel_id(session, "General")).await.unwrap();
    }
    let firsts = first_packets(20).await;
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (to, flag, count) = (process.address, Arc::clone(&stop), Arc::clone(&sent));
    let memory_before = memory(&process);
    let flood = std::thread::spawn(move || strangers(to, &firsts, &flag, &count));
    let enemies =
        [tokio::spawn(enemy(evil, Arc::clone(&stop))), tokio::spawn(scribbler(scribe, Arc::clone(&stop)))];

    let (base, delays) = (Instant::now(), Arc::new(Mutex::new(Delays::default())));
    let (mut voice, count) = (listener.voice(), Arc::clone(&delays));
    let own = speaker.ssrc();
    let ear = tokio::spawn(async move {
        while let Ok(packet) = voice.next().await {
            if packet.header.ssrc == own
                && let Some(stamp) = Stamp::of(&packet.payload)
            {
                let at = packet.at.saturating_duration_since(base);
                count.lock().unwrap().add(at.saturating_sub(Duration::from_nanos(stamp.sent)));
            }
        }
    });
    let (mut mouth, mut due, mut spoken) = (speaker.speaker(), tokio::time::interval(EVERY), 0);
    while !flood.is_finished() {
        due.tick().await;
        mouth.send(&Stamp { sent: base.elapsed().as_nanos() as u64, number: spoken }.frame());
        spoken += 1;
    }
    let took = base.elapsed();
    stop.store(true, Ordering::Relaxed);
    flood.join().unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let [datagrams, refused] = enemies;
    let (datagrams, refused) = (datagrams.await.unwrap(), refused.await.unwrap());
    ear.abort();
    let delays = delays.lock().unwrap().clone();
    let grown = memory(&process).saturating_sub(memory_before);
    println!(
        "{} datagrams of strangers in {took:?}, {datagrams} of one who is logged in, {refused} requests refused; \
         {} of {spoken} frames heard, p50 {:?}, p99 {:?}; {grown} KiB more",
        sent.load(Ordering::Relaxed),
        delays.total(),
        delays.at(0.5),
        delays.at(0.99),
    );
    assert!(process.child.try_wait().unwrap().is_none(), "the server is gone");
    assert_eq!(sent.load(Ordering::Relaxed), DATAGRAMS);
    assert!(datagrams > 1_000 && refused > 100);
    assert!(delays.total() as f64 > f64::from(spoken) * 0.99, "{} of {spoken}", delays.total());
    assert!(delays.at(0.99) < Duration::from_millis(20), "{:?}", delays.at(0.99));
    assert!(grown < 64 * 1_024, "{grown} KiB");
    // Who comes now is let in.
    log_in(&address, "demo", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_flood_of_first_packets_is_met_with_retry_and_fills_no_slot() {
    const ADDRESSES: usize = 400;
    let _alone = support::alone();
    let home = tempfile::tempdir().unwrap();
    let mut command = support::parlour(home.path());
    command.env("PARLOUR_LIMITS_MAX_SESSIONS", "2");
    let process = Process::serve_with(command, "127.0.0.1:0", &["--demo"]);
    let address: Address = process.address.to_string().parse().unwrap();
    let packets = first_packets(ADDRESSES).await;
    let begun = Instant::now();
    let sockets: Vec<UdpSocket> = packets
        .iter()
        .enumerate()
        .map(|(number, packet)| {
            let from = Ipv4Addr::new(127, 9, (number >> 8) as u8, number as u8);
            let socket = UdpSocket::bind((from, 0)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.send_to(packet, process.address).unwrap();
            socket
        })
        .collect();
    // In the middle of it somebody comes, and another one.
    let alice = log_in(&address, "alice", PASSWORD).await.unwrap();
    let bob = log_in(&address, "bob", PASSWORD).await.unwrap();
    let came = begun.elapsed();
    alice.join(channel_id(&alice, "General")).await.unwrap();
    bob.list().await.unwrap();
    // Longer than anybody waits for the first answer, so that all that is sent to the silent ones has been.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (mut retries, mut most) = (0, 0.0_f64);
    for (socket, packet) in sockets.iter().zip(&packets) {
        let (mut buffer, mut received, mut retry) = ([0; 2_048], 0, false);
        while let Ok(length) = socket.recv(&mut buffer) {
            received += length;
            // A long header of the type Retry (RFC 9000, section 17.2.5).
            retry |= buffer[0] & 0xf0 == 0xf0;
        }
        retries += usize::from(retry);
        most = most.max(received as f64 / packet.len() as f64);
    }
    println!(
        "{retries} of {ADDRESSES} were sent a Retry; at most {most:.2} times what was sent came back; others were in after {came:?}"
    );
    assert_eq!(retries, ADDRESSES);
    assert!(most <= 1.0, "{most}");
    assert!(came < Duration::from_secs(5), "{came:?}");
}

/// A server that gets a quarter of a processor, and needs far less: whoever speaks is heard, and so is whoever begins.
#[tokio::test]
async fn a_server_that_others_keep_from_the_processor_tells_nobody_to_wait() {
    use rustix::process::{Pid, Signal, kill_process};

    let _alone = support::alone();
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let address: Address = process.address.to_string().parse().unwrap();
    let mut people = Vec::new();
    for name in ["alice", "bob", "charlie"] {
        let session = log_in(&address, name, PASSWORD).await.unwrap();
        session.join(channel_id(&session, "General")).await.unwrap();
        people.push(session);
    }
    let [first, second, listener] = &people[..] else { unreachable!() };
    // Notices are read by whoever receives.
    let mut own = second.voice();
    let reading = tokio::spawn(async move { while own.next().await.is_ok() {} });
    let mut heard = listener.voice();
    let (mut first_voice, mut second_voice) = (first.speaker(), second.speaker());
    let (one, two) = (first.ssrc(), second.ssrc());
    let count = Arc::new(Mutex::new([0_u32; 2]));
    let counting = Arc::clone(&count);
    let ear = tokio::spawn(async move {
        while let Ok(packet) = heard.next().await {
            let mut count = counting.lock().unwrap();
            count[0] += u32::from(packet.header.ssrc == one);
            count[1] += u32::from(packet.header.ssrc == two);
        }
    });
    let stop = Arc::new(AtomicBool::new(false));
    let (stopping, server) = (Arc::clone(&stop), Pid::from_child(&process.child));
    let starved = std::thread::spawn(move || {
        let mut ran = Duration::from_millis(30);
        while !stopping.load(Ordering::Relaxed) {
            kill_process(server, Signal::STOP).unwrap();
            // By what it had: a sleep on a busy machine is longer than asked for.
            std::thread::sleep(3 * ran);
            kill_process(server, Signal::CONT).unwrap();
            let begun = Instant::now();
            std::thread::sleep(Duration::from_millis(30));
            ran = begun.elapsed().min(Duration::from_millis(60));
        }
    });
    let mut due = tokio::time::interval(EVERY);
    // The first one speaks all the time; from the third second on the second one, too.
    let (mut spoken, mut told) = (0, false);
    for frame in 0..250 {
        due.tick().await;
        first_voice.send(&[0x48; 80]);
        spoken += 1;
        if frame >= 150 {
            second_voice.send(&[0x48; 80]);
            told |= second_voice.is_busy();
        }
    }
    let [of_first, of_second] = *count.lock().unwrap();
    println!(
        "{of_first} of {spoken} frames of who spoke already, {of_second} of 100 of who began; told: {told}"
    );
    stop.store(true, Ordering::Relaxed);
    starved.join().unwrap();
    assert!(f64::from(of_first) > f64::from(spoken) * 0.9, "{of_first} of {spoken}");
    assert!(!told && of_second > 80, "{of_second}, told: {told}");
    ear.abort();
    reading.abort();
}
