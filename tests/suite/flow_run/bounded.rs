//! What somebody could do to others by their flows, and what comes of it.

use super::*;
use crate::hook::receiver::Answer;
use crate::organizations::{log_in, raid};
use crate::support::PASSWORD;
use parlour::bounds::MAX_RUNS_AT_WORK;
use parlour::id::Timestamp;

#[tokio::test]
async fn flows_that_begin_each_other_over_http_end() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    let address = server.server.addresses()[0];
    let source = "[workflow]\nname = \"echo\"\n[[triggers]]\non = \"webhook\"\n[[steps]]\nname = \"say\"\ndo = \"value\"\nwith = { value = \"{{ run.depth }}\" }\n";
    add(&root, source, &[]).await;
    let made = root.make_flow_secret("echo").await.unwrap();
    let begin = async |depth: &str| {
        let mut program = Program::at(address, &made.secret).await;
        let mut request = program.request(&Method::POST, "/flows/echo/hook", Some(&json!({})));
        request.headers_mut().insert("parlour-flow-depth", depth.parse().unwrap());
        program.send(request).await
    };
    let third = begin("3").await;
    assert_eq!(third.status, StatusCode::ACCEPTED);
    let run = ended(&root, third.body["run"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(output(&run, "say"), json!(4));
    for too_deep in ["4", "255"] {
        let refused = begin(too_deep).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
        assert!(
            refused.body["detail"].as_str().unwrap_or_default().contains("began each other"),
            "{refused:?}"
        );
    }
    // What isn't a number says nothing.
    assert_eq!(begin("none").await.status, StatusCode::ACCEPTED);
    // A flow that asks a server says how deep it is.
    let receiver = Receiver::start().await;
    receiver.answer(Answer::Status(200, ""));
    let source = format!(
        "[workflow]\nname = \"ask\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"call-webhook\"\nwith = {{ url = \"{}\", headers = {{ parlour-flow-depth = \"0\" }}, body = {{ type = \"a\" }} }}\n",
        receiver.url()
    );
    add(&root, &source, &[]).await;
    ended(&root, root.run_flow("ask", vec![]).await.unwrap()).await;
    assert_eq!(receiver.wait(1).await.remove(0).headers["parlour-flow-depth"], "1");
}

#[tokio::test]
async fn a_schedule_goes_on_after_a_clock_that_ran_ahead_is_set_back() {
    const HOUR: u64 = 3_600_000;
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    let right = server.server.handle().clock().wall();
    let source = "[workflow]\nname = \"hourly\"\n[[triggers]]\non = \"cron\"\ncron = \"0 * * * *\"\n[[steps]]\ndo = \"value\"\nwith = { value = 1 }\n";
    add(&root, source, &[]).await;
    let count = async || {
        let list = wire::ListRuns { flow: "hourly".to_owned(), ..Default::default() };
        root.flow_runs(list).await.unwrap().iter().filter(|run| run.ended_ms > 0).count()
    };
    let to_the_hour = |now: Timestamp| Timestamp(now.0 - now.0 % HOUR + HOUR);
    // Five hours ahead it runs, and is seen to up to then.
    clock.set_wall(to_the_hour(Timestamp(right.0 + 5 * HOUR)));
    eventually("it runs", async || (count().await == 1).then_some(())).await;
    clock.set_wall(right);
    clock.advance(MINUTE);
    tokio::task::yield_now().await;
    for runs in 2..4 {
        let now = server.server.handle().clock().wall();
        clock.advance(Duration::from_millis(to_the_hour(now).0 - now.0));
        eventually(&format!("it has run {runs} times"), async || {
            // It may be looked at the clock only now.
            clock.advance(Duration::from_millis(1));
            (count().await == runs).then_some(())
        })
        .await;
    }
    // A little ahead nothing runs twice.
    let now = server.server.handle().clock().wall();
    clock.set_wall(Timestamp(now.0 - 10 * 60_000));
    clock.advance(12 * MINUTE);
    assert_eq!(count().await, 3);
}

#[tokio::test]
async fn an_organization_that_floods_leaves_another_one_its_share_of_the_runner() {
    const OWNERS: usize = 9;
    let server = TestServer::with(LOOPBACK).await;
    let (root, boss) = (server.log_in("root").await, raid(&server).await);
    let receiver = Receiver::start().await;
    receiver.answer(Answer::Silence);
    let (all, of_account) = MAX_RUNS_AT_WORK;
    assert!(OWNERS * of_account > all, "without shares these would take all that there is");
    // They hold what they have for as long as somebody else's server doesn't answer.
    for number in 0..OWNERS {
        let name = format!("raider-{number}");
        boss.create_user(&name, PASSWORD, "Member").await.unwrap();
        let raider = log_in(&server, "raid", &name).await;
        let source = format!(
            "[workflow]\nname = \"{name}\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"call-webhook\"\nwith = {{ url = \"{}\", body = {{ type = \"a\" }} }}\n",
            receiver.url()
        );
        add(&raider, &source, &[]).await;
        for _ in 0..of_account {
            raider.run_flow(&name, vec![]).await.unwrap();
        }
    }
    receiver.wait(all / 2).await;
    let source = "[workflow]\nname = \"own\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"value\"\nwith = { value = 1 }\n";
    add(&root, source, &[]).await;
    let run = ended(&root, root.run_flow("own", vec![]).await.unwrap()).await;
    assert_eq!(run.state(), FlowRunState::Completed, "{run:?}");
    assert_eq!(
        receiver.count(),
        all / 2,
        "half of what there is, while the other organization has nothing under way"
    );
}

#[tokio::test]
async fn more_missed_times_than_are_counted_begin_one_run() {
    const THREE_DAYS: Duration = Duration::from_secs(3 * 24 * 60 * 60);
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    let flow = |name: &str, more: &str, on: &str| {
        format!("[workflow]\nname = \"{name}\"\n{more}[[triggers]]\n{on}\n[[steps]]\ndo = \"value\"\n")
    };
    add(&root, &flow("often", "missed = \"once\"\n", "on = \"cron\"\ncron = \"* * * * *\""), &[]).await;
    clock.advance(THREE_DAYS);
    let count = async || {
        let list = wire::ListRuns { flow: "often".to_owned(), ..Default::default() };
        root.flow_runs(list).await.unwrap().iter().filter(|run| run.ended_ms > 0).count()
    };
    eventually("it runs", async || (count().await == 1).then_some(())).await;
    // What is due is looked at anew whenever there is another flow.
    for name in ["one", "two", "three"] {
        add(&root, &flow(name, "", "on = \"hand\""), &[]).await;
        ended(&root, root.run_flow(name, vec![]).await.unwrap()).await;
    }
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn a_flow_tells_nobody_which_accounts_there_are() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let carol = server.server.handle().accounts().user_named("carol").unwrap();
    let source = |name: &str| {
        format!(
            "[workflow]\nname = \"{name}\"\n[parameters.who]\ntype = \"user\"\n[[triggers]]\non = \"hand\"\n[[steps]]\nname = \"say\"\ndo = \"value\"\nwith = {{ value = \"{{{{ input.who }}}}\" }}\n"
        )
    };
    let said = async |session: &Session, name: &str, who: &str| {
        let run = session.run_flow(name, values(&[("who", who)])).await.unwrap();
        let run = ended(session, run).await;
        if run.state() == FlowRunState::Completed { output(&run, "say") } else { json!(null) }
    };
    for (session, name) in [(&root, "looks-after"), (&alice, "doesnt")] {
        add(session, &source(name), &[]).await;
        assert_eq!(said(session, name, "ROOT").await, json!("root"), "everybody sees who is connected");
    }
    let (number, name) = (carol.to_string(), "Carol");
    assert_eq!(said(&root, "looks-after", &number).await, json!("carol"));
    assert_eq!(said(&root, "looks-after", name).await, json!("carol"));
    assert_eq!(said(&root, "looks-after", "nobody").await, json!(null));
    // Whoever is away looks like whoever isn't there.
    assert_eq!(said(&alice, "doesnt", &number).await, json!(null));
    for unknown in [name, "Nobody"] {
        assert_eq!(said(&alice, "doesnt", unknown).await, json!(unknown));
    }
}
