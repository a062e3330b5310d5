//! Accounts: what proves a person, what lasts, and what ends it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{self, PASSWORD, Process, TestServer, code, log_in, with};
use parlour::auth::{EXPORTED, EXPORTER, check_guessing, device_challenge};
use parlour::client::{Credentials, DeviceSecret, Ended, RequestError, Session};
use parlour::clock::Clock;
use parlour::id::{ChannelId, Fingerprint, SessionId, Timestamp};
use parlour::permission::Permissions;
use parlour::protocol::wire::{
    CreateInvite, Hello, LogInKey, PasswordChanged, Request, Response, request, response,
};
use parlour::protocol::{ALPN, CloseCode, ErrorCode, decode, encode};
use parlour::store::{AuditEntry, AuditFilter, SEEDED_ORGANIZATION, Store, SubjectKind, Verb};
use parlour::transport;
use ring::signature::Ed25519KeyPair;

/// What the audit trail says was done, the newest first.
async fn trail(server: &TestServer) -> String {
    let home = server.directory.path().to_owned();
    // The server runs on this thread, and has to answer meanwhile.
    let ask = move || {
        let mut audit = support::parlour(&home);
        audit.args(["--json", "audit", "--data-dir"]).arg(&home).output().unwrap()
    };
    String::from_utf8(tokio::task::spawn_blocking(ask).await.unwrap().stdout).unwrap()
}

#[tokio::test]
async fn a_token_is_exchanged_at_each_use_and_a_lost_answer_is_not_punished() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let first = alice.logged_in().clone();
    assert!(!first.token.is_empty() && !first.access_token.is_empty());
    // The access token comes back any number of times, and changes nothing.
    for _ in 0..3 {
        let back = with(&server, Credentials::token(&first.access_token)).await.unwrap();
        assert_eq!((back.id(), back.logged_in().token.len()), (alice.id(), 0));
    }
    // The long one has a successor; whose answer got lost gets the same again.
    let second = with(&server, Credentials::token(&first.token)).await.unwrap().logged_in().clone();
    let again = with(&server, Credentials::token(&first.token)).await.unwrap().logged_in().clone();
    assert!(second.token != first.token && second.token == again.token && second.session == first.session);
    let third = with(&server, Credentials::token(&second.token)).await.unwrap().logged_in().clone();
    assert_ne!(third.token, second.token);
    assert_eq!(third.notice, "");
}

#[tokio::test]
async fn an_access_token_keeps_its_end_however_often_it_is_used() {
    let (server, clock) = TestServer::turned(&[]).await;
    let first = server.log_in("alice").await.logged_in().clone();
    let half = Duration::from_secs(30 * 60);
    clock.advance(half);
    let back = with(&server, Credentials::token(&first.access_token)).await.unwrap().logged_in().clone();
    assert_eq!(back.access_token_expires_ms, first.access_token_expires_ms);
    clock.advance(half);
    for token in [&first.access_token, &back.access_token] {
        assert_eq!(code(with(&server, Credentials::token(token)).await), ErrorCode::TokenInvalid);
    }
    // The long one goes on, and has a new short one with it.
    let anew = with(&server, Credentials::token(&first.token)).await.unwrap().logged_in().clone();
    assert!(anew.access_token_expires_ms > first.access_token_expires_ms);
    with(&server, Credentials::token(&anew.access_token)).await.unwrap();
}

#[tokio::test]
async fn a_token_that_somebody_copied_ends_its_session_and_its_owner_is_told() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let other = server.log_in("alice").await;
    let stolen = alice.logged_in().clone();
    let second = with(&server, Credentials::token(&stolen.token)).await.unwrap().logged_in().clone();
    let live = with(&server, Credentials::token(&second.token)).await.unwrap();
    // The thief comes with the first one.
    assert_eq!(code(with(&server, Credentials::token(&stolen.token)).await), ErrorCode::TokenInvalid);
    assert_eq!(live.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    let last = live.logged_in().clone();
    for token in [&last.token, &last.access_token, &second.token, &stolen.access_token] {
        assert_eq!(code(with(&server, Credentials::token(token)).await), ErrorCode::TokenInvalid);
    }
    let trail = trail(&server).await;
    assert!(trail.contains("reuse session"), "{trail}");
    // Other sessions go on; the next log-in says what happened, once.
    other.list().await.unwrap();
    let told = server.log_in("alice").await.logged_in().notice.clone();
    assert!(told.contains("used from two places") && told.contains("change your password"), "{told}");
    assert_eq!(server.log_in("alice").await.logged_in().notice, "");
}

