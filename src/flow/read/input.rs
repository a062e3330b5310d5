//! Templates and expressions of a file. What is always the same is held to what takes it; what is worked out, to the names that there are.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::de::DeValue;

use super::plain;
use super::reader::{At, Reader, kind_of};
use super::seen::Seen;
use crate::bounds::{MAX_FLOW_ITEMS, MAX_FLOW_NESTING, MAX_FLOW_WORKED};
use crate::flow::fields;
use crate::flow::parameter::{AnyName, Kind, Parameter};
use crate::flow::problem::meant;
use crate::flow::template::{Expression, Template};
use crate::protocol::json::{self, Field, Message};

/// What takes the values of a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes<'w> {
    /// An operation, with these fields.
    Message(&'static Message),
    /// A flow, or what only flows have, with these parameters.
    Parameters(&'w [Parameter]),
    /// Whoever takes anything.
    Anything,
}

/// What takes one value.
#[derive(Clone, Copy, Debug)]
enum Taker<'w> {
    Field(&'static Field),
    /// One of a list.
    Item(&'static Field),
    Parameter(&'w Kind),
    Anything,
}

/// An expression.
pub(super) fn expression<'a>(reader: &mut Reader<'a>, at: &At<'a>, seen: &Seen) -> Option<Expression> {
    let source = match at.value {
        DeValue::Boolean(on) => {
            if *on {
                "true"
            } else {
                "false"
            }
        }
        _ => reader.text(at)?,
    };
    match Expression::new(source) {
        Ok(expression) => {
            seen.check(reader, at, &expression.variables());
            Some(expression)
        }
        Err(wrong) => {
            for wrong in wrong {
                reader.tell(at, wrong);
            }
            None
        }
    }
}

/// A table of templates.
pub(super) fn with<'a>(
    reader: &mut Reader<'a>,
    at: &At<'a>,
    takes: Takes<'_>,
    seen: &Seen,
) -> BTreeMap<String, Template> {
    let DeValue::Table(table) = at.value else {
        reader.tell(at, format!("must be a table, and is {}", kind_of(at.value)));
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for (name, value) in table {
        let word: &str = name.get_ref();
        let inner = at.inner(word, value);
        match taker(takes, word) {
            Ok(taker) => {
                if let Some(template) = template(reader, &inner, taker, seen, 1) {
                    all.insert(word.to_owned(), template);
                }
            }
            Err(message) => reader.problems.tell(&name.span(), &inner.key, message),
        }
    }
    if all.values().map(Template::worked).sum::<usize>() > MAX_FLOW_WORKED {
        reader.tell(
            at,
            format!("has more than {MAX_FLOW_WORKED} templates; work a table out in one, as a step `value`"),
        );
    }
    all
}

fn taker<'w>(takes: Takes<'w>, name: &str) -> Result<Taker<'w>, String> {
    match takes {
        Takes::Message(message) => {
            let field = message.fields.iter().find(|field| field.name == name);
            field.map(Taker::Field).ok_or_else(|| fields::unknown(message, name))
        }
        Takes::Parameters(parameters) => {
            let parameter = parameters.iter().find(|parameter| parameter.name == name);
            parameter.map(|parameter| Taker::Parameter(&parameter.kind)).ok_or_else(|| {
                let known = parameters.iter().map(|parameter| parameter.name.as_str());
                if parameters.is_empty() {
                    "isn't known: there are no parameters".to_owned()
                } else {
                    format!("isn't known{}", meant(name, known))
                }
            })
        }
        Takes::Anything => Ok(Taker::Anything),
    }
}

