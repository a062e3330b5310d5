//! What somebody is answered over HTTP is what they are answered over QUIC: whoever asks, and whatever. There are two servers
//! on which the same is done from the beginning, in states that come about at random; one is asked over QUIC and the other over
//! HTTP, and each answer, each refusal with its code and sentence, and what comes of it are the same.
//!
//! What rightly differs:
//!
//! - what is made of random bytes, or of a key that each server has of its own (`told::RANDOM`): that it is there is compared;
//! - whoever shows nothing is told over HTTP what to show, since they could with the same request; over QUIC they log in first;
//! - a program of others has no way in over QUIC, so a key of the same account and of the same permissions asks there: of what
//!   acted only that something did is compared, and not when a key was used;
//! - whoever asks over HTTP may be idle where they are connected (`idleMs`): a script that asks isn't a person who is there;
//! - who logs in over HTTP isn't connected, so there is no voice of theirs (`ssrc`);
//! - a guest is there for as long as they are connected, so there are none over HTTP.

mod asked;
mod told;

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use hyper::Method;
use parlour::client::{Connected, Credentials, Ended, RequestError, Session, Trust, connect};
use parlour::clock::TurnedClock;
use parlour::control::Actor;
use parlour::permission::Permissions;
use parlour::protocol::operation::{self, Operation, Rest, Who};
use parlour::protocol::wire::{self, request, response};
use parlour::protocol::{CloseCode, ErrorCode};

use crate::link::{Link, hello};
use crate::operations::request_for;
use crate::rest::Program;
use crate::support::{PASSWORD, TestServer, channel_id, with};
use asked::{ANYBODY, Roll, World};
use told::{Told, difference};

/// How often everybody asks everything.
const PASSES: u32 = 3;

/// A program of others, for which a key asks over QUIC.
const PROGRAM: &str = "a program";

/// Requests that a connection takes before a log-in, without its greeting.
const BEFORE_LOG_IN: u32 = 4;

/// The first role that is made; the ones before it come with the server.
const HOST: u64 = 5;

/// Two servers, the first one asked over QUIC, the second one over HTTP.
struct Twins {
    servers: [TestServer; 2],
    clocks: [TurnedClock; 2],
}

impl Twins {
    async fn start() -> Self {
        let flags = [("sessions.guests", "true"), ("limits.request_burst", "100000")];
        let [(first, one), (second, other)] = TestServer::twins(&flags).await;
        Self { servers: [first, second], clocks: [one, other] }
    }

    fn quic(&self) -> &TestServer {
        &self.servers[0]
    }

    fn http(&self) -> &TestServer {
        &self.servers[1]
    }

    /// Has the same done on both, by the machine's owner.
    async fn both(&self, operation: &Operation, body: request::Body) -> Result<response::Body, ErrorCode> {
        let mut answers = Vec::new();
        for server in &self.servers {
            let answer = server.server.handle().request(Actor::Operator, body.clone()).await;
            answers.push(answer.map_err(|refused| refused.code()));
        }
        let [first, second] = &answers[..] else { panic!() };
        match (first, second) {
            (Ok(first), Ok(second)) => {
                let told = |body: &response::Body| Told::over_quic(operation, Ok(body.clone()));
                let (first, second) = (told(first), told(second));
                assert!(first == second, "{body:?}: {}", difference(&first, &second));
            }
            (first, second) => assert_eq!(first.as_ref().err(), second.as_ref().err(), "{body:?}"),
        }
        answers.remove(0)
    }

    async fn do_both(&self, body: request::Body) -> response::Body {
        let name = parlour::protocol::call::Call::from(body.clone()).operation();
        self.both(name, body).await.unwrap()
    }

    /// The same person logs in on both.
    async fn log_in(&self, credentials: Credentials) -> [Session; 2] {
        let mut sessions = Vec::new();
        for server in &self.servers {
            sessions.push(with(server, credentials.clone()).await.unwrap());
        }
        let sessions: [Session; 2] = sessions.try_into().unwrap();
        assert_eq!(sessions[0].id(), sessions[1].id());
        sessions
    }

