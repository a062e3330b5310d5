//! What changes while a run waits or goes on: its owner, its flow, the skills and things that it names, its organization.

use super::*;
use crate::hook::receiver::Answer;
use crate::organizations::{create, delete, enter, raid};
use crate::support::PASSWORD;
use parlour::client::Credentials;
use parlour::clock::TurnedClock;
use parlour::id::{FlowRunId, Timestamp, UserId};
use parlour::store::write::Advance;
use parlour::store::{By, FlowStep, RunState, StepState, Store, write};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A flow of the name that is begun by hand, waits for an hour and does the rest then.
fn waiting(name: &str, rest: &str) -> String {
    format!(
        "[workflow]\nname = \"{name}\"\n[[triggers]]\non = \"hand\"\n[[steps]]\nname = \"pause\"\ndo = \"wait\"\nwith = {{ for = \"1h\" }}\n{rest}"
    )
}

/// Begins a run, and answers with it once it waits.
async fn begun(session: &Session, flow: &str) -> u64 {
    let run = session.run_flow(flow, vec![]).await.unwrap();
    eventually("it waits", async || {
        let now = session.flow_run(run).await.unwrap();
        assert_eq!(now.ended_ms, 0, "{now:?}");
        now.steps.iter().any(|step| step.until_ms > 0).then_some(())
    })
    .await;
    run
}

/// A run of somebody who can't ask for it themselves, once it has ended.
async fn ended_of(server: &TestServer, user: UserId, run: u64) -> parlour::store::FlowRun {
    eventually("the run ends", async || {
        let run = server.server.handle().accounts().flow_run(user, FlowRunId(run)).unwrap().unwrap();
        run.ended.is_some().then_some(run)
    })
    .await
}

async fn an_hour_later(clock: &TurnedClock) {
    clock.advance(HOUR);
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn a_run_whose_owner_is_disabled_ends_in_words_at_a_skill_and_asks_nobody_else() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let receiver = Receiver::start().await;
    let skill = "[skill]\nname = \"say\"\n[parameters.word]\ntype = \"string\"\n[step]\ndo = \"value\"\nwith = { value = \"{{ input.word }}\" }\n";
    add(&alice, skill, &[]).await;
    let url = receiver.url();
    let by_skill = waiting("by-skill", "[[steps]]\ndo = \"skill.say\"\nwith = { word = \"tea\" }\n");
    let asks = waiting(
        "asks",
        &format!(
            "[[steps]]\ndo = \"call-webhook\"\nwith = {{ url = \"{url}\", body = {{ type = \"a\" }} }}\n"
        ),
    );
    let user = UserId(alice.logged_in().user);
    let mut runs = Vec::new();
    for (name, source) in [("by-skill", by_skill), ("asks", asks)] {
        add(&alice, &source, &[]).await;
        runs.push(begun(&alice, name).await);
    }
    root.set_user_disabled("alice", true).await.unwrap();
    an_hour_later(&clock).await;
    for run in runs {
        let run = ended_of(&server, user, run).await;
        assert_eq!(run.state, RunState::Failed, "{run:?}");
        assert!(run.error.contains("isn't let in any more (the account is disabled)"), "{}", run.error);
    }
    assert_eq!(receiver.count(), 0, "nobody is asked for somebody who isn't let in");
}

#[tokio::test]
async fn another_password_ends_the_runs_that_go_on() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    let alice = server.log_in("alice").await;
    let role = root.view().roles.iter().find(|role| role.name == "Admin").unwrap().id;
    root.grant_role("alice", role, None).await.unwrap();
    let makes = "[[steps]]\ndo = \"create_channel\"\nwith = { name = \"Late\" }\n";
    add(&alice, &waiting("late", makes), &[]).await;
    let (run, user) = (begun(&alice, "late").await, UserId(alice.logged_in().user));
    root.set_user_password("alice", "another good password", false).await.unwrap();
    let over = ended_of(&server, user, run).await;
    assert_eq!(over.state, RunState::Cancelled, "{over:?}");
    assert!(over.error.contains("the ways into its owner's account were closed"), "{}", over.error);
    an_hour_later(&clock).await;
    let next = root.create_channel(None, "Next").await.unwrap();
    comes(&root, "Next").await;
    assert!(root.view().find("Late").is_err(), "{next:?}");
    assert_eq!(server.server.handle().accounts().all_runs_at_work().unwrap(), []);
}

