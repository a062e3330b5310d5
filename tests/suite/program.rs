//! Programs that ask by an API key and don't stay: what they may do, and that nobody sees anybody come.

use std::time::Duration;

use crate::link::{Link, hello};
use crate::operations::request_for;
use data_encoding::BASE64URL_NOPAD;

use crate::support::{PASSWORD, TestServer, channel_id, code, parlour};
use parlour::client::{Address, Credentials, Ended, RequestError, Session, Trust, connect};
use parlour::control::{Entered, Unseated, Visitor};
use parlour::id::Timestamp;
use parlour::permission::Permissions;
use parlour::protocol::call::Entry;
use parlour::protocol::operation::{self, Who};
use parlour::protocol::wire::{self, request, response};
use parlour::protocol::{CloseCode, ErrorCode};

/// Asks once, on a connection of its own.
async fn ask(at: &Address, key: &str, body: request::Body) -> Result<response::Body, RequestError> {
    connect(at, Trust::FirstUse, "test/1").await.unwrap().ask_by_key(key, body).await
}

async fn key_of(session: &Session, scopes: Permissions, life: Option<Duration>) -> wire::ApiKeyMade {
    session.create_api_key("program", scopes, life).await.unwrap()
}

fn users() -> request::Body {
    request::Body::ListUsers(wire::ListUsers::default())
}

fn channel(name: &str) -> request::Body {
    request::Body::CreateChannel(wire::CreateChannel { name: name.to_owned(), ..Default::default() })
}

#[tokio::test]
async fn a_program_asks_without_coming_in() {
    let server = TestServer::start().await;
    let (at, root) = (server.address(), server.log_in("root").await);
    let scopes = Permissions::VIEW.union(Permissions::MANAGE_USERS).union(Permissions::CREATE_CHANNEL);
    let made = key_of(&root, scopes, None).await;
    let mut events = root.events();
    let response::Body::Users(found) = ask(&at, &made.key, users()).await.unwrap() else { panic!() };
    assert_eq!(found.users.len(), 4);
    let response::Body::Created(built) = ask(&at, &made.key, channel("Built")).await.unwrap() else {
        panic!()
    };
    // Nobody came: there is a channel more, no member, no log-in, and no event but the channel's.
    let there = root.list().await.unwrap();
    assert!(there.channels.iter().any(|one| one.id == built.id));
    assert_eq!(there.members.iter().map(|one| one.session).collect::<Vec<_>>(), [root.id().0]);
    assert_eq!(root.devices().await.unwrap().devices.len(), 1);
    assert!(root.api_keys().await.unwrap()[0].used_ms > 0);
    let told = events.recv().await.unwrap();
    assert!(matches!(&told, wire::event::Body::ChannelIs(is) if is.id == built.id), "{told:?}");
    assert!(events.try_recv().is_err());

    // The trail says who, and by way of what.
    let read =
        wire::ReadAudit { verb: "create".to_owned(), subject: "channel".to_owned(), ..Default::default() };
    let trail = root.request(request::Body::ReadAudit(read)).await.unwrap();
    let response::Body::AuditTrail(trail) = trail else { panic!() };
    let entry = trail.entries.iter().find(|entry| entry.subject_id == built.id).unwrap();
    assert_eq!((entry.by.as_str(), entry.way.clone()), ("root", format!("key {}", made.id)));
    assert!(entry.from.ends_with("127.0.0.1") && !entry.after.contains("by way of"), "{entry:?}");

    // Several requests may follow one another, five of them.
    let connected = connect(&at, Trust::FirstUse, "test/1").await.unwrap();
    for _ in 0..5 {
        connected.ask_by_key(&made.key, users()).await.unwrap();
    }
    let ended = connected.ask_by_key(&made.key, users()).await.unwrap_err();
    assert!(
        matches!(ended, RequestError::Ended(Ended::ByServer(CloseCode::TriesUsedUp))),
        "which isn't called a breach of the protocol: {ended}"
    );
}

