//! Requests, events, log-ins and limits, over the real endpoint.

use std::time::Duration;

use crate::support::{PASSWORD, TestServer, channel_id, log_in};
use parlour::client::{Address, Credentials, Ended, InMemory, Keeper, Restored, Trust, View, connect};
use parlour::id::{ChannelId, Timestamp};
use parlour::protocol::wire::{self, Hello, Request, Response, event, request, response};
use parlour::protocol::{ALPN, CloseCode, ErrorCode, MAX_EVENT, MAX_REQUEST, decode, encode};
use parlour::server::Server;
use parlour::store::write::{self, OrganizationEdit};
use parlour::store::{By, Limits, SEEDED_ORGANIZATION, Store};

async fn code_of<T: std::fmt::Debug>(
    outcome: impl Future<Output = Result<T, parlour::client::RequestError>>,
) -> Option<ErrorCode> {
    outcome.await.unwrap_err().code()
}

/// Waits until a session's view fulfils a condition.
async fn seen(session: &parlour::client::Session, condition: impl FnMut(&View) -> bool) {
    let mut view = session.watch();
    tokio::time::timeout(Duration::from_secs(3), view.wait_for(condition)).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_channel_tree_is_made_changed_and_seen_by_others() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let club = root.create_channel(None, "Club").await.unwrap();
    let bar = root.create_channel(Some(club), "Bar").await.unwrap();
    root.edit_channel(bar, Some("Pub"), Some("Quiet talk"), Some(3)).await.unwrap();
    seen(&alice, |view| view.channels.get(&bar.0).is_some_and(|channel| channel.name == "Pub")).await;
    assert_eq!(alice.view().channels[&bar.0].description, "Quiet talk");
    assert_eq!(code_of(root.move_channel(club, Some(bar), 0)).await, Some(ErrorCode::Cycle));
    root.move_channel(bar, None, 0).await.unwrap();
    assert_eq!(code_of(root.create_channel(None, "pub")).await, Some(ErrorCode::NameTaken));
    assert_eq!(code_of(alice.create_channel(None, "Mine")).await, Some(ErrorCode::Forbidden));
    alice.join(bar).await.unwrap();
    root.remove_channel(bar).await.unwrap();
    seen(&alice, |view| !view.channels.contains_key(&bar.0) && view.own().unwrap().channel == 0).await;
    assert_eq!(code_of(alice.join(bar)).await, Some(ErrorCode::NoSuchChannel));
    // What events made of the view is what the server lists.
    let mut listed = View::default();
    let mut snapshot = alice.list().await.unwrap();
    // Only a list tells this.
    snapshot.members.iter_mut().for_each(|member| member.idle_ms = 0);
    listed.apply(&event::Body::Snapshot(snapshot));
    assert_eq!(alice.view(), listed);
}

#[tokio::test]
async fn texts_reach_those_they_are_for() {
    let server = TestServer::start().await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let carol = server.in_channel("carol", "Social").await;
    let (mut to_bob, mut to_carol) = (bob.events(), carol.events());
    alice.text_channel(channel_id(&alice, "General"), "hello").await.unwrap();
    alice.text_session(carol.id(), "psst").await.unwrap();
    let text = async |events: &mut tokio::sync::broadcast::Receiver<event::Body>| loop {
        let next = tokio::time::timeout(Duration::from_secs(2), events.recv()).await.unwrap().unwrap();
        if let event::Body::Text(text) = next {
            return (text.from_name, text.text);
        }
    };
    assert_eq!(text(&mut to_bob).await, ("alice".to_owned(), "hello".to_owned()));
    assert_eq!(text(&mut to_carol).await, ("alice".to_owned(), "psst".to_owned()));
    let general = channel_id(&alice, "General");
    assert_eq!(code_of(alice.text_channel(general, " \n")).await, Some(ErrorCode::TextInvalid));
    assert_eq!(code_of(alice.text_channel(general, &"x".repeat(5_000))).await, Some(ErrorCode::TextInvalid));
}

