//! For whoever watches the server: is it alive, and does it do its work?

use axum::extract::State;
use axum::http::StatusCode;

use crate::control::Handle;
use crate::endpoint::LinkPeer;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// It lets people in and keeps what they change. A server that migrates its database doesn't listen yet, which a
/// prober takes for the same as this refusal.
pub(super) async fn ready(State(handle): State<Handle<LinkPeer>>) -> (StatusCode, &'static str) {
    if handle.is_writable() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database can't be written; the log says why\n")
    }
}
