//! A device without a browser asks by a code that somebody types elsewhere.

use super::*;

#[tokio::test]
async fn a_device_shows_a_code_that_somebody_types_elsewhere() {
    let (server, turned) = TestServer::turned(&[]).await;
    let program = register(&server, wire::CreateOauthClient { device: true, ..Default::default() }).await;
    let begin = async |by: &Program, scope: &str| {
        let form = encoded(&[("scope", scope)]);
        post(&server, "/oauth/device_authorization", &by.basic(), &form).await
    };
    let poll = async |device: &Answer| {
        let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        let form = encoded(&[grant, ("device_code", &device.text("device_code"))]);
        post(&server, "/oauth/token", &program.basic(), &form).await
    };
    let decide = async |code: &str, password: &str, decision: &str| {
        let form = [("user_code", code), ("name", "alice"), ("password", password), ("decision", decision)];
        post(&server, "/oauth/device", "", &encoded(&form)).await
    };
    let device = begin(&program, "openid offline_access").await;
    let code = device.text("user_code");
    assert_eq!(device.text("verification_uri"), format!("{}/oauth/device", program.issuer));
    assert_eq!(
        (device.json()["interval"].as_u64(), device.json()["expires_in"].as_u64()),
        (Some(5), Some(600))
    );
    assert_eq!(poll(&device).await.text("error"), "authorization_pending");
    assert_eq!(poll(&device).await.text("error"), "slow_down");
    let page = get(&server, "/oauth/device").await;
    assert!(
        page.status == 200
            && page.body.contains("user_code")
            && page.head.to_lowercase().contains("frame-ancestors 'none'")
    );
    let asked = get(&server, &format!("/oauth/device?user_code={}", code.to_lowercase())).await;
    assert!(asked.body.contains("<b>Forge</b>") && asked.body.contains("data-silent=\"no\""), "{asked:?}");
    assert_eq!(decide("BBBB-BBBB", PASSWORD, "allow").await.status, 400);
    assert_eq!(decide(&code, "not the password", "allow").await.status, 403);
    let foreign =
        encoded(&[("user_code", &code), ("name", "alice"), ("password", PASSWORD), ("decision", "allow")]);
    assert_eq!(
        post(&server, "/oauth/device", "Origin: https://evil.example\r\n", &foreign).await.status,
        403
    );
    assert_eq!(decide(&code, PASSWORD, "allow").await.status, 200);
    assert_eq!(decide(&code, PASSWORD, "deny").await.status, 400, "it is decided");
    turned.advance(Duration::from_secs(10));
    let given = poll(&device).await;
    assert_eq!(userinfo(&server, &given.text("access_token")).await.status, 200, "{given:?}");
    assert_eq!(program.refresh(&server, &given.text("refresh_token")).await.status, 200);
    assert_eq!(poll(&device).await.text("error"), "expired_token");
    // Denied, too late, too much, and by a program that isn't one for devices.
    let denied = begin(&program, "openid").await;
    assert_eq!(decide(&denied.text("user_code"), "", "deny").await.status, 200);
    assert_eq!(poll(&denied).await.text("error"), "access_denied");
    let late = begin(&program, "openid").await;
    turned.advance(Duration::from_secs(600));
    assert_eq!(decide(&late.text("user_code"), PASSWORD, "allow").await.status, 400);
    assert_eq!(poll(&late).await.text("error"), "expired_token");
    assert_eq!(begin(&program, "administer").await.text("error"), "invalid_scope");
    assert_eq!(begin(&forge(&server).await, "openid").await.text("error"), "unauthorized_client");
}
