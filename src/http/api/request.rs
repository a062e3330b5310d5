//! From path, query and body to a request of the protocol.

use axum::body::{Body as Incoming, to_bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts as Head;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::routes::Route;
use crate::protocol::json::Field;
use crate::protocol::wire::request::Body;
use crate::protocol::{ErrorCode, MAX_REQUEST, rest};

/// What is asked for, by its fields. The path says some of them; the query the others where a method has no body, else the body.
pub(super) async fn fields(
    route: &Route,
    named: Vec<(&'static Field, String)>,
    head: &Head,
    body: Incoming,
) -> Result<Map<String, Value>, Problem> {
    let mut fields = if route.is_by_query() {
        of_query(route, head.uri.query().unwrap_or_default())?
    } else {
        of_body(head, body).await?
    };
    for (field, text) in named {
        if fields.insert(field.name.to_owned(), field.from_texts(&[text])).is_some() {
            return Err(Problem::malformed(&format!("`{}` is said by the address alone", field.name)));
        }
    }
    Ok(fields)
}

/// The request with these fields.
pub(super) fn read(route: &Route, fields: Map<String, Value>) -> Result<Body, Problem> {
    rest::read_request(route.operation, &fields.into())
        .map_err(|error| Problem::malformed(&error.to_string()))
}

/// The question about what a request with these fields changes: what both say.
pub(super) fn question(of: &Route, fields: &Map<String, Value>) -> Result<Body, Problem> {
    let is_asked = |name: &str| of.operation.request.fields.iter().any(|field| field.name == name);
    let both = fields.iter().filter(|(name, _)| is_asked(name));
    read(of, both.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The fields in a query: `name=value`, several times for a list.
fn of_query(route: &Route, query: &str) -> Result<Map<String, Value>, Problem> {
    let fields = route.operation.request.fields;
    let mut texts: Vec<(&'static Field, Vec<String>)> = Vec::new();
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
            let name: String = name.chars().take(64).collect();
            let words = format!("the address says `{name}`; what it may say: {}", known.join(", "));
            return Err(Problem::malformed(&words));
        };
        match texts.iter_mut().find(|(known, _)| known.name == field.name) {
            Some((_, texts)) => texts.push(text.into_owned()),
            None => texts.push((field, vec![text.into_owned()])),
        }
    }
    Ok(texts.into_iter().map(|(field, texts)| (field.name.to_owned(), field.from_texts(&texts))).collect())
}

/// The fields in a body, which is an object of JSON; none in an empty one.
async fn of_body(head: &Head, body: Incoming) -> Result<Map<String, Value>, Problem> {
    let bytes = to_bytes(body, MAX_REQUEST).await.map_err(|_| {
        let words = format!("the body has more than {MAX_REQUEST} bytes, or it ended too early");
        Problem::of(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, &words)
    })?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let words = "the body must be JSON, and said to be: `Content-Type: application/json`";
        return Err(Problem::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::Unsupported, words));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Problem::malformed("the body must be an object of JSON")),
        Err(error) => Err(Problem::malformed(&format!("the body isn't JSON: {error}"))),
    }
}
