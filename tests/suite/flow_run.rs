//! Flows, from end to end: a real server, which does them.

mod begun;
mod bounded;
mod built_in;
mod hostile;
mod killed;
mod meanwhile;
mod plugin;
mod secret;
mod shipped;
mod shipped_by_time;
mod undone;

use std::time::Duration;

use crate::hook::receiver::Receiver;
use crate::rest::Program;
use crate::support::{TestServer, code, eventually};
use hyper::{Method, StatusCode};
use parlour::client::Session;
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, FlowOff, FlowRunState, FlowStepState, FlowValue, request};
use parlour::state::Actor;
use serde_json::{Value, json};

/// Receivers on this machine may be reached, and whoever waits may look often.
const LOOPBACK: &[(&str, &str)] = &[("hooks.networks", "127.0.0.0/8"), ("limits.request_burst", "1000")];

const MINUTE: Duration = Duration::from_secs(60);

/// What makes a channel, and says something of it, and tells somebody else's server.
const ROOM: &str = r#"
[workflow]
name = "room"
title = "A room for a theme"
description = "Makes a channel, and describes it"
tags = ["channels"]

[parameters.theme]
type = "string"
required = true

[parameters.token]
type = "secret"

[[triggers]]
on = "hand"

[[steps]]
name = "make"
do = "create_channel"
with = { name = "About {{ input.theme }}" }

[[steps]]
name = "describe"
do = "edit_channel"
with = { channel = "{{ steps.make.output.id }}", description = "By {{ owner.name }}, {{ input.token }}" }

[[steps]]
name = "loud"
when = "input.theme == 'noise'"
do = "fail"
with = { reason = "too loud" }

[[steps]]
name = "each"
each = "['a', 'b']"
do = "value"
with = { value = "{{ index }}{{ item }}" }
"#;

pub(crate) async fn add(session: &Session, source: &str, settings: &[(&str, &str)]) -> wire::Flow {
    let add = wire::AddFlow { source: source.to_owned(), settings: values(settings), shared: false };
    session.add_flow(add).await.unwrap()
}

pub(crate) fn values(values: &[(&str, &str)]) -> Vec<FlowValue> {
    let value =
        |(name, value): &(&str, &str)| FlowValue { name: (*name).to_owned(), value: (*value).to_owned() };
    values.iter().map(value).collect()
}

/// A run when it has ended.
pub(crate) async fn ended(session: &Session, run: u64) -> wire::FlowRun {
    eventually(&format!("run {run} ends"), async || {
        let now = session.flow_run(run).await.unwrap();
        (now.ended_ms > 0).then_some(now)
    })
    .await
}

/// The only run of a flow that there is, once there is one and it has ended.
pub(crate) async fn only_run(session: &Session, flow: &str) -> wire::FlowRun {
    let list = || wire::ListRuns { flow: flow.to_owned(), ..Default::default() };
    let run = eventually(&format!("{flow} runs"), async || {
        let mut all = session.flow_runs(list()).await.unwrap();
        assert!(all.len() <= 1, "{all:?}");
        all.pop()
    })
    .await;
    ended(session, run.run).await
}

/// A channel, once it is told that it is there.
pub(crate) async fn comes(session: &Session, path: &str) -> wire::Channel {
    eventually(&format!("{path} comes"), async || session.view().find(path).ok().cloned()).await
}

/// It is told that there is no such channel, or none any more.
pub(crate) async fn goes(session: &Session, path: &str) {
    eventually(&format!("{path} goes"), async || session.view().find(path).is_err().then_some(())).await;
}

pub(crate) fn step<'a>(run: &'a wire::FlowRun, name: &str) -> &'a wire::FlowStep {
    run.steps.iter().find(|step| step.name == name && step.index.is_none() && step.undoes == 0).unwrap()
}

pub(crate) fn output(run: &wire::FlowRun, name: &str) -> Value {
    serde_json::from_str(&step(run, name).output).unwrap()
}

