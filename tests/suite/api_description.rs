//! The description of the interface for other programs, held against others' readers of such descriptions and against the
//! server itself. `make test` installs them; where they are missing, these tests say so and fail.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::rest::Program;
use crate::support::{PASSWORD, TestServer};
use hyper::{Method, StatusCode};
use parlour::protocol::operation::{self, Rest};
use serde_json::{Value, json};

/// Where cargo builds, beside which others' programs are installed.
fn target() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap().to_owned()
}

fn run(program: &Path, args: &[&str], directory: &Path) -> Output {
    assert!(program.exists(), "this needs what `make setup` installs: {} is missing", program.display());
    Command::new(program)
        .args(args)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn the_description_has_every_operation_and_nobody_finds_fault_with_it() {
    let server = TestServer::start().await;
    let mut program = Program::at(server.server.addresses()[0], "").await;
    let answer = program.get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    for one in operation::ALL {
        let Rest::At { method, path } = one.rest else { continue };
        let there = &answer.body["paths"][path][method.to_lowercase()];
        assert_eq!(there["operationId"], one.name, "{method} {path}");
        assert!(!there["summary"].as_str().unwrap().is_empty());
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("openapi.json");
    std::fs::write(&file, answer.body.to_string()).unwrap();
    let python = target().join("python/bin/python");
    let checked = run(&python, &["-m", "openapi_spec_validator", "openapi.json"], directory.path());
    assert!(checked.status.success(), "{}", said(&checked));
    let modules = target().join("browser/node_modules/.bin");
    let checked = run(&modules.join("validate-api"), &["openapi.json"], directory.path());
    assert!(checked.status.success(), "{}", said(&checked));
    let checked = run(&modules.join("redocly"), &["lint", "openapi.json"], directory.path());
    // It speaks of warnings there are by "You have".
    assert!(checked.status.success() && !said(&checked).contains("You have"), "{}", said(&checked));
}

/// An independent reader of the description makes requests of it, good ones and bad ones, one after the other and as one
/// leads to the next, and holds the answers against it.
#[tokio::test]
async fn the_server_does_what_its_description_says() {
    let flags = [("limits.requests_per_second", "10000"), ("limits.request_burst", "100000")];
    let server = TestServer::with(&flags).await;
    let address = server.server.addresses()[0];
    // Whoever has no role may do what guests may.
    let root = server.log_in("root").await;
    let member = root.roles().await.unwrap().into_iter().find(|role| role.name == "Member").unwrap();
    let (mut by_root, all) = Program::log_in(address, "root").await;
    let path = format!("/roles/{}/holders/bob", member.id);
    assert_eq!(by_root.ask(Method::DELETE, &path, None).await.status, StatusCode::NO_CONTENT);
    let (_, little) = Program::log_in(address, "bob").await;
    let directory = tempfile::tempdir().unwrap();
    let schemathesis = target().join("python/bin/schemathesis");
    let base = format!("https://{address}/api");
    for (who, token) in [("everything", all), ("little", little)] {
        let shown = format!("Authorization: Bearer {}", token["accessToken"].as_str().unwrap());
        let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,ignored_auth";
        let description = format!("{base}/openapi.json");
        let args = [
            "run",
            &description,
            "--url",
            &base,
            "--tls-verify",
            "false",
            "-H",
            &shown,
            "--checks",
            checks,
            "--max-examples",
            "3",
            "--max-time",
            "20",
            // Of two, one sometimes fails by a fault of Python 3.11: its `ast.parse` isn't safe among threads.
            "--workers",
            "1",
            "--seed",
            "1",
            // They end what the others ask by, or spend what an address may try.
            "--exclude-path-regex",
            "^/auth/(logout|devices.*|change-password|login|refresh|claim|register|invite|reset-password)$",
        ];
        // The server runs beside it, on this thread.
        let args = args.map(str::to_owned);
        let (schemathesis, directory) = (schemathesis.clone(), directory.path().to_owned());
        // An answer may come before all of its request was sent, as a refusal does, and ends the connection then. A client that has
        // sent the next request on it already meets that end, and any client asks again.
        let checking = move || {
            let once = || run(&schemathesis, &args.each_ref().map(String::as_str), &directory);
            let met =
                |seen: &std::process::Output| said(seen).contains("EOF occurred in violation of protocol");
            let first = once();
            if met(&first) { once() } else { first }
        };
        let seen = tokio::task::spawn_blocking(checking).await.unwrap();
        assert!(seen.status.success(), "{who}: {}", said(&seen));
    }
    // It is all there still. The connection of before has had its time.
    let mut by_root = Program::at(address, &by_root.token).await;
    let there = by_root.get("/auth/me").await;
    assert_eq!((there.status, &there.body["name"]), (StatusCode::OK, &json!("root")));
    let again = by_root.post("/auth/login", json!({ "name": "root", "password": PASSWORD })).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    assert_ne!(again.body["accessToken"], Value::Null);
}

/// A newcomer has a client made of the description, writes a program with it, has a compiler check that, and runs it.
#[tokio::test]
async fn a_client_that_is_made_of_the_description_makes_a_channel_invites_and_lists_people() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let description = Program::at(address, "").await.get("/openapi.json").await.body;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("openapi.json"), description.to_string()).unwrap();
    let independent = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent");
    std::fs::copy(independent.join("client.ts"), directory.path().join("client.ts")).unwrap();
    let modules = target().join("browser");
    let compiler = modules.join("node_modules/typescript/bin/tsc").display().to_string();
    assert!(Path::new(&compiler).exists(), "this needs what `make setup-browser` installs");
    let node = async |args: &[&str]| {
        let mut command = Command::new("node");
        command.args(args).current_dir(directory.path()).env("BROWSER_MODULES", &modules);
        command.env("PARLOUR", format!("https://{address}")).env("PASSWORD", PASSWORD);
        command.env("NODE_TLS_REJECT_UNAUTHORIZED", "0");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        output
    };
    let generate = independent.join("generate.mjs").display().to_string();
    node(&[&generate, "openapi.json", "generated"]).await;
    let strictly = [
        "--strict",
        "--target",
        "es2022",
        "--module",
        "commonjs",
        "--moduleResolution",
        "bundler",
        "--types",
        "",
    ];
    let rest = ["--lib", "es2022,dom,dom.iterable", "--rootDir", ".", "--outDir", "built", "client.ts"];
    node(&[&[compiler.as_str()], &strictly[..], &rest].concat()).await;
    let told: Value = serde_json::from_slice(&node(&["built/client.js"]).await.stdout).unwrap();
    assert_eq!((&told["me"], &told["description"]), (&json!("root"), &json!("Earl Grey")), "{told}");
    assert_eq!(told["people"], json!(["root", "alice", "bob", "carol"]));
    assert_eq!((&told["channel"], told["invite"].as_str().map(str::is_empty)), (&told["leads"], Some(false)));
    assert!(told["permissions"].as_array().unwrap().contains(&json!("edit channel")), "{told}");
    assert_eq!((&told["late"], &told["gone"]), (&json!("changed"), &json!("no-such-channel")));
}
