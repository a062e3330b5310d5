//! From an answer of the protocol to one in JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};

use super::routes::Route;
use crate::control::Refused;
use crate::protocol::wire::response;
use crate::protocol::{MAX_RESPONSE, rest};

/// The answer to an operation. One that only says that it was done has no content.
pub(super) fn write(route: &Route, body: &response::Body) -> Result<Response, Refused> {
    let private = [(CACHE_CONTROL, "no-store")];
    let status = match body {
        response::Body::Done(_) => return Ok((StatusCode::NO_CONTENT, private).into_response()),
        response::Body::Created(_) => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    if body.encoded_len() > MAX_RESPONSE {
        return Err(Refused::AnswerTooLarge);
    }
    let value = rest::write_answer(route.operation, body).map_err(|error| {
        tracing::error!(%error, "an answer can't be written as JSON");
        Refused::Internal
    })?;
    Ok((status, private, Json(value)).into_response())
}