/// What is asked for by a key may take longer than somebody has to come in: it changes something, and its answer says so.
#[tokio::test]
async fn what_a_program_asks_for_is_not_cut_off_by_the_time_to_come_in() {
    let server = TestServer::with(&[("limits.handshake_seconds", "3")]).await;
    let (at, root) = (server.address(), server.log_in("root").await);
    let made = key_of(&root, Permissions::VIEW.union(Permissions::CREATE_CHANNEL), None).await;
    let slow = |_: &_| {
        // The control thread has something else to do meanwhile.
        std::thread::sleep(Duration::from_millis(3_300));
        Vec::new()
    };
    server.server.handle().attach(Box::new(slow)).unwrap();
    let connected = connect(&at, Trust::FirstUse, "test/1").await.unwrap();
    connected.ask_by_key(&made.key, channel("slow")).await.unwrap();
    // It is over then: another one has no more time than that.
    let ended = connected.ask_by_key(&made.key, users()).await.unwrap_err();
    assert!(matches!(ended, RequestError::Ended(Ended::ByServer(CloseCode::HandshakeTimeout))), "{ended}");
}

#[tokio::test]
async fn a_program_may_no_more_than_its_key_and_its_account_now() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (at, root) = (server.address(), server.log_in("root").await);
    let manages = Permissions::VIEW.union(Permissions::MANAGE_USERS);
    let made = key_of(&root, manages, None).await;
    assert_eq!(code(ask(&at, &made.key, channel("no")).await), ErrorCode::Forbidden, "the key hasn't it");
    let said = async |key: &str, body| ask(&at, key, body).await.unwrap_err().to_string();
    let refused = said(&made.key, channel("no")).await;
    assert!(refused.contains("make a key that has it"), "{refused}");

    // What its account loses is lost to it.
    let helper = root.create_role("Helper", 20, 0, manages).await.unwrap();
    root.grant_role("alice", helper, None).await.unwrap();
    let alice = server.log_in("alice").await;
    let of_alice = key_of(&alice, manages, None).await;
    ask(&at, &of_alice.key, users()).await.unwrap();
    root.revoke_role("alice", helper).await.unwrap();
    assert_eq!(code(ask(&at, &of_alice.key, users()).await), ErrorCode::Forbidden, "the account hasn't it");
    let refused = said(&of_alice.key, users()).await;
    assert!(refused.contains("ask an administrator"), "{refused}");

    // Nobody acts on a higher rank by a key, either.
    root.grant_role("alice", helper, None).await.unwrap();
    let delete = request::Body::DeleteUser(wire::DeleteUser { name: "root".to_owned() });
    assert_eq!(code(ask(&at, &of_alice.key, delete).await), ErrorCode::Outranked);

    // Expired, revoked, of a disabled account.
    let short = key_of(&root, manages, Some(Duration::from_secs(5))).await;
    ask(&at, &short.key, users()).await.unwrap();
    clock.advance(Duration::from_secs(5));
    assert_eq!(code(ask(&at, &short.key, users()).await), ErrorCode::LogInFailed);
    root.revoke_api_key(made.id).await.unwrap();
    assert_eq!(code(ask(&at, &made.key, users()).await), ErrorCode::LogInFailed);
    root.set_user_disabled("alice", true).await.unwrap();
    assert_eq!(code(ask(&at, &of_alice.key, users()).await), ErrorCode::LogInFailed);
    root.set_user_disabled("alice", false).await.unwrap();
    ask(&at, &of_alice.key, users()).await.unwrap();
    let ban = wire::create_ban::Subject::User("alice".to_owned());
    root.ban(ban, "", None).await.unwrap();
    assert_eq!(code(ask(&at, &of_alice.key, users()).await), ErrorCode::Banned);
}

