//! Messages of the Model Context Protocol as they come over HTTP, of the revision in force (2026-07-28), whose requests say everything
//! themselves, and of the one before (2025-11-25), whose clients greet first. Nothing is kept from one to the next of either.

use axum::Json;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use serde_json::{Map, Value, json};

/// The revision in force, and the one before.
pub(super) const REVISION: &str = "2026-07-28";
pub(super) const BEFORE: &str = "2025-11-25";

/// Names of a request's own facts ("_meta").
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const SERVER: &str = "io.modelcontextprotocol/serverInfo";

/// Codes of errors (JSON-RPC 2.0, section 5.1; the revision's "Error Codes").
pub(super) const NOT_JSON: i32 = -32_700;
pub(super) const NO_REQUEST: i32 = -32_600;
const NO_METHOD: i32 = -32_601;
const BAD_PARAMETERS: i32 = -32_602;
const HEADERS_DIFFER: i32 = -32_020;
const NO_VERSION: i32 = -32_022;

/// How a request is made, and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// As the revision in force has it.
    Now,
    /// As the one before it has it.
    Before,
}

/// What came.
#[derive(Debug)]
pub(super) enum Message {
    /// It is answered.
    Request(Request),
    /// It isn't, and nothing here comes of it.
    Notification,
}

/// A request that can be read.
#[derive(Debug)]
pub(super) struct Request {
    /// By what its client knows the answer: a text or a whole number.
    pub(super) id: Value,
    pub(super) era: Era,
    pub(super) method: String,
    pub(super) parameters: Map<String, Value>,
}

/// Why a message isn't done.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    code: i32,
    words: String,
    data: Option<Value>,
    id: Option<Value>,
}

impl Fault {
    /// What is wrong with a message that isn't a request.
    pub(super) fn of(status: StatusCode, code: i32, words: &str) -> Self {
        Self { status, code, words: words.to_owned(), data: None, id: None }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.words });
        if let Some(data) = self.data {
            error["data"] = data;
        }
        let mut body = json!({ "jsonrpc": "2.0", "error": error });
        if let Some(id) = self.id {
            body["id"] = id;
        }
        (self.status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}

impl Message {
    /// Reads a body, which is one message: more at once have no place in either revision.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Fault> {
        let refused = |code, words: &str| Fault::of(StatusCode::BAD_REQUEST, code, words);
        let mut message = match serde_json::from_slice(body) {
            Ok(Value::Object(message)) => message,
            Ok(Value::Array(_)) => return Err(refused(NO_REQUEST, "send one message at a time")),
            Ok(_) => return Err(refused(NO_REQUEST, "a message is an object of JSON")),
            Err(error) => return Err(refused(NOT_JSON, &format!("the body isn't JSON: {error}"))),
        };
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(refused(
                NO_REQUEST,
                "a message says that it is of JSON-RPC 2.0: `\"jsonrpc\": \"2.0\"`",
            ));
        }
        let Some(Value::String(method)) = message.remove("method") else {
            return Err(refused(
                NO_REQUEST,
                "a message has a `method`; this server asks its clients nothing",
            ));
        };
        let id = match message.remove("id") {
            None => return Ok(Self::Notification),
            Some(id) if id.is_string() || id.is_i64() || id.is_u64() => id,
            Some(_) => return Err(refused(NO_REQUEST, "the `id` of a request is a text or a whole number")),
        };
        let with_id = |fault: Fault| Fault { id: Some(id.clone()), ..fault };
        let parameters = match message.remove("params") {
            None => Map::new(),
            Some(Value::Object(parameters)) => parameters,
            Some(_) => return Err(with_id(refused(BAD_PARAMETERS, "`params` is an object"))),
        };
        let era = era(headers, &method, &parameters).map_err(with_id)?;
        Ok(Self::Request(Request { id, era, method, parameters }))
    }
}

