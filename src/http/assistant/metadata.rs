//! Whom an assistant asks for tokens: the metadata of the resource (RFC 9728), and the challenge that leads there.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::auth::oauth::{Claims, Scopes, assistant_at};
use crate::http::oauth::Asked;
use crate::http::parts::{Asker, Parts};
use crate::permission::Permissions;

/// Where the metadata of a resource is: in front of its path (RFC 9728, section 3.1).
pub(super) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What the resource is, and who gives tokens for it.
pub(super) async fn resource(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let below = uri.path().strip_prefix(WELL_KNOWN).and_then(|path| path.parse().ok());
    match Asked::of(&parts, &asker, &below.unwrap_or_default(), &headers).await {
        Ok(asked) => {
            let body = json!({
                "resource": assistant_at(&asked.issuer),
                "resource_name": "Parlour",
                "authorization_servers": [asked.issuer],
                "bearer_methods_supported": ["header"],
                "scopes_supported": asked_for(),
            });
            let open = [(CACHE_CONTROL, "no-cache"), (ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
            (open, Json(body)).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// What an assistant asks for to begin with: all permissions, of which it is given what it is registered for, and its person allows.
/// What is destructive is asked for when it is needed.
fn asked_for() -> Vec<String> {
    let permissions = Permissions::NAMED.iter().fold(Permissions::NONE, |all, (one, _)| all.union(*one));
    let scopes = Scopes { claims: Claims::NONE, permissions };
    scopes.to_string().split(' ').map(ToOwned::to_owned).collect()
}

/// What somebody is told who shows no token, or one that isn't good (RFC 9728, section 5.1); or one that lacks these scopes
/// (RFC 6750, section 3.1).
pub(super) fn challenge(issuer: &str, error: Option<&str>, scopes: Option<Scopes>) -> Option<HeaderValue> {
    let (page, path) = match issuer.split_once("/+") {
        Some((page, tag)) => (page, format!("/+{tag}/mcp")),
        None => (issuer, "/mcp".to_owned()),
    };
    let mut said = format!("Bearer resource_metadata=\"{page}{WELL_KNOWN}{path}\"");
    if let Some(error) = error {
        said.extend([", error=\"", error, "\""]);
    }
    if let Some(scopes) = scopes {
        said.extend([", scope=\"", &scopes.to_string(), "\""]);
    }
    HeaderValue::from_str(&said).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_leads_to_the_metadata() {
        let said = |issuer, error, scopes| challenge(issuer, error, scopes).unwrap();
        assert_eq!(
            said("https://voice.example", None, None),
            "Bearer resource_metadata=\"https://voice.example/.well-known/oauth-protected-resource/mcp\""
        );
        let scopes = Scopes::parse("view destructive").unwrap();
        assert_eq!(
            said("https://voice.example:8443/+raid", Some("insufficient_scope"), Some(scopes)),
            "Bearer resource_metadata=\"https://voice.example:8443/.well-known/oauth-protected-resource/+raid/mcp\", \
             error=\"insufficient_scope\", scope=\"destructive view\""
        );
    }
}
