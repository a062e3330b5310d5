//! What programs read of the server before they ask (RFC 8414; OpenID Connect Discovery 1.0), and the keys by which they
//! check what they are given.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{Asked, json_answer};
use crate::auth::oauth::{Algorithm, Scopes};
use crate::http::parts::{Asker, Parts};

/// What is the same for everybody, any page may read.
const OPEN: [(axum::http::HeaderName, &str); 2] =
    [(CACHE_CONTROL, "public, max-age=3600"), (ACCESS_CONTROL_ALLOW_ORIGIN, "*")];

fn told(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}/oauth/{path}");
    let proofs = json!(["client_secret_basic", "client_secret_post", "none"]);
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "device_authorization_endpoint": at("device_authorization"),
        "jwks_uri": at("jwks.json"),
        "scopes_supported": Scopes::all().collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "token_endpoint_auth_methods_supported": proofs,
        "revocation_endpoint": at("revoke"),
        "revocation_endpoint_auth_methods_supported": proofs,
        "introspection_endpoint": at("introspect"),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": at("userinfo"),
        "end_session_endpoint": at("logout"),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::name),
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "name", "preferred_username",
            "picture", "email", "email_verified", "groups",
        ],
        "claims_parameter_supported": false,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
    })
}

/// What there is, for any program, and for those that are told who people are.
pub(super) async fn server(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match Asked::of(&parts, &asker, &uri, &headers).await {
        Ok(asked) => (OPEN, Json(told(&asked.issuer))).into_response(),
        Err(error) => error.into_response(),
    }
}

/// The keys. They are asked for again within the hour, and the next one is shown a week before it signs.
pub(super) async fn keys(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = match Asked::of(&parts, &asker, &uri, &headers).await {
        Ok(asked) => asked,
        Err(error) => return error.into_response(),
    };
    match asked.accounts.oauth_public_keys().await {
        Ok(keys) => (OPEN, Json(keys)).into_response(),
        Err(error) => json_answer(Err(error)),
    }
}
