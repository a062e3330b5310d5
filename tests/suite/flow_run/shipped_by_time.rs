//! The flows that are shipped and go by time, by clocks that are turned; and the one that records.

use super::*;
use crate::flow_run::shipped::{is_in, shipped};
use parlour::client::RequestError;
use parlour::clock::TurnedClock;
use parlour::id::ChannelId;

/// Time goes on until a moment before the next time that is so many minutes apart.
fn until_before(server: &TestServer, clock: &TurnedClock, minutes: u64, before: Duration) {
    let every = minutes * 60_000;
    let left = Duration::from_millis(every - server.server.handle().clock().wall().0 % every);
    let next = left + Duration::from_millis(every);
    clock.advance(left.checked_sub(before).unwrap_or(next.saturating_sub(before)));
}

async fn runs_of(session: &Session, flow: &str) -> Vec<wire::FlowRun> {
    session.flow_runs(wire::ListRuns { flow: flow.to_owned(), ..Default::default() }).await.unwrap()
}

/// So many runs of a flow have ended, all of them well.
async fn have_ended(session: &Session, flow: &str, count: usize) {
    eventually(&format!("{count} runs of {flow} end"), async || {
        let all = runs_of(session, flow).await;
        let ended = all.iter().filter(|run| run.ended_ms > 0).count();
        assert!(all.iter().all(|run| run.error.is_empty()), "{all:?}");
        (ended >= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn whoever_does_nothing_goes_to_a_channel_of_its_own_and_comes_back() {
    const MOMENT: Duration = Duration::from_secs(20);
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let tea = root.create_channel(None, "Tea").await.unwrap();
    let afk = root.create_channel(None, "AFK").await.unwrap();
    comes(&alice, "AFK").await;
    alice.join(tea).await.unwrap();
    until_before(&server, &clock, 1, MOMENT);
    add(&root, &shipped("afk"), &[("channel", "AFK"), ("after", "10m")]).await;
    // Not yet.
    clock.advance(MOMENT);
    have_ended(&root, "afk", 1).await;
    is_in(&root, "alice", tea).await;
    clock.advance(10 * MINUTE);
    have_ended(&root, "afk", 2).await;
    is_in(&root, "alice", afk).await;
    // She does something, and is back with the next look.
    until_before(&server, &clock, 1, MOMENT);
    alice.text_channel(afk, "I am back").await.unwrap();
    clock.advance(MOMENT);
    is_in(&root, "alice", tea).await;
    // What was remembered of her is gone, and so is that of sessions that have ended.
    eventually("nothing is remembered", async || {
        let on = Some(wire::list_elements::On::Channel(afk.0));
        let list = request::Body::ListElements(wire::ListElements { on });
        match root.request(list).await.unwrap() {
            wire::response::Body::Elements(all) => all.elements.is_empty().then_some(()),
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_comes_reads_a_welcome_and_the_rules_once_an_hour() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    add(&root, &shipped("welcome"), &[("welcome", "Hello, NAME!"), ("rules", "Be kind., No spoilers.")])
        .await;
    let texts = async || {
        let mut texts = Vec::new();
        for run in runs_of(&root, "welcome").await {
            // Between the list and this, one within the pause may have been discarded.
            let run = match root.flow_run(run.run).await {
                Err(RequestError::Refused { code: Some(ErrorCode::NotFound), .. }) => continue,
                run => run.unwrap(),
            };
            let Some(written) = run.steps.iter().find(|step| step.name == "write") else { continue };
            let given: Value = serde_json::from_str(&written.input).unwrap();
            if written.ended_ms > 0 {
                texts.push(given["with"]["text"].as_str().unwrap().to_owned());
            }
        }
        texts
    };
    let written = async |count: usize| {
        eventually(&format!("{count} are written"), async || {
            clock.advance(Duration::from_secs(2));
            tokio::time::sleep(Duration::from_millis(20)).await;
            let texts = texts().await;
            (texts.len() >= count).then_some(texts)
        })
        .await
    };
    let alice = server.log_in("alice").await;
    assert_eq!(written(1).await, ["Hello, alice!\n1. Be kind.\n2. No spoilers.\n"]);
    // She comes again at once, and reads nothing more; bob does.
    alice.close().await;
    let alice = server.log_in("alice").await;
    let bob = server.log_in("bob").await;
    let both = written(2).await;
    assert!(both[0].starts_with("Hello, bob!") && both[1].starts_with("Hello, alice!"), "{both:?}");
    assert_eq!(both.len(), 2);
    // An hour later she does.
    alice.close().await;
    clock.advance(60 * MINUTE);
    let _alice = server.log_in("alice").await;
    assert!(written(3).await[0].starts_with("Hello, alice!"));
    drop(bob);
}

#[tokio::test]
async fn whoever_was_here_for_long_enough_gets_a_role() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, alice, bob) =
        (server.log_in("root").await, server.log_in("alice").await, server.log_in("bob").await);
    let tea = root.create_channel(None, "Tea").await.unwrap();
    let none = parlour::permission::Permissions::NONE;
    let role = root.create_role("Regular", 1, 0, none).await.unwrap();
    comes(&alice, "Tea").await;
    alice.join(tea).await.unwrap();
    bob.join(tea).await.unwrap();
    until_before(&server, &clock, 10, 2 * MINUTE);
    add(&root, &shipped("roles-by-time"), &[("role", "Regular"), ("hours", "0.5")]).await;
    let has = async |name: &str| {
        let view = root.view();
        view.people(Some(tea)).iter().any(|member| member.name == name && member.roles.contains(&role.0))
    };
    for run in 1..=3 {
        // alice does something between two looks, bob doesn't.
        alice.text_channel(tea, "hm").await.unwrap();
        clock.advance(2 * MINUTE);
        have_ended(&root, "roles-by-time", run).await;
        if run < 3 {
            assert!(!has("alice").await, "after {run}");
            clock.advance(8 * MINUTE);
        }
    }
    eventually("alice is a regular", async || has("alice").await.then_some(())).await;
    assert!(!has("bob").await, "he did nothing for most of the time");
}

#[tokio::test]
async fn a_meeting_is_recorded_by_its_owner_once_enough_are_there() {
    let server = TestServer::with(LOOPBACK).await;
    server.server.ensure_user("olaf", crate::support::PASSWORD, "Officer").await.unwrap();
    let (root, olaf) = (server.log_in("root").await, server.log_in("olaf").await);
    let (alice, bob) = (server.log_in("alice").await, server.log_in("bob").await);
    let meeting = root.create_channel(None, "Meeting").await.unwrap();
    for session in [&alice, &bob, &olaf] {
        comes(session, "Meeting").await;
    }
    add(&olaf, &shipped("record-meeting"), &[("channel", "Meeting"), ("people", "2")]).await;
    let recorded_by = async || {
        let view = root.view();
        let channel = view.find("Meeting").unwrap();
        channel.recorded_by.clone()
    };
    // Two are there, and its owner isn't one of them.
    alice.join(meeting).await.unwrap();
    bob.join(meeting).await.unwrap();
    have_ended(&olaf, "record-meeting", 2).await;
    assert_eq!(recorded_by().await, "");
    // By hand the owner's key is told the same.
    let start = request::Body::StartRecording(wire::StartRecording { channel: meeting.0 });
    assert_eq!(code(olaf.request(start).await), ErrorCode::Malformed);
    olaf.join(meeting).await.unwrap();
    eventually("it is recorded, and everybody sees by whom", async || {
        (recorded_by().await == "olaf").then_some(())
    })
    .await;
    let seen = eventually("alice is told", async || {
        let view = alice.view();
        let channel = view.find("Meeting").ok()?;
        (!channel.recorded_by.is_empty()).then(|| channel.recorded_by.clone())
    })
    .await;
    assert_eq!(seen, "olaf");
    // It ends when its owner leaves.
    olaf.leave().await.unwrap();
    eventually("it ends", async || recorded_by().await.is_empty().then_some(())).await;
    assert_eq!(ChannelId(comes(&root, "Meeting").await.id), meeting);
}
