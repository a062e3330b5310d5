//! The page: its files are in the binary, compressed, below a directory whose name changes with them.

use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, VARY,
};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// A file of the page, as it is and compressed (brotli, RFC 7932).
pub(super) struct File {
    path: &'static str,
    plain: &'static [u8],
    packed: &'static [u8],
}

const FOREVER: &str = "public, max-age=31536000, immutable";

/// What a browser installs the page by: its file, and its name below an organization's address.
pub(super) const MANIFEST: &str = "parlour.webmanifest";

/// The page itself, of the organization whose page is at `home`. It is asked for each time, and sent when it changed.
pub(super) fn index(home: &str, name: &str, headers: &HeaderMap) -> Response {
    document("index.html", home, name, headers)
}

/// The page that shows what other programs can ask for.
pub(super) fn api(home: &str, name: &str, headers: &HeaderMap) -> Response {
    document("api.html", home, name, headers)
}

fn document(path: &str, home: &str, name: &str, headers: &HeaderMap) -> Response {
    let text = rendered(path, home, &in_html(name));
    let hash = Sha256::digest(&text);
    let tag = format!("\"{}\"", BASE64URL_NOPAD.encode(&hash[..12]));
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let fixed = [(CONTENT_TYPE, media_type("index.html")), (CACHE_CONTROL, "no-cache")];
    ([(ETAG, tag)], fixed, text).into_response()
}

/// What a browser installs the page of an organization by.
pub(super) fn manifest(home: &str, name: &str) -> Response {
    let fixed = [(CONTENT_TYPE, media_type(MANIFEST)), (CACHE_CONTROL, "no-cache")];
    // A name as JSON holds it, without the quotation marks that stand in the file.
    let quoted = serde_json::Value::from(name).to_string();
    let name = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    (fixed, rendered(MANIFEST, home, name)).into_response()
}

/// A file of the page with what differs between organizations put in.
fn rendered(path: &str, home: &str, name: &str) -> String {
    let file = FILES.iter().find(|file| file.path == path);
    let text = file.and_then(|file| std::str::from_utf8(file.plain).ok()).unwrap_or_default();
    text.replace("{{home}}", home).replace("{{name}}", name)
}

/// A text as HTML holds it.
pub(super) fn in_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What belongs to the page.
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().strip_prefix(DIRECTORY).and_then(|path| path.strip_prefix('/'));
    let (path, cache) = match path {
        Some(path) => (path, FOREVER),
        // Browsers ask for it by themselves.
        None if uri.path() == "/favicon.ico" => ("icon.svg", "public, max-age=86400"),
        None => {
            // Some programs write the plus of an organization otherwise when they follow a link.
            let plus = uri.path().strip_prefix("/%2B").or_else(|| uri.path().strip_prefix("/%2b"));
            return match plus {
                Some(rest) => {
                    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, format!("/+{rest}"))]).into_response()
                }
                None => (StatusCode::NOT_FOUND, "there is nothing here\n").into_response(),
            };
        }
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
        Some("wasm") => "application/wasm",
        Some("webmanifest") => "application/manifest+json",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_small_and_names_its_files() {
        let text = rendered("index.html", "/+raid/", &in_html("<b>\"The Raid\" & more"));
        assert!(text.contains(DIRECTORY) && !text.contains("{{"), "{text}");
        assert!(text.contains("<title>&lt;b&gt;&quot;The Raid&quot; &amp; more</title>"), "{text}");
        assert!(text.contains("href=\"/+raid/parlour.webmanifest\""), "{text}");
        // What is loaded at first is less: views come when they are wanted, and a test in a browser weighs the others. The decoder
        // comes when something is lost.
        let files = FILES.iter().filter(|file| file.path != "vendor/libopus.wasm");
        let packed: usize = files.map(|file| file.packed.len()).sum();
        assert!(packed < 200 * 1_024, "{packed} bytes in the program");
    }
}
