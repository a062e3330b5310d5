//! What begins runs: events, commands, schedules, other flows; and where it ends.

use super::*;
use crate::support::channel_id;

#[tokio::test]
async fn an_event_begins_a_run_with_what_its_owner_may_know() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let source = r#"
[workflow]
name = "note"
[[triggers]]
on = "event"
event = "channel-created"
when = "event.name != 'Noise'"
with = { name = "{{ event.name }}" }
[parameters.name]
type = "string"
required = true
[[steps]]
name = "say"
do = "value"
with = { value = "{{ input.name }} by {{ event.by.name }}" }
"#;
    add(&root, source, &[]).await;
    root.create_channel(None, "Noise").await.unwrap();
    root.create_channel(None, "Tea").await.unwrap();
    let run = only_run(&root, "note").await;
    assert_eq!((run.state(), run.trigger.as_str()), (FlowRunState::Completed, "event"), "{run:?}");
    assert_eq!(output(&run, "say"), json!("Tea by root"));
    // One that is off begins nothing.
    let off = wire::EditFlow { name: "note".to_owned(), on: Some(false), ..Default::default() };
    root.edit_flow(off).await.unwrap();
    root.create_channel(None, "Cake").await.unwrap();
    root.create_channel(None, "Milk").await.unwrap();
    assert_eq!(only_run(&root, "note").await.run, run.run);
    drop(alice);
}

#[tokio::test]
async fn a_command_is_for_those_who_may_and_brings_its_words() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let source = r#"
[workflow]
name = "poll"
[parameters.count]
type = "integer"
required = true
[parameters.question]
type = "string"
required = true
[[triggers]]
on = "command"
command = "!poll"
arguments = ["count", "question"]
permission = "edit channel"
[[steps]]
name = "ask"
do = "send_text"
with = { channel = "{{ event.channel }}", text = "{{ input.count }} answers: {{ input.question }}" }
"#;
    add(&root, source, &[]).await;
    let tea = root.create_channel(None, "Tea").await.unwrap();
    root.join(tea).await.unwrap();
    comes(&alice, "Tea").await;
    alice.join(channel_id(&alice, "Tea")).await.unwrap();
    alice.text_channel(tea, "!poll 2 may I?").await.unwrap();
    root.text_channel(tea, "!POLL 3 Green or black?").await.unwrap();
    let run = only_run(&root, "poll").await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    assert!(run.event.contains("Green or black?"), "alice may not: {}", run.event);
    let given: Value = serde_json::from_str(&step(&run, "ask").input).unwrap();
    assert_eq!(given["with"]["text"], "3 answers: Green or black?");
}

#[tokio::test]
async fn flows_that_begin_each_other_end() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    // Each channel that it makes begins it again.
    let source = r#"
[workflow]
name = "rabbits"
[[triggers]]
on = "event"
event = "channel-created"
[[steps]]
name = "more"
do = "create_channel"
with = { name = "{{ event.name }}x" }
"#;
    add(&root, source, &[]).await;
    let after = r#"
[workflow]
name = "after"
[[triggers]]
on = "workflow"
workflow = "rabbits"
[[steps]]
name = "say"
do = "value"
with = { value = "{{ event.flow }} {{ event.status }}" }
"#;
    add(&root, after, &[]).await;
    root.create_channel(None, "Rabbit").await.unwrap();
    let all = eventually("all of them have run", async || {
        let list = wire::ListRuns { flow: "rabbits".to_owned(), ..Default::default() };
        let all = root.flow_runs(list).await.unwrap();
        (all.len() == 4 && all.iter().all(|run| run.ended_ms > 0)).then_some(all)
    })
    .await;
    assert_eq!(all.iter().map(|run| run.depth).collect::<Vec<_>>(), [4, 3, 2, 1]);
    comes(&root, "Rabbitxxxx").await;
    let after = eventually("what follows runs, too", async || {
        let list = wire::ListRuns { flow: "after".to_owned(), ..Default::default() };
        let all = root.flow_runs(list).await.unwrap();
        (all.len() == 3 && all.iter().all(|run| run.ended_ms > 0)).then_some(all)
    })
    .await;
    assert_eq!(after.iter().map(|run| run.depth).max(), Some(4), "the fourth is the last");
    let run = root.flow_run(after[0].run).await.unwrap();
    assert_eq!(output(&run, "say"), json!("rabbits completed"));
    goes(&root, "Rabbitxxxxx").await;
}

