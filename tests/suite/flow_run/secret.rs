//! What is secret of a flow lies in no file as it is, and is shown by nothing.

use std::path::Path;

use super::*;
use crate::hook::receiver::Answer;
use parlour::id::Timestamp;
use parlour::store::write::{FlowEdit, edit_flow};
use parlour::store::{By, Store};

const TOKEN: &str = "t0ken-of-n0body-else";

/// What is secret goes everywhere that a record of a run has: into what a step is given and answers, into names, and into why it fails.
const EVERYWHERE: &str = r#"
[workflow]
name = "everywhere"
on_failure = "stop"

[parameters.token]
type = "secret"
required = true

[parameters.url]
type = "string"

[[triggers]]
on = "hand"

[[triggers]]
on = "webhook"
when = "event.body.token == input.token"

[[steps]]
name = "value"
do = "value"
with = { value = "{{ {'of ' + input.token: [input.token, {'a': input.token} | tojson]} }}" }

[[steps]]
name = "each"
each = "[input.token]"
do = "value"
with = { value = "{{ item }}" }

[[steps]]
name = "asks"
do = "call-webhook"
may_fail = true
with = { url = "{{ input.url }}", body = { type = "{{ input.token }}" } }

[[steps]]
name = "unknown"
do = "move_session"
may_fail = true
with = { session = "{{ input.token }}" }

[[steps]]
name = "skill"
do = "skill.keeps"
with = { key = "a-key-of-the-skill" }

[[steps]]
name = "password"
do = "create_channel"
with = { name = "Closed", password = "a-passw0rd-of-a-channel" }

[[steps]]
name = "fails"
do = "fail"
with = { reason = "no {{ input.token }} today" }
"#;

const SKILL: &str = r#"
[skill]
name = "keeps"
[parameters.key]
type = "secret"
required = true
[step]
do = "value"
with = { value = "by {{ input.key }}" }
"#;

