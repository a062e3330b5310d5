//! What does a request over HTTP cost: a look-up, something that is made, a log-in? Beside the limit: a plain handler (axum and
//! `SQLite`) that does the same with the same durability behind the same TLS. Each server is a process of its own, and they take
//! turns.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

#[path = "../tests/support/outside.rs"]
mod outside;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use parlour::auth::StoredPassword;
use parlour::transport;
use rusqlite::params;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use outside::{first_address, https, processor_time, start};

/// Rounds, in each of which every case is done with both servers.
const ROUNDS: usize = 3;
const LOOK_UPS: usize = 2_000;
const MADE: usize = 200;
const LOG_INS: usize = 48;

/// The accounts of a demonstration: who asks, and who else logs in at once, each one log-in after the other, since tries at
/// one account that aren't decided yet are counted.
const NAME: &str = "demo";
const PEOPLE: [&str; 3] = ["alice", "bob", "charlie"];
const PASSWORD: &str = "parlour-demo";

/// A program that asks on a connection that it keeps.
struct Program {
    sender: SendRequest<Full<Bytes>>,
    token: String,
}

impl Program {
    async fn at(address: SocketAddr) -> Self {
        let stream = https(Ipv4Addr::LOCALHOST, address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, token: String::new() }
    }

    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request =
            Request::builder().method(method).uri(format!("/api{path}")).header("host", "localhost");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        request = request.header("content-type", "application/json");
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        self.sender.ready().await.unwrap();
        let answer = self.sender.send_request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert!(head.status.is_success(), "{path}: {} {body:?}", head.status);
        serde_json::from_slice(&body).unwrap()
    }

    async fn log_in(&mut self, name: &str) {
        let body = json!({ "name": name, "password": PASSWORD });
        let answer = self.ask(Method::POST, "/auth/login", Some(body)).await;
        answer["accessToken"].as_str().unwrap().clone_into(&mut self.token);
    }
}

/// What the plain handler has.
struct Plain {
    database: Mutex<rusqlite::Connection>,
    password: StoredPassword,
}

const TABLES: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, email TEXT, created INTEGER);
CREATE TABLE grants (user INTEGER, role TEXT, PRIMARY KEY (user, role)) WITHOUT ROWID;
CREATE TABLE sessions (token BLOB PRIMARY KEY, user INTEGER, expires INTEGER) WITHOUT ROWID;
CREATE TABLE channels (id INTEGER PRIMARY KEY, parent INTEGER, name TEXT, UNIQUE (parent, name));
CREATE TABLE audit (id INTEGER PRIMARY KEY, user INTEGER, what TEXT);
INSERT INTO users VALUES (1, 'demo', 'demo@example.org', 1), (2, 'alice', 'alice@example.org', 1);
INSERT INTO grants VALUES (1, 'Owner'), (2, 'Member');
";

impl Plain {
    /// Whose token a request shows.
    fn user(&self, headers: &HeaderMap) -> Result<i64, StatusCode> {
        let shown = headers.get("authorization").and_then(|shown| shown.to_str().ok()).unwrap_or_default();
        let token = shown.strip_prefix("Bearer ").ok_or(StatusCode::UNAUTHORIZED)?;
        let hash = Sha256::digest(token).to_vec();
        let database = self.database.lock().unwrap();
        let mut find =
            database.prepare_cached("SELECT user FROM sessions WHERE token = ? AND expires > 0").unwrap();
        find.query_row([hash], |row| row.get(0)).map_err(|_| StatusCode::UNAUTHORIZED)
    }
}

type Answer = Result<Json<Value>, StatusCode>;

async fn look_up(State(plain): State<Arc<Plain>>, Path(name): Path<String>, headers: HeaderMap) -> Answer {
    plain.user(&headers)?;
    let database = plain.database.lock().unwrap();
    let mut find =
        database.prepare_cached("SELECT id, name, email, created FROM users WHERE name = ?").unwrap();
    let found = find.query_row([name], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
    });
    let (id, name, email, created) = found.map_err(|_| StatusCode::NOT_FOUND)?;
    let mut roles = database.prepare_cached("SELECT role FROM grants WHERE user = ?").unwrap();
    let roles = roles.query_map([id], |row| row.get(0)).unwrap().collect::<Result<Vec<String>, _>>().unwrap();
    Ok(Json(
        json!({ "user": id.to_string(), "name": name, "email": email, "roles": roles, "created": created }),
    ))
}

async fn create(State(plain): State<Arc<Plain>>, headers: HeaderMap, Json(body): Json<Value>) -> Answer {
    let user = plain.user(&headers)?;
    let name = body["name"].as_str().ok_or(StatusCode::BAD_REQUEST)?;
    let mut database = plain.database.lock().unwrap();
    let transaction = database.transaction().unwrap();
    let made = transaction.execute("INSERT INTO channels (parent, name) VALUES (0, ?)", [name]);
    made.map_err(|_| StatusCode::CONFLICT)?;
    let id = transaction.last_insert_rowid();
    transaction.execute("INSERT INTO audit (user, what) VALUES (?, ?)", params![user, name]).unwrap();
    transaction.commit().unwrap();
    Ok(Json(json!({ "id": id.to_string() })))
}

async fn log_in(State(plain): State<Arc<Plain>>, Json(body): Json<Value>) -> Answer {
    let (known, shown) = (plain.password.clone(), body["password"].as_str().unwrap_or_default().to_owned());
    let fits = tokio::task::spawn_blocking(move || known.verify(&shown)).await.unwrap();
    if !fits.is_ok_and(|fits| fits) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).unwrap();
    let token = data_encoding::HEXLOWER.encode(&random);
    let database = plain.database.lock().unwrap();
    let row = params![Sha256::digest(&token).to_vec(), 1, i64::MAX];
    database.execute("INSERT INTO sessions VALUES (?, ?, ?)", row).unwrap();
    Ok(Json(json!({ "accessToken": token })))
}

