//! The log: a line says whose it is, and what takes long has a line and is counted.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{self, Process, TestServer, eventually};
use parlour::client::{Address, Credentials, Trust, connect};
use parlour::control::Actor;
use parlour::protocol::wire::{CreateChannel, request};
use serde_json::Value;

/// What a subscriber of one thread wrote.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines(text: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(text);
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test]
async fn a_request_that_takes_long_is_logged_with_its_operation_and_counted() {
    let (server, clock) = TestServer::turned(&[]).await;
    let handle = server.server.handle();
    let create = async |name: &str| {
        let create = CreateChannel { name: name.to_owned(), ..CreateChannel::default() };
        handle.request(Actor::Operator, request::Body::CreateChannel(create)).await.unwrap();
    };
    // While the change is made, the time passes that it takes.
    let passes = Arc::new(AtomicBool::new(true));
    let while_made = Arc::clone(&passes);
    let turn = Box::new(move |_: &_| {
        if while_made.load(Ordering::Relaxed) {
            clock.advance(Duration::from_millis(101));
        }
        Vec::new()
    });
    handle.attach(turn).unwrap();
    // A place in the code that is reached for the first time by a thread that nobody listens to is silent for all
    // threads, if one subscriber alone is there. So it is reached before there is one.
    create("Unheard").await;
    assert_eq!(handle.counts().slow(), 1);
    passes.store(false, Ordering::Relaxed);
    let written = Written::default();
    let into = written.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || into.clone()).finish();
    // What is asked in this thread is logged to it, and nothing else.
    let _guard = tracing::subscriber::set_default(subscriber);
    create("Swift").await;
    assert_eq!(handle.counts().slow(), 1);
    passes.store(true, Ordering::Relaxed);
    create("Slow").await;
    assert_eq!(handle.counts().slow(), 2);
    let all = lines(&written.0.lock().unwrap());
    let slow: Vec<_> = all.iter().filter(|line| line["fields"]["took_ms"] == 101).collect();
    assert_eq!(slow.len(), 1, "{all:?}");
    assert_eq!((&slow[0]["level"], &slow[0]["span"]["name"]), (&"WARN".into(), &"request".into()));
    assert_eq!(slow[0]["span"]["operation"], "create_channel");
    // A server that is slow for everybody writes no line for each.
    for number in 0..60 {
        create(&format!("Slow {number}")).await;
    }
    assert_eq!(handle.counts().slow(), 62);
    let all = lines(&written.0.lock().unwrap());
    let told = all.iter().filter(|line| line["fields"]["took_ms"] == 101).count();
    assert!((20..=55).contains(&told), "{told}");
}

#[tokio::test]
async fn a_line_about_a_session_says_its_connection_session_and_user_and_no_address() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log");
    let mut command = support::parlour(home.path());
    command.envs([
        ("PARLOUR_LOG", "info,parlour::endpoint=debug"),
        ("PARLOUR_LOG_FORMAT", "json"),
        ("PARLOUR_SESSIONS_GUESTS", "true"),
    ]);
    command.stderr(std::fs::File::create(&log).unwrap());
    let process = Process::serve_with(command, "127.0.0.1:0", &[]);
    let address: Address = process.address.to_string().parse().unwrap();
    let connected = connect(&address, Trust::FirstUse, "test/1").await.unwrap();
    let guest = connected.log_in(Credentials::guest("eve", "test")).await.unwrap();
    let session = guest.logged_in().session;
    drop(guest);
    let about = eventually("the end of the session is logged", async || {
        let all = lines(&std::fs::read(&log).unwrap());
        all.into_iter().find(|line| line["span"]["name"] == "session")
    })
    .await;
    assert_eq!((&about["span"]["session"], &about["span"]["user"]), (&session.into(), &0.into()));
    let connection = &about["spans"][0];
    assert_eq!((&connection["name"], &connection["transport"]), (&"connection".into(), &"quic".into()));
    assert_eq!(connection["number"], 1);
    // Where it comes from is said once, to whoever wants to know that much.
    for line in lines(&std::fs::read(&log).unwrap()) {
        let says = !line["fields"]["from"].is_null();
        assert!(!says || line["level"] == "DEBUG", "{line}");
        assert!(line["spans"].as_array().is_none_or(|all| all.iter().all(|span| span["from"].is_null())));
    }
}

/// Whoever isn't logged in writes nothing into the log, however often they try: it is the owner's to read.
#[tokio::test]
async fn a_stranger_writes_no_line_in_the_log() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log");
    let mut command = support::parlour(home.path());
    command.envs([
        ("PARLOUR_LOG", "info"),
        ("PARLOUR_LOG_FORMAT", "json"),
        ("PARLOUR_SESSIONS_GUESTS", "true"),
        ("PARLOUR_ACCOUNTS_REGISTRATION", "open"),
        ("PARLOUR_LIMITS_ADDRESS_TRIES", "10000"),
        ("PARLOUR_LIMITS_ACCOUNT_TRIES", "1000"),
    ]);
    command.stderr(std::fs::File::create(&log).unwrap());
    let process = Process::serve_with(command, "127.0.0.1:0", &["--demo"]);
    let address: Address = process.address.to_string().parse().unwrap();
    let visit = async || connect(&address, Trust::FirstUse, "test/1").await.unwrap();
    // The line of a request that took long tells of the machine, and has a bound of its own.
    let told = || {
        let all = lines(&std::fs::read(&log).unwrap());
        all.into_iter().filter(|line| line["fields"]["took_ms"].is_null()).count()
    };
    drop(visit().await);
    let before = told();
    let elsewhere = Address { organization: "nowhere".to_owned(), ..address.clone() };
    for _ in 0..3 {
        for credentials in [
            Credentials::password("demo", "wrong", "test"),
            Credentials::password("nobody", "wrong", "test"),
            Credentials::token(&[1; 49]),
            Credentials::guest("demo", "test"),
            Credentials::guest("a b", "test"),
            Credentials::api_key("prl_0000000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            Credentials::register("0000-0000-0000-0000-0000", "eve", "seven small red boats", "test"),
            Credentials::register("", "demo", "seven small red boats", "test"),
            Credentials::claim("0000-0000-0000-0000-0000", "eve", "seven small red boats", "test"),
        ] {
            visit().await.log_in(credentials).await.unwrap_err();
        }
        let visitor = visit().await;
        visitor.look_at_invite("0000-0000-0000-0000-0000").await.unwrap_err();
        visitor.request_reset("nobody@example.org").await.unwrap();
        visitor.reset_password("0000-0000-0000-0000-0000", "seven small red boats", false).await.unwrap_err();
        connect(&elsewhere, Trust::FirstUse, "test/1").await.unwrap_err();
    }
    assert_eq!(told(), before, "{}", std::fs::read_to_string(&log).unwrap());
}
