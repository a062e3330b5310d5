//! What a change costs as more people are there, of the live state alone, without connections, disk or events' encoding. Each change is
//! decided, made, and followed as far as who hears whom; before a change that is kept, the state is copied, as it is before each
//! that may fail to commit. Medians, at 100 to 100,000 people in channels of 20. The
//! role that is granted allows something on every channel, so that a grant is told for each of these.
//!
//! Then what it costs to tell of it: what each session is told that is told anything, encoded, when somebody goes from one channel to
//! another, and when somebody comes in, where all are told of everybody and where all are told by interest.

use std::hint::black_box;
use std::time::Instant;

use parlour::bounds::EntryPolicy;
use parlour::id::{ChannelId, Moment, OrganizationId, RoleId, SessionId, Ssrc, Timestamp, UserId};
use parlour::permission::Permissions;
use parlour::protocol::call::{Live, Rights};
use parlour::protocol::{EncodedBody, wire};
use parlour::state::{
    Actor, Asked, Change, Channel, Event, Facts, Hearing, Held, Limits, Member, Named, OrganizationSettings,
    Role, Sights, Snapshots, State, Stored, Telling,
};

const SIZES: [u64; 4] = [100, 1_000, 10_000, 100_000];
const TOLD_SIZES: [u64; 3] = [100, 1_000, 10_000];
const IN_A_CHANNEL: u64 = 20;
const ROUNDS: u64 = 2_000;

const OWNER: u64 = 1;
const MEMBER: u64 = 3;
const SPEAKER: u64 = 4;

fn stored(people: u64) -> Stored {
    let role = |id: u64, name: &str, rank, allow| Role {
        id: RoleId(id),
        name: name.to_owned(),
        rank,
        colour: 0,
        allow,
        second_factor: false,
    };
    let usual = [Permissions::VIEW, Permissions::JOIN, Permissions::SPEAK, Permissions::WHISPER];
    let usual = usual.into_iter().fold(Permissions::NONE, Permissions::union);
    let channels = people.div_ceil(IN_A_CHANNEL);
    Stored {
        organization: OrganizationId(1),
        channels: (1..=channels)
            .map(|id| Channel::new(ChannelId(id), None, format!("channel {id}")))
            .collect(),
        roles: vec![
            role(OWNER, "Owner", 1_000, Permissions::ADMINISTER),
            role(MEMBER, "Member", 10, usual),
            role(SPEAKER, "Speaker", 20, Permissions::PRIORITY),
        ],
        overwrites: Vec::new(),
        settings: OrganizationSettings::default(),
        next_channel: ChannelId(channels + 1),
        next_role: RoleId(SPEAKER + 1),
        limits: Limits {
            sessions: people as usize + 10,
            channels: channels as usize + 10,
            entry: EntryPolicy::ALL,
            is_own: false,
        },
    }
}

fn member(number: u64, role: u64) -> Member {
    let (session, user) = (SessionId(number), Some(UserId(number)));
    let mut member = Member::new(session, user, format!("person {number}"), Ssrc(number as u32));
    member.roles = vec![Held { role: RoleId(role), until: None }];
    member
}

/// A server with so many people, and who hears whom there.
struct Server {
    state: State,
    hearing: Hearing,
    people: u64,
}

impl Server {
    fn new(people: u64) -> Self {
        let mut server = Self {
            state: State::new(stored(people), Moment { wall: Timestamp(1), ..Moment::default() }),
            hearing: Hearing::default(),
            people,
        };
        for number in 1..=people {
            server.arrive(number);
            server.ask(number, &join(1 + number % people.div_ceil(IN_A_CHANNEL)), &Facts::default());
        }
        server
    }

    fn make(&mut self, change: Change) {
        black_box(self.state.apply(change));
        let touched = self.state.take_touched();
        black_box(self.hearing.follow(&self.state, &touched));
    }

    fn arrive(&mut self, number: u64) {
        let role = if number == 1 { OWNER } else { MEMBER };
        let arrival = self.state.decide_arrival(member(number, role)).unwrap();
        self.make(arrival);
    }

