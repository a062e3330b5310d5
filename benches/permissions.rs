//! What a permission costs: evaluated anew in a deep tree with many roles and overwrites, looked up where it is known,
//! and what a change of a role costs with a thousand sessions connected, until each has its events and the forwarding
//! table is published. Beside it the same change with one session: the difference isn't the disk's.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlour::account::{self, Secret, Secrets, Visitor};
use parlour::bounds::EntryPolicy;
use parlour::clock::Clock;
use parlour::control::{
    Actor, Attached, Entered, FlowWork, Handle, HookWork, Newcomer, Settings, Unseated, Wants, start,
};
use parlour::dial::{Client, Reach as Dialled};
use parlour::id::{
    ChannelId, Fingerprint, Moment, OrganizationId, RoleId, SessionId, Ssrc, Timestamp, UserId,
};
use parlour::permission::{Overwrite, Permissions, Reach, Subject};
use parlour::protocol::CloseCode;
use parlour::protocol::call::Entry;
use parlour::protocol::wire::{self, MemberKind, request, response};
use parlour::state::{Channel, Held, Limits, Member, OrganizationSettings, Role, State, Stored};
use parlour::store::Store;
use parlour::voice::Peer;
use tokio::sync::mpsc;

const DEPTH: u64 = 10;
const ROLES: u64 = 50;
const OVERWRITES: u64 = 200;
const SESSIONS: usize = 1_000;
const CHANNELS: usize = 100;
const ROUNDS: usize = 30;

fn channel(id: u64, parent: u64) -> Channel {
    Channel::new(ChannelId(id), (parent != 0).then_some(ChannelId(parent)), format!("channel {id}"))
}

/// A chain of channels with all overwrites on it, for all roles, and somebody who has all of them.
fn deep() -> State {
    let role = |id| Role {
        id: RoleId(id),
        name: format!("role {id}"),
        rank: 1,
        colour: 0,
        allow: Permissions::from_bits(id & 0xff | 1),
        second_factor: false,
    };
    let overwrite = |number: u64| Overwrite {
        channel: ChannelId(1 + number % DEPTH),
        subject: match number % 20 {
            0 => Subject::User(UserId(1 + number / 20)),
            _ => Subject::Role(RoleId(1 + number % ROLES)),
        },
        allow: Permissions::from_bits(number & 0xfe),
        deny: Permissions::from_bits(number >> 2 & 0xfe),
        reach: Reach::Both,
    };
    let stored = Stored {
        organization: OrganizationId(1),
        channels: (1..=DEPTH).map(|id| channel(id, id - 1)).collect(),
        roles: (1..=ROLES).map(role).collect(),
        overwrites: (0..OVERWRITES).map(overwrite).collect(),
        settings: OrganizationSettings::default(),
        next_channel: ChannelId(DEPTH + 1),
        next_role: RoleId(ROLES + 1),
        limits: Limits { sessions: 10, channels: 1_000, entry: EntryPolicy::ALL, is_own: false },
    };
    let mut state = State::new(stored, Moment { wall: Timestamp(1), ..Moment::default() });
    let mut member = Member::new(SessionId(1), Some(UserId(1)), "somebody".to_owned(), Ssrc(1));
    member.roles = (1..=ROLES).map(|role| Held { role: RoleId(role), until: None }).collect();
    let arrival = state.decide_arrival(member).unwrap();
    state.apply(arrival);
    state
}