#[tokio::test]
async fn a_schedule_begins_a_run_once_at_its_time_and_what_was_missed_as_the_flow_says() {
    const HOUR: u64 = 3_600_000;
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    let source = |name: &str, missed: &str| {
        format!(
            "[workflow]\nname = \"{name}\"\nmissed = \"{missed}\"\n[[triggers]]\non = \"cron\"\ncron = \"0 * * * *\"\n[[steps]]\ndo = \"value\"\nwith = {{ value = \"{{{{ event.at }}}}\" }}\n"
        )
    };
    add(&root, &source("hourly", "skip"), &[]).await;
    add(&root, &source("caught-up", "once"), &[]).await;
    let count = async |flow: &str| {
        let list = wire::ListRuns { flow: flow.to_owned(), ..Default::default() };
        root.flow_runs(list).await.unwrap().iter().filter(|run| run.ended_ms > 0).count()
    };
    assert_eq!(count("hourly").await, 0);
    for hour in 1..=3 {
        let left = HOUR - server.server.handle().clock().wall().0 % HOUR;
        clock.advance(Duration::from_millis(left));
        for flow in ["hourly", "caught-up"] {
            eventually(&format!("{flow} runs"), async || (count(flow).await == hour).then_some(())).await;
        }
    }
    let list = wire::ListRuns { flow: "hourly".to_owned(), ..Default::default() };
    let mut at: Vec<_> = root.flow_runs(list).await.unwrap().iter().map(|run| run.event.clone()).collect();
    assert!(at.iter().all(|at| at.contains(":00:00")), "{at:?}");
    at.dedup();
    assert_eq!(at.len(), 3);
    // Half past, three hours later: nobody looked meanwhile.
    clock.advance(Duration::from_millis(3 * HOUR + HOUR / 2));
    eventually("what was missed runs once", async || (count("caught-up").await == 4).then_some(())).await;
    clock.advance(Duration::from_millis(HOUR / 2));
    eventually("the next one is on time", async || (count("hourly").await == 4).then_some(())).await;
    eventually("the next one is on time", async || (count("caught-up").await == 5).then_some(())).await;
}

#[tokio::test]
async fn runs_of_a_flow_wait_for_each_other_or_are_left_out_as_it_says() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    let source = |name: &str, overlap: &str| {
        format!(
            "[workflow]\nname = \"{name}\"\noverlap = \"{overlap}\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"wait\"\nwith = {{ for = \"1m\" }}\n"
        )
    };
    add(&root, &source("queue", "queue"), &[]).await;
    add(&root, &source("skip", "skip"), &[]).await;
    let begun = async |run| {
        eventually("it has begun", async || (root.flow_run(run).await.unwrap().began_ms > 0).then_some(()))
            .await;
    };
    let first = root.run_flow("queue", vec![]).await.unwrap();
    begun(first).await;
    let second = root.run_flow("queue", vec![]).await.unwrap();
    let skipped = root.run_flow("skip", vec![]).await.unwrap();
    begun(skipped).await;
    let left_out = root.run_flow("skip", vec![]).await.unwrap();
    eventually("it is left out", async || root.flow_run(left_out).await.err()).await;
    assert_eq!(root.flow_run(second).await.unwrap().state(), FlowRunState::Queued);
    clock.advance(MINUTE);
    ended(&root, first).await;
    begun(second).await;
    clock.advance(MINUTE);
    assert_eq!(ended(&root, second).await.state(), FlowRunState::Completed);
    assert_eq!(root.flow("skip", 0).await.unwrap().flow.unwrap().dropped, 1);
}