/// Of which revision a request is, which has to be what its headers say.
fn era(headers: &HeaderMap, method: &str, parameters: &Map<String, Value>) -> Result<Era, Fault> {
    let refused = |code, words: &str| Fault::of(StatusCode::BAD_REQUEST, code, words);
    let meta = parameters.get("_meta").and_then(Value::as_object);
    let said = meta.and_then(|meta| meta.get(VERSION));
    let header = header(headers, "mcp-protocol-version")?;
    let unknown = |version: &str| Fault {
        data: Some(json!({ "supported": [REVISION, BEFORE], "requested": version })),
        ..refused(NO_VERSION, "this server doesn't speak this version of the protocol")
    };
    let Some(said) = said else {
        return match header.as_deref() {
            // A client that greets says which one it speaks in the greeting.
            None | Some(BEFORE) => Ok(Era::Before),
            Some(REVISION) => Err(refused(BAD_PARAMETERS, &format!("`_meta` lacks `{VERSION}`"))),
            Some(other) => Err(unknown(other)),
        };
    };
    let said = said.as_str().ok_or_else(|| refused(BAD_PARAMETERS, &format!("`{VERSION}` is a text")))?;
    if header.as_deref() != Some(said) {
        let words = "the header MCP-Protocol-Version and the version that the request says differ";
        return Err(refused(HEADERS_DIFFER, words));
    }
    match said {
        REVISION => (),
        BEFORE => return Ok(Era::Before),
        other => return Err(unknown(other)),
    }
    if !meta.and_then(|meta| meta.get(CAPABILITIES)).is_some_and(Value::is_object) {
        return Err(refused(BAD_PARAMETERS, &format!("`_meta` lacks `{CAPABILITIES}`")));
    }
    let name = parameters.get("name").or_else(|| parameters.get("uri")).and_then(Value::as_str);
    let is_named = matches!(method, "tools/call" | "resources/read" | "prompts/get");
    let told = [("mcp-method", Some(method)), ("mcp-name", name.filter(|_| is_named))];
    for (field, wanted) in told.into_iter().filter_map(|(field, wanted)| Some((field, wanted?))) {
        if self::header(headers, field)?.as_deref() != Some(wanted) {
            return Err(refused(HEADERS_DIFFER, &format!("the header {field} isn't what the request says")));
        }
    }
    Ok(Era::Now)
}

/// What a header says that a message repeats; in base 64 where it has letters that no header has.
fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Fault> {
    let refused =
        || Fault::of(StatusCode::BAD_REQUEST, HEADERS_DIFFER, &format!("the header {name} can't be read"));
    let mut all = headers.get_all(name).iter();
    let (first, more) = (all.next(), all.next());
    if more.is_some() {
        return Err(refused());
    }
    let Some(first) = first else { return Ok(None) };
    let text = first.to_str().map_err(|_| refused())?;
    let Some(encoded) = text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Ok(Some(text.to_owned()));
    };
    let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| refused())?;
    String::from_utf8(bytes).map(Some).map_err(|_| refused())
}

impl Request {
    /// The answer.
    pub(super) fn answer(&self, mut result: Value) -> Response {
        if self.era == Era::Now {
            result["resultType"] = "complete".into();
            result["_meta"] = json!({ SERVER: server() });
        }
        let body = json!({ "jsonrpc": "2.0", "id": self.id, "result": result });
        ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }

    /// There is no such method.
    pub(super) fn unknown(&self) -> Fault {
        let words = format!("there is no method {}", self.method.chars().take(64).collect::<String>());
        self.fault(StatusCode::NOT_FOUND, NO_METHOD, &words)
    }

    /// Something is wrong with what it says.
    pub(super) fn unfit(&self, words: &str) -> Fault {
        self.fault(StatusCode::BAD_REQUEST, BAD_PARAMETERS, words)
    }

    /// The one before had no status of its own for what is wrong with a request that can be read.
    fn fault(&self, status: StatusCode, code: i32, words: &str) -> Fault {
        let status = if self.era == Era::Now { status } else { StatusCode::OK };
        Fault { id: Some(self.id.clone()), ..Fault::of(status, code, words) }
    }
}

