//! The table of messages by which the program writes them as JSON and reads them: `protocol::json` says how.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use protox::prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind};

use crate::page::PROTOCOL;

/// The option of fields that hold a set of permissions, that of durations, that of secrets, and that of what is for some people alone.
const PERMISSIONS: &str = "parlour.options.permissions";
const DURATION: &str = "parlour.options.duration";
const SECRET: &str = "parlour.options.secret";
const PRIVATE: &str = "parlour.options.private";

/// What the name of a field ends in that holds milliseconds.
const MILLISECONDS: &str = "_ms";

/// What a field holds, as JSON has it.
pub(super) enum Held {
    Text,
    Bytes,
    Bool,
    Number32,
    Number64,
    Signed32,
    Time,
    Permissions,
    Word(EnumDescriptor),
    Message(String),
}

/// Writes it.
pub(super) fn write(pool: &DescriptorPool, out: &Path) -> Result<(), Box<dyn Error>> {
    let protocol = pool.get_file_by_name(PROTOCOL).ok_or_else(|| format!("{PROTOCOL} wasn't compiled"))?;
    let mut text = String::new();
    for message in protocol.messages() {
        let name = message.name();
        writeln!(
            text,
            "/// `{name}`.\npub static {}: Message = Message {{ name: {name:?}, fields: &[",
            constant(name)
        )?;
        for field in message.fields() {
            let choice = field.containing_oneof().filter(|choice| !choice.is_synthetic());
            writeln!(
                text,
                "Field {{ number: {}, name: {:?}, kind: {}, is_list: {}, is_optional: {}, is_hidden: {}, is_secret: {}, choice: {:?} }},",
                field.number(),
                name_of(pool, &field)?,
                kind(&held(pool, &field)?),
                field.is_list(),
                field.supports_presence(),
                is_hidden(pool, &field)?,
                is_secret(pool, &field)?,
                choice.as_ref().map_or("", |choice| choice.name()),
            )?;
        }
        text.push_str("] };\n");
    }
    std::fs::write(out.join("schema.rs"), text)?;
    Ok(())
}

/// What a message's table is called: `CREATE_CHANNEL` of `CreateChannel`.
pub(super) fn constant(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

/// What a field is called in JSON. A time isn't in milliseconds there, so its name doesn't say so.
pub(super) fn name_of(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<String, Box<dyn Error>> {
    let name = field.json_name();
    Ok(match held(pool, field)? {
        Held::Time => name.strip_suffix("Ms").unwrap_or(name).to_owned(),
        _ => name.to_owned(),
    })
}

/// Whether a field has an option that is either set or not.
fn is_marked(pool: &DescriptorPool, field: &FieldDescriptor, option: &str) -> Result<bool, Box<dyn Error>> {
    let extension = pool.get_extension_by_name(option);
    let extension = extension.ok_or_else(|| format!("options.proto lacks {option}"))?;
    Ok(field.options().get_extension(&extension).as_bool() == Some(true))
}

/// Whether no record of what was asked shows what a field of a request holds.
fn is_hidden(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<bool, Box<dyn Error>> {
    Ok(is_secret(pool, field)? || is_marked(pool, field, PRIVATE)?)
}

/// Whether nobody else is to see what a field of a request holds.
pub(super) fn is_secret(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<bool, Box<dyn Error>> {
    is_marked(pool, field, SECRET)
}

/// What a field holds. Milliseconds are a time, unless they are said to be a duration.
pub(super) fn held(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<Held, Box<dyn Error>> {
    let marked = |option| is_marked(pool, field, option);
    Ok(match field.kind() {
        Kind::Uint64 if marked(PERMISSIONS)? => Held::Permissions,
        Kind::Uint64 if field.name().ends_with(MILLISECONDS) && !marked(DURATION)? => Held::Time,
        Kind::Uint64 => Held::Number64,
        Kind::Uint32 => Held::Number32,
        Kind::Sint32 => Held::Signed32,
        Kind::Bool => Held::Bool,
        Kind::String => Held::Text,
        Kind::Bytes => Held::Bytes,
        Kind::Enum(kind) => Held::Word(kind),
        Kind::Message(message) => Held::Message(message.name().to_owned()),
        other => return Err(format!("{} is {other:?}, which JSON lacks yet", field.full_name()).into()),
    })
}

fn kind(held: &Held) -> String {
    match held {
        Held::Text => "Kind::Text".to_owned(),
        Held::Bytes => "Kind::Bytes".to_owned(),
        Held::Bool => "Kind::Bool".to_owned(),
        Held::Number32 => "Kind::Number32".to_owned(),
        Held::Number64 => "Kind::Number64".to_owned(),
        Held::Signed32 => "Kind::Signed32".to_owned(),
        Held::Time => "Kind::Time".to_owned(),
        Held::Permissions => "Kind::Permissions".to_owned(),
        Held::Word(of) => format!("Kind::Word(&{:?})", words(of)),
        Held::Message(name) => format!("Kind::Message(&{})", constant(name)),
    }
}

/// The values of an enumeration with their words: `this-channel` of `REACH_THIS_CHANNEL`.
pub(super) fn words(of: &EnumDescriptor) -> Vec<(i32, String)> {
    let prefix = format!("{}_", constant(of.name()));
    let word = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_ascii_lowercase().replace('_', "-");
    of.values().map(|value| (value.number(), word(value.name()))).collect()
}
