//! What happens, as other programs follow it over HTTP; and the programs that docs/api.md shows.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::rest::Program;
use crate::support::outside::ping;
use crate::support::{self, Process, TestServer, channel_id, eventually};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parlour::permission::Permissions;
use parlour::protocol::wire::{self, event};
use parlour::transport;
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

async fn tls(address: SocketAddr) -> TlsStream<TcpStream> {
    let (tls, _) = transport::tls_client(None, &[b"http/1.1"]).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
    connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
}

/// A connection that takes little before it is read.
async fn narrow(address: SocketAddr) -> TlsStream<TcpStream> {
    let (tls, _) = transport::tls_client(None, &[b"http/1.1"]).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
    connector.connect("localhost".try_into().unwrap(), socket.connect(address).await.unwrap()).await.unwrap()
}

/// A connection takes much from now on.
fn widen(connection: &TlsStream<TcpStream>) {
    SockRef::from(connection.get_ref().0).set_recv_buffer_size(1 << 20).unwrap();
}

/// Server-Sent Events, read as they come.
struct Following {
    body: Incoming,
    read: String,
}

impl Following {
    async fn ask(address: SocketAddr, token: &str, query: &str, last: Option<&str>) -> Response<Incoming> {
        let (mut sender, connection) = handshake(TokioIo::new(tls(address).await)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::get(format!("/api/events{query}")).header("host", "localhost");
        request = request.header("authorization", format!("Bearer {token}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap()
    }

    async fn at(address: SocketAddr, token: &str, query: &str, last: Option<&str>) -> Self {
        let answer = Self::ask(address, token, query, last).await;
        assert_eq!(
            (answer.status(), &answer.headers()["content-type"]),
            (StatusCode::OK, &"text/event-stream".parse().unwrap())
        );
        Self { body: answer.into_body(), read: String::new() }
    }

    /// The next event: its number, its word, and what it says.
    async fn next(&mut self) -> (String, String, Value) {
        loop {
            if let Some((part, rest)) = self.read.split_once("\n\n") {
                let lines: HashMap<_, _> = part.lines().filter_map(|line| line.split_once(": ")).collect();
                let of = |name: &str| lines.get(name).map_or(String::new(), |text| (*text).to_owned());
                let data = lines.get("data").map_or(Value::Null, |data| serde_json::from_str(data).unwrap());
                let (found, rest) = ((of("id"), of("event"), data), rest.to_owned());
                self.read = rest;
                // A number alone says how far it is.
                if found.1.is_empty() {
                    continue;
                }
                return found;
            }
            let frame = tokio::time::timeout(Duration::from_secs(5), self.body.frame()).await.unwrap();
            let bytes = frame.unwrap().unwrap().into_data().unwrap();
            self.read.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}

#[tokio::test]
async fn a_program_follows_what_its_account_may_know_and_comes_back_to_it() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let root = server.log_in("root").await;
    let (everything, little) = (Permissions::ALL, Permissions::VIEW);
    let key = root.create_api_key("all", everything, None).await.unwrap().key;
    let narrow = root.create_api_key("little", little, None).await.unwrap().key;
    let mut all = Following::at(address, &key, "", None).await;
    let mut few = Following::at(address, &narrow, "?kinds=channels,accounts", None).await;
    let (last, word, ready) = all.next().await;
    assert_eq!(word, "ready");
    assert_eq!(ready["next"].as_str().unwrap().parse::<u64>().unwrap(), last.parse::<u64>().unwrap() + 1);
    assert_eq!(few.next().await.1, "ready");

    let (mut program, _) = Program::log_in(address, "root").await;
    let made = program.post("/channels", json!({ "name": "Tea" })).await.body["id"].clone();
    let (number, word, told) = all.next().await;
    assert_eq!((word.as_str(), &told["channel"], &told["name"]), ("channel-created", &made, &json!("Tea")));
    assert_eq!((&told["number"], &told["kind"]), (&json!(number), &json!("channels")));
    assert_eq!((&told["by"]["who"], told["at"].as_str().unwrap().ends_with('Z')), (&json!("account"), true));
    assert_eq!(few.next().await.2["channel"], made);

    // What needs a permission that its key lacks isn't told, and a kind that it doesn't want neither.
    root.create_user("zoe", crate::support::PASSWORD, "").await.unwrap();
    let alice = server.log_in("alice").await;
    let path = format!("/channels/{}", made.as_str().unwrap());
    let edited = program.ask(Method::PATCH, &path, Some(&json!({ "name": "Coffee" }))).await;
    assert_eq!(edited.status, StatusCode::NO_CONTENT);
    let (_, word, told) = few.next().await;
    assert_eq!((word.as_str(), &told["channel"]), ("channel-changed", &made), "neither zoe nor alice");

    // Whoever comes back has all that was missed, once.
    drop(all);
    let mut again = Following::at(address, &key, "?kinds=presence,channels", Some(&number)).await;
    assert_eq!(again.next().await.1, "ready");
    let (_, word, arrived) = again.next().await;
    assert_eq!((word.as_str(), &arrived["name"]), ("arrived", &json!("alice")));
    assert_eq!(arrived["session"], json!(alice.id().0.to_string()));
    assert_eq!(again.next().await.1, "channel-changed");

    // What is wrong is said.
    let refused = async |token: &str, query: &str, last: Option<&str>| {
        let answer = Following::ask(address, token, query, last).await;
        let (head, body) = answer.into_parts();
        let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
        (head.status, body["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(
        refused(&key, "?kinds=weather", None).await,
        (StatusCode::BAD_REQUEST, "malformed".to_owned())
    );
    assert_eq!(refused(&key, "?from=soon", None).await, (StatusCode::BAD_REQUEST, "malformed".to_owned()));
    assert_eq!(refused("nothing", "", None).await, (StatusCode::UNAUTHORIZED, "token-invalid".to_owned()));
    // Nothing is kept of what was before the last start.
    let answer = Following::ask(address, &key, "?from=1000", None).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let body: Value =
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert!(body["detail"].as_str().unwrap().contains("follow the feed from its end"), "{body}");
}

/// A WebSocket with text frames (RFC 6455).
struct Socket(TlsStream<TcpStream>);

impl Socket {
    async fn open(address: SocketAddr, origin: &str) -> (String, Self) {
        Self::open_on(tls(address).await, address, origin).await
    }

    async fn open_on(mut stream: TlsStream<TcpStream>, address: SocketAddr, origin: &str) -> (String, Self) {
        let request = format!(
            "GET /api/events HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (String::from_utf8(head).unwrap(), Self(stream))
    }

    async fn say(&mut self, text: &str) {
        let mut frame = vec![0x81, 0xfe];
        frame.extend((text.len() as u16).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    /// The next text; the code of the end in place of one.
    async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            let kind = self.0.read_u8().await.unwrap() & 15;
            let length = match self.0.read_u8().await.unwrap() & 127 {
                126 => self.0.read_u16().await.unwrap().into(),
                127 => self.0.read_u64().await.unwrap(),
                short => u64::from(short),
            };
            let mut bytes = vec![0; length as usize];
            self.0.read_exact(&mut bytes).await.unwrap();
            match kind {
                1 => return Ok(serde_json::from_slice(&bytes).unwrap()),
                8 => return Err(u16::from_be_bytes([bytes[0], bytes[1]])),
                _ => (),
            }
        }
    }
}

#[tokio::test]
async fn a_web_socket_shows_its_token_first_and_is_told_why_it_ends() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let root = server.log_in("root").await;
    let key = root.create_api_key("all", Permissions::ALL, None).await.unwrap();
    let own = format!("https://{address}");
    let (head, mut socket) = Socket::open(address, &own).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    socket.say(&json!({ "token": key.key, "kinds": ["channels"] }).to_string()).await;
    let ready = socket.hear().await.unwrap();
    assert_eq!(ready["event"], "ready");
    let (mut program, _) = Program::log_in(address, "root").await;
    program.post("/channels", json!({ "name": "Tea" })).await;
    let told = socket.hear().await.unwrap();
    assert_eq!((&told["event"], &told["number"]), (&json!("channel-created"), &ready["next"]));

    // Nothing else is read, and without a good token nothing is told.
    socket.say("more").await;
    assert_eq!(socket.hear().await.unwrap()["code"], "malformed");
    assert_eq!(socket.hear().await, Err(1008));
    for (first, code) in
        [(r#"{"token":"no"}"#, "token-invalid"), ("{}", "token-invalid"), ("hello", "malformed")]
    {
        let (_, mut socket) = Socket::open(address, &own).await;
        socket.say(first).await;
        assert_eq!(socket.hear().await.unwrap()["code"], code, "{first}");
        assert_eq!(socket.hear().await, Err(1008));
    }
    let (head, _) = Socket::open(address, "https://evil.example").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}

#[tokio::test]
async fn a_web_socket_that_pings_without_end_is_told_so_and_closed() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let key = server.log_in("root").await.create_api_key("all", Permissions::ALL, None).await.unwrap().key;
    for token in [None, Some(key)] {
        let (_, mut socket) = Socket::open(address, &format!("https://{address}")).await;
        if let Some(token) = token {
            socket.say(&json!({ "token": token, "kinds": ["recordings"] }).to_string()).await;
            assert_eq!(socket.hear().await.unwrap()["event"], "ready");
        }
        socket.0.write_all(&ping().repeat(200)).await.unwrap();
        let word = async {
            loop {
                let told = socket.hear().await.unwrap();
                if told["event"] != "beat" {
                    return told;
                }
            }
        };
        let word = tokio::time::timeout(Duration::from_secs(5), word).await.unwrap();
        assert_eq!(word["code"], "rate-limited", "{word}");
        assert_eq!(socket.hear().await, Err(1008));
    }
}

/// Whoever shows no good token is counted by their address, and nobody else.
#[tokio::test]
async fn strangers_at_the_same_address_lock_no_follower_out() {
    let flags = [("limits.requests_per_second", "1"), ("limits.request_burst", "3")];
    let (server, _clock) = TestServer::turned(&flags).await;
    let address = server.server.addresses()[0];
    let key = server.log_in("root").await.create_api_key("all", Permissions::ALL, None).await.unwrap().key;
    for status in [401, 401, 401, 429] {
        let answer = Following::ask(address, "nothing", "", None).await;
        assert_eq!(answer.status().as_u16(), status);
    }
    let mut follower = Following::at(address, &key, "", None).await;
    assert_eq!(follower.next().await.1, "ready");
    let (_, mut socket) = Socket::open(address, &format!("https://{address}")).await;
    socket.say(&json!({ "token": key }).to_string()).await;
    assert_eq!(socket.hear().await.unwrap()["event"], "ready");
}

#[tokio::test]
async fn whoever_reads_too_slowly_is_told_so_and_the_others_miss_nothing() {
    let server = TestServer::with(&[
        ("limits.requests_per_second", "10000"),
        ("limits.request_burst", "100000"),
        ("limits.channel_texts_per_second", "10000"),
        ("limits.channel_text_burst", "10000"),
    ])
    .await;
    let address = server.server.addresses()[0];
    let (root, alice) = (server.log_in("root").await, server.in_channel("alice", "General").await);
    let key = root.create_api_key("all", Permissions::ALL, None).await.unwrap().key;
    let mut stalled = narrow(address).await;
    let ask = format!(
        "GET /api/events?kinds=texts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    stalled.write_all(ask.as_bytes()).await.unwrap();
    let own = format!("https://{address}");
    let (_, mut socket) = Socket::open_on(narrow(address).await, address, &own).await;
    socket.say(&json!({ "token": key, "kinds": ["texts"] }).to_string()).await;
    assert_eq!(socket.hear().await.unwrap()["event"], "ready");
    let mut reader = Following::at(address, &key, "?kinds=texts", None).await;
    assert_eq!(reader.next().await.1, "ready");
    // More than waits in the sockets and in the feed together.
    let (general, text) = (channel_id(&alice, "General"), "x".repeat(4_000));
    let mut before = 0;
    for _ in 0..2_500 / 10 {
        // At once: each by itself would wait for all threads that it passes.
        let mut writing = JoinSet::new();
        for _ in 0..10 {
            let (alice, text) = (alice.clone(), text.clone());
            writing.spawn(async move { alice.text_channel(general, &text).await.unwrap() });
        }
        writing.join_all().await;
        for _ in 0..10 {
            let (number, word, _) = reader.next().await;
            let number: u64 = number.parse().unwrap();
            assert!(word == "text-sent" && number > before, "{word} {number} after {before}");
            before = number;
        }
    }
    // Into so little room the rest would come a few kilobytes at a time, each after the sender's patience.
    widen(&stalled);
    widen(&socket.0);
    let mut all = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stalled.read_to_end(&mut all)).await.unwrap().unwrap();
    let all = String::from_utf8_lossy(&all);
    let (told, over) =
        all.split_once("event: over").unwrap_or_else(|| panic!("{} bytes without a word", all.len()));
    assert!(told.matches("event: text-sent").count() < 2_500);
    assert!(over.contains("\"status\":410") && over.contains("follow anew"), "{over}");
    let (mut texts, mut word) = (0, Value::Null);
    let code = loop {
        match tokio::time::timeout(Duration::from_secs(20), socket.hear()).await.unwrap() {
            Ok(told) if told["event"] == "text-sent" => texts += 1,
            Ok(told) => word = told,
            Err(code) => break code,
        }
    };
    assert!(texts < 2_500, "{texts}");
    assert_eq!((&word["status"], code), (&json!(410), 1008), "{word}");
}

#[tokio::test]
async fn whoever_comes_back_after_a_restart_is_told_to_start_anew() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let address = process.address;
    let mut program = Program::at(address, "").await;
    let log_in = program.post("/auth/login", json!({ "name": "demo", "password": "parlour-demo" })).await;
    let token = log_in.body["accessToken"].as_str().unwrap().to_owned();
    let mut events = Following::at(address, &token, "?kinds=channels", None).await;
    assert_eq!(events.next().await.1, "ready");
    token.clone_into(&mut program.token);
    assert_eq!(program.post("/channels", json!({ "name": "Tea" })).await.status, StatusCode::CREATED);
    let (last, word, _) = events.next().await;
    assert_eq!(word, "channel-created");
    process.kill();
    let process = Process::serve(home.path(), &address.to_string(), &["--demo"]);
    let answer = Following::ask(process.address, &token, "?kinds=channels", Some(&last)).await;
    let (head, body) = answer.into_parts();
    let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!((head.status, &body["code"]), (StatusCode::NOT_FOUND, &json!("not-found")), "{body}");
    assert!(body["detail"].as_str().unwrap().contains("follow the feed from its end"), "{body}");
    let next = (last.parse::<u64>().unwrap() + 1).to_string();
    let (_, mut socket) = Socket::open(address, &format!("https://{address}")).await;
    socket.say(&json!({ "token": token, "from": next }).to_string()).await;
    assert_eq!(socket.hear().await.unwrap()["code"], "not-found");
    assert_eq!(socket.hear().await, Err(1008));
    // What happens from now on has higher numbers than all before.
    let mut anew = Following::at(address, &token, "?kinds=channels", None).await;
    assert!(anew.next().await.0.parse::<u64>().unwrap() >= last.parse().unwrap());
    let mut program = Program::at(address, &token).await;
    assert_eq!(program.post("/channels", json!({ "name": "Cocoa" })).await.status, StatusCode::CREATED);
    let (number, word, _) = anew.next().await;
    assert!(
        word == "channel-created" && number.parse::<u64>().unwrap() > last.parse().unwrap(),
        "{number} {last}"
    );
}

/// A program of the documentation, run as a newcomer would run it.
struct Bot(Child);

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that others trust, by a name that leads here; started again at the same address and on the same data.
fn trusted(home: &Path, listen: &str, (certificate, key): (&Path, &Path)) -> Process {
    let mut command = support::parlour(home);
    command.env("PARLOUR_WEB_CERTIFICATE", certificate).env("PARLOUR_WEB_KEY", key);
    Process::serve_with(command, listen, &["--demo"])
}

/// What somebody is told who comes in.
async fn greeting(address: SocketAddr) -> wire::Text {
    // Whoever greets needs a moment to come.
    let address = address.to_string().parse().unwrap();
    eventually("the greeting", async || {
        let visitor = support::log_in(&address, "demo", "parlour-demo").await.ok()?;
        let mut events = visitor.events();
        let heard = async {
            loop {
                if let Ok(event::Body::Text(text)) = events.recv().await {
                    return text;
                }
            }
        };
        let heard = tokio::time::timeout(Duration::from_millis(700), heard).await.ok();
        let _ = visitor.log_out().await;
        heard
    })
    .await
}

#[tokio::test]
async fn the_bots_of_the_documentation_greet_whoever_comes_and_outlive_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, secret) = (home.path().join("chain.pem"), home.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&secret, made.signing_key.serialize_pem()).unwrap();
    let data = home.path().join("data");
    let mut process = trusted(&data, "127.0.0.1:0", (&certificate, &secret));
    let address = process.address;
    let log_in = async || {
        support::log_in(&address.to_string().parse().unwrap(), "demo", "parlour-demo").await.unwrap()
    };
    let scopes = Permissions::VIEW.union(Permissions::TEXT);
    let documentation = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md"));
    for (language, program, file) in [("python", "python3", "bot.py"), ("js", "node", "bot.mjs")] {
        let begin = format!("```{language}\n");
        let source = documentation.split_once(&begin).unwrap().1.split_once("```").unwrap().0;
        assert!(source.lines().count() <= 34, "the bot in {language} has {} lines", source.lines().count());
        let script = home.path().join(file);
        std::fs::write(&script, source).unwrap();
        let key = log_in().await.create_api_key(language, scopes, None).await.unwrap();
        let bot = Command::new(program)
            .arg(&script)
            .env("PARLOUR", format!("https://localhost:{}", address.port()))
            .env("PARLOUR_API_KEY", key.key)
            .env("SSL_CERT_FILE", &certificate)
            .env("NODE_EXTRA_CA_CERTS", &certificate)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut bot = Bot(bot.unwrap_or_else(|error| panic!("this needs {program}: {error}")));
        let heard = greeting(address).await;
        assert_eq!((heard.from_session, heard.text.as_str()), (0, "Welcome, demo!"));
        process.kill();
        process = trusted(&data, &address.to_string(), (&certificate, &secret));
        assert_eq!(greeting(address).await.text, "Welcome, demo!", "after a restart");
        log_in().await.revoke_api_key(key.id).await.unwrap();
        process.kill();
        process = trusted(&data, &address.to_string(), (&certificate, &secret));
        let ended = eventually("the end of a bot without a key", async || bot.0.try_wait().unwrap()).await;
        assert!(!ended.success(), "{language}");
    }
}
