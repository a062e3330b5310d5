//! Who comes in by themselves, and how many, is each organization's own to say, within what it may.

use super::{address, enter, in_channel, log_in, operate, raid, visit};
use crate::support::{PASSWORD, TestServer, code, eventually};
use parlour::client::{Credentials, OrganizationEdit, RequestError, Session, Trust, connect};
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, Registration, request};

fn register(name: &str) -> Credentials {
    Credentials::register("", name, PASSWORD, "test")
}

async fn guests(session: &Session, guests: bool) -> Result<(), RequestError> {
    session.edit_organization(OrganizationEdit { guests: Some(guests), ..OrganizationEdit::default() }).await
}

async fn registration(session: &Session, registration: Registration) -> Result<(), RequestError> {
    let registration = Some(registration);
    session.edit_organization(OrganizationEdit { registration, ..OrganizationEdit::default() }).await
}

async fn limit(server: &TestServer, limit: wire::LimitOrganization) {
    let limit = wire::LimitOrganization { tag: "raid".to_owned(), ..limit };
    operate(server, request::Body::LimitOrganization(limit)).await;
}

/// What the greeting says of who comes in.
async fn greeted(server: &TestServer, tag: &str) -> (bool, Registration) {
    let visitor = visit(server, tag).await;
    (visitor.welcome().guests, visitor.welcome().registration())
}

#[tokio::test]
async fn an_organization_says_who_comes_in_and_another_one_says_otherwise() {
    let open = [("sessions.guests", "true"), ("accounts.registration", "open")];
    let server = TestServer::with(&open).await;
    let boss = raid(&server).await;
    for tag in ["", "raid"] {
        assert_eq!(greeted(&server, tag).await, (true, Registration::Open), "{tag:?}");
    }
    let stays = enter(&server, "raid", Credentials::guest("early", "test")).await.unwrap();
    guests(&boss, false).await.unwrap();
    registration(&boss, Registration::Closed).await.unwrap();
    assert_eq!(greeted(&server, "raid").await, (false, Registration::Closed));
    assert_eq!(greeted(&server, "").await, (true, Registration::Open));
    let refused = enter(&server, "raid", Credentials::guest("late", "test")).await;
    assert_eq!(refused.unwrap_err(), ErrorCode::GuestsRefused);
    assert_eq!(enter(&server, "raid", register("late")).await.unwrap_err(), ErrorCode::RegistrationClosed);
    enter(&server, "", Credentials::guest("late", "test")).await.unwrap();
    enter(&server, "", register("late")).await.unwrap();
    stays.list().await.unwrap();
    registration(&boss, Registration::Invite).await.unwrap();
    assert_eq!(enter(&server, "raid", register("late")).await.unwrap_err(), ErrorCode::InviteInvalid);
    let told = async || (boss.view().organization.registration == Registration::Invite).then_some(());
    eventually("everybody is told", told).await;
    let alice = log_in(&server, "raid", "alice").await;
    assert_eq!(code(guests(&alice, true).await), ErrorCode::Forbidden);
    // It is there after a restart.
    let server = TestServer::again(server.stop().await).await;
    let boss = log_in(&server, "raid", "boss").await;
    let now = boss.organization().await.unwrap();
    assert_eq!((now.guests, now.registration), (false, Registration::Invite));
}

#[tokio::test]
async fn an_organization_may_what_the_machine_s_owner_allows_it() {
    let server = TestServer::start().await;
    let boss = raid(&server).await;
    assert_eq!(greeted(&server, "raid").await, (false, Registration::Invite));
    assert_eq!(code(guests(&boss, true).await), ErrorCode::Forbidden);
    assert_eq!(code(registration(&boss, Registration::Open).await), ErrorCode::Forbidden);
    let (admitted, open) = (wire::Guests::Admitted.into(), Registration::Open.into());
    limit(
        &server,
        wire::LimitOrganization { guests: Some(admitted), registration: Some(open), ..Default::default() },
    )
    .await;
    assert_eq!(greeted(&server, "raid").await, (true, Registration::Open));
    assert_eq!(greeted(&server, "").await, (false, Registration::Invite));
    enter(&server, "raid", Credentials::guest("eve", "test")).await.unwrap();
    guests(&boss, false).await.unwrap();
    guests(&boss, true).await.unwrap();
    // What is taken back holds at once.
    let configured = wire::Guests::Configured.into();
    limit(&server, wire::LimitOrganization { guests: Some(configured), ..Default::default() }).await;
    assert_eq!(greeted(&server, "raid").await, (false, Registration::Open));
    assert_eq!(
        enter(&server, "raid", Credentials::guest("eve", "test")).await.unwrap_err(),
        ErrorCode::GuestsRefused
    );
}

#[tokio::test]
async fn a_full_organization_says_so_and_another_one_has_room() {
    let server = TestServer::start().await;
    let boss = raid(&server).await;
    limit(&server, wire::LimitOrganization { sessions: Some(2), ..Default::default() }).await;
    let _alice = in_channel(&server, "raid", "alice", "General").await;
    let bob = connect(&address(&server, "raid"), Trust::FirstUse, "test/1").await.unwrap();
    let refused = bob.log_in(Credentials::password("bob", PASSWORD, "test")).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Full));
    assert!(refused.to_string().contains("all 2 places of this organization"), "{refused}");
    // Whoever is there comes again.
    let token = boss.logged_in().access_token.clone();
    enter(&server, "raid", Credentials::token(&token)).await.unwrap();
    for name in ["alice", "bob", "carol"] {
        server.log_in(name).await;
    }
    limit(&server, wire::LimitOrganization { sessions: Some(3), ..Default::default() }).await;
    log_in(&server, "raid", "bob").await;
}
