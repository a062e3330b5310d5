//! The feed: what happened in an organization, for those who follow it, as far as they may know.

mod missed;
mod rule;

use crate::support::{TestServer, channel_id};
use parlour::client::{ChannelEdit, NewOverwrite, OverwriteFor};
use parlour::control::{Actor, Origin, Way};
use parlour::feed::{Doer, Event, Filter, Kind, Subscription, To};
use parlour::id::{ApiKeyId, ChannelId, RoleId, UserId};
use parlour::permission::{Permissions, Reach};
use parlour::store::{SEEDED_ORGANIZATION, Setting, Store, write};

const MEMBER: RoleId = RoleId(3);

/// The account `alice` as a program of hers acts for it.
async fn program(server: &TestServer) -> Actor {
    let alice = server.log_in("alice").await;
    let scopes = Permissions::VIEW.union(Permissions::JOIN).union(Permissions::MANAGE_USERS);
    let made = alice.create_api_key("follower", scopes, None).await;
    // A key has no more than its owner.
    assert!(made.is_err());
    let scopes = Permissions::VIEW.union(Permissions::JOIN);
    let made = alice.create_api_key("follower", scopes, None).await.unwrap();
    let user = UserId(alice.logged_in().user);
    let origin = Origin { way: Way::Key(ApiKeyId(made.id)), address: None };
    Actor::Account { user, ceiling: scopes, origin }
}

fn events(subscription: &mut Subscription) -> Vec<Event> {
    std::iter::from_fn(|| subscription.try_next()).map(|one| one.event.clone()).collect()
}

#[tokio::test]
async fn whoever_follows_is_told_what_they_may_know_and_nothing_else() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let handle = server.server.handle();
    let alice = program(&server).await;
    let mut hers = handle.subscribe(alice, None, Filter::default()).await.unwrap();
    let mut all = handle.subscribe(Actor::Operator, None, Filter::default()).await.unwrap();
    let channels = Filter { kinds: vec![Kind::Channels] };
    let mut of_channels = handle.subscribe(Actor::Operator, None, channels).await.unwrap();

    let open = root.create_channel(None, "Open").await.unwrap();
    let secret = root.create_channel(None, "Secret").await.unwrap();
    let hidden = NewOverwrite {
        channel: secret,
        subject: OverwriteFor::Role(MEMBER),
        allow: Permissions::NONE,
        deny: Permissions::VIEW,
        reach: Reach::Both,
    };
    root.set_overwrite(hidden).await.unwrap();
    let below = root.create_channel(Some(secret), "Below").await.unwrap();
    root.join(below).await.unwrap();
    root.text_channel(below, "not for alice").await.unwrap();
    root.join(open).await.unwrap();
    root.text_channel(open, "for everybody").await.unwrap();
    let closed = ChannelEdit { password: Some("hush".to_owned()), ..ChannelEdit::default() };
    root.edit_channel_with(open, closed).await.unwrap();
    root.text_channel(open, "for whoever knows the password").await.unwrap();

    let seen = events(&mut hers);
    let created =
        |id, name: &str, parent| Event::ChannelCreated { channel: id, parent, name: name.to_owned() };
    assert!(seen.contains(&created(open, "Open", None)), "{seen:?}");
    assert!(
        !seen.iter().any(|event| matches!(event, Event::ChannelCreated { channel, .. } if *channel == below))
    );
    assert!(!seen.iter().any(|event| matches!(event, Event::OverwriteSet { .. })), "{seen:?}");
    let texts: Vec<_> = seen.iter().filter(|event| event.kind() == Kind::Texts).collect();
    assert!(
        matches!(texts[..], [Event::TextSent { to: To::Channel(to), text, .. }] if *to == open && text == "for everybody")
    );
    // She learns that somebody is somewhere that she sees, and not where they came from.
    let moves: Vec<_> = seen.iter().filter(|event| matches!(event, Event::Moved { .. })).collect();
    assert_eq!(moves, [&Event::Moved { session: root.id(), from: None, to: Some(open) }]);

    let mut told = Vec::new();
    while let Some(one) = all.try_next() {
        told.push(one);
    }
    assert!(told.windows(2).all(|two| two[1].number == two[0].number + 1), "the owner misses nothing");
    let by_root = told.iter().filter(|one| matches!(&one.by, Doer::Member { name, .. } if name == "root"));
    // Her own connection, by which the key was made, may end only now.
    assert!(by_root.count() >= told.len() - 1, "{told:?}");
    assert!(told.iter().any(|one| one.event == created(below, "Below", Some(secret))));
    assert!(events(&mut of_channels).iter().all(|event| event.kind() == Kind::Channels));

    // Who comes back is told what was missed.
    let first = told[0].number;
    let mut again = handle.subscribe(Actor::Operator, Some(first), Filter::default()).await.unwrap();
    assert_eq!(events(&mut again), told.iter().map(|one| one.event.clone()).collect::<Vec<_>>());
    assert!(handle.subscribe(Actor::Operator, Some(1), Filter::default()).await.is_err());
}

