//! Values as JSON, as they stand in the file.

use serde_json::Value;
use toml::de::DeValue;

use super::reader::{At, Reader};
use crate::bounds::MAX_FLOW_NESTING;

/// A value in which nothing is worked out.
pub(super) fn value<'a>(reader: &mut Reader<'a>, at: &At<'a>) -> Option<Value> {
    nested(reader, at, 0)
}

fn nested<'a>(reader: &mut Reader<'a>, at: &At<'a>, depth: usize) -> Option<Value> {
    if depth > MAX_FLOW_NESTING {
        reader.tell(at, format!("is nested deeper than {MAX_FLOW_NESTING}"));
        return None;
    }
    match at.value {
        DeValue::Array(_) => {
            let items = at.items().unwrap_or_default();
            let values: Vec<_> = items.iter().map(|item| nested(reader, item, depth + 1)).collect();
            values.into_iter().collect::<Option<Vec<_>>>().map(Value::from)
        }
        DeValue::Table(table) => {
            let values: Vec<_> = table
                .iter()
                .map(|(name, value)| {
                    let name: &str = name.get_ref();
                    nested(reader, &at.inner(name, value), depth + 1).map(|value| (name.to_owned(), value))
                })
                .collect();
            values.into_iter().collect::<Option<serde_json::Map<_, _>>>().map(Value::from)
        }
        _ => scalar(reader, at),
    }
}

/// A value that is neither a list nor a table.
pub(super) fn scalar<'a>(reader: &mut Reader<'a>, at: &At<'a>) -> Option<Value> {
    match at.value {
        DeValue::String(text) => Some(text.as_ref().into()),
        DeValue::Boolean(on) => Some((*on).into()),
        DeValue::Integer(_) => integer(reader, at).map(Value::from),
        DeValue::Float(number) => {
            let read = number.as_str().parse::<f64>().ok().filter(|number| number.is_finite());
            if read.is_none() {
                reader.tell(at, "must be a number that can be counted with");
            }
            read.map(Value::from)
        }
        // A time without its distance from UTC isn't one.
        DeValue::Datetime(time) if time.date.is_some() && time.time.is_some() && time.offset.is_some() => {
            Some(time.to_string().into())
        }
        DeValue::Datetime(_) => {
            reader.tell(at, "must be a whole time with its distance from UTC, as 2026-01-31T12:00:00Z");
            None
        }
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A whole number.
pub(super) fn integer<'a>(reader: &mut Reader<'a>, at: &At<'a>) -> Option<i64> {
    let read = match at.value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    };
    if read.is_none() {
        reader.tell(at, "must be a whole number, of 63 bits at most");
    }
    read
}
