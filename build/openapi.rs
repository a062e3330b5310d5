//! The description of the HTTP interface (`OpenAPI` 3.1), from the operations and their messages.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

use protox::prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::code::ErrorCode;
use crate::operations::{self, Operation, PACKAGE};
use crate::permission::Permissions;
use crate::schema::{self, Held};

/// What is said of each group of operations.
const TAGS: [(&str, &str); 9] = [
    ("Entry", "Log-ins, and what is done before one."),
    ("Live", "Channels, and who is where."),
    ("View", "Questions about what is live, and about who may do what."),
    ("Rights", "Roles, grants and overwrites."),
    ("Account", "One's own account."),
    ("Admission", "Who comes in, and who doesn't."),
    ("Directory", "Other people's accounts, and what was done."),
    ("Recording", "Recordings that are kept."),
    ("Element", "What programs keep on channels, accounts and recordings."),
];

/// What the word of a permission is called among the schemas.
pub(super) const PERMISSION: &str = "Permission";

const ABOUT: &str = "\
The operations of a Parlour server for other programs. What a program may do is what the account may whose token it shows, at \
that moment, and no more than the token was made for.\n\n\
Times are RFC 3339, durations are milliseconds. Numbers of 64 bits are strings, since JSON's readers round them. In a request, \
what is left out has its default; in a `PATCH` it stays as it is.\n\n\
What a `GET` is answered has an `ETag`. With `If-Match` a change at the same address is made to that alone, else the answer is 412.";

/// Writes it.
pub(super) fn write(
    pool: &DescriptorPool,
    operations: &[Operation],
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let mut document = Document { pool, operations, asked: BTreeSet::new(), answered: BTreeSet::new() };
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for one in operations {
        if let Ok((method, path)) = &one.rest {
            paths
                .entry(path)
                .or_default()
                .insert(method.to_lowercase(), document.operation(one, method, path)?);
        }
    }
    let tags: Vec<_> =
        TAGS.iter().map(|(name, about)| json!({ "name": name, "description": about })).collect();
    let text = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Parlour",
            "version": std::env::var("CARGO_PKG_VERSION")?,
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/api", "description": "This server." }],
        "security": [{ "token": [] }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key (`prl_...`), or the access token of a log-in.",
            } },
            "schemas": document.schemas()?,
            "responses": { "Problem": {
                "description": "It was refused, and nothing was changed.",
                "content": { "application/problem+json": { "schema": reference("Problem") } },
            } },
        },
    });
    std::fs::write(out.join("openapi.json"), serde_json::to_string(&text)?)?;
    Ok(())
}

struct Document<'a> {
    pool: &'a DescriptorPool,
    operations: &'a [Operation],
    /// Messages that are sent, and those that are answered.
    asked: BTreeSet<String>,
    answered: BTreeSet<String>,
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

