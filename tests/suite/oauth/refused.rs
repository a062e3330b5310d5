//! What is refused: malicious requests of programs, of pages and of whoever is between.

use ring::hmac;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_request_that_may_be_somebody_else_s_leads_nowhere() {
    let server = TestServer::start().await;
    let program = forge(&server).await;
    let good = program.query(&[]);
    for bad in [
        program.query(&[("redirect_uri", "https://evil.example/callback")]),
        program.query(&[("redirect_uri", &format!("{REDIRECT}/"))]),
        program.query(&[("redirect_uri", &format!("{REDIRECT}?next=https://evil.example"))]),
        program.query(&[("redirect_uri", "https://forge.example@evil.example/callback")]),
        program.query(&[("redirect_uri", "javascript:alert(1)")]),
        program.query(&[("redirect_uri", "")]),
        program.query(&[("client_id", "7")]),
        program.query(&[("client_id", "")]),
        format!("{good}&redirect_uri=https%3A%2F%2Fevil.example"),
        format!("{good}&client_id=7"),
        format!("{good}&state=t"),
        format!("{good}&scope=openid"),
    ] {
        let shown = get(&server, &format!("/oauth/authorize?{bad}")).await;
        assert_eq!((shown.status, shown.location()), (400, None), "{bad}");
        assert!(!shown.body.contains("id=\"consent\""), "{bad}");
        let decided = program.decide(&server, &bad, "alice", PASSWORD).await;
        assert_eq!((decided.status, decided.location()), (400, None), "{bad}");
    }
}

#[tokio::test]
async fn a_program_is_told_what_is_wrong_at_its_own_address() {
    let server = TestServer::start().await;
    let program = forge(&server).await;
    for (change, code) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "code id_token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "form_post"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("scope", "openid administer"), "invalid_scope"),
        (("scope", "openid everything"), "invalid_scope"),
        (("resource", "https://other.example"), "invalid_target"),
        (("prompt", "none"), "login_required"),
        (("request", "a.b.c"), "request_not_supported"),
        (("request_uri", "https://evil.example"), "request_uri_not_supported"),
    ] {
        let answer = get(&server, &format!("/oauth/authorize?{}", program.query(&[change]))).await;
        assert_eq!((answer.status, answer.sent("error").as_deref()), (303, Some(code)), "{change:?}");
        assert!(answer.location().unwrap().as_str().starts_with(REDIRECT), "{change:?}");
        let told = (answer.sent("state"), answer.sent("iss"));
        assert_eq!(told, (Some("s-1".to_owned()), Some(program.issuer.clone())), "{change:?}");
    }
    let body = encoded(&[("query", &program.query(&[])), ("decision", "deny")]);
    let denied = post(&server, "/oauth/authorize", "", &body).await;
    assert_eq!(denied.sent("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn nobody_but_the_person_decides_and_the_page_is_framed_by_nobody() {
    let server = TestServer::start().await;
    let program = forge(&server).await;
    let query = program.query(&[("state", "\"><script>alert(1)</script>"), ("login_hint", "\"><img src=x>")]);
    let shown = get(&server, &format!("/oauth/authorize?{query}")).await;
    let head = shown.head.to_lowercase();
    assert!(head.contains("frame-ancestors 'none'") && head.contains("x-frame-options: deny"), "{head}");
    assert!(head.contains("form-action 'self' https://forge.example\r\n"), "{head}");
    assert!(!head.contains("set-cookie") && head.contains("cache-control: no-store"));
    assert!(!shown.body.contains("<script>alert") && !shown.body.contains("<img src=x>"));
    let body =
        encoded(&[("query", &query), ("name", "alice"), ("password", PASSWORD), ("decision", "allow")]);
    for header in ["Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let foreign = post(&server, "/oauth/authorize", header, &body).await;
        assert_eq!((foreign.status, foreign.location()), (403, None), "{header}");
    }
    for (name, password) in [("alice", "not the password"), ("nobody", PASSWORD), ("", "")] {
        let wrong = program.decide(&server, &query, name, password).await;
        assert_eq!((wrong.status, wrong.location()), (403, None), "{name}");
    }
    let own = format!("Origin: https://{}\r\n", server.server.addresses()[0]);
    assert_eq!(post(&server, "/oauth/authorize", &own, &body).await.status, 303);
}

#[tokio::test]
async fn a_program_that_proves_itself_wrongly_gets_no_tokens() {
    let server = TestServer::with(&[("limits.address_tries", "1000")]).await;
    let (program, other) = (forge(&server).await, forge(&server).await);
    let pairs = |code: &str| {
        encoded(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ])
    };
    let wrong = Program { issuer: String::new(), id: program.id.clone(), secret: "prs_x".to_owned() };
    let (id, secret) = (&program.id, &program.secret);
    let code = program.code(&server, "alice").await;
    for (headers, more, status, error) in [
        (String::new(), String::new(), 400, "invalid_request"),
        (String::new(), format!("&client_id={id}"), 401, "invalid_client"),
        (String::new(), format!("&client_id={id}&client_secret=x"), 401, "invalid_client"),
        (wrong.basic(), String::new(), 401, "invalid_client"),
        (program.basic(), format!("&client_id={id}&client_secret={secret}"), 400, "invalid_request"),
        (program.basic(), format!("&client_id={}", other.id), 400, "invalid_request"),
        (format!("{}{}", program.basic(), program.basic()), String::new(), 400, "invalid_request"),
        ("Authorization: Bearer x\r\n".to_owned(), format!("&client_id={id}"), 401, "invalid_client"),
        (program.basic(), "&code=x".to_owned(), 400, "invalid_request"),
        (program.basic(), "&grant_type=password".to_owned(), 400, "invalid_request"),
        (
            String::new(),
            format!("&client_id={id}&client_assertion=x&client_assertion_type=y"),
            401,
            "invalid_client",
        ),
    ] {
        let answer = post(&server, "/oauth/token", &headers, &(pairs(&code) + &more)).await;
        assert_eq!((answer.status, answer.text("error").as_str()), (status, error), "{headers}{more}");
        assert!(answer.head.to_lowercase().contains("cache-control: no-store"));
    }
    let json = send(
        &server,
        "POST",
        "/oauth/token",
        &format!("Content-Type: application/json\r\n{}", program.basic()),
        "{}",
    )
    .await;
    assert_eq!(json.text("error"), "invalid_request");
    let in_address = post(&server, &format!("/oauth/token?client_secret={secret}"), "", &pairs(&code)).await;
    assert_eq!(in_address.text("error"), "invalid_request");
    for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"] {
        let answer =
            post(&server, "/oauth/token", &program.basic(), &encoded(&[("grant_type", grant)])).await;
        assert_eq!(answer.text("error"), "unsupported_grant_type");
    }
    // It was right all the while.
    assert_eq!(post(&server, "/oauth/token", &program.basic(), &pairs(&code)).await.status, 200);
    let itself = post(&server, "/oauth/token", &program.basic(), "grant_type=client_credentials").await;
    assert_eq!(itself.text("error"), "unauthorized_client");
}

