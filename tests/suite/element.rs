//! What programs keep on channels, accounts and recordings: who reads and writes it, who is told, and what happens at its
//! bounds.

use std::time::Duration;

use crate::support::{PASSWORD, TestServer, as_profile, channel_id, code, with};
use parlour::client::{Address, Credentials, NewOverwrite, On, OverwriteFor, Session, Trust, connect};
use parlour::control::Actor;
use parlour::feed::{Event, Filter, Kind};
use parlour::id::{ChannelId, ElementPlace, OrganizationId, RoleId, Timestamp, UserId};
use parlour::permission::{Permissions, Reach};
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, element_changed, event, request, response};
use parlour::store::Store;
use tempfile::TempDir;

/// The next element that a session is told of.
async fn told(events: &mut tokio::sync::broadcast::Receiver<event::Body>) -> wire::ElementChanged {
    let next = async {
        loop {
            if let event::Body::ElementChanged(changed) = events.recv().await.unwrap() {
                return changed;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), next).await.unwrap()
}

/// The database of a server that is stopped, in which nothing is wrong.
async fn verify(server: TestServer) -> (TempDir, Store) {
    let directory = server.stop().await;
    let store = Store::open(&directory.path().join("parlour.redb"), Timestamp(1)).unwrap();
    assert_eq!(store.verify().unwrap(), []);
    (directory, store)
}

pub(crate) async fn hide(root: &Session, channel: ChannelId) {
    let hidden = NewOverwrite {
        channel,
        subject: OverwriteFor::Role(RoleId(3)),
        allow: Permissions::NONE,
        deny: Permissions::VIEW,
        reach: Reach::Both,
    };
    root.set_overwrite(hidden).await.unwrap();
}

#[tokio::test]
async fn whoever_sees_a_channel_reads_what_is_kept_on_it_and_whoever_edits_it_writes_that() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let guest = with(&server, Credentials::guest("eve", "test")).await.unwrap();
    let general = On::Channel(channel_id(&root, "General"));
    let set = root.set_element(general.clone(), "bot.topic", r#"{"text": "tea"}"#, Some(0)).await.unwrap();
    for session in [&root, &alice, &guest] {
        assert_eq!(session.elements(general.clone()).await.unwrap(), std::slice::from_ref(&set));
        assert_eq!(session.element(general.clone(), "bot.topic").await.unwrap(), set);
        assert_eq!(code(session.element(general.clone(), "bot.other").await), ErrorCode::NotFound);
    }
    for session in [&alice, &guest] {
        let denied = session.set_element(general.clone(), "bot.topic", "1", None).await;
        assert_eq!(code(denied), ErrorCode::Forbidden);
        assert_eq!(
            code(session.remove_element(general.clone(), "bot.topic", None).await),
            ErrorCode::Forbidden
        );
    }
    // What nobody shows them isn't there.
    let secret = root.create_channel(None, "Secret").await.unwrap();
    hide(&root, secret).await;
    let (secret, nowhere) = (On::Channel(secret), On::Channel(ChannelId(999)));
    root.set_element(secret.clone(), "bot.topic", "1", None).await.unwrap();
    for on in [secret, nowhere] {
        assert_eq!(code(alice.elements(on.clone()).await), ErrorCode::NoSuchChannel);
        assert_eq!(code(alice.element(on.clone(), "bot.topic").await), ErrorCode::NoSuchChannel);
        assert_eq!(
            code(alice.set_element(on.clone(), "bot.topic", "1", None).await),
            ErrorCode::NoSuchChannel
        );
        assert_eq!(code(alice.remove_element(on, "bot.topic", None).await), ErrorCode::NoSuchChannel);
    }
    let nothing = wire::ListElements { on: None };
    assert_eq!(code(root.request(request::Body::ListElements(nothing)).await), ErrorCode::Malformed);
}

#[tokio::test]
async fn of_two_who_change_the_same_version_one_wins() {
    let server = TestServer::with(&[("limits.request_burst", "1000")]).await;
    let root = server.log_in("root").await;
    let general = On::Channel(channel_id(&root, "General"));
    let first = root.set_element(general.clone(), "bot.count", "0", Some(0)).await.unwrap();
    let again = root.set_element(general.clone(), "bot.count", "0", Some(0)).await;
    assert_eq!(code(again), ErrorCode::Changed);
    let set = |value: &'static str| {
        let (root, on, version) = (root.clone(), general.clone(), first.version);
        async move { root.set_element(on, "bot.count", value, Some(version)).await }
    };
    let outcomes = tokio::join!(set("1"), set("2"), set("3"), set("4"));
    let outcomes = [outcomes.0, outcomes.1, outcomes.2, outcomes.3];
    let won: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!(won.len(), 1, "{outcomes:?}");
    assert_eq!(&root.element(general.clone(), "bot.count").await.unwrap(), won[0]);
    let stale = root.remove_element(general.clone(), "bot.count", Some(first.version)).await;
    assert_eq!(code(stale), ErrorCode::Changed);
    root.remove_element(general.clone(), "bot.count", Some(won[0].version)).await.unwrap();
    for (name, value) in
        [("Bot", "1"), ("bot.", "1"), ("bot", "{"), ("bot", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]")]
    {
        let refused = root.set_element(general.clone(), name, value, None).await;
        assert_eq!(code(refused), ErrorCode::Malformed, "{name} {value}");
    }
    let long = format!("\"{}\"", "x".repeat(4_095));
    assert_eq!(code(root.set_element(general.clone(), "bot", &long, None).await), ErrorCode::Malformed);
    for number in 0..64 {
        root.set_element(general.clone(), &format!("e{number}"), "1", None).await.unwrap();
    }
    assert_eq!(code(root.set_element(general.clone(), "one.more", "1", None).await), ErrorCode::TooMany);
}

#[tokio::test]
async fn an_account_s_elements_are_its_own_and_of_those_who_look_after_accounts() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let bob = server.log_in("bob").await;
    let guest = with(&server, Credentials::guest("eve", "test")).await.unwrap();
    let named = |name: &str| On::User(name.to_owned());
    let own = alice.set_element(On::Own, "game.score", "7", None).await.unwrap();
    assert_eq!(alice.elements(named("ALICE")).await.unwrap(), std::slice::from_ref(&own));
    assert_eq!(root.elements(named("alice")).await.unwrap(), [own]);
    // Neither what there is nor whether there is anybody is told to others.
    for name in ["alice", "nobody"] {
        assert_eq!(code(bob.elements(named(name)).await), ErrorCode::Forbidden);
        assert_eq!(code(bob.set_element(named(name), "game.score", "1", None).await), ErrorCode::Forbidden);
    }
    assert_eq!(code(root.elements(named("nobody")).await), ErrorCode::NoSuchUser);
    assert_eq!(code(guest.elements(On::Own).await), ErrorCode::Forbidden);
    let helper = root.create_role("Helper", 20, 0, Permissions::MANAGE_USERS).await.unwrap();
    root.grant_role("alice", helper, None).await.unwrap();
    assert_eq!(alice.elements(named("root")).await.unwrap(), []);
    assert_eq!(code(alice.set_element(named("root"), "game.score", "1", None).await), ErrorCode::Outranked);
    alice.set_element(named("bob"), "game.score", "1", None).await.unwrap();
    // It goes with the account, and the trail tells of it without the value.
    let delete = wire::DeleteUser { name: "bob".to_owned() };
    root.request(request::Body::DeleteUser(delete)).await.unwrap();
    let read = wire::ReadAudit { subject: "element".to_owned(), ..wire::ReadAudit::default() };
    let response::Body::AuditTrail(trail) = root.request(request::Body::ReadAudit(read)).await.unwrap()
    else {
        panic!("no trail");
    };
    let said: Vec<_> = trail.entries.iter().map(|entry| (entry.by.as_str(), entry.after.as_str())).collect();
    let after = |user: &Session, version| {
        format!(r#"{{"name":"game.score","on":{{"user":{}}},"version":{version}}}"#, user.logged_in().user)
    };
    assert_eq!(said, [("alice", after(&bob, 2).as_str()), ("alice", after(&alice, 1).as_str())]);
    let gone = ElementPlace::User(UserId(bob.logged_in().user));
    drop((root, alice, bob, guest));
    assert_eq!(verify(server).await.1.elements(OrganizationId::FIRST, gone).unwrap(), []);
}

#[tokio::test]
async fn those_who_may_read_an_element_are_told_that_it_changed() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let handle = server.server.handle();
    let filter = Filter { kinds: vec![Kind::Elements] };
    let mut feed = handle.subscribe(Actor::Operator, None, filter).await.unwrap();
    let secret = root.create_channel(None, "Secret").await.unwrap();
    hide(&root, secret).await;
    let general = channel_id(&root, "General");
    let (mut of_root, mut of_alice) = (root.events(), alice.events());
    let hidden = root.set_element(On::Channel(secret), "bot.a", "1", None).await.unwrap();
    let own = root.set_element(On::Own, "bot.b", "1", None).await.unwrap();
    let shown = root.set_element(On::Channel(general), "bot.c", "1", None).await.unwrap();
    root.remove_element(On::Channel(general), "bot.c", None).await.unwrap();
    let changed =
        |on, name: &str, version| wire::ElementChanged { on: Some(on), name: name.to_owned(), version };
    let user = root.logged_in().user;
    let all = [
        changed(element_changed::On::Channel(secret.0), "bot.a", hidden.version),
        changed(element_changed::On::User(user), "bot.b", own.version),
        changed(element_changed::On::Channel(general.0), "bot.c", shown.version),
        changed(element_changed::On::Channel(general.0), "bot.c", 0),
    ];
    for expected in &all {
        assert_eq!(&told(&mut of_root).await, expected);
    }
    for expected in &all[2..] {
        assert_eq!(&told(&mut of_alice).await, expected);
    }
    let names: Vec<_> = std::iter::from_fn(|| feed.try_next())
        .map(|one| match &one.event {
            Event::ElementChanged { name, version, .. } => (name.clone(), *version),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected: Vec<_> = all.iter().map(|one| (one.name.clone(), one.version)).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn another_organization_has_elements_of_its_own() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let general = channel_id(&root, "General");
    root.set_element(On::Channel(general), "bot.a", "1", None).await.unwrap();
    let create = wire::CreateOrganization { tag: "guild".to_owned(), name: "The Guild".to_owned() };
    let made = server.server.organizations().operate(request::Body::CreateOrganization(create).into()).await;
    let Ok(response::Body::OrganizationMade(made)) = made else { panic!("{made:?}") };
    let address = Address { organization: "guild".to_owned(), ..server.address() };
    let claim = Credentials::claim(&made.claim.unwrap().code, "root", PASSWORD, "test");
    let connected = connect(&address, Trust::FirstUse, "test").await.unwrap();
    let owner = connected.log_in(claim).await.unwrap();
    assert_eq!(code(owner.elements(On::Channel(general)).await), ErrorCode::NoSuchChannel);
    assert_eq!(owner.elements(On::User("root".to_owned())).await.unwrap(), []);
    owner.set_element(On::Own, "bot.a", "2", None).await.unwrap();
    assert_eq!(root.elements(On::Own).await.unwrap(), []);
    let delete = wire::DeleteOrganization { tag: "guild".to_owned() };
    server.server.organizations().operate(request::Body::DeleteOrganization(delete).into()).await.unwrap();
    drop((root, owner));
    verify(server).await;
}

#[tokio::test]
async fn programs_keep_elements_by_the_command() {
    let server = TestServer::start().await;
    let home = tempfile::tempdir().unwrap();
    let run = async |args: &[&str], input: &'static str| {
        let (home, args) =
            (home.path().to_owned(), args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>());
        let run = move || {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            as_profile(&home, "root", &args, input)
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    let address = server.address().to_string().replacen("//", "//root@", 1);
    run(&["login", &address, "--password-stdin"], PASSWORD).await;
    let set =
        run(&["element", "set", "bot.topic", "[1, 2]", "--channel", "General", "--if-version", "0"], "")
            .await;
    assert_eq!((&set[0]["name"], &set[0]["version"]), (&"bot.topic".into(), &1.into()), "{set:?}");
    let got = run(&["element", "get", "bot.topic", "--channel", "General"], "").await;
    assert_eq!(got[0]["value"], "[1, 2]", "{got:?}");
    let stale =
        run(&["element", "set", "bot.topic", "3", "--channel", "General", "--if-version", "9"], "").await;
    assert_eq!(stale[0]["error"]["code"], "changed", "{stale:?}");
    run(&["element", "set", "bot.own", "true"], "").await;
    let listed = run(&["element", "list"], "").await;
    assert_eq!((listed.len(), &listed[0]["name"]), (1, &"bot.own".into()), "{listed:?}");
    run(&["element", "remove", "bot.topic", "--channel", "General"], "").await;
    let gone = run(&["element", "get", "bot.topic", "--channel", "General"], "").await;
    assert_eq!(gone[0]["error"]["code"], "not-found", "{gone:?}");
}