fn template<'a>(
    reader: &mut Reader<'a>,
    at: &At<'a>,
    taker: Taker<'_>,
    seen: &Seen,
    depth: usize,
) -> Option<Template> {
    if depth > MAX_FLOW_NESTING {
        reader.tell(at, format!("is nested deeper than {MAX_FLOW_NESTING}"));
        return None;
    }
    match at.value {
        DeValue::String(text) => match Template::of_text(text) {
            Ok(Template::Value(value)) => constant(reader, at, taker, value),
            Ok(template) => {
                seen.check(reader, at, &template.variables());
                Some(template)
            }
            Err(wrong) => {
                for wrong in wrong {
                    reader.tell(at, wrong);
                }
                None
            }
        },
        DeValue::Array(_) => list(reader, at, taker, seen, depth),
        DeValue::Table(_) => table(reader, at, taker, seen, depth),
        _ => {
            let value = plain::scalar(reader, at)?;
            constant(reader, at, taker, value)
        }
    }
}

/// A value that is always the same is held to what takes it.
fn constant(reader: &mut Reader<'_>, at: &At<'_>, taker: Taker<'_>, value: Value) -> Option<Template> {
    let fits = match taker {
        Taker::Field(field) => fields::fit(field, &value).map(|_| ()),
        Taker::Item(field) => fields::fit_one(field, &value).map(|_| ()),
        Taker::Parameter(kind) => kind.fit(&value, &AnyName).map(|_| ()),
        Taker::Anything => Ok(()),
    };
    match fits {
        Ok(()) => Some(Template::Value(value)),
        Err(problem) => {
            reader.tell(at, problem);
            None
        }
    }
}

fn list<'a>(
    reader: &mut Reader<'a>,
    at: &At<'a>,
    taker: Taker<'_>,
    seen: &Seen,
    depth: usize,
) -> Option<Template> {
    let items = at.items().unwrap_or_default();
    if items.len() > MAX_FLOW_ITEMS {
        reader.tell(at, format!("has more than {MAX_FLOW_ITEMS} values"));
        return None;
    }
    let of = match taker {
        Taker::Field(field) if field.is_list || matches!(field.kind, json::Kind::Permissions) => {
            Taker::Item(field)
        }
        // JSON in a text may be written as what it is.
        Taker::Field(Field { kind: json::Kind::Text, .. })
        | Taker::Anything
        | Taker::Parameter(Kind::Any) => Taker::Anything,
        Taker::Parameter(Kind::List { of, .. }) => Taker::Parameter(of),
        Taker::Field(field) | Taker::Item(field) => {
            reader.tell(at, format!("must be {}", fields::wanted(field)));
            return None;
        }
        Taker::Parameter(kind) => {
            reader.tell(at, format!("must be {}", kind.wanted()));
            return None;
        }
    };
    let items: Vec<_> = items.iter().map(|item| template(reader, item, of, seen, depth + 1)).collect();
    items.into_iter().collect::<Option<Vec<_>>>().map(Template::List)
}

fn table<'a>(
    reader: &mut Reader<'a>,
    at: &At<'a>,
    taker: Taker<'_>,
    seen: &Seen,
    depth: usize,
) -> Option<Template> {
    let DeValue::Table(entries) = at.value else { return None };
    let message = match taker {
        Taker::Field(field) if field.is_list => {
            reader.tell(at, format!("must be a list, of which each is {}", fields::wanted(field)));
            return None;
        }
        Taker::Field(field) | Taker::Item(field) => match field.kind {
            json::Kind::Message(message) => Some(message),
            json::Kind::Text => None,
            _ => {
                reader.tell(at, format!("must be {}", fields::wanted(field)));
                return None;
            }
        },
        Taker::Anything | Taker::Parameter(Kind::Any) => None,
        Taker::Parameter(kind) => {
            reader.tell(at, format!("must be {}", kind.wanted()));
            return None;
        }
    };
    let mut all = BTreeMap::new();
    for (name, value) in entries {
        let word: &str = name.get_ref();
        let inner = at.inner(word, value);
        let of = match message {
            None => Taker::Anything,
            Some(message) => {
                let Some(field) = message.fields.iter().find(|field| field.name == word) else {
                    reader.problems.tell(&name.span(), &inner.key, fields::unknown(message, word));
                    continue;
                };
                Taker::Field(field)
            }
        };
        if let Some(template) = template(reader, &inner, of, seen, depth + 1) {
            all.insert(word.to_owned(), template);
        }
    }
    Some(Template::Table(all))
}