#[tokio::test]
async fn requests_past_a_limit_are_refused_and_others_untouched() {
    let server =
        TestServer::with(&[("limits.request_burst", "5"), ("limits.requests_per_second", "1")]).await;
    let (alice, bob) = (server.log_in("alice").await, server.log_in("bob").await);
    let huge = wire::SendText { to: None, text: "x".repeat(MAX_REQUEST) };
    let huge = encode(&Request::from(request::Body::SendText(huge)));
    assert_eq!(code_of(alice.request_bytes(&huge)).await, Some(ErrorCode::TooLarge));
    assert_eq!(code_of(alice.request_bytes(&[0xff; 40])).await, Some(ErrorCode::TooLarge));
    assert_eq!(code_of(alice.request_bytes(&[3, 1, 2, 3])).await, Some(ErrorCode::Malformed));
    // Field 1000, which this version doesn't know.
    assert_eq!(code_of(alice.request_bytes(&[3, 0xc2, 0x3e, 0])).await, Some(ErrorCode::Unsupported));
    alice.list().await.unwrap();
    let refused = alice.list().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::RateLimited));
    bob.list().await.unwrap();
    for (counter, at_least) in [("too-large", 2), ("malformed", 1), ("unsupported", 1), ("rate-limited", 1)] {
        assert!(server.count(counter) >= at_least, "{counter}: {}", server.count(counter));
    }
    // Who doesn't stop is disconnected in the end.
    for _ in 0..100 {
        if alice.list().await.is_err_and(|error| error.code().is_none()) {
            break;
        }
    }
    assert_eq!(alice.closed().await, Ended::ByServer(CloseCode::RateLimited));
    bob.list().await.unwrap_or_default();
    assert!(log_in(&server.address(), "carol", PASSWORD).await.is_ok());
}

/// A connection without the client library's manners.
async fn raw(server: &TestServer) -> quinn::Connection {
    let (config, _) = parlour::transport::client_config(None, ALPN).unwrap();
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.connect_with(config, server.server.addresses()[0], "x").unwrap().await.unwrap()
}

async fn exchange(connection: &quinn::Connection, body: request::Body) -> response::Body {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&encode(&Request::from(body))).await.unwrap();
    send.finish().unwrap();
    decode::<Response>(&recv.read_to_end(MAX_EVENT).await.unwrap(), MAX_EVENT).unwrap().body.unwrap()
}

fn hello(version_min: u32, version_max: u32) -> request::Body {
    request::Body::Hello(Hello { version_min, version_max, ..Hello::default() })
}

fn refused(answer: &response::Body) -> Option<ErrorCode> {
    match answer {
        response::Body::Error(error) => ErrorCode::from_number(error.code),
        _ => None,
    }
}

fn close_code(error: &quinn::ConnectionError) -> CloseCode {
    let Ended::ByServer(code) = Ended::from(error.clone()) else {
        unreachable!("the connection wasn't closed by the server: {error}")
    };
    code
}

#[tokio::test]
async fn an_unknown_version_is_refused_with_its_code() {
    let server = TestServer::start().await;
    let connection = raw(&server).await;
    assert_eq!(refused(&exchange(&connection, hello(2, 9)).await), Some(ErrorCode::Version));
    assert_eq!(close_code(&connection.closed().await), CloseCode::VersionRefused);
    assert_eq!(server.count("version"), 1);
    // One that speaks later versions, too, gets ours.
    let connection = raw(&server).await;
    let answer = exchange(&connection, hello(1, 9)).await;
    assert!(matches!(answer, response::Body::Welcome(welcome) if welcome.version == 1));
}

#[tokio::test]
async fn nothing_but_the_handshake_is_done_before_log_in() {
    let server = TestServer::start().await;
    let connection = raw(&server).await;
    let answer = exchange(&connection, request::Body::List(wire::List::default())).await;
    assert_eq!(refused(&answer), Some(ErrorCode::Unexpected));
    assert_eq!(close_code(&connection.closed().await), CloseCode::ProtocolViolation);
    let connection = raw(&server).await;
    exchange(&connection, hello(1, 1)).await;
    let join = request::Body::Join(wire::Join { channel: 1, ..Default::default() });
    assert_eq!(refused(&exchange(&connection, join).await), Some(ErrorCode::Unexpected));
    // A token that isn't one.
    let token = request::Body::LogInToken(wire::LogInToken { token: vec![1; 32].into() });
    assert_eq!(refused(&exchange(&connection, token).await), Some(ErrorCode::TokenInvalid));
}

#[tokio::test]
async fn whoever_does_not_log_in_is_disconnected() {
    let server = TestServer::with(&[("limits.handshake_seconds", "1")]).await;
    let connection = raw(&server).await;
    let ended = tokio::time::timeout(Duration::from_secs(5), connection.closed()).await.unwrap();
    assert_eq!(close_code(&ended), CloseCode::HandshakeTimeout);
}

