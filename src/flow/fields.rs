//! What a step gives to an operation, as the operation's JSON has it (`protocol::json`), from what people write: a length of time where
//! milliseconds are wanted, a number for an identifier, a table where JSON stands in a text.

use serde_json::{Map, Value};

use super::problem::meant;
use super::span;
use crate::permission::Permissions;
use crate::protocol::json::{Field, Kind, Message};
use crate::protocol::operation::{Group, Operation, Rest, Who};

/// Whether a step may ask for it: whoever isn't connected may, and no person has to come for it.
pub fn is_for_flows(operation: &Operation) -> bool {
    why_not(operation).is_none()
}

/// Why no step may ask for it, as the end of a sentence.
pub(super) fn why_not(operation: &Operation) -> Option<&'static str> {
    match (operation.who, operation.group) {
        (Who::Stranger, _) | (_, Group::Entry) => Some("is for those who aren't logged in yet"),
        (Who::Owner, _) | (_, Group::Operator | Group::Organizations) => Some("is for the machine's owner"),
        (Who::Person, _) => Some("is for a person who comes themselves"),
        _ if operation.name == "create_oauth_client" => {
            Some("answers with a secret that is shown once, to a person")
        }
        _ if operation.connected => Some("is about the voice of a connected session, which a flow hasn't"),
        _ => None,
    }
}

/// The fields that its address names, and that it is never asked without.
pub(super) fn required(operation: &'static Operation) -> impl Iterator<Item = &'static str> {
    let path = match operation.rest {
        Rest::At { path, .. } => path,
        Rest::Never { .. } => "",
    };
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// The fields of a message as its JSON has them; else which of them is wrong, and why.
pub(super) fn fitted(
    message: &'static Message,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, (String, String)> {
    let mut fitted = Map::new();
    for (name, value) in given {
        let field = message.fields.iter().find(|field| field.name == name);
        let field = field.ok_or_else(|| (name.clone(), unknown(message, name)))?;
        if let Some(value) = fit(field, value).map_err(|problem| (name.clone(), problem))? {
            fitted.insert(name.clone(), value);
        }
    }
    Ok(fitted)
}

/// What is said of a name that a message hasn't.
pub(super) fn unknown(message: &'static Message, name: &str) -> String {
    let known = message.fields.iter().map(|field| field.name);
    if message.fields.is_empty() {
        "isn't known: the operation takes nothing".to_owned()
    } else {
        format!("isn't known{}", meant(name, known))
    }
}

/// A value as the field's JSON has it; nothing for `null`, which says that it isn't given. What is wrong goes on after the field's name.
pub(super) fn fit(field: &'static Field, value: &Value) -> Result<Option<Value>, String> {
    if value.is_null() {
        return Ok(None);
    }
    if !field.is_list && !matches!(field.kind, Kind::Permissions) {
        return fit_one(field, value).map(Some);
    }
    let values = match value {
        Value::Array(values) => values.clone(),
        Value::String(words) if matches!(field.kind, Kind::Permissions) => {
            words.split(',').map(|word| Value::from(word.trim())).collect()
        }
        _ => return Err(format!("must be a list, of which each is {}", wanted(field))),
    };
    values
        .iter()
        .map(|value| fit_one(field, value))
        .collect::<Result<Vec<_>, _>>()
        .map(|values| Some(values.into()))
}

/// A value of a field, or one of the values of a list.
pub(super) fn fit_one(field: &'static Field, value: &Value) -> Result<Value, String> {
    let wrong = || format!("must be {}", wanted(field));
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse::<i64>().ok(),
        _ => None,
    };
    match (field.kind, value) {
        (Kind::Text | Kind::Bytes, Value::String(text)) => Ok(text.as_str().into()),
        (Kind::Text, Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Ok(value.to_string().into())
        }
        (Kind::Bool, Value::Bool(on)) => Ok((*on).into()),
        (Kind::Bool, Value::String(text)) if text == "true" || text == "false" => Ok((text == "true").into()),
        (Kind::Number32, value) => {
            number(value).and_then(|number| u32::try_from(number).ok()).map(Value::from).ok_or_else(wrong)
        }
        (Kind::Signed32, value) => {
            number(value).and_then(|number| i32::try_from(number).ok()).map(Value::from).ok_or_else(wrong)
        }
        (Kind::Number64, Value::Number(number)) => {
            number.as_u64().map(|number| number.to_string().into()).ok_or_else(wrong)
        }
        (Kind::Number64, Value::String(text)) => {
            let text = text.trim();
            if is_length(field)
                && let Some(length) = span::milliseconds(text)
            {
                return Ok(length.to_string().into());
            }
            text.parse::<u64>().map(|number| number.to_string().into()).map_err(|_| wrong())
        }
        (Kind::Time, Value::String(text)) => {
            text.parse::<crate::id::Timestamp>().map(|time| time.to_string().into()).map_err(|_| wrong())
        }
        (Kind::Permissions, Value::String(word)) => {
            let known = Permissions::NAMED.iter().map(|(_, known)| *known);
            if known.clone().any(|known| known == word) {
                Ok(word.as_str().into())
            } else {
                Err(format!("has \"{}\", which is no permission{}", shortened(word), meant(word, known)))
            }
        }
        (Kind::Word(words), Value::String(word)) => {
            let known = words.iter().map(|(_, known)| *known);
            if known.clone().any(|known| known == word) {
                Ok(word.as_str().into())
            } else {
                Err(format!("has the word \"{}\", which isn't known{}", shortened(word), meant(word, known)))
            }
        }
        (Kind::Message(message), Value::Object(object)) => {
            let inner = fitted(message, object)
                .map_err(|(name, problem)| format!("has `{name}`, which {problem}"))?;
            Ok(inner.into())
        }
        _ => Err(wrong()),
    }
}

fn shortened(word: &str) -> String {
    word.chars().take(64).collect()
}

/// Whether it is a length of time in milliseconds, by the rule of `protocol.proto`.
fn is_length(field: &Field) -> bool {
    matches!(field.kind, Kind::Number64) && field.name.ends_with("Ms")
}

/// What a field takes, for people.
pub(super) fn wanted(field: &Field) -> String {
    match field.kind {
        Kind::Text => "a text".to_owned(),
        Kind::Bytes => "bytes in base 64".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Number32 => "a whole number from 0 on".to_owned(),
        Kind::Signed32 => "a whole number".to_owned(),
        Kind::Number64 if is_length(field) => "a length of time like \"10m\", or milliseconds".to_owned(),
        Kind::Number64 => "a number, such as an identifier".to_owned(),
        Kind::Time => "a time like \"2026-01-31T12:00:00Z\" (RFC 3339)".to_owned(),
        Kind::Permissions => "a list of words of permissions, such as [\"view\", \"join\"]".to_owned(),
        Kind::Word(words) => {
            let words: Vec<_> = words.iter().map(|(_, word)| format!("\"{word}\"")).collect();
            format!("one of {}", words.join(", "))
        }
        Kind::Message(message) => {
            let known: Vec<_> = message.fields.iter().map(|field| format!("`{}`", field.name)).collect();
            format!("a table with {}", known.join(", "))
        }
    }
}
