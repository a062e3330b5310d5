//! What was missed is told to whoever would have been told it, had they followed all along.

use std::time::Duration;

use crate::support::{PASSWORD, TestServer, channel_id, with};
use parlour::client::{ChannelEdit, Credentials, NewOverwrite, OverwriteFor, Session};
use parlour::control::{Actor, Origin, Way};
use parlour::feed::{Event, Filter, Kind, Subscription};
use parlour::id::{ApiKeyId, ChannelId, RoleId, UserId};
use parlour::permission::{Permissions, Reach};
use parlour::protocol::wire::{self, create_ban::Subject, request, send_text};
use tokio::sync::mpsc;

use super::MEMBER;

const HOUR: Duration = Duration::from_secs(3_600);

/// The account of a session as a program of its acts for it.
pub(super) async fn program_of(session: &Session) -> Actor {
    let scopes = Permissions::VIEW.union(Permissions::JOIN);
    let made = session.create_api_key("follower", scopes, None).await.unwrap();
    let origin = Origin { way: Way::Key(ApiKeyId(made.id)), address: None };
    Actor::Account { user: UserId(session.logged_in().user), ceiling: scopes, origin }
}

/// Whoever shows the access token of a session that is connected.
pub(super) fn token_of(session: &Session) -> Actor {
    let origin = Origin { way: Way::Session(session.id()), address: None };
    let user = UserId(session.logged_in().user);
    Actor::Account { user, ceiling: Permissions::ALL, origin }
}

pub(super) async fn next_number(server: &TestServer) -> u64 {
    let nothing = Filter { kinds: vec![Kind::Recordings] };
    server.server.handle().subscribe(Actor::Operator, None, nothing).await.unwrap().first()
}

fn texts_in(subscription: &mut Subscription) -> Vec<String> {
    let text = |event: &Event| match event {
        Event::TextSent { text, .. } => Some(text.clone()),
        _ => None,
    };
    std::iter::from_fn(|| subscription.try_next()).filter_map(|one| text(&one.event)).collect()
}

/// The texts that somebody is told who comes back.
async fn missed(server: &TestServer, actor: Actor, from: u64) -> Vec<String> {
    let texts = Filter { kinds: vec![Kind::Texts] };
    texts_in(&mut server.server.handle().subscribe(actor, Some(from), texts).await.unwrap())
}

fn hides(channel: ChannelId, from: RoleId) -> NewOverwrite {
    NewOverwrite {
        channel,
        subject: OverwriteFor::Role(from),
        allow: Permissions::NONE,
        deny: Permissions::VIEW,
        reach: Reach::Both,
    }
}

#[tokio::test]
async fn a_new_account_is_told_nothing_of_before_it_was_made() {
    let (server, clock) = TestServer::turned(&[("accounts.registration", "open")]).await;
    let root = server.log_in("root").await;
    let general = channel_id(&root, "General");
    let first = next_number(&server).await;
    root.text_channel(general, "before").await.unwrap();
    clock.advance(HOUR);
    let registered = Credentials::register("", "dora", PASSWORD, "laptop");
    let dora = program_of(&with(&server, registered).await.unwrap()).await;
    root.create_user("erin", PASSWORD, "").await.unwrap();
    let erin = program_of(&server.log_in("erin").await).await;
    for actor in [dora, erin] {
        let handle = server.server.handle();
        let mut all = handle.subscribe(actor, Some(first), Filter::default()).await.unwrap();
        let told: Vec<_> = std::iter::from_fn(|| all.try_next()).map(|one| one.event.clone()).collect();
        assert!(!told.iter().any(|event| event.kind() == Kind::Texts), "{told:?}");
        // They learn that their own account was made, as does whoever looks after accounts.
        let Actor::Account { user, .. } = actor else { panic!("{actor:?}") };
        assert_eq!(told[0], Event::AccountChanged { user });
    }
    // Nor where the clock was set back in between.
    clock.set_wall(clock_before(&server, HOUR * 2));
    root.create_user("fred", PASSWORD, "").await.unwrap();
    let fred = program_of(&server.log_in("fred").await).await;
    root.text_channel(general, "after").await.unwrap();
    for actor in [dora, erin, fred] {
        assert_eq!(missed(&server, actor, first).await, ["after"]);
    }
}

