//! Pictures of people, by where their profile says that they are. The address has the hash of what is there, so that it never
//! changes, and only whoever was shown the profile, or was told it by a program that logs people in by this server, knows it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use super::parts::Parts;
use crate::id::UserId;

/// What is there is a picture, whatever somebody may take it for: nothing of it is run.
const POLICY: &str = "default-src 'none'; sandbox";

/// Nobody but the browser that was told of it keeps it.
const CACHED: &str = "private, max-age=31536000, immutable";

/// A service that somebody logged in to shows their picture on pages of its own. No cookie says who asks, so they learn no
/// more than anybody else who has the address.
const SHOWN: (HeaderName, &str) = (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");

/// Answers with a picture.
pub(super) async fn picture(
    Path((user, file)): Path<(u64, String)>,
    State(parts): State<Arc<Parts>>,
) -> Response {
    let found = parts.organizations.first().accounts().picture(UserId(user), &file);
    match found {
        Ok(Some((bytes, media_type))) => {
            let headers = [
                (CONTENT_TYPE, media_type),
                (CACHE_CONTROL, CACHED),
                (CONTENT_SECURITY_POLICY, POLICY),
                SHOWN,
            ];
            (headers, bytes).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, "a picture can't be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
