//! Nobody asks faster than others bear: the voice of those who came by a WebSocket passes through the same thread.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::parts::{Asker, Parts};
use crate::endpoint::Pace;

/// How long a request of an address that asks too often waits, and how often it is looked at meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(50);

/// Has a request wait until its address may ask again. Whoever asks on meanwhile, by many connections, is refused.
pub(super) async fn keep(
    State((parts, pace)): State<(Arc<Parts>, Pace)>,
    Extension(asker): Extension<Asker>,
    request: Request,
    next: Next,
) -> Response {
    let from = parts.visitor(&asker, request.headers());
    let mut waited = Duration::ZERO;
    while !pace.admits(from) {
        if waited >= PATIENCE {
            let words = "your address asks too often; ask again in ten seconds\n";
            return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "10")], words).into_response();
        }
        tokio::time::sleep(STEP).await;
        waited += STEP;
    }
    next.run(request).await
}
