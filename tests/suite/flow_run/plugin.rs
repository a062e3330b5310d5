//! Steps that are functions of plugins.

use super::*;
use crate::plugin::code::asks;
use crate::plugin::install;
use crate::support::PASSWORD;

/// A flow whose only step calls a plugin.
fn source(plugin: &str) -> String {
    format!(
        "[workflow]\nname = \"{plugin}\"\n[[triggers]]\non = \"hand\"\n[[steps]]\nname = \"call\"\ndo = \"plugin.{plugin}.run\"\nwith = {{ word = \"{{{{ 1 + 1 }}}}\" }}\n"
    )
}

fn manifest(name: &str, grants: &[&str]) -> String {
    format!("name = \"{name}\"\nfunctions = [\"run\"]\ngrants = {}\n[quotas]\nms = 10000", json!(grants))
}

/// What gives what it is given.
fn echo() -> Vec<u8> {
    wat::parse_str(
        "(module (import \"extism:host/env\" \"input_offset\" (func $at (result i64)))
        (import \"extism:host/env\" \"input_length\" (func $length (result i64)))
        (import \"extism:host/env\" \"output_set\" (func $set (param i64 i64)))
        (func (export \"run\") (call $set (call $at) (call $length))))",
    )
    .unwrap()
}

#[tokio::test]
async fn a_flow_calls_a_plugin_that_was_granted_that() {
    let server = TestServer::with(LOOPBACK).await;
    let root = server.log_in("root").await;
    let text = manifest("echo", &["flow.step"]);
    install(&root, &echo(), &text, &[]).await.unwrap();
    add(&root, &source("echo"), &[]).await;
    let run = async || ended(&root, root.run_flow("echo", vec![]).await.unwrap()).await;
    let refused = run().await;
    assert_eq!(refused.state(), FlowRunState::Failed);
    assert!(step(&refused, "call").error.contains("wasn't granted `flow.step`"), "{refused:?}");
    install(&root, &echo(), &text, &["flow.step"]).await.unwrap();
    let done = run().await;
    assert_eq!((done.state(), done.error.as_str()), (FlowRunState::Completed, ""), "{done:?}");
    let told = output(&done, "call");
    assert_eq!(told["with"], json!({ "word": 2 }), "{told}");
    let owner = root.logged_in().user;
    assert_eq!(told["key"], json!(format!("flow_{owner}_{}_{}", done.run, told["step"])));
    assert_eq!((&told["owner"], &told["run"]), (&json!(owner.to_string()), &json!(done.run.to_string())));
    // It is off once it failed five times in a row, as by any other call.
    let traps = wat::parse_str("(module (func (export \"run\") (unreachable)))").unwrap();
    install(&root, &traps, &text, &["flow.step"]).await.unwrap();
    for _ in 0..5 {
        assert!(step(&run().await, "call").error.contains("broke off"));
    }
    assert!(step(&run().await, "call").error.contains("failed 5 times in a row"));
}

#[tokio::test]
async fn what_a_plugin_asks_in_a_flow_is_decided_for_its_owner() {
    let server = TestServer::with(LOOPBACK).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let grants = ["flow.step", "db.users.read", "db.users.create", "db.sessions.create"];
    let password = json!({ "password": PASSWORD }).to_string();
    let new = json!({ "name": "dora", "password_hash": "1" }).to_string();
    let look = json!({ "name": "bob" }).to_string();
    let guess = json!({ "name": "bob", "password": PASSWORD }).to_string();
    for (name, questions, owners) in [
        ("looks", vec![("db_get_user", look.as_str())], true),
        ("makes", vec![("password_hash", password.as_str()), ("db_create_user", new.as_str())], true),
        ("guesses", vec![("password_verify", guess.as_str())], false),
        ("enters", vec![("db_create_session", guess.as_str())], false),
    ] {
        install(&root, &asks(&questions), &manifest(name, &grants), &grants).await.unwrap();
        for (session, may) in [(&alice, false), (&root, owners)] {
            let flow = format!("{name}-{}", session.logged_in().user);
            let text = source(name).replacen(&format!("name = \"{name}\""), &format!("name = \"{flow}\""), 1);
            add(session, &text, &[]).await;
            let run = ended(session, session.run_flow(&flow, vec![]).await.unwrap()).await;
            let told = output(&run, "call");
            assert_eq!(told.get("error").is_none(), may, "{name}: {told}");
            if !may {
                assert_eq!(told["error"]["code"], json!("forbidden"), "{name}: {told}");
            }
        }
    }
}