#[tokio::test]
async fn a_flow_is_run_by_hand_and_each_step_of_it_is_kept() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    let made = add(&root, ROOM, &[("token", "s3cret")]).await;
    assert_eq!((made.name.as_str(), made.title.as_str(), made.version), ("room", "A room for a theme", 1));
    assert_eq!((made.off(), made.own, made.owner.as_str()), (FlowOff::On, true, "root"));

    let run = root.run_flow("room", values(&[("theme", "tea")])).await.unwrap();
    let run = ended(&root, run).await;
    assert_eq!(
        (run.state(), run.error.as_str(), run.progress),
        (FlowRunState::Completed, "", 100),
        "{run:?}"
    );
    let channel = comes(&root, "About tea").await;
    assert_eq!(channel.description, "By root, s3cret");
    assert_eq!(output(&run, "make"), json!({ "id": channel.id.to_string() }));
    assert_eq!(step(&run, "loud").state(), FlowStepState::Skipped);
    assert_eq!(output(&run, "each"), json!(["0a", "1b"]));
    assert_eq!(run.steps.iter().filter(|step| step.index.is_some()).count(), 2);
    let shown: Value = serde_json::from_str(&step(&run, "describe").input).unwrap();
    assert_eq!(
        (&shown["do"], &shown["with"]["description"]),
        (&json!("edit-channel"), &json!("By root, ***"))
    );
    assert!(run.input.contains("tea") && !format!("{run:?}").contains("s3cret"), "{run:?}");

    // The audit trail says by way of what it was done.
    let audit = root.audit_trail(wire::ReadAudit::default()).await.unwrap();
    let made_by = audit.iter().find(|entry| entry.subject == "channel" && entry.verb == "create").unwrap();
    assert_eq!((made_by.by.as_str(), made_by.way.as_str()), ("root", "flow 1, run 1, step 1"));

    // Again, with what it was given: the name is taken by then.
    let again = ended(&root, root.run_again(run.run).await.unwrap()).await;
    assert_eq!((again.state(), again.again), (FlowRunState::Failed, run.run));
    assert!(again.error.contains("step `make`"), "{}", again.error);

    // Runs are found by their state and by words.
    let find = |state: &str, query: &str| {
        let (state, query) = (state.to_owned(), query.to_owned());
        wire::ListRuns { state, query, ..Default::default() }
    };
    let numbers =
        async |list| root.flow_runs(list).await.unwrap().iter().map(|run| run.run).collect::<Vec<_>>();
    assert_eq!(numbers(find("", "")).await, [2, 1]);
    assert_eq!(numbers(find("completed", "")).await, [1]);
    assert_eq!(numbers(find("", "tea name")).await, [2]);
    assert_eq!(numbers(find("", "coffee")).await, [] as [u64; 0]);
    assert_eq!(code(root.flow_runs(find("lost", "")).await), ErrorCode::Malformed);
    let shown = root.flow("room", 0).await.unwrap();
    let flow = shown.flow.unwrap();
    assert_eq!((flow.completed, flow.failed, shown.source.as_str()), (1, 1, ROOM));
    assert_eq!(shown.settings, values(&[("token", "***")]));
}

