//! The JSON Schema (2020-12) of a flow's file, for editors: made of the tables that the reader goes by. It knows no more than a schema
//! can: what templates ask for, and whether schedules come, is for the reader.

use serde_json::{Map, Value, json};

use super::definition::BuiltIn;
use super::fields;
use super::parameter::{KINDS, Kind, Parameter};
use super::table::{self, Key, Shape};
use crate::bounds::{
    MAX_FLOW_EXAMPLES, MAX_FLOW_NAME, MAX_FLOW_PARAMETERS, MAX_FLOW_STEPS, MAX_FLOW_TAGS, MAX_FLOW_TEMPLATE,
    MAX_FLOW_TRIGGERS,
};
use crate::feed;
use crate::permission::Permissions;
use crate::protocol::json::{self as messages, Field, Message};
use crate::protocol::operation;

/// The schema.
pub fn schema() -> Value {
    let parameters = json!({
        "type": "object", "maxProperties": MAX_FLOW_PARAMETERS, "propertyNames": identifier(),
        "additionalProperties": section(&[table::PARAMETER], Some(("type", &KINDS))),
    });
    let many = |of: &str, least: usize, most: usize| json!({ "type": "array", "minItems": least, "maxItems": most, "items": { "$ref": format!("#/$defs/{of}") } });
    let examples = many("example", 0, MAX_FLOW_EXAMPLES);
    let file = |sections: &[(&'static str, &'static str)], parts: &[(&str, Value)], required: &[&str]| {
        let properties: Map<String, Value> = sections
            .iter()
            .map(|(name, about)| {
                let part = parts.iter().find(|(part, _)| part == name).map(|(_, part)| part.clone());
                ((*name).to_owned(), described(part.unwrap_or(json!({})), about))
            })
            .collect();
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    };
    let workflow = file(
        &table::WORKFLOW_SECTIONS,
        &[
            ("workflow", section(&[table::SKILL, table::RUNNING], None)),
            ("parameters", parameters.clone()),
            ("triggers", many("trigger", 1, MAX_FLOW_TRIGGERS)),
            ("steps", many("step", 1, MAX_FLOW_STEPS)),
            ("examples", examples.clone()),
        ],
        &["workflow", "triggers", "steps"],
    );
    let skill = file(
        &table::SKILL_SECTIONS,
        &[
            ("skill", section(&[table::SKILL], None)),
            ("parameters", parameters),
            ("step", json!({ "$ref": "#/$defs/step", "properties": { "each": false } })),
            ("examples", examples),
        ],
        &["skill", "step"],
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A flow",
        "description": "What a server does by itself: a workflow, or a skill that workflows use (docs/flows.md).",
        "type": "object",
        "if": { "required": ["skill"] }, "then": skill, "else": workflow,
        "$defs": {
            "trigger": section(&[table::TRIGGER], Some(("on", &table::ONS))),
            "step": step(&[table::STEP]),
            "undo": step(&[table::UNDO]),
            "example": section(&[table::EXAMPLE], None),
            "expression": { "type": ["string", "boolean"], "maxLength": MAX_FLOW_TEMPLATE },
        },
    })
}