#[tokio::test]
async fn a_code_is_good_for_its_program_address_and_verifier_alone() {
    let server = TestServer::start().await;
    let (program, other) = (forge(&server).await, forge(&server).await);
    let refused = async |by: &Program, redirect: &str, verifier: &str, more: &str| {
        let code = program.code(&server, "alice").await;
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        let answer = post(&server, "/oauth/token", &by.basic(), &(encoded(&pairs) + more)).await;
        // It is used up by that, so that nobody tries one verifier after the other.
        let afterwards = program.exchange(&server, &code, VERIFIER).await;
        (answer.text("error"), afterwards.status)
    };
    for (by, redirect, verifier, more) in [
        (&other, REDIRECT, VERIFIER, ""),
        (&program, "https://forge.example/other", VERIFIER, ""),
        (&program, REDIRECT, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXx", ""),
        (&program, REDIRECT, VERIFIER, "&resource=https%3A%2F%2Fother.example"),
    ] {
        assert_eq!(
            refused(by, redirect, verifier, more).await,
            ("invalid_grant".to_owned(), 400),
            "{redirect} {verifier}"
        );
    }
    for code in ["", "x", &"x".repeat(43)] {
        assert_eq!(program.exchange(&server, code, VERIFIER).await.status, 400);
    }
    // A program's tokens are nothing to another one.
    let given = program.tokens(&server, "alice").await;
    assert_eq!(other.refresh(&server, &given.text("refresh_token")).await.text("error"), "invalid_grant");
    assert!(!other.is_active(&server, &given.text("access_token")).await);
    let revoke = encoded(&[("token", &given.text("refresh_token"))]);
    assert_eq!(post(&server, "/oauth/revoke", &other.basic(), &revoke).await.status, 200);
    assert!(program.is_active(&server, &given.text("access_token")).await, "it was not the other's to end");
    let wider = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &given.text("refresh_token")),
        ("scope", "openid kick"),
    ];
    let wider = post(&server, "/oauth/token", &program.basic(), &encoded(&wider)).await;
    assert_eq!(wider.text("error"), "invalid_scope");
    assert_eq!(program.refresh(&server, &given.text("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn a_token_that_this_server_did_not_sign_opens_nothing() {
    let server = TestServer::start().await;
    let program = forge(&server).await;
    let given = program.tokens(&server, "alice").await;
    let (access, id) = (given.text("access_token"), given.text("id_token"));
    assert_eq!(userinfo(&server, &access).await.status, 200);
    let kid = {
        let head = BASE64URL_NOPAD.decode(access.split('.').next().unwrap().as_bytes()).unwrap();
        serde_json::from_slice::<Value>(&head).unwrap()["kid"].clone()
    };
    let keys = get(&server, "/oauth/jwks.json").await.body;
    let made = |alg: &str, secret: Option<&[u8]>| {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!(
            "{}.{}",
            part(&json!({ "alg": alg, "kid": kid, "typ": "at+jwt" })),
            part(&claims(&access))
        );
        let signature =
            secret.map(|secret| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes()));
        let signature = signature.map(|tag| BASE64URL_NOPAD.encode(tag.as_ref())).unwrap_or_default();
        format!("{signed}.{signature}")
    };
    let (body, signature) = access.rsplit_once('.').unwrap();
    for forged in [
        made("none", None),
        made("HS256", Some(keys.as_bytes())),
        made("HS256", Some(program.secret.as_bytes())),
        format!("{body}."),
        body.to_owned(),
        format!("{body}.{}", signature.chars().rev().collect::<String>()),
        id.clone(),
        given.text("refresh_token"),
        "x".repeat(9_000),
        String::new(),
    ] {
        let answer = userinfo(&server, &forged).await;
        assert_eq!(answer.status, 401, "{forged}");
        assert!(answer.head.to_lowercase().contains("www-authenticate: bearer"));
        let is_known = !forged.is_empty() && program.is_active(&server, &forged).await;
        assert_eq!(is_known, forged == given.text("refresh_token"), "{forged}");
    }
    let hint =
        encoded(&[("id_token_hint", &access), ("post_logout_redirect_uri", &format!("{REDIRECT}/bye"))]);
    assert_eq!(
        get(&server, &format!("/oauth/logout?{hint}")).await.location(),
        None,
        "an access token is no hint"
    );
    let open = encoded(&[("id_token_hint", &id), ("post_logout_redirect_uri", "https://evil.example/")]);
    assert_eq!(get(&server, &format!("/oauth/logout?{open}")).await.location(), None);
}

/// What is tried wrongly is counted against the address, which is the visitor's where a page of another site tries it.
#[tokio::test]
async fn no_page_of_another_site_locks_its_visitor_out() {
    let (server, _clock) = TestServer::turned(&[("limits.address_tries", "3")]).await;
    let program = register(&server, wire::CreateOauthClient { device: true, ..Default::default() }).await;
    let public = register(&server, wire::CreateOauthClient { public: true, ..Default::default() }).await;
    let foreign = "Sec-Fetch-Site: cross-site\r\n";
    let wrong = |id: &str, more: &str| format!("client_id={id}&grant_type=client_credentials&token=x{more}");
    for number in 0..4 {
        for mode in ["no-cors", "navigate"] {
            let headers = format!("{foreign}Sec-Fetch-Mode: {mode}\r\n");
            let shown = send(&server, "GET", "/oauth/device?user_code=BBBBBBBB%22%3E", &headers, "").await;
            assert_eq!(shown.status, 200, "{shown:?}");
            assert!(shown.body.contains("value=\"BBBBBBBB&quot;&gt;\""), "{shown:?}");
        }
        for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/device_authorization"] {
            for headers in [foreign, "Origin: https://evil.example\r\n"] {
                for body in [
                    wrong(&program.id, ""),
                    wrong(&program.id, "&client_secret=x"),
                    wrong(&public.id, "&client_secret=x"),
                ] {
                    let refused = post(&server, path, headers, &body).await;
                    assert_eq!(refused.text("error"), "invalid_client", "{number} {path} {body}");
                }
            }
        }
    }
    // It was counted against nobody; what is tried here is.
    let good = server.log_in("alice").await;
    let page = get(&server, "/oauth/device?user_code=BBBBBBBB").await;
    assert_eq!(page.status, 400, "{page:?}");
    for body in [
        wrong(&program.id, ""),
        wrong(&program.id, "&client_secret=x"),
        wrong(&public.id, "&client_secret=x"),
    ] {
        post(&server, "/oauth/token", "", &body).await;
    }
    let late =
        crate::support::with(&server, parlour::client::Credentials::password("alice", PASSWORD, "test"))
            .await;
    assert_eq!(crate::support::code(late), ErrorCode::TooManyAttempts);
    drop(good);
}

