//! What a flow is given: its parameters, and values that fit them.

use serde_json::{Map, Value};
use thiserror::Error;

use super::problem::meant;
use super::span;
use crate::bounds::{MAX_FLOW_ITEMS, MAX_FLOW_VALUE};
use crate::id::Timestamp;

/// Something that a flow is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// By which templates see it (`input.NAME`): letters, digits and underscores.
    pub name: String,
    /// What it may be.
    pub kind: Kind,
    /// It has to be given; it has no default then.
    pub required: bool,
    /// What it is where nothing is given. `null` where the file says nothing and it isn't required.
    pub default: Value,
    /// What it is for; may be empty.
    pub description: String,
}

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A text of so many characters.
    String {
        /// At least.
        min: usize,
        /// At most.
        max: usize,
        /// One of these; any where there are none.
        choices: Vec<String>,
    },
    /// A text that no record of a run shows.
    Secret,
    /// A whole number.
    Integer {
        /// At least.
        min: i64,
        /// At most.
        max: i64,
    },
    /// A number.
    Number {
        /// At least.
        min: f64,
        /// At most.
        max: f64,
    },
    /// `true` or `false`.
    Boolean,
    /// A length of time, as `10m`, in milliseconds; its value is the text.
    Duration {
        /// At least.
        min: u64,
        /// At most.
        max: u64,
    },
    /// A time (RFC 3339).
    Time,
    /// A channel: its value is its identifier.
    Channel,
    /// An account: its value is its name, by which operations know it.
    User,
    /// A role: its value is its identifier.
    Role,
    /// Somebody who is connected: its value is their session's identifier.
    Session,
    /// Any JSON.
    Any,
    /// A list of so many values.
    List {
        /// What each of them may be; no list.
        of: Box<Self>,
        /// At least.
        min: usize,
        /// At most.
        max: usize,
    },
}

/// The words of the kinds, as a file has them.
pub(super) const KINDS: [&str; 13] = [
    "string", "secret", "integer", "number", "boolean", "duration", "time", "channel", "user", "role",
    "session", "any", "list",
];

/// Who knows which channels, accounts, roles and sessions there are. Each function is given a name or an identifier, and answers with
/// the identifier in digits; of an account with its name, by which operations know it.
pub trait Names {
    /// A channel, by its name, or by names from the top with `/` between them.
    fn channel(&self, said: &str) -> Option<String>;
    /// An account.
    fn user(&self, said: &str) -> Option<String>;
    /// A role.
    fn role(&self, said: &str) -> Option<String>;
    /// A connected session, also by the name that it shows.
    fn session(&self, said: &str) -> Option<String>;
}

/// Whoever takes any name for one that there is: for a file that is checked where no server is.
#[derive(Clone, Copy, Debug)]
pub struct AnyName;

impl Names for AnyName {
    fn channel(&self, said: &str) -> Option<String> {
        Some(said.to_owned())
    }

    fn user(&self, said: &str) -> Option<String> {
        Some(said.to_owned())
    }

    fn role(&self, said: &str) -> Option<String> {
        Some(said.to_owned())
    }

    fn session(&self, said: &str) -> Option<String> {
        Some(said.to_owned())
    }
}

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

/// The texts that no record of a run shows.
pub fn secrets(parameters: &[Parameter], input: &Map<String, Value>) -> Vec<String> {
    let is_secret = |parameter: &&Parameter| {
        parameter.kind == Kind::Secret
            || matches!(&parameter.kind, Kind::List { of, .. } if **of == Kind::Secret)
    };
    let values = parameters.iter().filter(is_secret).filter_map(|parameter| input.get(&parameter.name));
    let texts = values.flat_map(|value| match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        value => value.as_str().into_iter().collect(),
    });
    let mut texts: Vec<String> = texts.filter(|text| !text.is_empty()).map(str::to_owned).collect();
    // The longest first, so that one that is a part of another leaves nothing of it.
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts
}

/// Puts `***` in place of secrets, wherever they stand in a value.
pub fn hide(value: &mut Value, secrets: &[String]) {
    match value {
        Value::String(text) => {
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), HIDDEN);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| hide(value, secrets)),
        Value::Object(object) => object.values_mut().for_each(|value| hide(value, secrets)),
        _ => (),
    }
}

const HIDDEN: &str = "***";

