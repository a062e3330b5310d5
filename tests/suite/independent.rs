//! Programs that share nothing with this one: an independent WebTransport client, and Prometheus' own check of the
//! metrics. `make test` installs them; where they are missing, these tests say so and fail.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::support::{self, PASSWORD, Process, TestServer, hear};
use parlour::auth::webhook::{Secret, headers};
use parlour::client::{Address, Trust, connect, probe_page};
use parlour::protocol::wire::{self, request};

#[tokio::test]
async fn an_independent_webtransport_client_logs_in_and_gets_its_echo() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let python = target.join("python/bin/python");
    assert!(python.exists(), "this needs what `make setup-python` installs in {}", target.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/webtransport.py");
    let output = Command::new(python)
        .arg(script)
        .args([process.address.ip().to_string(), process.address.port().to_string()])
        .args(["alice", "parlour-demo"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let steps: Vec<_> = said.lines().collect();
    assert_eq!(
        steps,
        ["accepted", "greeted", "logged in", "echoed"],
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success());
}

#[tokio::test]
async fn prometheus_finds_nothing_wrong_with_the_metrics() {
    let server = TestServer::start().await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let mut voice = bob.voice();
    alice.speaker().send(&[0x48; 40]);
    hear(&mut voice).await.unwrap();
    assert!(support::log_in(&server.address(), "carol", &format!("not {PASSWORD}")).await.is_err());
    let create = wire::CreateOrganization { tag: "raid".to_owned(), name: "The Raid".to_owned() };
    let create = request::Body::CreateOrganization(create);
    server.server.organizations().operate(create.into()).await.unwrap();
    let raid = Address { organization: "raid".to_owned(), ..server.address() };
    let _visitor = connect(&raid, Trust::FirstUse, "test/1").await.unwrap();
    let page = probe_page(server.server.addresses()[0], "localhost", "/metrics").await.unwrap();
    assert!(String::from_utf8_lossy(&page.body).contains("organization=\"raid\""));
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool =
        promtool.unwrap_or_else(|error| panic!("`make setup-python` installs promtool: {error}"));
    promtool.stdin.take().unwrap().write_all(&page.body).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

/// What the dashboard asks for is what the server tells.
#[tokio::test]
async fn the_dashboard_s_metrics_exist() {
    let server = TestServer::start().await;
    let page = probe_page(server.server.addresses()[0], "localhost", "/metrics").await.unwrap();
    let told = String::from_utf8(page.body.to_vec()).unwrap();
    let dashboard = std::fs::read_to_string("config/grafana.json").unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = parsed["panels"].as_array().unwrap();
    assert!(panels.len() >= 6);
    for target in panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten() {
        let asked = target["expr"].as_str().unwrap();
        for name in asked
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("parlour_") || word.starts_with("process_"))
        {
            assert!(told.contains(&format!("# TYPE {name} ")), "{name} in {asked}");
        }
        for label in asked.split('"').skip(1).step_by(2).flat_map(|words| words.split('|')) {
            let known = told.contains(&format!("=\"{label}\"")) || label == "$instance";
            assert!(known, "{label} in {asked}: {told}");
        }
    }
}

/// What a program that receives webhooks says of each of these messages: a line of its standard output.
pub(crate) fn received(mut program: Command, messages: &[serde_json::Value]) -> Vec<String> {
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for message in messages {
        writeln!(input, "{message}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The receivers by the packages of the specification, in Python and in JavaScript.
pub(crate) fn receivers() -> [Command; 2] {
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent");
    let mut python = Command::new(target.join("python/bin/python"));
    python.arg(scripts.join("webhook.py"));
    let mut node = Command::new("node");
    node.arg(scripts.join("webhook.mjs")).arg(target.join("browser"));
    [python, node]
}

#[test]
fn what_webhooks_are_signed_with_is_verified_by_the_specification_s_packages() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let secret = |byte: u8, length: usize| Secret::of(&vec![byte; length]).unwrap();
    let (old, new) = (secret(0xff, 24), secret(0x3e, Secret::LEN));
    let both = [new.clone(), old.clone()];
    let message = |theirs: &Secret, ours: &[Secret], at: u64, signed: &str, body: &str| {
        let headers = headers(ours, "msg_1", at, signed.as_bytes())
            .map(|(name, value)| (name.to_owned(), value.into()));
        let headers = serde_json::Map::from_iter(headers);
        serde_json::json!({ "secret": theirs.shown(), "headers": headers, "body": body })
    };
    let body = r#"{"type":"text","data":{"text":"Grüße, 世界. \u0000"}}"#;
    let messages = [
        message(&new, std::slice::from_ref(&new), now, body, body),
        // While one secret takes the place of another, either is good.
        message(&old, &both, now, body, body),
        message(&new, &both, now, body, body),
        message(&secret(1, 64), &[secret(1, 64)], now, "[]", "[]"),
        // Not by another secret, with another body, or when it is old.
        message(&secret(2, 32), &both, now, body, body),
        message(&new, &both, now, body, &body.replace("text", "test")),
        message(&new, &both, now - 3_600, body, body),
    ];
    for receiver in receivers() {
        let program = format!("{receiver:?}");
        let said = received(receiver, &messages);
        let verified: Vec<_> = said.iter().map(|line| line.starts_with("verified ")).collect();
        assert_eq!(verified, [true, true, true, true, false, false, false], "{program}: {said:?}");
        assert!(said[4..].iter().all(|line| line.starts_with("refused ")), "{program}: {said:?}");
        assert!(said[0].contains("Grüße, 世界"), "{program}: {said:?}");
    }
}