/// Whether a text stands in a file of a directory, or below it.
fn stands_in(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return stands_in(&path, text);
        }
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn no_record_no_answer_and_no_file_has_what_is_secret() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, receiver) = (server.log_in("root").await, Receiver::start().await);
    // A receiver that sends back what it was sent, far down.
    receiver.answer(Answer::Status(400, "0123456789 t0ken-of-n0body-else"));
    add(&root, SKILL, &[]).await;
    let added = add(&root, EVERYWHERE, &[("token", TOKEN), ("url", &receiver.url())]).await;
    let run = ended(&root, root.run_flow("everywhere", vec![]).await.unwrap()).await;
    assert_eq!((run.state(), run.error.as_str()), (FlowRunState::Failed, "step `fails`: no *** today"));
    assert_eq!(output(&run, "value"), json!({ "of ***": ["***", r#"{"a":"***"}"#] }));
    assert!(step(&run, "asks").error.contains("0123456789 ***"), "{}", step(&run, "asks").error);
    assert_eq!(output(&run, "skill"), json!("by ***"));
    let shown = root.flow("everywhere", 0).await.unwrap();
    let listed = root.flow_runs(wire::ListRuns::default()).await.unwrap();
    // By what somebody else's server posts, too.
    let made = root.make_flow_secret("everywhere").await.unwrap();
    let mut program = Program::at(server.server.addresses()[0], &made.secret).await;
    let posted = program.post("/flows/everywhere/hook", json!({ "token": TOKEN })).await;
    assert_eq!(posted.status, StatusCode::ACCEPTED);
    let by_hook = eventually("it runs", async || {
        let all = root.flow_runs(wire::ListRuns::default()).await.unwrap();
        all.into_iter().find(|run| run.trigger == "webhook" && run.ended_ms > 0)
    })
    .await;
    let by_hook = root.flow_run(by_hook.run).await.unwrap();
    assert!(by_hook.event.contains("***"), "{by_hook:?}");
    let secrets = [TOKEN, "a-key-of-the-skill", "a-passw0rd-of-a-channel"];
    let all = format!("{added:?} {run:?} {shown:?} {listed:?} {by_hook:?}");
    // The source says what its author wrote in it.
    let all = all.replace(&format!("{EVERYWHERE:?}"), "").replace(&format!("{SKILL:?}"), "");
    for secret in secrets {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
    let (mut program, _) = Program::log_in(server.server.addresses()[0], "root").await;
    for path in ["/flows", "/flows/everywhere", "/runs", "/runs/1", "/runs/2"] {
        let answer = program.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(!format!("{answer:?}").contains(TOKEN), "{path}");
    }
    let words = root.edit_flow(wire::EditFlow {
        name: "everywhere".to_owned(),
        settings: Some(wire::FlowValues {
            values: values(&[("token", TOKEN), ("tokem", TOKEN)]),
            ..Default::default()
        }),
        ..Default::default()
    });
    let words = words.await.unwrap_err().to_string();
    assert!(words.contains("tokem") && !words.contains(TOKEN), "{words}");
    drop(root);
    let directory = server.stop().await;
    assert!(!stands_in(directory.path(), TOKEN), "it lies in no file");
    assert!(stands_in(directory.path(), "everywhere"), "what isn't secret does");
}

#[tokio::test]
async fn what_lay_there_as_it_was_is_sealed_at_the_next_start_and_good_as_before() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    let receiver = Receiver::start().await;
    add(&root, SKILL, &[]).await;
    add(&root, EVERYWHERE, &[("token", "another")]).await;
    let user = server.server.handle().accounts().user_named("root").unwrap();
    drop(root);
    let directory = server.stop().await;

    // As a version before kept it.
    let file = directory.path().join("parlour.redb");
    let store = Store::open(&file, Timestamp(1)).unwrap();
    let row = store.flows_of(user).unwrap().into_iter().find(|flow| flow.name == "everywhere").unwrap();
    let before = json!({ "token": TOKEN, "url": receiver.url() }).to_string();
    let edit = FlowEdit { settings: Some(before.clone()), ..FlowEdit::default() };
    store.run(By::server(Timestamp(1)), edit_flow(user, row.id, edit)).unwrap();
    drop(store);
    assert!(stands_in(directory.path(), TOKEN));

    let server = TestServer::again_with(directory, LOOPBACK).await;
    let row = server.server.handle().accounts().flow_row(user, row.id).unwrap().unwrap();
    assert!(!row.settings.starts_with('{') && row.settings != before, "{}", row.settings);
    let root = server.log_in("root").await;
    let run = ended(&root, root.run_flow("everywhere", vec![]).await.unwrap()).await;
    assert!(run.error.contains("no *** today"), "{run:?}");
    assert_eq!(receiver.wait(1).await.remove(0).word(), TOKEN);

    // What isn't secret by the next version was set as a secret, and isn't shown: whoever owns the flow sets it anew.
    let open = EVERYWHERE.replacen("\"secret\"", "\"string\"", 1);
    let edit = wire::EditFlow { name: "everywhere".to_owned(), source: Some(open), ..Default::default() };
    let refused = root.edit_flow(edit.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("token"), "{refused}");
    let keep = vec!["token".to_owned(), "url".to_owned()];
    let settings = Some(wire::FlowValues { values: values(&[("token", "open")]), keep });
    root.edit_flow(wire::EditFlow { settings, ..edit }).await.unwrap();
    let shown = root.flow("everywhere", 0).await.unwrap();
    assert_eq!(shown.settings, values(&[("token", "open"), ("url", &receiver.url())]));
    drop(root);
    let directory = server.stop().await;
    // Pages of the file that are free may hold it until the file is made small.
    parlour::store::compact(&directory.path().join("parlour.redb")).unwrap();
    assert!(!stands_in(directory.path(), TOKEN));

    // With another key nothing is lost but what it sealed, and that is said.
    std::fs::remove_file(directory.path().join("sealing.key")).unwrap();
    let server = TestServer::again_with(directory, LOOPBACK).await;
    let root = server.log_in("root").await;
    let run = ended(&root, root.run_flow("everywhere", vec![]).await.unwrap()).await;
    assert!(run.error.contains("sealed by another key"), "{run:?}");
    assert_eq!(root.flow("everywhere", 0).await.unwrap().settings, []);
    let again = wire::EditFlow {
        name: "everywhere".to_owned(),
        settings: Some(wire::FlowValues { values: values(&[("token", "another")]), ..Default::default() }),
        ..Default::default()
    };
    root.edit_flow(again).await.unwrap();
    let run = ended(&root, root.run_flow("everywhere", vec![]).await.unwrap()).await;
    assert!(!run.error.contains("sealed by another key"), "{run:?}");
}
