//! What a log-in leaves behind when it is refused, and what one that ends soon can make.

use std::time::Duration;

use crate::support::{PASSWORD, TestServer, code, eventually, with};
use parlour::client::{Credentials, DeviceSecret, Ended, Keeper, RequestError, Session};
use parlour::permission::Permissions;
use parlour::protocol::wire::{self, create_ban, request};
use parlour::protocol::{CloseCode, ErrorCode};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The sessions of an account that are kept, connected or not.
async fn kept(admin: &Session, name: &str) -> usize {
    admin.sessions_of(name).await.unwrap().len()
}

async fn ban(admin: &Session, subject: create_ban::Subject) -> u64 {
    let ban = wire::CreateBan { subject: Some(subject), ..wire::CreateBan::default() };
    match admin.request(request::Body::CreateBan(ban)).await.unwrap() {
        wire::response::Body::Created(created) => created.id,
        other => panic!("{other:?}"),
    }
}

fn password(name: &str) -> Credentials {
    Credentials::password(name, PASSWORD, "test")
}

#[tokio::test]
async fn a_log_in_that_finds_no_place_leaves_no_session_behind() {
    let flags = [("limits.account_sessions", "2"), ("accounts.registration", "open")];
    let server = TestServer::with(&flags).await;
    let root = server.log_in("root").await;
    let (alice, _other) = (server.log_in("alice").await, server.log_in("alice").await);
    let key = DeviceSecret::random().unwrap();
    alice.register_key(&key, "phone").await.unwrap();
    let user = alice.logged_in().user;
    // By another device's key, whose session is over.
    let spare = DeviceSecret::random().unwrap();
    alice.register_key(&spare, "tablet").await.unwrap();
    for _ in 0..3 {
        assert_eq!(code(with(&server, password("alice")).await), ErrorCode::Full);
    }
    assert_eq!(kept(&root, "alice").await, 2);
    // Whoever is there comes back, and so does who has left once.
    with(&server, Credentials::key(user, &key)).await.unwrap();
    assert_eq!(kept(&root, "alice").await, 2);
    let (subject, by) = ("session".to_owned(), "alice".to_owned());
    let trail =
        root.audit_trail(wire::ReadAudit { subject, by, ..wire::ReadAudit::default() }).await.unwrap();
    assert_eq!(trail.len(), 2, "{trail:?}");
}

#[tokio::test]
async fn a_full_server_makes_no_account_and_spends_no_token_of_whom_it_refuses() {
    let flags = [("limits.max_sessions", "3"), ("accounts.registration", "open")];
    let server = TestServer::with(&flags).await;
    let root = server.log_in("root").await;
    let bob = server.log_in("bob").await;
    let token = bob.logged_in().token.clone();
    bob.close().await;
    let mut others = Vec::new();
    eventually("all places are taken", async || match with(&server, password("carol")).await {
        Ok(session) => {
            others.push(session);
            None
        }
        Err(error) => (error.code() == Some(ErrorCode::Full)).then_some(()),
    })
    .await;
    let register = || Credentials::register("", "dave", "a new one, quite long", "test");
    assert_eq!(code(with(&server, register()).await), ErrorCode::Full);
    for _ in 0..2 {
        assert_eq!(code(with(&server, Credentials::token(&token)).await), ErrorCode::Full);
    }
    assert_eq!(kept(&root, "bob").await, 1);
    drop(others);
    eventually("somebody has left", async || with(&server, Credentials::token(&token)).await.ok()).await;
    with(&server, register()).await.unwrap();
}

#[tokio::test]
async fn whoever_is_kept_out_leaves_no_session_behind() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let lift = async |id| root.lift_ban(id).await.unwrap();
    let id = ban(&root, create_ban::Subject::User("bob".to_owned())).await;
    assert_eq!(code(with(&server, password("bob")).await), ErrorCode::Banned);
    lift(id).await;
    root.set_user_disabled("carol", true).await.unwrap();
    assert_eq!(code(with(&server, password("carol")).await), ErrorCode::LogInFailed);
    let alice = server.log_in("alice").await;
    let (user, key) = (alice.logged_in().user, DeviceSecret::random().unwrap());
    alice.register_key(&key, "phone").await.unwrap();
    let fingerprint = alice.devices().await.unwrap().keys[0].fingerprint.clone();
    ban(&root, create_ban::Subject::Key(fingerprint)).await;
    assert_eq!(code(with(&server, Credentials::key(user, &key)).await), ErrorCode::Banned);
    for (name, count) in [("bob", 0), ("carol", 0), ("alice", 1)] {
        assert_eq!(kept(&root, name).await, count, "{name}");
    }
}