    async fn by_password(&self, name: &str) -> [Session; 2] {
        self.log_in(Credentials::password(name, PASSWORD, "test")).await
    }

    /// A key of somebody on both.
    async fn key(&self, of: &[Session; 2], scopes: Permissions) -> [String; 2] {
        let mut keys = Vec::new();
        for session in of {
            keys.push(session.create_api_key("acts", scopes, None).await.unwrap().key);
        }
        keys.try_into().unwrap()
    }

    /// What a new program has that somebody allowed to see and to kick. It is on both, and asks over HTTP.
    async fn program(&self, name: &str) -> String {
        let mut token = String::new();
        for server in &self.servers {
            token = crate::oauth::token_for(server, name, "openid view kick").await;
        }
        token
    }

    /// What there is. It is the same on both.
    async fn world(&self, bystanders: Vec<u64>) -> World {
        let response::Body::Listing(listing) = self.do_both(request::Body::List(wire::List::default())).await
        else {
            panic!("a listing")
        };
        let snapshot = listing.snapshot.unwrap();
        let mut channels: Vec<_> = snapshot.channels.iter().map(|channel| channel.id).collect();
        let mut roles: Vec<_> = snapshot.roles.unwrap().roles.iter().map(|role| role.id).collect();
        let mut sessions: Vec<_> = snapshot.members.iter().map(|member| member.session).collect();
        let mut new_roles: Vec<_> = roles.iter().copied().filter(|role| *role > HOST).collect();
        // Nothing of which is there.
        for numbers in [&mut channels, &mut roles, &mut sessions, &mut new_roles] {
            numbers.push(999_999);
        }
        World { channels, roles, new_roles, sessions, bystanders: [bystanders, vec![999_999]].concat() }
    }

    /// Things come about: rooms, some of them hidden, roles, people who have them, exceptions, who is where.
    async fn change(&self, step: u32, world: &World, roll: &mut Roll) {
        const MADE: &[&str] = &[
            "create_channel",
            "create_channel",
            "create_role",
            "grant_role",
            "set_overwrite",
            "set_overwrite",
            "link_channels",
            "set_element",
            "create_invite",
            "create_ban",
            "set_note",
            "moderate",
            "move_session",
            "edit_organization",
        ];
        let name = roll.one(MADE);
        let body = world.body(name, step, roll);
        // Some are refused, which is as good.
        let _ = self.both(operation::named(name).unwrap(), body).await;
    }

    /// What came of it is the same.
    async fn compare(&self) {
        for name in ["list", "list_roles", "list_users", "list_invites", "list_bans", "get_organization"] {
            self.do_both(request_for(name, 0, 0, "")).await;
        }
        let all = wire::ReadAudit { limit: 1_000, ..Default::default() };
        self.do_both(request::Body::ReadAudit(all)).await;
        for name in ANYBODY.iter().filter(|name| **name != "Nobody") {
            let show = request::Body::ShowUser(wire::ShowUser { name: (*name).to_owned() });
            let _ = self.both(operation::named("show_user").unwrap(), show).await;
        }
    }
}

/// How somebody asks over QUIC.
enum Way {
    /// Connected.
    Member(Box<Session>),
    /// By a key, with a connection that takes so many more requests.
    Key(String, Option<(Box<Connected>, u32)>),
}

impl Way {
    /// Leaves a connection that nobody is logged in to.
    fn begin_anew(&mut self) {
        if let Self::Key(_, connection) = self {
            *connection = None;
        }
    }

