//! From an answer of the protocol to one in JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::condition::{Condition, failed, tag_of};
use super::problem::Problem;
use super::routes::Route;
use crate::control::Refused;
use crate::protocol::wire::response;
use crate::protocol::{MAX_RESPONSE, rest};

/// The answer to an operation. One that only says that it was done has no content, and one that whoever asks has already
/// neither (RFC 9110, section 13.1.2).
pub(super) fn write(
    route: &Route,
    body: &response::Body,
    condition: &Condition,
) -> Result<Response, Problem> {
    let private = [(CACHE_CONTROL, if route.is_read() { "private, no-cache" } else { "no-store" })];
    let status = match body {
        response::Body::Done(_) => return Ok((StatusCode::NO_CONTENT, private).into_response()),
        response::Body::Created(_) => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    let value = json(route, body)?;
    if !route.is_read() {
        return Ok((status, private, Json(value)).into_response());
    }
    let text = value.to_string();
    let tag = tag_of(&text);
    if !condition.is_met(Some(&tag)) {
        return Err(failed("what is here isn't what If-Match says"));
    }
    if condition.is_known(Some(&tag)) {
        return Ok((StatusCode::NOT_MODIFIED, private, [(ETAG, tag)]).into_response());
    }
    Ok((status, private, [(ETAG, tag)], [(CONTENT_TYPE, "application/json")], text).into_response())
}

/// The tag of an answer to a question; nothing for what can't be told.
pub(super) fn tag(route: &Route, body: &response::Body) -> Option<String> {
    json(route, body).ok().map(|value| tag_of(&value.to_string()))
}

fn json(route: &Route, body: &response::Body) -> Result<Value, Refused> {
    if body.encoded_len() > MAX_RESPONSE {
        return Err(Refused::AnswerTooLarge);
    }
    rest::write_answer(route.operation, body).map_err(|error| {
        tracing::error!(%error, "an answer can't be written as JSON");
        Refused::Internal
    })
}
