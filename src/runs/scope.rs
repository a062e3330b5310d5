//! What the templates of a run see.

use serde_json::{Map, Value, json};

use crate::flow::{Parameter, Scope};
use crate::id::Timestamp;
use crate::store::{FlowRun, FlowStep, StepState};

/// An object of JSON that was kept as text.
pub(super) fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// A value of JSON that was kept as text.
pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The values that were kept, with what is secret of those that the owner set.
pub(super) fn restored(
    parameters: &[Parameter],
    kept: &str,
    settings: &Map<String, Value>,
) -> Map<String, Value> {
    let mut input = object(kept);
    for parameter in parameters {
        if parameter.kind.is_secret() {
            let set = settings.get(&parameter.name).cloned().unwrap_or_else(|| parameter.default.clone());
            let fitted = parameter.kind.fit(&set, &crate::flow::AnyName).unwrap_or(Value::Null);
            input.insert(parameter.name.clone(), fitted);
        }
    }
    input
}

/// What every step of a run sees.
pub(super) fn of_run(run: &FlowRun, flow: &str, owner: &str, input: &Map<String, Value>) -> Scope {
    let mut scope = Scope::new();
    scope.set("event", &value(&run.event));
    scope.set("input", &Value::Object(input.clone()));
    scope.set(
        "run",
        &json!({
            "id": run.id.to_string(), "flow": flow, "trigger": run.trigger,
            "at": run.began.unwrap_or(run.queued).to_string(), "depth": run.depth,
        }),
    );
    scope.set("owner", &json!({ "user": run.user.to_string(), "name": owner }));
    scope
}

/// The same at a time, with what the steps before came to.
pub(super) fn at_step(scope: &Scope, now: Timestamp, steps: &[FlowStep]) -> Scope {
    let mut before = Map::new();
    for step in steps.iter().filter(|step| step.undoes == 0 && step.index.is_none()) {
        if !step.state.is_over() {
            continue;
        }
        let error = if step.error.is_empty() { Value::Null } else { step.error.as_str().into() };
        let input = value(&step.input);
        let told = json!({
            "output": value(&step.output), "skipped": step.state == StepState::Skipped, "error": error,
            "input": input.get("with").cloned().unwrap_or_default(),
        });
        before.insert(step.name.clone(), told);
    }
    let mut scope = scope.with("steps", &before.into());
    scope.set("now", &now.to_string().into());
    scope
}

/// The same for an item of a list.
pub(super) fn at_item(scope: &Scope, item: Option<(u32, &Value)>) -> Scope {
    let Some((index, item)) = item else { return scope.clone() };
    let mut scope = scope.with("item", item);
    scope.set("index", &index.into());
    scope
}