#[tokio::test]
async fn whoever_is_let_in_reads_nothing_that_was_written_before() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let handle = server.server.handle();
    let alice = program(&server).await;
    let mut all = handle.subscribe(Actor::Operator, None, Filter::default()).await.unwrap();
    let open = root.create_channel(None, "Open").await.unwrap();
    let secret = root.create_channel(None, "Secret").await.unwrap();
    let below = root.create_channel(Some(secret), "Below").await.unwrap();
    let hidden = |deny| NewOverwrite {
        channel: secret,
        subject: OverwriteFor::Role(MEMBER),
        allow: Permissions::NONE,
        deny,
        reach: Reach::Both,
    };
    let write = async |text: &str| {
        for channel in [open, secret, below] {
            root.join(channel).await.unwrap();
            root.text_channel(channel, text).await.unwrap();
        }
    };
    root.set_overwrite(hidden(Permissions::VIEW)).await.unwrap();
    write("before").await;
    root.set_overwrite(hidden(Permissions::NONE)).await.unwrap();
    write("after").await;

    let first = all.try_next().unwrap().number;
    let missed = async |actor| {
        let texts = Filter { kinds: vec![Kind::Texts] };
        let mut subscription = handle.subscribe(actor, Some(first), texts).await.unwrap();
        let text = |event| match event {
            Event::TextSent { to: To::Channel(to), text, .. } => (to, text),
            other => panic!("{other:?}"),
        };
        events(&mut subscription).into_iter().map(text).collect::<Vec<_>>()
    };
    let written = |channels: &[ChannelId], text: &str| {
        channels.iter().map(|channel| (*channel, text.to_owned())).collect::<Vec<_>>()
    };
    let (before, after) =
        (written(&[open, secret, below], "before"), written(&[open, secret, below], "after"));
    assert_eq!(missed(Actor::Operator).await, [before, after.clone()].concat());
    assert_eq!(missed(alice).await, [written(&[open], "before"), after].concat());
    // A role may have let her in anywhere.
    let role = root.create_role("Guest of honour", 5, 0, Permissions::NONE).await.unwrap();
    root.grant_role("alice", role, None).await.unwrap();
    assert_eq!(missed(alice).await, []);
    write("later").await;
    assert_eq!(missed(alice).await, written(&[open, secret, below], "later"));
}

#[tokio::test]
async fn a_program_that_may_not_ask_any_more_is_told_nothing_more() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, program(&server).await);
    let handle = server.server.handle();
    let mut hers = handle.subscribe(alice, None, Filter::default()).await.unwrap();
    let mut all = handle.subscribe(Actor::Operator, None, Filter::default()).await.unwrap();
    root.set_user_disabled("alice", true).await.unwrap();
    root.create_channel(None, "Later").await.unwrap();
    assert!(events(&mut all).iter().any(|event| matches!(event, Event::AccountChanged { .. })));
    assert!(!events(&mut hers).iter().any(|event| matches!(event, Event::ChannelCreated { .. })));
    assert!(handle.subscribe(alice, None, Filter::default()).await.is_err());
}

#[tokio::test]
async fn rows_that_belong_to_an_event_are_in_its_transaction() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let handle = server.server.handle();
    handle
        .attach(Box::new(|happened| {
            let Event::ChannelCreated { channel, .. } = &happened.event else { return Vec::new() };
            let (organization, name) = (SEEDED_ORGANIZATION, format!("made-{channel}"));
            let value = happened.number.to_string();
            vec![write::put_setting(Setting { organization, user: None, name, value }).erased()]
        }))
        .unwrap();
    let mut all = handle.subscribe(Actor::Operator, None, Filter::default()).await.unwrap();
    let made = root.create_channel(None, "Made").await.unwrap();
    // One that is refused leaves nothing, and takes no number.
    root.create_channel(None, "Made").await.unwrap_err();
    let general = channel_id(&root, "General");
    root.join(general).await.unwrap();
    let told: Vec<_> = std::iter::from_fn(|| all.try_next()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1].number, told[0].number + 1);
    let number = told[0].number;
    drop((root, all));
    let directory = server.stop().await;
    let store = Store::open(&directory.path().join("parlour.redb"), parlour::id::Timestamp(1)).unwrap();
    let settings = store.settings(SEEDED_ORGANIZATION, None).unwrap();
    let kept: Vec<_> = settings.iter().filter(|one| one.name.starts_with("made-")).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].name.as_str(), kept[0].value.as_str()),
        (&*format!("made-{made}"), &*number.to_string())
    );
}