#[tokio::test]
async fn a_run_is_done_by_the_version_that_it_began_with_however_often_the_flow_is_edited() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    let makes = "[[steps]]\nname = \"make\"\ndo = \"create_channel\"\nwith = { name = \"First\" }\nundo = { do = \"remove_channel\", with = { channel = \"{{ output.id }}\" } }\n";
    let first = waiting("edited", makes);
    add(&root, &first, &[]).await;
    let run = begun(&root, "edited").await;
    let edit = async |source: String| {
        let edit = wire::EditFlow { name: "edited".to_owned(), source: Some(source), ..Default::default() };
        root.edit_flow(edit).await.unwrap();
    };
    for number in 0..25 {
        edit(first.replace("\"First\"", &format!("\"Other {number}\""))).await;
    }
    let versions = async || root.flow("edited", 0).await.unwrap().versions.len();
    assert_eq!(versions().await, 21, "the last twenty, and the one that a run goes by");
    an_hour_later(&clock).await;
    let over = ended(&root, run).await;
    assert_eq!((over.state(), over.version), (FlowRunState::Completed, 1), "{over:?}");
    comes(&root, "First").await;
    // By a version that isn't kept nothing is undone, and that is said at once.
    edit(first).await;
    assert_eq!(versions().await, 20);
    let refused = root.roll_back_run(run).await.unwrap_err().to_string();
    assert!(refused.contains("this version of the flow isn't kept"), "{refused}");
    assert_eq!(root.flow_run(run).await.unwrap().state(), FlowRunState::Completed, "nothing is changed");
}

#[tokio::test]
async fn a_run_that_waits_for_another_is_given_what_its_version_takes() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    let tells = "[[steps]]\nname = \"tell\"\ndo = \"value\"\nwith = { value = \"{{ input.old }}\" }\n";
    let old = waiting("queue", tells)
        .replace("[[triggers]]", "overlap = \"queue\"\n[parameters.old]\ntype = \"string\"\n[[triggers]]");
    add(&root, &old, &[("old", "tea")]).await;
    let first = begun(&root, "queue").await;
    let second = root.run_flow("queue", vec![]).await.unwrap();
    let settings = wire::FlowValues { values: values(&[("new", "pie")]), keep: vec!["old".to_owned()] };
    let new = old.replace("[[triggers]]", "[parameters.new]\ntype = \"string\"\n[[triggers]]");
    let edit = wire::EditFlow {
        name: "queue".to_owned(),
        source: Some(new),
        settings: Some(settings),
        ..Default::default()
    };
    root.edit_flow(edit).await.unwrap();
    for run in [first, second] {
        eventually("it ends", async || {
            an_hour_later(&clock).await;
            (root.flow_run(run).await.unwrap().ended_ms > 0).then_some(())
        })
        .await;
        let run = root.flow_run(run).await.unwrap();
        assert_eq!((run.state(), run.version), (FlowRunState::Completed, 1), "{run:?}");
        assert_eq!(output(&run, "tell"), json!("tea"));
    }
}

