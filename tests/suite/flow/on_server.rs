//! What a server says of a flow that somebody writes, and which come with it.

use parlour::permission::Permissions;
use parlour::protocol::wire;

use crate::support::TestServer;

const ROOM: &str = r#"
[workflow]
name = "room"
version = "1.2.0"
tags = ["channels"]

[parameters.theme]
type = "string"
required = true
min = 2
max = 40
description = "What is talked about."

[parameters.roles]
type = "list"
of = "role"
default = ["Team", "Guest"]

[parameters.pause]
type = "duration"
max = "1h30m"

[[triggers]]
on = "hand"

[[triggers]]
name = "nightly"
on = "cron"
cron = "30 2 * * *"

[[steps]]
name = "make"
do = "create_channel"
with = { name = "About {{ input.theme }}" }
"#;

#[tokio::test]
async fn a_flow_is_checked_before_it_is_added_and_changes_nothing() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let checked = alice.check_flow(ROOM.to_owned()).await.unwrap();
    assert_eq!(checked.problems, []);
    let outline = checked.outline.unwrap();
    assert_eq!((outline.name.as_str(), outline.edition.as_str(), outline.skill), ("room", "1.2.0", false));
    assert_eq!(outline.steps, ["make"]);
    assert_eq!(outline.needs, Permissions::CREATE_CHANNEL.bits());
    let triggers: Vec<_> =
        outline.triggers.iter().map(|one| (one.name.as_str(), one.on.as_str(), one.what.as_str())).collect();
    assert_eq!(triggers, [("hand", "hand", ""), ("nightly", "cron", "30 2 * * * UTC")]);
    let find = |name: &str| outline.parameters.iter().find(|one| one.name == name).unwrap();
    let (theme, roles, pause) = (find("theme"), find("roles"), find("pause"));
    assert!(theme.required && theme.description == "What is talked about.", "{theme:?}");
    assert_eq!((theme.kind.as_str(), theme.least.as_str(), theme.most.as_str()), ("string", "2", "40"));
    assert_eq!(
        (roles.kind.as_str(), roles.of.as_str(), roles.default_value.as_str()),
        ("list", "role", "Team, Guest")
    );
    assert_eq!((pause.least.as_str(), pause.most.as_str(), pause.default_value.as_str()), ("", "1h30m", ""));
    assert_eq!(alice.flows(wire::ListFlows::default()).await.unwrap(), [], "nothing is added");

    let wrong = ROOM.replace("create_channel", "create_chanel").replace("\"role\"", "\"rule\"");
    let checked = alice.check_flow(wrong).await.unwrap();
    assert_eq!(checked.outline, None);
    let told: Vec<_> = checked.problems.iter().map(|one| (one.line, one.column, one.key.as_str())).collect();
    assert_eq!(told, [(16, 6, "parameters.roles.of"), (33, 6, "steps[0].do")]);
    // A skill that there isn't is found out here, too, where a file alone can't say it.
    let unlinked = ROOM.replace("\"create_channel\"", "\"skill.none\"");
    let checked = alice.check_flow(unlinked).await.unwrap();
    assert!(checked.problems[0].message.contains("skill"), "{checked:?}");
    // What the catalogue shows of one that is there says the same.
    let theme = wire::FlowValue { name: "theme".to_owned(), value: "tea".to_owned() };
    let added = wire::AddFlow { source: ROOM.to_owned(), settings: vec![theme], shared: false };
    alice.add_flow(added).await.unwrap();
    assert_eq!(alice.flow("room", 0).await.unwrap().outline, Some(Box::new(outline)));
}

/// A flow that says its token to whoever runs it, with a kind of token, and with a name of the channel.
fn telling(kind: &str) -> String {
    format!(
        "[workflow]\nname = \"telling\"\n[parameters.token]\ntype = \"{kind}\"\n[parameters.theme]\ntype = \"string\"\n\
         [[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"value\"\nwith = {{ value = \"{{{{ input.token | upper }}}}\" }}\n"
    )
}

#[tokio::test]
async fn what_nobody_is_shown_stays_while_the_rest_is_set_anew() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let value = |name: &str, value: &str| wire::FlowValue { name: name.to_owned(), value: value.to_owned() };
    let settings = vec![value("token", "s3cret"), value("theme", "tea")];
    alice.add_flow(wire::AddFlow { source: telling("secret"), settings, shared: false }).await.unwrap();
    let set = async |values: &[wire::FlowValue], keep: &[&str], source: Option<String>| {
        let keep = keep.iter().map(|name| (*name).to_owned()).collect();
        let settings = Some(wire::FlowValues { values: values.to_vec(), keep });
        let edit = wire::EditFlow { name: "telling".to_owned(), settings, source, ..Default::default() };
        alice.edit_flow(edit).await.map(|()| "telling")
    };
    let shown = async || alice.flow("telling", 0).await.unwrap().settings;
    set(&[value("theme", "pie")], &["token", "nothing"], None).await.unwrap();
    assert_eq!(shown().await, [value("theme", "pie"), value("token", "***")]);
    // It is the same one: what the step makes of it isn't the secret itself, and so is told.
    let run = alice.run_flow("telling", Vec::new()).await.unwrap();
    let ended = crate::flow_run::ended(&alice, run).await;
    assert_eq!(ended.steps[0].output, "\"S3CRET\"", "{ended:?}");
    // Both at once don't go together.
    assert!(set(&[value("token", "other")], &["token"], None).await.is_err());
    // What isn't to be kept goes, and so does what would be shown by what the flow says next.
    set(&[], &["token"], Some(telling("string"))).await.unwrap();
    assert_eq!(shown().await, []);
}

#[tokio::test]
async fn each_flow_that_comes_with_the_program_is_right_as_it_is() {
    let server = TestServer::start().await;
    let alice = server.log_in("alice").await;
    let mut shipped = alice.shipped_flows().await.unwrap();
    assert_eq!(shipped.len(), parlour::flow::SHIPPED.len());
    // Those that others use come first.
    shipped.sort_by_key(|one| !one.outline.as_ref().unwrap().skill);
    for one in shipped {
        let checked = alice.check_flow(one.source.clone()).await.unwrap();
        assert_eq!(checked.problems, []);
        assert_eq!(checked.outline, one.outline);
        if checked.outline.unwrap().skill {
            alice.add_flow(wire::AddFlow { source: one.source, ..Default::default() }).await.unwrap();
        }
    }
}
