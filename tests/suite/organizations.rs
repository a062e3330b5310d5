//! Several organizations in one server: what is of one is of no other, and one is made, limited and deleted while the
//! others go on.

mod crowds;
mod entry;
mod foreign;

use std::time::Duration;

use crate::support::{PASSWORD, Talking, TestServer, channel_id, code, drain, eventually, hear, silence};
use parlour::client::{
    Address, ConnectError, Connected, Credentials, DeviceSecret, Ended, Session, Trust, connect, probe_page,
};
use parlour::id::{OrganizationId, RoleId};
use parlour::permission::Permissions;
use parlour::protocol::wire::{self, create_ban, event, request, response};
use parlour::protocol::{CloseCode, ErrorCode};

/// Asks as the machine's owner.
async fn operate(server: &TestServer, body: request::Body) -> response::Body {
    server.server.organizations().operate(body.into()).await.unwrap()
}

/// Makes an organization, and answers with the code for its first owner.
pub(crate) async fn create(server: &TestServer, tag: &str, name: &str) -> String {
    let create = wire::CreateOrganization { tag: tag.to_owned(), name: name.to_owned() };
    match operate(server, request::Body::CreateOrganization(create)).await {
        response::Body::OrganizationMade(made) => made.claim.unwrap().code,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn delete(server: &TestServer, tag: &str) -> wire::OrganizationDeleted {
    let delete = wire::DeleteOrganization { tag: tag.to_owned() };
    match operate(server, request::Body::DeleteOrganization(delete)).await {
        response::Body::OrganizationDeleted(deleted) => deleted,
        other => panic!("{other:?}"),
    }
}

fn address(server: &TestServer, tag: &str) -> Address {
    Address { organization: tag.to_owned(), ..server.address() }
}

async fn visit(server: &TestServer, tag: &str) -> Connected {
    connect(&address(server, tag), Trust::FirstUse, "test/1").await.unwrap()
}

pub(crate) async fn enter(
    server: &TestServer,
    tag: &str,
    credentials: Credentials,
) -> Result<Session, ErrorCode> {
    visit(server, tag).await.log_in(credentials).await.map_err(|error| error.code().unwrap())
}

pub(crate) async fn log_in(server: &TestServer, tag: &str, name: &str) -> Session {
    enter(server, tag, Credentials::password(name, PASSWORD, "test")).await.unwrap()
}

async fn in_channel(server: &TestServer, tag: &str, name: &str, channel: &str) -> Session {
    let session = log_in(server, tag, name).await;
    session.join(channel_id(&session, channel)).await.unwrap();
    session
}

/// An organization `raid` with an owner `boss` and members `alice`, `bob` and `dora`; answers with the owner.
pub(crate) async fn raid(server: &TestServer) -> Session {
    let claim = create(server, "raid", "The Raid").await;
    let visitor = visit(server, "Raid").await;
    assert!(visitor.welcome().unclaimed);
    assert_eq!(visitor.welcome().server_name, "The Raid");
    let boss = visitor.log_in(Credentials::claim(&claim, "boss", PASSWORD, "test")).await.unwrap();
    for name in ["alice", "bob", "dora"] {
        boss.create_user(name, PASSWORD, "Member").await.unwrap();
    }
    boss
}

/// The refusal of a greeting.
fn refusal(outcome: Result<Connected, ConnectError>) -> ErrorCode {
    match outcome.unwrap_err() {
        ConnectError::Greeting(error) => error.code().unwrap(),
        other => panic!("{other}"),
    }
}

/// What was written in a session's channel or to it, within a moment.
async fn written(events: &mut tokio::sync::broadcast::Receiver<event::Body>) -> Option<String> {
    let text = async {
        loop {
            if let event::Body::Text(text) = events.recv().await.unwrap() {
                return text.text;
            }
        }
    };
    tokio::time::timeout(Duration::from_millis(400), text).await.ok()
}

#[tokio::test]
async fn voice_and_text_stay_in_their_organization() {
    let server = TestServer::start().await;
    let _boss = raid(&server).await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let raider = in_channel(&server, "raid", "alice", "General").await;
    let other = in_channel(&server, "raid", "bob", "General").await;
    assert_eq!(alice.list().await.unwrap().members.len(), 2, "nobody of the raid is seen");
    assert_eq!(raider.list().await.unwrap().members.len(), 3, "the owner is there, too");
    let (mut to_bob, mut to_other) = (bob.voice(), other.voice());
    let talking = Talking::start(&alice);
    assert_eq!(hear(&mut to_bob).await.unwrap().header.ssrc, alice.ssrc());
    assert!(silence(&mut to_other).await, "the raid hears what is said elsewhere");
    drop(talking);
    drain(&mut to_bob).await;
    let talking = Talking::start(&raider);
    assert_eq!(hear(&mut to_other).await.unwrap().header.ssrc, raider.ssrc());
    drain(&mut to_bob).await;
    assert!(silence(&mut to_bob).await, "the raid is heard elsewhere");
    drop(talking);
    let (mut at_bob, mut at_other) = (bob.events(), other.events());
    alice.text_channel(channel_id(&alice, "General"), "hello").await.unwrap();
    assert_eq!(written(&mut at_bob).await.as_deref(), Some("hello"));
    assert_eq!(written(&mut at_other).await, None);
    raider.text_channel(channel_id(&raider, "General"), "tonight").await.unwrap();
    assert_eq!(written(&mut at_other).await.as_deref(), Some("tonight"));
    assert_eq!(written(&mut at_bob).await, None);
}

#[tokio::test]
async fn metrics_and_status_tell_organizations_apart() {
    let server = TestServer::start().await;
    let _boss = raid(&server).await;
    create(&server, "empty", "Empty").await;
    let _alice = server.log_in("alice").await;
    let _bob = server.log_in("bob").await;
    let page = probe_page(server.server.addresses()[0], "localhost", "/metrics").await.unwrap();
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    for line in [
        // The first one's are called as if there were no other.
        "parlour_sessions 2\n",
        "parlour_sessions{organization=\"raid\"} 1\n",
        "parlour_organizations 2\n",
        "\nparlour_requests_total{organization=\"raid\",result=\"answered\"} ",
        "\nparlour_voice_packets_total{fate=\"forwarded\"} 0\n",
        "\nparlour_slow_requests_total{organization=\"raid\"} ",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("empty") && !text.contains("{organization=\"raid\",result=\"busy\"}"), "{text}");
    let ask = async |organization: &str| {
        let body = Some(request::Body::ServerStatus(wire::ServerStatus {}));
        let request = wire::Request { body, organization: organization.to_owned() };
        match server.server.organizations().operate(request).await.unwrap() {
            response::Body::Status(status) => status,
            other => panic!("{other:?}"),
        }
    };
    let status = ask("").await;
    let used = |tag: &str, name: &str, sessions| wire::OrganizationInUse {
        tag: tag.to_owned(),
        name: name.to_owned(),
        sessions,
    };
    assert_eq!(status.organizations, [used("", "Parlour", 2), used("raid", "The Raid", 1)]);
    let count = |status: &wire::Status, name: &str| {
        status.counters.iter().find(|counter| counter.name == name).unwrap().value
    };
    let (first, raid) = (server.count("requests_answered"), ask("raid").await);
    assert_eq!((status.sessions, raid.sessions, raid.name.as_str()), (3, 1, "The Raid"));
    assert!(raid.organizations.is_empty());
    let answered = count(&raid, "requests_answered");
    assert!(answered >= 3);
    assert_eq!(count(&status, "requests_answered"), first + answered);
}

#[tokio::test]
async fn whoever_proves_who_they_are_in_one_is_nobody_in_another() {
    let server = TestServer::with(&[("limits.account_tries", "50"), ("limits.address_tries", "500")]).await;
    let boss = raid(&server).await;
    let root = server.log_in("root").await;
    for (tag, name) in [("", "boss"), ("raid", "root"), ("raid", "carol")] {
        let tried = enter(&server, tag, Credentials::password(name, PASSWORD, "test")).await;
        assert_eq!(tried.unwrap_err(), ErrorCode::LogInFailed, "{name} in {tag:?}");
    }
    for (own, other, owner) in [("raid", "", &boss), ("", "raid", &root)] {
        let logged_in = owner.logged_in().clone();
        for token in [&logged_in.access_token, &logged_in.token] {
            let tried = enter(&server, other, Credentials::token(token)).await;
            assert_eq!(tried.unwrap_err(), ErrorCode::TokenInvalid, "a token of {own:?} in {other:?}");
        }
        let key = owner.create_api_key("reader", Permissions::VIEW, None).await.unwrap().key;
        let tried = enter(&server, other, Credentials::api_key(&key)).await;
        assert_eq!(tried.unwrap_err(), ErrorCode::LogInFailed, "an API key of {own:?} in {other:?}");
        enter(&server, own, Credentials::api_key(&key)).await.unwrap();
        let device = DeviceSecret::random().unwrap();
        owner.register_key(&device, "test").await.unwrap();
        let tried = enter(&server, other, Credentials::key(logged_in.user, &device)).await;
        assert_eq!(tried.unwrap_err(), ErrorCode::LogInFailed, "a device's key of {own:?} in {other:?}");
        let invite = owner.create_invite(wire::CreateInvite::default()).await.unwrap().code;
        let looked = visit(&server, other).await.look_at_invite(&invite).await;
        assert_eq!(code(looked), ErrorCode::InviteInvalid);
        let register = Credentials::register(&invite, "newcomer", PASSWORD, "test");
        assert_eq!(enter(&server, other, register.clone()).await.unwrap_err(), ErrorCode::InviteInvalid);
        // Where they were made, all of them are as good as before.
        enter(&server, own, register).await.unwrap();
        enter(&server, own, Credentials::key(logged_in.user, &device)).await.unwrap();
        enter(&server, own, Credentials::token(&logged_in.access_token)).await.unwrap();
    }
    let claim = create(&server, "other", "Other").await;
    let redeem = Credentials::claim(&claim, "thief", PASSWORD, "test");
    for tag in ["", "raid"] {
        assert_eq!(enter(&server, tag, redeem.clone()).await.unwrap_err(), ErrorCode::ClaimInvalid);
    }
    enter(&server, "other", redeem).await.unwrap();
}

#[tokio::test]
async fn bans_and_roles_are_of_one_organization() {
    let server = TestServer::start().await;
    let boss = raid(&server).await;
    let home = server.log_in("alice").await;
    let raider = log_in(&server, "raid", "alice").await;
    boss.ban(create_ban::Subject::User("alice".to_owned()), "not here", None).await.unwrap();
    assert!(matches!(raider.closed().await, Ended::ByServer(CloseCode::Banned)));
    let again = enter(&server, "raid", Credentials::password("alice", PASSWORD, "test")).await;
    assert_eq!(again.unwrap_err(), ErrorCode::Banned);
    home.list().await.unwrap();
    server.log_in("alice").await;
    let root = server.log_in("root").await;
    assert!(root.bans().await.unwrap().is_empty());
    // Each has an Owner's role of its own, whose last holder can't lose it.
    let raid = OrganizationId(2);
    let owner = boss.roles().await.unwrap().into_iter().find(|role| role.name == "Owner").unwrap();
    assert_eq!(owner.id, raid.role(RoleId(1)));
    assert_eq!(code(boss.revoke_role("boss", owner.id).await), ErrorCode::LastOwner);
    assert_eq!(code(boss.revoke_role("boss", RoleId(1)).await), ErrorCode::NoSuchRole);
    boss.grant_role("bob", owner.id, None).await.unwrap();
    boss.revoke_role("boss", owner.id).await.unwrap();
    assert_eq!(code(boss.bans().await), ErrorCode::Forbidden);
    assert_eq!(root.holders(RoleId(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_deleted_one_says_so_and_the_others_go_on() {
    let server = TestServer::start().await;
    let boss = raid(&server).await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let raider = in_channel(&server, "raid", "alice", "General").await;
    let mut to_bob = bob.voice();
    let _talking = Talking::start(&alice);
    hear(&mut to_bob).await.unwrap();
    let went = delete(&server, "raid").await;
    assert_eq!((went.users, went.channels), (4, 5));
    for session in [&boss, &raider] {
        assert!(matches!(session.closed().await, Ended::ByServer(CloseCode::OrganizationDeleted)));
        let words = session.closed_because().await;
        assert!(words.contains("organization was deleted"), "{words}");
    }
    let again = connect(&address(&server, "raid"), Trust::FirstUse, "test/1").await;
    assert_eq!(refusal(again), ErrorCode::NoSuchOrganization);
    drain(&mut to_bob).await;
    hear(&mut to_bob).await.expect("the others are heard");
    alice.list().await.unwrap();
    // Another one of the same tag has nothing of it.
    create(&server, "raid", "Another").await;
    assert_eq!(visit(&server, "raid").await.welcome().server_name, "Another");
    let back = enter(&server, "raid", Credentials::token(&boss.logged_in().access_token)).await;
    assert_eq!(back.unwrap_err(), ErrorCode::TokenInvalid);
    let home = wire::DeleteOrganization { tag: "home".to_owned() };
    let kept = server.server.organizations().operate(request::Body::DeleteOrganization(home).into()).await;
    assert_eq!(kept.unwrap_err().code(), ErrorCode::Forbidden);
}

#[tokio::test]
async fn limits_and_names_are_changed_while_people_are_there() {
    let server = TestServer::start().await;
    let boss = raid(&server).await;
    let limit = wire::LimitOrganization {
        tag: "raid".to_owned(),
        name: Some("Night Raid".to_owned()),
        channels: Some(6),
        users: Some(4),
        ..Default::default()
    };
    operate(&server, request::Body::LimitOrganization(limit)).await;
    eventually("the name is told", async || (boss.view().organization.name == "Night Raid").then_some(()))
        .await;
    boss.create_channel(None, "one").await.unwrap();
    assert_eq!(code(boss.create_channel(None, "two").await), ErrorCode::TooMany);
    assert!(boss.create_user("eve", PASSWORD, "Member").await.is_err());
    let root = server.log_in("root").await;
    root.create_channel(None, "two").await.unwrap();
    assert_eq!(visit(&server, "raid").await.welcome().server_name, "Night Raid");
    let listed = operate(&server, request::Body::ListOrganizations(wire::ListOrganizations::default())).await;
    let response::Body::Organizations(listed) = listed else { panic!("{listed:?}") };
    let shown: Vec<_> = listed
        .organizations
        .iter()
        .map(|one| (one.tag.as_str(), one.users, one.channels, one.sessions, one.served))
        .collect();
    assert_eq!(shown, [("home", 4, 6, 1, true), ("raid", 4, 6, 1, true)]);
    assert_eq!(listed.organizations[1].limits.unwrap().channels, 6);
    for (tag, why) in
        [("raid", ErrorCode::NameTaken), ("ra id", ErrorCode::NameInvalid), ("", ErrorCode::NameInvalid)]
    {
        let create = wire::CreateOrganization { tag: tag.to_owned(), name: "Again".to_owned() };
        let create = request::Body::CreateOrganization(create);
        let refused = server.server.organizations().operate(create.into()).await.unwrap_err();
        assert_eq!(refused.code(), why, "{tag:?}");
    }
}

#[tokio::test]
async fn organizations_are_there_after_a_restart_and_unknown_ones_are_refused() {
    let server = TestServer::start().await;
    raid(&server).await;
    for tag in ["nobody", "raid/x", "\u{0}"] {
        let greeted = connect(&address(&server, tag), Trust::FirstUse, "test/1").await;
        assert_eq!(refusal(greeted), ErrorCode::NoSuchOrganization, "{tag:?}");
    }
    let server = TestServer::again(server.stop().await).await;
    let alice = log_in(&server, "RAID", "alice").await;
    assert_eq!(alice.view().organization.name, "The Raid");
    // The first one has a tag, too.
    log_in(&server, "home", "carol").await;
}