#[tokio::test]
async fn what_a_step_names_that_is_gone_is_said_and_what_was_done_is_undone() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    let receiver = Receiver::start().await;
    receiver.answer(Answer::Status(200, ""));
    let (gone, renamed) = (
        root.create_channel(None, "Gone").await.unwrap(),
        root.create_channel(None, "Before").await.unwrap(),
    );
    let makes = "[[steps]]\nname = \"make\"\ndo = \"create_channel\"\nwith = { name = \"Made\" }\nundo = { do = \"remove_channel\", with = { channel = \"{{ output.id }}\" } }\n";
    let source = |name: &str, rest: &str| {
        let parameters = "[parameters.channel]\ntype = \"channel\"\n[[triggers]]";
        waiting(name, rest)
            .replace("[[triggers]]", parameters)
            .replace("[[steps]]\nname = \"pause\"", &format!("{makes}[[steps]]\nname = \"pause\""))
            .replace("\"Made\"", &format!("\"Made by {name}\""))
    };
    let edits = "[[steps]]\nname = \"edit\"\ndo = \"edit_channel\"\nwith = { channel = \"{{ input.channel }}\", description = \"seen\" }\n";
    let calls = "[[steps]]\nname = \"call\"\ndo = \"plugin.none.run\"\n";
    let uses = "[[steps]]\nname = \"use\"\ndo = \"skill.brief\"\n";
    add(&root, "[skill]\nname = \"brief\"\n[step]\ndo = \"value\"\n", &[]).await;
    let mut runs = Vec::new();
    for (name, rest, channel) in [
        ("one", edits, "Gone"),
        ("two", edits, "Before"),
        ("three", calls, "Before"),
        ("four", uses, "Before"),
    ] {
        add(&root, &source(name, rest), &[("channel", channel)]).await;
        runs.push(begun(&root, name).await);
    }
    root.remove_channel(gone).await.unwrap();
    root.edit_channel(renamed, Some("After"), None, None).await.unwrap();
    root.remove_flow("brief").await.unwrap();
    an_hour_later(&clock).await;
    let mut came = Vec::new();
    for run in runs {
        let run = ended(&root, run).await;
        came.push((run.state(), run.error));
    }
    let says = |place: usize, words: &str| {
        assert_eq!(came[place].0, FlowRunState::RolledBack, "{came:?}");
        assert!(came[place].1.contains(words), "{came:?}");
    };
    says(0, "step `edit`: ");
    assert_eq!(came[1], (FlowRunState::Completed, String::new()), "another name is the same channel");
    says(2, "step `call`: ");
    says(3, "there is no skill `brief` any more");
    for name in ["one", "three", "four"] {
        goes(&root, &format!("Made by {name}")).await;
    }
    comes(&root, "Made by two").await;
    eventually("it is described", async || {
        (root.view().find("After").ok()?.description == "seen").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_flow_that_is_removed_while_it_runs_does_no_more() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let root = server.log_in("root").await;
    let makes = "[[steps]]\ndo = \"create_channel\"\nwith = { name = \"Late\" }\n";
    add(&root, &waiting("removed", makes), &[]).await;
    let run = begun(&root, "removed").await;
    root.remove_flow("removed").await.unwrap();
    an_hour_later(&clock).await;
    assert_eq!(code(root.flow_run(run).await), ErrorCode::NotFound);
    root.create_channel(None, "Next").await.unwrap();
    comes(&root, "Next").await;
    assert!(root.view().find("Late").is_err());
    assert_eq!(server.server.handle().accounts().all_runs_at_work().unwrap(), []);
}

#[tokio::test]
async fn an_organization_that_is_deleted_takes_its_runs_along_and_no_others() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, boss) = (server.log_in("root").await, raid(&server).await);
    let makes = "[[steps]]\ndo = \"create_channel\"\nwith = { name = \"Late\" }\n";
    for session in [&root, &boss] {
        add(session, &waiting("late", makes), &[]).await;
    }
    let run = begun(&root, "late").await;
    begun(&boss, "late").await;
    let hourly = "[workflow]\nname = \"hourly\"\n[[triggers]]\non = \"cron\"\ncron = \"* * * * *\"\n[[steps]]\ndo = \"value\"\n";
    add(&boss, hourly, &[]).await;
    delete(&server, "raid").await;
    an_hour_later(&clock).await;
    let over = ended(&root, run).await;
    assert_eq!(over.state(), FlowRunState::Completed, "{over:?}");
    comes(&root, "Late").await;
    assert_eq!(server.server.handle().accounts().all_runs_at_work().unwrap(), []);
    // Another one of the same tag has none of it.
    let claim = create(&server, "raid", "Another").await;
    let next = enter(&server, "raid", Credentials::claim(&claim, "boss", PASSWORD, "test")).await.unwrap();
    assert_eq!(next.flows(wire::ListFlows::default()).await.unwrap(), []);
    assert_eq!(next.flow_runs(wire::ListRuns::default()).await.unwrap(), []);
    assert!(next.view().find("Late").is_err());
}

