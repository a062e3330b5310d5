//! Changes that are made only to what was read (`If-Match`), over HTTP.

use crate::rest::{Answer, Program};
use crate::support::{TestServer, channel_id, eventually};
use hyper::{Method, StatusCode};
use parlour::client::{NewOverwrite, OverwriteFor};
use parlour::id::RoleId;
use parlour::permission::{Permissions, Reach};
use serde_json::{Value, json};
use std::time::Duration;

/// Asks with a condition: the header's name, and its value.
async fn ask(
    program: &mut Program,
    method: Method,
    path: &str,
    body: Option<Value>,
    (name, value): (&'static str, &str),
) -> Answer {
    let mut request = program.request(&method, path, body.as_ref());
    request.headers_mut().insert(name, value.parse().unwrap());
    program.send(request).await
}

async fn tag(program: &mut Program, path: &str) -> String {
    let answer = program.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    answer.header("etag").to_owned()
}

fn assert_changed(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.code()), (StatusCode::PRECONDITION_FAILED, "changed"), "{what}");
}

#[tokio::test]
async fn what_somebody_else_has_changed_meanwhile_is_not_overwritten() {
    let server = TestServer::with(&[("limits.request_burst", "1000")]).await;
    let address = server.server.addresses()[0];
    let (mut root, _) = Program::log_in(address, "root").await;
    let channel = root.post("/channels", json!({ "name": "Tea" })).await.body["id"].clone();
    let role = root.post("/roles", json!({ "name": "Host", "rank": 5 })).await.body["id"].clone();
    let (channel, role) = (channel.as_str().unwrap().to_owned(), role.as_str().unwrap().to_owned());
    for (question, method, path, body) in [
        (
            format!("/channels/{channel}"),
            Method::PATCH,
            format!("/channels/{channel}"),
            json!({ "description": "one" }),
        ),
        (format!("/roles/{role}"), Method::PATCH, format!("/roles/{role}"), json!({ "colour": 1 })),
        (
            format!("/channels/{channel}/overwrites"),
            Method::PUT,
            format!("/channels/{channel}/overwrites"),
            json!({ "role": "3", "deny": ["speak"] }),
        ),
        ("/organization".to_owned(), Method::PATCH, "/organization".to_owned(), json!({ "welcome": "hi" })),
        (
            "/users/bob".to_owned(),
            Method::PATCH,
            "/users/bob".to_owned(),
            json!({ "email": "b@example.org" }),
        ),
    ] {
        let first = tag(&mut root, &question).await;
        let body = Some(body);
        let stale = ask(&mut root, method.clone(), &path, body.clone(), ("if-match", "\"other\"")).await;
        assert_changed(&stale, &path);
        let weak = format!("W/{first}");
        assert_changed(
            &ask(&mut root, method.clone(), &path, body.clone(), ("if-match", &weak)).await,
            &path,
        );
        assert_eq!(tag(&mut root, &question).await, first, "nothing was changed");
        let good = ask(&mut root, method.clone(), &path, body.clone(), ("if-match", &first)).await;
        assert_eq!(good.status, StatusCode::NO_CONTENT, "{path}: {good:?}");
        let second = tag(&mut root, &question).await;
        assert_ne!(first, second, "{path}");
        assert_changed(
            &ask(&mut root, method.clone(), &path, body.clone(), ("if-match", &first)).await,
            &path,
        );
        assert_changed(&ask(&mut root, method, &path, body, ("if-none-match", "*")).await, &path);
    }
}