/// Who answers.
pub(super) fn server() -> Value {
    json!({ "name": "parlour", "title": "Parlour", "version": env!("CARGO_PKG_VERSION") })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn call(version: &str) -> Value {
        let meta = json!({ VERSION: version, CAPABILITIES: {} });
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "list", "_meta": meta } })
    }

    fn read(pairs: &[(&'static str, &str)], message: &Value) -> Result<Option<Era>, (u16, i32)> {
        match Message::read(&headers(pairs), message.to_string().as_bytes()) {
            Ok(Message::Request(request)) => Ok(Some(request.era)),
            Ok(Message::Notification) => Ok(None),
            Err(fault) => Err((fault.status.as_u16(), fault.code)),
        }
    }

    const NOW: [(&str, &str); 3] =
        [("mcp-protocol-version", REVISION), ("mcp-method", "tools/call"), ("mcp-name", "list")];

    #[test]
    fn a_request_of_either_revision_is_read() {
        assert_eq!(read(&NOW, &call(REVISION)), Ok(Some(Era::Now)));
        let encoded = [NOW[0], NOW[1], ("mcp-name", "=?base64?bGlzdA==?=")];
        assert_eq!(read(&encoded, &call(REVISION)), Ok(Some(Era::Now)));
        let ping = json!({ "jsonrpc": "2.0", "id": "a", "method": "ping" });
        assert_eq!(read(&[], &ping), Ok(Some(Era::Before)));
        assert_eq!(read(&[("mcp-protocol-version", BEFORE)], &ping), Ok(Some(Era::Before)));
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(read(&[], &told), Ok(None));
    }

    #[test]
    fn what_differs_from_its_headers_is_refused() {
        let old = [("mcp-protocol-version", "1999-01-01"), NOW[1], NOW[2]];
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        for (pairs, message, code) in [
            (&NOW[1..], call(REVISION), HEADERS_DIFFER),
            (&[NOW[0], NOW[2]][..], call(REVISION), HEADERS_DIFFER),
            (&NOW[..2], call(REVISION), HEADERS_DIFFER),
            (&[NOW[0], NOW[1], ("mcp-name", "kick")][..], call(REVISION), HEADERS_DIFFER),
            (&[NOW[0], NOW[1], ("mcp-name", "=?base64?!?=")][..], call(REVISION), HEADERS_DIFFER),
            (&[NOW[0], NOW[0], NOW[1], NOW[2]][..], call(BEFORE), HEADERS_DIFFER),
            (&old[..], call("1999-01-01"), NO_VERSION),
            (&old[..], ping.clone(), NO_VERSION),
            (&NOW[..1], ping, BAD_PARAMETERS),
            (
                &NOW[..],
                {
                    let mut call = call(REVISION);
                    call["params"]["_meta"].as_object_mut().unwrap().remove(CAPABILITIES);
                    call
                },
                BAD_PARAMETERS,
            ),
        ] {
            assert_eq!(read(pairs, &message), Err((400, code)), "{pairs:?} {message}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (body, code) in [
            (json!([call(REVISION)]), NO_REQUEST),
            (json!(7), NO_REQUEST),
            (json!({ "id": 1, "method": "ping" }), NO_REQUEST),
            (json!({ "jsonrpc": "2.0", "id": null, "method": "ping" }), NO_REQUEST),
            (json!({ "jsonrpc": "2.0", "id": 1.5, "method": "ping" }), NO_REQUEST),
            (json!({ "jsonrpc": "2.0", "id": 1, "result": {} }), NO_REQUEST),
            (json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": [] }), BAD_PARAMETERS),
        ] {
            assert_eq!(read(&[], &body), Err((400, code)), "{body}");
        }
        let broken = Message::read(&HeaderMap::new(), b"{").unwrap_err();
        assert_eq!((broken.status, broken.code), (StatusCode::BAD_REQUEST, NOT_JSON));
    }

    proptest! {
        #[test]
        fn no_body_panics(body: Vec<u8>) {
            let _ = Message::read(&HeaderMap::new(), &body);
        }
    }
}