/// A section. `by` is the key whose word says which of the others may stand, and its words.
fn section(keys: &[&'static [Key]], by: Option<(&str, &[&str])>) -> Value {
    let all = || keys.iter().copied().flatten();
    let properties: Map<String, Value> =
        all().map(|key| (key.name.to_owned(), described(shape(key.shape), key.about))).collect();
    let required: Vec<_> = all().filter(|key| key.is_required).map(|key| key.name).collect();
    let mut section = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    let Some((by, words)) = by else { return section };
    let rules = words.iter().map(|word| {
        let never = all().filter(|key| !key.only.is_empty() && !key.only.contains(word));
        let never: Map<String, Value> = never.map(|key| (key.name.to_owned(), Value::from(false))).collect();
        // What begins a run has a key of the same name, but where there is nothing to say.
        let needed: Vec<_> =
            all().filter(|key| key.name == *word && key.only == [*word]).map(|key| key.name).collect();
        let is_this = json!({ "properties": { by: { "const": word } }, "required": [by] });
        json!({ "if": is_this, "then": { "properties": never, "required": needed } })
    });
    section["allOf"] = rules.collect();
    section
}

/// A step, or what takes one back: what it is given goes by what it does.
fn step(keys: &[&'static [Key]]) -> Value {
    let mut step = section(keys, None);
    let when = |name: &str, with: Value, is_needed: bool| {
        let is_this = json!({ "properties": { "do": { "const": name } }, "required": ["do"] });
        let mut then = json!({ "properties": { "with": with } });
        if is_needed {
            then["required"] = json!(["with"]);
        }
        json!({ "if": is_this, "then": then })
    };
    let mut rules = Vec::new();
    for operation in operation::ALL.iter().filter(|operation| fields::is_for_flows(operation)) {
        let required: Vec<_> = fields::required(operation).collect();
        let mut with = message(operation.request, 0);
        with["required"] = json!(required);
        rules.push(when(operation.name, with, !required.is_empty()));
    }
    for built_in in BuiltIn::ALL {
        let required: Vec<_> =
            built_in.arguments().iter().filter(|one| one.required).map(|one| &one.name).collect();
        let properties: Map<String, Value> =
            built_in.arguments().iter().map(|one| (one.name.clone(), argument(one))).collect();
        let mut with = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        let is_wait = built_in == BuiltIn::Wait;
        if is_wait {
            with["oneOf"] = json!([{ "required": ["for"] }, { "required": ["until"] }]);
        }
        rules.push(when(built_in.name(), with, is_wait || !required.is_empty()));
    }
    step["allOf"] = rules.into();
    step
}

fn described(mut schema: Value, about: &str) -> Value {
    schema["description"] = about.into();
    schema
}

fn name() -> Value {
    json!({ "type": "string", "pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$", "maxLength": MAX_FLOW_NAME })
}

fn identifier() -> Value {
    json!({ "type": "string", "pattern": "^[a-z]([a-z0-9_]*[a-z0-9])?$", "maxLength": MAX_FLOW_NAME })
}

/// One of these, or a list of them.
fn one_or_many(words: &[&str]) -> Value {
    json!({ "anyOf": [{ "enum": words }, { "type": "array", "minItems": 1, "items": { "enum": words } }] })
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Name => name(),
        Shape::Identifier => identifier(),
        Shape::Version => {
            json!({ "type": "string", "pattern": "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$" })
        }
        Shape::Line(most) | Shape::Text(most) => json!({ "type": "string", "maxLength": most }),
        Shape::Names(most) => {
            json!({ "type": "array", "maxItems": most.min(MAX_FLOW_TAGS), "items": name() })
        }
        Shape::Arguments => json!({ "type": "array", "items": identifier() }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Words(words) => one_or_many(words),
        Shape::Events => one_or_many(&feed::WORDS.map(|(word, _)| word)),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Duration => json!({ "type": "string", "pattern": "^\\s*([0-9]+\\s*(w|d|h|m|s|ms)\\s*)+$" }),
        Shape::Permission => {
            json!({ "enum": Permissions::NAMED.iter().map(|(_, word)| *word).collect::<Vec<_>>() })
        }
        Shape::Cron => json!({ "type": "string", "pattern": "^\\s*\\S+(\\s+\\S+){4}\\s*$" }),
        Shape::Zone => json!({ "type": "string" }),
        Shape::Command => json!({ "type": "string", "pattern": "^[^\\s]{2,32}$" }),
        Shape::Expression => json!({ "$ref": "#/$defs/expression" }),
        Shape::With | Shape::Input => json!({ "type": "object" }),
        Shape::Action => action(),
        Shape::Undo => json!({ "$ref": "#/$defs/undo" }),
        Shape::Any => json!({}),
        Shape::Texts => {
            json!({ "type": "array", "minItems": 1, "maxItems": 64, "items": { "type": "string" } })
        }
    }
}

fn action() -> Value {
    let operations = operation::ALL.iter().filter(|operation| fields::is_for_flows(operation));
    let built_in = BuiltIn::ALL.map(|one| json!({ "const": one.name(), "description": one.about() }));
    let mut choices: Vec<Value> = operations
        .map(|operation| json!({ "const": operation.name, "description": operation.documentation }))
        .chain(built_in)
        .collect();
    choices.push(json!({ "type": "string", "pattern": "^skill\\.[a-z][a-z0-9-]*$" }));
    choices.push(json!({ "type": "string", "pattern": "^plugin\\.[a-z][a-z0-9-]*\\.[A-Za-z0-9_]+$" }));
    json!({ "anyOf": choices })
}

fn argument(argument: &Parameter) -> Value {
    let schema = match &argument.kind {
        Kind::Any => json!({}),
        Kind::String { choices, .. } if !choices.is_empty() => worked_out(json!({ "enum": choices })),
        _ => json!({ "type": ["string", "number", "boolean"] }),
    };
    described(schema, &argument.description)
}

/// Deeper than this, messages that hold messages aren't described.
const DEEPEST: usize = 3;

fn message(message: &'static Message, depth: usize) -> Value {
    if depth > DEEPEST {
        return json!({ "type": "object" });
    }
    let properties: Map<String, Value> =
        message.fields.iter().map(|one| (one.name.to_owned(), field(one, depth))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn field(field: &'static Field, depth: usize) -> Value {
    let one = match field.kind {
        messages::Kind::Text => json!({ "type": ["string", "number", "boolean", "array", "object"] }),
        messages::Kind::Bytes | messages::Kind::Time => json!({ "type": "string" }),
        messages::Kind::Bool => json!({ "type": ["boolean", "string"] }),
        messages::Kind::Number32 | messages::Kind::Number64 | messages::Kind::Signed32 => {
            json!({ "type": ["integer", "string"] })
        }
        messages::Kind::Permissions => {
            let words: Vec<_> = Permissions::NAMED.iter().map(|(_, word)| *word).collect();
            return worked_out(json!({ "type": "array", "items": worked_out(json!({ "enum": words })) }));
        }
        messages::Kind::Word(words) => {
            worked_out(json!({ "enum": words.iter().map(|(_, word)| *word).collect::<Vec<_>>() }))
        }
        messages::Kind::Message(inner) => worked_out(message(inner, depth + 1)),
    };
    if field.is_list { worked_out(json!({ "type": "array", "items": one })) } else { one }
}

/// The same, or a template that comes to it; words with commas between stand for a list, too.
fn worked_out(schema: impl Into<Value>) -> Value {
    let schema = schema.into();
    json!({ "anyOf": [schema, { "type": "string", "pattern": "\\{\\{|\\{%|," }] })
}