impl Kind {
    /// The value as it is given to templates; else what is wrong with it, as the end of a sentence that begins with its name.
    pub fn fit(&self, value: &Value, names: &dyn Names) -> Result<Value, String> {
        let wrong = || format!("must be {}", self.wanted());
        let found = |found: Option<String>, what: &str, said: &str| {
            let said: String = said.chars().take(64).collect();
            found.map(Value::from).ok_or_else(|| format!("names a {what} that isn't there: \"{said}\""))
        };
        match (self, value) {
            (Self::String { min, max, choices }, value) => {
                let text = scalar(value).ok_or_else(wrong)?;
                let fits = (*min..=*max).contains(&text.chars().count());
                let is_chosen = choices.is_empty() || choices.contains(&text);
                if fits && is_chosen { Ok(text.into()) } else { Err(wrong()) }
            }
            (Self::Secret, Value::String(text)) if text.len() <= MAX_FLOW_VALUE => Ok(text.as_str().into()),
            (Self::Integer { min, max }, value) => {
                let number = match value {
                    Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
                    Value::String(text) => text.trim().parse().ok(),
                    _ => None,
                };
                number.filter(|number| (min..=max).contains(&number)).map(Value::from).ok_or_else(wrong)
            }
            (Self::Number { min, max }, value) => {
                let number = match value {
                    Value::Number(number) => number.as_f64(),
                    Value::String(text) => text.trim().parse().ok(),
                    _ => None,
                };
                number.filter(|number| (min..=max).contains(&number)).map(Value::from).ok_or_else(wrong)
            }
            (Self::Boolean, Value::Bool(on)) => Ok((*on).into()),
            (Self::Boolean, Value::String(text)) => match text.trim().to_lowercase().as_str() {
                "true" | "yes" | "on" => Ok(true.into()),
                "false" | "no" | "off" => Ok(false.into()),
                _ => Err(wrong()),
            },
            (Self::Duration { min, max }, Value::String(text)) => {
                let length = span::milliseconds(text).filter(|length| (min..=max).contains(&length));
                length.map(|length| span::text(length).into()).ok_or_else(wrong)
            }
            (Self::Time, Value::String(text)) => {
                let time: Timestamp = text.parse().map_err(|_| wrong())?;
                Ok(time.to_string().into())
            }
            (Self::Channel | Self::User | Self::Role | Self::Session, value) => {
                let said = scalar(value).filter(|said| !said.is_empty()).ok_or_else(wrong)?;
                match self {
                    Self::Channel => found(names.channel(&said), "channel", &said),
                    Self::User => found(names.user(&said), "account", &said),
                    Self::Role => found(names.role(&said), "role", &said),
                    _ => found(names.session(&said), "person", &said),
                }
            }
            (Self::Any, value) => Ok(value.clone()),
            (Self::List { .. }, value) => self.fit_list(value, names),
            _ => Err(wrong()),
        }
    }

    /// The same of a list. A text stands for what is between its commas.
    fn fit_list(&self, value: &Value, names: &dyn Names) -> Result<Value, String> {
        let Self::List { of, min, max } = self else { return self.fit(value, names) };
        let values: Vec<Value> = match value {
            Value::Array(values) => values.clone(),
            Value::String(text) => {
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Value::from).collect()
            }
            _ => return Err(format!("must be {}", self.wanted())),
        };
        if !(*min..=*max).contains(&values.len()) {
            return Err(format!("must be {}", self.wanted()));
        }
        values.iter().map(|value| of.fit(value, names)).collect::<Result<Vec<_>, _>>().map(Value::from)
    }

    /// What it may be, for people.
    pub fn wanted(&self) -> String {
        let within = |min: String, max: String, is_bounded: (bool, bool)| match is_bounded {
            (true, true) => format!(" from {min} to {max}"),
            (true, false) => format!(" of {min} at least"),
            (false, true) => format!(" of {max} at most"),
            (false, false) => String::new(),
        };
        match self {
            Self::String { choices, .. } if !choices.is_empty() => {
                format!("one of \"{}\"", choices.join("\", \""))
            }
            Self::String { min, max, .. } => match (*min, *max) {
                (0, MAX_FLOW_VALUE) => "a text".to_owned(),
                (0, max) => format!("a text of {max} characters at most"),
                (min, MAX_FLOW_VALUE) => format!("a text of {min} characters at least"),
                (min, max) => format!("a text of {min} to {max} characters"),
            },
            Self::Secret => "a text".to_owned(),
            Self::Integer { min, max } => {
                let bounded = (*min != i64::MIN, *max != i64::MAX);
                format!("a whole number{}", within(min.to_string(), max.to_string(), bounded))
            }
            Self::Number { min, max } => {
                let bounded = (*min > f64::MIN, *max < f64::MAX);
                format!("a number{}", within(min.to_string(), max.to_string(), bounded))
            }
            Self::Boolean => "true or false".to_owned(),
            Self::Duration { min, max } => {
                let bounded = (*min != 0, *max != u64::MAX);
                format!(
                    "a length of time like \"10m\"{}",
                    within(span::text(*min), span::text(*max), bounded)
                )
            }
            Self::Time => "a time like \"2026-01-31T12:00:00Z\" (RFC 3339)".to_owned(),
            Self::Channel => "a channel, by its name or identifier".to_owned(),
            Self::User => "an account, by its name or identifier".to_owned(),
            Self::Role => "a role, by its name or identifier".to_owned(),
            Self::Session => {
                "somebody who is connected, by their name or their session's identifier".to_owned()
            }
            Self::Any => "any value".to_owned(),
            Self::List { of, min, max } => {
                let count = match (*min, *max) {
                    (0, MAX_FLOW_ITEMS) => String::new(),
                    (0, max) => format!(" of {max} values at most"),
                    (min, max) => format!(" of {min} to {max} values"),
                };
                format!("a list{count}, each of them {}", of.wanted())
            }
        }
    }

    /// Its word in a file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::String { .. } => "string",
            Self::Secret => "secret",
            Self::Integer { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Boolean => "boolean",
            Self::Duration { .. } => "duration",
            Self::Time => "time",
            Self::Channel => "channel",
            Self::User => "user",
            Self::Role => "role",
            Self::Session => "session",
            Self::Any => "any",
            Self::List { .. } => "list",
        }
    }
}

/// A text, or a number or a truth value as one.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.len() <= MAX_FLOW_VALUE => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(on.to_string()),
        _ => None,
    }
}

fn whole(number: f64) -> Option<i64> {
    // Beyond 2^53 not every whole number has a place.
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
    }
}
