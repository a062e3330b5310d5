//! Plugins that mean harm, and whoever means harm by them, from end to end.

use super::code::{asks, says};
use super::{call, edit, install, log, loops, manifest, show, words};
use crate::hook::receiver::{Answer, Receiver};
use crate::support::{PASSWORD, TestServer, code, eventually, log_in, with};
use parlour::bounds::MAX_PLUGIN_LINES;
use parlour::client::Credentials;
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, PluginOff, request};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const FOREVER: &str = "[quotas]\nms = 10000\nfuel = 1000000000";

#[tokio::test]
async fn a_server_that_stops_waits_for_no_plugin() {
    let (server, receiver) =
        (TestServer::with(&[("hooks.networks", "127.0.0.0/8")]).await, Receiver::start().await);
    receiver.answer(Answer::Silence);
    let root = server.log_in("root").await;
    install(&root, &loops(), &manifest("loops", &["run"], FOREVER), &[]).await.unwrap();
    let waits = format!("grants = [\"http:127.0.0.1\"]\n{FOREVER}");
    install(&root, &asks(&[("http_request", "")]), &manifest("waits", &["run"], &waits), &["http:127.0.0.1"])
        .await
        .unwrap();
    let asked = json!({ "url": receiver.url(), "method": "POST" }).to_string();
    for (name, input) in [("waits", asked.as_bytes()), ("loops", b"")] {
        let caller = server.log_in("root").await;
        let (name, input) = (name.to_owned(), input.to_vec());
        tokio::spawn(async move { call(&caller, &name, "run", &input).await });
    }
    eventually("the first one is called", async || (receiver.count() > 0).then_some(())).await;
    let began = Instant::now();
    let directory = server.stop().await;
    // Another may open the database at once, and what was broken off is no failure of the plugin's.
    let server = TestServer::again(directory).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let root = server.log_in("root").await;
    assert_eq!(show(&root, "loops").await.unwrap().off(), PluginOff::On);
}

#[tokio::test]
async fn what_a_plugin_was_granted_can_be_taken_while_calls_of_it_wait() {
    let (server, receiver) =
        (TestServer::with(&[("hooks.networks", "127.0.0.0/8")]).await, Receiver::start().await);
    receiver.answer(Answer::Silence);
    let root = server.log_in("root").await;
    let text = "grants = [\"http:127.0.0.1\"]\n[quotas]\nms = 1500";
    install(&root, &asks(&[("http_request", "")]), &manifest("waits", &["run"], text), &["http:127.0.0.1"])
        .await
        .unwrap();
    let asked = json!({ "url": receiver.url(), "method": "POST" }).to_string();
    let mut calls = Vec::new();
    for _ in 0..2 {
        let (caller, asked) = (server.log_in("root").await, asked.clone());
        calls.push(tokio::spawn(async move { call(&caller, "waits", "run", asked.as_bytes()).await }));
    }
    eventually("the first one is called", async || (receiver.count() > 0).then_some(())).await;
    let none = Some(wire::PluginGrants { grants: vec![] });
    edit(&root, wire::EditPlugin { name: "waits".to_owned(), granted: none, on: None }).await.unwrap();
    let mut told = Vec::new();
    for called in calls {
        told.push(words(called.await.unwrap()));
    }
    assert!(told.iter().any(|words| words.contains("needs the grant `http:127.0.0.1`")), "{told:?}");
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn what_a_plugin_writes_of_its_failure_is_bounded_wherever_it_is_shown() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let long = json!({ "url": format!("https://{}.example/", "x".repeat(50_000)) }).to_string();
    let text = manifest("long", &["run"], "grants = [\"http:a.example\"]");
    install(&root, &asks(&[("http_request", "")]), &text, &["http:a.example"]).await.unwrap();
    for _ in 0..5 {
        let told = words(call(&root, "long", "run", long.as_bytes()).await);
        assert!(told.len() < 2 * MAX_PLUGIN_LINES.1, "{} bytes", told.len());
    }
    let off = show(&root, "long").await.unwrap();
    assert_eq!(off.off(), PluginOff::Failing);
    assert!(off.failure.len() < 2 * MAX_PLUGIN_LINES.1, "{} bytes", off.failure.len());
    assert!(log(&root, "long").await.iter().all(|line| line.text.len() < 2 * MAX_PLUGIN_LINES.1));
}