    async fn ask(
        &mut self,
        server: &TestServer,
        body: request::Body,
    ) -> Result<response::Body, RequestError> {
        let (key, connection) = match self {
            Self::Member(session) => return session.request(body).await,
            Self::Key(key, connection) => (key, connection),
        };
        let (open, left) = match connection.take() {
            Some((open, left)) if left > 0 => (open, left),
            _ => {
                let open = connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
                (Box::new(open), BEFORE_LOG_IN)
            }
        };
        let answer = open.ask_by_key(key, body).await;
        *connection = Some((open, left - 1));
        answer
    }
}

/// Somebody who asks on both.
struct Asks {
    who: &'static str,
    over_quic: Way,
    over_http: Program,
    /// The session whose token is shown over HTTP, which stays connected as the other one does.
    connected: Option<Session>,
    /// What differed, of which there is nothing.
    differences: Vec<String>,
    /// What was done for them, and what was refused.
    done: usize,
    refused: usize,
}

impl Asks {
    async fn new(twins: &Twins, who: &'static str, over_quic: Way, token: &str) -> Self {
        let over_http = Program::at(twins.http().server.addresses()[0], token).await;
        Self { who, over_quic, over_http, connected: None, differences: Vec::new(), done: 0, refused: 0 }
    }

    /// A person who is connected asks over HTTP by the access token of the same session.
    async fn member(twins: &Twins, who: &'static str, name: &str) -> Self {
        let [quic, http] = twins.by_password(name).await;
        let token = BASE64URL_NOPAD.encode(&http.logged_in().access_token);
        let asks = Self::new(twins, who, Way::Member(Box::new(quic)), &token).await;
        Self { connected: Some(http), ..asks }
    }

    async fn key(twins: &Twins, who: &'static str, [quic, http]: [String; 2]) -> Self {
        Self::new(twins, who, Way::Key(quic, None), &http).await
    }

    async fn ask(&mut self, twins: &Twins, operation: &Operation, body: request::Body) {
        let over_quic = self.over_quic.ask(twins.quic(), body.clone()).await;
        let over_http = self.over_http.do_request(operation, &body).await;
        let (over_quic, over_http) = (Told::over_quic(operation, over_quic), Told::over_http(over_http));
        if over_quic != over_http {
            self.differences.push(format!("{}, {body:?}: {}", self.who, difference(&over_quic, &over_http)));
        }
        *if over_quic.is_done() { &mut self.done } else { &mut self.refused } += 1;
    }
}

/// What everybody may ask for who is somebody. To log out ends the session that asks.
fn addressed() -> impl Iterator<Item = &'static Operation> {
    let is_there = |one: &&Operation| matches!(one.rest, Rest::At { .. }) && one.who != Who::Stranger;
    operation::ALL.iter().filter(is_there).filter(|one| one.name != "log_out")
}

/// Those who ask: people, keys and a program.
async fn everybody(twins: &Twins) -> Vec<Asks> {
    let root = twins.by_password("root").await;
    let everything = twins.key(&root, Permissions::ALL).await;
    let alice = twins.by_password("alice").await;
    let narrow =
        twins.key(&alice, Permissions::VIEW.union(Permissions::TEXT).union(Permissions::INVITE)).await;
    let like_program = twins.key(&alice, Permissions::VIEW.union(Permissions::KICK)).await;
    for session in root.iter().chain(&alice) {
        session.log_out().await.unwrap();
    }
    vec![
        Asks::member(twins, "a member", "carol").await,
        Asks::member(twins, "a member with more rights", "alice").await,
        Asks::key(twins, "an owner's key", everything).await,
        Asks::key(twins, "a key that may do little", narrow).await,
        Asks::key(twins, PROGRAM, like_program).await,
    ]
}