#[tokio::test]
async fn all_wrong_log_ins_look_alike() {
    let server = TestServer::start().await;
    server.log_in("root").await.set_user_disabled("carol", true).await.unwrap();
    let mut messages = Vec::new();
    for (name, password) in [("alice", "wrong password"), ("nobody", PASSWORD), ("carol", PASSWORD)] {
        let error = log_in(&server.address(), name, password).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::LogInFailed));
        messages.push(error.to_string());
    }
    assert!(messages.iter().all(|message| *message == messages[0]), "{messages:?}");
}

#[tokio::test]
async fn twenty_wrong_tries_slow_the_account_and_the_address_down_and_nobody_else() {
    let server = TestServer::start().await;
    let address = server.address();
    let mut codes = Vec::new();
    for _ in 0..20 {
        let error = log_in(&address, "alice", "wrong password").await.unwrap_err();
        codes.push(error.code().unwrap());
    }
    let failed = codes.iter().filter(|code| **code == ErrorCode::LogInFailed).count();
    // Five are free; the rest is told to wait, but for one or two whose second of waiting was over.
    assert!((5..=8).contains(&failed), "{failed} of 20 tries were let through");
    assert_eq!(*codes.last().unwrap(), ErrorCode::TooManyAttempts);
    assert_eq!(code_of(log_in(&address, "ALICE", PASSWORD)).await, Some(ErrorCode::TooManyAttempts));
    // The address has some tries left for others, until it has failed too often itself.
    assert!(log_in(&address, "bob", PASSWORD).await.is_ok());
    for number in 0..20 {
        let _ = log_in(&address, &format!("guess{number}"), "wrong password").await;
    }
    assert_eq!(code_of(log_in(&address, "bob", PASSWORD)).await, Some(ErrorCode::TooManyAttempts));
    let elsewhere = server.other_address().expect("this machine has IPv6 on loopback");
    assert!(log_in(&elsewhere, "bob", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_claim_makes_one_administrator_and_is_used_up() {
    let directory = tempfile::tempdir().unwrap();
    let flags = vec![("data_dir", directory.path().display().to_string())];
    let sources = parlour::config::Sources { flags, ..Default::default() };
    let config = parlour::config::Config::load(&sources).unwrap();
    let server = Server::start(&config, &["127.0.0.1:0".parse().unwrap()], true).await.unwrap();
    let code = server.claim().unwrap().code.clone();
    let address: Address = server.addresses()[0].to_string().parse().unwrap();
    let claim = async |code: &str, name: &str, password: &str| {
        let connected = connect(&address, Trust::FirstUse, "test/1").await.unwrap();
        connected.log_in(Credentials::claim(code, name, password, "test")).await
    };
    let wrong = "0000-0000-0000-0000-0000";
    assert_eq!(claim(wrong, "eve", PASSWORD).await.unwrap_err().code(), Some(ErrorCode::ClaimInvalid));
    assert_eq!(claim(&code, "ann", "short").await.unwrap_err().code(), Some(ErrorCode::PasswordInvalid));
    assert_eq!(claim(&code, "a b", PASSWORD).await.unwrap_err().code(), Some(ErrorCode::NameInvalid));
    let ann = claim(&code.to_lowercase(), "ann", PASSWORD).await.unwrap();
    ann.create_user("ben", PASSWORD, "").await.unwrap();
    assert_eq!(claim(&code, "eve", PASSWORD).await.unwrap_err().code(), Some(ErrorCode::ClaimInvalid));
    assert!(!connect(&address, Trust::FirstUse, "test/1").await.unwrap().welcome().unclaimed);
    server.stop().await;
}

#[tokio::test]
async fn guests_come_in_only_where_they_are_let_in() {
    let server = TestServer::start().await;
    let guest = async |server: &TestServer, name: &str| {
        let connected = connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
        connected.log_in(Credentials::guest(name, "test")).await
    };
    assert_eq!(guest(&server, "eve").await.unwrap_err().code(), Some(ErrorCode::GuestsRefused));
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let eve = guest(&server, "eve").await.unwrap();
    eve.join(channel_id(&eve, "General")).await.unwrap();
    assert_eq!(code_of(eve.text_channel(ChannelId(1), "hi")).await, Some(ErrorCode::Forbidden));
    assert_eq!(guest(&server, "alice").await.unwrap_err().code(), Some(ErrorCode::NameTaken));
}

#[tokio::test]
async fn the_same_token_elsewhere_replaces_the_connection() {
    let server = TestServer::start().await;
    let first = server.log_in("alice").await;
    let token = first.logged_in().token.clone();
    let connected = connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
    let second = connected.log_in(Credentials::token(&token)).await.unwrap();
    assert_eq!(first.closed().await, Ended::ByServer(CloseCode::Replaced));
    assert_eq!((second.id(), second.view().members.len()), (first.id(), 1));
    second.log_out().await.unwrap();
    assert_eq!(second.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    let connected = connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
    assert_eq!(code_of(connected.log_in(Credentials::token(&token))).await, Some(ErrorCode::TokenInvalid));
}

#[tokio::test]
async fn a_changed_certificate_is_refused_with_an_explanation() {
    let (one, other) = (TestServer::start().await, TestServer::start().await);
    let pinned = Trust::Pinned(one.server.fingerprint());
    assert!(connect(&one.address(), pinned, "test/1").await.is_ok());
    let message = connect(&other.address(), pinned, "test/1").await.unwrap_err().to_string();
    assert!(message.contains("has changed") && message.contains("--trust"), "{message}");
    assert!(message.contains(&other.server.fingerprint().to_string()), "{message}");
}

#[tokio::test]
async fn the_server_tells_its_clients_when_it_stops() {
    let TestServer { server, directory } = TestServer::start().await;
    let address: Address = server.addresses()[0].to_string().parse().unwrap();
    let alice = log_in(&address, "alice", PASSWORD).await.unwrap();
    let mut events = alice.events();
    server.stop().await;
    let goodbye = tokio::time::timeout(Duration::from_secs(2), events.recv()).await.unwrap().unwrap();
    assert!(
        matches!(goodbye, event::Body::Goodbye(goodbye) if goodbye.code == CloseCode::ShuttingDown.number())
    );
    assert_eq!(alice.closed().await, Ended::ByServer(CloseCode::ShuttingDown));
    drop(directory);
}

#[tokio::test]
async fn a_keeper_brings_a_session_back_where_it_was() {
    let server = TestServer::start().await;
    let alice = server.in_channel("alice", "Operations/Alpha Squad").await;
    alice.set_self(Some(true), None).await.unwrap();
    let (address, channel) = (server.address(), channel_id(&alice, "Alpha Squad"));
    seen(&alice, |view| view.own().is_some_and(|own| own.mute && own.channel == channel.0)).await;
    let TestServer { server: running, directory } = server;
    let store = std::sync::Arc::new(InMemory::new(alice.logged_in()));
    let keeper = Keeper::new(address.clone(), running.fingerprint(), store, "test/1".to_owned());
    let listen = running.addresses()[0];
    running.stop().await;
    let flags = vec![("data_dir", directory.path().display().to_string())];
    let config =
        parlour::config::Config::load(&parlour::config::Sources { flags, ..Default::default() }).unwrap();
    let restart = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Server::start(&config, &[listen], true).await.unwrap()
    };
    let (restored, again) = tokio::join!(keeper.restore(&alice), restart);
    let Restored::Session(session) = restored else { panic!("{restored:?}") };
    assert_eq!(session.id(), alice.id());
    seen(&session, |view| view.own().is_some_and(|own| own.mute && own.channel == channel.0)).await;
    again.stop().await;
}

#[tokio::test]
async fn a_log_in_at_the_limit_ends_the_oldest_session_also_where_it_is_connected() {
    let directory = TestServer::start().await.stop().await;
    {
        let store = Store::open(&directory.path().join("parlour.redb"), Timestamp(1)).unwrap();
        let limits = store.organization(SEEDED_ORGANIZATION).unwrap().unwrap().limits;
        let limits = Some(Limits { sessions_per_user: 2, ..limits });
        let edit = OrganizationEdit { limits, ..OrganizationEdit::default() };
        store.run(By::server(Timestamp(1)), write::edit_organization(SEEDED_ORGANIZATION, edit)).unwrap();
    }
    let server = TestServer::again(directory).await;
    let first = server.log_in("alice").await;
    let second = server.log_in("alice").await;
    let third = server.log_in("alice").await;
    let ended = tokio::time::timeout(Duration::from_secs(3), first.closed()).await.unwrap();
    assert_eq!(ended, Ended::ByServer(CloseCode::LoggedOut));
    second.list().await.unwrap();
    third.list().await.unwrap();
}
