//! What a step asks for, from what it is given: the last thing that this room says before somebody does it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};
use thiserror::Error;

use super::bind::{InputError, bind};
use super::definition::{Action, BuiltIn, Skill};
use super::fields;
use super::parameter::{AnyName, Kind, Names, Parameter};
use super::span;
use super::template::{Scope, Template, TemplateError};
use crate::bounds::{MAX_FLOW_VALUE, MAX_FLOW_WAIT, MAX_HOOK_ADDRESS, check_line};
use crate::id::Timestamp;
use crate::protocol::json::JsonError;
use crate::protocol::operation::Operation;
use crate::protocol::rest;
use crate::protocol::wire::request;

/// What a step asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// The server, for an operation; its answer as JSON (`protocol::rest::write_answer`) is the step's output.
    Operation(&'static Operation, Box<request::Body>),
    /// Somebody else's server. The output has `status` and `body`, which is JSON, or else a text.
    Webhook(WebhookCall),
    /// Nothing until then. The output is `null`.
    Wait(Timestamp),
    /// An e-mail. The output is `null`.
    Letter(Letter),
    /// A function of a plugin, whose answer is the output.
    Plugin {
        /// The plugin's name.
        plugin: String,
        /// Its function's.
        function: String,
        /// What it is given.
        input: Value,
    },
    /// Nothing: this is the output.
    Value(Value),
    /// That the run ends, and is completed; why, or nothing.
    Stop(String),
    /// That the run ends, and has failed; why.
    Fail(String),
    /// Another flow's step, which [`enter`] is for.
    Skill(String),
}

/// A request to somebody else's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookCall {
    /// Where: it isn't checked yet whether that may be dialled.
    pub url: String,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Headers that are sent besides; none that the connection or the signature needs.
    pub headers: Vec<(String, String)>,
    /// What is sent: a text as it is, anything else as JSON; nothing where nothing is given.
    pub body: Vec<u8>,
    /// Whether that is JSON.
    pub is_json: bool,
    /// By which it is signed (Standard Webhooks); nothing where it isn't.
    pub secret: Option<String>,
}

/// An e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The account to whose proven address it goes; nothing for the flow's owner.
    pub to: Option<String>,
    /// Its subject.
    pub subject: String,
    /// What it says.
    pub text: String,
}

/// Why a step can't be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StepError {
    /// A template of it can't be worked out.
    #[error("`{name}`: {error}")]
    Template {
        /// What it was for.
        name: String,
        /// Why.
        error: TemplateError,
    },
    /// It isn't given what it needs.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Input(Vec<InputError>),
    /// What it gives to an operation doesn't fit.
    #[error("`{name}` {problem}")]
    Field {
        /// What doesn't.
        name: String,
        /// Why.
        problem: String,
    },
    /// The operation can't be asked for like that.
    #[error(transparent)]
    Request(#[from] JsonError),
}

/// What a step is given: its templates, worked out.
pub fn render(with: &BTreeMap<String, Template>, scope: &Scope) -> Result<Map<String, Value>, StepError> {
    let one = |(name, template): (&String, &Template)| match template.render(scope) {
        Ok(value) => Ok((name.clone(), value)),
        Err(error) => Err(StepError::Template { name: name.clone(), error }),
    };
    with.iter().map(one).collect()
}

/// What the templates of a skill's step see: what the skill is given, and of what is around it only what is the same everywhere.
pub fn enter(
    skill: &Skill,
    given: &Map<String, Value>,
    around: &Scope,
    names: &dyn Names,
) -> Result<Scope, StepError> {
    let input = bind(&skill.parameters, given, names).map_err(StepError::Input)?;
    Ok(around.only(&["run", "owner", "now"]).with("input", &input.into()))
}

impl Call {
    /// What a step asks for that does this with what it is given.
    pub fn of(action: &Action, input: &Map<String, Value>, now: Timestamp) -> Result<Self, StepError> {
        match action {
            Action::Operation(operation) => {
                let wrong = |(name, problem)| StepError::Field { name, problem };
                let fitted = fields::fitted(operation.request, input).map_err(wrong)?;
                if let Some(name) = fields::required(operation).find(|name| !fitted.contains_key(*name)) {
                    return Err(wrong((name.to_owned(), "has to be given".to_owned())));
                }
                let body = rest::read_request(operation, &fitted.into())?;
                Ok(Self::Operation(operation, Box::new(body)))
            }
            Action::Plugin { plugin, function } => {
                let (plugin, function, input) = (plugin.clone(), function.clone(), input.clone().into());
                Ok(Self::Plugin { plugin, function, input })
            }
            Action::Skill(name) => Ok(Self::Skill(name.clone())),
            Action::BuiltIn(built_in) => {
                let input = bind(built_in.arguments(), input, &AnyName).map_err(StepError::Input)?;
                built_in.call(&input, now)
            }
        }
    }
}

