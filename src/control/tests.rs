//! Batches of the control thread, done one by one: what arrives and what ends at the same moment.

mod fixture;

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::sync::mpsc::Receiver;

use super::command::Command;
use super::live::Control;
use super::shared::Shared;
use super::*;
use crate::account::AccountError;
use crate::feed::{Doer, Event, Feed};
use crate::id::{BanId, Fingerprint, RoleId, Timestamp, UserId};
use crate::protocol::call::{Live, Rights};
use crate::protocol::wire::{self};
use crate::protocol::{CloseCode, ErrorCode};
use crate::store::write::{self, NewBan, UserEdit};
use crate::store::{BanSubject, By, DeviceKey, Grant};
use fixture::*;

#[test]
fn nobody_comes_in_with_the_end_of_their_session_or_account() {
    let mut fixture = Fixture::new();
    let ends: [(&str, End); 3] = [
        ("alice", |log_in| (log_in.by_token(), log_out())),
        ("bob", |log_in| (Actor::Session(log_in.session), log_out())),
        ("carol", |log_in| (Actor::Operator, disable(log_in))),
    ];
    for is_connected in [true, false] {
        for (name, end) in ends {
            let log_in = fixture.register(if is_connected { name } else { another(name) });
            let _kept = is_connected.then(|| fixture.arrive(&log_in));
            let (actor, live) = end(&log_in);
            if !is_connected && actor == Actor::Session(log_in.session) {
                continue;
            }
            let (ends, mut ended) = asked(actor, live);
            let (arrival, mut arrived) = fixture.arrival(&log_in);
            fixture.batch(vec![ends, arrival]);
            ended.try_recv().unwrap().unwrap();
            let refused = arrived.try_recv().unwrap().unwrap_err();
            assert_eq!(refused.code(), ErrorCode::TokenInvalid, "{name}: {refused}");
            assert!(!fixture.is_in(&log_in), "{name}");
        }
    }
}

fn another(name: &str) -> &'static str {
    match name {
        "alice" => "dave",
        "bob" => "erin",
        _ => "frank",
    }
}

#[test]
fn numbers_of_what_happens_go_on_though_the_clock_was_set_back_before_a_restart() {
    let mut fixture = Fixture::new();
    fixture.control.begin_numbers();
    let happen = |control: &mut Control<Nowhere>| {
        control.feed.number(Timestamp(1), Doer::Server, Event::BansChanged).number
    };
    let before = happen(&mut fixture.control);
    let shared = Arc::clone(&fixture.control.shared);
    let mut again = Control::<Nowhere>::new(fixture.control.state.clone(), shared);
    again.feed = Feed::new(HOME, Timestamp(1_000));
    again.begin_numbers();
    // What happens now is known apart from what happened then, and what waits of that is judged anew.
    again.settle_anew();
    let (now, after) = (again.shared.clock.wall(), happen(&mut again));
    assert!(after > before, "{before}, {after}");
    assert!(!again.shared.settled.holds(before, now) && again.shared.settled.holds(after, now));
}

#[test]
fn whoever_is_kicked_while_they_come_again_has_the_new_connection() {
    let mut fixture = Fixture::new();
    let alice = fixture.register("alice");
    let (old, mut events) = fixture.arrive(&alice);
    let (kick, mut kicked) = asked(Actor::Operator, kick(&alice));
    let (arrival, mut arrived) = fixture.arrival(&alice);
    fixture.batch(vec![kick, arrival]);
    kicked.try_recv().unwrap().unwrap();
    let (new, _events) = arrived.try_recv().unwrap().unwrap();
    assert!(fixture.is_in(&alice));
    assert_eq!(old.parting.get(), Some(&CloseCode::Kicked));
    assert_eq!(new.parting.get(), None);
    while events.try_recv().is_ok() {}
    assert!(events.is_closed(), "the old connection is told nothing more");
}

#[test]
fn whoever_arrives_with_a_change_of_theirs_is_what_it_makes_of_them() {
    let mut fixture = Fixture::new();
    let (alice, bob) = (fixture.register("alice"), fixture.register("bob"));
    let _alice = fixture.arrive(&alice);
    let member = fixture.control.state.member(alice.session).unwrap().roles[0].role;
    let role = wire::RevokeRole { user: "bob".to_owned(), role: member.0 };
    let (revoke, mut revoked) = asked(Actor::Operator, Rights::RevokeRole(role));
    let (arrival, mut arrived) = fixture.arrival(&bob);
    fixture.batch(vec![revoke, arrival]);
    revoked.try_recv().unwrap().unwrap();
    let _bob = arrived.try_recv().unwrap().unwrap();
    assert!(!fixture.control.state.member(bob.session).unwrap().holds(member), "it was taken from them");

    let second = fixture.log_in("alice", alice.user);
    let mute = wire::Moderate { session: alice.session.0, mute: Some(true), ..Default::default() };
    let (mute, mut muted) = asked(Actor::Operator, Live::Moderate(mute));
    let (arrival, mut arrived) = fixture.arrival(&second);
    fixture.batch(vec![mute, arrival]);
    muted.try_recv().unwrap().unwrap();
    let _second = arrived.try_recv().unwrap().unwrap();
    assert!(
        fixture.control.state.member(second.session).unwrap().muted,
        "whoever is muted is muted everywhere"
    );
}