/// Everything that makes a way into an account or the organization, asked of a session.
async fn lasting(session: &Session) -> Vec<(&'static str, Result<(), RequestError>)> {
    let key = DeviceSecret::random().unwrap();
    let (name, account) = ("robot".to_owned(), "root".to_owned());
    let robot = wire::CreateOauthClient { name, account, ..wire::CreateOauthClient::default() };
    let robot = request::Body::CreateOauthClient(robot);
    vec![
        ("register_key", session.register_key(&key, "phone").await),
        ("create_api_key", session.create_api_key("music", Permissions::VIEW, None).await.map(drop)),
        ("create_oauth_client", session.request(robot).await.map(drop)),
        ("create_invite", session.create_invite(wire::CreateInvite::default()).await.map(drop)),
        ("create_user", session.create_user("dave", PASSWORD, "Member").await.map(drop)),
        (
            "set_user_password",
            session.set_user_password("carol", "quite another one 7", false).await.map(drop),
        ),
        ("set_user_password", session.make_reset_code("carol").await.map(drop)),
        ("set_up_second_factor", session.set_up_second_factor().await.map(drop)),
    ]
}

#[tokio::test]
async fn an_access_token_makes_nothing_that_outlasts_it() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await.logged_in().clone();
    let brief = with(&server, Credentials::token(&root.access_token)).await.unwrap();
    for (what, outcome) in lasting(&brief).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::LogInAnew), "{what}");
        assert!(error.to_string().contains("log in by password, device or long token"), "{what}: {error}");
    }
    let code_of_an_app = brief.confirm_second_factor("123456").await;
    assert_eq!(code(code_of_an_app), ErrorCode::LogInAnew);
    assert!(brief.logged_in().token.is_empty());
    assert!(brief.devices().await.unwrap().keys.is_empty() && brief.api_keys().await.unwrap().is_empty());
    // What ends something, and the rest, goes on as before.
    brief.end_other_devices().await.unwrap();
    brief.list().await.unwrap();
    let long = with(&server, Credentials::token(&root.token)).await.unwrap();
    for (what, outcome) in lasting(&long).await {
        assert!(outcome.is_ok(), "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_connection_by_an_access_token_ends_with_it_whatever_the_clock_is_set_to() {
    let (server, clock) = TestServer::turned(&[]).await;
    let first = server.log_in("alice").await.logged_in().clone();
    clock.advance(HOUR / 2);
    let brief = with(&server, Credentials::token(&first.access_token)).await.unwrap();
    let began = server.server.handle().clock().wall();
    clock.set_wall(began.plus(24 * HOUR));
    brief.list().await.unwrap();
    clock.set_wall(began);
    clock.advance(Duration::from_secs(29 * 60 + 59));
    brief.list().await.unwrap();
    clock.advance(Duration::from_secs(1));
    let ended = brief.closed().await;
    assert_eq!(ended, Ended::ByServer(CloseCode::Expired));
    assert_eq!(brief.closed_because().await, CloseCode::Expired.sentence());
    assert!(Keeper::returns_after(&ended));
    // One that came by something that lasts stays.
    let long = with(&server, Credentials::token(&first.token)).await.unwrap();
    clock.advance(2 * HOUR);
    long.list().await.unwrap();
}

#[tokio::test]
async fn a_session_whose_time_is_over_ends_with_words() {
    let (server, clock) = TestServer::turned(&[("sessions.token_days", "1")]).await;
    let (alice, bob) = (server.log_in("alice").await, server.log_in("bob").await);
    clock.advance(12 * HOUR);
    // Bob's goes on: his device came back meanwhile.
    let bob = with(&server, Credentials::token(&bob.logged_in().token)).await.unwrap();
    clock.advance(11 * HOUR + Duration::from_secs(59 * 60 + 59));
    alice.list().await.unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(alice.closed().await, Ended::ByServer(CloseCode::Expired));
    assert_eq!(alice.closed_because().await, CloseCode::Expired.sentence());
    bob.list().await.unwrap();
    clock.advance(12 * HOUR);
    assert_eq!(bob.closed().await, Ended::ByServer(CloseCode::Expired));
}
