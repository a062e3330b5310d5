//! What programs ask for by themselves: tokens, what is told by one, and that one is good no more.

use std::sync::Arc;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::{Extension, FromRequest, Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::answer::{Asked, authorization, form, json_answer};
use super::given::is_own_page;
use crate::auth::oauth::{Form, OAuthError};
use crate::http::parts::{Asker, Parts};

/// What the endpoints read of a request.
pub(super) struct Posted {
    asked: Asked,
    authorization: Option<String>,
    form: Form,
}

impl FromRequest<Arc<Parts>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, parts: &Arc<Parts>) -> Result<Self, Response> {
        let (uri, headers) = (request.uri().clone(), request.headers().clone());
        let asker = request.extensions().get::<Asker>().copied();
        let asker = asker.ok_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())?;
        let body: Bytes = request.extract().await.map_err(IntoResponse::into_response)?;
        let asked = Asked::of(parts, &asker, &uri, &headers).await.map_err(IntoResponse::into_response)?;
        // Secrets don't stand in an address, where logs keep them (RFC 6749, section 2.3.1).
        if uri.query().is_some() {
            return Err(json_answer(Err(OAuthError::NotAForm)));
        }
        let refused = |error| json_answer(Err(error));
        let form = form(&headers, &body).map_err(refused)?;
        let authorization = authorization(&headers).map_err(refused)?.map(ToOwned::to_owned);
        // Another site's page asks from its visitor's address, against which wrong secrets are counted, so it tries none.
        if !is_own_page(&headers) && !asked.accounts.keeps_no_secret(authorization.as_deref(), &form) {
            return Err(json_answer(Err(OAuthError::ClientInvalid)));
        }
        Ok(Self { asked, authorization, form })
    }
}

/// Tokens (RFC 6749, section 3.2).
pub(super) async fn token(Posted { asked, authorization, form }: Posted) -> Response {
    json_answer(asked.accounts.oauth_token(authorization.as_deref(), &form, &asked.issuer, asked.from).await)
}

/// A code for a device, which somebody types elsewhere (RFC 8628, section 3.1).
pub(super) async fn device(Posted { asked, authorization, form }: Posted) -> Response {
    json_answer(asked.accounts.oauth_device(authorization.as_deref(), &form, &asked.issuer, asked.from))
}

/// Whether a token is good (RFC 7662).
pub(super) async fn introspect(Posted { asked, authorization, form }: Posted) -> Response {
    let found = asked.accounts.oauth_introspect(authorization.as_deref(), &form, &asked.issuer, asked.from);
    json_answer(found.await)
}

/// A token is good no more (RFC 7009).
pub(super) async fn revoke(Posted { asked, authorization, form }: Posted) -> Response {
    match asked.accounts.oauth_revoke(authorization.as_deref(), &form, &asked.issuer, asked.from).await {
        Ok(()) => (StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response(),
        Err(error) => json_answer(Err(error)),
    }
}

/// Who somebody is (OpenID Connect Core 1.0, section 5.3). The token is in the header alone, in which no log keeps it.
pub(super) async fn userinfo(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = match Asked::of(&parts, &asker, &uri, &headers).await {
        Ok(asked) => asked,
        Err(error) => return error.into_response(),
    };
    let token = authorization(&headers).ok().flatten().and_then(|shown| shown.split_once(' '));
    let token =
        token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let answer = match token {
        Some(token) => asked.accounts.oauth_userinfo(token, &asked.issuer, asked.from).await,
        None => Err(OAuthError::TokenInvalid),
    };
    json_answer(answer)
}
