//! From an answer of the protocol to one in JSON.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

use super::routes::Route;
use crate::control::Refused;
use crate::protocol::wire::response;
use crate::protocol::{MAX_RESPONSE, rest};

/// The answer to an operation. One that only says that it was done has no content, and one that whoever asks has already
/// neither (RFC 9110, section 13.1.2).
pub(super) fn write(route: &Route, body: &response::Body, headers: &HeaderMap) -> Result<Response, Refused> {
    let private = [(CACHE_CONTROL, if route.is_read() { "private, no-cache" } else { "no-store" })];
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
    if !route.is_read() {
        return Ok((status, private, Json(value)).into_response());
    }
    let text = value.to_string();
    let hash = Sha256::digest(&text);
    let tag = format!("\"{}\"", BASE64URL_NOPAD.encode(&hash[..12]));
    let known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let has_it = known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    if has_it {
        return Ok((StatusCode::NOT_MODIFIED, private, [(ETAG, tag)]).into_response());
    }
    Ok((status, private, [(ETAG, tag)], [(CONTENT_TYPE, "application/json")], text).into_response())
}
