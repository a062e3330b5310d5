//! What other programs ask: that people let them act for them, or tell them who they are (OAuth 2, OpenID Connect). The
//! endpoints are below the address of each organization's page, which is the issuer.

mod answer;
mod consent;
mod cors;
mod device;
mod given;
mod metadata;
mod page;
mod token;
mod words;

pub(super) use answer::{Asked, form};
pub(super) use given::is_own_page;
pub(super) use page::scripted;
pub(super) use words::{Words, whole};

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use super::home::TAGGED;
use super::parts::Parts;
use crate::auth::oauth::MAX_FORM;

/// All of it.
pub(super) fn routes(parts: &Arc<Parts>) -> Router<Arc<Parts>> {
    let (mut router, mut of_pages) = (Router::new(), Router::new());
    for home in ["", TAGGED] {
        let at = |path: &str| format!("{home}{path}");
        router = router
            .route(&at("/.well-known/openid-configuration"), get(metadata::server))
            // Of an issuer with a path, it is in front of that (RFC 8414, section 3).
            .route(&format!("/.well-known/oauth-authorization-server{home}"), get(metadata::server))
            .route(&at("/oauth/authorize"), get(consent::ask).post(consent::decide))
            .route(&at("/oauth/device_authorization"), post(token::device))
            .route(&at("/oauth/device"), get(device::ask).post(device::decide))
            .route(&at("/oauth/introspect"), post(token::introspect))
            .route(&at("/oauth/jwks.json"), get(metadata::keys))
            .route(&at("/oauth/logout"), get(consent::log_out).post(consent::log_out));
        of_pages = of_pages
            .route(&at("/oauth/token"), post(token::token))
            .route(&at("/oauth/revoke"), post(token::revoke))
            .route(&at("/oauth/userinfo"), get(token::userinfo).post(token::userinfo));
    }
    let admit = middleware::from_fn_with_state(Arc::clone(parts), cors::admit);
    let router = router.merge(of_pages.layer(admit));
    // A little more than a form, so that the one who reads it says what is too long.
    router.layer(DefaultBodyLimit::max(2 * MAX_FORM))
}
