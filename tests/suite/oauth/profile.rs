//! What a program is told of what people show of themselves.

use image::ImageFormat;

use super::*;
use crate::organizations::raid;
use crate::profile::{fetch, picture};

/// The claims of a profile, of an identity token or of what is said of somebody.
fn shown(claims: &Value) -> [Option<&str>; 3] {
    ["name", "preferred_username", "picture"].map(|name| claims[name].as_str())
}

/// What a program is given by somebody.
async fn given(server: &TestServer, program: &Program, name: &str, scope: &str) -> Answer {
    let answer = program.decide(server, &program.query(&[("scope", scope)]), name, PASSWORD).await;
    program.exchange(server, &answer.sent("code").unwrap(), VERIFIER).await
}

/// What it is told of them: by the identity token, and where it asks who they are.
async fn told(server: &TestServer, program: &Program, name: &str, scope: &str) -> [Value; 2] {
    let given = given(server, program, name, scope).await;
    let who = userinfo(server, &given.text("access_token")).await;
    [claims(&given.text("id_token")), who.json()]
}

#[tokio::test]
async fn a_program_is_told_the_name_and_the_picture_that_somebody_shows() {
    let server = TestServer::start().await;
    let program = forge(&server).await;
    for told in told(&server, &program, "bob", "openid profile").await {
        assert_eq!(shown(&told), [Some("bob"), Some("bob"), None], "{told}");
    }
    let alice = server.log_in("alice").await;
    alice.set_profile(Some("Wonder"), None).await.unwrap();
    for told in told(&server, &program, "alice", "openid profile").await {
        assert_eq!(shown(&told), [Some("Wonder"), Some("alice"), None], "{told}");
    }
    let path = alice.set_picture(picture(40, 40, ImageFormat::Png)).await.unwrap().picture;
    let address = format!("{}{path}", program.issuer);
    for told in told(&server, &program, "alice", "openid profile").await {
        assert_eq!(shown(&told), [Some("Wonder"), Some("alice"), Some(address.as_str())], "{told}");
    }
    let (head, file) = fetch(&server, &path).await;
    assert!(head.starts_with("http/1.1 200") && !file.is_empty(), "{head}");
    // Only whoever was allowed to know.
    for told in told(&server, &program, "alice", "openid email groups").await {
        assert_eq!(shown(&told), [None, None, None], "{told}");
    }
    // It is what they show now: those who show nothing any more are called like their account.
    let given = given(&server, &program, "alice", "openid profile").await;
    alice.set_profile(Some(""), None).await.unwrap();
    alice.set_picture(Vec::new()).await.unwrap();
    let now = userinfo(&server, &given.text("access_token")).await.json();
    assert_eq!(shown(&now), [Some("alice"), Some("alice"), None], "{now}");
    // The metadata has each of these claims.
    let metadata = get(&server, "/.well-known/openid-configuration").await.json();
    for claim in ["name", "preferred_username", "picture"] {
        assert!(metadata["claims_supported"].as_array().unwrap().contains(&claim.into()), "{metadata}");
    }
}

/// All pictures are below the server's address, whichever organization somebody is of.
#[tokio::test]
async fn a_picture_of_another_organization_is_where_the_program_is_told() {
    let server = TestServer::start().await;
    let boss = raid(&server).await;
    let path = boss.set_picture(picture(40, 40, ImageFormat::Png)).await.unwrap().picture;
    let create = wire::CreateOauthClient {
        name: "Forge".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        scope: "openid profile".to_owned(),
        public: true,
        ..wire::CreateOauthClient::default()
    };
    let made = boss.request(request::Body::CreateOauthClient(create)).await.unwrap();
    let response::Body::OauthClientMade(made) = made else { panic!("{made:?}") };
    let page = format!("https://127.0.0.1:{}", server.server.addresses()[0].port());
    let program = Program { issuer: format!("{page}/+raid"), id: made.id.to_string(), secret: made.secret };
    let query = program.query(&[("scope", "openid profile")]);
    let form = [("query", query.as_str()), ("name", "boss"), ("password", PASSWORD), ("decision", "allow")];
    let answer = post(&server, "/+raid/oauth/authorize", "", &encoded(&form)).await;
    let code = answer.sent("code").unwrap_or_else(|| panic!("{answer:?}"));
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", program.id.as_str()),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let given = post(&server, "/+raid/oauth/token", "", &encoded(&form)).await;
    let told = claims(&given.text("id_token"));
    assert_eq!(told["iss"].as_str(), Some(program.issuer.as_str()), "{told}");
    assert_eq!(told["picture"], format!("{page}{path}"), "{told}");
    assert!(fetch(&server, &path).await.0.starts_with("http/1.1 200"));
}
