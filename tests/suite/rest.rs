//! REST: what other programs ask over HTTP, beside the same over QUIC.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::operations::{expected, request_for};
use crate::support::{PASSWORD, TestServer, channel_id};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use parlour::permission::Permissions;
use parlour::protocol::json;
use parlour::protocol::operation::{self, Operation, Rest, Who};
use parlour::protocol::wire::request;
use parlour::transport;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A program that asks over HTTP, on a connection that it keeps.
pub(crate) struct Program {
    sender: SendRequest<Full<Bytes>>,
    /// What it shows; empty for nothing.
    pub(crate) token: String,
    /// What comes before `/api`.
    pub(crate) home: &'static str,
}

/// What it was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The code of a problem; empty for what was done.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().filter(|_| !self.status.is_success()).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Program {
    pub(crate) async fn at(address: SocketAddr, token: &str) -> Self {
        let (tls, _) = transport::tls_client(None, &[b"http/1.1"]).unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
        let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, token: token.to_owned(), home: "" }
    }

    /// Logs in, and shows the access token from then on. Answers with that of the log-in.
    pub(crate) async fn log_in(address: SocketAddr, name: &str) -> (Self, Value) {
        let mut program = Self::at(address, "").await;
        let answer = program.post("/auth/login", json!({ "name": name, "password": PASSWORD })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body["accessToken"].as_str().unwrap().clone_into(&mut program.token);
        (program, answer.body)
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        self.sender.ready().await.unwrap();
        let answer = self.sender.send_request(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(crate) fn request(&self, method: &Method, path: &str, body: Option<&Value>) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(format!("{}/api{path}", self.home));
        request = request.header("host", "localhost");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let bytes = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                body.to_string().into()
            }
            None => Bytes::new(),
        };
        request.body(Full::new(bytes)).unwrap()
    }

    pub(crate) async fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(&method, path, body);
        self.send(request).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(&body)).await
    }

    /// Asks what a request of the protocol asks, at the address of its operation.
    pub(crate) async fn do_request(&mut self, operation: &Operation, body: &request::Body) -> Answer {
        let Rest::At { method, path } = operation.rest else { panic!("{} has no address", operation.name) };
        let mut bytes = Vec::new();
        body.encode(&mut bytes);
        let Value::Object(mut fields) = json::write_member(operation.request, &bytes).unwrap() else {
            panic!()
        };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            // What is empty has no address, so something that isn't there is asked for.
            Some(name) => match text(&fields.remove(name).unwrap()) {
                empty if empty.is_empty() => "none".to_owned(),
                text => encoded(&text),
            },
            None => part.to_owned(),
        };
        let mut path = path.split('/').map(part).collect::<Vec<_>>().join("/");
        let method: Method = method.parse().unwrap();
        if method != Method::GET && method != Method::DELETE {
            return self.ask(method, &path, Some(&fields.into())).await;
        }
        let mut between = '?';
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for value in &values {
                write!(path, "{between}{name}={}", encoded(&text(value))).unwrap();
                between = '&';
            }
        }
        self.ask(method, &path, None).await
    }
}

