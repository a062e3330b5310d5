//! The flows that are shipped, each doing what it is for.

use super::*;
use parlour::id::ChannelId;

/// The file of one of them.
pub(super) fn shipped(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/flows/{name}.toml"));
    std::fs::read_to_string(path).unwrap()
}

/// The newest run of a flow that something began, once it has ended, with its steps.
pub(super) async fn run_by(session: &Session, flow: &str, trigger: &str) -> wire::FlowRun {
    let found = eventually(&format!("{flow} runs by {trigger}"), async || {
        let list = wire::ListRuns { flow: flow.to_owned(), ..Default::default() };
        let all = session.flow_runs(list).await.unwrap();
        let found = all.into_iter().find(|run| run.trigger == trigger)?;
        (found.ended_ms > 0).then_some(found.run)
    })
    .await;
    session.flow_run(found).await.unwrap()
}

/// Somebody is in a channel, as another one sees it.
pub(super) async fn is_in(seer: &Session, name: &str, channel: ChannelId) {
    eventually(&format!("{name} is in {channel}"), async || {
        let view = seer.view();
        view.people(Some(channel)).iter().any(|member| member.name == name).then_some(())
    })
    .await;
}

/// Whether somebody in a channel is muted by others, once that is so.
async fn is_muted(seer: &Session, name: &str, channel: ChannelId, muted: bool) {
    eventually(&format!("{name} is muted: {muted}"), async || {
        let view = seer.view();
        view.people(Some(channel))
            .iter()
            .any(|member| member.name == name && member.muted == muted)
            .then_some(())
    })
    .await;
}

/// Turns the clock until somebody in a channel isn't muted any more. A run may begin to wait only after the clock was turned once.
async fn is_unmuted_in_time(
    clock: &parlour::clock::TurnedClock,
    seer: &Session,
    name: &str,
    channel: ChannelId,
) {
    eventually(&format!("{name} is muted no more"), async || {
        clock.advance(MINUTE);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let view = seer.view();
        view.people(Some(channel)).iter().any(|member| member.name == name && !member.muted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn whoever_enters_the_lobby_gets_a_room_of_their_own() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let lobby = root.create_channel(None, "Lobby").await.unwrap();
    add(&root, &shipped("private-room"), &[("lobby", "Lobby")]).await;
    comes(&alice, "Lobby").await;
    alice.join(lobby).await.unwrap();
    let run = run_by(&root, "private-room", "event").await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    let room = comes(&alice, "Lobby/alice's room").await;
    is_in(&root, "alice", ChannelId(room.id)).await;
    assert_eq!(room.temporary_ms, Some(60_000));
}

#[tokio::test]
async fn there_is_always_an_empty_room() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    root.create_channel(None, "Games").await.unwrap();
    add(&root, &shipped("empty-rooms"), &[("below", "Games")]).await;
    let run = ended(&root, root.run_flow("empty-rooms", vec![]).await.unwrap()).await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    let first = comes(&alice, "Games/Room 1").await;
    alice.join(ChannelId(first.id)).await.unwrap();
    comes(&root, "Games/Room 2").await;
    alice.leave().await.unwrap();
    goes(&root, "Games/Room 2").await;
    comes(&root, "Games/Room 1").await;
}

#[tokio::test]
async fn a_moderator_moves_everybody_and_brings_them_back() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let tea = root.create_channel(None, "Tea").await.unwrap();
    let arena = root.create_channel(None, "Arena").await.unwrap();
    add(&root, &shipped("mass-move"), &[]).await;
    comes(&alice, "Arena").await;
    root.join(tea).await.unwrap();
    alice.join(tea).await.unwrap();
    alice.text_channel(tea, "!all Arena").await.unwrap();
    root.text_channel(tea, "!all Arena").await.unwrap();
    is_in(&root, "alice", arena).await;
    is_in(&root, "root", arena).await;
    let run = run_by(&root, "mass-move", "go").await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    root.roll_back_run(run.run).await.unwrap();
    is_in(&root, "alice", tea).await;
    is_in(&root, "root", tea).await;
}

#[tokio::test]
async fn a_time_out_ends_by_itself() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let tea = root.create_channel(None, "Tea").await.unwrap();
    add(&root, &shipped("time-out"), &[]).await;
    comes(&alice, "Tea").await;
    root.join(tea).await.unwrap();
    alice.join(tea).await.unwrap();
    root.text_channel(tea, "!timeout alice 10m because of the noise").await.unwrap();
    is_muted(&root, "alice", tea, true).await;
    clock.advance(9 * MINUTE);
    is_muted(&root, "alice", tea, true).await;
    is_unmuted_in_time(&clock, &root, "alice", tea).await;
    let run = run_by(&root, "time-out", "command").await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    let told: Value = serde_json::from_str(&step(&run, "tell").input).unwrap();
    assert_eq!(told["with"]["text"], "You are muted for 10m. Reason: because of the noise");
}