fn clock_before(server: &TestServer, by: Duration) -> parlour::id::Timestamp {
    let now = server.server.handle().clock().wall();
    parlour::id::Timestamp(now.0 - by.as_millis() as u64)
}

#[tokio::test]
async fn whoever_comes_in_one_batch_with_what_lets_them_in_reads_nothing_of_before() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let handle = server.server.handle();
    let secret = root.create_channel(None, "Secret").await.unwrap();
    root.set_overwrite(hides(secret, MEMBER)).await.unwrap();
    let staff = root.create_role("Staff", 5, 0, Permissions::NONE).await.unwrap();
    let shown = NewOverwrite {
        subject: OverwriteFor::Role(staff),
        allow: Permissions::VIEW,
        deny: Permissions::NONE,
        ..hides(secret, staff)
    };
    root.set_overwrite(shown).await.unwrap();
    let first = next_number(&server).await;
    root.text_channel(secret, "before").await.unwrap();
    let texts = || Filter { kinds: vec![Kind::Texts] };
    let mut all_along = handle.subscribe(token_of(&alice), None, texts()).await.unwrap();

    // The control thread is busy while all of this comes.
    let (entered, mut is_entered) = mpsc::channel(1);
    let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
    handle
        .attach(Box::new(move |happened| {
            if matches!(&happened.event, Event::ChannelCreated { name, .. } if name == "Busy") {
                let _ = entered.blocking_send(());
                let _ = goes_on.recv();
            }
            Vec::new()
        }))
        .unwrap();
    let busy = async { root.create_channel(None, "Busy").await.unwrap() };
    let rest = async {
        is_entered.recv().await.unwrap();
        let to = Some(send_text::To::Channel(secret.0));
        let text = wire::SendText { to, text: "just before".to_owned() };
        let text = handle.request(Actor::Session(root.id()), request::Body::SendText(text));
        // From the first on that is written, all of it is published together.
        let written = wire::CreateRole { name: "Written".to_owned(), ..wire::CreateRole::default() };
        let written = handle.request(Actor::Operator, request::Body::CreateRole(written));
        let grant = wire::GrantRole { user: "alice".to_owned(), role: staff.0, life_ms: 0 };
        let grant = handle.request(Actor::Operator, request::Body::GrantRole(grant));
        let follow = handle.subscribe(token_of(&alice), Some(first), texts());
        // They are asked in this order, and the last goes on when all of them wait.
        let (written, text, grant, follow, ()) =
            tokio::join!(written, text, grant, follow, async { go_on.send(()).unwrap() });
        written.unwrap();
        text.unwrap();
        grant.unwrap();
        follow.unwrap()
    };
    let (_, mut follows) = tokio::join!(busy, rest);
    assert_eq!(texts_in(&mut follows), Vec::<String>::new());
    root.text_channel(secret, "after").await.unwrap();
    assert_eq!(texts_in(&mut follows), ["after"]);
    assert_eq!(texts_in(&mut all_along), ["after"], "and nobody else was told what was written before");
    assert_eq!(missed(&server, token_of(&alice), first).await, ["after"]);
}

