//! People log in by another server (OpenID Connect): they are sent there, and come back with the proof of who they are.
//!
//! A cookie ties the way there to the way back, so that nobody comes back in the place of somebody else: no page can have a
//! browser log in to an account that isn't its person's. It is good for nothing else.

mod flow;
mod shown;
mod words;

pub(super) use shown::shown;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::home::TAGGED;
use super::parts::Parts;

/// All of it.
pub(super) fn routes() -> Router<Arc<Parts>> {
    let mut router = Router::new();
    for home in ["", TAGGED] {
        let at = |path: &str| format!("{home}/oidc/{{provider}}/{path}");
        router = router
            .route(&at("start"), get(flow::start).post(flow::want))
            .route(&at("callback"), get(flow::callback))
            .route(&at("icon"), get(flow::icon));
    }
    router
}
