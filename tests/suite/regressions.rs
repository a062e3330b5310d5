//! What happened to other servers, and must not happen here: each test is named after where it is known from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{PASSWORD, TestServer, channel_id, code, eventually, with};
use parlour::client::{Credentials, Trust, connect};
use parlour::control::Actor;
use parlour::id::SessionId;
use parlour::protocol::wire::{self, CreateChannel, CreateRole, Request, Response, request, response};
use parlour::protocol::{ALPN, ErrorCode, decode, encode};
use parlour::transport;

async fn raw(address: SocketAddr) -> quinn::Connection {
    let (tls, _) = transport::tls_client(None, &[ALPN]).unwrap();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    endpoint.connect_with(config, address, "localhost").unwrap().await.unwrap()
}

/// Connections that never log in took all of murmur's places, and shared session 0.
#[tokio::test]
async fn mumble_4277_connections_that_do_not_log_in_take_nobody_s_place() {
    let server = TestServer::with(&[("limits.max_sessions", "4")]).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(raw(server.server.addresses()[0]).await);
    }
    let mut sessions = Vec::new();
    for name in ["root", "alice", "bob", "carol"] {
        sessions.push(server.log_in(name).await);
    }
    let mut ids: Vec<SessionId> = sessions.iter().map(parlour::client::Session::id).collect();
    ids.sort();
    ids.dedup();
    assert!(ids.len() == 4 && !ids.contains(&SessionId(0)), "{ids:?}");
    assert_eq!(code(with(&server, Credentials::password("root", PASSWORD, "fifth")).await), ErrorCode::Full);
    // Asked of the server: what a client knows of others by events may be a moment behind.
    let members = sessions[0].list().await.unwrap().members;
    assert_eq!(members.len(), 4, "who never logged in is nobody");
}

/// A request before the log-in reached what was written for after it, in a server of another kind.
#[tokio::test]
async fn teamspeak_cve_2026_4392_nothing_of_after_the_log_in_is_reached_before() {
    let server = TestServer::start().await;
    for body in [
        request::Body::Join(wire::Join { channel: 1, ..Default::default() }),
        request::Body::SendText(wire::SendText::default()),
        request::Body::MoveSession(wire::MoveSession { session: 0, channel: u64::MAX }),
        request::Body::EndDevice(wire::EndDevice { session: 0 }),
    ] {
        let connection = raw(server.server.addresses()[0]).await;
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(&encode(&Request::from(body))).await.unwrap();
        send.finish().unwrap();
        // Voice of nobody, too.
        let _ = connection.send_datagram(vec![0, 0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1].into());
        let answer =
            decode::<Response>(&recv.read_to_end(1 << 16).await.unwrap(), 1 << 16).unwrap().body.unwrap();
        assert!(
            matches!(answer, response::Body::Error(error) if error.code == ErrorCode::Unexpected.number())
        );
    }
    server.log_in("alice").await.list().await.unwrap();
}

/// A line break in a name made lines of its own in the log.
#[tokio::test]
async fn log_injection_by_line_breaks_in_names() {
    let server = TestServer::with(&[("sessions.guests", "true"), ("accounts.registration", "open")]).await;
    for name in ["eve\r\nERROR all is lost", "eve\nx", "eve\u{2028}x", "eve\u{85}x", "\u{1b}[2Jeve"] {
        assert_eq!(code(with(&server, Credentials::guest(name, "test")).await), ErrorCode::NameInvalid);
        let register = Credentials::register("", name, "seven small red boats", "test");
        assert_eq!(code(with(&server, register).await), ErrorCode::NameInvalid);
    }
    // What isn't a name, but told by a client, loses them.
    let client = "x\r\nfake/1\u{1b}[31m";
    let connected = connect(&server.address(), Trust::FirstUse, client).await.unwrap();
    let device = "pc\r\nINFO fake";
    let alice = connected.log_in(Credentials::password("alice", PASSWORD, device)).await.unwrap();
    let devices = alice.devices().await.unwrap().devices;
    assert_eq!((devices[0].client.as_str(), devices[0].name.as_str()), ("xfake/1[31m", "pcINFO fake"));
}

