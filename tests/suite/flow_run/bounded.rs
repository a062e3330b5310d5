//! What somebody could do to others by their flows, and what comes of it.

use super::*;
use crate::hook::receiver::Answer;
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
