//! An invite is taken up by a log-in at another server, instead of by choosing a password.

use std::time::Duration;

use parlour::permission::Permissions;
use parlour::protocol::wire::{self, request, response};
use serde_json::{Value, json};

use super::lab::{Away, Lab, Shown, log_in, send};
use super::{ask, by_token, server_of, user, users};
use crate::support::{TestServer, with};

/// An invite of the machine's owner.
async fn invite(server: &TestServer, create: wire::CreateInvite) -> wire::Invite {
    let response::Body::Invite(made) = ask(server, request::Body::CreateInvite(create)).await else {
        panic!("an invite")
    };
    made
}

/// The invites that are good.
async fn invites(server: &TestServer) -> Vec<wire::Invite> {
    let list = request::Body::ListInvites(wire::ListInvites {});
    let response::Body::Invites(invites) = ask(server, list).await else { panic!("invites") };
    invites.invites
}

/// Asks for the way to a provider, to take up the invite of a code, as a browser does that says these headers.
async fn begin(server: &TestServer, provider: &str, code: &str, headers: &str) -> Shown {
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("invite", code).finish();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    send(server, "POST", &format!("/oidc/{provider}/start"), &format!("{form}{headers}"), &body).await
}

/// The same by the page.
async fn by_page(server: &TestServer, provider: &str, code: &str) -> Shown {
    let origin = format!("Origin: https://{}\r\n", server.server.addresses()[0]);
    begin(server, provider, code, &origin).await
}

/// Somebody whose browser was sent to a provider to take up an invite, and who they are there.
async fn go(server: &TestServer, (lab, provider): (&Lab, &str), code: &str, who: &str) -> Away {
    let begun = by_page(server, provider, code).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    let told: Value = serde_json::from_str(&begun.body).unwrap();
    let location = told["location"].as_str().unwrap();
    assert!(!location.contains(code), "the code stays here: {location}");
    let away = Away::of(lab, provider, location, &begun.header("set-cookie").unwrap());
    let email = format!("{who}@example.org");
    let told = json!({ "preferred_username": who, "email": email, "email_verified": true });
    away.is(lab, server, who, told);
    away
}

#[tokio::test]
async fn whoever_is_invited_gets_an_account_by_a_provider_and_whoever_has_one_uses_nothing_up() {
    let lab = Lab::start().await;
    // Nobody gets one by the provider alone.
    let server = server_of(&lab, "").await;
    let roles = vec!["Member".to_owned(), "Service".to_owned()];
    let made = invite(&server, wire::CreateInvite { uses: 2, roles, ..Default::default() }).await;
    let back = go(&server, (&lab, "lab"), &made.code, "dora").await.come_back(&server, "").await;
    assert_eq!(back.status, 200, "{back:?}");
    let dora = with(&server, by_token(back.token().unwrap())).await.unwrap();
    assert_eq!(dora.logged_in().name, "dora");
    let row = user(&server, "dora").await;
    assert_eq!((row.email.as_str(), row.email_verified), ("dora@example.org", true));
    assert_eq!(row.roles, ["Member", "Service"]);
    assert_eq!(dora.linked_log_ins().await.unwrap().len(), 1);
    // Whoever made it sees who came by it.
    let left = invites(&server).await;
    assert_eq!((left[0].uses, left[0].came.as_slice()), (1, &["dora".to_owned()][..]));
    // Once more, she is told that she has an account.
    let again = go(&server, (&lab, "lab"), &made.code, "dora").await.come_back(&server, "").await;
    assert_eq!((again.status, again.token()), (403, None));
    assert!(again.problem().starts_with("This log-in leads to an account here already"), "{again:?}");
    assert_eq!(invites(&server).await[0].uses, 1);
    let by_herself = log_in(&server, &lab, "dora", json!({})).await;
    let session = with(&server, by_token(by_herself.token().unwrap())).await.unwrap();
    assert_eq!(session.logged_in().user, row.user);
    // Somebody else gets the last one, and the next one none.
    let last = go(&server, (&lab, "lab"), &made.code, "erin").await.come_back(&server, "").await;
    assert!(last.token().is_some(), "{last:?}");
    assert!(invites(&server).await.is_empty());
    let refused = by_page(&server, "lab", &made.code).await;
    assert_eq!((refused.status, refused.header("set-cookie")), (403, None));
    assert!(refused.body.contains("The invite is wrong, used up or expired"), "{refused:?}");
}

