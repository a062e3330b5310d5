//! When what a program was given ends, and that nothing of it stays.

use parlour::client::Ended;
use parlour::permission::Permissions;
use parlour::protocol::CloseCode;

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
    // The log-out of all other devices, which leaves keys, and ends what somebody could have made on one that is lost.
    let (given, other) = (program.tokens(&server, "bob").await, server.log_in("bob").await);
    let bob = server.log_in("bob").await;
    let key = bob.create_api_key("backup", Permissions::VIEW, None).await.unwrap().key;
    bob.end_other_devices().await.unwrap();
    assert_eq!(other.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    assert!(!program.is_active(&server, &given.text("access_token")).await);
    assert_eq!(program.refresh(&server, &given.text("refresh_token")).await.text("error"), "invalid_grant");
    assert!(server.server.handle().bearer(&key, "127.0.0.1".parse().unwrap()).is_ok());
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

/// Without its key other keys sign, and what the former ones signed is good again when it is back.
#[tokio::test]
async fn keys_that_sign_outlast_a_sealing_key_that_is_put_back() {
    let server = TestServer::start().await;
    let program = forge(&server).await;
    let token = program.tokens(&server, "alice").await.text("access_token");
    let shown = async |server: &TestServer| {
        let keys = get(server, "/oauth/jwks.json").await.json()["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let is_good = |server: &TestServer, token: &str| {
        server.server.handle().bearer(token, "127.0.0.1".parse().unwrap()).is_ok()
    };
    let before = shown(&server).await;
    assert!(is_good(&server, &token));
    let directory = server.stop().await;
    let (path, aside) = (directory.path().join(parlour::secrets::SEALING), directory.path().join("aside"));
    std::fs::rename(&path, &aside).unwrap();
    // Twice: the first start with another key doesn't throw away what the second can't open either.
    let server = TestServer::again(directory).await;
    let meanwhile = shown(&server).await;
    assert!(meanwhile.len() == 2 && !meanwhile.iter().any(|key| before.contains(key)), "{meanwhile:?}");
    assert!(!is_good(&server, &token));
    program.tokens(&server, "alice").await;
    let server = TestServer::again(server.stop().await).await;
    assert_eq!(shown(&server).await, meanwhile);
    let directory = server.stop().await;
    std::fs::rename(directory.path().join("aside"), &path).unwrap();
    let server = TestServer::again(directory).await;
    assert_eq!(shown(&server).await, before);
    assert!(is_good(&server, &token));
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
