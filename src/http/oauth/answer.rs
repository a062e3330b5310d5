//! Whom a request is about, and how it is answered.

use std::net::IpAddr;

use axum::Json;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::account::{Accounts, Gate, Unseated, Visitor};
use crate::auth::oauth::{Form, OAuthError};
use crate::control::{Handle, Refused};
use crate::endpoint::LinkPeer;
use crate::http::home::tag_in;
use crate::http::parts::{Asker, Parts};

/// What every endpoint needs to know of a request.
pub(in crate::http) struct Asked {
    /// Whose people it is about.
    pub(in crate::http) accounts: Accounts,
    /// By which address programs know the organization.
    pub(in crate::http) issuer: String,
    /// The way to what is live of it.
    pub(in crate::http) handle: Handle<LinkPeer>,
    /// Its tag; empty for the first one.
    pub(in crate::http) tag: String,
    /// Where the request comes from.
    pub(in crate::http) from: IpAddr,
}

/// Why nothing can be said.
pub(in crate::http) enum Unanswerable {
    /// There is no such organization.
    Unknown,
    /// The server doesn't know by which address others reach it.
    NoAddress,
    /// It has no time, or failed.
    Failed,
}

impl IntoResponse for Unanswerable {
    fn into_response(self) -> Response {
        let (status, words) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "there is no such organization on this server\n"),
            Self::NoAddress => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the server doesn't know by which address programs reach it, which is what they know it by: set web.public_address to its name\n",
            ),
            Self::Failed => {
                (StatusCode::SERVICE_UNAVAILABLE, "the server can't answer now; try again in a moment\n")
            }
        };
        (status, [(CACHE_CONTROL, "no-store")], words).into_response()
    }
}

impl Asked {
    /// Who is asked about the person, where they show their password.
    pub(super) fn gate(&self) -> impl Gate + '_ {
        self.handle.gate_of_programs(self.from)
    }

    /// The person, before whom somebody is asked about them.
    pub(super) fn visitor<'a>(&self, gate: &'a dyn Gate) -> Visitor<'a> {
        Visitor { from: self.from, client: "", exported: None, room: &Unseated, gate: Some(gate) }
    }

    pub(in crate::http) async fn of(
        parts: &Parts,
        asker: &Asker,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Self, Unanswerable> {
        let asked = Self::of_person(parts, asker, uri, headers).await?;
        if asked.issuer.is_empty() { Err(Unanswerable::NoAddress) } else { Ok(asked) }
    }

    /// The same of somebody at a browser, to whom the issuer is nothing; it may be empty.
    pub(super) async fn of_person(
        parts: &Parts,
        asker: &Asker,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Self, Unanswerable> {
        // Of an issuer with a path, the metadata's address begins before it.
        let path = uri.path().strip_prefix("/.well-known/oauth-authorization-server");
        let uri = path
            .filter(|path| path.starts_with('/'))
            .and_then(|path| path.parse().ok())
            .unwrap_or_else(|| uri.clone());
        let tag = tag_in(&uri);
        let handle = parts.organizations.find(tag).await.map_err(|refused| match refused {
            Refused::NoSuchOrganization => Unanswerable::Unknown,
            _ => Unanswerable::Failed,
        })?;
        let page = page_of(parts, headers);
        let site = parts.organizations.site(tag).ok().flatten().ok_or(Unanswerable::Unknown)?;
        let issuer = page.map(|page| match site.tag.as_str() {
            "" => page,
            tag => format!("{page}/+{tag}"),
        });
        let issuer = issuer.unwrap_or_default();
        let (accounts, from) = (handle.accounts().clone(), parts.visitor(asker, headers));
        Ok(Self { accounts, issuer, handle, tag: site.tag, from })
    }
}

/// The page's address: as the machine's owner says it, else as it is asked for on this machine itself.
fn page_of(parts: &Parts, headers: &HeaderMap) -> Option<String> {
    if let Some(page) = &parts.public_page {
        return Some(page.clone());
    }
    let host = headers.get(HOST)?.to_str().ok()?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let is_own_machine = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    is_own_machine.then(|| format!("https://{host}"))
}

/// The header by which a program shows something.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, OAuthError> {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    match (shown.next(), shown.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => one.to_str().map(Some).map_err(|_| OAuthError::ClientInvalid),
        (Some(_), Some(_)) => Err(OAuthError::TwoProofs),
    }
}

/// The form in a request's body.
pub(in crate::http) fn form(headers: &HeaderMap, body: &[u8]) -> Result<Form, OAuthError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(OAuthError::NotAForm);
    }
    Form::parse(body)
}

/// An answer for a program, which nobody keeps on the way (RFC 6749, section 5.1).
pub(super) fn json_answer(answer: Result<Value, OAuthError>) -> Response {
    let kept = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
    match answer {
        Ok(value) => (kept, Json(value)).into_response(),
        Err(error) => (kept, refused(&error)).into_response(),
    }
}

/// A refusal for a program (RFC 6749, section 5.2; RFC 6750, section 3).
fn refused(error: &OAuthError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let body = Json(json!({ "error": error.code(), "error_description": error.to_string() }));
    let mut answer = (status, body).into_response();
    let mut add = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(name, value);
        }
    };
    match error {
        OAuthError::ClientInvalid => add(WWW_AUTHENTICATE, "Basic realm=\"parlour\"".to_owned()),
        OAuthError::TokenInvalid => add(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"".to_owned()),
        OAuthError::ScopeLacking(scope) => {
            add(WWW_AUTHENTICATE, format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""));
        }
        OAuthError::RateLimited(after) => add(RETRY_AFTER, after.as_secs().max(1).to_string()),
        OAuthError::Busy => add(RETRY_AFTER, "1".to_owned()),
        _ => (),
    }
    answer
}