/// The median time of one call, in nanoseconds, of runs of a thousand.
fn nanoseconds(mut call: impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..101)
        .map(|_| {
            let started = Instant::now();
            (0..1_000).for_each(|_| call());
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

/// A connection that takes everything.
#[derive(Clone)]
struct Nowhere;

impl Peer for Nowhere {
    fn send(&self, _: Bytes) -> bool {
        true
    }

    fn close(&self, _: CloseCode) {}
}

fn settings() -> Settings {
    let day = Duration::from_secs(24 * 60 * 60);
    Settings {
        accounts: account::Settings {
            name: "bench".to_owned(),
            token_life: day,
            oauth_access: day,
            oauth_refresh: day,
            access_life: day,
            secrets: Secrets {
                tokens: Secret(vec![7; 32]),
                tokens_are_new: false,
                sealing: Secret(vec![8; 32]),
                former: Secret(vec![9; 32]),
            },
            entry: EntryPolicy::ALL,
            page: String::new(),
            providers: Vec::new(),
            owners_only: Vec::new(),
            account_tries: 10,
            address_tries: 10,
            longest_delay: day,
            hash_threads: 1,
            hash_queue: 1,
        },
        max_sessions: SESSIONS + 10,
        changes: 10_000,
        texts: (100, 100),
        requests: (100, 100),
        fingerprint: Fingerprint([0; 32]),
        recordings: None,
        addresses: Vec::new(),
        reach: Dialled::public_and(Vec::new()),
        client: Client::new(),
        hook_work: HookWork::default(),
        flow_work: FlowWork::default(),
    }
}

type Arrived = (Attached, mpsc::Receiver<Bytes>);

async fn arrive(handle: &Handle<Nowhere>, number: usize) -> Arrived {
    let from = "127.0.0.1".parse().unwrap();
    let log_in = wire::LogInGuest { name: format!("guest-{number}"), ..Default::default() };
    let visitor = Visitor { from, client: "bench", exported: None, room: &Unseated, gate: None };
    let Ok(Entered::Proven(proven)) = handle.enter(&Entry::LogInGuest(log_in), visitor).await else {
        unreachable!("a guest is let in")
    };
    let newcomer = Newcomer {
        peer: Nowhere,
        address: from,
        kind: MemberKind::Native,
        client: "bench".to_owned(),
        wants: Wants::default(),
    };
    let (arrived, _) = handle.arrive(*proven, newcomer).await.unwrap();
    let channel = 6 + number as u64 % CHANNELS as u64;
    let join = request::Body::Join(wire::Join { channel, ..Default::default() });
    handle.request(Actor::Session(arrived.0.session), join).await.unwrap();
    arrived
}

/// The median time until a change of the guests' role is answered, in milliseconds, with so many connected; and how
/// many bytes each of them was sent for it.
async fn role_change(handle: &Handle<Nowhere>, all: &mut [Arrived], bit: Permissions) -> (f64, usize) {
    let guest = Permissions::VIEW.union(Permissions::JOIN).union(Permissions::SPEAK);
    let (mut times, mut bytes) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        let allow = if round % 2 == 0 { guest.bits() ^ bit.bits() } else { guest.bits() };
        let edit = wire::EditRole { role: 4, allow: Some(allow), ..Default::default() };
        for (_, events) in &mut *all {
            while events.try_recv().is_ok() {}
        }
        let started = Instant::now();
        let answer = handle.request(Actor::Operator, request::Body::EditRole(edit)).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1e3);
        assert!(matches!(answer, response::Body::Done(_)));
        let sent = all.iter_mut().map(|(_, events)| events.try_recv().map_or(0, |event| event.len()));
        bytes = sent.sum::<usize>() / all.len();
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], bytes)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let state = deep();
    let member = state.member(SessionId(1)).unwrap().clone();
    let bottom = ChannelId(DEPTH);
    let cold = nanoseconds(|| {
        black_box(state.evaluated_anew(black_box(&member.class), bottom));
    });
    let known = nanoseconds(|| {
        black_box(state.permissions(black_box(&member), bottom));
    });
    println!("{:<62} {:>10}", "a permission, ns (median of 101 runs of 1000)", "wanted");
    println!(
        "  evaluated anew: depth {DEPTH}, {ROLES} roles, {OVERWRITES} overwrites {cold:>14.0} {:>10}",
        5_000
    );
    println!("  known already {known:>48.0} {:>10}", 50);
    println!("{{\"bench\":\"permissions\",\"cold_ns\":{cold:.0},\"known_ns\":{known:.1}}}");

    let directory = tempfile::tempdir().unwrap();
    let now = Timestamp(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64);
    let store = Arc::new(Store::open(&directory.path().join("bench.redb"), now).unwrap());
    let (handle, thread) =
        start::<Nowhere>(store, OrganizationId::FIRST, settings(), Clock::system()).unwrap();
    for number in 0..CHANNELS {
        let create = wire::CreateChannel { name: format!("place {number}"), ..Default::default() };
        handle.request(Actor::Operator, request::Body::CreateChannel(create)).await.unwrap();
    }
    println!("a change of a role that everybody has, ms until all have their events (median of {ROUNDS})");
    println!(
        "  {:<24} {:>12} {:>14} {:>10} {:>14}",
        "it gives or takes", "1 session", "1000 sessions", "wanted", "bytes to each"
    );
    let mut all = vec![arrive(&handle, 0).await];
    let cases = [("text", Permissions::TEXT), ("speak", Permissions::SPEAK)];
    let mut alone = Vec::new();
    for (_, bit) in cases {
        alone.push(role_change(&handle, &mut all, bit).await.0);
    }
    for number in 1..SESSIONS {
        all.push(arrive(&handle, number).await);
        for (_, events) in &mut all {
            while events.try_recv().is_ok() {}
        }
    }
    for ((word, bit), one) in cases.into_iter().zip(alone) {
        let (many, bytes) = role_change(&handle, &mut all, bit).await;
        println!("  {word:<24} {one:>12.2} {many:>14.2} {:>10} {bytes:>14}", 20);
        println!(
            "{{\"bench\":\"permissions\",\"case\":\"{word}\",\"one_ms\":{one:.3},\"thousand_ms\":{many:.3},\"bytes\":{bytes}}}"
        );
    }
    handle.stop().await;
    thread.join();
}
