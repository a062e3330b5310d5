//! Plugins that are asked about texts, that are told what happens, and that write.

use super::code::{asks, says};
use super::{call, install, log, loops, manifest, show};
use crate::hook::receiver::{Answer, Receiver};
use crate::support::{TestServer, channel_id, code, eventually};
use parlour::client::Session;
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, PluginOff, event, request, send_text};
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// The manifest of a plugin that is asked about texts.
fn filter(more: &str) -> String {
    let hooks = format!("grants = [\"hook.text\"]\n[quotas]\nms = 200\n[hooks]\ntext = \"run\"\n{more}");
    manifest("filter", &["run"], &hooks)
}

/// A server whose people talk: alice reads what bob writes into a channel.
struct Talk {
    server: TestServer,
    root: Session,
    alice: Session,
    reader: broadcast::Receiver<event::Body>,
    writer: Session,
    channel: u64,
}

impl Talk {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(flags: &[(&'static str, &'static str)]) -> Self {
        let server = TestServer::with(flags).await;
        let root = server.log_in("root").await;
        let alice = server.in_channel("alice", "General").await;
        let reader = alice.events();
        let writer = server.in_channel("bob", "General").await;
        let channel = channel_id(&writer, "General").0;
        Self { server, root, alice, reader, writer, channel }
    }
}

/// Writes into a channel, as whoever has this session.
async fn write(session: &Session, channel: u64, text: &str) -> Result<(), parlour::client::RequestError> {
    let to = Some(send_text::To::Channel(channel));
    session.request(request::Body::SendText(wire::SendText { to, text: text.to_owned() })).await.map(drop)
}

/// The next text that somebody reads: by whom, and what.
async fn read(events: &mut broadcast::Receiver<event::Body>) -> (String, String) {
    loop {
        if let event::Body::Text(text) = events.recv().await.unwrap() {
            return (text.from_name, text.text);
        }
    }
}

