//! Somebody types a code on the page, and a device without a password is logged in: by the command, and by the protocol.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use crate::support::{PASSWORD, Process, TestServer, as_profile, code, eventually, parlour};
use crate::web::https;
use parlour::client::{Connected, Credentials, DeviceSecret, RequestError, Session, Trust, connect};
use parlour::protocol::ErrorCode;
use serde_json::Value;
use std::net::SocketAddr;
use url::form_urlencoded::Serializer;

/// Posts the form of the page, and answers with all of the answer.
async fn decide(address: SocketAddr, pairs: &[(&str, &str)]) -> String {
    let body = Serializer::new(String::new()).extend_pairs(pairs).finish();
    let request = format!(
        "POST /oauth/device HTTP/1.1\r\nHost: {address}\r\nOrigin: https://{address}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    https(address, &request).await
}

async fn allow(address: SocketAddr, user_code: &str, name: &str, password: &str) -> String {
    let pairs = [("user_code", user_code), ("name", name), ("password", password), ("decision", "allow")];
    decide(address, &pairs).await
}

async fn to(server: &TestServer) -> Connected {
    connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap()
}

async fn ask(server: &TestServer, code: &str) -> Result<Session, RequestError> {
    to(server).await.log_in(Credentials::web(code)).await
}

#[tokio::test]
async fn a_device_is_logged_in_once_by_whoever_types_its_code() {
    let (server, clock) = TestServer::turned(&[]).await;
    let address = server.server.addresses()[0];
    let begun = to(&server).await.begin_web_log_in("kitchen <b>").await.unwrap();
    assert_eq!((begun.life_ms, begun.pause_ms), (600_000, 5_000));
    assert_eq!(code(ask(&server, &begun.code).await), ErrorCode::Pending);
    assert_eq!(code(ask(&server, &begun.code).await), ErrorCode::RateLimited, "too soon");
    assert_eq!(
        code(ask(&server, &begun.user_code).await),
        ErrorCode::CodeInvalid,
        "what is typed opens nothing"
    );
    // Whoever types it is told what they allow.
    let shown = format!(
        "GET /oauth/device?user_code={} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n",
        begun.user_code
    );
    let page = https(address, &shown).await;
    assert!(page.contains("kitchen &lt;b&gt;") && page.contains("all that you may"), "{page}");
    let wrong = allow(address, &begun.user_code, "alice", "not her password").await;
    assert!(wrong.contains("The name or the password is wrong"), "{wrong}");
    clock.advance(Duration::from_secs(20));
    assert_eq!(code(ask(&server, &begun.code).await), ErrorCode::Pending);
    let allowed = allow(address, &begun.user_code.to_lowercase(), "alice", PASSWORD).await;
    assert!(allowed.starts_with("HTTP/1.1 200") && allowed.contains("It is allowed"), "{allowed}");
    clock.advance(Duration::from_secs(20));
    let alice = ask(&server, &begun.code).await.unwrap();
    assert_eq!(alice.logged_in().name, "alice");
    assert!(!alice.logged_in().token.is_empty());
    let devices = alice.devices().await.unwrap().devices;
    assert_eq!(devices.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["kitchen <b>"]);
    // It is as good as a log-in by password, and the code isn't good twice.
    alice.register_key(&DeviceSecret::random().unwrap(), "kitchen").await.unwrap();
    assert_eq!(code(ask(&server, &begun.code).await), ErrorCode::CodeInvalid);
    let again = allow(address, &begun.user_code, "alice", PASSWORD).await;
    assert!(again.contains("No device waits for this code"), "{again}");
}

#[tokio::test]
async fn a_device_that_found_no_place_asks_again_for_what_was_allowed() {
    let (server, clock) = TestServer::turned(&[("limits.account_sessions", "1")]).await;
    let address = server.server.addresses()[0];
    let begun = to(&server).await.begin_web_log_in("kitchen").await.unwrap();
    allow(address, &begun.user_code, "alice", PASSWORD).await;
    let alice = server.log_in("alice").await;
    assert_eq!(code(ask(&server, &begun.code).await), ErrorCode::Full);
    alice.log_out().await.unwrap();
    // The place is free a moment after the connection has ended, which the turned clock must not take for minutes.
    alice.closed().await;
    let kitchen = eventually("there is a place", async || {
        clock.advance(Duration::from_secs(20));
        match ask(&server, &begun.code).await {
            Ok(session) => Some(session),
            Err(error) if error.code() == Some(ErrorCode::Full) => None,
            Err(error) => panic!("{error}"),
        }
    })
    .await;
    assert_eq!(kitchen.logged_in().name, "alice");
    clock.advance(Duration::from_secs(20));
    assert_eq!(code(ask(&server, &begun.code).await), ErrorCode::CodeInvalid, "it is told once");
}

#[tokio::test]
async fn what_was_shown_is_looked_at_again_when_the_log_in_begins() {
    let (server, clock) = TestServer::turned(&[]).await;
    let address = server.server.addresses()[0];
    let root = server.log_in("root").await;
    let begin = async || to(&server).await.begin_web_log_in("kitchen").await.unwrap();
    // Denied.
    let denied = begin().await;
    let page = decide(address, &[("user_code", &denied.user_code), ("decision", "deny")]).await;
    assert!(page.contains("isn't allowed"), "{page}");
    assert_eq!(code(ask(&server, &denied.code).await), ErrorCode::Forbidden);
    // Another password, a disabled account, a ban in between.
    let changed = begin().await;
    allow(address, &changed.user_code, "carol", PASSWORD).await;
    root.set_user_password("carol", "quite another one 7", false).await.unwrap();
    assert!(ask(&server, &changed.code).await.is_err());
    let disabled = begin().await;
    allow(address, &disabled.user_code, "bob", PASSWORD).await;
    root.set_user_disabled("bob", true).await.unwrap();
    assert_eq!(code(ask(&server, &disabled.code).await), ErrorCode::LogInFailed);
    // By the session that the page keeps: its long token, and no access token; while it lasts.
    let alice = server.log_in("alice").await;
    let text = |token: &[u8]| data_encoding::BASE64.encode(token);
    let (long, brief) = (text(&alice.logged_in().token), text(&alice.logged_in().access_token));
    let by_session = async |user_code: &str, token: &str| {
        decide(address, &[("user_code", user_code), ("session", token), ("decision", "allow")]).await
    };
    let by_brief = begin().await;
    by_session(&by_brief.user_code, &brief).await;
    assert_eq!(code(ask(&server, &by_brief.code).await), ErrorCode::Pending);
    let by_long = begin().await;
    by_session(&by_long.user_code, &long).await;
    assert_eq!(ask(&server, &by_long.code).await.unwrap().logged_in().name, "alice");
    let late = begin().await;
    by_session(&late.user_code, &long).await;
    alice.log_out().await.unwrap();
    assert!(ask(&server, &late.code).await.is_err(), "the session that allowed it has ended");
    // Too late.
    let over = begin().await;
    clock.advance(Duration::from_secs(600));
    let page = allow(address, &over.user_code, "alice", PASSWORD).await;
    assert!(page.contains("No device waits"), "{page}");
    assert_eq!(code(ask(&server, &over.code).await), ErrorCode::CodeInvalid);
}

#[tokio::test]
async fn the_command_shows_a_code_waits_and_stays_logged_in() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let address = process.address;
    let server = format!("parlour://{address}");
    let mut command = parlour(home.path());
    command.env("PARLOUR_CONFIG_DIR", home.path().join("kitchen"));
    command.args(["--json", "login", "--web", &server]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(told["page"], format!("https://{address}/oauth/device"));
    let user_code = told["code"].as_str().unwrap();
    assert_eq!(told["whole"], format!("https://{address}/oauth/device?user_code={user_code}"));
    let page = allow(address, user_code, "alice", "parlour-demo").await;
    assert!(page.contains("It is allowed"), "{page}");
    let came = tokio::task::spawn_blocking(move || {
        let told: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        (told, child.wait().unwrap())
    });
    let (came, status) = came.await.unwrap();
    assert!(status.success() && came["name"] == "alice", "{came}");
    let people = as_profile(home.path(), "kitchen", &["who"], "");
    assert!(serde_json::to_string(&people).unwrap().contains("alice"), "{people:?}");
}
