//! What docs/protocol.md says of states, tries and coming back, held against a server.

use std::time::Duration;

use crate::link::hello;
use crate::operations::request_for;
use crate::support::{PASSWORD, TestServer, channel_id, eventually, with};
use parlour::client::{Credentials, Ended, Moderation, OwnState, Session, Target};
use parlour::id::FlowId;
use parlour::permission::Permissions;
use parlour::protocol::operation::{self, Operation, Who};
use parlour::protocol::wire::request::Body;
use parlour::protocol::wire::{self, Request, Response, response};
use parlour::protocol::{ALPN, CloseCode, ErrorCode, MAX_REQUEST, MAX_RESPONSE, decode, encode};

const PAGE: &str = include_str!("../../docs/protocol.md");

/// A connection without the client library's manners.
struct Raw(quinn::Connection);

impl Raw {
    async fn new(server: &TestServer) -> Self {
        let (config, _) = parlour::transport::client_config(None, ALPN).unwrap();
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let place = server.server.addresses()[0];
        Self(endpoint.connect_with(config, place, "x").unwrap().await.unwrap())
    }

    async fn greeted(server: &TestServer) -> Self {
        let connection = Self::new(server).await;
        assert_eq!(connection.ask(&bytes(hello())).await, None);
        connection
    }

    async fn answer(&self, request: &[u8]) -> response::Body {
        let (mut send, mut recv) = self.0.open_bi().await.unwrap();
        // The server answers what is too large before it has all of it.
        let _ = send.write_all(request).await;
        let _ = send.finish();
        let answer = recv.read_to_end(MAX_RESPONSE).await.unwrap();
        decode::<Response>(&answer, MAX_RESPONSE).unwrap().body.unwrap()
    }

    /// What a request is refused with.
    async fn ask(&self, request: &[u8]) -> Option<ErrorCode> {
        match self.answer(request).await {
            response::Body::Error(error) => ErrorCode::from_number(error.code),
            _ => None,
        }
    }

    /// What the server closes it with.
    async fn closed(&self) -> CloseCode {
        let ended = tokio::time::timeout(Duration::from_secs(5), self.0.closed()).await.unwrap();
        let Ended::ByServer(code) = Ended::from(ended.clone()) else { panic!("{ended}") };
        code
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.0.close(CloseCode::Normal.number().into(), b"");
    }
}

fn bytes(body: Body) -> Vec<u8> {
    encode(&Request::from(body)).to_vec()
}

/// The table "States": what stands in each row before the requests' kind, and in each of its columns.
fn states() -> Vec<(&'static str, Vec<&'static str>)> {
    let table = PAGE.split("\n### States\n").nth(1).unwrap();
    let rows =
        table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|row| {
            let mut cells = row.trim().trim_start_matches('|').split('|').map(str::trim);
            (cells.next().unwrap(), cells.take(4).collect())
        })
        .collect()
}

/// Requests of a row's kind. They are about another member, and do nothing to whoever asks.
fn requests(kind: &str, channel: u64, other: &Session) -> Vec<(String, Vec<u8>)> {
    let of = |fits: &dyn Fn(&Operation) -> bool| -> Vec<(String, Vec<u8>)> {
        let some = operation::ALL.iter().filter(|one| fits(one)).take(4);
        some.map(|one| {
            let body = request_for(one.name, channel, other.id().0, "alice");
            (one.name.to_owned(), bytes(body))
        })
        .collect()
    };
    let one = |bytes: Vec<u8>| vec![(kind.to_owned(), bytes)];
    match kind {
        "`hello`" => of(&|one| one.name == "hello"),
        "a log-in" => of(&|one| one.who == Who::Stranger && one.answer == "logged_in"),
        "another one before a log-in" => {
            of(&|one| one.who == Who::Stranger && one.answer != "logged_in" && one.name != "hello")
        }
        "for whoever is logged in" => {
            of(&|one| one.who == Who::Anybody && !one.connected && !one.writes && one.needs.is_empty())
        }
        "for a connected session" => of(&|one| ["join", "set_self", "listen"].contains(&one.name)),
        "for a person with an account" => of(&|one| one.who == Who::Person && !one.writes),
        "for the machine's owner" => of(&|one| one.who == Who::Owner && !one.writes),
        "one that names an organization" => {
            let body = Some(Body::Ping(wire::Ping {}));
            one(encode(&Request { body, organization: "raid".to_owned() }).to_vec())
        }
        // Field 1000.
        "one that the server doesn't know" => one(vec![3, 0xc2, 0x3e, 0]),
        "one that can't be decoded" => one(vec![3, 1, 2, 3]),
        "one that is too large" => {
            one(bytes(Body::SendText(wire::SendText { to: None, text: "x".repeat(MAX_REQUEST) })))
        }
        other => panic!("the table has a kind of requests that is tried nowhere: {other}"),
    }
}