/// Names that are drawn as others are: letters of other scripts, characters that aren't seen, text turned around.
#[tokio::test]
async fn names_that_imitate_others_are_refused() {
    let server = TestServer::with(&[("accounts.registration", "open")]).await;
    let root = server.log_in("root").await;
    for imitation in ["alicе", "аlice", "ΑLICE", "ａｌｉｃｅ", "ALICE"] {
        assert_eq!(
            code(root.create_user(imitation, PASSWORD, "").await),
            ErrorCode::NameTaken,
            "{imitation}"
        );
    }
    for unseen in ["ali\u{200b}ce", "ali\u{ad}ce", "\u{202e}ecila", "ali\u{2060}ce", "\u{feff}alice"] {
        assert_eq!(code(root.create_user(unseen, PASSWORD, "").await), ErrorCode::NameInvalid, "{unseen:?}");
    }
    // It works the other way round, too: whoever has letters of another script isn't imitated by Latin ones.
    root.create_user("Воb", PASSWORD, "").await.unwrap_err();
    root.create_user("Сосо", PASSWORD, "").await.unwrap();
    assert_eq!(code(root.create_user("Coco", PASSWORD, "").await), ErrorCode::NameTaken);
    // Honest names of any script are names.
    for honest in ["Дмитрий", "Zoë", "李雷", "Ωmega9"] {
        root.create_user(honest, PASSWORD, "").await.unwrap();
    }
}

/// The same of channels beside each other, of roles, and of guests, of whom two of one name are told apart.
#[tokio::test]
async fn channels_roles_and_guests_do_not_imitate_each_other() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let handle = server.server.handle();
    let create = async |name: &str, parent: u64| {
        let create = CreateChannel { name: name.to_owned(), parent, ..CreateChannel::default() };
        handle.request(Actor::Operator, request::Body::CreateChannel(create)).await
    };
    let root = server.log_in("root").await;
    create("Raid night", 0).await.unwrap();
    for imitation in ["RAID NIGHT", "Rаid night", "Raid  night", "Ｒaid night"] {
        assert_eq!(create(imitation, 0).await.unwrap_err().code(), ErrorCode::NameTaken, "{imitation}");
    }
    create("می\u{200c}خواهم", 0).await.unwrap();
    assert_eq!(create("میخواهم", 0).await.unwrap_err().code(), ErrorCode::NameTaken);
    // Elsewhere it is somebody else's matter.
    create("Rаid night", channel_id(&root, "General").0).await.unwrap();
    let role = CreateRole { name: "Оwner".to_owned(), rank: 5, ..CreateRole::default() };
    let refused = handle.request(Actor::Operator, request::Body::CreateRole(role)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NameTaken, "a role");

    for imitation in ["alice", "аlice", "ALICE"] {
        assert_eq!(code(with(&server, Credentials::guest(imitation, "test")).await), ErrorCode::NameTaken);
    }
    let mut guests = Vec::new();
    for (name, seen) in
        [("eve", "~eve"), ("eve", "~eve~2"), ("еve", "~еve~3"), ("EVE", "~EVE~4"), ("mallory", "~mallory")]
    {
        let guest = with(&server, Credentials::guest(name, "test")).await.unwrap();
        assert_eq!(guest.logged_in().name, seen);
        guests.push(guest);
    }
    let second = eventually("the second is seen", async || root.view().member(guests[1].id()).cloned()).await;
    assert_eq!(second.name, "~eve~2", "others see it, too");
    // A number that is free again is given again.
    guests.remove(1).close().await;
    eventually("she is gone", async || {
        let guest = with(&server, Credentials::guest("eve", "test")).await.unwrap();
        (guest.logged_in().name == "~eve~2").then_some(())
    })
    .await;
}

