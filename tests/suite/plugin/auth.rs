//! The plugin that is shipped, built from its source: from signing up to signing out.

use super::{call, install, zig};
use crate::emails::{code_in, mails};
use crate::rest::Program;
use crate::support::{PASSWORD, TestServer, log_in};
use hyper::{Method, StatusCode};
use parlour::client::Session;
use parlour::protocol::wire;
use serde_json::{Value, json};

const SOURCE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/auth/auth.zig"));
const MANIFEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/auth/auth.toml"));
const ALL: &[&str] = &["db.users.read", "db.users.create", "db.sessions.create"];
const ANOTHER: &str = "stapled paper tigers";

/// What the plugin answers.
async fn ask(session: &Session, function: &str, asked: Value) -> Value {
    let output = call(session, "auth", function, asked.to_string().as_bytes()).await.unwrap();
    serde_json::from_slice(&output).unwrap()
}

async fn built() -> Vec<u8> {
    tokio::task::spawn_blocking(|| zig(SOURCE)).await.unwrap()
}

#[tokio::test]
async fn somebody_signs_up_and_in_proves_an_address_changes_a_password_and_signs_out() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    install(&root, &built().await, MANIFEST, ALL).await.unwrap();
    let new = json!({ "name": "dora", "email": "dora@example.org", "password": PASSWORD });
    let made = ask(&root, "sign_up", new.clone()).await;
    assert_eq!((&made["user"]["name"], &made["user"]["email"]), (&json!("dora"), &Value::Null), "{made}");
    assert_eq!(made["code_sent"], json!(true));
    assert!(!made.to_string().contains("argon2") && made["user"].get("password").is_none());
    assert_eq!(ask(&root, "sign_up", new).await["error"]["code"], json!("name-taken"));
    let audit = root.audit_trail(wire::ReadAudit::default()).await.unwrap();
    let made = audit.iter().find(|entry| entry.subject == "user" && entry.verb == "create").unwrap();
    assert_eq!((made.way.as_str(), made.after.contains("dora")), ("plugin 1", true), "{made:?}");

    let wrong = ask(&root, "sign_in", json!({ "login": "dora", "password": "not it" })).await;
    assert_eq!(wrong["error"]["code"], json!("log-in-failed"), "{wrong}");
    // Nobody has proven yet that this address is theirs.
    let early = ask(&root, "sign_in", json!({ "login": "dora@example.org", "password": PASSWORD })).await;
    assert_eq!(early["error"]["code"], json!("log-in-failed"), "{early}");
    let entered = ask(&root, "sign_in", json!({ "login": "dora", "password": PASSWORD })).await;
    let token = entered["token"].as_str().unwrap().to_owned();
    let proof = code_in(mails(&server, 1).await[0]["text"].as_str().unwrap());
    let proven = ask(&root, "verify_email", json!({ "token": token, "code": proof })).await;
    assert_eq!(proven, json!({ "done": true }));
    let entered = ask(&root, "sign_in", json!({ "login": "dora@example.org", "password": PASSWORD })).await;
    assert_eq!(entered["name"], json!("dora"), "{entered}");

    // What it answers is good wherever a session's is.
    let mut program = Program::at(server.server.addresses()[0], entered["token"].as_str().unwrap()).await;
    let account = program.get("/auth/me").await;
    assert_eq!((account.status, &account.body["name"]), (StatusCode::OK, &json!("dora")));
    assert_eq!(account.body["email"], json!("dora@example.org"));

    let asked = ask(&root, "request_password_reset", json!({ "email": "dora@example.org" })).await;
    assert_eq!(asked, json!({ "done": true }));
    let all = mails(&server, 2).await;
    let code = code_in(all.last().unwrap()["text"].as_str().unwrap());
    let reset = json!({ "code": code, "password": ANOTHER });
    assert_eq!(ask(&root, "reset_password", reset.clone()).await, json!({ "done": true }));
    assert_eq!(ask(&root, "reset_password", reset).await["error"]["code"], json!("code-invalid"));
    assert_eq!(program.get("/auth/me").await.status, StatusCode::UNAUTHORIZED, "it ended with the password");
    let former = ask(&root, "sign_in", json!({ "login": "dora", "password": PASSWORD })).await;
    assert_eq!(former["error"]["code"], json!("log-in-failed"));
    let entered = ask(&root, "sign_in", json!({ "login": "dora@example.org", "password": ANOTHER })).await;
    let token = entered["token"].as_str().unwrap();
    log_in(&server.address(), "dora", ANOTHER).await.unwrap();
    assert_eq!(ask(&root, "sign_out", json!({ "token": token })).await, json!({ "done": true }));
    program.token = token.to_owned();
    assert_eq!(program.ask(Method::GET, "/auth/me", None).await.status, StatusCode::UNAUTHORIZED);
    let again = ask(&root, "sign_out", json!({ "token": token })).await;
    assert_eq!(again["error"]["code"], json!("token-invalid"), "{again}");
}

#[tokio::test]
async fn nobody_learns_who_has_an_account_by_how_often_others_were_tried() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    install(&root, &built().await, MANIFEST, ALL).await.unwrap();
    for number in 0..8 {
        let login = json!({ "login": format!("nobody{number}@example.org"), "password": PASSWORD });
        let told = ask(&root, "sign_in", login).await;
        assert_eq!(told["error"]["code"], json!("log-in-failed"), "{number}: {told}");
    }
    let mut told = Vec::new();
    for _ in 0..8 {
        let login = json!({ "login": "nobody@example.org", "password": PASSWORD });
        told.push(ask(&root, "sign_in", login).await["error"]["code"].as_str().unwrap().to_owned());
    }
    assert!(told.contains(&"too-many-attempts".to_owned()), "{told:?}");
}

#[tokio::test]
async fn what_a_plugin_may_not_do_it_can_t() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let code = built().await;
    install(&root, &code, MANIFEST, &["db.users.read"]).await.unwrap();
    let new = json!({ "name": "dora", "email": "", "password": PASSWORD }).to_string();
    let refused = call(&root, "auth", "sign_up", new.as_bytes()).await.unwrap_err().to_string();
    assert!(refused.contains("needs the grant `db.users.create`"), "{refused}");
    let login = json!({ "login": "alice", "password": PASSWORD }).to_string();
    let refused = call(&root, "auth", "sign_in", login.as_bytes()).await.unwrap_err().to_string();
    assert!(refused.contains("needs the grant `db.sessions.create`"), "{refused}");
    install(&root, &code, MANIFEST, ALL).await.unwrap();
    // It comes upon the same refusals as whoever logs in by themselves.
    root.set_user_disabled("alice", true).await.unwrap();
    let entered = ask(&root, "sign_in", json!({ "login": "alice", "password": PASSWORD })).await;
    assert_eq!(entered["error"]["code"], json!("log-in-failed"), "{entered}");
    let weak = ask(&root, "sign_up", json!({ "name": "dora", "email": "", "password": "12345" })).await;
    assert_eq!(weak["error"]["code"], json!("password-invalid"), "{weak}");
    let unfit = ask(&root, "sign_up", json!({ "name": "dora", "email": "no", "password": PASSWORD })).await;
    assert_eq!(unfit["error"]["code"], json!("email-invalid"), "{unfit}");
    assert_eq!(
        ask(&root, "sign_in", json!({ "login": "dora", "password": PASSWORD })).await["user"],
        json!(null)
    );
    let unfit = call(&root, "auth", "sign_in", b"no JSON").await.unwrap_err().to_string();
    assert!(unfit.contains("the plugin says: the input isn't what"), "{unfit}");
}
