//! Control without its thread, and log-ins to bring in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use super::super::arrival::Arrival;
use super::super::command::Command;
use super::super::given::Given;
use super::super::live::Control;
use super::super::shared::Shared;
use super::super::*;
use crate::account::{self, Accounts, Secret, Secrets};
use crate::auth::{TokenHash, TokenKey};
use crate::bounds::EntryPolicy;
use crate::clock::Clock;
use crate::dial::{Client, Reach};
use crate::id::{Fingerprint, OrganizationId, SessionId, Timestamp, UserId};
use crate::name::DEFAULT_ROLE;
use crate::permission::Permissions;
use crate::protocol::CloseCode;
use crate::protocol::call::{Entry, Live};
use crate::protocol::wire::{self, MemberKind, response};
use crate::state::{Asked, State};
use crate::store::write::{self, NewSession, NewUser};
use crate::store::{By, STORE_FILE, Session, Store, Write};
use crate::voice::Peer;

pub(super) const HOME: OrganizationId = OrganizationId::FIRST;
pub(super) const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(super) const TOKENS: [u8; 32] = [7; 32];
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A connection that takes everything.
#[derive(Clone)]
pub(super) struct Nowhere;

impl Peer for Nowhere {
    fn send(&self, _: Bytes) -> bool {
        true
    }

    fn close(&self, _: CloseCode) {}
}

pub(super) fn settings() -> Settings {
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
        reach: Reach::public_and(Vec::new()),
        client: Client::new(),
        hook_work: HookWork::default(),
        flow_work: FlowWork::default(),
    }
}

/// A log-in of an account.
#[derive(Clone)]
pub(super) struct LogIn {
    pub(super) name: &'static str,
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) access: Bytes,
}

impl LogIn {
    /// Whoever shows its access token.
    pub(super) fn by_token(&self) -> Actor {
        let origin = Origin { way: Way::Session(self.session), address: Some(FROM) };
        Actor::Account { user: self.user, ceiling: Permissions::ALL, origin }
    }
}

pub(super) type Arrived = oneshot::Receiver<Result<(Attached, Receiver<Bytes>), Refused>>;

/// Control without its thread: batches are done when they are given.
pub(super) struct Fixture {
    pub(super) control: Control<Nowhere>,
    pub(super) handle: Handle<Nowhere>,
    pub(super) runtime: Runtime,
    pub(super) _commands: Receiver<Command<Nowhere>>,
    pub(super) _directory: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
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

    pub(super) fn enter(&self, entry: &Entry) -> Box<Proven> {
        let visitor = Visitor { from: FROM, client: "test", exported: None, room: &Unseated, gate: None };
        match self.runtime.block_on(self.handle.enter(entry, visitor)).unwrap() {
            Entered::Proven(proven) => proven,
            Entered::Answer(answer) => panic!("{answer:?}"),
        }
    }

    pub(super) fn run<T: Send + 'static, E: std::fmt::Debug + Send + 'static>(
        &self,
        write: Write<T, E>,
    ) -> T {
        let Shared { store, clock, .. } = &*self.control.shared;
        store.run(By::server(clock.wall()), write).unwrap()
    }

    /// A new account, and its first log-in.
    pub(super) fn register(&self, name: &'static str) -> LogIn {
        let member = self.control.shared.store.role_by_name(HOME, DEFAULT_ROLE).unwrap().unwrap();
        let (name_of, roles) = (name.to_owned(), vec![member.id]);
        let new = NewUser { organization: HOME, name: name_of, email: None, password: None, roles };
        self.log_in(name, self.run(write::create_user(new)).id)
    }

    /// One more log-in of an account.
    pub(super) fn log_in(&self, name: &'static str, user: UserId) -> LogIn {
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
    pub(super) fn arrival(&self, log_in: &LogIn) -> (Command<Nowhere>, Arrived) {
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

    pub(super) fn batch(&mut self, mut commands: Vec<Command<Nowhere>>) {
        assert!(self.control.handle_batch(&mut commands).is_none());
        let mut connected: Vec<_> = self.control.state.members().map(|member| member.session).collect();
        connected.sort_unstable();
        let mut members: Vec<_> = self.control.connections.keys().copied().collect();
        members.sort_unstable();
        assert_eq!(connected, members, "every member has a connection, and every connection a member");
    }

    /// Brings a log-in in by itself.
    pub(super) fn arrive(&mut self, log_in: &LogIn) -> (Attached, Receiver<Bytes>) {
        let (arrival, mut arrived) = self.arrival(log_in);
        self.batch(vec![arrival]);
        arrived.try_recv().unwrap().unwrap()
    }

    pub(super) fn is_in(&self, log_in: &LogIn) -> bool {
        self.control.state.member(log_in.session).is_some()
    }
}

pub(super) fn asked(actor: Actor, asked: impl Into<Asked>) -> (Command<Nowhere>, oneshot::Receiver<Answer>) {
    let (reply, answer) = oneshot::channel();
    let (asked, span) = (Box::new(asked.into()), Span::none());
    (Command::Change { actor, asked, given: Given::default(), span, reply }, answer)
}

pub(super) type Answer = Result<response::Body, Refused>;

pub(super) fn log_out() -> Live {
    Live::LogOut(wire::LogOut {})
}

pub(super) fn disable(log_in: &LogIn) -> Live {
    Live::SetUserDisabled(wire::SetUserDisabled { name: log_in.name.to_owned(), disabled: true })
}

pub(super) fn kick(log_in: &LogIn) -> Live {
    Live::Kick(wire::Kick { session: log_in.session.0, reason: String::new() })
}

/// Who ends a log-in, and how.
pub(super) type End = fn(&LogIn) -> (Actor, Live);