#[tokio::test]
async fn a_flow_that_is_wrong_is_refused_in_words_and_changes_nothing() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let refused = async |source: &str, settings: &[(&str, &str)]| {
        let add = wire::AddFlow { source: source.to_owned(), settings: values(settings), shared: false };
        root.add_flow(add).await.unwrap_err().to_string()
    };
    let words = refused(&ROOM.replace("create_channel", "create_chanel"), &[]).await;
    assert!(words.contains("line 20") && words.contains("create_channel"), "{words}");
    let words = refused(ROOM, &[("flavour", "mint")]).await;
    assert!(words.contains("there is no parameter `flavour`"), "{words}");
    assert_eq!(root.flows(wire::ListFlows { own: true, ..Default::default() }).await.unwrap(), []);

    add(&root, ROOM, &[]).await;
    let add = wire::AddFlow { source: ROOM.to_owned(), ..Default::default() };
    assert_eq!(code(alice.add_flow(add).await), ErrorCode::NameTaken);
    assert_eq!(code(root.run_flow("tea", vec![]).await), ErrorCode::NotFound);
    let secret = root.run_flow("room", values(&[("theme", "tea"), ("token", "x")])).await.unwrap_err();
    assert!(secret.to_string().contains("set it with the flow"), "{secret}");
    // What is missing is said by the run.
    let run = ended(&root, root.run_flow("room", vec![]).await.unwrap()).await;
    assert_eq!(run.state(), FlowRunState::Failed);
    assert!(run.error.contains("`theme` has to be given"), "{}", run.error);
    assert_eq!(code(root.flow_run(99).await), ErrorCode::NotFound);
    let off = wire::EditFlow { name: "room".to_owned(), on: Some(false), ..Default::default() };
    root.edit_flow(off).await.unwrap();
    assert!(root.run_flow("room", vec![]).await.unwrap_err().to_string().contains("is off"));
    root.remove_flow("room").await.unwrap();
    assert_eq!(code(root.flow("room", 0).await), ErrorCode::NotFound);
    assert_eq!(root.flow_runs(wire::ListRuns::default()).await.unwrap(), []);
}

#[tokio::test]
async fn a_catalogue_has_what_people_share_by_how_well_it_fits() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice, bob) =
        (server.log_in("root").await, server.log_in("alice").await, server.log_in("bob").await);
    let named = |name: &str, title: &str| {
        format!(
            "[workflow]\nname = \"{name}\"\ntitle = \"{title}\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"stop\"\n"
        )
    };
    add(&root, &named("greet", "Welcome whoever comes"), &[]).await;
    add(&alice, &named("tidy", "Sweep rooms, greet nobody"), &[]).await;
    let share =
        |name: &str| wire::EditFlow { name: name.to_owned(), shared: Some(true), ..Default::default() };
    let names = async |session: &Session, query: &str| {
        let list = wire::ListFlows { query: query.to_owned(), ..Default::default() };
        session.flows(list).await.unwrap().into_iter().map(|flow| flow.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&bob, "").await, [] as [&str; 0], "nobody shares anything");
    assert_eq!(code(bob.flow("greet", 0).await), ErrorCode::NotFound);
    assert_eq!(code(root.edit_flow(share("tidy")).await), ErrorCode::NotFound, "it is somebody else's");
    root.edit_flow(share("greet")).await.unwrap();
    alice.edit_flow(share("tidy")).await.unwrap();
    assert_eq!(names(&bob, "GREET").await, ["greet", "tidy"], "a name counts for more than a title");
    assert_eq!(names(&bob, "greet rooms").await, ["tidy"]);

    let rate = |stars, favourite| wire::RateFlow { name: "tidy".to_owned(), stars, favourite };
    bob.rate_flow(rate(Some(4), Some(true))).await.unwrap();
    root.rate_flow(rate(Some(1), None)).await.unwrap();
    root.rate_flow(rate(Some(2), None)).await.unwrap();
    assert_eq!(code(bob.rate_flow(rate(Some(6), None)).await), ErrorCode::Malformed);
    let tidy = bob.flow("tidy", 0).await.unwrap().flow.unwrap();
    assert_eq!(
        (tidy.raters, tidy.stars, tidy.favourites, tidy.favourite, tidy.own_stars),
        (2, 6, 1, true, 4)
    );
    assert_eq!(names(&bob, "").await, ["tidy", "greet"], "what is rated comes first");
    let favourites = wire::ListFlows { favourites: true, ..Default::default() };
    assert_eq!(bob.flows(favourites.clone()).await.unwrap().len(), 1);
    assert_eq!(root.flows(favourites).await.unwrap(), []);
    // It acts for its owner, who alone begins it.
    assert_eq!(code(bob.run_flow("tidy", vec![]).await), ErrorCode::NotFound);
    assert_eq!(code(bob.remove_flow("tidy").await), ErrorCode::NotFound);
    assert_eq!(bob.flow_runs(wire::ListRuns::default()).await.unwrap(), []);
}