#[tokio::test]
async fn what_is_for_a_connected_session_or_a_person_is_refused_to_a_key() {
    let server = TestServer::with(&[("limits.request_burst", "1000")]).await;
    let (at, root) = (server.address(), server.log_in("root").await);
    let made = key_of(&root, Permissions::ALL, None).await;
    let general = channel_id(&root, "General").0;
    for one in operation::ALL {
        let body = request_for(one.name, general, root.id().0, "root");
        let expected = match one.who {
            Who::Stranger => ErrorCode::Unexpected,
            Who::Person | Who::Owner => ErrorCode::Forbidden,
            Who::Anybody if one.connected => ErrorCode::Unexpected,
            Who::Anybody => continue,
        };
        let refused = ask(&at, &made.key, body).await.unwrap_err();
        assert_eq!(refused.code(), Some(expected), "{}: {refused}", one.name);
        if one.connected {
            assert!(
                refused.to_string().contains("for a session that is connected"),
                "{}: {refused}",
                one.name
            );
        }
    }
    // Nothing to ask for, and an organization that only the machine's owner may name.
    let raw = async |request: Option<wire::Request>| {
        let mut link = Link::open("native", server.server.addresses()[0]).await;
        link.refusal(hello()).await;
        let ask = wire::AskByKey { key: made.key.clone(), request: request.map(Box::new) };
        link.refusal(request::Body::AskByKey(Box::new(ask))).await
    };
    assert_eq!(raw(None).await, Some(ErrorCode::Malformed));
    assert_eq!(raw(Some(wire::Request::default())).await, Some(ErrorCode::Unsupported));
    let elsewhere = wire::Request { body: Some(users()), organization: "raid".to_owned() };
    assert_eq!(raw(Some(elsewhere)).await, Some(ErrorCode::Unexpected));
}

#[tokio::test]
async fn wrong_keys_are_counted_and_right_ones_have_a_rate() {
    let flags =
        [("limits.address_tries", "4"), ("limits.requests_per_second", "1"), ("limits.request_burst", "3")];
    let (server, clock) = TestServer::turned(&flags).await;
    let (at, root) = (server.address(), server.log_in("root").await);
    let made = key_of(&root, Permissions::ALL, None).await;
    // One key in sixteen ends with this letter.
    let last = if made.key.ends_with('A') { 'Q' } else { 'A' };
    let wrong = format!("{}{last}", &made.key[..made.key.len() - 1]);
    let mut refusals = Vec::new();
    for _ in 0..6 {
        refusals.push(code(ask(&at, &wrong, users()).await));
    }
    assert_eq!(refusals[0], ErrorCode::LogInFailed);
    assert_eq!(refusals[5], ErrorCode::TooManyAttempts, "{refusals:?}");
    // Those who guess beside it don't stop who has a right one; its own rate does.
    for _ in 0..3 {
        ask(&at, &made.key, users()).await.unwrap();
    }
    let limited = ask(&at, &made.key, users()).await.unwrap_err();
    let RequestError::Refused { code, retry_after_ms, .. } = limited else { panic!("{limited}") };
    assert_eq!(code, Some(ErrorCode::RateLimited));
    clock.advance(Duration::from_millis(retry_after_ms));
    ask(&at, &made.key, users()).await.unwrap();
}

#[tokio::test]
async fn a_key_opens_its_own_organization_only() {
    let server = TestServer::start().await;
    let create = wire::CreateOrganization { tag: "raid".to_owned(), name: "Raid".to_owned() };
    let made = server.server.organizations().operate(request::Body::CreateOrganization(create).into()).await;
    let response::Body::OrganizationMade(made) = made.unwrap() else { panic!() };
    let raid = Address { organization: "raid".to_owned(), ..server.address() };
    let claim = Credentials::claim(&made.claim.unwrap().code, "boss", PASSWORD, "test");
    let boss = connect(&raid, Trust::FirstUse, "test/1").await.unwrap().log_in(claim).await.unwrap();
    let root = server.log_in("root").await;
    let of_boss = key_of(&boss, Permissions::ALL, None).await.key;
    let of_root = key_of(&root, Permissions::ALL, None).await.key;
    assert_eq!(code(ask(&server.address(), &of_boss, users()).await), ErrorCode::LogInFailed);
    assert_eq!(code(ask(&raid, &of_root, users()).await), ErrorCode::LogInFailed);
    let response::Body::Users(found) = ask(&raid, &of_boss, users()).await.unwrap() else { panic!() };
    assert_eq!(found.users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["boss"]);
}