/// Whoever logs in at a service shows that who they are, and lets it do nothing here.
#[tokio::test]
async fn a_token_that_only_says_who_somebody_is_asks_nothing() {
    let server = TestServer::start().await;
    let program = forge(&server).await;
    let token = async |scope: &str| {
        let query = program.query(&[("scope", scope)]);
        let code = program.decide(&server, &query, "alice", PASSWORD).await.sent("code").unwrap();
        program.exchange(&server, &code, VERIFIER).await.text("access_token")
    };
    let asked = async |token: &str, path: &str| {
        send(&server, "GET", path, &format!("Authorization: Bearer {token}\r\n"), "").await
    };
    for scope in ["openid", "openid profile email groups offline_access"] {
        let told = token(scope).await;
        assert_eq!(userinfo(&server, &told).await.status, 200, "{scope}");
        assert!(program.is_active(&server, &told).await);
        for path in
            ["/api/listing", "/api/events?kinds=texts", "/api/elements?user=", "/api/profile", "/api/ping"]
        {
            let answer = asked(&told, path).await;
            assert_eq!(
                (answer.status, answer.text("code").as_str()),
                (401, "token-invalid"),
                "{scope} {path}"
            );
        }
    }
    assert_eq!(asked(&token("openid view").await, "/api/listing").await.status, 200);
}

