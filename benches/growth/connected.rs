//! The same with a server and people who are connected to it: a process of its own, its processor time by the scheduler's clock
//! (proc(5), schedstat) less what it takes while nobody does anything, and how long whoever asks waits for the answer. All are told of
//! people by interest. Each thing is done by one after the other; what it costs to tell all of them how many are where is apart, since that
//! is told a thousand a second at most, however much happens.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant, SystemTime};

use parlour::auth::Token;
use parlour::client::{Address, Credentials, Session, Trust, connect_by_interest};
use parlour::id::{ChannelId, RoleId, Timestamp, UserId};
use parlour::permission::Permissions;
use parlour::store::write::{self, Entry, NewSession, NewUser};
use parlour::store::{By, SEEDED_ORGANIZATION, Session as Kept, Store};
use tokio::task::JoinSet;

use super::outside::{first_address, memory, start};

/// As many as can be connected to and from one machine; [`super::state`] has more.
const SIZES: [usize; 3] = [100, 1_000, 10_000];
const IN_A_CHANNEL: usize = 20;
/// Who come, beside those who are there.
const COMERS: usize = 200;
/// How often each other thing is done.
const ROUNDS: usize = 400;
/// Who do it in turns.
const ACTORS: usize = 10;
/// How many come at once while the place is filled.
const AT_ONCE: usize = 16;
const OWNER: RoleId = RoleId(1);
const MEMBER: RoleId = RoleId(3);

/// A database with people who have been here before, the owner first, and what they come back by.
fn furnish(directory: &Path, people: usize) -> Vec<Vec<u8>> {
    let now = Timestamp::default().plus(SystemTime::UNIX_EPOCH.elapsed().unwrap());
    let store = Store::open(&directory.join("parlour.redb"), now).unwrap();
    let account = |number: usize| {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let token = Token::from_random(bytes);
        let new = NewUser {
            organization: SEEDED_ORGANIZATION,
            name: name(number),
            email: None,
            password: None,
            roles: vec![if number == 0 { OWNER } else { MEMBER }],
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
        token.as_bytes().to_vec()
    };
    (0..people).map(account).collect()
}

fn name(number: usize) -> String {
    format!("person{number}")
}

fn serve(directory: &Path) -> (Child, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(directory);
    command.env("PARLOUR_LIMITS_MAX_SESSIONS", "20000").env("PARLOUR_LOG", "error");
    // All come from one address.
    for limit in ["CONNECTS", "STRANGERS", "SESSIONS"] {
        command.env(format!("PARLOUR_LIMITS_ADDRESS_{limit}"), "20000");
    }
    // And a few do what many would.
    for limit in ["REQUESTS_PER_SECOND", "REQUEST_BURST", "CHANNEL_TEXTS_PER_SECOND", "CHANNEL_TEXT_BURST"] {
        command.env(format!("PARLOUR_LIMITS_{limit}"), "10000");
    }
    let (child, said) = start(&mut command);
    (child, first_address(&said))
}

/// What a process has had of the processors until now, all threads together, in milliseconds.
fn processor_time(child: &Child) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let of = |path: std::path::PathBuf| {
        let line = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        line.split(' ').next().and_then(|field| field.parse::<f64>().ok()).unwrap_or_default()
    };
    threads.map(|thread| of(thread.unwrap().path())).sum::<f64>() / 1e6
}

async fn come(address: Address, token: Vec<u8>) -> Session {
    let connected = connect_by_interest(&address, Trust::FirstUse, "bench/1").await.unwrap();
    connected.log_in(Credentials::token(&token)).await.unwrap()
}

/// Server and people.
struct Place {
    people: usize,
    server: Child,
    address: Address,
    /// The server's processor time while nothing is done, of a second.
    idle: f64,
    owner: Session,
    channels: Vec<ChannelId>,
    actors: Vec<Session>,
    _others: Vec<Session>,
    /// Who aren't there yet.
    comers: Vec<Vec<u8>>,
    memory: f64,
    /// What it cost at most to tell all of them how many are where, after the last of what was done, in milliseconds.
    counts: f64,
}

impl Place {
    async fn fill(directory: &Path, people: usize) -> Self {
        let mut tokens = furnish(directory, people + COMERS);
        let comers = tokens.split_off(people);
        let (server, place) = serve(directory);
        let address: Address = place.to_string().parse().unwrap();
        let mut tokens = tokens.into_iter();
        let owner = come(address.clone(), tokens.next().unwrap()).await;
        let mut channels = Vec::new();
        for number in 0..people / IN_A_CHANNEL {
            channels.push(owner.create_channel(None, &format!("channel {number}")).await.unwrap());
        }
        let before = memory(&server).0;
        let (mut coming, mut there) = (JoinSet::new(), Vec::new());
        for (number, token) in tokens.enumerate() {
            if coming.len() == AT_ONCE {
                there.extend(coming.join_next().await.map(Result::unwrap));
            }
            let (address, channel) = (address.clone(), channels[number % channels.len()]);
            coming.spawn(async move {
                let session = come(address, token).await;
                session.join(channel).await.unwrap();
                session
            });
        }
        while let Some(one) = coming.join_next().await {
            there.push(one.unwrap());
        }
        settle(people).await;
        let memory = (memory(&server).0 - before) / there.len() as f64;
        let used = processor_time(&server);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let idle = (processor_time(&server) - used) / 5.0;
        let others = there.split_off(ACTORS);
        Self {
            people,
            counts: 0.0,
            server,
            address,
            idle,
            owner,
            channels,
            actors: there,
            _others: others,
            comers,
            memory,
        }
    }

