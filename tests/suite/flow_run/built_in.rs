//! What the server does for itself, in the list of flows.

use super::*;
use crate::support::log_in;
use parlour::id::{JobId, Timestamp};
use parlour::store::{By, Job, JobKind, JobState, Store, write};

#[tokio::test]
async fn what_the_server_does_for_itself_is_listed_with_its_runs_and_nothing_else() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    server.server.handle().maintain(24).await;
    let list = async |session: &Session, query: &str| {
        let list = wire::ListFlows { query: query.to_owned(), ..Default::default() };
        session.flows(list).await.unwrap()
    };
    let all = list(&root, "").await;
    let names: Vec<_> = all.iter().map(|flow| flow.name.as_str()).collect();
    let built_in = ["server.backup", "server.sweep", "server.verify", "server.compact", "server.migrate"];
    assert_eq!(names, built_in);
    let backup = &list(&root, "copies").await[0];
    assert_eq!((backup.name.as_str(), backup.built_in, backup.own), ("server.backup", true, false));
    assert_eq!((backup.completed, backup.failed, backup.last_ms > 0), (1, 0, true));
    let shown = root.flow("server.sweep", 0).await.unwrap();
    assert_eq!((shown.flow.unwrap().title.as_str(), shown.source.as_str()), ("Remove what has expired", ""));
    let of = |flow: &str, state: &str| {
        let (flow, state) = (flow.to_owned(), state.to_owned());
        wire::ListRuns { flow, state, ..Default::default() }
    };
    let runs = root.flow_runs(of("server.backup", "")).await.unwrap();
    assert_eq!((runs.len(), runs[0].state()), (1, FlowRunState::Completed));
    assert_eq!(root.flow_runs(of("server.backup", "failed")).await.unwrap(), []);
    let run = root.run_of_flow("server.backup", runs[0].run).await.unwrap();
    assert!(run.steps[0].output.contains("copying to"), "{run:?}");
    assert_eq!(code(root.run_of_flow("server.sweep", runs[0].run).await), ErrorCode::NotFound);
    assert_eq!(root.flow_runs(wire::ListRuns::default()).await.unwrap(), [], "they are nobody's own");

    // It can be read, and nothing else.
    let name = || "server.backup".to_owned();
    let refused = [
        root.edit_flow(wire::EditFlow { name: name(), on: Some(false), ..Default::default() }).await,
        root.remove_flow("server.backup").await,
        root.run_flow("server.backup", vec![]).await.map(drop),
        root.make_flow_secret("server.backup").await.map(drop),
        root.rate_flow(wire::RateFlow { name: name(), stars: Some(1), favourite: None }).await,
    ];
    for refused in refused {
        let words = refused.unwrap_err().to_string();
        assert!(words.contains("does for itself"), "{words}");
    }
    // It is of the machine, so whoever doesn't administer it isn't told.
    assert_eq!(list(&alice, "").await, []);
    assert_eq!(code(alice.flow("server.backup", 0).await), ErrorCode::NotFound);
    assert_eq!(code(alice.flow_runs(of("server.backup", "")).await), ErrorCode::Malformed);
    assert_eq!(code(alice.run_of_flow("server.backup", run.run).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn maintenance_that_the_server_s_end_broke_off_has_failed() {
    let server = TestServer::with(LOOPBACK).await;
    let directory = server.stop().await;
    let store = Store::open(&directory.path().join("parlour.redb"), Timestamp(1)).unwrap();
    let job = Job {
        id: JobId(0),
        kind: JobKind::Verify,
        state: JobState::Running,
        progress: 10,
        steps: vec!["users".to_owned()],
        started: Timestamp(1),
        finished: None,
        error: None,
    };
    // No more of them are kept than the bound.
    for _ in 0..1_010 {
        store.run(By::server(Timestamp(1)), write::put_job(job.clone())).unwrap();
    }
    assert_eq!(store.jobs(None, usize::MAX).unwrap().len(), 1_000);
    drop(store);
    let server = TestServer::again_with(directory, LOOPBACK).await;
    let root = log_in(&server.address(), "root", crate::support::PASSWORD).await.unwrap();
    let list = wire::ListRuns { flow: "server.verify".to_owned(), limit: 1, ..Default::default() };
    let run = root.flow_runs(list).await.unwrap().remove(0);
    assert_eq!((run.state(), run.ended_ms > 0), (FlowRunState::Failed, true));
    assert_eq!(run.error, "the server ended while this was done");
}
