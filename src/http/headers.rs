//! What every answer tells a browser not to do.

use axum::extract::{Extension, Request};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::parts::Asker;

/// Only what this server itself has: no script in the page's text, no frame, no form that leaves. `wasm-unsafe-eval` lets the page
/// run the decoder that repairs lost voice (`page/opus.js`): WebAssembly that it fetched from here. Text still isn't run as script.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; media-src 'self' blob:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const STRICT: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// Adds them to an answer, where it doesn't say itself what is stricter, where its form leads, or that others may show it.
pub(super) async fn strict(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in STRICT {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

/// Where the certificate is one that browsers trust, they are never to ask without it again. With a self-signed one
/// that would lock people out.
pub(super) async fn transport_security(
    Extension(asker): Extension<Asker>,
    request: Request,
    next: Next,
) -> Response {
    let mut answer = next.run(request).await;
    if asker.own_certificate {
        let year = HeaderValue::from_static("max-age=31536000");
        answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, year);
    }
    answer
}

/// Whether a request comes from this server's own page, or from no page at all.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match (text("origin"), text("host")) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.strip_prefix("https://") == Some(host),
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_server_s_page_is_the_same_origin() {
        let with = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "voice.example:4848".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert("origin", origin.parse().unwrap());
            }
            is_same_origin(&headers)
        };
        assert!(with(None) && with(Some("https://voice.example:4848")));
        for foreign in ["https://evil.example", "http://voice.example:4848", "https://voice.example", "null"]
        {
            assert!(!with(Some(foreign)), "{foreign}");
        }
    }
}
