//! Plugins, from end to end: built from their sources as the documentation says, installed in a real server, and called.

mod auth;
pub(crate) mod code;
mod hooks;
mod hostile;
mod log_in;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::hook::receiver::{Answer, Receiver};
use crate::organizations::raid;
use crate::rest::Program;
use crate::support::{PASSWORD, TestServer, as_profile, code};
use data_encoding::{BASE64, HEXLOWER};
use hyper::{Method, StatusCode};
use parlour::bounds::{MAX_PLUGIN_BYTES, MAX_PLUGIN_FAILURES, MAX_PLUGIN_PART};
use parlour::client::{RequestError, Session};
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, PluginOff, request, response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What the tests build with, and where they build.
fn target() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap().to_owned()
}

fn run(command: &mut Command) {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; `make setup` installs it"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The code of a plugin that is written in Zig.
pub(crate) fn zig(source: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("plugin.zig"), source).unwrap();
    run(Command::new(target().join("python/bin/python"))
        .args(["-m", "ziglang", "build-exe", "plugin.zig", "-target", "wasm32-freestanding"])
        .args(["-fno-entry", "-rdynamic", "-O", "ReleaseSmall"])
        .args(["--cache-dir", "cache", "--global-cache-dir", "cache"])
        .current_dir(directory.path()));
    std::fs::read(directory.path().join("plugin.wasm")).unwrap()
}

/// The same of one that is written in `AssemblyScript`.
fn assembly_script(source: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("plugin.ts"), source).unwrap();
    run(Command::new("node")
        .arg(target().join("browser/node_modules/assemblyscript/bin/asc.js"))
        .args(["plugin.ts", "-o", "plugin.wasm", "-Oz", "--runtime", "stub", "--use", "abort="])
        .current_dir(directory.path()));
    std::fs::read(directory.path().join("plugin.wasm")).unwrap()
}

/// A block of the documentation, by its language.
fn documented(language: &str) -> &'static str {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/plugins.md"));
    let rest = page.split_once(&format!("```{language}\n")).unwrap().1;
    rest.split_once("```").unwrap().0
}

/// A plugin whose functions are all alike.
fn loops() -> Vec<u8> {
    wat::parse_str("(module (func (export \"run\") (loop $on (br $on))))").unwrap()
}

fn manifest(name: &str, functions: &[&str], more: &str) -> String {
    format!("name = \"{name}\"\nfunctions = {}\n{more}", json!(functions))
}

