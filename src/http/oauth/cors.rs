//! Programs that are pages of other origins (draft-ietf-oauth-browser-based-apps): those that are registered, and keep no
//! secret, exchange their codes by a script, and read what they are told. No cookie is ever asked for, so such a page does
//! what it has a code or a token for, and no more.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::Asked;
use crate::http::parts::{Asker, Parts};

/// What such a page may send, and read, beside the rest; and for how many seconds a browser needn't ask again.
const SENT: &str = "authorization, content-type";
const READ: &str = "retry-after, www-authenticate";
const KNOWN: &str = "600";

/// Tells a browser what a page of another origin may have.
pub(super) async fn admit(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    request: Request,
    next: Next,
) -> Response {
    let Some(origin) = request.headers().get(ORIGIN).cloned() else {
        let mut answer = next.run(request).await;
        answer.headers_mut().append(VARY, HeaderValue::from_static("origin"));
        return answer;
    };
    let is_allowed = match Asked::of(&parts, &asker, request.uri(), request.headers()).await {
        Ok(asked) => {
            let listed = parts.api_origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes());
            listed || origin.to_str().is_ok_and(|origin| asked.accounts.has_oauth_page(origin))
        }
        Err(_) => false,
    };
    let asks_first =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut answer =
        if asks_first { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = answer.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if !is_allowed {
        return answer;
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if asks_first {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(KNOWN));
    } else {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
    }
    answer
}
