//! Webhooks, from end to end: a real server, and a real receiver on this machine.

mod asked;
mod hostile;
mod killed;
pub(crate) mod receiver;
mod tried;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::element::hide;
use crate::emails::{code_in, mails};
use crate::independent::{received, receivers};
use crate::rest::Program;
use crate::support::{
    PASSWORD, Process, TestServer, as_profile, channel_id, code, eventually, eventually_within, log_in,
    parlour, with,
};
use hyper::{Method, StatusCode};
use parlour::bounds::MAX_HOOK_WAITING;
use parlour::client::{ChannelEdit, Credentials, NewOverwrite, OverwriteFor, Session};
use parlour::clock::TurnedClock;
use parlour::id::ChannelId;
use parlour::permission::Permissions;
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, HookDeliveryState, HookOff, request};
use parlour::state::Actor;
use receiver::{Answer, Receiver};
use serde_json::json;

/// Receivers on this machine may be reached.
const LOOPBACK: &[(&str, &str)] = &[("hooks.networks", "127.0.0.0/8")];

/// What happens, to see that all of it arrives.
const COUNT: usize = 10_000;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn hook(session: &Session, receiver: &Receiver, kinds: &[&str]) -> wire::HookMade {
    let kinds = kinds.iter().map(ToString::to_string).collect();
    let create = wire::CreateHook { url: receiver.url(), description: "a test".to_owned(), kinds };
    session.create_hook(create).await.unwrap()
}

