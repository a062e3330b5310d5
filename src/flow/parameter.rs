//! What a flow is given: its parameters, and what each of them may be.

use serde_json::Value;

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

    /// Whether no record shows its values.
    pub fn is_secret(&self) -> bool {
        match self {
            Self::Secret => true,
            Self::List { of, .. } => of.is_secret(),
            _ => false,
        }
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