#[tokio::test]
async fn nobody_is_made_to_take_up_an_invite_and_nobody_does_in_another_s_place() {
    let lab = Lab::start().await;
    let server = server_of(&lab, "").await;
    let made = invite(&server, wire::CreateInvite::default()).await;
    let before = users(&server).await;
    for headers in
        ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n", ""]
    {
        let begun = begin(&server, "lab", &made.code, headers).await;
        assert_eq!((begun.status, begun.header("set-cookie")), (403, None), "{headers}");
    }
    // A link of another page leads to a log-in at most, whatever stands in it.
    let path = format!("/oidc/lab/start?invite={}", made.code);
    let sent = send(&server, "GET", &path, "", "").await;
    let away = Away::of(&lab, "lab", &sent.header("location").unwrap(), &sent.header("set-cookie").unwrap());
    away.is(&lab, &server, "dora", json!({ "preferred_username": "dora" }));
    let back = away.come_back(&server, &format!("&invite={}", made.code)).await;
    assert_eq!((back.status, back.token()), (403, None), "{back:?}");
    // Only the browser that went comes back, and once.
    let away = go(&server, (&lab, "lab"), &made.code, "dora").await;
    let other = Away::go(&server, &lab, "lab").await;
    let mixed = Away { cookie: other.cookie.clone(), ..away.clone() };
    assert_eq!(mixed.come_back(&server, "").await.token(), None);
    assert_eq!(away.come_back(&server, "").await.token(), None);
    assert_eq!(users(&server).await, before);
    assert_eq!(invites(&server).await[0].uses, 1);
    let wrong = by_page(&server, "lab", "ABCDE-FGHJK-MNPQR").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (403, None), "{wrong:?}");
}

#[tokio::test]
async fn an_invite_that_is_good_no_more_when_somebody_comes_back_makes_no_account() {
    let lab = Lab::start().await;
    let providers = format!("[{}]", lab.setting("lab", ""));
    let (server, clock) = TestServer::turned(&[("log_in.providers", &providers)]).await;
    let before = users(&server).await;
    let refused = async |away: Away| {
        let back = away.come_back(&server, "").await;
        assert_eq!((back.status, back.token()), (403, None), "{back:?}");
        assert!(back.problem().starts_with("The invite is wrong, used up or expired"), "{back:?}");
        assert_eq!(users(&server).await, before);
    };
    // It expires.
    let made = invite(&server, wire::CreateInvite { life_ms: 60_000, ..Default::default() }).await;
    let away = go(&server, (&lab, "lab"), &made.code, "dora").await;
    clock.advance(Duration::from_secs(61));
    refused(away).await;
    // It is revoked.
    let made = invite(&server, wire::CreateInvite::default()).await;
    let away = go(&server, (&lab, "lab"), &made.code, "dora").await;
    ask(&server, request::Body::RevokeInvite(wire::RevokeInvite { id: made.id })).await;
    refused(away).await;
    // Whoever made it may invite nobody any more, or isn't let in.
    let root = server.log_in("root").await;
    let host = root.create_role("Host", 50, 0, Permissions::INVITE).await.unwrap();
    root.grant_role("alice", host, None).await.unwrap();
    let alice = server.log_in("alice").await;
    let made = alice.create_invite(wire::CreateInvite::default()).await.unwrap();
    let away = go(&server, (&lab, "lab"), &made.code, "dora").await;
    root.revoke_role("alice", host).await.unwrap();
    refused(away).await;
    root.grant_role("alice", host, None).await.unwrap();
    let away = go(&server, (&lab, "lab"), &made.code, "dora").await;
    let disable = wire::SetUserDisabled { name: "alice".to_owned(), disabled: true };
    ask(&server, request::Body::SetUserDisabled(disable)).await;
    refused(away).await;
}

#[tokio::test]
async fn where_nobody_makes_an_account_a_provider_makes_none_either() {
    let lab = Lab::start().await;
    let providers = format!("[{}]", lab.setting("lab", ""));
    let flags = [("log_in.providers", providers.as_str()), ("accounts.registration", "closed")];
    let server = TestServer::with(&flags).await;
    let made = invite(&server, wire::CreateInvite::default()).await;
    let begun = by_page(&server, "lab", &made.code).await;
    assert_eq!((begun.status, begun.header("set-cookie")), (403, None), "{begun:?}");
}

#[tokio::test]
async fn of_two_who_come_back_at_once_by_an_invite_for_one_one_gets_an_account() {
    let (lab, other) = (Lab::start().await, Lab::start().await);
    let providers = format!("[{}, {}]", lab.setting("lab", ""), other.setting("other", ""));
    let server = TestServer::with(&[("log_in.providers", &providers)]).await;
    let before = users(&server).await.len();
    for round in 0..4 {
        let made = invite(&server, wire::CreateInvite::default()).await;
        let one = go(&server, (&lab, "lab"), &made.code, &format!("one{round}")).await;
        let two = go(&server, (&other, "other"), &made.code, &format!("two{round}")).await;
        let (one, two) = tokio::join!(one.come_back(&server, ""), two.come_back(&server, ""));
        let came = [&one, &two].into_iter().filter(|shown| shown.token().is_some()).count();
        assert_eq!(came, 1, "{one:?} {two:?}");
        let refused = [&one, &two].into_iter().find(|shown| shown.token().is_none()).unwrap();
        assert!(refused.problem().starts_with("The invite is wrong, used up or expired"), "{refused:?}");
        assert_eq!(users(&server).await.len(), before + round + 1);
        assert!(invites(&server).await.is_empty());
    }
}