#[tokio::test]
async fn a_flow_acts_with_what_its_owner_may_do_at_that_moment() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let room = ROOM.replace("required = true", "default = \"tea\"");
    add(&alice, &room, &[]).await;
    let refused = ended(&alice, alice.run_flow("room", vec![]).await.unwrap()).await;
    assert_eq!(refused.state(), FlowRunState::Failed);
    assert!(refused.error.contains("step `make`") && refused.error.contains("create channel"), "{refused:?}");
    goes(&root, "About tea").await;

    // The right is there, and is lost in the middle of a run.
    let role = root.view().roles.iter().find(|role| role.name == "Admin").unwrap().id;
    root.grant_role("alice", role, None).await.unwrap();
    let wait = "[[steps]]\ndo = \"wait\"\nwith = { for = \"1m\" }\n\n[[steps]]\nname = \"describe\"";
    let slow = room.replace("name = \"room\"", "name = \"slow\"").replace("\"tea\"", "\"cake\"");
    add(&alice, &slow.replace("[[steps]]\nname = \"describe\"", wait), &[]).await;
    let waits = async |run| {
        eventually("it waits", async || {
            let now = alice.flow_run(run).await.unwrap();
            assert_eq!(now.ended_ms, 0, "{now:?}");
            now.steps.iter().any(|step| step.until_ms > 0).then_some(())
        })
        .await;
    };
    let run = alice.run_flow("slow", vec![]).await.unwrap();
    waits(run).await;
    root.revoke_role("alice", role).await.unwrap();
    clock.advance(MINUTE);
    let stopped = ended(&alice, run).await;
    assert_eq!(stopped.state(), FlowRunState::Failed, "{stopped:?}");
    assert!(stopped.error.contains("step `describe`"), "{}", stopped.error);
    assert_eq!(alice.flow("slow", 0).await.unwrap().flow.unwrap().off(), FlowOff::On);

    // An owner who isn't let in runs nothing, and the flow is off.
    root.grant_role("alice", role, None).await.unwrap();
    let pie = wire::EditFlow {
        name: "slow".to_owned(),
        settings: Some(wire::FlowValues { values: values(&[("theme", "pie")]), keep: Vec::new() }),
        ..Default::default()
    };
    alice.edit_flow(pie).await.unwrap();
    let run = alice.run_flow("slow", vec![]).await.unwrap();
    waits(run).await;
    let disable = |disabled| {
        request::Body::SetUserDisabled(wire::SetUserDisabled { name: "alice".to_owned(), disabled })
    };
    let handle = server.server.handle();
    handle.request(Actor::Operator, disable(true)).await.unwrap();
    clock.advance(MINUTE);
    let user = handle.accounts().user_named("alice").unwrap();
    eventually("the run ends", async || {
        let run = handle.accounts().flow_run(user, parlour::id::FlowRunId(run)).unwrap().unwrap();
        run.ended
    })
    .await;
    handle.request(Actor::Operator, disable(false)).await.unwrap();
    let alice = server.log_in("alice").await;
    let run = alice.flow_run(run).await.unwrap();
    assert_eq!(run.state(), FlowRunState::Failed, "{run:?}");
    assert!(run.error.contains("isn't let in any more"), "{}", run.error);
    assert_eq!(alice.flow("slow", 0).await.unwrap().flow.unwrap().off(), FlowOff::NotLetIn);
}

