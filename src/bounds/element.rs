//! What programs keep on channels, accounts and recordings: what it may be called, and what it may hold.

use serde_json::Value;
use thiserror::Error;

use super::{MAX_ELEMENT, MAX_ELEMENT_NAME};

/// Elements of an organization at most.
pub const MAX_ELEMENTS: u64 = 10_000;

/// Bytes of all elements of an organization at most, their names counted.
pub const MAX_ELEMENT_BYTES: u64 = 16 << 20;

/// Elements on one channel, account or recording at most: as many as fit one answer.
pub const MAX_ELEMENTS_OF_ONE: usize = 64;

/// How deep the lists and objects of an element's value are nested at most.
pub const MAX_ELEMENT_DEPTH: usize = 16;

/// Why something can't be an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ElementError {
    /// The name isn't one.
    #[error(
        "an element's name is 1 to {MAX_ELEMENT_NAME} lower-case letters, digits, hyphens and underscores in parts between \
         dots, each of which begins with a letter, such as `greeter.last_visit`"
    )]
    Name,
    /// The value is too long.
    #[error("an element holds at most {MAX_ELEMENT} bytes of JSON")]
    TooLong,
    /// The value isn't JSON.
    #[error("an element holds JSON (RFC 8259), and this is none, from line {0}, column {1} on")]
    Json(usize, usize),
    /// The value is nested too deep.
    #[error("the lists and objects of an element are nested at most {MAX_ELEMENT_DEPTH} deep")]
    TooDeep,
}

/// The name of an element: parts between dots, so that each program has names of its own under its first part.
pub fn check_element_name(name: &str) -> Result<(), ElementError> {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    let fits = name.len() <= MAX_ELEMENT_NAME && name.split('.').all(is_part);
    if fits { Ok(()) } else { Err(ElementError::Name) }
}

/// The value of an element.
pub fn check_element_value(value: &str) -> Result<(), ElementError> {
    if value.len() > MAX_ELEMENT {
        return Err(ElementError::TooLong);
    }
    // The reader itself stops where it is nested 128 deep.
    let read: Value =
        serde_json::from_str(value).map_err(|error| ElementError::Json(error.line(), error.column()))?;
    if depth(&read) <= MAX_ELEMENT_DEPTH { Ok(()) } else { Err(ElementError::TooDeep) }
}

/// How deep lists and objects are nested; 0 for a value that is neither.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_in_lower_case_between_dots() {
        let longest = "a".repeat(MAX_ELEMENT_NAME);
        for name in ["a", "bot.greeting", "bot.v2.last_visit", "a-b.c_d", &longest] {
            assert_eq!(check_element_name(name), Ok(()), "{name}");
        }
        let too_long = "a".repeat(MAX_ELEMENT_NAME + 1);
        for name in ["", ".", "a.", ".a", "a..b", "A", "2a", "a.2", "-a", "ä", "a b", "a/b", "a\n", &too_long]
        {
            assert_eq!(check_element_name(name), Err(ElementError::Name), "{name}");
        }
    }

    #[test]
    fn values_are_json_of_a_bounded_size_and_depth() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let longest = format!("\"{}\"", "x".repeat(MAX_ELEMENT - 2));
        let deepest = nested(MAX_ELEMENT_DEPTH);
        for value in ["null", "1e300", " {\"a\": [1, {\"b\": \"\\u0000\"}]}\n", &longest, &deepest] {
            assert_eq!(check_element_value(value), Ok(()), "{value}");
        }
        let (too_deep, far_too_deep) = (nested(MAX_ELEMENT_DEPTH + 1), nested(2_000));
        assert_eq!(check_element_value(&too_deep), Err(ElementError::TooDeep));
        assert_eq!(check_element_value(&format!("{longest} ")), Err(ElementError::TooLong));
        for value in ["", "{", "{'a': 1}", "1 2", "NaN", "\"\u{7}\"", "{\"a\":}", &far_too_deep] {
            let refused = check_element_value(value).unwrap_err();
            assert!(matches!(refused, ElementError::Json(..)), "{value}: {refused:?}");
        }
    }
}
