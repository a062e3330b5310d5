//! Other people's accounts, looked after by requests: what may be done to whom, and what comes of it.

use std::time::Duration;

use crate::support::{PASSWORD, TestServer, code, eventually, log_in};
use parlour::client::{Ended, RequestError, Session, Trust, connect};
use parlour::id::UserId;
use parlour::permission::Permissions;
use parlour::protocol::wire::{self, request, response};
use parlour::protocol::{CloseCode, ErrorCode};
use parlour::store::SubjectKind;

const ANOTHER: &str = "nine quiet green lamps";

async fn users(session: &Session, prefix: &str, after: u64, limit: u32) -> Vec<wire::User> {
    session.users(prefix, (after > 0).then_some(UserId(after)), limit).await.unwrap()
}

fn names(users: &[wire::User]) -> Vec<&str> {
    users.iter().map(|user| user.name.as_str()).collect()
}

async fn show(session: &Session, name: &str) -> Result<wire::User, RequestError> {
    session.user(name).await
}

async fn end_all(session: &Session, name: &str) -> Result<u32, RequestError> {
    session.end_sessions_of(name, None).await
}

fn edit(name: &str, rename: &str) -> request::Body {
    let rename = Some(rename.to_owned());
    request::Body::EditUser(wire::EditUser { name: name.to_owned(), rename, email: None })
}

fn delete(name: &str) -> request::Body {
    request::Body::DeleteUser(wire::DeleteUser { name: name.to_owned() })
}

fn password(name: &str, password: &str) -> request::Body {
    let (name, password) = (name.to_owned(), password.to_owned());
    request::Body::SetUserPassword(wire::SetUserPassword { name, password, ..Default::default() })
}

#[tokio::test]
async fn accounts_are_looked_after_by_those_of_a_higher_rank() {
    let server = TestServer::start().await;
    let (root, alice, bob) =
        (server.log_in("root").await, server.log_in("alice").await, server.log_in("bob").await);
    let helper = root.create_role("Helper", 20, 0, Permissions::MANAGE_USERS).await.unwrap();
    for name in ["alice", "carol"] {
        root.grant_role(name, helper, None).await.unwrap();
    }

    // Pages, and a prefix in any case.
    let all = users(&alice, "", 0, 0).await;
    assert_eq!(names(&all), ["root", "alice", "bob", "carol"]);
    assert_eq!(names(&users(&alice, "", all[1].user, 1).await), ["bob"]);
    assert_eq!(names(&users(&alice, "CA", 0, 10).await), ["carol"]);
    assert!(users(&alice, "", u64::MAX, 10).await.is_empty());
    let shown = show(&alice, "BOB").await.unwrap();
    assert_eq!((shown.name.as_str(), shown.roles.as_slice()), ("bob", &["Member".to_owned()][..]));
    assert!(shown.last_log_in_ms > 0 && !shown.disabled);
    assert_eq!(code(show(&alice, "nobody").await), ErrorCode::NoSuchUser);
    // Who may not look learns not even who is there.
    for name in ["alice", "nobody"] {
        assert_eq!(code(show(&bob, name).await), ErrorCode::Forbidden);
        assert_eq!(code(bob.request(delete(name)).await), ErrorCode::Forbidden);
    }

    // Nobody acts on a rank at or above their own, nor so on themselves.
    for name in ["root", "carol"] {
        for request in [edit(name, "Other"), delete(name), password(name, ANOTHER)] {
            assert_eq!(code(alice.request(request).await), ErrorCode::Outranked, "{name}");
        }
        assert_eq!(code(end_all(&alice, name).await), ErrorCode::Outranked);
    }
    assert_eq!(code(alice.request(delete("alice")).await), ErrorCode::Unexpected);
    assert_eq!(code(root.request(delete("root")).await), ErrorCode::Unexpected);

    // Another name is seen at once, and a bad one changes nothing.
    assert_eq!(code(alice.request(edit("bob", "CAROL")).await), ErrorCode::NameTaken);
    alice.request(edit("bob", "Robert")).await.unwrap();
    let renamed = async || alice.view().member(bob.id()).filter(|one| one.name == "Robert").map(drop);
    eventually("the new name is seen", renamed).await;

    // Another password ends what the old one opened.
    assert_eq!(code(alice.request(password("Robert", "short")).await), ErrorCode::PasswordInvalid);
    alice.request(password("Robert", ANOTHER)).await.unwrap();
    eventually("he is out", async || bob.list().await.is_err().then_some(())).await;
    assert!(log_in(&server.address(), "Robert", PASSWORD).await.is_err());
    let robert = log_in(&server.address(), "Robert", ANOTHER).await.unwrap();
    assert_eq!(end_all(&alice, "Robert").await.unwrap(), 1);
    eventually("he is out again", async || robert.list().await.is_err().then_some(())).await;
    let gone = log_in(&server.address(), "Robert", ANOTHER).await.unwrap();
    alice.request(delete("Robert")).await.unwrap();
    assert_eq!(gone.closed().await, Ended::ByServer(CloseCode::AccountDeleted));
    assert!(log_in(&server.address(), "Robert", ANOTHER).await.is_err());

    // The trail says who it was, and only those may read it who manage the organization.
    let read = |verb: &str| {
        let (by, verb, subject) = ("alice".to_owned(), verb.to_owned(), "user".to_owned());
        request::Body::ReadAudit(wire::ReadAudit { by, verb, subject, ..Default::default() })
    };
    assert_eq!(code(alice.request(read("")).await), ErrorCode::Forbidden);
    assert_eq!(code(root.request(read("sing")).await), ErrorCode::Malformed);
    let response::Body::AuditTrail(trail) = root.request(read("delete")).await.unwrap() else { panic!() };
    let gone: Vec<_> = trail.entries.iter().map(|entry| (entry.by.as_str(), entry.subject_id)).collect();
    assert_eq!(gone, [("alice", shown.user)]);
    let usage = root.usage().await.unwrap();
    assert_eq!((usage.users, usage.max_users), (3, 100_000));
}

