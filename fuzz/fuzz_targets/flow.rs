//! The file of a flow: read, and what its templates come to with values that a stranger chose.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::flow::{Action, AnyName, Call, Flow, On, Scope, bind, read, render};
use parlour::id::Timestamp;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // What stands behind a line of equals signs is what somebody wrote who made it run.
    let (source, hostile) = text.split_once("\n====\n").unwrap_or((text, "{{ event }}\u{202e}\0"));
    let flow = match read(source) {
        Ok(flow) => flow,
        Err(problems) => {
            assert!(!problems.is_empty() && problems.iter().all(|one| one.line > 0 && one.column > 0));
            return;
        }
    };
    let event = json!({ "text": hostile, "name": hostile, "session": "1", "to": hostile, "from": null, "at": NOW.to_string(), "body": [hostile] });
    let given = flow.parameters().iter().map(|one| (one.name.clone(), Value::from(hostile))).collect();
    let input = bind(flow.parameters(), &given, &AnyName).unwrap_or(given);
    let mut scope = Scope::new();
    scope.set("event", &event);
    scope.set("input", &input.into());
    scope.set("owner", &json!({ "user": "1", "name": hostile }));
    scope.set("now", &json!(NOW.to_string()));
    scope.set(
        "run",
        &json!({ "id": "1", "flow": "f", "trigger": hostile, "at": NOW.to_string(), "depth": 0 }),
    );
    scope.set("item", &json!(hostile));
    scope.set("index", &json!(0));
    scope.set("output", &json!({ "id": hostile }));
    if let Flow::Workflow(workflow) = &flow {
        for trigger in &workflow.triggers {
            let _ = trigger.when.as_ref().map(|when| when.holds(&scope));
            let _ = render(&trigger.with, &scope);
            if let On::Cron(schedule) = &trigger.on {
                assert!(schedule.next_after(NOW).is_none_or(|next| next > NOW));
            }
        }
    }
    let mut done = serde_json::Map::new();
    for step in flow.steps() {
        scope.set("steps", &Value::Object(done.clone()));
        let _ = step.when.as_ref().map(|when| when.holds(&scope));
        let _ = step.each.as_ref().map(|each| each.items(&scope));
        let calls =
            [Some((&step.action, &step.with)), step.undo.as_ref().map(|undo| (&undo.action, &undo.with))];
        for (action, with) in calls.into_iter().flatten() {
            let Ok(given) = render(with, &scope) else { continue };
            let call = Call::of(action, &given, NOW);
            assert!(!matches!((action, &call), (Action::Operation(_), Ok(Call::Webhook(_)))));
        }
        done.insert(
            step.name.clone(),
            json!({ "output": hostile, "skipped": false, "error": null, "input": {} }),
        );
    }
});
