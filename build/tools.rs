//! What assistants are told of the operations that are their tools (docs/assistant.md): names, descriptions and what each is asked
//! with, from the operations and their messages.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use protox::prost_reflect::{DescriptorPool, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::openapi::{PERMISSION, about, message, of_message, permission_words, summary};
use crate::operations::Operation;
use crate::schema::{self, Held};

/// Writes them, each with what the revision in force says of a tool.
pub(super) fn write(
    pool: &DescriptorPool,
    operations: &[Operation],
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let tools: Result<Vec<_>, _> =
        operations.iter().filter(|one| one.tool != "Never").map(|one| tool(pool, one)).collect();
    std::fs::write(out.join("tools.json"), serde_json::to_string(&tools?)?)?;
    Ok(())
}

fn tool(pool: &DescriptorPool, one: &Operation) -> Result<Value, Box<dyn Error>> {
    let reads = one.tool == "Reads";
    let method = one.rest.as_ref().map_or("", |(method, _)| method);
    let asked = message(pool, &one.message)?;
    let mut description = about(one);
    for choice in asked.oneofs().filter(|choice| !choice.is_synthetic()) {
        let names: Result<Vec<_>, _> = choice
            .fields()
            .map(|field| schema::name_of(pool, &field).map(|name| format!("`{name}`")))
            .collect();
        description.extend(["\n\nGive one of ", &names?.join(", "), "."]);
    }
    Ok(json!({
        "name": one.name,
        "title": summary(&one.documentation),
        "description": description,
        "inputSchema": input(pool, one, &asked)?,
        "annotations": {
            "title": summary(&one.documentation),
            "readOnlyHint": reads,
            "destructiveHint": one.tool == "Changes",
            "idempotentHint": reads || matches!(method, "PUT" | "DELETE"),
            "openWorldHint": false,
        },
    }))
}

/// What a tool is asked with. It is an object without alternatives, which not every assistant takes there; what else it needs is with it.
fn input(pool: &DescriptorPool, one: &Operation, asked: &MessageDescriptor) -> Result<Value, Box<dyn Error>> {
    let mut of = of_message(pool, asked, true, |_| false, &reference)?;
    let path = one.rest.as_ref().map_or("", |(_, path)| path);
    let needed: Vec<_> =
        path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    if let Some(of) = of.as_object_mut() {
        of.remove("allOf");
        of.remove("description");
        if !needed.is_empty() {
            of.insert("required".to_owned(), needed.into());
        }
    }
    let mut held = BTreeSet::new();
    reach(pool, asked, &mut held)?;
    let mut definitions = Map::new();
    for name in held {
        let of = match name.as_str() {
            PERMISSION => json!({ "type": "string", "enum": permission_words() }),
            name => of_message(pool, &message(pool, name)?, true, |_| false, &reference)?,
        };
        definitions.insert(name, of);
    }
    if !definitions.is_empty() {
        of["$defs"] = definitions.into();
    }
    Ok(of)
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// What the fields of a message refer to.
fn reach(
    pool: &DescriptorPool,
    of: &MessageDescriptor,
    reached: &mut BTreeSet<String>,
) -> Result<(), Box<dyn Error>> {
    for field in of.fields() {
        match schema::held(pool, &field)? {
            Held::Permissions => {
                reached.insert(PERMISSION.to_owned());
            }
            Held::Message(name) if reached.insert(name.clone()) => {
                reach(pool, &message(pool, &name)?, reached)?;
            }
            _ => (),
        }
    }
    Ok(())
}