impl BuiltIn {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::CallWebhook, Self::Wait, Self::Letter, Self::Value, Self::Stop, Self::Fail];

    /// Its name in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::CallWebhook => "call-webhook",
            Self::Wait => "wait",
            Self::Letter => "letter",
            Self::Value => "value",
            Self::Stop => "stop",
            Self::Fail => "fail",
        }
    }

    /// What it is for.
    pub fn about(self) -> &'static str {
        match self {
            Self::CallWebhook => "Asks somebody else's server; its output has `status` and `body`.",
            Self::Wait => "Lets time pass.",
            Self::Letter => "Writes an e-mail to somebody who has an account and has proven their address.",
            Self::Value => "Answers with what it is given, for later steps.",
            Self::Stop => "Ends the run, which is completed by that.",
            Self::Fail => "Ends the run, which has failed by that.",
        }
    }

    /// What it takes.
    pub fn arguments(self) -> &'static [Parameter] {
        &ARGUMENTS[self as usize]
    }

    fn call(self, input: &Map<String, Value>, now: Timestamp) -> Result<Call, StepError> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        let given = |name: &str| Some(text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
        match self {
            Self::CallWebhook => webhook(input).map(Call::Webhook),
            Self::Wait => match (given("for"), given("until")) {
                (Some(length), None) => {
                    let length = span::milliseconds(&length).unwrap_or_default();
                    Ok(Call::Wait(Timestamp(now.0.saturating_add(length))))
                }
                (None, Some(until)) => {
                    let until: Timestamp = until.parse().map_err(|_| misfit("until", "isn't a time"))?;
                    if until.0.saturating_sub(now.0) > MAX_FLOW_WAIT {
                        return Err(misfit("until", "is more than 30 days from now"));
                    }
                    Ok(Call::Wait(until))
                }
                _ => Err(misfit("for", "or `until` has to be given, one of both")),
            },
            Self::Letter => {
                check_line(text("subject")).map_err(|_| misfit("subject", "must be one line"))?;
                Ok(Call::Letter(Letter {
                    to: given("to"),
                    subject: text("subject").to_owned(),
                    text: text("text").to_owned(),
                }))
            }
            Self::Value => Ok(Call::Value(input.get("value").cloned().unwrap_or_default())),
            Self::Stop => Ok(Call::Stop(text("reason").to_owned())),
            Self::Fail => Ok(Call::Fail(text("reason").to_owned())),
        }
    }
}

fn misfit(name: &str, problem: &str) -> StepError {
    StepError::Field { name: name.to_owned(), problem: problem.to_owned() }
}

fn webhook(input: &Map<String, Value>) -> Result<WebhookCall, StepError> {
    let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
    let body = input.get("body").unwrap_or(&Value::Null);
    let (bytes, is_json) = match body {
        Value::Null => (Vec::new(), false),
        Value::String(text) => (text.clone().into_bytes(), false),
        body => (body.to_string().into_bytes(), true),
    };
    let method = METHODS.into_iter().find(|method| *method == text("method")).unwrap_or("POST");
    if !bytes.is_empty() && method == "GET" {
        return Err(misfit("body", "isn't sent with `GET`"));
    }
    let secret = Some(text("secret")).filter(|secret| !secret.is_empty()).map(str::to_owned);
    Ok(WebhookCall {
        url: text("url").to_owned(),
        method,
        headers: headers(input)?,
        body: bytes,
        is_json,
        secret,
    })
}

fn headers(input: &Map<String, Value>) -> Result<Vec<(String, String)>, StepError> {
    let given = match input.get("headers") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(given)) if given.len() <= MOST_HEADERS => given,
        Some(_) => return Err(misfit("headers", "must be a table of 16 texts at most")),
    };
    let one = |(name, value): (&String, &Value)| {
        let value = value.as_str().filter(|value| value.len() <= LONGEST_HEADER && check_line(value).is_ok());
        // A header's name is a token (RFC 9110, section 5.6.2).
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let folded = name.to_ascii_lowercase();
        let is_taken = TAKEN.contains(&folded.as_str()) || folded.starts_with("webhook-");
        match value {
            _ if name.is_empty() || name.len() > 64 || !name.chars().all(is_token) => {
                Err(misfit("headers", "has a name that no header has"))
            }
            _ if is_taken => Err(StepError::Field {
                name: "headers".to_owned(),
                problem: format!("has `{name}`, which the server says itself"),
            }),
            Some(value) => Ok((folded, value.to_owned())),
            None => Err(misfit("headers", "has a value that isn't one line of 4,096 bytes at most")),
        }
    };
    given.iter().map(one).collect()
}