impl Document<'_> {
    fn message(&self, name: &str) -> Result<MessageDescriptor, Box<dyn Error>> {
        message(self.pool, name)
    }

    fn operation(&mut self, one: &Operation, method: &str, path: &str) -> Result<Value, Box<dyn Error>> {
        let message = self.message(&one.message)?;
        let by_query = matches!(method, "GET" | "DELETE");
        let mut parameters = Vec::new();
        for field in message.fields() {
            let name = schema::name_of(self.pool, &field)?;
            let is_in_path = path.split('/').any(|part| part == format!("{{{name}}}"));
            if !is_in_path && !by_query {
                continue;
            }
            let mut of = self.field(&field, true)?;
            let described = of.as_object_mut().and_then(|of| of.remove("description"));
            if is_in_path && of["type"] == "string" {
                of["minLength"] = 1.into();
            }
            let place = if is_in_path { "path" } else { "query" };
            let mut parameter = json!({ "name": name, "in": place, "required": is_in_path, "schema": of });
            if let Some(described) = described {
                parameter["description"] = described;
            }
            parameters.push(parameter);
        }
        let mut said = json!({
            "operationId": one.name,
            "tags": [one.group],
            "summary": summary(&one.documentation),
            "description": about(one),
            "responses": self.responses(one, path)?,
        });
        if !parameters.is_empty() {
            said["parameters"] = parameters.into();
        }
        if one.who == "Stranger" {
            said["security"] = json!([]);
        }
        if !by_query {
            self.ask(&one.message)?;
            let of = self.of_body(&message, path)?;
            if of["properties"].as_object().is_some_and(|fields| !fields.is_empty()) {
                said["requestBody"] =
                    json!({ "required": false, "content": { "application/json": { "schema": of } } });
            }
        }
        Ok(said)
    }

    fn responses(&mut self, one: &Operation, path: &str) -> Result<Value, Box<dyn Error>> {
        let problem = json!({ "$ref": "#/components/responses/Problem" });
        let mut responses = json!({ "401": problem, "4XX": problem, "5XX": problem });
        let status = match one.answer.as_str() {
            "done" => {
                responses["204"] = json!({ "description": "It is done." });
                return Ok(responses);
            }
            "created" => "201",
            _ => "200",
        };
        self.answer(&one.answer_message)?;
        let about = operations::comment(&self.message(&one.answer_message)?);
        let about = if about.is_empty() { "The answer.".to_owned() } else { about };
        let content = json!({ "application/json": { "schema": reference(&one.answer_message) } });
        responses[status] = json!({ "description": about, "content": content });
        let links = self.links(one, path)?;
        if !links.is_empty() {
            responses[status]["links"] = links.into();
        }
        Ok(responses)
    }

    /// What may be done with something that was made: operations whose path goes on with its identifier.
    fn links(&self, one: &Operation, path: &str) -> Result<Map<String, Value>, Box<dyn Error>> {
        let mut links = Map::new();
        let has_id = self.message(&one.answer_message)?.get_field_by_name("id").is_some();
        if !has_id || one.rest.as_ref().is_ok_and(|(method, _)| method != "POST") {
            return Ok(links);
        }
        for other in self.operations {
            let Ok((_, longer)) = &other.rest else { continue };
            let rest = longer.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
            let name = rest.and_then(|rest| rest.strip_prefix('{')?.strip_suffix('}'));
            if let Some(name) = name.filter(|name| !name.contains('/')) {
                let link = json!({ "operationId": other.name, "parameters": { name: "$response.body#/id" } });
                links.insert(other.name.clone(), link);
            }
        }
        Ok(links)
    }

    /// Notes that a message is sent, with all that it holds.
    fn ask(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        for held in self.held(name)? {
            if self.asked.insert(held.clone()) {
                self.ask(&held)?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        if self.answered.insert(name.to_owned()) {
            for held in self.held(name)? {
                self.answer(&held)?;
            }
        }
        Ok(())
    }

    /// The messages that a message holds.
    fn held(&self, name: &str) -> Result<Vec<String>, Box<dyn Error>> {
        let mut all = Vec::new();
        for field in self.message(name)?.fields() {
            if let Held::Message(held) = schema::held(self.pool, &field)? {
                all.push(held);
            }
        }
        Ok(all)
    }

    /// The schema of a body: what its path doesn't say.
    fn of_body(&self, message: &MessageDescriptor, path: &str) -> Result<Value, Box<dyn Error>> {
        self.of_message(message, true, |name| path.split('/').any(|part| part == format!("{{{name}}}")))
    }

    fn of_message(
        &self,
        message: &MessageDescriptor,
        asked: bool,
        is_left_out: impl Fn(&str) -> bool,
    ) -> Result<Value, Box<dyn Error>> {
        of_message(self.pool, message, asked, is_left_out, &|name| self.reference(name, asked))
    }

    fn field(&self, field: &FieldDescriptor, asked: bool) -> Result<Value, Box<dyn Error>> {
        of_field(self.pool, field, asked, &|name| self.reference(name, asked))
    }

    /// Where the schema is of what a field holds.
    fn reference(&self, name: &str, asked: bool) -> Value {
        let is_message = name != PERMISSION;
        if asked && is_message { reference(&self.name_asked(name)) } else { reference(name) }
    }

    /// What a message that is sent is called: one that is answered, too, is another there, since it has all of its fields.
    fn name_asked(&self, name: &str) -> String {
        let is_answered = self.operations.iter().any(|one| {
            let mut reached = BTreeSet::new();
            self.reach(&one.answer_message, &mut reached);
            reached.contains(name)
        });
        if is_answered { format!("{name}Given") } else { name.to_owned() }
    }

    fn reach(&self, name: &str, reached: &mut BTreeSet<String>) {
        if reached.insert(name.to_owned()) {
            for held in self.held(name).unwrap_or_default() {
                self.reach(&held, reached);
            }
        }
    }

    fn schemas(&self) -> Result<Map<String, Value>, Box<dyn Error>> {
        let mut all = Map::new();
        for name in &self.answered {
            all.insert(name.clone(), self.of_message(&self.message(name)?, false, |_| false)?);
        }
        for name in &self.asked {
            all.insert(self.name_asked(name), self.of_message(&self.message(name)?, true, |_| false)?);
        }
        all.insert(PERMISSION.to_owned(), json!({ "type": "string", "enum": permission_words() }));
        all.insert("Problem".to_owned(), problem());
        Ok(all)
    }
}

/// A message of the protocol.
pub(super) fn message(pool: &DescriptorPool, name: &str) -> Result<MessageDescriptor, Box<dyn Error>> {
    let full = format!("{PACKAGE}.{name}");
    Ok(pool.get_message_by_name(&full).ok_or_else(|| format!("there is no message {name}"))?)
}

/// The schema of a message that is `asked` for, or else one that answers. `refer` says where that of what a field holds is.
pub(super) fn of_message(
    pool: &DescriptorPool,
    message: &MessageDescriptor,
    asked: bool,
    is_left_out: impl Fn(&str) -> bool,
    refer: &dyn Fn(&str) -> Value,
) -> Result<Value, Box<dyn Error>> {
    let (mut fields, mut always) = (Map::new(), Vec::new());
    for field in message.fields() {
        let name = schema::name_of(pool, &field)?;
        if is_left_out(&name) {
            continue;
        }
        fields.insert(name.clone(), of_field(pool, &field, asked, refer)?);
        if !asked && !field.supports_presence() {
            always.push(name);
        }
    }
    let mut of = json!({ "type": "object", "properties": fields });
    if !always.is_empty() {
        of["required"] = always.into();
    }
    if asked {
        of["additionalProperties"] = false.into();
    }
    let about = operations::comment(message);
    if !about.is_empty() {
        of["description"] = about.into();
    }
    let mut choices = Vec::new();
    for choice in message.oneofs().filter(|choice| !choice.is_synthetic()) {
        let mut ways = Vec::new();
        for field in choice.fields() {
            ways.push(json!({ "required": [schema::name_of(pool, &field)?] }));
        }
        choices.push(json!({ "oneOf": ways }));
    }
    if !choices.is_empty() {
        of["allOf"] = choices.into();
    }
    Ok(of)
}

/// The schema of a field.
fn of_field(
    pool: &DescriptorPool,
    field: &FieldDescriptor,
    asked: bool,
    refer: &dyn Fn(&str) -> Value,
) -> Result<Value, Box<dyn Error>> {
    let one = match schema::held(pool, field)? {
        Held::Text => json!({ "type": "string" }),
        Held::Bytes => {
            json!({ "type": "string", "contentEncoding": "base64url", "pattern": "^[A-Za-z0-9_-]*$" })
        }
        Held::Bool => json!({ "type": "boolean" }),
        Held::Number32 => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        Held::Number64 => {
            json!({ "type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$", "examples": ["42"] })
        }
        Held::Signed32 => json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
        // What is none is left out of a request.
        Held::Time if asked => {
            json!({ "type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00Z"] })
        }
        Held::Time => {
            json!({ "type": ["string", "null"], "format": "date-time", "examples": ["2026-01-31T12:00:00Z"] })
        }
        Held::Permissions => {
            json!({ "type": "array", "items": refer(PERMISSION), "examples": [["view", "join"]] })
        }
        Held::Word(of) => {
            let words: Vec<_> = schema::words(&of).into_iter().map(|(_, word)| word).collect();
            json!({ "type": "string", "enum": words })
        }
        Held::Message(name) => refer(&name),
    };
    let one = if asked && schema::is_secret(pool, field)? { secret(one) } else { one };
    let mut of = if field.is_list() { json!({ "type": "array", "items": one }) } else { one };
    let about = operations::comment_of_field(field);
    if !about.is_empty() {
        of["description"] = about.into();
    }
    Ok(of)
}

