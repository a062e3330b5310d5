//! Whoever comes back is told nothing that they weren't told live, had they followed all along: random things happen, and those
//! who follow all along are the model. The seeds are fixed, so a failure here fails everywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{PASSWORD, TestServer};
use parlour::clock::TurnedClock;
use parlour::control::Actor;
use parlour::feed::{Event, Filter, Subscription};
use parlour::id::{ChannelId, Timestamp};
use parlour::permission::Permissions;
use parlour::protocol::wire::{self, create_ban, request::Body, response, send_text, set_overwrite};

use super::missed::{program_of, token_of};
use super::{MEMBER, missed};
use tokio::task::JoinSet;

const MINUTE: Duration = Duration::from_secs(60);

/// Numbers that look random, the same ones each time (Knuth, "The Art of Computer Programming", volume 2, 3.3.4).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }
}

/// One who follows all along.
struct Follower {
    actor: Actor,
    /// The number of the first event since their account was made.
    made: u64,
    live: Subscription,
    told: BTreeMap<u64, Event>,
}

impl Follower {
    async fn begin(server: &TestServer, actor: Actor, made: u64) -> Self {
        let live = server.server.handle().subscribe(actor, None, Filter::default()).await.unwrap();
        Self { actor, made, live, told: BTreeMap::new() }
    }

    fn read(&mut self) {
        while let Some(one) = self.live.try_next() {
            self.told.insert(one.number, one.event.clone());
        }
        assert!(!self.live.has_lost());
    }

    /// Comes back to a number, and is told no more than was told before. Answers with how much that was.
    async fn come_back(&mut self, server: &TestServer, from: u64, seed: u64) -> usize {
        let handle = server.server.handle();
        let Ok(mut missed) = handle.subscribe(self.actor, Some(from), Filter::default()).await else {
            // Nobody is told anything who is kept out.
            return 0;
        };
        let missed: Vec<_> = std::iter::from_fn(|| missed.try_next()).collect();
        self.read();
        for one in &missed {
            assert!(
                one.number >= self.made,
                "{one:?} was before the account of {:?}, seed {seed}",
                self.actor
            );
            // Until they follow, they log in.
            if one.number < self.live.first() {
                continue;
            }
            let live = self.told.get(&one.number);
            assert!(
                live.is_some_and(|live| is_no_more(&one.event, live)),
                "{one:?} was missed by {:?} from {from}, who was told {live:?} then, seed {seed}",
                self.actor
            );
        }
        missed.len()
    }
}

/// Whether something says no more than what was told live: of where somebody was it says what may be seen by now.
fn is_no_more(event: &Event, live: &Event) -> bool {
    let Event::Moved { session, from, to } = event else { return event == live };
    let is_of = |one: &Option<ChannelId>, other: &Option<ChannelId>| one.is_none() || one == other;
    matches!(live, Event::Moved { session: whose, from: was, to: is }
        if session == whose && is_of(from, was) && is_of(to, is))
}

/// What there is to do things with.
struct World {
    channels: Vec<u64>,
    roles: Vec<u64>,
    users: Vec<String>,
    bans: Vec<u64>,
}

impl World {
    /// Something that is asked for by whoever owns the machine.
    fn something(&mut self, dice: &mut Dice) -> Body {
        let bits = [Permissions::VIEW, Permissions::JOIN, Permissions::NONE].map(Permissions::bits);
        let (channel, role) = (dice.one_of(&self.channels), dice.one_of(&self.roles));
        let user = dice.one_of(&self.users);
        let life_ms = dice.one_of(&[0, 10 * 60_000, 40 * 60_000]);
        match dice.below(12) {
            0 | 1 => Body::GrantRole(wire::GrantRole { user, role, life_ms }),
            2 => Body::RevokeRole(wire::RevokeRole { user, role }),
            3..=5 => {
                let subject = match dice.below(3) {
                    0 => set_overwrite::Subject::User(user),
                    1 => set_overwrite::Subject::Role(role),
                    _ => set_overwrite::Subject::Role(MEMBER.0),
                };
                let (allow, deny) = (dice.one_of(&bits), dice.one_of(&bits));
                let (deny, subject) = (if allow == deny { 0 } else { deny }, Some(subject));
                Body::SetOverwrite(wire::SetOverwrite { channel, subject, allow, deny, reach: 0 })
            }
            6 => {
                let allow = Some(dice.one_of(&bits));
                Body::EditRole(wire::EditRole { role, allow, ..wire::EditRole::default() })
            }
            7 => {
                let parent = dice.one_of(&[0, self.channels[0], self.channels[1]]);
                Body::MoveChannel(wire::MoveChannel { channel, parent, position: 0 })
            }
            8 => {
                let password = Some(dice.one_of(&["", "hush"]).to_owned());
                Body::EditChannel(wire::EditChannel { channel, password, ..wire::EditChannel::default() })
            }
            9 => {
                let (subject, reason) = (Some(create_ban::Subject::User("bob".to_owned())), String::new());
                Body::CreateBan(wire::CreateBan { subject, reason, life_ms })
            }
            10 => match self.bans.pop() {
                Some(id) => Body::LiftBan(wire::LiftBan { id }),
                None => Body::Ping(wire::Ping {}),
            },
            _ => Body::SetUserDisabled(wire::SetUserDisabled {
                name: "bob".to_owned(),
                disabled: dice.below(3) == 0,
            }),
        }
    }