#[tokio::test]
async fn a_command_asks_by_the_key_in_its_environment() {
    let server = TestServer::start().await;
    let (home, root) = (tempfile::tempdir().unwrap(), server.log_in("root").await);
    let made = key_of(&root, Permissions::VIEW.union(Permissions::MANAGE_USERS), None).await;
    let at = format!("parlour://{}", server.server.addresses()[0]);
    let run = async |arguments: &[&str]| {
        let mut command = tokio::process::Command::from(parlour(home.path()));
        command.env("PARLOUR_API_KEY", &made.key).env("PARLOUR_ADDRESS", &at).arg("--json").args(arguments);
        let output = command.output().await.unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (done, said) = run(&["user", "list"]).await;
    assert!(done && said.lines().count() == 4 && said.contains("carol"), "{said}");
    let (done, said) = run(&["user", "disable", "carol"]).await;
    assert!(done && said.contains("disabled"), "{said}");
    let (done, said) = run(&["channel", "create", "Mine"]).await;
    assert!(!done && said.contains("create channel"), "{said}");
    let (done, said) = run(&["channel", "listen", "General"]).await;
    assert!(!done && said.contains("for a session that is connected"), "{said}");
    assert_eq!(root.list().await.unwrap().members.len(), 1);
    assert_eq!(root.devices().await.unwrap().devices.len(), 1);
}

/// The person themselves, without a connection: by the access token of a session, for as long as both last.
#[tokio::test]
async fn an_access_token_asks_for_the_person_who_logged_in() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (handle, from) = (server.server.handle(), "127.0.0.1".parse().unwrap());
    let visitor = Visitor { from, client: "test/1", exported: None, room: &Unseated, gate: None };
    let log_in =
        wire::LogInPassword { name: "alice".to_owned(), password: PASSWORD.to_owned(), ..Default::default() };
    let log_in = Entry::LogInPassword(log_in);
    let come_in = async || {
        let Entered::Proven(proven) = handle.enter(&log_in, visitor).await.unwrap() else { panic!() };
        proven.logged_in()
    };
    let (token, other) = (come_in().await, come_in().await);
    let account = || request::Body::GetAccount(wire::GetAccount {});
    let ask = async |token: &[u8], body: request::Body| {
        let actor = handle.bearer(&BASE64URL_NOPAD.encode(token), from).map_err(|refused| refused.code())?;
        handle.request(actor, body).await.map_err(|refused| refused.code())
    };
    let response::Body::Account(own) = ask(&token.access_token, account()).await.unwrap() else { panic!() };
    assert_eq!(own.name, "alice");
    let devices = request::Body::ListDevices(wire::ListDevices {});
    let response::Body::Devices(devices) = ask(&token.access_token, devices).await.unwrap() else { panic!() };
    let this: Vec<_> = devices.devices.iter().filter(|one| one.this).map(|one| one.session).collect();
    assert_eq!(this, [token.session]);

    // It does no more than its owner may, nothing that is about a connection, and it isn't the token that is exchanged.
    let forbidden = ask(&token.access_token, users()).await.unwrap_err();
    assert_eq!(forbidden, ErrorCode::Forbidden);
    // Whoever has just shown the password makes what lasts; later that would outlast the token.
    let key = || {
        let create = wire::CreateApiKey { scopes: Permissions::VIEW.bits(), ..Default::default() };
        request::Body::CreateApiKey(create)
    };
    ask(&token.access_token, key()).await.unwrap();
    clock.advance(Duration::from_secs(299));
    ask(&token.access_token, key()).await.unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&token.access_token, key()).await.unwrap_err(), ErrorCode::LogInAnew);
    let leave = request::Body::Leave(wire::Leave {});
    assert_eq!(ask(&token.access_token, leave).await.unwrap_err(), ErrorCode::Unexpected);
    assert_eq!(ask(&token.token, account()).await.unwrap_err(), ErrorCode::TokenInvalid);
    assert_eq!(ask(b"nothing of the kind", account()).await.unwrap_err(), ErrorCode::TokenInvalid);

    // It ends with its session, which may end itself; the other one goes on until its own time.
    let end = request::Body::EndDevice(wire::EndDevice { session: token.session });
    ask(&token.access_token, end).await.unwrap();
    assert_eq!(ask(&token.access_token, account()).await.unwrap_err(), ErrorCode::TokenInvalid);
    ask(&other.access_token, account()).await.unwrap();
    clock.advance(Timestamp(other.access_token_expires_ms).since(handle.clock().wall()));
    assert_eq!(ask(&other.access_token, account()).await.unwrap_err(), ErrorCode::TokenInvalid);
}