    /// Milliseconds of processor time that one of `count` took since a moment with so much used.
    fn each(&self, used: f64, began: Instant, count: usize) -> f64 {
        let idle = self.idle * began.elapsed().as_secs_f64();
        (processor_time(&self.server) - used - idle) / count as f64
    }

    /// Does something again and again; answers with the processor time of one and with the slowest hundredth's wait, in milliseconds. Then
    /// it waits until everybody has been told how many are where.
    async fn again(&mut self, what: impl AsyncFn(&Self, usize)) -> (f64, f64) {
        let (mut waits, used, began) = (Vec::new(), processor_time(&self.server), Instant::now());
        for round in 0..ROUNDS {
            let asked = Instant::now();
            what(self, round).await;
            waits.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        let each = self.each(used, began, ROUNDS);
        let (used, began) = (processor_time(&self.server), Instant::now());
        settle(self.people).await;
        self.counts = self.counts.max(self.each(used, began, 1));
        (each, slowest(waits))
    }

    /// Everybody who isn't there yet comes, by a token that was exchanged for the one they came with before.
    async fn log_ins(&mut self) -> (f64, f64) {
        let mut tokens = Vec::new();
        for token in std::mem::take(&mut self.comers) {
            let session = come(self.address.clone(), token).await;
            tokens.push(session.logged_in().access_token.to_vec());
            session.close().await;
        }
        settle(self.people).await;
        let (mut waits, mut there) = (Vec::new(), Vec::new());
        let (used, began) = (processor_time(&self.server), Instant::now());
        for token in tokens {
            let asked = Instant::now();
            there.push(come(self.address.clone(), token).await);
            waits.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        (self.each(used, began, there.len()), slowest(waits))
    }
}

/// Until everybody was told how many are where: a thousand a second are, twice.
async fn settle(people: usize) {
    tokio::time::sleep(Duration::from_secs(3 + people as u64 / 500)).await;
}

/// The slowest hundredth begins there.
fn slowest(mut waits: Vec<f64>) -> f64 {
    waits.sort_by(f64::total_cmp);
    waits[waits.len() * 99 / 100]
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub(super) async fn measure() {
    println!(
        "\nwith so many connected: the server's milliseconds for each, and what the slowest hundredth waits for, in milliseconds"
    );
    println!(
        "{:<8} {:>15} {:>15} {:>15} {:>15} {:>15} {:>11} {:>8} {:>8}",
        "people", "log-in", "join", "mute", "role", "text", "counts, ms", "idle, %", "KiB each"
    );
    for people in SIZES {
        let directory = tempfile::tempdir().unwrap();
        let mut place = Place::fill(directory.path(), people).await;
        let joins = place
            .again(async |place, round| {
                let channel = place.channels[(round * 7 + round / ACTORS) % place.channels.len()];
                place.actors[round % ACTORS].join(channel).await.unwrap();
            })
            .await;
        let mutes = place
            .again(async |place, round| {
                let mute = (round / ACTORS).is_multiple_of(2);
                place.actors[round % ACTORS].set_self(Some(mute), None).await.unwrap();
            })
            .await;
        // One that allows nothing: what each may do on each channel would have to be told them.
        let role = place.owner.create_role("Regular", 5, 0, Permissions::NONE).await.unwrap();
        let roles = place
            .again(async |place, round| {
                let who = name(1 + round / 2 % ACTORS);
                if round % 2 == 0 {
                    place.owner.grant_role(&who, role, None).await.unwrap();
                } else {
                    place.owner.revoke_role(&who, role).await.unwrap();
                }
            })
            .await;
        let texts = place
            .again(async |place, round| {
                let actor = &place.actors[round % ACTORS];
                let channel = ChannelId(actor.view().own().unwrap().channel);
                actor.text_channel(channel, "How are you?").await.unwrap();
            })
            .await;
        let log_ins = place.log_ins().await;
        let show = |(each, wait): (f64, f64)| format!("{each:.2} / {wait:.1}");
        let all = [log_ins, joins, mutes, roles, texts];
        let [log_in, join, mute, role, text] = all.map(show);
        let (counts, idle, memory) = (place.counts, place.idle / 10.0, place.memory);
        println!(
            "{people:<8} {log_in:>15} {join:>15} {mute:>15} {role:>15} {text:>15} {counts:>11.0} {idle:>8.2} {memory:>8.1}"
        );
        let names = ["log_in", "join", "mute", "role", "text"];
        let figures: Vec<String> = names
            .into_iter()
            .zip(all)
            .map(|(name, (each, wait))| format!("\"{name}_cpu_ms\":{each:.3},\"{name}_p99_ms\":{wait:.2}"))
            .collect();
        println!(
            "{{\"bench\":\"growth\",\"connected\":{people},{},\"counts_ms\":{counts:.1},\"idle_percent\":{idle:.3},\"kib_each\":{memory:.1}}}",
            figures.join(",")
        );
    }
}
