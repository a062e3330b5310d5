//! Pages of other origins: those that the self-hoster allows may ask (Fetch, "CORS protocol"), by a token that they have.
//! No cookie and no password of a browser is ever asked for, so an allowed page does what its token does, and no more.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN,
    VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::headers;
use crate::http::parts::Parts;

/// What a page may send beside the rest.
const SENT: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, mcp-protocol-version, mcp-method, mcp-name";

/// What a page may read beside the rest.
const READ: &str =
    "etag, link, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, www-authenticate";

/// Seconds for which a browser needn't ask again whether it may.
const KNOWN: &str = "600";

/// Tells a browser what a page of another origin may have.
pub(in crate::http) async fn admit(
    State(parts): State<Arc<Parts>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(ORIGIN).filter(|origin| is_allowed(origin, &parts)).cloned();
    let asks_first =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else { return answer };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if asks_first {
        // The answer to OPTIONS says what the address takes.
        if let Some(methods) = headers.get(ALLOW).cloned() {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(KNOWN));
    } else {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
    }
    answer
}

pub(in crate::http) fn is_allowed(origin: &HeaderValue, parts: &Parts) -> bool {
    parts.api_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
}

/// Whether a WebSocket is for this server's own page, for an allowed one, or for no page at all. A browser asks nobody
/// before it opens one.
pub(super) fn may_connect(headers: &HeaderMap, parts: &Parts) -> bool {
    headers::is_same_origin(headers) || headers.get(ORIGIN).is_some_and(|origin| is_allowed(origin, parts))
}