const METHODS: [&str; 5] = ["POST", "GET", "PUT", "PATCH", "DELETE"];

/// Headers that are the connection's.
const TAKEN: [&str; 9] = [
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
];

const MOST_HEADERS: usize = 16;

const LONGEST_HEADER: usize = 4_096;

/// The arguments of each built-in step, in the order of [`BuiltIn::ALL`].
static ARGUMENTS: LazyLock<[Vec<Parameter>; 6]> = LazyLock::new(|| {
    let text = |min, max| Kind::String { min, max, choices: Vec::new() };
    let methods = METHODS.map(str::to_owned).to_vec();
    let reason =
        |required| argument("reason", text(0, MAX_FLOW_VALUE), required, "Why, for whoever reads the run.");
    BuiltIn::ALL.map(|built_in| match built_in {
        BuiltIn::CallWebhook => vec![
            argument("url", text(8, MAX_HOOK_ADDRESS), true, "Where: https://..."),
            Parameter {
                default: "POST".into(),
                ..argument(
                    "method",
                    Kind::String { min: 0, max: 8, choices: methods.clone() },
                    false,
                    "POST where nothing is said.",
                )
            },
            argument("headers", Kind::Any, false, "A table of headers, 16 at most."),
            argument("body", Kind::Any, false, "A text is sent as it is, anything else as JSON."),
            argument("secret", Kind::Secret, false, "Signs the request as Standard Webhooks says: whsec_..."),
        ],
        BuiltIn::Wait => vec![
            argument(
                "for",
                Kind::Duration { min: 0, max: MAX_FLOW_WAIT },
                false,
                "How long: 30 days at most.",
            ),
            argument("until", Kind::Time, false, "Until when, in its place: 30 days from now at most."),
        ],
        BuiltIn::Letter => vec![
            argument("to", Kind::User, false, "The account; the flow's owner where nothing is said."),
            argument("subject", text(1, 200), true, "One line."),
            argument("text", text(1, MAX_FLOW_VALUE), true, "What it says."),
        ],
        BuiltIn::Value => vec![argument("value", Kind::Any, false, "The output.")],
        BuiltIn::Stop => vec![reason(false)],
        BuiltIn::Fail => vec![reason(true)],
    })
});