#[tokio::test]
async fn a_server_that_does_not_know_its_address_says_so() {
    let server = TestServer::start().await;
    let address = server.server.addresses()[0];
    let asked = |host: &str| {
        format!("GET /.well-known/openid-configuration HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    let told = https(address, &asked("evil.example")).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("web.public_address"), "{told}");
    let named = TestServer::with(&[("web.public_address", "https://voice.example")]).await;
    let told = https(named.server.addresses()[0], &asked("evil.example")).await;
    assert!(told.contains("\"issuer\":\"https://voice.example\""), "{told}");
}

/// What a browser is told about pages of other origins.
#[tokio::test]
async fn pages_of_public_programs_exchange_their_codes_and_others_read_nothing() {
    let server = TestServer::with(&[("web.api_origins", "https://club.example")]).await;
    let confidential = forge(&server).await;
    let asked_first = async |path: &str, origin: &str| {
        let headers = format!(
            "Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n"
        );
        send(&server, "OPTIONS", path, &headers, "").await
    };
    let allowed = |answer: &Answer| {
        let line = answer.head.lines().find_map(|line| line.strip_prefix("access-control-allow-origin: "));
        line.map(str::to_owned)
    };
    let (own, forge_s) = ("https://club.example", "https://forge.example");
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/userinfo"] {
        let told = asked_first(path, own).await;
        assert_eq!((told.status, allowed(&told).as_deref()), (204, Some(own)), "{path}");
        assert!(told.head.contains("access-control-allow-headers: authorization, content-type"), "{told:?}");
        assert!(!told.head.contains("access-control-allow-credentials"), "{told:?}");
        // A program that keeps a secret has no business in a browser.
        for other in [forge_s, "https://evil.example", "null", "https://club.example.evil.example"] {
            let told = asked_first(path, other).await;
            assert_eq!((told.status, allowed(&told)), (204, None), "{path} {other}");
            assert!(told.head.contains("vary: origin"), "{told:?}");
        }
    }
    let public = register(&server, wire::CreateOauthClient { public: true, ..Default::default() }).await;
    let told = asked_first("/oauth/token", forge_s).await;
    assert_eq!(allowed(&told).as_deref(), Some(forge_s));
    // The answer itself says the same, also where it is a refusal.
    for (origin, may) in [(forge_s, true), ("https://evil.example", false)] {
        let code = public.code(&server, "alice").await;
        let exchange = |verifier: &str| {
            encoded(&[
                ("grant_type", "authorization_code"),
                ("client_id", public.id.as_str()),
                ("code", &code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", verifier),
            ])
        };
        let headers = format!("Origin: {origin}\r\n");
        let given = post(&server, "/oauth/token", &headers, &exchange(VERIFIER)).await;
        assert_eq!((given.status, allowed(&given).is_some()), (200, may), "{origin}");
        let again = post(&server, "/oauth/token", &headers, &exchange(VERIFIER)).await;
        assert_eq!((again.status, allowed(&again).is_some()), (400, may), "{origin}");
        let bearer = format!("{headers}Authorization: Bearer {}\r\n", given.text("access_token"));
        let who = send(&server, "GET", "/oauth/userinfo", &bearer, "").await;
        assert_eq!((who.status, allowed(&who).is_some()), (200, may), "{origin}");
    }
    // What asks a person, or takes a secret, is for no page of another origin.
    for path in ["/oauth/authorize", "/oauth/introspect", "/oauth/device_authorization", "/oauth/device"] {
        let told = asked_first(path, own).await;
        assert_eq!(allowed(&told), None, "{path}");
    }
    for path in ["/.well-known/openid-configuration", "/oauth/jwks.json"] {
        let told = send(&server, "GET", path, "Origin: https://evil.example\r\n", "").await;
        assert_eq!((told.status, allowed(&told).as_deref()), (200, Some("*")), "{path}");
    }
    assert!(!confidential.secret.is_empty());
}
