//! The page of an organization: `/` is the first one's, `/+TAG/` another's. Below it are what the page asks for before
//! it connects, what installs it as a program, and the links that invites and e-mails hold.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use data_encoding::BASE64;
use serde_json::json;

use super::oidc;
use super::page;
use super::parts::{Asker, Parts};
use crate::bounds::{EntryPolicy, Registration};
use crate::control::{Refused, Site};
use crate::protocol::ErrorCode;

/// What is below the address of each organization. That of an invite and those in e-mails, to prove an address and to
/// choose another password, are read by the page itself.
const PAGES: [&str; 4] = ["/", "/i/{code}", "/v/{code}", "/r/{code}"];

/// An organization's part of an address.
pub(super) const TAGGED: &str = "/+{tag}";

/// All of it.
pub(super) fn routes() -> Router<Arc<Parts>> {
    let mut router = Router::new();
    for home in ["", TAGGED] {
        for path in PAGES {
            router = router.route(&format!("{home}{path}"), get(index));
        }
        router = router
            .route(&format!("{home}/parlour.json"), get(greeting))
            .route(&format!("{home}/{}", page::MANIFEST), get(manifest));
    }
    // What is relative to it needs the slash.
    router.route(TAGGED, get(with_slash))
}

/// Where an organization's page is: `/`, or `/+TAG/`.
pub(super) fn home(site: &Site) -> String {
    if site.tag.is_empty() { "/".to_owned() } else { format!("/+{}/", site.tag) }
}

/// The tag in an address; empty in one of the first organization. No tag has a character that an address writes
/// otherwise, and none is a plus, as which one that is missing is looked for.
pub(super) fn tag_in(uri: &Uri) -> &str {
    match uri.path().strip_prefix("/+").and_then(|rest| rest.split('/').next()) {
        Some("") => "+",
        Some(tag) => tag,
        None => "",
    }
}

/// The page. It is shown where there is no such organization, too, and says so in the reader's language.
async fn index(State(parts): State<Arc<Parts>>, uri: Uri, headers: HeaderMap) -> Response {
    match parts.organizations.site(tag_in(&uri)) {
        // It has one address, so that what a browser keeps for it is kept once.
        Ok(Some(first)) if first.tag.is_empty() && uri.path().starts_with("/+") => {
            let below = uri.path().splitn(3, '/').nth(2).unwrap_or_default();
            // It is what the routes above let through, so it leads to no other server.
            redirect(&format!("/{below}"))
        }
        Ok(Some(site)) => page::index(&home(&site), &site.name, &headers),
        Ok(None) => (StatusCode::NOT_FOUND, page::index("/", "Parlour", &HeaderMap::new())).into_response(),
        Err(error) => failed(&error),
    }
}

async fn with_slash(uri: Uri) -> Response {
    redirect(&format!("{}/", uri.path()))
}

fn redirect(to: &str) -> Response {
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, to)]).into_response()
}

/// What a browser installs the page by.
async fn manifest(State(parts): State<Arc<Parts>>, uri: Uri) -> Response {
    match parts.organizations.site(tag_in(&uri)) {
        Ok(Some(site)) => page::manifest(&home(&site), &site.name),
        Ok(None) => unknown(),
        Err(error) => failed(&error),
    }
}

/// What the page has to know before it connects.
async fn greeting(State(parts): State<Arc<Parts>>, Extension(asker): Extension<Asker>, uri: Uri) -> Response {
    let tag = tag_in(&uri);
    let accounts = match parts.organizations.find(tag).await {
        Ok(handle) => handle.accounts().clone(),
        Err(Refused::NoSuchOrganization) => return unknown(),
        Err(error) => return failed(&error),
    };
    // A certificate that the browser trusts needs no hash, and one with a hash must be short-lived.
    let hashes: Vec<String> = if asker.own_certificate {
        Vec::new()
    } else {
        parts.certificates.browser_hashes().iter().map(|hash| BASE64.encode(&hash.0)).collect()
    };
    // What can't be read admits nobody; connecting says why.
    let nobody = EntryPolicy { guests: false, registration: Registration::Closed };
    let entry = accounts.entry_policy().unwrap_or(nobody);
    let site = parts.organizations.site(tag).ok().flatten();
    let providers = site.map(|site| oidc::shown(&parts, &site.tag)).unwrap_or_default();
    let greeting = json!({
        "name": accounts.name(),
        "version": env!("CARGO_PKG_VERSION"),
        "certificateHashes": hashes,
        "guests": entry.guests,
        "registration": entry.registration.word(),
        "providers": providers,
        "passwords": accounts.passwords_log_in(),
        "sendsEmails": parts.sends_emails,
        "unclaimed": accounts.is_unclaimed(),
        // A claim code may wait beside an administrator who lost the password.
        "administered": accounts.has_administrator().unwrap_or(true),
    });
    ([(CACHE_CONTROL, "no-store")], Json(greeting)).into_response()
}

fn unknown() -> Response {
    let code = ErrorCode::NoSuchOrganization;
    let message = format!("{}; ask whoever gave you the address for the right one", code.sentence());
    let body = Json(json!({ "error": code.name(), "message": message }));
    (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")], body).into_response()
}

fn failed(error: &Refused) -> Response {
    let words = format!("{error}\n");
    let plain = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (StatusCode::SERVICE_UNAVAILABLE, plain, words).into_response()
}
