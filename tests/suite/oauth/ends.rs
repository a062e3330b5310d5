//! When what a program was given ends, and that nothing of it stays.

use super::*;

#[tokio::test]
async fn what_was_given_ends_with_its_time_with_the_person_s_word_and_with_their_password() {
    let (server, turned) = TestServer::turned(&[]).await;
    let program = forge(&server).await;
    let code = program.code(&server, "alice").await;
    turned.advance(Duration::from_secs(60));
    assert_eq!(program.exchange(&server, &code, VERIFIER).await.text("error"), "invalid_grant");
    let given = program.tokens(&server, "alice").await;
    assert_eq!(
        (given.json()["expires_in"].as_u64(), userinfo(&server, &given.text("access_token")).await.status),
        (Some(600), 200)
    );
    turned.advance(Duration::from_secs(601));
    assert_eq!(userinfo(&server, &given.text("access_token")).await.status, 401);
    let given = program.refresh(&server, &given.text("refresh_token")).await;
    let alice = server.log_in("alice").await;
    // The person's word.
    let list = || request::Body::ListOauthGrants(wire::ListOauthGrants {});
    let response::Body::OauthGrants(held) = alice.request(list()).await.unwrap() else { panic!("grants") };
    assert_eq!(
        (held.grants[0].name.as_str(), held.grants[0].scope.as_str()),
        ("Forge", "openid offline_access view")
    );
    let revoke = wire::RevokeOauthGrant { id: held.grants[0].id };
    alice.request(request::Body::RevokeOauthGrant(revoke)).await.unwrap();
    assert_eq!(userinfo(&server, &given.text("access_token")).await.status, 401);
    assert_eq!(program.refresh(&server, &given.text("refresh_token")).await.text("error"), "invalid_grant");
    // Another password.
    let given = program.tokens(&server, "alice").await;
    let change = wire::ChangePassword {
        old: PASSWORD.to_owned(),
        new: "a quite different sentence".to_owned(),
        keep_keys: true,
    };
    let response::Body::PasswordChanged(told) =
        alice.request(request::Body::ChangePassword(change)).await.unwrap()
    else {
        panic!("changed")
    };
    assert_eq!(told.programs, 1);
    assert!(!program.is_active(&server, &given.text("access_token")).await);
    assert_eq!(program.refresh(&server, &given.text("refresh_token")).await.text("error"), "invalid_grant");
    // A disabled account, and a program that is registered no more.
    let given = program.tokens(&server, "bob").await;
    server.log_in("root").await.set_user_disabled("bob", true).await.unwrap();
    assert_eq!(userinfo(&server, &given.text("access_token")).await.status, 401);
    let given = program.tokens(&server, "carol").await;
    let revoke = wire::RevokeOauthClient { id: program.id.parse().unwrap() };
    server.server.handle().request(Actor::Operator, request::Body::RevokeOauthClient(revoke)).await.unwrap();
    assert_eq!(userinfo(&server, &given.text("access_token")).await.status, 401);
}

/// Asks for something about the database, as the machine's owner.
async fn administer(server: &TestServer, what: &str) -> Value {
    let request = serde_json::json!({ "database": what }).to_string();
    let asked = request::Body::Administer(wire::Administer { request });
    let response::Body::Administered(told) =
        server.server.handle().request(Actor::Operator, asked).await.unwrap()
    else {
        panic!("administered")
    };
    serde_json::from_str(&told.answer).unwrap()
}

#[tokio::test]
async fn what_has_expired_is_swept_away() {
    let (server, turned) = TestServer::turned(&[]).await;
    let program = forge(&server).await;
    for name in ["alice", "bob"] {
        program.tokens(&server, name).await;
    }
    let given = async || {
        let stats = administer(&server, "stats").await;
        let mut tables = stats["rows"][0]["tables"].as_array().unwrap().iter();
        tables.find(|table| table["name"] == "oauth_families").unwrap()["rows"].as_u64().unwrap()
    };
    administer(&server, "sweep").await;
    assert_eq!(given().await, 2, "both are good");
    turned.advance(Duration::from_secs(400 * 86_400));
    administer(&server, "sweep").await;
    assert_eq!(given().await, 0);
}
