//! What a flow says of itself, and its parameters.

use serde_json::{Map, Value};
use toml::de::DeValue;

use super::plain;
use super::reader::{At, Reader, Section, is_name, lowered};
use crate::bounds::{
    MAX_FLOW_EXAMPLES, MAX_FLOW_ITEMS, MAX_FLOW_PARAMETERS, MAX_FLOW_TAGS, MAX_FLOW_TEXT, MAX_FLOW_VALUE,
};
use crate::flow::bind::bind;
use crate::flow::definition::{About, Example};
use crate::flow::parameter::{AnyName, KINDS, Kind, Parameter};
use crate::flow::table;

/// What `[workflow]` and `[skill]` both have.
pub(super) fn about<'a>(reader: &mut Reader<'a>, section: &Section<'a>) -> Option<About> {
    let name = section.get("name").and_then(|at| reader.name(&at));
    let version = section.get("version").map(|at| version(reader, &at));
    let line = |reader: &mut Reader<'a>, name: &str| {
        section.get(name).and_then(|at| reader.line(&at, 100)).unwrap_or_default()
    };
    let (title, author) = (line(reader, "title"), line(reader, "author"));
    let description = section.get("description").and_then(|at| reader.long_text(&at, MAX_FLOW_TEXT));
    let tags = section.get("tags").map(|at| names(reader, &at, MAX_FLOW_TAGS)).unwrap_or_default();
    let name = name?;
    Some(About {
        title: if title.is_empty() { name.clone() } else { title },
        name,
        version: version.flatten().unwrap_or_else(|| "1.0.0".to_owned()),
        description: description.unwrap_or_default(),
        author,
        tags,
        examples: Vec::new(),
    })
}

fn version<'a>(reader: &mut Reader<'a>, at: &At<'a>) -> Option<String> {
    let text = reader.text(at)?;
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |part: &&str| {
        part.len() <= 6 && part.parse::<u32>().is_ok() && (*part == "0" || !part.starts_with('0'))
    };
    if parts.len() == 3 && parts.iter().all(is_number) {
        return Some(text.to_owned());
    }
    reader.tell(at, "must be three numbers with dots between, as \"1.0.0\"");
    None
}

fn names<'a>(reader: &mut Reader<'a>, at: &At<'a>, most: usize) -> Vec<String> {
    let Some(items) = at.items().filter(|items| items.len() <= most) else {
        reader.tell(at, format!("must be a list of {most} names at most"));
        return Vec::new();
    };
    let mut names: Vec<_> = items.iter().filter_map(|item| reader.name(item)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The names of all parameters that are written, also of those that aren't right.
pub(super) fn written(file: &Section<'_>) -> Vec<String> {
    let table = file.get("parameters").and_then(|at| at.value.as_table());
    table.into_iter().flat_map(|table| table.keys()).map(|name| name.get_ref().to_string()).collect()
}

/// `[parameters]`
pub(super) fn parameters<'a>(reader: &mut Reader<'a>, file: &Section<'a>) -> Vec<Parameter> {
    let Some(at) = file.get("parameters") else { return Vec::new() };
    let DeValue::Table(table) = at.value else {
        reader.tell(&at, "must be a table, with a section for each parameter: [parameters.channel]");
        return Vec::new();
    };
    let all = Section::new("parameters", at.span.clone(), table);
    if table.len() > MAX_FLOW_PARAMETERS {
        reader.tell(&at, format!("has more than {MAX_FLOW_PARAMETERS} parameters"));
        return Vec::new();
    }
    let mut found: Vec<(usize, Parameter)> = Vec::new();
    for (name, span, at) in all.entries() {
        if !is_name(name, '_') {
            let message =
                "must have a name of lower-case letters, digits and underscores, a letter first, 48 at most";
            reader.problems.tell(&span, &at.key, message);
        } else if let Some(parameter) = parameter(reader, name, &at) {
            found.push((span.start, parameter));
        }
    }
    // In the order of the file: that is how people are asked for them.
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, parameter)| parameter).collect()
}

fn parameter<'a>(reader: &mut Reader<'a>, name: &str, at: &At<'a>) -> Option<Parameter> {
    let word = at.value.get("type").and_then(|at| at.get_ref().as_str());
    let word = KINDS.into_iter().find(|kind| Some(*kind) == word);
    let section = reader.section(at, &[table::PARAMETER], word)?;
    let word = section.get("type").and_then(|at| reader.word(&at, &KINDS));
    let description =
        section.get("description").and_then(|at| reader.long_text(&at, MAX_FLOW_TEXT)).unwrap_or_default();
    let required = section.get("required").and_then(|at| reader.boolean(&at)).unwrap_or(false);
    let kind = kind(reader, &section, word?)?;
    let default = section.get("default");
    if let Some(at) = default.as_ref().filter(|_| required) {
        reader.tell(at, "is never taken, since the parameter is required; leave one of both out");
    }
    let default = default.and_then(|at| match plain::value(reader, &at) {
        Some(value) => match kind.fit(&value, &AnyName) {
            Ok(value) if kind.is_secret() && !value.is_null() => {
                let message = "would be read by whoever reads the flow, since the parameter is secret; its owner sets it (--set)";
                reader.tell(&at, message);
                None
            }
            Ok(value) => Some(value),
            Err(problem) => {
                reader.tell(&at, problem);
                None
            }
        },
        None => None,
    });
    Some(Parameter {
        name: name.to_owned(),
        kind,
        required,
        default: default.unwrap_or_default(),
        description,
    })
}