#[test]
fn whoever_was_renamed_or_whose_key_was_banned_on_the_way_in_comes_as_who_they_are() {
    let mut fixture = Fixture::new();
    let (alice, bob) = (fixture.register("alice"), fixture.register("bob"));
    let (arrival, mut arrived) = fixture.arrival(&alice);
    let edit = UserEdit { name: Some("alicia".to_owned()), ..UserEdit::default() };
    fixture.run(write::edit_user(alice.user, edit));
    fixture.batch(vec![arrival]);
    let (attached, _events) = arrived.try_recv().unwrap().unwrap();
    assert_eq!(attached.name, "alicia");

    let (arrival, mut arrived) = fixture.arrival(&bob);
    let fingerprint = Fingerprint([3; 32]);
    let key = DeviceKey {
        user: bob.user,
        fingerprint,
        public: [4; 32],
        name: "laptop".to_owned(),
        created: Timestamp(0),
        address: None,
        session: Some(bob.session),
    };
    fixture.run(write::register_device_key(key));
    let subject = BanSubject::Certificate(fingerprint);
    fixture.run(write::ban(NewBan { organization: HOME, subject, reason: String::new(), until: None }));
    fixture.control.shared.accounts.read_bans().unwrap();
    fixture.batch(vec![arrival]);
    let refused = arrived.try_recv().unwrap().unwrap_err();
    assert!(matches!(refused, Refused::Account(AccountError::Banned { .. })), "{refused}");
}

#[test]
fn whoever_goes_before_they_are_told_that_they_are_in_is_not_in() {
    let mut fixture = Fixture::new();
    let (alice, bob) = (fixture.register("alice"), fixture.register("bob"));
    let (arrival, arrived) = fixture.arrival(&alice);
    drop(arrived);
    fixture.batch(vec![arrival]);
    assert!(!fixture.is_in(&alice), "nobody waits for it");

    let told = fixture.arrive(&alice);
    assert!(fixture.is_in(&alice));
    drop(told);
    let _bob = fixture.arrive(&bob);
    assert!(fixture.is_in(&bob) && !fixture.is_in(&alice));
}

#[test]
fn what_a_refused_batch_ended_all_the_same_is_gone() {
    let mut fixture = Fixture::new();
    let (alice, bob) = (fixture.register("alice"), fixture.register("bob"));
    let (first, _events) = fixture.arrive(&alice);
    let (second, _other) = fixture.arrive(&bob);
    // What belongs to an event is refused, and with it all that was asked together.
    let grant = Grant { role: RoleId(1), expires: None };
    fixture.control.attached.push(Box::new(move |_| vec![write::grant(UserId(77), grant).erased()]));
    let (disable, mut disabled) = asked(Actor::Operator, disable(&alice));
    let depart = Command::Depart { session: bob.session, attachment: second.attachment };
    fixture.batch(vec![disable, depart]);
    assert!(disabled.try_recv().unwrap().is_err());
    assert!(!fixture.is_in(&alice), "the account is disabled by what was written");
    assert_eq!(first.parting.get(), Some(&CloseCode::Disabled));
    assert!(!fixture.is_in(&bob));
}

#[test]
fn nothing_is_made_for_a_session_that_ended_since_it_was_permitted() {
    let mut fixture = Fixture::new();
    let alice = fixture.register("alice");
    let _here = fixture.arrive(&alice);
    let key = wire::CreateApiKey { name: "bot".to_owned(), ..Default::default() };
    let program = wire::CreateOauthClient {
        name: "robot".to_owned(),
        account: "alice".to_owned(),
        scope: "view".to_owned(),
        ..Default::default()
    };
    let both = [Actor::Session(alice.session), alice.by_token()].map(|actor| fixture.control.by(actor));
    let accounts = fixture.control.shared.accounts.clone();
    let tried = |fixture: &Fixture, by| {
        let key = fixture.runtime.block_on(accounts.create_api_key(alice.user, &key, by)).map(drop);
        let acts = accounts.create_oauth_client(&program, Some(alice.user), by);
        [key, fixture.runtime.block_on(acts).map(drop)]
    };
    for by in both {
        assert!(tried(&fixture, by).into_iter().all(|made| made.is_ok()));
    }
    fixture.run(write::end_session(alice.user, alice.session));
    for by in both {
        for made in tried(&fixture, by) {
            assert!(matches!(made, Err(AccountError::TokenInvalid)), "{made:?}");
        }
    }
}