/// Sends a plugin's code, and has it installed with these grants.
pub(crate) async fn install(
    session: &Session,
    code: &[u8],
    manifest: &str,
    grants: &[&str],
) -> Result<wire::Plugin, RequestError> {
    let sha256 = HEXLOWER.encode(&Sha256::digest(code));
    for (index, part) in code.chunks(MAX_PLUGIN_PART).enumerate() {
        let offset = (index * MAX_PLUGIN_PART) as u64;
        let part = wire::SendPluginPart { sha256: sha256.clone(), offset, data: part.to_vec().into() };
        session.request(request::Body::SendPluginPart(part)).await?;
    }
    let grants = grants.iter().map(ToString::to_string).collect();
    let install = wire::InstallPlugin { sha256, manifest: manifest.to_owned(), grants };
    match session.request(request::Body::InstallPlugin(install)).await? {
        response::Body::Plugin(plugin) => Ok(plugin),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn call(
    session: &Session,
    name: &str,
    function: &str,
    input: &[u8],
) -> Result<Vec<u8>, RequestError> {
    let (name, function, input) = (name.to_owned(), function.to_owned(), input.to_vec().into());
    let call = wire::CallPlugin { name, function, input };
    match session.request(request::Body::CallPlugin(call)).await? {
        response::Body::PluginCalled(called) => Ok(called.output.to_vec()),
        other => panic!("{other:?}"),
    }
}

async fn edit(session: &Session, edit: wire::EditPlugin) -> Result<wire::Plugin, RequestError> {
    match session.request(request::Body::EditPlugin(edit)).await? {
        response::Body::Plugin(plugin) => Ok(plugin),
        other => panic!("{other:?}"),
    }
}

async fn show(session: &Session, name: &str) -> Result<wire::Plugin, RequestError> {
    match session.request(request::Body::GetPlugin(wire::GetPlugin { name: name.to_owned() })).await? {
        response::Body::Plugin(plugin) => Ok(plugin),
        other => panic!("{other:?}"),
    }
}

async fn log(session: &Session, name: &str) -> Vec<wire::PluginLine> {
    let read = wire::ReadPluginLog { name: name.to_owned() };
    match session.request(request::Body::ReadPluginLog(read)).await.unwrap() {
        response::Body::PluginLog(log) => log.lines,
        other => panic!("{other:?}"),
    }
}

fn words<T: std::fmt::Debug>(outcome: Result<T, RequestError>) -> String {
    outcome.unwrap_err().to_string()
}

#[tokio::test]
async fn the_plugins_of_the_documentation_greet() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let manifest = documented("toml");
    let built = tokio::task::spawn_blocking(|| [zig(documented("zig")), assembly_script(documented("ts"))]);
    for code in built.await.unwrap() {
        let installed = install(&root, &code, manifest, &[]).await.unwrap();
        assert_eq!((installed.name.as_str(), installed.off()), ("greet", PluginOff::On));
        assert_eq!(call(&root, "greet", "greet", "Änne".as_bytes()).await.unwrap(), "Hello, Änne".as_bytes());
        assert_eq!(call(&root, "greet", "greet", b"").await.unwrap(), b"Hello, ");
    }
    let lines = documented("zig").lines().skip_while(|line| !line.starts_with("export"));
    assert!(lines.count() <= 10);
}

#[tokio::test]
async fn extism_s_own_library_gives_the_same() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let source = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plugins/probe.zig"));
    let code = tokio::task::spawn_blocking(|| zig(source)).await.unwrap();
    let long = "x".repeat(50_000);
    let calls = [
        ("backwards", "abc"),
        ("backwards", ""),
        ("backwards", "grüße"),
        ("backwards", &long),
        ("sum", "abcdefgh12345678"),
        ("sum", "short"),
        ("config", "word"),
        ("config", "none"),
        ("remember", "a"),
        ("remember", "bc"),
        ("forget", ""),
        ("remember", "d"),
        ("blocks", ""),
        ("nothing", ""),
        ("fail", "no, thanks"),
        ("trap", ""),
        ("remember", "e"),
        ("backwards", "again"),
    ];
    let mut functions: Vec<_> = calls.iter().map(|(function, _)| *function).collect();
    functions.dedup();
    let more = "grants = [\"kv\"]\n[config]\nword = \"hello\"";
    install(&root, &code, &manifest("probe", &functions, more), &["kv"]).await.unwrap();
    let mut ours = Vec::new();
    for (function, input) in calls {
        ours.push(match call(&root, "probe", function, input.as_bytes()).await {
            Ok(output) => HEXLOWER.encode(&output),
            Err(error) if error.to_string().contains("no, thanks") => "failed: no".to_owned(),
            Err(_) => "failed: trap".to_owned(),
        });
    }
    let directory = tempfile::tempdir().unwrap();
    let wasm = directory.path().join("probe.wasm");
    std::fs::write(&wasm, code).unwrap();
    let hex = calls.map(|(function, input)| [function.to_owned(), HEXLOWER.encode(input.as_bytes())]);
    let asked = json!({ "wasm": wasm, "config": { "word": "hello" }, "calls": hex });
    let theirs = tokio::task::spawn_blocking(move || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/plugin.py");
        let mut python = Command::new(target().join("python/bin/python"))
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(python.stdin.take().unwrap(), "{asked}").unwrap();
        let output = python.wait_with_output().unwrap();
        serde_json::from_slice::<Vec<String>>(&output.stdout).expect("`make setup-python` installs extism")
    });
    assert_eq!(ours, theirs.await.unwrap());
    let line = log(&root, "probe").await.into_iter().rfind(|line| line.function == "blocks").unwrap();
    assert_eq!((line.level.as_str(), line.text.as_str()), ("info", "blocks"));
}

