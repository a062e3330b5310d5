//! What somebody was told, without what is random, and where two were told different things.

use parlour::client::RequestError;
use parlour::protocol::operation::Operation;
use parlour::protocol::rest;
use parlour::protocol::wire::response;
use serde_json::Value;

use crate::rest::Answer;

/// Fields of answers that are random, or that tell by way of what somebody asked.
const RANDOM: &[&str] = &[
    "code",
    "key",
    "prefix",
    "secret",
    "uri",
    "qr",
    "token",
    "accessToken",
    "userCode",
    "ssrc",
    "way",
    "used",
    "idleMs",
];

/// What stands in the place of something random.
const SOMETHING: &str = "something";

/// What somebody was told.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// The status that HTTP has for it, and the answer.
    Answer(u16, Value),
    /// The code, the sentence, and for how many seconds to wait.
    Refused(String, String, u64),
}

impl Told {
    pub(super) fn over_quic(operation: &Operation, answer: Result<response::Body, RequestError>) -> Self {
        match answer {
            Ok(response::Body::Done(_)) => Self::Answer(204, Value::Null),
            Ok(body) => {
                let mut value = rest::write_answer(operation, &body).unwrap();
                mask(&mut value);
                Self::Answer(if matches!(body, response::Body::Created(_)) { 201 } else { 200 }, value)
            }
            Err(RequestError::Refused { code, message, retry_after_ms }) => {
                Self::Refused(code.unwrap().name().to_owned(), message, retry_after_ms.div_ceil(1_000))
            }
            Err(error) => panic!("{}: {error}", operation.name),
        }
    }

    pub(super) fn over_http(answer: Answer) -> Self {
        if answer.status.is_success() {
            let mut value = answer.body;
            mask(&mut value);
            return Self::Answer(answer.status.as_u16(), value);
        }
        let wait = answer.header("retry-after").parse().unwrap_or_default();
        Self::Refused(answer.code().to_owned(), answer.body["detail"].as_str().unwrap().to_owned(), wait)
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Answer(..))
    }
}

/// Where two differ, each line of it.
pub(super) fn difference(one: &Told, other: &Told) -> String {
    let lines = |told: &Told| format!("{told:#?}").lines().map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (lines(one), lines(other));
    let begins = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let around =
        |lines: &[String]| lines[begins.saturating_sub(9)..].iter().take(14).cloned().collect::<Vec<_>>();
    format!("over one:\n{}\nover the other:\n{}", around(&one).join("\n"), around(&other).join("\n"))
}

/// Leaves of what is random only that it is there.
fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // So is the identifier of a program, as such and in the audit trail.
            let is_program = fields.contains_key("scope") || fields.contains_key("secret");
            let is_about_program =
                fields.get("subject").and_then(Value::as_str).is_some_and(|word| word.starts_with("oauth"));
            for (name, value) in fields {
                // When a key was used, if ever, isn't compared.
                let is_nothing = name != "used" && (value.is_null() || value.as_str() == Some(""));
                let is_random = match name.as_str() {
                    "id" => is_program,
                    "subjectId" => is_about_program,
                    "client" => value.is_number(),
                    name => RANDOM.contains(&name),
                };
                if is_random && !is_nothing {
                    *value = SOMETHING.into();
                }
                mask(value);
            }
        }
        Value::Array(values) => {
            values.iter_mut().for_each(mask);
            // What is listed by its identifier stands in a random order where that is random.
            if values.iter().any(|value| value["id"] == SOMETHING) {
                values.sort_by_key(Value::to_string);
            }
        }
        // What the audit trail keeps of a row is JSON in a text.
        Value::String(text) if text.starts_with('{') => {
            if let Ok(mut row) = serde_json::from_str::<Value>(text) {
                mask(&mut row);
                *value = row;
            }
        }
        _ => (),
    }
}