#[test]
fn a_ban_whose_author_nobody_knows_any_more_is_lifted_by_owners_alone() {
    let fixture = Fixture::new();
    let alice = fixture.register("alice");
    let Shared { store, clock, .. } = &*fixture.control.shared;
    let admin = store.role_by_name(HOME, "Admin").unwrap().unwrap().id;
    fixture.run(write::grant(alice.user, Grant { role: admin, expires: None }));
    let ban = |number| {
        let subject = BanSubject::Certificate(Fingerprint([number; 32]));
        let ban = NewBan { organization: HOME, subject, reason: String::new(), until: None };
        fixture.run(write::ban(ban)).ban.id
    };
    let old = ban(1);
    let later = clock.wall().plus(4_000 * DAY);
    store.run(By::server(later), write::prune_audit(HOME, 1_000)).unwrap();
    let new = ban(2);
    let (handle, thread) = start::<Nowhere>(Arc::clone(store), HOME, settings(), clock.clone()).unwrap();
    let lift = |actor, ban: BanId| {
        let lift = wire::request::Body::LiftBan(wire::LiftBan { id: ban.0 });
        fixture.runtime.block_on(handle.request(actor, lift)).map(drop).map_err(|refused| refused.code())
    };
    assert_eq!(lift(alice.by_token(), old), Err(ErrorCode::Forbidden));
    assert_eq!(lift(alice.by_token(), new), Ok(()));
    assert_eq!(lift(alice.by_token(), new), Err(ErrorCode::NotFound));
    assert_eq!(lift(Actor::Operator, old), Ok(()));
    fixture.runtime.block_on(handle.stop());
    thread.join();
}

/// What may come together.
#[derive(Clone, Debug)]
enum Step {
    Arrive(usize),
    /// Nobody waits for the answer.
    Lost(usize),
    Depart(usize),
    LogOut(usize),
    LogOutByToken(usize),
    Kick(usize),
    Disable(usize, bool),
    Mute(usize),
    Tick,
}

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

fn step() -> impl Strategy<Value = Step> {
    let who = 0..PEOPLE.len();
    prop_oneof![
        6 => who.clone().prop_map(Step::Arrive),
        1 => who.clone().prop_map(Step::Lost),
        2 => who.clone().prop_map(Step::Depart),
        1 => who.clone().prop_map(Step::LogOut),
        1 => who.clone().prop_map(Step::LogOutByToken),
        2 => who.clone().prop_map(Step::Kick),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, disabled)| Step::Disable(who, disabled)),
        1 => who.prop_map(Step::Mute),
        1 => Just(Step::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_member_has_a_connection_and_a_log_in_whatever_comes_together(
        batches in proptest::collection::vec(proptest::collection::vec(step(), 1..8), 1..8),
    ) {
        let mut fixture = Fixture::new();
        let mut people = PEOPLE.map(|name| fixture.register(name));
        let mut there: Vec<(usize, Attached, Receiver<Bytes>)> = Vec::new();
        for batch in batches {
            let (mut commands, mut waiting) = (Vec::new(), Vec::new());
            for step in batch {
                let change = |actor, live: Live| asked(actor, live).0;
                match step {
                    Step::Arrive(who) | Step::Lost(who) => {
                        let LogIn { name, user, session, .. } = people[who];
                        let Shared { store, clock, .. } = &*fixture.control.shared;
                        if store.user(user).unwrap().unwrap().disabled {
                            continue;
                        }
                        if store.session(user, session, clock.wall()).unwrap().is_none() {
                            people[who] = fixture.log_in(name, user);
                        }
                        let (arrival, arrived) = fixture.arrival(&people[who]);
                        commands.push(arrival);
                        if matches!(step, Step::Arrive(_)) {
                            waiting.push((who, arrived));
                        }
                    }
                    Step::Depart(who) => {
                        if let Some(index) = there.iter().position(|(one, ..)| *one == who) {
                            let (_, Attached { session, attachment, .. }, _) = there.remove(index);
                            commands.push(Command::Depart { session, attachment });
                        }
                    }
                    Step::LogOut(who) => commands.push(change(Actor::Session(people[who].session), log_out())),
                    Step::LogOutByToken(who) => commands.push(change(people[who].by_token(), log_out())),
                    Step::Kick(who) => commands.push(change(Actor::Operator, kick(&people[who]))),
                    Step::Disable(who, disabled) => {
                        let name = PEOPLE[who].to_owned();
                        let set = wire::SetUserDisabled { name, disabled };
                        commands.push(change(Actor::Operator, Live::SetUserDisabled(set)));
                    }
                    Step::Mute(who) => {
                        let session = people[who].session.0;
                        let mute = wire::Moderate { session, mute: Some(true), ..Default::default() };
                        commands.push(change(Actor::Operator, Live::Moderate(mute)));
                    }
                    Step::Tick => commands.push(Command::Tick),
                }
            }
            fixture.batch(commands);
            for (who, mut arrived) in waiting {
                if let Ok(Ok((attached, events))) = arrived.try_recv() {
                    there.push((who, attached, events));
                }
            }
            for member in fixture.control.state.members() {
                let (user, store) = (member.user.unwrap(), &fixture.control.shared.store);
                let now = fixture.control.shared.clock.wall();
                prop_assert!(store.session(user, member.session, now).unwrap().is_some());
                prop_assert!(!store.user(user).unwrap().unwrap().disabled);
            }
        }
    }
}
