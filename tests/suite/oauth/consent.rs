//! What somebody is asked where a program wants something of them, and what isn't asked again.

use super::*;
use crate::account::otp;
use crate::plugin::code::says;
use crate::plugin::install;

#[tokio::test]
async fn whoever_is_logged_in_here_is_not_asked_again_what_they_allowed() {
    let server = TestServer::start().await;
    let program = forge(&server).await;
    let query = program.query(&[]);
    let alice = server.log_in("alice").await;
    let token = BASE64.encode(&alice.logged_in().token);
    let decide = async |query: &str, decision: &str, token: &str| {
        let body = encoded(&[("query", query), ("session", token), ("decision", decision)]);
        post(&server, "/oauth/authorize", "", &body).await
    };
    let asked = decide(&query, "silent", &token).await;
    assert_eq!((asked.status, asked.location()), (200, None));
    assert!(asked.body.contains("data-silent=\"no\"") && asked.body.contains("data-session=\"yes\""));
    assert!(decide(&query, "allow", &token).await.sent("code").is_some());
    let silent = decide(&query, "silent", &token).await;
    assert_eq!((silent.status, silent.sent("iss")), (303, Some(program.issuer.clone())));
    // More than that is asked for, and so is whoever wants it anew.
    for (changes, session) in [
        (("scope", "openid view kick"), "yes"),
        (("prompt", "consent"), "yes"),
        (("prompt", "login"), "no"),
        (("max_age", "0"), "no"),
    ] {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let asked = decide(&program.query(&[changes]), "silent", &token).await;
        assert_eq!((asked.status, asked.location()), (200, None), "{changes:?}");
        assert!(asked.body.contains(&format!("data-session=\"{session}\"")), "{changes:?}");
    }
    // A token that isn't one, and an access token, which what is allowed would outlast, log nobody in.
    let access = BASE64.encode(&alice.logged_in().access_token);
    for token in ["AAAA", "?", &BASE64.encode(&[1; 49]), &access] {
        let asked = decide(&query, "allow", token).await;
        assert!(asked.location().is_none() && asked.body.contains("data-session=\"no\""));
    }
    alice.request(request::Body::LogOut(wire::LogOut {})).await.unwrap();
    assert!(decide(&query, "silent", &token).await.location().is_none());
}

/// What is asked for beside the password is asked for here, too, and is good once.
#[tokio::test]
async fn a_second_factor_is_asked_for_where_something_is_allowed() {
    let (server, clock) = TestServer::turned(&[]).await;
    let program = forge(&server).await;
    let alice = server.log_in("alice").await;
    let secret = alice.set_up_second_factor().await.unwrap().secret;
    let wall = server.server.handle().clock().clone();
    alice.confirm_second_factor(&otp(&secret, &wall, -30)).await.unwrap();
    let decide = async |code: &str| {
        let query = program.query(&[]);
        let form = [
            ("query", query.as_str()),
            ("name", "alice"),
            ("password", PASSWORD),
            ("code", code),
            ("decision", "allow"),
        ];
        post(&server, "/oauth/authorize", "", &encoded(&form)).await
    };
    let without = decide("").await;
    assert!(without.body.contains("needs its one-time code"), "{without:?}");
    let wrong = decide("000000").await;
    assert!(wrong.body.contains("one-time code is wrong"), "{wrong:?}");
    assert_eq!((without.status, wrong.status), (403, 403));
    let now = otp(&secret, &wall, 0);
    let allowed = decide(&now).await;
    assert!(allowed.sent("code").is_some(), "{allowed:?}");
    let again = decide(&now).await;
    assert!(again.sent("code").is_none() && again.body.contains("one-time code is wrong"), "{again:?}");
    // It is good for the log-in no more, either; the next one is.
    clock.advance(Duration::from_secs(30));
    let next = decide(&otp(&secret, &wall, 0)).await;
    assert!(next.sent("code").is_some(), "{next:?}");
}

#[tokio::test]
async fn whoever_a_plugin_doesn_t_let_in_has_no_program_act_for_them_by_their_password() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let program = forge(&server).await;
    let allows = async |name: &str| program.decide(&server, &program.query(&[]), name, PASSWORD).await;
    assert!(allows("bob").await.sent("code").is_some());
    let code = says(r#"{"allow": false, "reason": "closed today"}"#);
    let gate = "name = \"gate\"\nfunctions = [\"run\"]\n[hooks]\nlog_in = \"run\"";
    install(&root, &code, gate, &[]).await.unwrap();
    let refused = allows("alice").await;
    assert!(refused.sent("code").is_none() && refused.body.contains("Closed today."), "{refused:?}");
    // Whoever owns the place is asked about by nobody.
    assert!(allows("root").await.sent("code").is_some());
}