#[tokio::test]
async fn somebody_else_s_server_begins_a_flow_by_its_secret() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    let source = r#"
[workflow]
name = "deploy"
[parameters.what]
type = "string"
required = true
[[triggers]]
on = "webhook"
with = { what = "{{ event.body.what }}" }
[[steps]]
name = "say"
do = "value"
with = { value = "{{ input.what }} is out" }
"#;
    add(&root, source, &[]).await;
    let made = root.make_flow_secret("deploy").await.unwrap();
    assert_eq!(made.path, "/api/flows/deploy/hook");
    let body = json!({ "what": "tea" });
    let address = server.server.addresses()[0];
    let post = async |token: &str, name: &str| {
        let mut program = Program::at(address, token).await;
        program.post(&format!("/flows/{name}/hook"), body.clone()).await
    };
    assert_eq!(post(&made.secret, "deploy").await.status, StatusCode::ACCEPTED);
    let run = only_run(&root, "deploy").await;
    assert_eq!((run.state(), output(&run, "say")), (FlowRunState::Completed, json!("tea is out")), "{run:?}");
    // Whoever hasn't the secret doesn't learn which flows there are.
    let wrong = made.secret.replace("whsec_", "whsec_A");
    for (secret, name) in [(wrong.as_str(), "deploy"), (&made.secret, "other"), ("", "deploy")] {
        assert_eq!(post(secret, name).await.status, StatusCode::UNAUTHORIZED, "{name}");
    }
    // A message that comes again begins nothing again, whether the server that sends it shows the secret or signs by it.
    let runs = async || root.flow_runs(wire::ListRuns::default()).await.unwrap().len();
    let before = runs().await;
    let again = async |id: &str| {
        let mut program = Program::at(address, &made.secret).await;
        let mut request = program.request(&Method::POST, "/flows/deploy/hook", Some(&body));
        request.headers_mut().insert("webhook-id", id.parse().unwrap());
        let answer = program.send(request).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer.body["run"].as_str().unwrap().to_owned()
    };
    let first = again("msg_1").await;
    assert_eq!((again("msg_1").await, runs().await), (first.clone(), before + 1));
    let [second, third] = {
        let (second, third) = tokio::join!(again("msg_2"), again("msg_2"));
        [second, third]
    };
    assert!(second == third && second != first, "{first} {second} {third}");
    assert_eq!(runs().await, before + 2);
    let next = root.make_flow_secret("deploy").await.unwrap();
    assert_eq!(post(&made.secret, "deploy").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(post(&next.secret, "deploy").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn somebody_else_s_server_is_asked_by_one_key_and_signed() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, receiver) = (server.log_in("root").await, Receiver::start().await);
    let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let source = format!(
        r#"
[workflow]
name = "tell"
[parameters.secret]
type = "secret"
[[triggers]]
on = "hand"
[[steps]]
name = "tell"
do = "call-webhook"
with = {{ url = "{}", body = {{ type = "tea", at = "{{{{ now }}}}" }}, secret = "{{{{ input.secret }}}}" }}
[[steps]]
name = "again"
do = "call-webhook"
may_fail = true
with = {{ url = "http://192.0.2.1/", body = {{ type = "tea" }} }}
"#,
        receiver.url()
    );
    add(&root, &source, &[("secret", secret)]).await;
    let run = ended(&root, root.run_flow("tell", vec![]).await.unwrap()).await;
    assert_eq!((run.state(), run.error.as_str()), (FlowRunState::Completed, ""), "{run:?}");
    let came = receiver.wait(1).await.remove(0);
    assert!(came.id().starts_with("flow_") && came.is_signed_by(secret), "{came:?}");
    assert_eq!(output(&run, "tell")["status"], 204);
    let refused = step(&run, "again");
    assert_eq!(refused.state(), FlowStepState::Failed);
    assert!(refused.error.contains("192.0.2.1"), "{}", refused.error);
    assert!(!format!("{run:?}").contains("AAECAw"), "the secret isn't shown");
}
