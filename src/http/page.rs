//! The page: its files are in the binary, compressed, below a directory whose name changes with them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::parts::{Asker, Parts};
use crate::bounds::{EntryPolicy, Registration};

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// A file of the page, as it is and compressed (brotli, RFC 7932).
pub(super) struct File {
    path: &'static str,
    plain: &'static [u8],
    packed: &'static [u8],
}

const FOREVER: &str = "public, max-age=31536000, immutable";

/// The page itself, which is asked for each time and sent when it changed.
pub(super) async fn index(headers: HeaderMap) -> Response {
    let tag = format!("\"{}\"", DIRECTORY.trim_start_matches('/'));
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    match FILES.iter().find(|file| file.path == "index.html") {
        Some(file) => ([(ETAG, tag)], send(file, &headers, "no-cache")).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What belongs to the page.
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().strip_prefix(DIRECTORY).and_then(|path| path.strip_prefix('/'));
    let (path, cache) = match path {
        Some(path) => (path, FOREVER),
        // Browsers ask for it by themselves.
        None if uri.path() == "/favicon.ico" => ("icon.svg", "public, max-age=86400"),
        None => return (StatusCode::NOT_FOUND, "there is nothing here\n").into_response(),
    };
    match FILES.iter().find(|file| file.path == path) {
        Some(file) => send(file, &headers, cache),
        None => (StatusCode::NOT_FOUND, "there is nothing here\n").into_response(),
    }
}

fn send(file: &'static File, headers: &HeaderMap, cache: &'static str) -> Response {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let packs = accepted.split(',').any(|word| word.split(';').next().unwrap_or_default().trim() == "br");
    let fixed = [(CONTENT_TYPE, media_type(file.path)), (CACHE_CONTROL, cache), (VARY, "accept-encoding")];
    if packs {
        (fixed, [(CONTENT_ENCODING, "br")], file.packed).into_response()
    } else {
        (fixed, file.plain).into_response()
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "text/plain; charset=utf-8",
    }
}

/// What the page has to know before it connects.
pub(super) async fn greeting(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
) -> ([(axum::http::HeaderName, &'static str); 1], Json<Value>) {
    // A certificate that the browser trusts needs no hash, and one with a hash must be short-lived.
    let hashes: Vec<String> = if asker.own_certificate {
        Vec::new()
    } else {
        parts.certificates.browser_hashes().iter().map(|hash| STANDARD.encode(hash.0)).collect()
    };
    let accounts = parts.organizations.first().accounts();
    // What can't be read admits nobody; connecting says why.
    let nobody = EntryPolicy { guests: false, registration: Registration::Closed };
    let entry = accounts.entry_policy().unwrap_or(nobody);
    let greeting = json!({
        "name": accounts.name(),
        "version": env!("CARGO_PKG_VERSION"),
        "certificateHashes": hashes,
        "guests": entry.guests,
        "registration": entry.registration.word(),
        "unclaimed": accounts.is_unclaimed(),
        // A claim code may wait beside an administrator who lost the password.
        "administered": accounts.has_administrator().unwrap_or(true),
    });
    ([(CACHE_CONTROL, "no-store")], Json(greeting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_small_and_names_its_files() {
        let index = FILES.iter().find(|file| file.path == "index.html").unwrap();
        let text = std::str::from_utf8(index.plain).unwrap();
        assert!(text.contains(DIRECTORY) && !text.contains("{{"), "{text}");
        let packed: usize = FILES.iter().map(|file| file.packed.len()).sum();
        assert!(packed < 150 * 1_024, "{packed} bytes to load at first");
    }
}