/// A wrong password was let in by Galene 0.96.2 where the right one was of another form.
#[tokio::test]
async fn galene_0_96_2_a_wrong_password_is_wrong_for_every_kind_of_account() {
    let server = TestServer::start().await;
    let long = "x7 and so on, quite long, ".repeat(10);
    let at_most: String = long.chars().take(256).collect();
    server.server.ensure_user("longy", &at_most, "Member").await.unwrap();
    with(&server, Credentials::password("longy", &at_most, "test")).await.unwrap();
    let shorter = &at_most[..255];
    for (name, wrong) in [
        ("alice", ""),
        ("alice", " "),
        ("alice", "null"),
        ("alice", "correct horse battery "),
        ("alice", "Correct horse battery"),
        ("longy", shorter),
        ("nobody", ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("", PASSWORD),
    ] {
        let refused = with(&server, Credentials::password(name, wrong, "test")).await;
        assert!(
            matches!(refused.unwrap_err().code(), Some(ErrorCode::LogInFailed | ErrorCode::TooManyAttempts)),
            "{name} {wrong}"
        );
    }
}

/// Galene hashed as many passwords at once as were sent: memory without a bound.
#[tokio::test]
async fn galene_hashing_is_bounded_and_says_when_to_come_again() {
    let server = TestServer::with(&[("auth.hash_threads", "1"), ("auth.hash_queue", "2")]).await;
    // All of them are connected before the first one logs in: connections come in one after the other.
    let mut connected = Vec::new();
    for _ in 0..40 {
        connected.push(connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap());
    }
    let names = ["alice", "bob", "carol", "root"].into_iter().cycle();
    let tries = connected.into_iter().zip(names).map(|(connected, name)| {
        tokio::spawn(
            async move { connected.log_in(Credentials::password(name, PASSWORD, "test")).await.err() },
        )
    });
    let mut busy = 0;
    for one in tries.collect::<Vec<_>>() {
        if let Some(parlour::client::RequestError::Refused {
            code: Some(ErrorCode::Busy),
            retry_after_ms,
            ..
        }) = one.await.unwrap()
        {
            assert!(retry_after_ms > 0, "it says when");
            busy += 1;
        }
    }
    assert!(busy > 0, "more at once than threads and places are refused");
    server.log_in("alice").await;
}

/// Whether an account exists shows neither by the answer nor by its time. The time is measured in `benches/log_in`; here
/// it is only seen that the same work is done.
#[tokio::test]
async fn an_account_s_existence_shows_in_no_answer() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    root.set_user_disabled("carol", true).await.unwrap();
    let mut answers = Vec::new();
    for (name, password) in
        [("alice", "wrong password"), ("nobody", PASSWORD), ("carol", PASSWORD), ("carol", "wrong one too")]
    {
        let began = Instant::now();
        let refused = with(&server, Credentials::password(name, password, "test")).await.unwrap_err();
        answers.push((refused.to_string(), refused.code()));
        assert!(
            began.elapsed() > Duration::from_millis(5),
            "{name}: a password is hashed for whom there is none, too"
        );
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

/// A one-time code could be used again for as long as it was shown (the crate `totp`, CVE-2022-29185, compared it in a
/// time that told of it besides): `tests/suite/account.rs` has it used twice, and `auth::totp` compares in constant time. Here:
/// two at the same moment.
#[tokio::test]
async fn totp_cve_2022_29185_of_two_log_ins_with_one_code_one_gets_in() {
    let (server, clock) = TestServer::turned(&[]).await;
    let alice = server.log_in("alice").await;
    let secret = alice.set_up_second_factor().await.unwrap().secret;
    let secret = data_encoding::BASE32.decode(secret.as_bytes()).unwrap();
    let now = || server.server.handle().clock().wall().0 / 1_000;
    alice.confirm_second_factor(&one_time_code(&secret, now())).await.unwrap();
    clock.advance(Duration::from_secs(30));
    let code = one_time_code(&secret, now());
    let try_it = || with(&server, Credentials::password_and_code("alice", PASSWORD, &code, "test"));
    let (one, two) = tokio::join!(try_it(), try_it());
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}

/// What an app shows at that second (RFC 6238, and RFC 4226, section 5.3).
fn one_time_code(secret: &[u8], second: u64) -> String {
    use ring::hmac;

    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let hash = hmac::sign(&key, &(second / 30).to_be_bytes());
    let offset = usize::from(hash.as_ref().last().unwrap() & 15);
    let four = hash.as_ref()[offset..offset + 4].try_into().unwrap();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}