fn kind<'a>(reader: &mut Reader<'a>, section: &Section<'a>, word: &str) -> Option<Kind> {
    let (min, max) = (section.get("min"), section.get("max"));
    let (low, high) = (min.as_ref(), max.as_ref());
    let kind = match word {
        "string" => {
            let choices = section.get("choices").map(|at| choices(reader, &at)).unwrap_or_default();
            let (min, max) = counts(reader, low, high, MAX_FLOW_VALUE);
            Kind::String { min, max, choices }
        }
        "secret" => Kind::Secret,
        "integer" => {
            let whole = |reader: &mut Reader<'a>, at: Option<&At<'a>>, other: i64| {
                at.map_or(other, |at| plain::integer(reader, at).unwrap_or(other))
            };
            Kind::Integer { min: whole(reader, low, i64::MIN), max: whole(reader, high, i64::MAX) }
        }
        "number" => {
            let number = |reader: &mut Reader<'a>, at: Option<&At<'a>>, other: f64| {
                let value = at.and_then(|at| plain::value(reader, at).map(|value| (at, value)));
                match value {
                    None => other,
                    Some((_, Value::Number(number))) => number.as_f64().unwrap_or(other),
                    Some((at, _)) => {
                        reader.tell(at, "must be a number");
                        other
                    }
                }
            };
            Kind::Number { min: number(reader, low, f64::MIN), max: number(reader, high, f64::MAX) }
        }
        "boolean" => Kind::Boolean,
        "duration" => {
            let length = |reader: &mut Reader<'a>, at: Option<&At<'a>>, other: u64| {
                at.map_or(other, |at| reader.duration(at, u64::MAX).unwrap_or(other))
            };
            Kind::Duration { min: length(reader, low, 0), max: length(reader, high, u64::MAX) }
        }
        "time" => Kind::Time,
        "channel" => Kind::Channel,
        "user" => Kind::User,
        "role" => Kind::Role,
        "session" => Kind::Session,
        "any" => Kind::Any,
        _ => {
            let of = section.get("of").map_or(Some("string"), |at| {
                let word = reader.word(&at, &KINDS)?;
                if word == "list" {
                    reader.tell(&at, "can't be \"list\": a list has no lists in it");
                    return None;
                }
                Some(word)
            })?;
            let (min, max) = counts(reader, low, high, MAX_FLOW_ITEMS);
            let nothing = Section::new(&section.key, section.span.clone(), empty());
            Kind::List { of: Box::new(kind(reader, &nothing, of)?), min, max }
        }
    };
    let is_upside_down = match &kind {
        Kind::String { min, max, .. } | Kind::List { min, max, .. } => min > max,
        Kind::Integer { min, max } => min > max,
        Kind::Number { min, max } => min > max,
        Kind::Duration { min, max } => min > max,
        _ => false,
    };
    if let Some(at) = min.filter(|_| is_upside_down) {
        reader.tell(&at, "is more than `max`");
        return None;
    }
    Some(kind)
}

fn empty<'a>() -> &'a toml::de::DeTable<'a> {
    static NONE: std::sync::LazyLock<toml::de::DeTable<'static>> =
        std::sync::LazyLock::new(toml::de::DeTable::new);
    &NONE
}

fn counts<'a>(
    reader: &mut Reader<'a>,
    min: Option<&At<'a>>,
    max: Option<&At<'a>>,
    most: usize,
) -> (usize, usize) {
    let mut count = |at: Option<&At<'a>>, other: usize| {
        let Some(at) = at else { return other };
        let Some(number) = plain::integer(reader, at) else { return other };
        if let Some(number) = usize::try_from(number).ok().filter(|number| *number <= most) {
            return number;
        }
        reader.tell(at, format!("must be a number from 0 to {most}"));
        other
    };
    (count(min, 0), count(max, most))
}

fn choices<'a>(reader: &mut Reader<'a>, at: &At<'a>) -> Vec<String> {
    let items = at.items().filter(|items| !items.is_empty() && items.len() <= 64);
    let Some(items) = items else {
        reader.tell(at, "must be a list of 1 to 64 texts");
        return Vec::new();
    };
    items.iter().filter_map(|item| reader.line(item, 200)).collect()
}

/// `[[examples]]`
pub(super) fn examples<'a>(
    reader: &mut Reader<'a>,
    file: &Section<'a>,
    parameters: &[Parameter],
) -> Vec<Example> {
    let Some(at) = file.get("examples") else { return Vec::new() };
    let Some(items) = at.items().filter(|items| items.len() <= MAX_FLOW_EXAMPLES) else {
        reader.tell(
            &at,
            format!("must be tables, {MAX_FLOW_EXAMPLES} at most, each of which begins with [[examples]]"),
        );
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in items {
        let Some(section) = reader.section(&item, &[table::EXAMPLE], None) else { continue };
        let title = section.get("title").and_then(|at| reader.line(&at, 200));
        let given = section.get("input");
        let value = given.as_ref().and_then(|at| plain::value(reader, at));
        let input = match (given, value) {
            (Some(at), Some(value)) => fitted(reader, &at, &value, parameters),
            (None, _) => {
                let at = At { key: section.path("input"), ..item.clone() };
                fitted(reader, &at, &Value::Object(Map::new()), parameters)
            }
            _ => None,
        };
        if let (Some(title), Some(input)) = (title, input) {
            found.push(Example { title, input });
        }
    }
    found
}

/// What an example gives, which has to be all that has to be given.
fn fitted(
    reader: &mut Reader<'_>,
    at: &At<'_>,
    value: &Value,
    parameters: &[Parameter],
) -> Option<Map<String, Value>> {
    let Value::Object(given) = value else {
        reader.tell(at, "must be a table of values");
        return None;
    };
    match bind(parameters, given, &AnyName) {
        Ok(_) => Some(given.clone()),
        Err(errors) => {
            for error in errors {
                reader.tell(at, format!("doesn't fit: {}", lowered(&error.to_string())));
            }
            None
        }
    }
}