/// The plain handler, until it is killed.
async fn plain() {
    let directory = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(directory.path().join("plain.sqlite")).unwrap();
    database.execute_batch(TABLES).unwrap();
    let password = StoredPassword::new(PASSWORD, [1; 16]).unwrap();
    let app = Router::new()
        .route("/api/auth/login", post(log_in))
        .route("/api/users/{name}", get(look_up))
        .route("/api/channels", post(create))
        .with_state(Arc::new(Plain { database: Mutex::new(database), password }));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(transport::crypto())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{{\"addresses\":[\"{}\"]}}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (acceptor, app) = (acceptor.clone(), app.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = TowerToHyperService::new(app);
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// A server that is measured.
struct Measured {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    token: String,
    /// Of each case: the times of its requests in microseconds, and what they cost the server, in microseconds of a core.
    times: [Vec<f64>; 3],
    costs: [f64; 3],
    log_ins_a_second: Vec<f64>,
}

const CASES: [&str; 3] = ["look-up", "create (durable)", "log-in"];

impl Measured {
    fn new(name: &'static str, command: &mut Command) -> Self {
        let (child, said) = start(command);
        let (address, token) = (first_address(&said), String::new());
        Self {
            name,
            child,
            address,
            token,
            times: Default::default(),
            costs: [0.0; 3],
            log_ins_a_second: vec![],
        }
    }

    /// Does a case `count` times, one request after the other.
    async fn run(&mut self, case: usize, count: usize, round: usize) {
        let mut program = Program::at(self.address).await;
        if self.token.is_empty() {
            program.log_in(NAME).await;
            self.token.clone_from(&program.token);
        }
        program.token.clone_from(&self.token);
        let before = processor_time(&self.child);
        for number in 0..count {
            let began = Instant::now();
            if case == 0 {
                let found = program.ask(Method::GET, "/users/alice", None).await;
                assert_eq!(found["roles"], json!(["Member"]));
            } else {
                let name = format!("channel {round} {number}");
                program.ask(Method::POST, "/channels", Some(json!({ "name": name }))).await;
            }
            self.times[case].push(began.elapsed().as_secs_f64() * 1e6);
        }
        self.costs[case] += (processor_time(&self.child) - before) * 1e3;
    }

    /// Several people log in at once.
    async fn log_in(&mut self) {
        let (before, began) = (processor_time(&self.child), Instant::now());
        let mut people = tokio::task::JoinSet::new();
        for name in PEOPLE {
            let address = self.address;
            people.spawn(async move {
                let (mut program, mut times) = (Program::at(address).await, Vec::new());
                for _ in 0..LOG_INS / PEOPLE.len() {
                    let began = Instant::now();
                    program.log_in(name).await;
                    times.push(began.elapsed().as_secs_f64() * 1e6);
                }
                times
            });
        }
        for times in people.join_all().await {
            self.times[2].extend(times);
        }
        self.log_ins_a_second.push(LOG_INS as f64 / began.elapsed().as_secs_f64());
        self.costs[2] += (processor_time(&self.child) - before) * 1e3;
    }

    fn report(&mut self) {
        for (case, name) in CASES.iter().enumerate() {
            let times = &mut self.times[case];
            times.sort_by(f64::total_cmp);
            let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
            let (count, cost) = (times.len(), self.costs[case] / times.len() as f64);
            println!("{:<16} {name:<18} {count:>6} {median:>9.0} {p99:>9.0} {cost:>9.0}", self.name);
            println!(
                "{{\"bench\":\"rest\",\"server\":\"{}\",\"case\":\"{name}\",\"median_us\":{median:.1},\"p99_us\":{p99:.1},\"cpu_us\":{cost:.1}}}",
                self.name
            );
        }
        self.log_ins_a_second.sort_by(f64::total_cmp);
        let rate = self.log_ins_a_second[self.log_ins_a_second.len() / 2];
        println!("{:<16} log-ins a second, {} at once: {rate:.1}", self.name, PEOPLE.len());
        println!("{{\"bench\":\"rest\",\"server\":\"{}\",\"log_ins_per_second\":{rate:.2}}}", self.name);
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if std::env::args().any(|argument| argument == "--plain") {
        return plain().await;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command.args(["--json", "serve", "--demo", "--listen", "127.0.0.1:0", "--log", "warn"]);
    command.env("PARLOUR_DATA_DIR", directory.path()).env("PARLOUR_LIMITS_REQUESTS_PER_SECOND", "10000");
    command.env("PARLOUR_LIMITS_REQUEST_BURST", "100000").env("PARLOUR_LIMITS_ADDRESS_TRIES", "10000");
    let parlour = Measured::new("parlour", &mut command);
    let plain =
        Measured::new("axum and SQLite", Command::new(std::env::current_exe().unwrap()).arg("--plain"));
    let mut servers = [plain, parlour];
    for round in 0..ROUNDS {
        // Neither is always the first.
        servers.reverse();
        for server in &mut servers {
            server.run(0, LOOK_UPS, round).await;
            server.run(1, MADE, round).await;
            server.log_in().await;
        }
    }
    println!(
        "the seed took 200 us for a look-up and 500 us to make something (PostgreSQL), and let 100 log in a second"
    );
    println!(
        "{:<16} {:<18} {:>6} {:>9} {:>9} {:>9}",
        "server", "request", "times", "median us", "p99 us", "CPU us"
    );
    servers.sort_by_key(|server| server.name);
    for server in &mut servers {
        server.report();
    }
}