    fn ask(&mut self, number: u64, asked: &Asked, facts: &Facts) {
        let change = self.state.decide(Actor::Session(SessionId(number)), asked, facts).unwrap();
        self.make(change);
    }

    /// Somebody other than the owner.
    fn somebody(&self, round: u64) -> u64 {
        2 + round.wrapping_mul(2_654_435_761) % (self.people - 1)
    }

    fn grant(&mut self, round: u64, granted: bool) {
        let user = self.somebody(round);
        let (name, role) = (format!("person {user}"), SPEAKER);
        let mut roles = member(user, MEMBER).roles;
        if !granted {
            roles.push(Held { role: RoleId(SPEAKER), until: None });
        }
        let named =
            Named { user: UserId(user), name: name.clone(), roles, second_factor: false, last_owner: false };
        let facts = Facts { named: Some(named), ..Facts::default() };
        let asked = if granted {
            Rights::GrantRole(wire::GrantRole { user: name, role, ..Default::default() }).into()
        } else {
            Rights::RevokeRole(wire::RevokeRole { user: name, role }).into()
        };
        self.ask(1, &asked, &facts);
    }
}

fn join(channel: u64) -> Asked {
    Live::Join(wire::Join { channel, ..Default::default() }).into()
}

fn describe(channel: u64, round: u64) -> Asked {
    let description = Some(format!("round {round}"));
    Live::EditChannel(wire::EditChannel { channel, description, ..Default::default() }).into()
}

fn mute(mute: bool) -> Asked {
    Live::SetSelf(wire::SetSelf { mute: Some(mute), ..Default::default() }).into()
}

/// The median of the rounds, in microseconds.
fn median(server: &mut Server, round: impl FnMut(&mut Server, u64)) -> f64 {
    median_of(ROUNDS, server, round)
}