#[tokio::test]
async fn a_password_makes_one_account() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let new = |name: &str| json!({ "name": name, "password_hash": "1" }).to_string();
    let plugin = asks(&[
        ("password_hash", &json!({ "password": PASSWORD }).to_string()),
        ("db_create_user", &new("root")),
        ("db_create_user", &new("dora")),
        ("db_create_user", &new("emil")),
    ]);
    let text = manifest("many", &["run"], "grants = [\"db.users.create\"]\n[quotas]\nms = 10000");
    install(&root, &plugin, &text, &["db.users.create"]).await.unwrap();
    let told: Value = serde_json::from_slice(&call(&root, "many", "run", b"").await.unwrap()).unwrap();
    assert_eq!(told["error"]["code"], json!("malformed"), "{told}");
    let show = async |name: &str| {
        root.request(request::Body::ShowUser(wire::ShowUser { name: name.to_owned() })).await
    };
    // The first name is taken, which used the password up no more than any other refusal does.
    assert!(show("dora").await.is_ok());
    assert_eq!(code(show("emil").await), ErrorCode::NoSuchUser);
}

#[tokio::test]
async fn a_plugin_that_decides_about_log_ins_tries_nobody_s_password() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let root = server.log_in("root").await;
    let guess = json!({ "name": "alice", "password": PASSWORD }).to_string();
    let code = asks(&[("password_verify", &guess)]);
    let text = manifest(
        "guess",
        &["run"],
        "grants = [\"db.sessions.create\"]\n[quotas]\nms = 10000\n[hooks]\nlog_in = \"run\"",
    );
    install(&root, &code, &text, &["db.sessions.create"]).await.unwrap();
    assert!(with(&server, Credentials::guest("Anna", "test")).await.is_err());
    let told: Value = serde_json::from_slice(&call(&root, "guess", "run", b"").await.unwrap()).unwrap();
    assert_eq!(told, json!({ "matches": true }), "asked for by an administrator it is a log-in like others");
    let log = log(&root, "guess").await;
    assert!(log.is_empty(), "{log:?}");
}

#[tokio::test]
async fn a_plugin_is_asked_behind_all_other_checks_and_by_the_name_that_the_account_gets() {
    let no = r#"{"allow": false, "reason": "closed today"}"#;
    let gate = manifest("gate", &["run"], "[hooks]\nlog_in = \"run\"");
    for (open, told) in [("closed", ErrorCode::RegistrationClosed), ("open", ErrorCode::Forbidden)] {
        let server = TestServer::with(&[("accounts.registration", open)]).await;
        let root = server.log_in("root").await;
        install(&root, &says(no), &gate, &[]).await.unwrap();
        let register = |name: &str, password: &str| Credentials::register("", name, password, "test");
        let refused = with(&server, register("dora", PASSWORD)).await;
        assert_eq!(code(refused), told);
        let weak = code(with(&server, register("emil", "x")).await);
        assert_ne!(weak, ErrorCode::Forbidden, "the password is looked at first");
        let show = root.request(request::Body::ShowUser(wire::ShowUser { name: "dora".to_owned() })).await;
        assert_eq!(code(show), ErrorCode::NoSuchUser);
    }
}

#[tokio::test]
async fn what_a_plugin_has_begun_is_brought_to_its_end_though_its_time_is_over() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let plugin = asks(&[
        ("password_hash", &json!({ "password": PASSWORD }).to_string()),
        ("db_create_user", &json!({ "name": "dora", "password_hash": "1" }).to_string()),
    ]);
    // A password takes longer to hash.
    let text = manifest("hasty", &["run"], "grants = [\"db.users.create\"]\n[quotas]\nms = 5");
    install(&root, &plugin, &text, &["db.users.create"]).await.unwrap();
    let told = words(call(&root, "hasty", "run", b"").await);
    assert!(told.contains("didn't answer in time"), "{told}");
    let show = || root.request(request::Body::ShowUser(wire::ShowUser { name: "dora".to_owned() }));
    eventually("the account is made", async || show().await.ok()).await;
    log_in(&server.address(), "dora", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_plugin_that_is_turned_off_while_it_is_called_may_nothing_any_more() {
    let (server, receiver) =
        (TestServer::with(&[("hooks.networks", "127.0.0.0/8")]).await, Receiver::start().await);
    receiver.answer(Answer::Held);
    let root = server.log_in("root").await;
    let grants = ["http:127.0.0.1", "db.users.read"];
    let text = format!("grants = {}\n[quotas]\nms = 8000", json!(grants));
    let asked = json!({ "url": receiver.url(), "method": "POST" }).to_string();
    let plugin = asks(&[("http_request", ""), ("db_get_user", &json!({ "name": "alice" }).to_string())]);
    install(&root, &plugin, &manifest("waits", &["run"], &text), &grants).await.unwrap();
    let caller = server.log_in("root").await;
    let called = tokio::spawn(async move { call(&caller, "waits", "run", asked.as_bytes()).await });
    eventually("it asks", async || (receiver.count() > 0).then_some(())).await;
    let off = wire::EditPlugin { name: "waits".to_owned(), on: Some(false), ..Default::default() };
    edit(&root, off).await.unwrap();
    receiver.answer(Answer::Status(200, ""));
    let told = words(called.await.unwrap());
    assert!(told.contains("needs the grant `db.users.read`"), "{told}");
}