#[tokio::test]
async fn a_text_is_refused_replaced_or_let_through_by_a_plugin() {
    let Talk { server: _server, root, alice, mut reader, writer, channel } = Talk::start().await;
    write(&writer, channel, "before").await.unwrap();
    assert_eq!(read(&mut reader).await, ("bob".to_owned(), "before".to_owned()));
    install(&root, &says(r#"{"allow": false, "reason": "not here"}"#), &filter(""), &["hook.text"])
        .await
        .unwrap();
    let refused = write(&writer, channel, "rude").await;
    assert!(refused.as_ref().unwrap_err().to_string().contains("not here"), "{refused:?}");
    assert_eq!(code(refused), ErrorCode::Forbidden);
    // What is written to one person is for nobody else.
    let to = Some(send_text::To::Session(alice.logged_in().session));
    let alone = wire::SendText { to, text: "between us".to_owned() };
    writer.request(request::Body::SendText(alone)).await.unwrap();
    assert_eq!(read(&mut reader).await.1, "between us");
    install(&root, &says(r#"{"allow": true, "text": "polite"}"#), &filter(""), &["hook.text"]).await.unwrap();
    write(&writer, channel, "rude").await.unwrap();
    assert_eq!(read(&mut reader).await, ("bob".to_owned(), "polite".to_owned()));
    // Without the grant it isn't asked.
    install(&root, &says(r#"{"allow": false}"#), &filter(""), &[]).await.unwrap();
    write(&writer, channel, "freely").await.unwrap();
    assert_eq!(read(&mut reader).await.1, "freely");
    // Whoever may not write anyway has nobody asked.
    install(&root, &loops(), &filter(""), &["hook.text"]).await.unwrap();
    assert!(write(&writer, channel, " ").await.is_err());
    assert_eq!(log(&root, "filter").await.len(), 0);
}

#[tokio::test]
async fn where_a_plugin_fails_to_decide_about_a_text_its_manifest_says_what_becomes_of_it() {
    let Talk { server: _server, root, alice: _alice, mut reader, writer, channel } = Talk::start().await;
    install(&root, &loops(), &filter(""), &["hook.text"]).await.unwrap();
    for number in 0..6 {
        write(&writer, channel, &number.to_string()).await.unwrap();
        assert_eq!(read(&mut reader).await.1, number.to_string());
    }
    assert_eq!(show(&root, "filter").await.unwrap().off(), PluginOff::Failing);
    let strict = filter("text_when_broken = \"refuse\"");
    let empty = r#"{"allow": true, "text": " "}"#;
    for broken in [
        loops(),
        says("no decision"),
        says(empty),
        says(&json!({ "allow": true, "text": "x".repeat(60_000) }).to_string()),
    ] {
        install(&root, &broken, &strict, &["hook.text"]).await.unwrap();
        let refused = write(&writer, channel, "hello").await;
        assert!(
            refused.as_ref().unwrap_err().to_string().contains("the plugin filter decides here what is sent")
        );
        assert_eq!(code(refused), ErrorCode::PluginFailed);
    }
}

#[tokio::test]
async fn a_plugin_is_told_what_happens_and_writes_into_a_channel_under_a_name_that_nobody_else_has() {
    let Talk { server: _server, root, alice, mut reader, writer, channel } = Talk::start().await;
    let hello = json!({ "channel": channel.to_string(), "text": "welcome" }).to_string();
    let grants = ["text", "hook.event"];
    let hooks = format!(
        "grants = {}\n[quotas]\nms = 10000\n[hooks]\nevent = \"run\"\nevents = [\"moderation\", \"texts\"]",
        json!(grants)
    );
    install(&root, &asks(&[("text_send", &hello)]), &manifest("greeter", &["run"], &hooks), &grants)
        .await
        .unwrap();
    // Called by hand first: nobody knows when the feed is followed.
    let told: Value = serde_json::from_slice(&call(&root, "greeter", "run", b"").await.unwrap()).unwrap();
    assert_eq!(told, json!({ "done": true }));
    assert_eq!(read(&mut reader).await, ("plugin greeter".to_owned(), "welcome".to_owned()));
    eventually("the plugin answers", async || {
        write(&writer, channel, "hello").await.unwrap();
        let own = read(&mut reader).await;
        assert_eq!(own, ("bob".to_owned(), "hello".to_owned()));
        let answer = tokio::time::timeout(std::time::Duration::from_millis(500), read(&mut reader)).await;
        answer.ok().map(|answer| assert_eq!(answer, ("plugin greeter".to_owned(), "welcome".to_owned())))
    })
    .await;
    // It doesn't answer itself, nor anybody where that is for one person.
    let to = Some(send_text::To::Session(alice.logged_in().session));
    let alone = wire::SendText { to, text: "between us".to_owned() };
    writer.request(request::Body::SendText(alone)).await.unwrap();
    assert_eq!(read(&mut reader).await.1, "between us");
    write(&writer, channel, "again").await.unwrap();
    assert_eq!(read(&mut reader).await.1, "again");
    assert_eq!(read(&mut reader).await.0, "plugin greeter");
    write(&writer, channel, "last").await.unwrap();
    assert_eq!(read(&mut reader).await.1, "last");
    // A channel that there isn't is an answer.
    let nowhere = json!({ "channel": "999999", "text": "hello" }).to_string();
    install(
        &root,
        &asks(&[("text_send", &nowhere)]),
        &manifest("greeter", &["run"], "grants = [\"text\"]"),
        &["text"],
    )
    .await
    .unwrap();
    let told: Value = serde_json::from_slice(&call(&root, "greeter", "run", b"").await.unwrap()).unwrap();
    assert_eq!(told["error"]["code"], json!("no-such-channel"), "{told}");
    let wrong = manifest(
        "greeter",
        &["run"],
        "grants = [\"hook.event\"]\n[hooks]\nevent = \"run\"\nevents = [\"nothing\"]",
    );
    let refused = install(&root, &says(""), &wrong, &[]).await.unwrap_err();
    assert!(refused.to_string().contains("there are: channels"), "{refused}");
}

#[tokio::test]
async fn what_waits_for_a_plugin_is_told_though_another_changes_meanwhile() {
    let flags = [("hooks.networks", "127.0.0.0/8")];
    let (Talk { server: _server, root, alice: _alice, reader: _reader, writer, channel }, receiver) =
        (Talk::with(&flags).await, Receiver::start().await);
    receiver.answer(Answer::Held);
    let asked = json!({ "url": receiver.url(), "method": "POST" }).to_string();
    let grants = ["hook.event", "http:127.0.0.1"];
    let hooks = format!(
        "grants = {}\n[quotas]\nms = 10000\n[hooks]\nevent = \"run\"\nevents = [\"texts\"]",
        json!(grants)
    );
    install(&root, &asks(&[("http_request", &asked)]), &manifest("teller", &["run"], &hooks), &grants)
        .await
        .unwrap();
    // Nobody knows when the feed is followed.
    eventually("it is told", async || {
        write(&writer, channel, "first").await.unwrap();
        tokio::time::timeout(std::time::Duration::from_millis(500), receiver.wait(1)).await.ok()
    })
    .await;
    for text in ["second", "third"] {
        write(&writer, channel, text).await.unwrap();
    }
    let told = receiver.count();
    install(&root, &says(""), &manifest("other", &["run"], ""), &[]).await.unwrap();
    receiver.answer(Answer::Status(200, ""));
    receiver.wait(told + 2).await;
}