fn median_of<T>(rounds: u64, server: &mut T, mut round: impl FnMut(&mut T, u64)) -> f64 {
    let mut all: Vec<f64> = (0..rounds)
        .map(|number| {
            let began = Instant::now();
            round(server, number);
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// A server whose people are told what happens.
struct Told {
    state: State,
    sights: Sights,
    snapshots: Snapshots,
    by_interest: bool,
    /// How many were told something, and how much that was, in bytes.
    sessions: usize,
    bytes: usize,
}

impl Told {
    fn new(people: u64, by_interest: bool) -> Self {
        let state = State::new(stored(people), Moment { wall: Timestamp(1), ..Moment::default() });
        let (sights, snapshots) = (Sights::default(), Snapshots::default());
        let mut told = Self { state, sights, snapshots, by_interest, sessions: 0, bytes: 0 };
        let mut events = Vec::new();
        for number in 1..=people {
            events.extend(told.arrive(number));
            events.extend(told.join(number, 1 + number % people.div_ceil(IN_A_CHANNEL)));
        }
        told.sights.follow(&told.state, &events);
        told
    }

    fn arrive(&mut self, number: u64) -> Vec<Event> {
        let role = if number == 1 { OWNER } else { MEMBER };
        let mut member = member(number, role);
        member.by_interest = self.by_interest;
        let arrival = self.state.decide_arrival(member).unwrap();
        self.state.apply(arrival)
    }

    fn join(&mut self, number: u64, channel: u64) -> Vec<Event> {
        let actor = Actor::Session(SessionId(number));
        let change = self.state.decide(actor, &join(channel), &Facts::default()).unwrap();
        self.state.apply(change)
    }

    fn tell(&mut self, events: &[Event], arrived: Option<u64>) {
        let Self { state, sights, snapshots, by_interest, .. } = self;
        snapshots.follow(events, false);
        let mut telling = Telling::new(state, sights, events);
        let reach = telling.reach();
        let all = reach.everybody || (reach.others && !*by_interest);
        let whom: Vec<SessionId> = if all {
            state.members().map(|member| member.session).collect()
        } else {
            reach.sessions.into_iter().collect()
        };
        (self.sessions, self.bytes) = (whom.len(), 0);
        for session in whom {
            let Some(viewer) = state.member(session) else { continue };
            let bodies = if arrived == Some(session.0) {
                snapshots.of(state, telling.sights(), viewer)
            } else {
                telling.bodies(viewer)
            };
            self.bytes += bodies.iter().map(EncodedBody::size).sum::<usize>();
        }
    }
}

fn told(people: u64, by_interest: bool) {
    let mut server = Told::new(people, by_interest);
    let channels = people.div_ceil(IN_A_CHANNEL);
    let joins = median_of(200, &mut server, |server, round| {
        let who = 2 + round.wrapping_mul(2_654_435_761) % (people - 1);
        let events = server.join(who, 1 + (who + round) % channels);
        server.tell(&events, None);
    });
    let (sessions, bytes) = (server.sessions, server.bytes);
    let arrivals = median_of(200, &mut server, |server, _| {
        let gone = server.state.apply(Change::Depart(SessionId(people + 1)));
        server.sights.follow(&server.state, &gone);
        let events = server.arrive(people + 1);
        server.tell(&events, Some(people + 1));
    });
    let (told, size) = (server.sessions, server.bytes);
    let how = if by_interest { "by interest" } else { "of all" };
    println!(
        "{people:<9} {how:<12} {joins:>9.1} {sessions:>9} {bytes:>11} {arrivals:>9.1} {told:>9} {size:>11}"
    );
    println!(
        "{{\"bench\":\"growth\",\"people\":{people},\"by_interest\":{by_interest},\"tell_join_us\":{joins:.2},\"join_sessions\":{sessions},\"join_bytes\":{bytes},\"tell_arrival_us\":{arrivals:.2},\"arrival_sessions\":{told},\"arrival_bytes\":{size}}}"
    );
}

/// What the process has in memory, in KiB.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4.0
}

pub(super) fn measure() {
    println!("people    channels    join    mute  arrive    edit     grant  (us)   memory a person (bytes)");
    for people in SIZES {
        let before = resident();
        let mut server = Server::new(people);
        let memory = (resident() - before) * 1024.0 / people as f64;
        let channels = people.div_ceil(IN_A_CHANNEL);
        let joins = median(&mut server, |server, round| {
            let who = server.somebody(round);
            server.ask(who, &join(1 + (who + round) % channels), &Facts::default());
        });
        let mutes = median(&mut server, |server, round| {
            let who = server.somebody(round / 2);
            server.ask(who, &mute(round % 2 == 0), &Facts::default());
        });
        let arrivals = median(&mut server, |server, round| {
            server.make(Change::Depart(SessionId(people + 1)));
            server.arrive(people + 1);
            server.ask(people + 1, &join(1 + round % channels), &Facts::default());
        });
        let kept = median(&mut server, |server, round| {
            let copy = server.state.clone();
            server.ask(1, &describe(1 + round % channels, round), &Facts::default());
            black_box(copy);
        });
        let grants = median(&mut server, |server, round| {
            let copy = server.state.clone();
            server.grant(round / 2, round % 2 == 0);
            black_box(copy);
        });
        println!(
            "{people:<9} {channels:>8} {joins:>7.1} {mutes:>7.1} {arrivals:>7.1} {kept:>7.1} {grants:>9.1} {memory:>20.0}"
        );
        println!(
            "{{\"bench\":\"growth\",\"people\":{people},\"join_us\":{joins:.2},\"mute_us\":{mutes:.2},\"arrive_us\":{arrivals:.2},\"edit_us\":{kept:.2},\"grant_us\":{grants:.2},\"bytes_a_person\":{memory:.0}}}"
        );
    }
    println!("people    told            join  sessions       bytes    arrive  sessions       bytes  (us)");
    for people in TOLD_SIZES {
        for by_interest in [false, true] {
            told(people, by_interest);
        }
    }
}