#[tokio::test]
async fn what_is_gone_or_has_no_tag_is_not_what_was_read() {
    let server = TestServer::with(&[("limits.request_burst", "1000")]).await;
    let address = server.server.addresses()[0];
    let (mut root, _) = Program::log_in(address, "root").await;
    let channel = root.post("/channels", json!({ "name": "Tea" })).await.body["id"].clone();
    let channel = channel.as_str().unwrap().to_owned();
    // What is gone, or never was, isn't what was read; what may not be done is refused as that.
    let (mut alice, _) = Program::log_in(address, "alice").await;
    let path = format!("/channels/{channel}");
    let there = tag(&mut alice, &path).await;
    let denied = ask(&mut alice, Method::DELETE, &path, None, ("if-match", &there)).await;
    assert_eq!((denied.status, denied.code()), (StatusCode::FORBIDDEN, "forbidden"));
    assert_changed(
        &ask(&mut root, Method::DELETE, &path, None, ("if-match", &there)).await,
        "of another viewer",
    );
    let there = tag(&mut root, &path).await;
    let removed = ask(&mut root, Method::DELETE, &path, None, ("if-match", &there)).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let gone = ask(&mut root, Method::DELETE, &path, None, ("if-match", "*")).await;
    assert_eq!((gone.status, gone.code()), (StatusCode::NOT_FOUND, "no-such-channel"));
    // Whoever says a condition is never heard without it.
    let nowhere = ask(&mut root, Method::POST, "/texts", Some(json!({})), ("if-match", "*")).await;
    assert_changed(&nowhere, "a text has no tag");
    assert!(nowhere.body["detail"].as_str().unwrap().contains("no ETag"), "{nowhere:?}");
    let broken = ask(&mut root, Method::PATCH, "/organization", None, ("if-match", "one")).await;
    assert_eq!((broken.status, broken.code()), (StatusCode::BAD_REQUEST, "malformed"));
    let read = ask(&mut root, Method::GET, "/organization", None, ("if-match", "\"other\"")).await;
    assert_changed(&read, "a question");
}

#[tokio::test]
async fn of_many_who_change_what_they_have_read_one_is_heard() {
    let server = TestServer::with(&[("limits.request_burst", "1000")]).await;
    let address = server.server.addresses()[0];
    let (mut root, _) = Program::log_in(address, "root").await;
    for (question, body) in
        [("/organization", "welcome"), ("/users/bob", "email"), ("/elements/bot.count?user=bob", "value")]
    {
        if body == "value" {
            root.ask(Method::PUT, "/elements/bot.count", Some(&json!({ "user": "bob", "value": "0" }))).await;
        }
        let first = tag(&mut root, question).await;
        let mut asking = tokio::task::JoinSet::new();
        for number in 0..6 {
            let (first, token) = (first.clone(), root.token.clone());
            asking.spawn(async move {
                let mut one = Program::at(address, &token).await;
                let (method, path) = (if body == "value" { Method::PUT } else { Method::PATCH }, question);
                let (path, said) = match body {
                    "welcome" => (path, json!({ "welcome": number.to_string() })),
                    "email" => (path, json!({ "email": format!("b{number}@example.org") })),
                    _ => ("/elements/bot.count", json!({ "user": "bob", "value": number.to_string() })),
                };
                ask(&mut one, method, path, Some(said), ("if-match", &first)).await.status
            });
        }
        let outcomes = asking.join_all().await;
        let heard = outcomes.iter().filter(|status| status.is_success()).count();
        let refused = outcomes.iter().filter(|status| **status == StatusCode::PRECONDITION_FAILED).count();
        assert_eq!((heard, refused), (1, 5), "{question}: {outcomes:?}");
    }
}