#[tokio::test]
async fn what_was_made_by_a_skill_that_is_gone_since_is_known_and_undone() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    let skill = "[skill]\nname = \"mk\"\n[step]\ndo = \"create_channel\"\nwith = { name = \"Made\" }\n";
    add(&root, skill, &[]).await;
    let rest = "[[steps]]\nname = \"make\"\ndo = \"skill.mk\"\nundo = { do = \"remove_channel\", with = { channel = \"{{ output.id }}\" } }\n[[steps]]\ndo = \"fail\"\nwith = { reason = \"no milk\" }\n";
    add(&root, &waiting("makes", rest), &[]).await;
    let (run, user) = (FlowRunId(begun(&root, "makes").await), UserId(root.logged_in().user));
    let made = root.create_channel(None, "Made").await.unwrap();
    drop(root);
    // As if the server had ended just when the step's effect was there.
    let directory = server.stop().await;
    {
        let store = Store::open(&directory.path().join("parlour.redb"), Timestamp(1)).unwrap();
        let now = parlour::clock::Clock::system().wall();
        let pause = store.flow_steps(user, run).unwrap().remove(0);
        let make = FlowStep {
            number: 2,
            name: "make".to_owned(),
            state: StepState::Noted,
            made: Some(made.0),
            input: "{}".to_owned(),
            until: None,
            ..pause.clone()
        };
        let pause = FlowStep { state: StepState::Done, ended: Some(now), ..pause };
        let advance = Advance { steps: vec![pause, make], ..Advance::default() };
        store.run(By::server(now), write::advance_run(user, run, advance)).unwrap().unwrap();
        let skill = store.flows_of(user).unwrap().into_iter().find(|flow| flow.skill).unwrap();
        store.run(By::server(now), write::remove_flow(user, skill.id)).unwrap();
    }
    let server = TestServer::again_with(directory, LOOPBACK).await;
    let root = server.log_in("root").await;
    let over = ended(&root, run.0).await;
    assert_eq!(over.state(), FlowRunState::RolledBack, "{over:?}");
    assert_eq!(output(&over, "make"), json!({ "id": made.0.to_string() }));
    goes(&root, "Made").await;
}

/// A run once it has ended, which takes as long as somebody else's server is waited for.
async fn ended_at_last(session: &Session, run: u64) -> wire::FlowRun {
    crate::support::eventually_within(Duration::from_secs(60), "it is over", async || {
        let now = session.flow_run(run).await.unwrap();
        (now.ended_ms > 0 && now.state() != FlowRunState::Completed).then_some(now)
    })
    .await
}

#[tokio::test]
async fn a_run_is_cancelled_before_its_next_step_and_so_is_a_roll_back() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    let (forth, back) = (Receiver::start().await, Receiver::start().await);
    let asks = |receiver: &Receiver| {
        format!("\"call-webhook\"\nwith = {{ url = \"{}\", body = {{ type = \"a\" }} }}\n", receiver.url())
    };
    let forward = format!("[[steps]]\nmay_fail = true\ndo = {0}[[steps]]\ndo = {0}", asks(&forth));
    let undo = format!("undo.do = {}", asks(&back).replace("with", "undo.with"));
    let undone = format!("[[steps]]\ndo = \"value\"\n{undo}[[steps]]\ndo = \"value\"\n{undo}");
    for (name, steps) in [("forth", forward), ("back", undone)] {
        add(&root, &format!("[workflow]\nname = \"{name}\"\n[[triggers]]\non = \"hand\"\n{steps}"), &[])
            .await;
    }
    forth.answer(Answer::Silence);
    back.answer(Answer::Silence);
    let one = root.run_flow("forth", vec![]).await.unwrap();
    let other = ended(&root, root.run_flow("back", vec![]).await.unwrap()).await.run;
    root.roll_back_run(other).await.unwrap();
    forth.wait(1).await;
    back.wait(1).await;
    for run in [one, other] {
        root.cancel_run(run).await.unwrap();
    }
    let (one, other) = (ended_at_last(&root, one).await, ended_at_last(&root, other).await);
    assert_eq!(
        (one.state(), other.state()),
        (FlowRunState::Cancelled, FlowRunState::Cancelled),
        "{one:?} {other:?}"
    );
    assert!(other.error.contains("ended it before all was undone"), "{}", other.error);
    assert_eq!((forth.count(), back.count()), (1, 1), "{one:?} {other:?}");
    // The rest is undone by a further one.
    back.answer(Answer::Status(200, ""));
    root.roll_back_run(other.run).await.unwrap();
    back.wait(2).await;
    assert_eq!(ended(&root, other.run).await.steps.iter().filter(|step| step.undoes > 0).count(), 2);
}