/// Whether a refusal is what a cell says.
fn fits(cell: &str, refused: Option<ErrorCode>) -> bool {
    let by_state = [
        ErrorCode::Malformed,
        ErrorCode::TooLarge,
        ErrorCode::Unexpected,
        ErrorCode::Unsupported,
        ErrorCode::Forbidden,
    ];
    match cell.split(',').next().unwrap_or_default() {
        "answer" => refused.is_none_or(|code| !by_state.contains(&code)),
        code => refused.map(|code| code.number().to_string()).as_deref() == Some(code),
    }
}

#[tokio::test]
async fn each_state_answers_each_request_as_the_page_says() {
    let flags = [("limits.request_burst", "1000"), ("limits.address_tries", "1000")];
    let server = TestServer::with(&flags).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let channel = channel_id(&root, "General");
    root.join(channel).await.unwrap();
    let key = root.create_api_key("program", Permissions::ALL, None).await.unwrap().key;
    let states = states();
    assert_eq!(states.len(), 11, "{states:?}");
    for (kind, cells) in states {
        for (name, request) in requests(kind, channel.0, &alice) {
            let new = Raw::new(&server).await;
            let refused = new.ask(&request).await;
            assert!(fits(cells[0], refused), "{name}, not greeted: {refused:?}, not {}", cells[0]);
            if let Some((_, close)) = cells[0].split_once(", closed with ") {
                assert_eq!(new.closed().await.number().to_string(), close, "{name}");
            }

            let greeted = Raw::greeted(&server).await;
            let refused = greeted.ask(&request).await;
            assert!(fits(cells[1], refused), "{name}, greeted: {refused:?}, not {}", cells[1]);
            assert_eq!(greeted.ask(&bytes(hello())).await, Some(ErrorCode::Unexpected), "{name}: it goes on");

            let refused = root.request_bytes(&request).await.err();
            let refused = refused.map(|error| error.code().unwrap());
            assert!(fits(cells[2], refused), "{name}, logged in: {refused:?}, not {}", cells[2]);

            if !cells[3].is_empty() {
                let greeted = Raw::greeted(&server).await;
                // What this version doesn't know is nothing to it.
                let request = decode::<Request>(&request, MAX_REQUEST).unwrap();
                let ask = wire::AskByKey { key: key.clone(), request: Some(Box::new(request)) };
                let refused = greeted.ask(&bytes(Body::AskByKey(Box::new(ask)))).await;
                assert!(fits(cells[3], refused), "{name}, by a key: {refused:?}, not {}", cells[3]);
            }
        }
    }
}

#[tokio::test]
async fn five_wrong_log_ins_close_a_connection_with_a_code_of_their_own() {
    let server = TestServer::start().await;
    let wrong = |name: &str| {
        let (name, password) = (name.to_owned(), "wrong password".to_owned());
        bytes(Body::LogInPassword(wire::LogInPassword { name, password, ..Default::default() }))
    };
    let connection = Raw::greeted(&server).await;
    for number in 1..=5 {
        let refused = connection.ask(&wrong(&format!("guess{number}"))).await;
        assert_eq!(refused, Some(ErrorCode::LogInFailed), "{number}");
    }
    assert_eq!(connection.closed().await, CloseCode::TriesUsedUp);

    // Whatever was asked: four of other kinds, and then a log-in that succeeds.
    let right = Body::LogInPassword(wire::LogInPassword {
        name: "alice".to_owned(),
        password: PASSWORD.to_owned(),
        ..Default::default()
    });
    for (before, closed) in [(4, false), (5, true)] {
        let connection = Raw::greeted(&server).await;
        for _ in 0..before {
            let look = wire::LookAtInvite { code: "0000-0000-0000-0000-0000".to_owned() };
            assert!(connection.ask(&bytes(Body::LookAtInvite(look))).await.is_some());
        }
        if closed {
            assert_eq!(connection.closed().await, CloseCode::TriesUsedUp);
        } else {
            assert_eq!(connection.ask(&bytes(right.clone())).await, None);
        }
    }
}