#[tokio::test]
async fn who_may_not_do_an_operation_is_refused_over_http_as_over_quic() {
    // A guest is there for as long as they are connected, so there are none over HTTP.
    let server = TestServer::with(&[("limits.request_burst", "1000")]).await;
    let address = server.server.addresses()[0];
    let root = server.log_in("root").await;
    let key = root.create_api_key("reader", Permissions::VIEW, None).await.unwrap().key;
    let channel = channel_id(&root, "General");
    root.join(channel).await.unwrap();
    let before = root.list().await.unwrap();
    let addressed = || {
        let is_there = |one: &&Operation| matches!(one.rest, Rest::At { .. }) && one.who != Who::Stranger;
        // It ends the session that asks.
        operation::ALL.iter().filter(is_there).filter(|one| one.name != "log_out")
    };
    assert!(addressed().count() > 60);
    let request = |name| request_for(name, channel.0, root.id().0, "root");
    let mut nobody = Program::at(address, "").await;
    for one in addressed() {
        let answer = nobody.do_request(one, &request(one.name)).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "unexpected"), "{}", one.name);
        assert!(answer.header("www-authenticate").starts_with("Bearer "), "{answer:?}");
    }
    let (mut member, _) = Program::log_in(address, "alice").await;
    let mut by_key = Program::at(address, &key).await;
    // What the owner allowed a program: to see, and nothing else.
    let mut program = Program::at(address, &crate::oauth::token_to_see(&server, "root").await).await;
    for (actor, asks) in [("member", &mut member), ("key", &mut by_key), ("program", &mut program)] {
        for one in addressed() {
            let answer = asks.do_request(one, &request(one.name)).await;
            if let Some(code) = expected(actor, one) {
                assert_eq!(answer.code(), code.name(), "{} by a {actor}: {answer:?}", one.name);
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} by a {actor}", one.name);
            } else {
                // What is allowed may be refused for another reason: it was asked with nothing in it.
                assert_ne!(answer.code(), "forbidden", "{} by a {actor}: {answer:?}", one.name);
                assert!(answer.status.as_u16() < 500, "{} by a {actor}: {answer:?}", one.name);
            }
        }
    }
    // Nothing of it came to anything.
    let after = root.list().await.unwrap();
    assert_eq!((before.channels, before.members.len()), (after.channels, after.members.len()));
}