#[tokio::test]
async fn a_note_is_for_those_who_look_after_accounts_and_never_for_whom_it_is_about() {
    let server = TestServer::start().await;
    let (root, alice, bob) =
        (server.log_in("root").await, server.log_in("alice").await, server.log_in("bob").await);
    let helper = root.create_role("Helper", 20, 0, Permissions::MANAGE_USERS).await.unwrap();
    root.grant_role("alice", helper, None).await.unwrap();
    alice.set_note("bob", "shouts at night").await.unwrap();
    root.set_note("alice", "is new").await.unwrap();
    assert_eq!(show(&root, "bob").await.unwrap().note, "shouts at night");
    assert_eq!(show(&root, "alice").await.unwrap().note, "is new");
    // Not to herself, by whatever way; nor may she write on herself, on a higher rank, or too much.
    assert_eq!(show(&alice, "ALICE").await.unwrap().note, "");
    assert!(users(&alice, "", 0, 0).await.iter().all(|user| user.note.is_empty()));
    assert_eq!(code(alice.set_note("alice", "is good").await), ErrorCode::Unexpected);
    assert_eq!(code(alice.set_note("root", "is strict").await), ErrorCode::Outranked);
    assert_eq!(code(alice.set_note("bob", &"x".repeat(1_001)).await), ErrorCode::Malformed);
    assert_eq!(code(alice.set_note("nobody", "x").await), ErrorCode::NoSuchUser);
    assert_eq!(code(bob.set_note("alice", "x").await), ErrorCode::Forbidden);
    let read = wire::ReadAudit { subject: "note".to_owned(), ..wire::ReadAudit::default() };
    let response::Body::AuditTrail(trail) = root.request(request::Body::ReadAudit(read)).await.unwrap()
    else {
        panic!("no trail");
    };
    let said: Vec<_> = trail.entries.iter().map(|entry| (entry.by.as_str(), entry.verb.as_str())).collect();
    assert_eq!(said, [("root", "create"), ("alice", "create")]);
    assert!(trail.entries.iter().all(|entry| !entry.after.contains("shouts")), "{trail:?}");
    alice.set_note("bob", "").await.unwrap();
    assert_eq!(show(&alice, "bob").await.unwrap().note, "");
}