#[tokio::test]
async fn whoever_owns_a_server_installs_grants_and_removes_plugins_by_the_command() {
    let server = TestServer::start().await;
    let home = tempfile::tempdir().unwrap();
    let code = tokio::task::spawn_blocking(|| zig(documented("zig"))).await.unwrap();
    std::fs::write(home.path().join("greet.wasm"), &code).unwrap();
    let file = home.path().join("greet.wasm").to_str().unwrap().to_owned();
    let path = home.path().to_owned();
    let at = format!("parlour://root@{}", server.server.addresses()[0]);
    let run = async |args: &[&str], input: &str| {
        let (home, input) = (path.clone(), input.to_owned());
        let args: Vec<_> = args.iter().map(ToString::to_string).collect();
        let work = move || {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            as_profile(&home, "root", &args, &input)
        };
        tokio::task::spawn_blocking(work).await.unwrap()
    };
    let complaint = |told: &[Value]| told.last().unwrap()["error"]["message"].as_str().unwrap().to_owned();
    run(&["login", &at, "--password-stdin"], PASSWORD).await;
    let without = run(&["plugin", "install", &file], "").await;
    assert!(complaint(&without).contains("needs a manifest"), "{without:?}");
    let asks = format!("{}grants = [\"kv\", \"http:a.example\"]\n", documented("toml"));
    std::fs::write(home.path().join("greet.toml"), asks).unwrap();
    let asked = run(&["plugin", "install", &file], "").await;
    assert!(complaint(&asked).contains("asks for: kv, http:a.example. Grant all"), "{asked:?}");
    let installed = run(&["plugin", "install", &file, "--grant", "kv"], "").await;
    assert_eq!((&installed[0]["name"], &installed[0]["grants"]), (&json!("greet"), &json!("kv")));
    assert_eq!(installed[0]["sha256"], json!(HEXLOWER.encode(&Sha256::digest(&code))));
    let called = run(&["plugin", "call", "greet", "greet", "Anna"], "").await;
    assert_eq!(called[0]["output"], json!("Hello, Anna"), "{called:?}");
    let missing = run(&["plugin", "call", "greet", "bye"], "").await;
    assert!(complaint(&missing).contains("no function `bye`"), "{missing:?}");
    let granted = run(&["plugin", "grant", "greet", "http:a.example"], "").await;
    assert_eq!(granted[0]["grants"], json!("http:a.example"));
    let more = run(&["plugin", "grant", "greet", "http:b.example"], "").await;
    assert!(
        complaint(&more).contains("isn't among what the plugin asks for: kv, http:a.example"),
        "{more:?}"
    );
    assert_eq!(run(&["plugin", "off", "greet"], "").await[0]["state"], json!("off"));
    let off = run(&["plugin", "call", "greet", "greet"], "").await;
    assert!(complaint(&off).contains("turn it on: parlour plugin on greet"), "{off:?}");
    assert_eq!(run(&["plugin", "on", "greet"], "").await[0]["on"], json!(true));
    assert_eq!(run(&["plugin", "list"], "").await.len(), 1);
    assert_eq!(run(&["plugin", "show", "greet"], "").await[0]["asks"], json!("kv, http:a.example"));
    let logs = run(&["plugin", "logs", "greet"], "").await;
    assert!(logs.iter().any(|line| line["text"].as_str().unwrap().contains("no function")), "{logs:?}");
    assert_eq!(run(&["plugin", "remove", "greet"], "").await, [json!({ "removed": "greet" })]);
    let gone = run(&["plugin", "show", "greet"], "").await;
    assert!(complaint(&gone).contains("no plugin of this name"), "{gone:?}");
    // Nobody has somebody else's code decide who comes in without having said so.
    let decides = format!("{}[hooks]\nlog_in = \"greet\"\n", documented("toml"));
    std::fs::write(home.path().join("gate.toml"), decides).unwrap();
    std::fs::write(home.path().join("gate.wasm"), &code).unwrap();
    let gate = home.path().join("gate.wasm").to_str().unwrap().to_owned();
    let asked = run(&["plugin", "install", &gate], "").await;
    assert!(
        complaint(&asked).contains("asked about: log-ins (nobody but owners is let in where it fails)"),
        "{asked:?}"
    );
    let installed = run(&["plugin", "install", &gate, "--accept"], "").await;
    assert_eq!(installed[0]["asked"], json!("log-ins (nobody but owners is let in where it fails)"));
    assert_eq!(run(&["plugin", "remove", "greet"], "").await.len(), 1);
    // The same as the owner of the machine, who is logged in nowhere.
    let directory = server.directory.path().to_str().unwrap().to_owned();
    let installed = run(&["plugin", "install", &file, "--accept", "--data-dir", &directory], "").await;
    assert_eq!(installed[0]["grants"], json!("kv, http:a.example"), "{installed:?}");
}