/// The one webhook of somebody.
async fn only(session: &Session) -> wire::Hook {
    let mut all = session.hooks().await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn is_off(session: &Session, why: HookOff) {
    eventually(&format!("it is off: {why:?}"), async || (only(session).await.off() == why).then_some(()))
        .await;
}

/// The first of the messages of a webhook that has this state, once there is one.
async fn with_state(session: &Session, state: HookDeliveryState) -> wire::HookDelivery {
    let id = only(session).await.id;
    eventually(&format!("a message is {state:?}"), async || {
        let found = session.hook_deliveries(id, 0, 0).await.unwrap();
        found.into_iter().rfind(|one| one.state() == state)
    })
    .await
}

/// Turns the clock until so many messages came.
async fn turn(clock: &TurnedClock, receiver: &Receiver, count: usize, by: Duration) {
    eventually(&format!("{count} messages come in time"), async || {
        clock.advance(by);
        tokio::time::sleep(Duration::from_millis(5)).await;
        (receiver.all().len() >= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_receiver_is_told_what_happens_in_order_and_signed() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, receiver) = (server.log_in("root").await, Receiver::start().await);
    let made = hook(&root, &receiver, &["channels", "texts"]).await;
    assert!(made.secret.starts_with("whsec_") && made.id == 1, "{made:?}");

    let tea = root.create_channel(None, "Tea").await.unwrap();
    root.join(tea).await.unwrap();
    root.text_channel(tea, "Earl Grey?").await.unwrap();
    root.edit_channel(tea, None, Some("hot"), None).await.unwrap();
    let all = receiver.wait(3).await;
    let words: Vec<_> = all.iter().map(receiver::Received::word).collect();
    assert_eq!(words, ["channel-created", "text-sent", "channel-changed"], "nothing of other kinds");
    assert!(all.iter().all(|one| one.is_signed_by(&made.secret)));
    let text = &all[1].body;
    assert_eq!(
        (&text["data"]["text"], &text["data"]["channel"]),
        (&json!("Earl Grey?"), &json!(tea.to_string()))
    );
    assert_eq!((&text["data"]["event"], &text["data"]["kind"]), (&json!("text-sent"), &json!("texts")));
    assert_eq!(text["timestamp"], text["data"]["at"]);
    assert_eq!(all[1].headers["content-type"], "application/json");
    let ids: std::collections::HashSet<_> = all.iter().map(receiver::Received::id).collect();
    assert_eq!(ids.len(), 3);

    // What became of them is kept; the secret isn't shown.
    let taken = eventually("all are taken", async || {
        let found = root.hook_deliveries(1, 0, 0).await.unwrap();
        found.iter().all(|one| one.state() == HookDeliveryState::Delivered).then_some(found)
    })
    .await;
    assert_eq!(taken.iter().map(|one| one.number).collect::<Vec<_>>(), [3, 2, 1], "the latest first");
    assert_eq!((taken[1].message_id.as_str(), taken[1].r#type.as_str()), (all[1].id(), "text-sent"));
    assert_eq!(taken[1].tries.iter().map(|one| one.status).collect::<Vec<_>>(), [204]);
    let shown = only(&root).await;
    assert_eq!((shown.url.as_str(), shown.waiting, shown.off()), (&*receiver.url(), 0, HookOff::On));
    let audit = root.audit_trail(wire::ReadAudit::default()).await.unwrap();
    let made_one = audit.iter().find(|entry| entry.subject == "webhook").unwrap();
    assert!(made_one.after.contains("(not shown)") && made_one.after.contains("/in"), "{made_one:?}");

    // Another secret: for a day both are good.
    let rotated = root.rotate_hook_secret(1).await.unwrap();
    assert_ne!(rotated.secret, made.secret);
    assert_eq!(root.test_hook(1).await.unwrap(), 4);
    let test = receiver.wait(4).await.pop().unwrap();
    assert_eq!((test.word(), &test.body["data"]), ("test", &json!({})));
    assert!(test.is_signed_by(&made.secret) && test.is_signed_by(&rotated.secret));
    assert!(only(&root).await.former_until_ms > 0);

    // The same again, by the same identifier.
    assert_eq!(root.replay_hook(1, 2, false).await.unwrap(), 1);
    assert_eq!(receiver.wait(5).await[4].id(), all[1].id());
    with_state(&root, HookDeliveryState::Delivered).await;
    eventually("it is taken", async || (only(&root).await.waiting == 0).then_some(())).await;
    assert_eq!(root.replay_hook(1, 1, true).await.unwrap(), 4);
    let again = receiver.wait(9).await;
    let ids = |all: &[receiver::Received]| all.iter().map(|one| one.id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&again[5..]), ids(&again[..4]), "in their order");

    // Of a channel that is gone nobody may know any more but that it is.
    root.remove_channel(tea).await.unwrap();
    assert_eq!(receiver.wait(10).await[9].word(), "channels-removed");
    eventually("it is taken", async || (only(&root).await.waiting == 0).then_some(())).await;
    root.replay_hook(1, 2, false).await.unwrap();
    with_state(&root, HookDeliveryState::Withheld).await;

    root.remove_hook(1).await.unwrap();
    assert_eq!(root.hooks().await.unwrap(), []);
    assert_eq!(code(root.test_hook(1).await), ErrorCode::NotFound);
    root.create_channel(None, "Later").await.unwrap();
    assert_eq!(receiver.all().len(), 10);
}

#[tokio::test]
async fn what_arrives_is_verified_by_the_specification_s_packages() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, receiver) = (server.log_in("root").await, Receiver::start().await);
    let made = hook(&root, &receiver, &["channels", "texts"]).await;
    let tea = root.create_channel(None, "Tee & Kuchen").await.unwrap();
    root.join(tea).await.unwrap();
    root.text_channel(tea, "Grüße,\n\t世界 \"\\ 🍰").await.unwrap();
    receiver.wait(2).await;
    let rotated = root.rotate_hook_secret(1).await.unwrap();
    root.test_hook(1).await.unwrap();
    let all = receiver.wait(3).await;
    let message = |secret: &str, one: &receiver::Received| {
        let body = std::str::from_utf8(&one.raw).unwrap();
        json!({ "secret": secret, "headers": one.headers, "body": body })
    };
    // By the first secret all of it, by the second one what was sent since.
    let secrets = [&made.secret, &rotated.secret];
    let messages: Vec<_> =
        secrets.iter().flat_map(|secret| all.iter().map(|one| message(secret, one))).collect();
    for program in receivers() {
        let said = received(program, &messages);
        let verified: Vec<_> = said.iter().map(|line| line.starts_with("verified ")).collect();
        assert_eq!(verified, [true, true, true, false, false, true], "{said:?}");
        assert!(said[1].contains("世界") && said[5].contains("\"test\""), "{said:?}");
    }
}

#[tokio::test]
async fn a_webhook_tells_no_more_than_its_owner_may_know() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, alice, receiver) =
        (server.log_in("root").await, server.log_in("alice").await, Receiver::start().await);
    hook(&alice, &receiver, &["channels", "texts", "accounts"]).await;
    let (open, closing) = (
        root.create_channel(None, "Open").await.unwrap(),
        root.create_channel(None, "Closing").await.unwrap(),
    );
    assert_eq!(receiver.wait(2).await.len(), 2);
    let hidden = |deny| NewOverwrite {
        channel: closing,
        subject: OverwriteFor::User("alice".to_owned()),
        allow: Permissions::NONE,
        deny,
        reach: parlour::permission::Reach::Both,
    };
    // What waits when she loses sight of it is judged again when it is sent.
    receiver.answer(Answer::Status(500, "not now"));
    root.join(closing).await.unwrap();
    let write = async |channel, text: &str| {
        root.join(channel).await.unwrap();
        root.text_channel(channel, text).await.unwrap();
    };
    write(open, "in the open").await;
    write(closing, "before she was shut out").await;
    receiver.wait(3).await;
    root.set_overwrite(hidden(Permissions::VIEW)).await.unwrap();
    write(closing, "after she was shut out").await;
    write(open, "in the open again").await;
    root.edit_channel(closing, None, Some("tea"), None).await.unwrap();
    receiver.answer(Answer::Status(200, ""));
    eventually("the first one is tried again", async || {
        clock.advance(Duration::from_secs(1));
        (receiver.all().len() > 3).then_some(())
    })
    .await;
    eventually("nothing waits", async || (only(&alice).await.waiting == 0).then_some(())).await;
    let texts: Vec<_> = receiver
        .all()
        .iter()
        .filter(|one| one.word() == "text-sent")
        .map(|one| one.body["data"]["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts, ["in the open", "in the open", "in the open again"], "the first one was sent twice");
    let withheld = with_state(&alice, HookDeliveryState::Withheld).await;
    assert_eq!((withheld.r#type.as_str(), withheld.tries.len()), ("text-sent", 0));
    assert!(!receiver.words().contains(&"channel-changed".to_owned()));
    // She sees it again.
    root.set_overwrite(hidden(Permissions::NONE)).await.unwrap();
    write(closing, "she is back").await;
    eventually("it comes", async || {
        receiver.all().iter().any(|one| one.body["data"]["text"] == "she is back").then_some(())
    })
    .await;
}

/// What was judged when it happened is judged again where a role has ended since, or another channel hides it.
#[tokio::test]
async fn what_waits_is_withheld_once_a_role_has_ended_or_its_channel_is_hidden() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, alice, receiver) =
        (server.log_in("root").await, server.log_in("alice").await, Receiver::start().await);
    let secret = root.create_channel(None, "Secret").await.unwrap();
    let open = root.create_channel(None, "Open").await.unwrap();
    hide(&root, secret).await;
    let seeing = root.create_role("Seeing", 500, 0, Permissions::NONE).await.unwrap();
    let shown = NewOverwrite {
        channel: secret,
        subject: OverwriteFor::Role(seeing),
        allow: Permissions::VIEW,
        deny: Permissions::NONE,
        reach: parlour::permission::Reach::Both,
    };
    root.set_overwrite(shown).await.unwrap();
    root.grant_role("alice", seeing, Some(HOUR)).await.unwrap();
    hook(&alice, &receiver, &["texts"]).await;
    let write = async |channel, text: &str| {
        root.join(channel).await.unwrap();
        root.text_channel(channel, text).await.unwrap();
    };
    write(secret, "for an hour").await;
    assert_eq!(receiver.wait(1).await[0].body["data"]["text"], "for an hour");
    receiver.answer(Answer::Status(500, "not now"));
    write(secret, "tried within the hour").await;
    write(secret, "waits behind it").await;
    write(open, "in the open").await;
    receiver.wait(2).await;
    receiver.answer(Answer::Status(200, ""));
    clock.advance(2 * HOUR);
    assert_eq!(receiver.wait(3).await[2].body["data"]["text"], "in the open", "her role has ended");
    let states = async || {
        let found = alice.hook_deliveries(1, 0, 0).await.unwrap();
        found.iter().rev().map(wire::HookDelivery::state).collect::<Vec<_>>()
    };
    let (delivered, withheld) = (HookDeliveryState::Delivered, HookDeliveryState::Withheld);
    eventually("nothing waits", async || (only(&alice).await.waiting == 0).then_some(())).await;
    assert_eq!(states().await, [delivered, withheld, withheld, delivered]);

    // The channel goes where she sees nothing.
    receiver.answer(Answer::Status(500, "not now"));
    write(open, "before it was moved").await;
    receiver.wait(4).await;
    root.move_channel(open, Some(secret), 0).await.unwrap();
    receiver.answer(Answer::Status(200, ""));
    clock.advance(HOUR);
    eventually("nothing waits", async || (only(&alice).await.waiting == 0).then_some(())).await;
    assert_eq!(states().await, [delivered, withheld, withheld, delivered, withheld]);

    // A channel is shut by a password.
    let shut = root.create_channel(None, "Shut").await.unwrap();
    receiver.answer(Answer::Status(500, "not now"));
    write(shut, "before it was shut").await;
    receiver.wait(5).await;
    let closed = ChannelEdit { password: Some("hush".to_owned()), ..ChannelEdit::default() };
    root.edit_channel_with(shut, closed).await.unwrap();
    receiver.answer(Answer::Status(200, ""));
    clock.advance(HOUR);
    eventually("nothing waits", async || (only(&alice).await.waiting == 0).then_some(())).await;
    assert_eq!(states().await, [delivered, withheld, withheld, delivered, withheld, withheld]);
    assert_eq!(receiver.count(), 5);
}

#[tokio::test]
async fn whoever_can_t_come_in_is_told_nothing_more() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let receiver = Receiver::start().await;
    hook(&alice, &receiver, &["channels"]).await;
    root.set_user_disabled("alice", true).await.unwrap();
    root.create_channel(None, "Unheard").await.unwrap();
    root.set_user_disabled("alice", false).await.unwrap();
    let alice = server.log_in("alice").await;
    is_off(&alice, HookOff::NotLetIn).await;
    assert_eq!(receiver.words(), [""; 0]);
    alice.edit_hook(wire::EditHook { id: 1, on: Some(true), ..Default::default() }).await.unwrap();
    assert_eq!(receiver.wait(1).await[0].word(), "missed");

    // Somebody else may have made it, who knew the password.
    let change = wire::ChangePassword {
        old: PASSWORD.to_owned(),
        new: "seven small red boats".to_owned(),
        ..Default::default()
    };
    let answer = alice.request(request::Body::ChangePassword(change)).await.unwrap();
    let wire::response::Body::PasswordChanged(ended) = answer else { panic!("{answer:?}") };
    assert_eq!((ended.hooks, only(&alice).await.off()), (1, HookOff::Closed));
    root.create_channel(None, "Unheard, too").await.unwrap();

    // Deleted with the account.
    alice.close().await;
    root.delete_user("alice").await.unwrap();
    root.create_channel(None, "By nobody").await.unwrap();
    assert_eq!(receiver.words(), ["missed"]);
}

/// The server is killed while a message is on its way, and while others wait: none is lost, and the one comes again by its
/// identifier.
#[tokio::test]
async fn a_kill_during_a_delivery_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    receiver.answer(Answer::Silence);
    let serve = || {
        let mut command = parlour(home.path());
        command.env("PARLOUR_HOOKS_NETWORKS", "127.0.0.0/8");
        Process::serve_with(command, "127.0.0.1:0", &[])
    };
    let process = serve();
    let claim = process.claim.clone().unwrap();
    let address = process.address.to_string().parse().unwrap();
    let connected =
        parlour::client::connect(&address, parlour::client::Trust::FirstUse, "test/1").await.unwrap();
    let root = connected.log_in(Credentials::claim(&claim, "root", PASSWORD, "test")).await.unwrap();
    hook(&root, &receiver, &["channels"]).await;
    for number in 0..10 {
        root.create_channel(None, &format!("Channel {number}")).await.unwrap();
    }
    let under_way = receiver.wait(1).await.remove(0);
    process.kill();
    receiver.answer(Answer::Status(200, ""));
    let process = serve();
    let all = receiver.wait(12).await;
    assert_eq!((all[1].id(), &all[1].body), (under_way.id(), &under_way.body), "the same again");
    let names: Vec<_> = all[1..11].iter().map(|one| one.body["data"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, (0..10).map(|number| format!("Channel {number}")).collect::<Vec<_>>());
    assert_eq!((all[11].word(), &all[11].body["data"]["why"]), ("missed", &json!("restart")));
    let ids: std::collections::HashSet<_> = all[1..].iter().map(receiver::Received::id).collect();
    assert_eq!(ids.len(), 11);
    let address = process.address.to_string().parse().unwrap();
    let root = log_in(&address, "root", PASSWORD).await.unwrap();
    eventually("all are taken", async || (only(&root).await.waiting == 0).then_some(())).await;
    process.kill();
}

/// Something happens so many times, a hundred at once.
async fn happen(server: &TestServer, channel: ChannelId, times: usize) {
    for first in (0..times).step_by(100) {
        let mut asking = tokio::task::JoinSet::new();
        for number in first..times.min(first + 100) {
            let (handle, name) = (server.server.handle().clone(), Some(format!("General {number}")));
            let edit = wire::EditChannel { channel: channel.0, name, ..Default::default() };
            asking.spawn(async move {
                handle.request(Actor::Operator, request::Body::EditChannel(edit)).await.unwrap();
            });
        }
        asking.join_all().await;
    }
}

/// The number of what a message tells of.
fn number(one: &receiver::Received) -> u64 {
    one.body["data"]["number"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn ten_thousand_events_arrive_in_their_order() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, receiver) = (server.log_in("root").await, Receiver::start().await);
    let general = channel_id(&root, "General");
    hook(&root, &receiver, &["channels"]).await;
    happen(&server, general, COUNT).await;
    eventually_within(Duration::from_secs(300), "all come", async || {
        (receiver.count() == COUNT).then_some(())
    })
    .await;
    let numbers: Vec<u64> = receiver.all().iter().map(number).collect();
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "each once, without a gap");
    eventually("nothing waits", async || (only(&root).await.waiting == 0).then_some(())).await;
}

#[tokio::test]
async fn where_too_many_wait_the_receiver_is_told_how_many_are_missing() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, receiver) = (server.log_in("root").await, Receiver::start().await);
    let general = channel_id(&root, "General");
    hook(&root, &receiver, &["channels"]).await;
    receiver.answer(Answer::Status(500, "not now"));
    happen(&server, general, MAX_HOOK_WAITING as usize + 100).await;
    let waiting = only(&root).await.waiting;
    assert_eq!(
        (waiting, receiver.count()),
        (MAX_HOOK_WAITING, 1),
        "what failed is left in peace until it is due"
    );
    receiver.answer(Answer::Status(200, ""));
    turn(&clock, &receiver, 2, Duration::from_secs(1)).await;
    let all = receiver.wait(5).await;
    assert_eq!(all[1].id(), all[0].id(), "the one that was tried is the first one still");
    let missed = &all[2].body["data"];
    assert_eq!(
        (all[2].word(), &missed["why"], &missed["count"]),
        ("missed", &json!("not-kept"), &json!("101"))
    );
    assert_eq!((number(&all[3]), number(&all[4])), (number(&all[0]) + 102, number(&all[0]) + 103));
}

/// A program of the documentation, run as a newcomer would run it.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