fn argument(name: &str, kind: Kind, required: bool, about: &str) -> Parameter {
    Parameter { name: name.to_owned(), kind, required, default: Value::Null, description: about.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::operation;
    use crate::protocol::wire;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn call(name: &str, input: Value) -> Result<Call, String> {
        let built_in = BuiltIn::ALL.into_iter().find(|one| one.name() == name).map(Action::BuiltIn);
        let action = built_in.unwrap_or_else(|| Action::Operation(operation::named(name).unwrap()));
        let Value::Object(input) = input else { panic!("no table") };
        Call::of(&action, &input, NOW).map_err(|error| error.to_string())
    }

    #[test]
    fn what_people_write_is_what_an_operation_takes() {
        let made = call(
            "create_channel",
            json!({ "parent": 7, "name": 5, "position": "-3", "temporaryMs": "1h30m", "userLimit": "4", "password": null }),
        );
        let wanted = wire::CreateChannel {
            parent: 7,
            name: "5".to_owned(),
            position: -3,
            temporary_ms: Some(5_400_000),
            user_limit: 4,
            ..Default::default()
        };
        let Ok(Call::Operation(_, body)) = made else { panic!("{made:?}") };
        assert_eq!(*body, request::Body::CreateChannel(wanted));
        let made = call("set_element", json!({ "user": "bob", "name": "a.b", "value": { "x": [1, 2] } }));
        let Ok(Call::Operation(_, body)) = made else { panic!("{made:?}") };
        assert!(matches!(*body, request::Body::SetElement(set) if set.value == "{\"x\":[1,2]}"));
        let made = call("create_role", json!({ "name": "R", "allow": "view, join" }));
        let Ok(Call::Operation(_, body)) = made else { panic!("{made:?}") };
        assert!(matches!(*body, request::Body::CreateRole(set) if set.allow == 3));
        let made = call("moderate", json!({ "session": "8", "mute": "true" }));
        let Ok(Call::Operation(_, body)) = made else { panic!("{made:?}") };
        assert!(
            matches!(*body, request::Body::Moderate(set) if set.session == 8 && set.mute == Some(true) && set.deaf.is_none())
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        for (name, input, wanted) in [
            ("move_session", json!({ "channel": 7 }), "`session` has to be given"),
            ("move_session", json!({ "session": "bob", "channel": 7 }), "`session` must be a number"),
            ("move_session", json!({ "session": -1, "channel": 7 }), "`session` must be a number"),
            ("move_session", json!({ "session": 1, "chanel": 7 }), "did you mean `channel`?"),
            ("send_text", json!({ "channel": 1, "session": 2, "text": "a" }), "only one of"),
            ("create_role", json!({ "name": "R", "allow": ["viw"] }), "did you mean `view`?"),
            ("create_channel", json!({ "name": "x", "voice": { "bitrat": 1 } }), "did you mean `bitrate`?"),
            ("wait", json!({}), "one of both"),
            ("wait", json!({ "until": "2099-01-01T00:00:00Z" }), "more than 30 days"),
            ("call-webhook", json!({ "url": "x" }), "`url` must be a text of 8 to 1024 characters"),
            (
                "call-webhook",
                json!({ "url": "https://a.example", "method": "HEAD" }),
                "`method` must be one of",
            ),
            (
                "call-webhook",
                json!({ "url": "https://a.example", "headers": { "Host": "b" } }),
                "the server says itself",
            ),
            (
                "call-webhook",
                json!({ "url": "https://a.example", "headers": { "webhook-id": "b" } }),
                "the server says itself",
            ),
            (
                "call-webhook",
                json!({ "url": "https://a.example", "headers": { "a b": "b" } }),
                "no header has",
            ),
            (
                "call-webhook",
                json!({ "url": "https://a.example", "headers": { "a": "b\r\nc: d" } }),
                "isn't one line",
            ),
            (
                "call-webhook",
                json!({ "url": "https://a.example", "method": "GET", "body": "a" }),
                "isn't sent with `GET`",
            ),
            ("letter", json!({ "subject": "a\nb", "text": "c" }), "must be one line"),
            ("letter", json!({ "subject": "a" }), "`text` has to be given"),
        ] {
            let error = call(name, input.clone()).unwrap_err();
            assert!(error.contains(wanted), "{name} {input}: {error}");
        }
    }

    #[test]
    fn what_only_flows_have_is_asked_for() {
        assert_eq!(call("wait", json!({ "for": "10m" })), Ok(Call::Wait(Timestamp(NOW.0 + 600_000))));
        // What is past is now.
        assert_eq!(
            call("wait", json!({ "until": "2020-01-01T00:00:00Z" })),
            Ok(Call::Wait(Timestamp(1_577_836_800_000)))
        );
        let letter = Letter { to: None, subject: "S".to_owned(), text: "a\nb".to_owned() };
        assert_eq!(call("letter", json!({ "subject": "S", "text": "a\nb" })), Ok(Call::Letter(letter)));
        assert_eq!(call("value", json!({ "value": [1] })), Ok(Call::Value(json!([1]))));
        assert_eq!(call("stop", json!({})), Ok(Call::Stop(String::new())));
        let asked = call(
            "call-webhook",
            json!({ "url": "https://a.example/", "body": { "a": 1 }, "headers": { "Title": "x" } }),
        );
        let Ok(Call::Webhook(asked)) = asked else { panic!("{asked:?}") };
        assert_eq!((asked.method, asked.body.as_slice(), asked.is_json), ("POST", &b"{\"a\":1}"[..], true));
        assert_eq!(asked.headers, [("title".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn a_skill_sees_what_it_is_given_and_nothing_around_it() {
        let source = "[skill]\nname = \"s\"\n[parameters.text]\ntype = \"string\"\nrequired = true\n[step]\ndo = \"value\"\n[step.with]\nvalue = \"{{ input.text }} {{ owner.name }}\"\n";
        let Ok(crate::flow::Flow::Skill(skill)) = crate::flow::read(source) else { panic!("no skill") };
        let around = Scope::new()
            .with("input", &json!({ "text": "outer" }))
            .with("owner", &json!({ "name": "zoe" }))
            .with("event", &json!({}));
        let given = json!({ "text": "inner" });
        let inside = enter(&skill, given.as_object().unwrap(), &around, &AnyName).unwrap();
        assert_eq!(render(&skill.step.with, &inside).unwrap()["value"], json!("inner zoe"));
        assert!(
            enter(&skill, &Map::new(), &around, &AnyName)
                .unwrap_err()
                .to_string()
                .contains("`text` has to be given")
        );
    }
}
