//! Plugins that are asked about log-ins: they refuse, they fail, and they lock no owner out.

use super::code::says;
use super::{call, documented, edit, install, log, loops, manifest, show, zig};
use crate::support::{PASSWORD, TestServer, log_in, with};
use parlour::client::{Credentials, RequestError};
use parlour::id::RoleId;
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, PluginOff};

/// The manifest of a plugin that is asked about log-ins.
fn gate(more: &str) -> String {
    manifest("gate", &["run"], &format!("[quotas]\nms = 200\n[hooks]\nlog_in = \"run\"\n{more}"))
}

/// Logs in by password; where that is refused, by which code and in which words.
async fn enter(server: &TestServer, name: &str) -> Result<(), (ErrorCode, String)> {
    match log_in(&server.address(), name, PASSWORD).await {
        Ok(_) => Ok(()),
        Err(RequestError::Refused { code, message, .. }) => Err((code.unwrap(), message)),
        Err(other) => panic!("{other}"),
    }
}

async fn enter_as_guest(server: &TestServer, name: &str) -> Result<(), RequestError> {
    with(server, Credentials::guest(name, "test")).await.map(drop)
}

#[tokio::test]
async fn the_plugin_of_the_documentation_refuses_names() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let root = server.log_in("root").await;
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/plugins.md"));
    let blocks = |language: &str| {
        let after = page.split_once("## Who comes in").unwrap().1;
        after.split_once(&format!("```{language}\n")).unwrap().1.split_once("```").unwrap().0
    };
    let code = tokio::task::spawn_blocking(move || zig(blocks("zig"))).await.unwrap();
    install(&root, &code, blocks("toml"), &[]).await.unwrap();
    enter(&server, "alice").await.unwrap();
    let refused = enter_as_guest(&server, "Admin7").await.unwrap_err();
    assert!(refused.to_string().contains("only owners are called so"), "{refused}");
    enter_as_guest(&server, "Anna").await.unwrap();
    // Whoever owns the place comes in whatever they are called.
    root.create_user("administrator", PASSWORD, "Admin").await.unwrap();
    assert_eq!(enter(&server, "administrator").await.unwrap_err().0, ErrorCode::Forbidden);
    root.grant_role("administrator", RoleId(1), None).await.unwrap();
    enter(&server, "administrator").await.unwrap();
    assert_eq!(documented("toml").lines().next(), Some("name = \"greet\""));
}

#[tokio::test]
async fn a_plugin_that_can_t_decide_keeps_all_out_but_owners_until_it_is_turned_off() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let root = server.log_in("root").await;
    install(&root, &loops(), &gate(""), &[]).await.unwrap();
    for _ in 0..6 {
        let (code, words) = enter(&server, "alice").await.unwrap_err();
        assert_eq!(code, ErrorCode::PluginFailed);
        assert!(words.contains("the plugin gate decides here who comes in"), "{words}");
    }
    // It failed five times in a row, and goes on keeping people out: whoever breaks it doesn't open the door.
    assert_eq!(show(&root, "gate").await.unwrap().off(), PluginOff::Failing);
    assert_eq!(log(&root, "gate").await.len(), 5);
    assert!(enter_as_guest(&server, "Anna").await.is_err());
    server.log_in("root").await;
    let off = wire::EditPlugin { name: "gate".to_owned(), on: Some(false), ..Default::default() };
    assert_eq!(edit(&root, off).await.unwrap().off(), PluginOff::Owner);
    enter(&server, "alice").await.unwrap();
    // The manifest may say that nobody is kept out by that.
    install(&root, &loops(), &gate("when_broken = \"admit\""), &[]).await.unwrap();
    enter(&server, "alice").await.unwrap();
    assert_eq!(log(&root, "gate").await.len(), 6);
    // Nor by an answer that is none.
    let nothing = wat::parse_str("(module (func (export \"run\")))").unwrap();
    install(&root, &nothing, &gate(""), &[]).await.unwrap();
    assert_eq!(enter(&server, "bob").await.unwrap_err().0, ErrorCode::PluginFailed);
    assert!(call(&root, "gate", "run", b"").await.is_ok());
}

#[tokio::test]
async fn whoever_is_refused_leaves_nothing_behind_and_whoever_comes_back_isn_t_asked_about() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let root = server.log_in("root").await;
    let alice = server.log_in("alice").await;
    let token = alice.logged_in().token.clone();
    alice.close().await;
    let code = says(r#"{"allow": false, "reason": "closed today"}"#);
    install(&root, &code, &gate(""), &[]).await.unwrap();
    let sessions = async || root.sessions_of("bob").await.unwrap().len();
    let before = sessions().await;
    let (code, words) = enter(&server, "bob").await.unwrap_err();
    assert_eq!((code, words.contains("closed today")), (ErrorCode::Forbidden, true), "{words}");
    assert_eq!(sessions().await, before);
    with(&server, Credentials::token(&token)).await.unwrap();
}