#[tokio::test]
async fn somebody_logs_in_asks_and_logs_out_over_http() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let (mut root, came) = Program::log_in(address, "root").await;
    let me = root.get("/auth/me").await;
    assert_eq!((me.status, &me.body["name"]), (StatusCode::OK, &json!("root")));
    assert!(me.body["created"].as_str().unwrap().ends_with('Z'), "{me:?}");
    assert_eq!(me.header("content-type"), "application/json");
    assert_eq!(me.header("cache-control"), "private, no-cache");

    let made = root.post("/channels", json!({ "name": "Tea" })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let path = format!("/channels/{}", made.body["id"].as_str().unwrap());
    let edited = root.ask(Method::PATCH, &path, Some(&json!({ "description": "Earl Grey" }))).await;
    assert_eq!((edited.status, edited.body), (StatusCode::NO_CONTENT, Value::Null));
    let there = root.get("/listing").await.body;
    let all = there["snapshot"]["channels"].as_array().unwrap();
    let tea = all.iter().find(|one| one["name"] == "Tea").unwrap();
    assert_eq!(tea["description"], "Earl Grey");
    assert!(tea["permissions"].as_array().unwrap().contains(&json!("edit channel")));
    assert_eq!(root.ask(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(root.ask(Method::DELETE, &path, None).await.code(), "no-such-channel");

    // The long token is exchanged, and the short one that comes with it is as good.
    let exchanged = root.post("/auth/refresh", json!({ "token": came["token"] })).await;
    assert_eq!(exchanged.body["session"], came["session"]);
    root.token = exchanged.body["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(root.get("/auth/me").await.status, StatusCode::OK);
    assert_eq!(root.ask(Method::POST, "/auth/logout", None).await.status, StatusCode::NO_CONTENT);
    let ended = root.get("/auth/me").await;
    assert_eq!((ended.status, ended.code()), (StatusCode::UNAUTHORIZED, "token-invalid"));
    assert!(ended.header("www-authenticate").contains("invalid_token"));

    root.token.clear();
    let wrong = root.post("/auth/login", json!({ "name": "root", "password": "nonsense" })).await;
    assert_eq!((wrong.status, wrong.code()), (StatusCode::UNAUTHORIZED, "log-in-failed"));
    assert_eq!(wrong.header("content-type"), "application/problem+json");
    assert_eq!(wrong.body["type"], "urn:parlour:error:log-in-failed");
}

#[tokio::test]
async fn what_isn_t_asked_well_is_told_why() {
    let server = TestServer::start().await;
    let (mut root, _) = Program::log_in(server.server.addresses()[0], "root").await;
    let nothing = root.get("/nothing").await;
    assert_eq!((nothing.status, nothing.code()), (StatusCode::NOT_FOUND, "unsupported"));
    let method = root.ask(Method::DELETE, "/users", None).await;
    assert_eq!((method.status, method.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST, GET"));
    let options = root.ask(Method::OPTIONS, "/users", None).await;
    assert_eq!((options.status, options.header("allow")), (StatusCode::NO_CONTENT, "POST, GET"));
    let head = root.ask(Method::HEAD, "/users", None).await;
    assert_eq!((head.status, head.body), (StatusCode::OK, Value::Null));

    let unknown = root.post("/channels", json!({ "nam": "Tea" })).await;
    assert_eq!((unknown.status, unknown.code()), (StatusCode::BAD_REQUEST, "malformed"));
    assert!(unknown.body["detail"].as_str().unwrap().starts_with("there is no field `nam` in CreateChannel"));
    let query = root.get("/users?frefix=a").await;
    assert!(query.body["detail"].as_str().unwrap().contains("`frefix`"), "{query:?}");
    let twice = root.ask(Method::PATCH, "/channels/1", Some(&json!({ "channel": "2" }))).await;
    assert_eq!(twice.body["detail"], "`channel` is said by the address alone");
    let mut text = root.request(&Method::POST, "/channels", Some(&json!({ "name": "Tea" })));
    text.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(root.send(text).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut broken = root.request(&Method::POST, "/channels", Some(&json!({})));
    *broken.body_mut() = Full::new("{\"name\":".into());
    assert_eq!(root.send(broken).await.code(), "malformed");
    let invalid = root.post("/channels", json!({ "name": "a\u{7}b" })).await;
    assert_eq!((invalid.status, invalid.code()), (StatusCode::UNPROCESSABLE_ENTITY, "name-invalid"));
    let long = root.get(&format!("/users?prefix={}", "a".repeat(9_000))).await;
    assert_eq!((long.status, long.code()), (StatusCode::URI_TOO_LONG, "too-large"));
    let large = root.post("/channels", json!({ "name": "a".repeat(70_000) })).await;
    assert_eq!((large.status, large.code()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));

    let (mut other, _) = Program::log_in(server.server.addresses()[0], "root").await;
    other.home = "/+nowhere";
    let nowhere = other.get("/users").await;
    assert_eq!((nowhere.status, nowhere.code()), (StatusCode::NOT_FOUND, "no-such-organization"));
}

#[tokio::test]
async fn a_program_is_told_how_often_it_may_ask() {
    let flags = [("limits.requests_per_second", "1"), ("limits.request_burst", "3")];
    let (server, clock) = TestServer::turned(&flags).await;
    let root = server.log_in("root").await;
    let made = root.create_api_key("reader", Permissions::VIEW, None).await.unwrap();
    let other = root.create_api_key("another", Permissions::VIEW, None).await.unwrap();
    let mut program = Program::at(server.server.addresses()[0], &made.key).await;
    for left in ["2", "1", "0"] {
        let answer = program.get("/ping").await;
        assert_eq!((answer.status, answer.header("ratelimit-remaining")), (StatusCode::OK, left));
        assert_eq!(answer.header("ratelimit-limit"), "3");
    }
    let much = program.get("/ping").await;
    assert_eq!((much.status, much.code()), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    assert_eq!(much.header("retry-after"), "1");
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(program.get("/ping").await.status, StatusCode::OK);
    // A key that isn't good is counted by the address, as one that is tried to log in by.
    program.token = "prl_0123456789abcdef_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let wrong = program.get("/ping").await;
    assert_eq!((wrong.status, wrong.code()), (StatusCode::UNAUTHORIZED, "log-in-failed"));
    // So is every other token, until the address may show no more.
    let tried = async |program: &mut Program, token: &str| {
        token.clone_into(&mut program.token);
        let answer = program.get("/ping").await;
        let wait = answer.header("retry-after").to_owned();
        (answer.status, answer.code().to_owned(), wait)
    };
    let invalid = (StatusCode::UNAUTHORIZED, "token-invalid".to_owned(), String::new());
    let much = (StatusCode::TOO_MANY_REQUESTS, "rate-limited".to_owned(), "1".to_owned());
    assert_eq!(tried(&mut program, "nothing").await, invalid);
    assert_eq!(tried(&mut program, "not.a.program").await, invalid);
    for token in ["nothing", "not.a.program", ""] {
        assert_eq!(tried(&mut program, token).await, much, "{token}");
    }
    // Whoever shows a good one isn't counted with them.
    clock.advance(std::time::Duration::from_millis(900));
    assert_eq!(tried(&mut program, "nothing").await, much);
    assert_eq!(tried(&mut program, &other.key).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_request_that_comes_twice_is_done_once() {
    let server = TestServer::start().await;
    let (mut root, _) = Program::log_in(server.server.addresses()[0], "root").await;
    let create = async |root: &mut Program, key: &str, name: &str| {
        let mut request = root.request(&Method::POST, "/channels", Some(&json!({ "name": name })));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        root.send(request).await
    };
    let first = create(&mut root, "one", "Tea").await;
    let again = create(&mut root, "one", "Tea").await;
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.body, again.body);
    let other = create(&mut root, "one", "Coffee").await;
    assert_eq!((other.status, other.code()), (StatusCode::UNPROCESSABLE_ENTITY, "malformed"));
    // What was refused may be asked for again.
    assert_eq!(create(&mut root, "two", "Tea").await.code(), "name-taken");
    assert_eq!(create(&mut root, "two", "Cocoa").await.status, StatusCode::CREATED);
    let there = root.get("/listing").await.body;
    let named = |name: &str| {
        let all = there["snapshot"]["channels"].as_array().unwrap();
        all.iter().filter(|channel| channel["name"] == name).count()
    };
    assert_eq!((named("Tea"), named("Coffee"), named("Cocoa")), (1, 0, 1));
}

#[tokio::test]
async fn a_list_goes_on_and_what_a_program_has_isn_t_sent_again() {
    let server = TestServer::start().await;
    let (mut root, _) = Program::log_in(server.server.addresses()[0], "root").await;
    let mut found = Vec::new();
    let mut path = "/users?limit=2".to_owned();
    loop {
        let page = root.get(&path).await;
        let names = page.body["users"].as_array().unwrap().iter();
        found.extend(names.map(|user| user["name"].as_str().unwrap().to_owned()));
        let link = page.header("link");
        let Some(next) = link.strip_prefix("</api").and_then(|link| link.strip_suffix(">; rel=\"next\""))
        else {
            break;
        };
        path = next.to_owned();
    }
    found.sort();
    assert_eq!(found, ["alice", "bob", "carol", "root"]);

    let first = root.get("/roles").await;
    let with = |root: &Program, known: &str| {
        let mut request = root.request(&Method::GET, "/roles", None);
        request.headers_mut().insert("if-none-match", known.parse().unwrap());
        request
    };
    let request = with(&root, first.header("etag"));
    let same = root.send(request).await;
    assert_eq!((same.status, &same.body), (StatusCode::NOT_MODIFIED, &Value::Null));
    root.post("/roles", json!({ "name": "Host", "rank": 5 })).await;
    let request = with(&root, first.header("etag"));
    let changed = root.send(request).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn pages_of_allowed_origins_may_ask_and_others_may_not() {
    let server =
        TestServer::with(&[("web.api_origins", "https://club.example, http://localhost:8080")]).await;
    let (mut root, _) = Program::log_in(server.server.addresses()[0], "root").await;
    let asked_first = |root: &Program, origin: &str| {
        let mut request = root.request(&Method::OPTIONS, "/users", None);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
        request.headers_mut().remove("authorization");
        request
    };
    for (origin, allowed) in [
        ("https://club.example", true),
        ("http://localhost:8080", true),
        ("https://evil.example", false),
        ("https://club.example.evil.example", false),
        ("null", false),
    ] {
        let request = asked_first(&root, origin);
        let answer = root.send(request).await;
        let told = if allowed { origin } else { "" };
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert_eq!(answer.header("access-control-allow-origin"), told, "{origin}");
        assert_eq!(answer.header("access-control-allow-methods"), if allowed { "POST, GET" } else { "" });
        assert_eq!(answer.header("access-control-allow-headers").contains("authorization"), allowed);
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        let mut request = root.request(&Method::GET, "/users", None);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let answer = root.send(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), told, "{origin}");
        assert!(answer.header("vary").contains("origin"), "{answer:?}");
    }
}