#[tokio::test]
async fn programs_install_and_call_plugins_over_http() {
    let server = TestServer::start().await;
    let (mut program, _) = Program::log_in(server.server.addresses()[0], "root").await;
    let code = wat::parse_str(
        "(module (import \"extism:host/env\" \"input_offset\" (func $at (result i64)))
        (import \"extism:host/env\" \"input_length\" (func $length (result i64)))
        (import \"extism:host/env\" \"output_set\" (func $set (param i64 i64)))
        (func (export \"echo\") (call $set (call $at) (call $length))))",
    );
    let code = code.unwrap();
    let sha256 = HEXLOWER.encode(&Sha256::digest(&code));
    let part = json!({ "sha256": sha256, "data": BASE64.encode(&code) });
    assert_eq!(program.post("/plugins/parts", part).await.status, StatusCode::NO_CONTENT);
    let install = json!({ "sha256": sha256, "manifest": manifest("echo", &["echo"], "") });
    let installed = program.post("/plugins", install).await;
    assert_eq!(
        (&installed.body["name"], installed.status),
        (&json!("echo"), StatusCode::OK),
        "{installed:?}"
    );
    let called = program
        .post("/plugins/echo/call", json!({ "function": "echo", "input": BASE64.encode(b"tea") }))
        .await;
    assert_eq!(called.body["output"], json!(BASE64.encode(b"tea")), "{called:?}");
    let listed = program.ask(Method::GET, "/plugins", None).await;
    assert_eq!(listed.body["plugins"][0]["sha256"], json!(sha256));
    let off = program.ask(Method::PATCH, "/plugins/echo", Some(&json!({ "on": false }))).await;
    assert_eq!(off.status, StatusCode::OK, "{off:?}");
    let refused = program.post("/plugins/echo/call", json!({ "function": "echo" })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::BAD_GATEWAY, "plugin-failed"));
    assert_eq!(program.ask(Method::DELETE, "/plugins/echo", None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(program.ask(Method::GET, "/plugins/echo", None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_plugin_that_fails_five_times_in_a_row_is_off_and_nobody_waited_for_it() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let installed = install(&root, &loops(), &manifest("loops", &["run"], "[quotas]\nms = 200"), &[]).await;
    assert_eq!(installed.unwrap().off(), PluginOff::On);
    for _ in 0..MAX_PLUGIN_FAILURES {
        let (failed, other) = tokio::join!(call(&root, "loops", "run", b""), root.list());
        let error = failed.unwrap_err();
        assert!(
            error.to_string().contains("took longer than") || error.to_string().contains("fuel"),
            "{error}"
        );
        assert!(other.is_ok());
    }
    let off = show(&root, "loops").await.unwrap();
    assert_eq!(off.off(), PluginOff::Failing);
    assert!(off.failure.contains("the plugin"), "{off:?}");
    let refused = words(call(&root, "loops", "run", b"").await);
    assert!(refused.contains("failed 5 times in a row"), "{refused}");
    assert_eq!(log(&root, "loops").await.len(), MAX_PLUGIN_FAILURES as usize);
    let audit = root.audit_trail(wire::ReadAudit::default()).await.unwrap();
    let turned = audit.iter().find(|entry| entry.subject == "plugin" && entry.verb == "change").unwrap();
    assert!(turned.after.contains("failing"), "{turned:?}");
    // It begins anew when it is turned on, and is another when it is installed anew.
    let on = wire::EditPlugin { name: "loops".to_owned(), on: Some(true), ..Default::default() };
    assert_eq!(edit(&root, on).await.unwrap().off(), PluginOff::On);
    assert!(call(&root, "loops", "run", b"").await.is_err());
    assert_eq!(show(&root, "loops").await.unwrap().off(), PluginOff::On);
}

#[tokio::test]
async fn what_a_plugin_keeps_is_there_after_a_restart_and_gone_with_it() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let source = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plugins/probe.zig"));
    let code = tokio::task::spawn_blocking(|| zig(source)).await.unwrap();
    let text = manifest("probe", &["remember"], "grants = [\"kv\"]");
    install(&root, &code, &text, &["kv"]).await.unwrap();
    assert_eq!(call(&root, "probe", "remember", b"a").await.unwrap(), b"a");
    root.close().await;
    let server = TestServer::again(server.stop().await).await;
    let root = server.log_in("root").await;
    assert_eq!(call(&root, "probe", "remember", b"b").await.unwrap(), b"ab");
    // Another version of it keeps what there is; without the grant it sees nothing of it.
    install(&root, &code, &text, &[]).await.unwrap();
    assert_eq!(call(&root, "probe", "remember", b"c").await.unwrap(), b"c");
    let granted = Some(wire::PluginGrants { grants: vec!["kv".to_owned()] });
    edit(&root, wire::EditPlugin { name: "probe".to_owned(), granted, on: None }).await.unwrap();
    assert_eq!(call(&root, "probe", "remember", b"d").await.unwrap(), b"abd");
    let remove = wire::RemovePlugin { name: "probe".to_owned() };
    root.request(request::Body::RemovePlugin(remove)).await.unwrap();
    install(&root, &code, &text, &["kv"]).await.unwrap();
    assert_eq!(call(&root, "probe", "remember", b"e").await.unwrap(), b"e");
}

#[tokio::test]
async fn a_plugin_reaches_hosts_that_it_was_granted_and_that_the_server_may_dial() {
    // Posts its input to the address of its configuration, and gives the answer.
    let code = wat::parse_str(
        "(module (import \"extism:host/env\" \"input_offset\" (func $at (result i64)))
        (import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))
        (import \"extism:host/env\" \"output_set\" (func $set (param i64 i64)))
        (import \"extism:host/env\" \"http_request\" (func $ask (param i64 i64) (result i64)))
        (func (export \"ask\") (local $answer i64) (local.set $answer (call $ask (call $at) (call $at)))
            (call $set (local.get $answer) (call $length (local.get $answer)))))",
    )
    .unwrap();
    let text = manifest("ask", &["ask"], "grants = [\"http:127.0.0.1\"]\n[quotas]\nms = 5000");
    for (flags, may) in [(&[("hooks.networks", "127.0.0.0/8")][..], true), (&[], false)] {
        let server = TestServer::with(flags).await;
        let (root, receiver) = (server.log_in("root").await, Receiver::start().await);
        receiver.answer(Answer::Status(200, "tea"));
        install(&root, &code, &text, &["http:127.0.0.1"]).await.unwrap();
        let asks = json!({ "url": receiver.url(), "method": "POST", "headers": { "content-type": "x" } });
        let answered = call(&root, "ask", "ask", asks.to_string().as_bytes()).await;
        if may {
            assert_eq!(answered.unwrap(), b"tea");
        } else {
            assert!(words(answered).contains("hooks.networks"));
        }
        let elsewhere = json!({ "url": "http://localhost:1/" }).to_string();
        let refused = words(call(&root, "ask", "ask", elsewhere.as_bytes()).await);
        assert!(refused.contains("needs the grant `http:localhost`"), "{refused}");
    }
}

#[tokio::test]
async fn what_can_t_be_installed_is_refused_in_words_and_changes_nothing() {
    let flags = [("limits.request_burst", "10000"), ("limits.requests_per_second", "10000")];
    let server = TestServer::with(&flags).await;
    let root = server.log_in("root").await;
    let text = manifest("test", &["run"], "grants = [\"kv\"]");
    let no_code = wire::InstallPlugin { sha256: "00".repeat(32), manifest: text.clone(), grants: vec![] };
    let refused = root.request(request::Body::InstallPlugin(no_code)).await;
    assert!(words(refused).contains("send its parts first"));
    for (code, manifest, grants, told) in [
        (b"no wasm".to_vec(), text.clone(), vec![], "valid WebAssembly"),
        (loops(), manifest("test", &["other"], ""), vec![], "doesn't export"),
        (loops(), text.clone(), vec!["http:a.example"], "isn't among what the plugin asks for: kv"),
        (loops(), "name = 5".to_owned(), vec![], "manifest can't be read"),
    ] {
        let refused = install(&root, &code, &manifest, &grants).await.unwrap_err();
        assert!(refused.to_string().contains(told), "{told}: {refused}");
    }
    let large = vec![0; MAX_PLUGIN_BYTES + 1];
    assert_eq!(code(install(&root, &large, &text, &[]).await), ErrorCode::TooLarge);
    assert_eq!(code(show(&root, "test").await), ErrorCode::NotFound);
    let alice = server.log_in("alice").await;
    assert_eq!(code(install(&alice, &loops(), &text, &[]).await), ErrorCode::Forbidden);
    assert_eq!(code(call(&alice, "test", "run", b"").await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn in_another_organization_only_the_machine_s_owner_has_code_run() {
    let server = TestServer::start().await;
    let boss = raid(&server).await;
    let text = manifest("loops", &["run"], "grants = [\"kv\"]");
    assert_eq!(code(install(&boss, &loops(), &text, &[]).await), ErrorCode::Forbidden);
    let sha256 = HEXLOWER.encode(&Sha256::digest(loops()));
    let operate = async |body: request::Body| {
        let request = wire::Request { body: Some(body), organization: "raid".to_owned() };
        server.server.organizations().operate(request).await
    };
    let part = wire::SendPluginPart { sha256: sha256.clone(), offset: 0, data: loops().into() };
    operate(request::Body::SendPluginPart(part)).await.unwrap();
    let install = wire::InstallPlugin { sha256, manifest: text, grants: vec![] };
    operate(request::Body::InstallPlugin(install)).await.unwrap();
    assert_eq!(show(&boss, "loops").await.unwrap().name, "loops");
    // It is theirs alone.
    assert_eq!(code(show(&server.log_in("root").await, "loops").await), ErrorCode::NotFound);
    // What the machine's owner didn't grant they can't.
    let more = Some(wire::PluginGrants { grants: vec!["kv".to_owned()] });
    let given = edit(&boss, wire::EditPlugin { name: "loops".to_owned(), granted: more, on: None }).await;
    assert_eq!(code(given), ErrorCode::Forbidden);
    let off = wire::EditPlugin { name: "loops".to_owned(), on: Some(false), ..Default::default() };
    assert_eq!(edit(&boss, off).await.unwrap().off(), PluginOff::Owner);
    // To have it called again is as to install it: the machine's owner may have turned it off.
    let on = wire::EditPlugin { name: "loops".to_owned(), on: Some(true), ..Default::default() };
    assert_eq!(code(edit(&boss, on).await), ErrorCode::Forbidden);
    let remove = wire::RemovePlugin { name: "loops".to_owned() };
    boss.request(request::Body::RemovePlugin(remove)).await.unwrap();
}