#[tokio::test]
async fn what_ends_by_time_lets_nobody_read_what_was_written_while_it_held() {
    let (server, clock) = TestServer::turned(&[]).await;
    let root = server.log_in("root").await;
    let (alice, bob) = (server.log_in("alice").await, server.log_in("bob").await);
    let (alice, bobs) = (program_of(&alice).await, program_of(&bob).await);
    let talk = root.create_channel(None, "Staff talk").await.unwrap();
    let role = root.create_role("Time-out", 5, 0, Permissions::NONE).await.unwrap();
    root.set_overwrite(hides(talk, role)).await.unwrap();
    let first = next_number(&server).await;
    root.text_channel(talk, "early").await.unwrap();
    root.grant_role("alice", role, Some(HOUR)).await.unwrap();
    root.grant_role("bob", role, Some(HOUR)).await.unwrap();
    root.text_channel(talk, "in the time-out").await.unwrap();
    clock.advance(HOUR);
    root.text_channel(talk, "after it").await.unwrap();
    assert_eq!(missed(&server, alice, first).await, ["after it"]);
    assert_eq!(missed(&server, token_of(&bob), first).await, ["after it"]);
    assert_eq!(missed(&server, bobs, first).await, ["after it"]);

    let first = next_number(&server).await;
    root.ban(Subject::User("alice".to_owned()), "", Some(HOUR)).await.unwrap();
    root.text_channel(talk, "in the ban").await.unwrap();
    clock.advance(HOUR);
    root.text_channel(talk, "after the ban").await.unwrap();
    assert_eq!(missed(&server, alice, first).await, ["after the ban"]);
    assert_eq!(missed(&server, bobs, first).await, ["in the ban", "after the ban"]);

    // The same of one that is lifted, and of one that a clock that is set seems to have ended before.
    let first = next_number(&server).await;
    let ban = root.ban(Subject::User("alice".to_owned()), "", None).await.unwrap();
    root.text_channel(talk, "while banned").await.unwrap();
    root.lift_ban(ban).await.unwrap();
    root.text_channel(talk, "lifted").await.unwrap();
    assert_eq!(missed(&server, alice, first).await, ["lifted"]);
    assert_eq!(missed(&server, bobs, first).await, ["while banned", "lifted"]);
    let first = next_number(&server).await;
    root.ban(Subject::User("alice".to_owned()), "", Some(HOUR)).await.unwrap();
    clock.set_wall(parlour::id::Timestamp(server.server.handle().clock().wall().0 + 7_200_000));
    root.text_channel(talk, "banned by the other clock").await.unwrap();
    clock.set_wall(clock_before(&server, HOUR * 2));
    clock.advance(HOUR);
    root.text_channel(talk, "over").await.unwrap();
    assert_eq!(missed(&server, alice, first).await, ["over"]);
}

#[tokio::test]
async fn a_password_opens_what_is_written_from_when_it_is_shown() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let closed = root.create_channel(None, "Closed").await.unwrap();
    let other = root.create_channel(None, "Other").await.unwrap();
    for channel in [closed, other] {
        let edit = ChannelEdit { password: Some("hush".to_owned()), ..ChannelEdit::default() };
        root.edit_channel_with(channel, edit).await.unwrap();
    }
    let first = next_number(&server).await;
    root.text_channel(closed, "before").await.unwrap();
    root.text_channel(other, "before").await.unwrap();
    alice.listen_with_password(closed, 100, "hush").await.unwrap();
    alice.join_with_password(other, "hush").await.unwrap();
    assert_eq!(missed(&server, token_of(&alice), first).await, Vec::<String>::new());
    root.text_channel(closed, "heard").await.unwrap();
    root.text_channel(other, "there").await.unwrap();
    assert_eq!(missed(&server, token_of(&alice), first).await, ["heard", "there"]);
    // Whoever has shown it goes and comes, and has missed nothing by that.
    alice.leave().await.unwrap();
    alice.join(other).await.unwrap();
    alice.join(closed).await.unwrap();
    assert_eq!(missed(&server, token_of(&alice), first).await, ["heard", "there"]);
    assert_eq!(missed(&server, program_of(&alice).await, first).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_happened_in_a_channel_is_no_more_for_everybody_when_the_channel_is_gone() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let alice = program_of(&alice).await;
    let first = next_number(&server).await;
    let secret = root.create_channel(None, "Secret").await.unwrap();
    root.set_overwrite(hides(secret, MEMBER)).await.unwrap();
    let below = root.create_channel(Some(secret), "Redundancies").await.unwrap();
    root.join(below).await.unwrap();
    root.remove_channel(secret).await.unwrap();
    let mut hers = server.server.handle().subscribe(alice, Some(first), Filter::default()).await.unwrap();
    let told: Vec<_> = std::iter::from_fn(|| hers.try_next()).map(|one| one.event.clone()).collect();
    let is_of_below = |event: &Event| match event {
        Event::ChannelCreated { channel, .. } => *channel == below,
        Event::Moved { .. } => true,
        _ => false,
    };
    assert!(!told.iter().any(is_of_below), "{told:?}");
}
