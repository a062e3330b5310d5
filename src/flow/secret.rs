//! What no record of a run shows.

use serde_json::{Map, Value};

use super::parameter::Parameter;

/// The texts that no record of a run shows.
pub fn secrets(parameters: &[Parameter], input: &Map<String, Value>) -> Vec<String> {
    let secret = parameters.iter().filter(|parameter| parameter.kind.is_secret());
    let values = secret.filter_map(|parameter| input.get(&parameter.name));
    let texts = values.flat_map(|value| match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        value => value.as_str().into_iter().collect(),
    });
    let mut texts: Vec<String> = texts.filter(|text| !text.is_empty()).map(str::to_owned).collect();
    // As they stand in JSON that was made a text.
    let quoted = texts.iter().map(|text| Value::from(text.as_str()).to_string());
    let quoted: Vec<_> = quoted.map(|text| text[1..text.len() - 1].to_owned()).collect();
    texts.extend(quoted);
    // The longest first, so that one that is a part of another leaves nothing of it.
    texts.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    texts.dedup();
    texts
}

/// Puts `***` in place of secrets, wherever they stand in a value.
pub fn hide(value: &mut Value, secrets: &[String]) {
    match value {
        Value::String(text) => *text = hidden(text, secrets),
        Value::Array(values) => values.iter_mut().for_each(|value| hide(value, secrets)),
        Value::Object(object) => {
            let is_shown = |name: &String| !secrets.iter().any(|secret| name.contains(secret.as_str()));
            if !object.keys().all(is_shown) {
                let named = std::mem::take(object).into_iter();
                *object = named.map(|(name, value)| (hidden(&name, secrets), value)).collect();
            }
            object.values_mut().for_each(|value| hide(value, secrets));
        }
        _ => (),
    }
}

/// A text with `***` in place of secrets.
pub fn hidden(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), HIDDEN);
        }
    }
    text
}

const HIDDEN: &str = "***";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::flow::parameter::Kind;

    fn parameter(name: &str, kind: Kind, required: bool, default: Value) -> Parameter {
        Parameter { name: name.to_owned(), kind, required, default, description: String::new() }
    }

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secrets_of = Kind::List { of: Box::new(Kind::Secret), min: 0, max: 9 };
        let parameters = [
            parameter("url", Kind::Secret, true, Value::Null),
            parameter("more", secrets_of, false, json!([])),
            parameter("open", Kind::Any, false, Value::Null),
        ];
        let input = json!({ "url": "https://x/abc", "more": ["abc", ""], "open": "open" });
        let hidden = secrets(&parameters, input.as_object().unwrap());
        assert_eq!(hidden, ["https://x/abc", "abc"]);
        let mut shown = json!({ "a": ["to https://x/abc!", { "b": "abcabc" }], "open": "open", "n": 3 });
        hide(&mut shown, &hidden);
        assert_eq!(shown, json!({ "a": ["to ***!", { "b": "******" }], "open": "open", "n": 3 }));
        let mut shown = json!({ "abc": { "of abc": 1 } });
        hide(&mut shown, &hidden);
        assert_eq!(shown, json!({ "***": { "of ***": 1 } }), "a name may be one");
        let quoted = json!({ "url": "a\"b\nc", "more": [] });
        let hidden = secrets(&parameters, quoted.as_object().unwrap());
        let mut shown = json!(quoted.to_string());
        hide(&mut shown, &hidden);
        assert_eq!(shown, r#"{"more":[],"url":"***"}"#, "JSON in a text, too");
    }
}