#[tokio::test]
async fn an_answer_over_http_is_the_same_as_over_quic() {
    let twins = Twins::start().await;
    // Alice may do much, but isn't an owner.
    let host = wire::CreateRole {
        name: "Host".to_owned(),
        rank: 50,
        allow: Permissions::NAMED.iter().fold(0, |all, (permission, _)| all | permission.bits())
            & !Permissions::ADMINISTER.bits(),
        ..Default::default()
    };
    twins.do_both(request::Body::CreateRole(host)).await;
    let grant = wire::GrantRole { user: "alice".to_owned(), role: HOST, life_ms: 0 };
    twins.do_both(request::Body::GrantRole(grant)).await;
    let dora =
        wire::CreateUser { name: "dora".to_owned(), password: PASSWORD.to_owned(), ..Default::default() };
    twins.do_both(request::Body::CreateUser(dora)).await;
    let mut everybody = everybody(&twins).await;
    let (mut roll, mut step, mut general) = (Roll(0x2545_f491), 0, None);
    for pass in 0..PASSES {
        let guest = twins.log_in(Credentials::guest(&format!("guest{pass}"), "test")).await;
        let carol = twins.by_password("carol").await;
        assert!(guest[0].logged_in().access_token.is_empty(), "what a guest would show over HTTP");
        // It may be called otherwise by and by.
        let general = *general.get_or_insert_with(|| channel_id(&carol[0], "General"));
        carol[0].join(general).await.ok();
        carol[1].join(general).await.ok();
        let bystanders = vec![guest[0].id().0, carol[0].id().0];
        for _ in 0..12 {
            let world = twins.world(bystanders.clone()).await;
            twins.change(step, &world, &mut roll).await;
            step += 1;
        }
        for asks in &mut everybody {
            let address = twins.http().server.addresses()[0];
            let token = match asks.who {
                PROGRAM => twins.program("alice").await,
                _ => std::mem::take(&mut asks.over_http.token),
            };
            asks.over_http = Program::at(address, &token).await;
            // Nothing waits for a log-in, or for a request, for as long as the others ask.
            asks.over_quic.begin_anew();
            let mut world = twins.world(bystanders.clone()).await;
            for operation in addressed() {
                let body = world.body(operation.name, step, &mut roll);
                asks.ask(&twins, operation, body).await;
                step += 1;
                if operation.writes {
                    world = twins.world(bystanders.clone()).await;
                }
            }
            assert!(asks.differences.is_empty(), "{}", asks.differences.join("\n\n"));
            twins.compare().await;
        }
        // Whoever was wrong too often waits no more.
        for clock in &twins.clocks {
            clock.advance(Duration::from_secs(20));
        }
    }
    for asks in &everybody {
        assert!(asks.done > 15 && asks.refused > 15, "{}: {} {}", asks.who, asks.done, asks.refused);
    }
    let log_out = operation::named("log_out").unwrap();
    for asks in &mut everybody {
        asks.over_quic.begin_anew();
        asks.ask(&twins, log_out, request_for("log_out", 0, 0, "")).await;
        assert!(asks.differences.is_empty(), "{}", asks.differences.join("\n\n"));
    }
    for member in everybody.iter_mut().filter(|asks| asks.connected.is_some()) {
        let ended = member.over_http.ask(Method::GET, "/auth/me", None).await;
        assert_eq!(ended.code(), "token-invalid");
        let connected = member.connected.take().unwrap();
        assert_eq!(connected.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    }
    twins.compare().await;
}

/// Whoever shows nothing may ask for what is before a log-in.
#[tokio::test]
async fn nobody_is_told_over_http_what_they_are_told_over_quic() {
    let twins = Twins::start().await;
    let invite = request::Body::CreateInvite(wire::CreateInvite { uses: 3, ..Default::default() });
    let mut codes = Vec::new();
    for server in &twins.servers {
        let made = server.server.handle().request(Actor::Operator, invite.clone()).await.unwrap();
        let response::Body::Invite(made) = made else { panic!("an invite") };
        codes.push(made.code);
    }
    let mut program = Program::at(twins.http().server.addresses()[0], "").await;
    let greeted = async || {
        let mut link = Link::open("native", twins.quic().server.addresses()[0]).await;
        link.refusal(hello()).await;
        link
    };
    for operation in addressed() {
        let body = request_for(operation.name, 1, 1, "alice");
        let over_quic = greeted().await.refusal(body.clone()).await;
        assert_eq!(over_quic, Some(ErrorCode::Unexpected), "{}", operation.name);
        assert_eq!(program.do_request(operation, &body).await.code(), "unexpected", "{}", operation.name);
    }
    let mut done = 0;
    for [quic, http] in before_log_in(&codes) {
        let operation = parlour::protocol::call::Call::from(quic.clone()).operation();
        let mut link = greeted().await;
        let over_quic = match link.ask(quic.clone()).await {
            response::Body::Error(error) => Err(error.into()),
            answer => Ok(answer),
        };
        let over_http = program.do_request(operation, &http).await;
        let token = over_http.body["accessToken"].as_str().unwrap_or_default().to_owned();
        if over_quic.is_ok() && !token.is_empty() {
            // Both go again, so that the next ones find the same there.
            assert_eq!(link.refusal(request_for("log_out", 0, 0, "")).await, None);
            program.token = token;
            program.ask(Method::POST, "/auth/logout", None).await;
            program.token.clear();
        }
        let (over_quic, over_http) = (Told::over_quic(operation, over_quic), Told::over_http(over_http));
        assert!(over_quic == over_http, "{quic:?}: {}", difference(&over_quic, &over_http));
        done += usize::from(over_quic.is_done());
        for clock in &twins.clocks {
            clock.advance(Duration::from_secs(1));
        }
    }
    assert!(done > 4, "{done}");
    twins.compare().await;
}

/// What is asked before a log-in of each of both servers, whose invites have these codes.
fn before_log_in(codes: &[String]) -> Vec<[request::Body; 2]> {
    let password = |name: &str, password: &str, code: &str| {
        let (name, password, code) = (name.to_owned(), password.to_owned(), code.to_owned());
        request::Body::LogInPassword(wire::LogInPassword { name, password, code, device: "test".to_owned() })
    };
    let register = |invite: &str, name: &str, password: &str| {
        let (invite, name, password) = (invite.to_owned(), name.to_owned(), password.to_owned());
        request::Body::Register(wire::Register { invite, name, password, device: "test".to_owned() })
    };
    let look = |code: &str| request::Body::LookAtInvite(wire::LookAtInvite { code: code.to_owned() });
    let text = str::to_owned;
    let mut all: Vec<[request::Body; 2]> = [
        password("alice", PASSWORD, ""),
        password("alice", "wrong", ""),
        password("nobody", "wrong", ""),
        password("", "", ""),
        register("", "erin", PASSWORD),
        register("not a code", "erin", PASSWORD),
        look(""),
        look("ABCDE-FGHIJ"),
        request::Body::LogInToken(wire::LogInToken { token: vec![7; 40].into() }),
        request::Body::RedeemClaim(wire::RedeemClaim { code: text("nothing"), ..Default::default() }),
        request::Body::RequestReset(wire::RequestReset { email: text("alice@example.org") }),
        request::Body::ResetPassword(wire::ResetPassword {
            code: text("nothing"),
            password: text(PASSWORD),
            keep_keys: false,
        }),
        request::Body::BeginWebLogIn(wire::BeginWebLogIn { device: text("a lamp") }),
        request::Body::LogInWeb(wire::LogInWeb { code: text("nothing") }),
    ]
    .map(|body| [body.clone(), body])
    .into();
    let of_each = |make: &dyn Fn(&str) -> request::Body| [make(&codes[0]), make(&codes[1])];
    all.push(of_each(&look));
    all.push(of_each(&|code| register(code, "erin", "short")));
    all.push(of_each(&|code| register(code, "alice", PASSWORD)));
    all.push(of_each(&|code| register(code, "erin", PASSWORD)));
    all.push(of_each(&|code| register(code, "erin", PASSWORD)));
    all.push(of_each(&look));
    all
}