#[tokio::test]
async fn what_survives_coming_back_is_what_the_page_says() {
    let server = TestServer::start().await;
    let (root, bob) = (server.log_in("root").await, server.log_in("bob").await);
    let alice = server.in_channel("alice", "General").await;
    let social = channel_id(&alice, "Social");
    let (id, ssrc) = (alice.id(), alice.ssrc());
    let state = OwnState { away: Some(true), status: Some("out".to_owned()), ..OwnState::default() };
    alice.set_own_state(state).await.unwrap();
    alice.set_self(Some(true), Some(true)).await.unwrap();
    alice.listen(social, 50).await.unwrap();
    alice.set_voice_target(FlowId(2), &[Target::Session(bob.id())]).await.unwrap();
    let all =
        Moderation { mute: Some(true), suppress: Some(true), priority: Some(true), ..Default::default() };
    root.moderate(id, all).await.unwrap();
    let before = eventually("everything is told", async || {
        let member = bob.view().members.get(&id.0).cloned()?;
        (member.priority && member.suppressed && !member.status.is_empty()).then_some(member)
    })
    .await;
    assert!(before.mute && before.deaf && before.away && before.muted && before.ssrc == ssrc.0);

    let token = alice.logged_in().token.clone();
    drop(alice);
    eventually("the session is gone", async || (!bob.view().members.contains_key(&id.0)).then_some(())).await;
    let alice = with(&server, Credentials::token(&token)).await.unwrap();
    let after = eventually("the session is back", async || bob.view().members.get(&id.0).cloned()).await;
    assert_eq!((alice.id(), alice.ssrc().0), (id, after.ssrc));
    assert_ne!(after.ssrc, ssrc.0, "each connection has an SSRC of its own");
    let muted = (after.muted, after.deafened);
    assert_eq!((&after.name, &after.roles, muted), (&before.name, &before.roles, (true, false)));
    assert!(!after.mute && !after.deaf && !after.away && after.status.is_empty());
    assert!(!after.suppressed && !after.priority);
    assert_eq!(after.channel, 0);
    assert!(alice.view().own().unwrap().listening.is_empty());
    // The target is gone: what somebody who may speak sends there is dropped.
    root.moderate(id, Moderation { mute: Some(false), ..Default::default() }).await.unwrap();
    let mut speaker = alice.speaker();
    speaker.speak_on(FlowId(2));
    speaker.send(&[0xf8, 0xff, 0xfe]);
    eventually("the packet is counted", async || {
        (server.count("voice_dropped_not_speaking") > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_greeting_tells_the_limits_that_are_in_force() {
    let flags = [
        ("limits.idle_seconds", "17"),
        ("limits.channel_texts_per_second", "3"),
        ("limits.channel_text_burst", "4"),
    ];
    let server = TestServer::with(&flags).await;
    let bob = server.log_in("bob").await;
    assert!(!bob.welcome().sends_emails, "without a server for them e-mails wait");
    let limits = bob.welcome().limits.unwrap();
    assert_eq!((limits.idle_seconds, limits.channel_texts_per_second, limits.channel_text_burst), (17, 3, 4));
    // And what is told is what is done.
    let general = channel_id(&bob, "General");
    for _ in 0..limits.channel_text_burst {
        bob.text_channel(general, "hello").await.unwrap();
    }
    let refused = bob.text_channel(general, "hello").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::RateLimited));
}
