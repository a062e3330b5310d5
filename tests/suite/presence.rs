//! Presence by interest, end to end: whom a client is told of that looks at some channels, and how many there are elsewhere.

use std::time::Duration;

use crate::support::{PASSWORD, TestServer, channel_id, code, eventually};
use parlour::client::{Credentials, NewOverwrite, OverwriteFor, Session, Trust, View, connect_by_interest};
use parlour::id::{ChannelId, RoleId};
use parlour::permission::{Permissions, Reach};
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, event, request};

async fn by_interest(server: &TestServer, name: &str) -> Session {
    let connected = connect_by_interest(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
    connected.log_in(Credentials::password(name, PASSWORD, "test")).await.unwrap()
}

/// Waits until what somebody is told is so. Whatever is asked for may be told a little after its answer.
async fn until(session: &Session, what: &str, is_so: impl Fn(&View) -> bool) -> View {
    let mut views = session.watch();
    let waited = tokio::time::timeout(Duration::from_secs(10), views.wait_for(is_so)).await;
    assert!(waited.is_ok(), "it doesn't come about that {what}: {:?}", session.view());
    waited.unwrap().unwrap().clone()
}

fn names(view: &View) -> Vec<&str> {
    let mut names: Vec<_> = view.members.values().map(|member| member.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// Root and bob in General, carol in Social; alice, who is told by interest, in none.
async fn server() -> (TestServer, parlour::clock::TurnedClock, [Session; 4]) {
    let (server, clock) = TestServer::turned(&[]).await;
    let sessions = [
        server.in_channel("root", "General").await,
        server.in_channel("bob", "General").await,
        server.in_channel("carol", "Social").await,
        by_interest(&server, "alice").await,
    ];
    (server, clock, sessions)
}

#[tokio::test]
async fn whoever_looks_at_some_channels_is_told_of_the_people_there_and_how_many_are_elsewhere() {
    let (_server, clock, [_root, bob, carol, alice]) = server().await;
    let (general, social) = (channel_id(&alice, "General"), channel_id(&alice, "Social"));
    let first = alice.view();
    assert_eq!(names(&first), ["alice"]);
    assert_eq!((first.count_of(general), first.count_of(social)), (2, 1));
    assert_eq!(first.channels, bob.view().channels);
    assert_eq!(first.roles, bob.view().roles);

    // What is in sight is as it is in a full listing.
    alice.join(general).await.unwrap();
    let view = until(&alice, "the people of her channel are told", |view| view.members.len() == 3).await;
    assert_eq!(names(&view), ["alice", "bob", "root"]);
    let full = bob.list().await.unwrap();
    for row in view.members.values() {
        let told = full.members.iter().find(|other| other.session == row.session).unwrap();
        assert_eq!(*row, wire::Member { idle_ms: 0, talking: false, ..told.clone() });
    }
    bob.set_self(Some(true), None).await.unwrap();
    until(&alice, "bob is muted", |view| view.member(bob.id()).is_some_and(|bob| bob.mute)).await;

    alice.watch_channels(&[social]).await.unwrap();
    let view = until(&alice, "carol is told of", |view| view.member(carol.id()).is_some()).await;
    assert_eq!(view.count_of(social), 1);
    alice.watch_channels(&[]).await.unwrap();
    until(&alice, "carol is out of sight", |view| view.member(carol.id()).is_none()).await;
    alice.listen(social, 100).await.unwrap();
    until(&alice, "carol is told of", |view| view.member(carol.id()).is_some()).await;
    alice.stop_listening(social).await.unwrap();
    until(&alice, "carol is out of sight", |view| view.member(carol.id()).is_none()).await;

    // Bob goes out of her sight and comes back; counts come when it is time, and are as many as there are.
    let mut events = alice.events();
    bob.join(social).await.unwrap();
    until(&alice, "bob is out of sight", |view| view.member(bob.id()).is_none()).await;
    bob.join(general).await.unwrap();
    until(&alice, "bob is back", |view| view.member(bob.id()).is_some()).await;
    carol.leave().await.unwrap();
    clock.advance(Duration::from_secs(2));
    let view = until(&alice, "nobody is in Social", |view| view.count_of(social) == 0).await;
    assert_eq!(names(&view), ["alice", "bob", "root"]);
    while let Ok(event) = events.try_recv() {
        let row = match event {
            event::Body::MemberIs(row) => row.session,
            event::Body::MemberGone(session) => session,
            _ => continue,
        };
        assert_ne!(row, carol.id().0, "she is told of carol, whom she doesn't look at");
    }
    bob.close().await;
    until(&alice, "bob is gone", |view| names(view) == ["alice", "root"]).await;
}

#[tokio::test]
async fn what_may_not_be_seen_is_neither_told_nor_counted_nor_listed() {
    let (_server, clock, [root, bob, carol, alice]) = server().await;
    let social = channel_id(&alice, "Social");
    alice.watch_channels(&[social]).await.unwrap();
    until(&alice, "carol is told of", |view| view.member(carol.id()).is_some()).await;
    let hide = |denied: Permissions| NewOverwrite {
        channel: social,
        subject: OverwriteFor::Role(RoleId(3)),
        allow: Permissions::NONE,
        deny: denied,
        reach: Reach::Both,
    };
    root.join(social).await.unwrap();
    until(&alice, "root is told of", |view| view.member(root.id()).is_some()).await;
    root.set_overwrite(hide(Permissions::VIEW)).await.unwrap();
    let view = until(&alice, "Social is gone", |view| !view.channels.contains_key(&social.0)).await;
    let view = if view.members.len() == 1 {
        view
    } else {
        until(&alice, "its people are", |view| view.members.len() == 1).await
    };
    assert_eq!((view.count_of(social), view.counts.get(&social.0)), (0, None));

    let mut events = alice.events();
    let hidden = root.create_channel(Some(social), "Below").await.unwrap();
    root.join(hidden).await.unwrap();
    for session in [&root, &bob] {
        session.set_self(Some(true), None).await.unwrap();
    }
    clock.advance(Duration::from_secs(2));
    assert_eq!(code(alice.watch_channels(&[social]).await), ErrorCode::NoSuchChannel);
    assert_eq!(code(alice.list_people(Some(hidden), None).await), ErrorCode::NoSuchChannel);
    let unseen = alice.list_people(None, None).await.unwrap();
    assert!(unseen.members.iter().any(|member| member.session == root.id().0 && member.channel == 0));
    while let Ok(event) = events.try_recv() {
        let is_hidden = match &event {
            event::Body::CountsAre(counts) => {
                counts.channels.iter().any(|one| [social.0, hidden.0].contains(&one.channel))
            }
            event::Body::MemberIs(row) => row.session != alice.id().0,
            event::Body::SightIs(_) | event::Body::ChannelIs(_) => true,
            _ => false,
        };
        assert!(!is_hidden, "{event:?}");
    }
    // What she watched she sees again when she may.
    root.set_overwrite(hide(Permissions::NONE)).await.unwrap();
    root.join(social).await.unwrap();
    let view = until(&alice, "she sees it again", |view| view.member(root.id()).is_some()).await;
    assert!(view.channels.contains_key(&social.0));
}

#[tokio::test]
async fn people_are_listed_a_page_at_a_time_and_found_by_their_voice() {
    let (server, _clock, [_root, bob, _carol, alice]) = server().await;
    let general = channel_id(&alice, "General");
    let page = alice.list_people(Some(general), None).await.unwrap();
    let listed: Vec<_> = page.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!((listed, page.more), (vec!["root", "bob"], false));
    let after = alice.list_people(Some(general), Some(bob.id())).await.unwrap();
    assert_eq!(after.members, []);
    let found = alice.find_speaker(bob.ssrc()).await.unwrap().unwrap();
    assert_eq!(found.name, "bob");
    assert_eq!(code(alice.list_people(Some(ChannelId(9_999)), None).await), ErrorCode::NoSuchChannel);
    drop(server);
}

#[tokio::test]
async fn who_is_told_of_everybody_watches_nothing_and_many_channels_are_refused() {
    let (_server, _clock, [root, _bob, _carol, alice]) = server().await;
    let social = channel_id(&root, "Social");
    assert_eq!(code(root.watch_channels(&[social]).await), ErrorCode::Unexpected);
    assert_eq!(code(alice.watch_channels(&[social; 257]).await), ErrorCode::Malformed);
    assert!(root.view().sight.is_none() && root.view().counts.is_empty());
    // A connection that didn't ask for it is told what it always was.
    let list = request::Body::List(wire::List::default());
    assert!(root.request(list).await.is_ok());
    eventually("root is told of alice", async || root.view().member(alice.id()).map(|_| ())).await;
}
