//! What a request shows of whoever asks.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};

use super::problem::Problem;
use crate::protocol::ErrorCode;

/// Bytes of a bearer token at most.
const LONGEST_TOKEN: usize = 4 * 1_024;

/// The token of a request (RFC 6750, section 2.1). It stands in no address and in no cookie, so no other page can have a
/// browser send it.
pub(in crate::http) fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let shown = match (all.next(), all.next()) {
        (Some(shown), None) => shown.to_str().ok(),
        (Some(_), Some(_)) => return Err(Problem::malformed("only one token can be shown with a request")),
        (None, _) => None,
    };
    let token = shown.and_then(|shown| {
        let (scheme, token) = shown.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let token = token.filter(|token| !token.is_empty()).ok_or_else(Problem::nobody)?;
    if token.len() > LONGEST_TOKEN {
        let code = ErrorCode::TokenInvalid;
        return Err(Problem::of(StatusCode::UNAUTHORIZED, code, code.sentence()));
    }
    Ok(token)
}
