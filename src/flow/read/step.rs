//! `[[steps]]`, and a skill's `[step]`.

use std::collections::BTreeMap;

use super::input::{Takes, expression, with};
use super::reader::{At, Reader, Section, is_name};
use super::seen::Seen;
use crate::bounds::MAX_FLOW_STEPS;
use crate::flow::definition::{Action, BuiltIn, Step, Undo};
use crate::flow::fields;
use crate::flow::problem::meant;
use crate::flow::table;
use crate::flow::template::Template;
use crate::protocol::operation;

/// The steps of a workflow as they stand, with the names that they have; one at least.
pub(super) fn named<'a>(reader: &mut Reader<'a>, file: &Section<'a>) -> Vec<(String, At<'a>)> {
    let Some(at) = file.get("steps") else {
        reader.problems.tell(
            &file.span,
            "steps",
            "has to be there, once at least: [[steps]] says what the workflow does",
        );
        return Vec::new();
    };
    let items = at.items().filter(|items| (1..=MAX_FLOW_STEPS).contains(&items.len()));
    let Some(items) = items else {
        reader
            .tell(&at, format!("must be 1 to {MAX_FLOW_STEPS} tables, each of which begins with [[steps]]"));
        return Vec::new();
    };
    let mut found: Vec<(String, At<'a>)> = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        let name = match item.value.get("name") {
            Some(said) => {
                let at = item.inner("name", said);
                let name = reader.text(&at).unwrap_or_default();
                if !is_name(name, '_') {
                    let message = "must be a name: lower-case letters, digits and underscores, a letter first, 48 at most";
                    reader.tell(&at, message);
                } else if found.iter().any(|(other, _)| other == name) {
                    reader.tell(&at, format!("is `{name}`, which another step has"));
                }
                name.to_owned()
            }
            None => format!("step_{}", place + 1),
        };
        found.push((name, item));
    }
    found
}

/// One of them. `is_skill` says whether it is a skill's, which has no `each`.
pub(super) fn step<'a>(
    reader: &mut Reader<'a>,
    name: &str,
    at: &At<'a>,
    seen: &Seen,
    is_skill: bool,
) -> Option<Step> {
    let section = reader.section(at, &[table::STEP], None)?;
    let (line, _) = reader.problems.place(at.span.start);
    let each_at = section.get("each");
    if let Some(at) = each_at.as_ref().filter(|_| is_skill) {
        reader.tell(at, "can't stand in a skill: the step that uses the skill may have it");
    }
    let each = each_at.as_ref().and_then(|at| expression(reader, at, &seen.each(false)));
    let seen = seen.each(each_at.is_some());
    let when = section.get("when").and_then(|at| expression(reader, &at, &seen));
    let action = section.get("do").and_then(|at| action(reader, &at));
    let with = given(reader, &section, action.as_ref(), &seen);
    let may_fail = section.get("may_fail").and_then(|at| reader.boolean(&at)).unwrap_or(false);
    let undo = section.get("undo").and_then(|at| undo(reader, &at, &seen));
    Some(Step { name: name.to_owned(), when, each, action: action?, with, undo, may_fail, line })
}

fn undo<'a>(reader: &mut Reader<'a>, at: &At<'a>, seen: &Seen) -> Option<Undo> {
    let section = reader.section(at, &[table::UNDO], None)?;
    let does = section.get("do");
    let action = does.as_ref().and_then(|at| action(reader, at));
    let is_odd = match &action {
        Some(Action::BuiltIn(built_in)) => !matches!(built_in, BuiltIn::CallWebhook | BuiltIn::Letter),
        Some(Action::Skill(_)) => true,
        _ => false,
    };
    if let Some(at) = does.filter(|_| is_odd) {
        reader.tell(
            &at,
            "takes nothing back; an operation, `call-webhook`, `letter` or a plugin's function may",
        );
        return None;
    }
    let with = given(reader, &section, action.as_ref(), &seen.output());
    Some(Undo { action: action?, with })
}

/// What a step is given, held to what it does.
fn given<'a>(
    reader: &mut Reader<'a>,
    section: &Section<'a>,
    action: Option<&Action>,
    seen: &Seen,
) -> BTreeMap<String, Template> {
    let takes = match action {
        Some(Action::Operation(operation)) => Takes::Message(operation.request),
        Some(Action::BuiltIn(built_in)) => Takes::Parameters(built_in.arguments()),
        _ => Takes::Anything,
    };
    let at = section.get("with");
    let given = at.as_ref().map(|at| with(reader, at, takes, seen)).unwrap_or_default();
    // What isn't right is told as that, and not as missing, too.
    let is_said = |name: &str| at.as_ref().is_some_and(|at| at.value.get(name).is_some());
    let required: Vec<String> = match action {
        Some(Action::Operation(operation)) => fields::required(operation).map(str::to_owned).collect(),
        Some(Action::BuiltIn(built_in)) => {
            let required = built_in.arguments().iter().filter(|argument| argument.required);
            required.map(|argument| argument.name.clone()).collect()
        }
        _ => Vec::new(),
    };
    for name in required.iter().filter(|name| !is_said(name)) {
        reader.problems.tell(&section.span, &section.path(&format!("with.{name}")), "has to be given");
    }
    if matches!(action, Some(Action::BuiltIn(BuiltIn::Wait))) && is_said("for") == is_said("until") {
        reader.problems.tell(&section.span, &section.path("with"), "must say `for` or `until`, one of both");
    }
    given
}

/// What a step does, by its name.
fn action<'a>(reader: &mut Reader<'a>, at: &At<'a>) -> Option<Action> {
    let text = reader.text(at)?;
    if let Some(built_in) = BuiltIn::ALL.into_iter().find(|built_in| built_in.name() == text) {
        return Some(Action::BuiltIn(built_in));
    }
    if let Some(skill) = text.strip_prefix("skill.") {
        if is_name(skill, '-') {
            return Some(Action::Skill(skill.to_owned()));
        }
        reader.tell(at, "must name a skill: skill.NAME, of lower-case letters, digits and hyphens");
        return None;
    }
    if let Some(function) = text.strip_prefix("plugin.") {
        let is_function = |name: &str| {
            !name.is_empty()
                && name.len() <= 64
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        return match function.split_once('.') {
            Some((plugin, function)) if is_name(plugin, '-') && is_function(function) => {
                Some(Action::Plugin { plugin: plugin.to_owned(), function: function.to_owned() })
            }
            _ => {
                reader.tell(at, "must name a plugin's function: plugin.NAME.FUNCTION");
                None
            }
        };
    }
    let operation = operation::named(text);
    match operation.map(|operation| (operation, fields::why_not(operation))) {
        Some((operation, None)) => Some(Action::Operation(operation)),
        Some((_, Some(why))) => {
            reader.tell(at, format!("is an operation that {why}, so no step can do it"));
            None
        }
        None => {
            let operations = operation::ALL.iter().filter(|operation| fields::is_for_flows(operation));
            let known = operations.map(|operation| operation.name).chain(BuiltIn::ALL.map(BuiltIn::name));
            let said: String = text.chars().take(64).collect();
            let listed = "; docs/protocol.md lists the operations";
            let meant = meant(text, known);
            let meant = if meant.is_empty() { listed.to_owned() } else { meant };
            reader.tell(at, format!("is \"{said}\", which isn't known{meant}"));
            None
        }
    }
}