#[tokio::test]
async fn who_looks_after_accounts_makes_a_code_by_which_somebody_chooses_a_password() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (root, alice, bob) =
        (server.log_in("root").await, server.log_in("alice").await, server.log_in("bob").await);
    let helper = root.create_role("Helper", 20, 0, Permissions::MANAGE_USERS).await.unwrap();
    root.grant_role("alice", helper, None).await.unwrap();
    assert_eq!(code(bob.make_reset_code("alice").await), ErrorCode::Forbidden);
    assert_eq!(code(alice.make_reset_code("root").await), ErrorCode::Outranked);
    assert_eq!(code(alice.make_reset_code("alice").await), ErrorCode::Unexpected);
    let both = wire::SetUserPassword {
        name: "bob".to_owned(),
        password: ANOTHER.to_owned(),
        by_code: true,
        ..Default::default()
    };
    let both = alice.request(request::Body::SetUserPassword(both)).await;
    assert_eq!(code(both), ErrorCode::Malformed);

    let reset = async |code: &str| {
        let connected = connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
        connected.reset_password(code, ANOTHER, false).await
    };
    let (first, _) = alice.make_reset_code("bob").await.unwrap();
    let (late, until) = alice.make_reset_code("bob").await.unwrap();
    assert_eq!(code(reset(&first).await), ErrorCode::CodeInvalid, "the next one took its place");
    clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(until, server.server.handle().clock().wall().0);
    assert_eq!(code(reset(&late).await), ErrorCode::CodeInvalid, "it is over");
    // Nothing has ended so far.
    bob.list().await.unwrap();
    let (good, _) = alice.make_reset_code("bob").await.unwrap();
    assert_eq!(reset(&good).await.unwrap().sessions, 1);
    assert_eq!(bob.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    assert_eq!(code(reset(&good).await), ErrorCode::CodeInvalid, "once");
    log_in(&server.address(), "bob", ANOTHER).await.unwrap();

    // The trail says who made it, and not what it is.
    let read = wire::ReadAudit { by: "alice".to_owned(), ..wire::ReadAudit::default() };
    let trail = root.audit_trail(read).await.unwrap();
    let made = trail.iter().filter(|entry| entry.subject == "token" && entry.verb == "create");
    assert_eq!(made.count(), 3, "{trail:?}");
    assert!(trail.iter().all(|entry| !entry.after.contains(&good)), "{trail:?}");
    assert_eq!(alice.sessions_of("bob").await.unwrap().len(), 1);
    root.edit_user("bob", Some("robert"), None).await.unwrap();
    alice.set_user_password("robert", PASSWORD, false).await.unwrap();
    root.delete_user("robert").await.unwrap();
    assert_eq!(code(alice.user("robert").await), ErrorCode::NoSuchUser);
}

#[tokio::test]
async fn whatever_the_trail_says_finds_it_again() {
    let server = TestServer::start().await;
    let (root, bob) = (server.log_in("root").await, server.log_in("bob").await);
    let client = wire::CreateOauthClient {
        name: "Forge".to_owned(),
        redirect_uris: vec!["https://git.example.org/back".to_owned()],
        ..Default::default()
    };
    root.request(request::Body::CreateOauthClient(client)).await.unwrap();
    bob.change_password(PASSWORD, ANOTHER, false).await.unwrap();
    root.delete_user("bob").await.unwrap();

    let read = |by: &str, subject: &str| wire::ReadAudit {
        by: by.to_owned(),
        subject: subject.to_owned(),
        ..wire::ReadAudit::default()
    };
    for word in SubjectKind::WORDS {
        let found = root.audit_trail(read("", word)).await.unwrap();
        assert!(found.iter().all(|entry| entry.subject == *word), "{word}: {found:?}");
        assert_eq!(
            *word == "oauth-client",
            found.iter().any(|entry| entry.after.contains("Forge")),
            "{word}"
        );
    }
    for entry in root.audit_trail(read("", "")).await.unwrap() {
        let found = root.audit_trail(read(&entry.by, &entry.subject)).await.unwrap();
        assert!(found.contains(&entry), "{entry:?}");
    }
    let gone = root.audit_trail(read("user 3", "")).await.unwrap();
    assert!(gone.iter().any(|entry| entry.by == "user 3"), "{gone:?}");
    assert!(root.audit_trail(read("guest", "")).await.is_ok());
    let refused = root.audit_trail(read("", "o-auth-client")).await.unwrap_err().to_string();
    assert!(refused.contains("oauth-client") && !refused.contains(", o-auth"), "{refused}");
}