#[tokio::test]
async fn words_that_nobody_wants_to_read_and_floods_mute() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let tea = root.create_channel(None, "Tea").await.unwrap();
    add(&root, &shipped("word-filter"), &[("words", "darn, heck")]).await;
    add(&root, &shipped("anti-flood"), &[]).await;
    comes(&alice, "Tea").await;
    root.join(tea).await.unwrap();
    alice.join(tea).await.unwrap();
    alice.text_channel(tea, "hello").await.unwrap();
    alice.text_channel(tea, "what the HECK").await.unwrap();
    is_muted(&root, "alice", tea, true).await;
    is_unmuted_in_time(&clock, &root, "alice", tea).await;
    assert_eq!(run_by(&root, "word-filter", "text").await.state(), FlowRunState::Completed);
    for _ in 0..8 {
        alice.text_channel(tea, "hello").await.unwrap();
    }
    is_muted(&root, "alice", tea, true).await;
    is_unmuted_in_time(&clock, &root, "alice", tea).await;
    assert_eq!(run_by(&root, "anti-flood", "flooding").await.state(), FlowRunState::Completed);
}

#[tokio::test]
async fn who_was_seen_last_is_told() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let tea = root.create_channel(None, "Tea").await.unwrap();
    root.join(tea).await.unwrap();
    add(&root, &shipped("last-seen"), &[("zone", "Europe/Berlin")]).await;
    alice.close().await;
    let run = run_by(&root, "last-seen", "left").await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    root.text_channel(tea, "!seen alice").await.unwrap();
    let run = run_by(&root, "last-seen", "asked").await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    let told: Value = serde_json::from_str(&step(&run, "answer").input).unwrap();
    assert!(told["with"]["text"].as_str().unwrap().starts_with("alice left on "), "{told}");
}

#[tokio::test]
async fn the_squad_follows_its_leader_and_whoever_comes_back_is_where_they_were() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let tea = root.create_channel(None, "Tea").await.unwrap();
    let arena = root.create_channel(None, "Arena").await.unwrap();
    comes(&alice, "Arena").await;
    root.join(tea).await.unwrap();
    alice.join(tea).await.unwrap();
    is_in(&root, "alice", tea).await;
    let squad = root.create_role("Squad", 10, 0, parlour::permission::Permissions::NONE).await.unwrap();
    root.grant_role("alice", squad, None).await.unwrap();
    add(&root, &shipped("follow-squad"), &[("leader", "root"), ("squad", "Squad")]).await;
    add(&root, &shipped("last-channel"), &[]).await;
    root.join(arena).await.unwrap();
    is_in(&root, "alice", arena).await;
    eventually("it is kept where alice is", async || {
        let on = parlour::client::On::User("alice".to_owned());
        root.element(on, "last.channel").await.ok()
    })
    .await;
    alice.close().await;
    let again = server.log_in("alice").await;
    is_in(&root, "alice", arena).await;
    drop(again);
}

#[tokio::test]
async fn somebody_who_waits_in_support_is_told_of_elsewhere() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let receiver = Receiver::start().await;
    let support = root.create_channel(None, "Help desk").await.unwrap();
    add(&root, &shipped("notify"), &[]).await;
    let url = receiver.url();
    let settings = [("channel", "Help desk"), ("url", url.as_str()), ("kind", "matrix"), ("patience", "0s")];
    // What could come to nothing isn't taken, and every value that is set is said again.
    let source = shipped("support-waiting");
    let half = wire::AddFlow { source: source.clone(), settings: values(&settings[..1]), shared: false };
    let refused = root.add_flow(half).await.unwrap_err().to_string();
    assert!(refused.contains("`url` has to be set, a text") && refused.contains("`event`"), "{refused}");
    add(&root, &source, &settings).await;
    let settings = Some(wire::FlowValues { values: values(&settings[1..]), ..Default::default() });
    let edit = wire::EditFlow { name: "support-waiting".to_owned(), settings, ..Default::default() };
    let refused = root.edit_flow(edit).await.unwrap_err().to_string();
    assert!(refused.contains("`channel` has to be set"), "{refused}");
    comes(&alice, "Help desk").await;
    alice.join(support).await.unwrap();
    let run = run_by(&root, "support-waiting", "event").await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    let came = receiver.wait(1).await;
    assert_eq!(came[0].body["text"], "alice waits in Help desk.");
    assert!(!format!("{run:?}").contains(&url), "{run:?}");
}

#[tokio::test]
async fn a_channel_has_opening_hours_and_whoever_is_away_goes_and_comes_back() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    root.create_channel(None, "Desk").await.unwrap();
    add(&root, &shipped("opening-hours"), &[("channel", "Desk"), ("role", "Member")]).await;
    // Whatever day it is, both come within four days, also where they were missed.
    clock.advance(4 * DAY);
    for trigger in ["open", "close"] {
        let run = run_by(&root, "opening-hours", trigger).await;
        assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    }
}