    /// Something that is written, by whoever may write everywhere.
    fn text(&self, dice: &mut Dice) -> Body {
        let to = Some(send_text::To::Channel(dice.one_of(&self.channels)));
        Body::SendText(wire::SendText { to, text: dice.below(1_000_000).to_string() })
    }

    /// Something that somebody does for themselves.
    fn own(&self, dice: &mut Dice) -> Body {
        let (channel, password) = (dice.one_of(&self.channels), dice.one_of(&["", "hush"]).to_owned());
        match dice.below(3) {
            0 => Body::Leave(wire::Leave {}),
            1 => Body::Join(wire::Join { channel, password }),
            _ => Body::Listen(wire::Listen { channel, on: true, volume: 0, password }),
        }
    }
}

async fn history(seed: u64) -> usize {
    let (server, clock) = TestServer::turned(&[("limits.channel_text_burst", "100000")]).await;
    let mut dice = Dice(seed);
    let (root, alice, bob) =
        (server.log_in("root").await, server.log_in("alice").await, server.log_in("bob").await);
    let handle = server.server.handle();
    let mut world = World {
        channels: Vec::new(),
        roles: Vec::new(),
        users: ["alice", "bob"].map(str::to_owned).to_vec(),
        bans: Vec::new(),
    };
    for (name, parent) in [("One", None), ("Two", None), ("Below", Some(0)), ("Deep", Some(2))] {
        let parent = parent.map(|at: usize| ChannelId(world.channels[at]));
        world.channels.push(root.create_channel(parent, name).await.unwrap().0);
    }
    for name in ["Staff", "Time-out"] {
        world.roles.push(root.create_role(name, 5, 0, Permissions::NONE).await.unwrap().0);
    }
    let begins = missed::next_number(&server).await;
    let mut followers = Vec::new();
    for actor in [program_of(&alice).await, token_of(&alice), program_of(&bob).await] {
        followers.push(Follower::begin(&server, actor, begins).await);
    }
    let mut count = 0;
    for step in 0..120 {
        let mut asked = Vec::new();
        for _ in 0..=dice.below(3) {
            let one = match dice.below(6) {
                0..=2 => (Actor::Session(root.id()), world.text(&mut dice)),
                3 => (Actor::Session(alice.id()), world.own(&mut dice)),
                _ => (Actor::Operator, world.something(&mut dice)),
            };
            asked.push(one);
        }
        // What is asked at once is done at once, as far as it comes to the control thread together.
        let mut doing = JoinSet::new();
        for (actor, body) in asked {
            let (handle, bans) = (handle.clone(), matches!(body, Body::CreateBan(_)));
            doing.spawn(async move { (bans, handle.request(actor, body).await) });
        }
        for done in doing.join_all().await {
            if let (true, Ok(response::Body::Created(made))) = done {
                world.bans.push(made.id);
            }
        }
        turn(&clock, &mut dice, &server);
        if step % 40 == 20 {
            let (name, made) = (format!("new-{step}"), missed::next_number(&server).await);
            root.create_user(&name, PASSWORD, "").await.unwrap();
            let actor = program_of(&server.log_in(&name).await).await;
            followers.push(Follower::begin(&server, actor, made).await);
            world.users.push(name);
        }
        let next = missed::next_number(&server).await;
        for follower in &mut followers {
            follower.read();
            let from = begins + dice.below(next - begins + 1);
            count += follower.come_back(&server, from, seed).await;
        }
    }
    count
}

/// Time goes on, and now and then the clock is set.
fn turn(clock: &TurnedClock, dice: &mut Dice, server: &TestServer) {
    match dice.below(30) {
        0 => {
            let wall = server.server.handle().clock().wall().0;
            let by = dice.one_of(&[25, 90]) * 60_000;
            clock.set_wall(Timestamp(if dice.below(2) == 0 { wall + by } else { wall - by }));
        }
        1..=9 => clock.advance(MINUTE * dice.one_of(&[1, 5, 15])),
        _ => (),
    }
}

#[tokio::test]
async fn whoever_comes_back_is_told_what_they_would_have_been_told_all_along() {
    let mut count = 0;
    for seed in 1..=4 {
        count += history(seed).await;
    }
    // They are told much of it, too.
    assert!(count > 1_000, "{count}");
}