/// What a form shows to nobody.
fn secret(mut of: Value) -> Value {
    of["format"] = "password".into();
    of
}

/// The words of permissions.
pub(super) fn permission_words() -> Vec<&'static str> {
    Permissions::NAMED.iter().map(|(_, word)| *word).collect()
}

/// What a refusal is (RFC 9457).
fn problem() -> Value {
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    let rows = ErrorCode::ALL.iter().map(|code| format!("- `{}`: {}", code.name(), code.sentence()));
    let meanings = rows.collect::<Vec<_>>().join("\n");
    json!({
        "type": "object",
        "description": "Why a request was refused (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": { "type": "string", "format": "uri", "examples": ["urn:parlour:error:forbidden"] },
            "title": { "type": "string", "description": "What the code means." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What is wrong with this request, for a person." },
            "code": { "type": "string", "enum": codes, "description": meanings },
            "reason": { "type": "string", "description": "With `banned`: the reason that a person gave; empty for none." },
            "until": {
                "type": ["string", "null"], "format": "date-time",
                "description": "With `banned`: until when; null for good.",
            },
        },
    })
}

/// The comment, and what the table says beside it.
pub(super) fn about(one: &Operation) -> String {
    let mut parts = vec![one.documentation.clone()];
    if !one.needs.is_empty() {
        let not_always = if one.conditional { ", but not always" } else { "" };
        parts.push(format!("Needs the permission `{}`{not_always}.", one.needs));
    }
    if one.who == "Person" {
        parts.push("For people, by their access token: an API key doesn't do it.".to_owned());
    }
    parts.join("\n\n")
}

/// The first sentence, without its full stop.
pub(super) fn summary(comment: &str) -> String {
    let end = comment.find(". ").unwrap_or(comment.len());
    comment[..end].trim_end_matches('.').to_owned()
}