#[tokio::test]
async fn an_element_is_made_once_and_changed_by_whoever_read_it() {
    let server = TestServer::with(&[("limits.request_burst", "1000")]).await;
    let root = server.log_in("root").await;
    let (mut program, _) = Program::log_in(server.server.addresses()[0], "root").await;
    let general = channel_id(&root, "General").0.to_string();
    let set = |value: &str| Some(json!({ "channel": general, "value": value }));
    let (path, question) = ("/elements/bot.topic", format!("/elements/bot.topic?channel={general}"));
    let absent = ask(&mut program, Method::PUT, path, set("1"), ("if-match", "*")).await;
    assert_changed(&absent, "it isn't there");
    let made = ask(&mut program, Method::PUT, path, set("1"), ("if-none-match", "*")).await;
    assert_eq!((made.status, &made.body["value"]), (StatusCode::OK, &json!("1")), "{made:?}");
    assert_changed(
        &ask(&mut program, Method::PUT, path, set("2"), ("if-none-match", "*")).await,
        "it is there",
    );
    let read = tag(&mut program, &question).await;
    let known = ask(&mut program, Method::GET, &question, None, ("if-none-match", &read)).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    let changed = ask(&mut program, Method::PUT, path, set("2"), ("if-match", &read)).await;
    assert_eq!((changed.status, &changed.body["value"]), (StatusCode::OK, &json!("2")));
    assert_changed(
        &ask(&mut program, Method::DELETE, &question, None, ("if-match", &read)).await,
        "an old one",
    );
    let read = tag(&mut program, &question).await;
    let removed = ask(&mut program, Method::DELETE, &question, None, ("if-match", &read)).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(program.get(&question).await.code(), "not-found");
}

#[tokio::test]
async fn what_is_kept_on_a_recording_is_read_by_whoever_may_hear_it_and_goes_with_it() {
    let (server, clock) = TestServer::turned(&[("limits.request_burst", "1000")]).await;
    for name in ["olaf", "olga"] {
        server.server.ensure_user(name, crate::support::PASSWORD, "Officer").await.unwrap();
    }
    let address = server.server.addresses()[0];
    let (root, olaf) = (server.log_in("root").await, server.in_channel("olaf", "General").await);
    olaf.start_recording().await.unwrap();
    clock.advance(Duration::from_millis(1_100));
    let list = async || olaf.recordings().await.unwrap().recordings.first().map(|one| one.id.to_string());
    let id = eventually("the recording is there", list).await;
    let general = channel_id(&olaf, "General");
    olaf.stop_recording(general).await.unwrap();
    let (mut maker, _) = Program::log_in(address, "olaf").await;
    let (mut officer, _) = Program::log_in(address, "olga").await;
    let (mut member, _) = Program::log_in(address, "alice").await;
    let question = format!("/elements/bot.mark?recording={id}");
    let all = format!("/elements?recording={id}");
    let body = Some(json!({ "recording": id, "value": "{\"at\": 3}" }));
    let made = ask(&mut maker, Method::PUT, "/elements/bot.mark", body.clone(), ("if-none-match", "*")).await;
    assert_eq!(made.status, StatusCode::OK, "{made:?}");
    // Whoever may hear it reads it, and whoever may remove it changes it.
    assert_eq!(officer.get(&question).await.body["value"], "{\"at\": 3}");
    assert_eq!(officer.get(&all).await.body["elements"].as_array().unwrap().len(), 1);
    assert_eq!(officer.ask(Method::PUT, "/elements/bot.mark", body.as_ref()).await.code(), "forbidden");
    assert_eq!(officer.ask(Method::DELETE, &question, None).await.code(), "forbidden");
    assert_eq!(member.get(&question).await.code(), "forbidden");
    // What nobody shows them is as if it weren't there.
    let hide = NewOverwrite {
        channel: general,
        subject: OverwriteFor::User("olga".to_owned()),
        allow: Permissions::NONE,
        deny: Permissions::VIEW,
        reach: Reach::Both,
    };
    root.set_overwrite(hide).await.unwrap();
    let missing = "/elements/bot.mark?recording=999";
    let (hidden, none) = (officer.get(&question).await, officer.get(missing).await);
    assert_eq!((hidden.status, &hidden.body), (StatusCode::NOT_FOUND, &none.body));
    let read = tag(&mut maker, &question).await;
    let changed = ask(&mut maker, Method::PUT, "/elements/bot.mark", body, ("if-match", &read)).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(
        maker.ask(Method::DELETE, &format!("/recordings/{id}"), None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(maker.get(&question).await.code(), "not-found");
    assert_eq!(root.role(RoleId(3)).await.unwrap().name, "Member");
}
