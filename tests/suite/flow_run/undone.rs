//! What a run did is undone, the last step first; and runs that somebody ends.

use super::*;

/// Makes two channels, and waits or fails.
const TWO: &str = r#"
[workflow]
name = "two"

[parameters.then]
type = "string"
default = "nothing"

[[triggers]]
on = "hand"

[[steps]]
name = "first"
do = "create_channel"
with = { name = "First" }
undo = { do = "remove_channel", with = { channel = "{{ output.id }}" } }

[[steps]]
name = "more"
each = "['a', 'b']"
do = "create_channel"
with = { name = "More {{ item }}", parent = "{{ steps.first.output.id }}" }
undo = { do = "remove_channel", with = { channel = "{{ output.id }}" } }

[[steps]]
name = "long"
when = "input.then == 'wait'"
do = "wait"
with = { for = "1h" }

[[steps]]
name = "fails"
when = "input.then == 'fail'"
do = "fail"
with = { reason = "no milk" }
"#;

fn undone(run: &wire::FlowRun) -> Vec<u32> {
    run.steps.iter().filter(|step| step.undoes > 0).map(|step| step.undoes).collect()
}

#[tokio::test]
async fn what_was_done_before_a_failure_is_undone_the_last_step_first() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    add(&root, TWO, &[]).await;
    let run = ended(&root, root.run_flow("two", values(&[("then", "fail")])).await.unwrap()).await;
    assert_eq!(run.state(), FlowRunState::RolledBack, "{run:?}");
    assert!(run.error.contains("no milk"), "{}", run.error);
    let order = undone(&run);
    assert_eq!(order.len(), 3, "{run:?}");
    assert!(order.windows(2).all(|two| two[0] > two[1]), "{order:?}");
    assert!(run.steps.iter().filter(|step| step.undoes > 0).all(|step| step.state() == FlowStepState::Done));
    goes(&root, "First").await;

    // What went well is undone when its owner asks for it.
    let run = ended(&root, root.run_flow("two", vec![]).await.unwrap()).await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    comes(&root, "First/More b").await;
    root.roll_back_run(run.run).await.unwrap();
    let back = eventually("it is undone", async || {
        let now = root.flow_run(run.run).await.unwrap();
        (now.state() == FlowRunState::RolledBack).then_some(now)
    })
    .await;
    assert_eq!(undone(&back).len(), 3);
    goes(&root, "First").await;
    assert_eq!(code(root.roll_back_run(run.run).await), ErrorCode::Malformed);
    let two = root.flow("two", 0).await.unwrap().flow.unwrap();
    assert_eq!((two.rolled_back, two.completed, two.failed), (2, 1, 0));
}

#[tokio::test]
async fn what_can_t_be_undone_is_said_and_the_rest_is() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    add(&root, TWO, &[]).await;
    let run = ended(&root, root.run_flow("two", vec![]).await.unwrap()).await;
    let more = comes(&root, "First/More b").await.id;
    root.remove_channel(parlour::id::ChannelId(more)).await.unwrap();
    root.roll_back_run(run.run).await.unwrap();
    let failed = eventually("it is undone as far as it goes", async || {
        let now = root.flow_run(run.run).await.unwrap();
        (now.state() == FlowRunState::Failed).then_some(now)
    })
    .await;
    assert!(
        failed.error.contains("couldn't be undone") && failed.error.contains("`more`"),
        "{}",
        failed.error
    );
    goes(&root, "First").await;
}

#[tokio::test]
async fn a_run_that_waits_is_ended_or_undone_at_once() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    add(&root, TWO, &[]).await;
    let waits = async |run| {
        eventually("it waits", async || {
            let now = root.flow_run(run).await.unwrap();
            now.steps.iter().any(|step| step.until_ms > 0).then_some(())
        })
        .await;
    };
    let run = root.run_flow("two", values(&[("then", "wait")])).await.unwrap();
    waits(run).await;
    root.cancel_run(run).await.unwrap();
    let cancelled = ended(&root, run).await;
    assert_eq!(cancelled.state(), FlowRunState::Cancelled);
    comes(&root, "First").await;
    root.remove_channel(parlour::id::ChannelId(comes(&root, "First").await.id)).await.unwrap();

    let run = root.run_flow("two", values(&[("then", "wait")])).await.unwrap();
    waits(run).await;
    root.roll_back_run(run).await.unwrap();
    assert_eq!(ended(&root, run).await.state(), FlowRunState::RolledBack);
    goes(&root, "First").await;

    // And one that nobody ends goes on when its time has come.
    let run = root.run_flow("two", values(&[("then", "wait")])).await.unwrap();
    waits(run).await;
    clock.advance(59 * MINUTE);
    assert_eq!(root.flow_run(run).await.unwrap().state(), FlowRunState::InProgress);
    clock.advance(MINUTE);
    assert_eq!(ended(&root, run).await.state(), FlowRunState::Completed);
}
