//! Batches of the control thread, done one by one: what arrives and what ends at the same moment.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::arrival::Arrival;
use super::command::Command;
use super::given::Given;
use super::live::Control;
use super::shared::Shared;
use super::*;
use crate::account::{self, AccountError, Accounts, Secret, Secrets};
use crate::auth::{TokenHash, TokenKey};
use crate::bounds::EntryPolicy;
use crate::clock::Clock;
use crate::id::{BanId, Fingerprint, OrganizationId, RoleId, SessionId, Timestamp, UserId};
use crate::name::DEFAULT_ROLE;
use crate::permission::Permissions;
use crate::protocol::call::{Entry, Live, Rights};
use crate::protocol::wire::{self, MemberKind, response};
use crate::protocol::{CloseCode, ErrorCode};
use crate::state::{Asked, State};
use crate::store::write::{self, NewBan, NewSession, NewUser, UserEdit};
use crate::store::{BanSubject, By, DeviceKey, Grant, STORE_FILE, Session, Store, Write};
use crate::voice::Peer;

const HOME: OrganizationId = OrganizationId::FIRST;
const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TOKENS: [u8; 32] = [7; 32];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
    Settings {
        accounts: account::Settings {
            name: "test".to_owned(),
            token_life: 30 * DAY,
            access_life: DAY,
            oauth_access: DAY,
            oauth_refresh: DAY,
            secrets: Secrets {
                tokens: Secret(TOKENS.to_vec()),
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
            longest_delay: DAY,
            hash_threads: 1,
            hash_queue: 64,
        },
        max_sessions: 100,
        changes: 10_000,
        texts: (100, 100),
        requests: (100, 100),
        fingerprint: Fingerprint([0; 32]),
        recordings: None,
        addresses: Vec::new(),
    }
}

/// A log-in of an account.
#[derive(Clone)]
struct LogIn {
    name: &'static str,
    user: UserId,
    session: SessionId,
    access: Bytes,
}

impl LogIn {
    /// Whoever shows its access token.
    fn by_token(&self) -> Actor {
        let origin = Origin { way: Way::Session(self.session), address: Some(FROM) };
        Actor::Account { user: self.user, ceiling: Permissions::ALL, origin }
    }
}

type Arrived = oneshot::Receiver<Result<(Attached, Receiver<Bytes>), Refused>>;

/// Control without its thread: batches are done when they are given.
struct Fixture {
    control: Control<Nowhere>,
    handle: Handle<Nowhere>,
    runtime: Runtime,
    _commands: Receiver<Command<Nowhere>>,
    _directory: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (clock, _) = Clock::turned(Timestamp(1_700_000_000_000));
        let store = Arc::new(Store::open(&directory.path().join(STORE_FILE), clock.wall()).unwrap());
        let settings = settings();
        let accounts =
            Accounts::start(Arc::clone(&store), HOME, settings.accounts.clone(), clock.clone()).unwrap();
        let stored = load::stored(&store, HOME, settings.server_limits()).unwrap();
        let state = State::new(stored, clock.now());
        let shared = Arc::new(Shared::new(store, accounts, settings));
        let (queue, commands) = mpsc::channel(8);
        let handle = Handle { shared: Arc::clone(&shared), queue: Arc::new(queue) };
        let runtime = Builder::new_current_thread().build().unwrap();
        let control = Control::new(state, shared);
        Self { control, handle, runtime, _commands: commands, _directory: directory }
    }

    fn enter(&self, entry: &Entry) -> Box<Proven> {
        let visitor = Visitor { from: FROM, client: "test", exported: None, room: &Unseated };
        match self.runtime.block_on(self.handle.enter(entry, visitor)).unwrap() {
            Entered::Proven(proven) => proven,
            Entered::Answer(answer) => panic!("{answer:?}"),
        }
    }

    fn run<T: Send + 'static, E: std::fmt::Debug + Send + 'static>(&self, write: Write<T, E>) -> T {
        let Shared { store, clock, .. } = &*self.control.shared;
        store.run(By::server(clock.wall()), write).unwrap()
    }

    /// A new account, and its first log-in.
    fn register(&self, name: &'static str) -> LogIn {
        let member = self.control.shared.store.role_by_name(HOME, DEFAULT_ROLE).unwrap().unwrap();
        let (name_of, roles) = (name.to_owned(), vec![member.id]);
        let new = NewUser { organization: HOME, name: name_of, email: None, password: None, roles };
        self.log_in(name, self.run(write::create_user(new)).id)
    }

    /// One more log-in of an account.
    fn log_in(&self, name: &'static str, user: UserId) -> LogIn {
        let Shared { store, clock, .. } = &*self.control.shared;
        let (session, created) = (store.new_session_id(), clock.wall());
        let expires = created.plus(DAY);
        let mut token = [0; 32];
        token[..8].copy_from_slice(&session.0.to_be_bytes());
        let (token, device, address) = (TokenHash(token), String::new(), None);
        let row = Session { id: session, user, token, created, expires, device, address };
        self.run(write::begin_session(NewSession::unproven(row)));
        let access = TokenKey::new(&TOKENS).short(user, session, expires);
        LogIn { name, user, session, access: Bytes::copy_from_slice(access.as_bytes()) }
    }

    /// Whoever shows the access token of a log-in is on their way in.
    fn arrival(&self, log_in: &LogIn) -> (Command<Nowhere>, Arrived) {
        let proven = self.enter(&Entry::LogInToken(wire::LogInToken { token: log_in.access.clone() }));
        let (reply, arrived) = oneshot::channel();
        let newcomer = Newcomer {
            peer: Nowhere,
            address: FROM,
            kind: MemberKind::Native,
            client: "test".to_owned(),
            wants: Wants::default(),
        };
        (Command::Arrive(Arrival { proven, newcomer, reply }), arrived)
    }

    fn batch(&mut self, mut commands: Vec<Command<Nowhere>>) {
        assert!(self.control.handle_batch(&mut commands).is_none());
        let mut connected: Vec<_> = self.control.state.members().map(|member| member.session).collect();
        connected.sort_unstable();
        let mut members: Vec<_> = self.control.connections.keys().copied().collect();
        members.sort_unstable();
        assert_eq!(connected, members, "every member has a connection, and every connection a member");
    }

    /// Brings a log-in in by itself.
    fn arrive(&mut self, log_in: &LogIn) -> (Attached, Receiver<Bytes>) {
        let (arrival, mut arrived) = self.arrival(log_in);
        self.batch(vec![arrival]);
        arrived.try_recv().unwrap().unwrap()
    }

    fn is_in(&self, log_in: &LogIn) -> bool {
        self.control.state.member(log_in.session).is_some()
    }
}

fn asked(actor: Actor, asked: impl Into<Asked>) -> (Command<Nowhere>, oneshot::Receiver<Answer>) {
    let (reply, answer) = oneshot::channel();
    let (asked, span) = (Box::new(asked.into()), Span::none());
    (Command::Change { actor, asked, given: Given::default(), span, reply }, answer)
}

type Answer = Result<response::Body, Refused>;

fn log_out() -> Live {
    Live::LogOut(wire::LogOut {})
}

fn disable(log_in: &LogIn) -> Live {
    Live::SetUserDisabled(wire::SetUserDisabled { name: log_in.name.to_owned(), disabled: true })
}

fn kick(log_in: &LogIn) -> Live {
    Live::Kick(wire::Kick { session: log_in.session.0, reason: String::new() })
}

/// Who ends a log-in, and how.
type End = fn(&LogIn) -> (Actor, Live);

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
