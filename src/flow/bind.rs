//! Values that a flow is given, held against its parameters.

use serde_json::{Map, Value};
use thiserror::Error;

use super::parameter::{Names, Parameter};
use super::problem::meant;

/// Why values don't fit the parameters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InputError {
    /// There is no such parameter.
    #[error("there is no parameter `{name}`{meant}")]
    Unknown {
        /// What was given.
        name: String,
        /// What was meant, perhaps.
        meant: String,
    },
    /// One that has to be given isn't.
    #[error("`{name}` has to be given: {what}")]
    Missing {
        /// Its name.
        name: String,
        /// What it may be.
        what: String,
    },
    /// A value doesn't fit.
    #[error("`{name}` {problem}")]
    Misfit {
        /// The parameter.
        name: String,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
}

/// The values of all parameters, of what is given and of defaults. A text is converted to what the parameter takes, since that is what
/// commands and command lines have. What is wrong is told of all of them.
pub fn bind(
    parameters: &[Parameter],
    given: &Map<String, Value>,
    names: &dyn Names,
) -> Result<Map<String, Value>, Vec<InputError>> {
    let mut bound = Map::new();
    let mut wrong = Vec::new();
    for name in given.keys().filter(|name| !parameters.iter().any(|known| known.name == **name)) {
        let name: String = name.chars().take(64).collect();
        let meant = meant(&name, parameters.iter().map(|known| known.name.as_str()));
        wrong.push(InputError::Unknown { name, meant });
    }
    for parameter in parameters {
        let name = parameter.name.clone();
        let value = given.get(&name).filter(|value| !value.is_null());
        let value = match (value, parameter.required) {
            (Some(value), _) => value,
            (None, true) => {
                wrong.push(InputError::Missing { name, what: parameter.kind.wanted() });
                continue;
            }
            (None, false) => &parameter.default,
        };
        if value.is_null() {
            bound.insert(name, Value::Null);
            continue;
        }
        match parameter.kind.fit(value, names) {
            Ok(value) => {
                bound.insert(name, value);
            }
            Err(problem) => wrong.push(InputError::Misfit { name, problem }),
        }
    }
    if wrong.is_empty() { Ok(bound) } else { Err(wrong) }
}

/// The words after a command as values of the parameters that it names, in order. The last one takes the rest of the text; a list of one
/// that isn't the last takes one word.
pub fn of_words(arguments: &[String], text: &str) -> Map<String, Value> {
    let mut given = Map::new();
    let mut rest = text.trim();
    for (place, name) in arguments.iter().enumerate() {
        if rest.is_empty() {
            break;
        }
        let is_last = place + 1 == arguments.len();
        let end = if is_last { rest.len() } else { rest.find(char::is_whitespace).unwrap_or(rest.len()) };
        let (word, after) = rest.split_at(end);
        given.insert(name.clone(), word.into());
        rest = after.trim_start();
    }
    given
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::flow::parameter::Kind;

    fn parameter(name: &str, kind: Kind, required: bool, default: Value) -> Parameter {
        Parameter { name: name.to_owned(), kind, required, default, description: String::new() }
    }

    struct Known;

    impl Names for Known {
        fn channel(&self, said: &str) -> Option<String> {
            (said == "Lobby" || said == "7").then(|| "7".to_owned())
        }

        fn user(&self, said: &str) -> Option<String> {
            (said == "zoe").then(|| "zoe".to_owned())
        }

        fn role(&self, _: &str) -> Option<String> {
            None
        }

        fn session(&self, _: &str) -> Option<String> {
            None
        }
    }

    #[test]
    fn texts_are_what_parameters_take_and_all_that_is_wrong_is_told() {
        let list = Kind::List { of: Box::new(Kind::Integer { min: 0, max: 9 }), min: 0, max: 3 };
        let parameters = [
            parameter("where", Kind::Channel, true, Value::Null),
            parameter("count", Kind::Integer { min: 1, max: 5 }, false, json!(2)),
            parameter("long", Kind::Duration { min: 1_000, max: 60_000 }, false, Value::Null),
            parameter("some", list, false, json!([])),
            parameter("on", Kind::Boolean, false, json!(false)),
        ];
        let bound = |given: Value| bind(&parameters, given.as_object().unwrap(), &Known);
        assert_eq!(
            bound(json!({ "where": "Lobby", "count": "4", "long": "60s", "some": "1, 2", "on": "yes" }))
                .unwrap(),
            *json!({ "where": "7", "count": 4, "long": "1m", "some": [1, 2], "on": true })
                .as_object()
                .unwrap()
        );
        assert_eq!(bound(json!({ "where": 7 })).unwrap()["count"], json!(2));
        let wrong = bound(json!({ "count": 9, "long": "2m", "some": [1, 10], "onn": true })).unwrap_err();
        let words: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "there is no parameter `onn`; did you mean `on`?",
                "`where` has to be given: a channel, by its name or identifier",
                "`count` must be a whole number from 1 to 5",
                "`long` must be a length of time like \"10m\" from 1s to 1m",
                "`some` must be a whole number from 0 to 9",
            ]
        );
        let wrong = bound(json!({ "where": "Nowhere" })).unwrap_err();
        assert_eq!(wrong[0].to_string(), "`where` names a channel that isn't there: \"Nowhere\"");
    }

    #[test]
    fn a_command_s_words_are_for_parameters_in_order() {
        let names = ["who", "length", "reason"].map(str::to_owned);
        let given = of_words(&names, "  bob 10m  because of the  noise ");
        assert_eq!(
            Value::from(given),
            json!({ "who": "bob", "length": "10m", "reason": "because of the  noise" })
        );
        assert_eq!(Value::from(of_words(&names, "bob")), json!({ "who": "bob" }));
        assert!(of_words(&[], "bob").is_empty() && of_words(&names, "").is_empty());
    }
}