#[tokio::test]
async fn another_password_ends_every_other_session() {
    let server = TestServer::start().await;
    let (alice, other) = (server.log_in("alice").await, server.log_in("alice").await);
    let key = DeviceSecret::random().unwrap();
    other.register_key(&key, "phone").await.unwrap();
    let new = "quite another one 7";
    assert_eq!(code(alice.change_password("not the present", new, false).await), ErrorCode::LogInFailed);
    for weak in ["short", "password123", "alice-alice", &"x".repeat(300)] {
        assert_eq!(
            code(alice.change_password(PASSWORD, weak, false).await),
            ErrorCode::PasswordInvalid,
            "{weak}"
        );
    }
    other.list().await.unwrap();
    let program = alice.create_api_key("music", Permissions::VIEW, None).await.unwrap().key;
    let bot = with(&server, Credentials::api_key(&program)).await.unwrap();
    alice.change_password(PASSWORD, new, true).await.unwrap();
    bot.list().await.unwrap();
    alice.change_password(new, "yet another one 8", false).await.unwrap();
    assert_eq!(bot.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    assert_eq!(code(with(&server, Credentials::api_key(&program)).await), ErrorCode::LogInFailed);
    let new = "yet another one 8";
    assert_eq!(other.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    alice.list().await.unwrap();
    assert_eq!(code(log_in(&server.address(), "alice", PASSWORD).await), ErrorCode::LogInFailed);
    assert_eq!(
        code(with(&server, Credentials::token(&other.logged_in().token)).await),
        ErrorCode::TokenInvalid
    );
    let user = alice.logged_in().user;
    assert_eq!(code(with(&server, Credentials::key(user, &key)).await), ErrorCode::LogInFailed);
    log_in(&server.address(), "alice", new).await.unwrap();
}

#[tokio::test]
async fn another_password_says_what_ended_with_it() {
    let server = TestServer::start().await;
    let (root, other) = (server.log_in("root").await, server.log_in("root").await);
    let key = DeviceSecret::random().unwrap();
    other.register_key(&key, "phone").await.unwrap();
    root.create_api_key("music", Permissions::VIEW, None).await.unwrap();
    // Whoever knew the password may have made one, to come back by.
    let invite = root.create_invite(CreateInvite::default()).await.unwrap().code;
    let ended = root.change_password(PASSWORD, "quite another one 7", false).await.unwrap();
    assert_eq!((ended.sessions, ended.device_keys, ended.api_keys, ended.invites), (1, 1, 1, 1));
    let register = Credentials::register(&invite, "dave", "a new one, quite long", "test");
    assert_eq!(code(with(&server, register).await), ErrorCode::InviteInvalid);
    root.create_api_key("music", Permissions::VIEW, None).await.unwrap();
    let ended = root.change_password("quite another one 7", "yet another one 8", true).await.unwrap();
    assert_eq!(ended, PasswordChanged::default());
    assert_eq!(root.api_keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_an_account_changes_that_is_kept_is_bounded_a_day() {
    let (server, clock) = TestServer::turned(&[("limits.account_changes", "24")]).await;
    let (alice, again, bob) =
        (server.log_in("alice").await, server.log_in("alice").await, server.log_in("bob").await);
    for _ in 0..24 {
        assert_eq!(code(alice.verify_email("x").await), ErrorCode::CodeInvalid);
    }
    // Whichever of their sessions asks.
    for session in [&alice, &again] {
        assert_eq!(code(session.verify_email("x").await), ErrorCode::RateLimited);
    }
    assert_eq!(code(bob.verify_email("x").await), ErrorCode::CodeInvalid, "others have their own");
    clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(code(alice.verify_email("x").await), ErrorCode::CodeInvalid);
    // What closes a way into the account is always possible.
    alice.end_other_devices().await.unwrap();
    assert_eq!(again.closed().await, Ended::ByServer(CloseCode::LoggedOut));
}

#[tokio::test]
async fn one_s_devices_are_listed_and_ended() {
    let server = TestServer::start().await;
    let (alice, other) = (server.log_in("alice").await, server.log_in("alice").await);
    let bob = server.log_in("bob").await;
    let devices = alice.devices().await.unwrap().devices;
    assert_eq!(devices.len(), 2);
    let own = devices.iter().find(|device| device.this).unwrap();
    assert_eq!((own.session, own.connected, own.address.as_str()), (alice.id().0, true, "127.0.0.1"));
    assert_eq!((own.name.as_str(), own.client.as_str()), ("test", "test/1"));
    assert!(own.expires_ms > own.used_ms && own.used_ms >= own.created_ms);
    // Somebody else's are nobody's business.
    assert_eq!(code(bob.end_device(alice.id()).await), ErrorCode::NotFound);
    alice.end_device(other.id()).await.unwrap();
    assert_eq!(other.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    assert_eq!(code(alice.end_device(other.id()).await), ErrorCode::NotFound);
    assert_eq!(code(alice.end_device(SessionId(u64::MAX)).await), ErrorCode::NotFound);
    let third = server.log_in("alice").await;
    alice.end_other_devices().await.unwrap();
    assert_eq!(third.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    assert_eq!(alice.devices().await.unwrap().devices.len(), 1);
}

#[tokio::test]
async fn a_registered_device_needs_no_password() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let (key, user) = (DeviceSecret::random().unwrap(), alice.logged_in().user);
    assert_eq!(code(with(&server, Credentials::key(user, &key)).await), ErrorCode::LogInFailed);
    alice.register_key(&key, "laptop").await.unwrap();
    // It comes back to its session, and to a new one when that has ended.
    let back = with(&server, Credentials::key(user, &key)).await.unwrap();
    assert_eq!((back.id(), back.logged_in().name.as_str()), (alice.id(), "alice"));
    back.log_out().await.unwrap();
    let new = with(&server, Credentials::key(user, &key)).await.unwrap();
    assert_ne!(new.id(), alice.id());
    let devices = new.devices().await.unwrap();
    assert_eq!((devices.keys.len(), devices.keys[0].session), (1, new.id().0));
    // It is this account's key, and no other's.
    let bob = server.log_in("bob").await;
    assert_eq!(
        code(with(&server, Credentials::key(bob.logged_in().user, &key)).await),
        ErrorCode::LogInFailed
    );
    let fingerprint = <[u8; 32]>::try_from(devices.keys[0].fingerprint.as_ref()).unwrap();
    assert_eq!(code(bob.remove_key(Fingerprint(fingerprint)).await), ErrorCode::NotFound);
    let desk = server.log_in("alice").await;
    desk.remove_key(Fingerprint(fingerprint)).await.unwrap();
    assert_eq!(new.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    assert_eq!(code(with(&server, Credentials::key(user, &key)).await), ErrorCode::LogInFailed);
    // Nor does a device come back by its key that was logged out.
    desk.register_key(&key, "desk").await.unwrap();
    desk.end_device(desk.id()).await.unwrap();
    assert_eq!(desk.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    assert_eq!(code(with(&server, Credentials::key(user, &key)).await), ErrorCode::LogInFailed);
}

#[tokio::test]
async fn a_key_that_is_apart_opens_a_session_of_its_own() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let (key, user) = (DeviceSecret::random().unwrap(), alice.logged_in().user);
    alice.register_key_apart(&key, "laptop, to stay").await.unwrap();
    let apart = with(&server, Credentials::key(user, &key)).await.unwrap();
    assert_ne!(apart.id(), alice.id());
    // Both are connected, and each comes back to its own.
    assert_eq!(alice.devices().await.unwrap().devices.iter().filter(|device| device.connected).count(), 2);
    assert_eq!(with(&server, Credentials::key(user, &key)).await.unwrap().id(), apart.id());
    assert_eq!(apart.closed().await, Ended::ByServer(CloseCode::Replaced));
    assert!(alice.devices().await.unwrap().devices.iter().any(|device| device.this));
}

#[tokio::test]
async fn a_known_device_never_waits_for_somebody_else_s_guesses() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let (key, user) = (DeviceSecret::random().unwrap(), alice.logged_in().user);
    alice.register_key(&key, "laptop").await.unwrap();
    let mut last = ErrorCode::LogInFailed;
    for _ in 0..12 {
        last = code(log_in(&server.address(), "alice", "some wrong password").await);
    }
    assert_eq!(last, ErrorCode::TooManyAttempts);
    with(&server, Credentials::key(user, &key)).await.unwrap();
    with(&server, Credentials::token(&alice.logged_in().access_token)).await.unwrap();
    // Many at once, as after a restart of the server.
    let all = (0..30).map(|_| with(&server, Credentials::key(user, &key)));
    for one in all {
        one.await.unwrap();
    }
}

/// A connection that greeted.
async fn greeted(server: &TestServer) -> quinn::Connection {
    let (config, _) = transport::client_config(None, ALPN).unwrap();
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = server.server.addresses()[0];
    let connection = endpoint.connect_with(config, address, "parlour.local").unwrap().await.unwrap();
    let hello = Hello { version_min: 1, version_max: 1, ..Hello::default() };
    assert!(matches!(ask(&connection, request::Body::Hello(hello)).await, response::Body::Welcome(_)));
    connection
}

async fn ask(connection: &quinn::Connection, body: request::Body) -> response::Body {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&encode(&Request::from(body))).await.unwrap();
    send.finish().unwrap();
    decode::<Response>(&recv.read_to_end(1 << 20).await.unwrap(), 1 << 20).unwrap().body.unwrap()
}

#[tokio::test]
async fn a_device_s_signature_is_good_on_its_own_connection_only() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let (key, user) = (DeviceSecret::random().unwrap(), alice.logged_in().user);
    alice.register_key(&key, "laptop").await.unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(key.seed()).unwrap();
    let signed = |connection: &quinn::Connection| {
        let mut exported = [0; EXPORTED];
        connection.export_keying_material(&mut exported, EXPORTER, b"").unwrap();
        let signature = pair.sign(&device_challenge(&exported, user, key.public()));
        let public_key = key.public().to_vec().into();
        LogInKey { user, public_key, signature: signature.as_ref().to_vec().into() }
    };
    let (one, two) = (greeted(&server).await, greeted(&server).await);
    let proof = signed(&one);
    let refused = |answer| matches!(answer, response::Body::Error(error) if error.code == ErrorCode::LogInFailed.number());
    assert!(
        refused(ask(&two, request::Body::LogInKey(proof.clone())).await),
        "overheard on another connection"
    );
    let changed = LogInKey { user: user + 1, ..proof.clone() };
    assert!(refused(ask(&one, request::Body::LogInKey(changed)).await));
    for bad in [vec![], vec![0; 31], vec![0; 32], vec![7; 64]] {
        let changed = LogInKey { public_key: bad.into(), ..proof.clone() };
        assert!(refused(ask(&two, request::Body::LogInKey(changed)).await));
    }
    assert!(matches!(ask(&one, request::Body::LogInKey(proof)).await, response::Body::LoggedIn(_)));
}

/// A code as an independent implementation makes it: pyotp, for so many seconds from the time that a clock shows.
pub(crate) fn otp(secret: &str, clock: &Clock, shift: i64) -> String {
    let at = i64::try_from(clock.wall().0 / 1_000).unwrap() + shift;
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let script = format!("import pyotp;print(pyotp.TOTP('{secret}').at({at}))");
    let output = Command::new(target.join("python/bin/python")).args(["-c", &script]).output();
    let output = output.unwrap_or_else(|error| panic!("`make setup-python` installs pyotp: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn by_code(server: &TestServer, code: &str) -> Result<Session, RequestError> {
    with(server, Credentials::password_and_code("alice", PASSWORD, code, "test")).await
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_works_once() {
    let (server, _clock) = TestServer::turned(&[]).await;
    let alice = server.log_in("alice").await;
    let secret = alice.set_up_second_factor().await.unwrap();
    assert!(secret.uri.starts_with("otpauth://totp/Parlour:alice?secret="), "{}", secret.uri);
    // Until it is confirmed it isn't asked for.
    server.log_in("alice").await;
    assert_eq!(code(alice.confirm_second_factor("000000").await), ErrorCode::SecondFactorWrong);
    let time = server.server.handle().clock();
    let first = otp(&secret.secret, time, -30);
    let recovery = alice.confirm_second_factor(&first).await.unwrap();
    assert_eq!(recovery.len(), 10);
    assert_eq!(code(alice.set_up_second_factor().await), ErrorCode::NameTaken);

    assert_eq!(code(by_code(&server, "").await), ErrorCode::SecondFactorNeeded);
    assert_eq!(code(log_in(&server.address(), "alice", "wrong password").await), ErrorCode::LogInFailed);
    assert_eq!(code(by_code(&server, &first).await), ErrorCode::SecondFactorWrong, "it was used to confirm");
    let now = otp(&secret.secret, time, 0);
    by_code(&server, &now).await.unwrap();
    assert_eq!(code(by_code(&server, &now).await), ErrorCode::SecondFactorWrong, "replayed");
    // Devices that are logged in already need no code.
    with(&server, Credentials::token(&alice.logged_in().token)).await.unwrap();
}

#[tokio::test]
async fn a_clock_may_be_a_step_off_recovery_codes_stand_in_and_guessing_is_slowed() {
    let (server, clock) = TestServer::turned(&[]).await;
    let alice = server.log_in("alice").await;
    let secret = alice.set_up_second_factor().await.unwrap().secret;
    let time = server.server.handle().clock();
    let recovery = alice.confirm_second_factor(&otp(&secret, time, -30)).await.unwrap();
    for far in [-90, 90] {
        assert_eq!(code(by_code(&server, &otp(&secret, time, far)).await), ErrorCode::SecondFactorWrong);
    }
    by_code(&server, &otp(&secret, time, 30)).await.unwrap();
    by_code(&server, &recovery[3].to_lowercase()).await.unwrap();
    assert_eq!(code(by_code(&server, &recovery[3]).await), ErrorCode::SecondFactorWrong, "used");
    assert_eq!(alice.account().await.unwrap().recovery_codes, 9);
    let mut outcomes = Vec::new();
    for guess in 0..8 {
        outcomes.push(code(by_code(&server, &format!("00000{guess}")).await));
    }
    assert!(outcomes.contains(&ErrorCode::TooManyAttempts), "{outcomes:?}");
    // Who is in already isn't kept from looking after the account, by the password.
    alice.remove_second_factor("not the password at all").await.unwrap_err();
    assert_eq!(code(alice.remove_second_factor(PASSWORD).await), ErrorCode::TooManyAttempts);
    clock.advance(Duration::from_secs(30));
    alice.remove_second_factor(PASSWORD).await.unwrap();
    assert!(!alice.account().await.unwrap().second_factor);
    alice.set_up_second_factor().await.unwrap();
}

#[tokio::test]
async fn a_role_may_be_worth_nothing_without_a_second_factor() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    assert_eq!(code(alice.require_second_factor("Member", true).await), ErrorCode::Forbidden);
    assert_eq!(code(root.require_second_factor("King", true).await), ErrorCode::NoSuchRole);
    root.require_second_factor("Owner", true).await.unwrap();
    // It holds for who is connected, too, and is said at the next log-in.
    assert_eq!(code(root.create_user("dave", PASSWORD, "").await), ErrorCode::Forbidden);
    let again = server.log_in("root").await;
    assert!(again.logged_in().notice.contains("Owner"), "{}", again.logged_in().notice);
    assert_eq!(alice.logged_in().notice, "");
    let secret = again.set_up_second_factor().await.unwrap().secret;
    again.confirm_second_factor(&otp(&secret, server.server.handle().clock(), 0)).await.unwrap();
    root.create_user("dave", PASSWORD, "").await.unwrap();
    root.require_second_factor("Owner", false).await.unwrap();
    again.remove_second_factor(PASSWORD).await.unwrap();
    root.create_user("erin", PASSWORD, "").await.unwrap();
}

/// As people do it: by commands, and the QR code on the terminal is read back.
#[test]
fn the_commands_log_in_by_key_list_devices_and_set_a_second_factor_up() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let address = format!("parlour://alice@{}", process.address);
    let run =
        |profile: &str, args: &[&str], input: &str| support::as_profile(home.path(), profile, args, input);
    let login = ["login", address.as_str(), "--password-stdin"];
    run("one", &login, "parlour-demo");
    run("two", &login, "parlour-demo");
    let devices = run("one", &["device", "list"], "");
    assert_eq!(devices.len(), 2, "{devices:?}");
    assert!(devices.iter().all(|device| device["key"].is_string()), "each has a key of its own: {devices:?}");
    // Without its tokens the key alone brings the device back.
    let file = home.path().join("one/servers.toml");
    let kept = std::fs::read_to_string(&file).unwrap();
    let lines =
        kept.lines().filter(|line| !line.starts_with("token =") && !line.starts_with("access_token ="));
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(run("one", &["status"], "")[0]["name"], "alice");
    let other = devices.iter().find(|device| device["this"] == false).unwrap()["device"].to_string();
    run("one", &["device", "end", &other], "");
    assert!(run("two", &["status"], "")[0]["error"]["message"].as_str().unwrap().contains("parlour login"));
    run("two", &login, "parlour-demo");
    run("two", &["status"], "");
    run("one", &["device", "end-others"], "");
    assert!(run("two", &["status"], "")[0]["error"]["message"].as_str().unwrap().contains("parlour login"));

    let secret = run("one", &["account", "second-factor", "set-up"], "")[0].clone();
    let code = otp(secret["secret"].as_str().unwrap(), &Clock::system(), 0);
    let confirmed = run("one", &["account", "second-factor", "confirm", &code], "");
    assert_eq!(confirmed[0]["recovery_codes"].as_array().unwrap().len(), 10, "{confirmed:?}");
    let refused = run("two", &login, "parlour-demo");
    assert_eq!(refused[0]["error"]["code"], "second-factor-needed", "{refused:?}");
    let recovery = confirmed[0]["recovery_codes"][0].as_str().unwrap();
    run("two", &[&login[..], &["--code", recovery]].concat(), "parlour-demo");
    assert_eq!(run("two", &["account", "show"], "")[0]["recovery_codes"], 9);
    let changed =
        run("two", &["account", "password", "--password-stdin"], "parlour-demo\nanother long 1 here\n");
    assert_eq!(changed[0]["changed"], true, "{changed:?}");
    // The machine's owner hands a code over, and by that she chooses the next one.
    let data = home.path().join("data");
    let made = run("one", &["user", "reset-code", "alice", "--data-dir", data.to_str().unwrap()], "");
    let (code, server) = (made[0]["code"].as_str().unwrap(), format!("parlour://{}", process.address));
    let reset = ["reset", code, "--server", &server, "--password-stdin"];
    let reset = run("two", &reset, "yet another long 1 here\n");
    assert_eq!(reset[0]["sessions"], 1, "{reset:?}");
}

#[tokio::test]
async fn the_audit_trail_says_by_way_of_what_a_program_acts() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let scopes = Permissions::VIEW.union(Permissions::CREATE_CHANNEL);
    let made = root.create_api_key("builder", scopes, None).await.unwrap();
    let program = with(&server, Credentials::api_key(&made.key)).await.unwrap();
    let channel = program.create_channel(None, "Built").await.unwrap();
    let by_hand = root.create_channel(None, "By hand").await.unwrap();
    drop((root, program));
    let directory = server.stop().await;
    let store = Store::open(&directory.path().join("parlour.redb"), Timestamp(1)).unwrap();
    let trail = store.audit(SEEDED_ORGANIZATION, &AuditFilter::default(), None, 100).unwrap();
    let of = |id: ChannelId| {
        let made = |entry: &&AuditEntry| {
            (entry.verb, entry.subject, entry.subject_id) == (Verb::Create, SubjectKind::Channel, id.0)
        };
        trail.iter().find(made).unwrap()
    };
    assert_eq!(of(channel).author, of(by_hand).author);
    assert!(of(channel).after.contains(&format!(r#""by way of":"key {}""#, made.id)), "{:?}", of(channel));
    assert!(!of(by_hand).after.contains("by way of"));
}

/// Whoever chooses a password has it looked at by a thread that others' log-ins wait for.
#[test]
fn a_password_of_signs_is_not_looked_at_for_long() {
    let fastest = |password: &str| {
        let times = (0..3).map(|_| {
            let began = Instant::now();
            check_guessing(password, &[]).unwrap();
            began.elapsed()
        });
        times.min().unwrap()
    };
    let usual = fastest("correct horse battery staple, and some more words that are no signs at all");
    // Most of these may stand for a letter, or for one of two.
    let signs = fastest(&"p4$5w0rd@8({[<369#!1|70$5+%2".repeat(3));
    assert!(signs < 60 * usual, "{signs:?}, and {usual:?} usually");
}
