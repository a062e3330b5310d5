//! For whoever watches the server: is it alive, and does it do its work?

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use tokio::sync::watch;

use crate::control::Handle;
use crate::endpoint::LinkPeer;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// It lets people in and keeps what they change.
pub(super) async fn ready(State(handle): State<Handle<LinkPeer>>) -> (StatusCode, &'static str) {
    if handle.is_writable() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database can't be written; the log says why\n")
    }
}

/// The database is being migrated: what is done, and how far it is. A browser asks again by itself.
pub(super) async fn not_yet(State(told): State<watch::Receiver<String>>) -> impl IntoResponse {
    let words = format!("the server isn't ready yet: {}\n", *told.borrow());
    (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "5"), ("refresh", "5")], words)
}
