//! A provider that lies, and browsers that are somebody else's: nobody is logged in by them.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use parlour::auth::oauth::{Algorithm, Type, sign};
use ring::hmac;
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use super::lab::{Away, CLIENT, Lab, SECRET, key, log_in, send};
use super::{CREATES, server_of, users};
use crate::support::TestServer;

/// What a provider does to its claims.
type Lie = (&'static str, fn(&mut Value), &'static str);

const LIES: [Lie; 12] = [
    ("another's token", |claims| claims["iss"] = json!("https://evil.example"), "is another server's"),
    (
        "an issuer that is all but it",
        |claims| claims["iss"] = json!(format!("{}/", claims["iss"].as_str().unwrap_or_default())),
        "is another server's",
    ),
    ("for another client", |claims| claims["aud"] = json!("other"), "is for another client"),
    ("for several", |claims| claims["aud"] = json!([CLIENT, "other"]), "is for another client"),
    ("given to another", |claims| claims["azp"] = json!("other"), "is for another client"),
    ("for nobody", |claims| claims["aud"] = Value::Null, "is for another client"),
    ("of another log-in", |claims| claims["nonce"] = json!("another"), "is of another log-in"),
    ("of no log-in", |claims| claims["nonce"] = Value::Null, "is of another log-in"),
    ("expired", |claims| claims["exp"] = json!(1), "has expired"),
    ("of the future", |claims| claims["iat"] = json!(99_999_999_999_u64), "is of the future"),
    (
        "with another access token",
        |claims| claims["at_hash"] = json!("77QmUPtjPfzWtF2AnpK9RQ"),
        "another access token",
    ),
    ("of nobody", |claims| claims["sub"] = Value::Null, "lacks `sub`"),
];

#[tokio::test]
async fn nobody_is_logged_in_by_a_provider_that_lies() {
    let lab = Lab::start().await;
    let server = server_of(&lab, CREATES).await;
    let before = users(&server).await;
    for (what, lie, why) in LIES {
        let away = Away::go(&server, &lab, "lab").await;
        away.is(&lab, &server, "sub-1", json!({}));
        lab.say(|says| lie(&mut says.claims));
        let shown = away.come_back(&server, "").await;
        assert_eq!((shown.status, shown.token()), (502, None), "{what}");
        assert!(shown.problem().contains(why), "{what}: {}", shown.problem());
    }
    // What it tells besides is about somebody else.
    let away = Away::go(&server, &lab, "lab").await;
    away.is(&lab, &server, "sub-1", json!({}));
    lab.say(|says| says.userinfo["sub"] = json!("sub-2"));
    assert!(away.come_back(&server, "").await.problem().contains("somebody else"));
    assert_eq!(users(&server).await, before);
}

#[tokio::test]
async fn nobody_is_logged_in_by_a_signature_that_anybody_can_make() {
    let lab = Lab::start().await;
    let server = server_of(&lab, CREATES).await;
    let before = users(&server).await;
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let (other, random) = (key(Algorithm::Es256), SystemRandom::new());
    let (id, x) = {
        let says = lab.says.lock().unwrap();
        (says.key.id().to_owned(), says.shown[0]["x"].as_str().unwrap().to_owned())
    };
    let symmetric = |alg: &str, secret: &[u8], claims: &Value| {
        let signed = format!("{}.{}", encode(&json!({ "alg": alg, "kid": id })), encode(claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
    };
    for what in [
        "none",
        "HS256 by the secret",
        "HS256 by the public key",
        "another key",
        "another key by its name",
        "of another kind",
    ] {
        let away = Away::go(&server, &lab, "lab").await;
        let claims = away.claims(&lab, &server, "sub-1");
        let token = match what {
            "none" => format!("{}.{}.", encode(&json!({ "alg": "none" })), encode(&claims)),
            "HS256 by the secret" => symmetric("HS256", SECRET.as_bytes(), &claims),
            "HS256 by the public key" => symmetric("HS256", x.as_bytes(), &claims),
            "another key" => sign(&other, Type::Id, &claims, &random).unwrap(),
            "another key by its name" => {
                let signed = sign(&other, Type::Id, &claims, &random).unwrap();
                let rest = signed.split_once('.').unwrap().1;
                format!("{}.{rest}", encode(&json!({ "alg": "ES256", "kid": id, "typ": "JWT" })))
            }
            _ => {
                let says = lab.says.lock().unwrap();
                sign(&says.key, Type::Access, &claims, &random).unwrap()
            }
        };
        away.is(&lab, &server, "sub-1", json!({}));
        lab.say(|says| says.token = Some(token));
        let shown = away.come_back(&server, "").await;
        assert_eq!((shown.status, shown.token()), (502, None), "{what}: {shown:?}");
    }
    assert_eq!(users(&server).await, before);
}

#[tokio::test]
async fn keys_that_change_are_asked_for_again_and_no_more_often_than_that() {
    let lab = Lab::start().await;
    let providers = format!("[{}]", lab.setting("lab", CREATES));
    let (server, turned) = TestServer::turned(&[("log_in.providers", &providers)]).await;
    log_in(&server, &lab, "sub-1", json!({})).await.token().unwrap();
    let next = key(Algorithm::EdDsa);
    lab.say(|says| {
        says.shown.push(next.public());
        says.key = next;
    });
    // So often that many who come by tokens of unknown keys make nobody ask more.
    for _ in 0..3 {
        assert!(
            log_in(&server, &lab, "sub-1", json!({})).await.problem().contains("a key that it doesn't show")
        );
    }
    assert_eq!(lab.asked("/jwks"), 1);
    turned.advance(Duration::from_secs(30));
    log_in(&server, &lab, "sub-1", json!({})).await.token().unwrap();
    assert_eq!((lab.asked("/jwks"), lab.asked("/.well-known/openid-configuration")), (2, 1));
}

#[tokio::test]
async fn nobody_comes_back_in_the_place_of_somebody_else() {
    let (lab, other) = (Lab::start().await, Lab::start().await);
    let providers = format!("[{}, {}]", lab.setting("lab", CREATES), other.setting("other", CREATES));
    let server = TestServer::with(&[("log_in.providers", &providers)]).await;
    let before = users(&server).await;
    let lost = async |away: &Away| {
        let shown = away.come_back(&server, "").await;
        assert_eq!((shown.status, shown.token()), (403, None), "{shown:?}");
        assert!(shown.problem().contains("begin again"), "{shown:?}");
    };
    // Another browser's, which has no cookie or its own: whoever made it open the address logs it in to nothing.
    for cookie in ["a=b".to_owned(), Away::go(&server, &lab, "lab").await.cookie] {
        let away = Away::go(&server, &lab, "lab").await;
        away.is(&lab, &server, "sub-1", json!({}));
        lost(&Away { cookie, ..away.clone() }).await;
        lost(&away).await;
    }
    // Another provider's answer.
    let away = Away::go(&server, &lab, "lab").await;
    away.is(&lab, &server, "sub-1", json!({}));
    lost(&Away { provider: "other".to_owned(), ..away.clone() }).await;
    let refused = away.come_back(&server, "&iss=https%3A%2F%2Fevil.example").await;
    assert_eq!(refused.token(), None);
    assert!(refused.problem().contains("another server's"), "{refused:?}");
    assert_eq!(users(&server).await, before);
    // A state is good once.
    let away = Away::go(&server, &lab, "lab").await;
    away.is(&lab, &server, "sub-1", json!({}));
    away.come_back(&server, "").await.token().unwrap();
    lost(&away).await;
    // Two windows of a browser both come back.
    let one = Away::go(&server, &lab, "lab").await;
    let sent = send(&server, "GET", "/oidc/lab/start", &format!("Cookie: {}\r\n", one.cookie), "").await;
    let two = Away::of(&lab, "lab", &sent.header("location").unwrap(), &sent.header("set-cookie").unwrap());
    assert_eq!(one.cookie, two.cookie);
    two.is(&lab, &server, "sub-1", json!({}));
    two.come_back(&server, "").await.token().unwrap();
    // What a provider refuses is said in words, and what it says can't become part of the page.
    let path = format!("/oidc/lab/callback?error=access_denied%3Cscript%3E&state={}", one.state);
    let refused = send(&server, "GET", &path, &format!("Cookie: {}\r\n", one.cookie), "").await;
    assert_eq!(refused.status, 403);
    assert!(refused.problem().contains("refused there (access_deniedscript)"), "{refused:?}");
    let unknown = send(&server, "GET", "/oidc/nobody/start", "", "").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn a_provider_that_names_itself_has_to() {
    let lab = Lab::start().await;
    lab.say(|says| says.names_itself = true);
    let server = server_of(&lab, CREATES).await;
    assert!(log_in(&server, &lab, "sub-1", json!({})).await.problem().contains("lacks `iss`"));
    let away = Away::go(&server, &lab, "lab").await;
    away.is(&lab, &server, "sub-1", json!({}));
    let issuer: String = url::form_urlencoded::byte_serialize(lab.issuer.as_bytes()).collect();
    away.come_back(&server, &format!("&iss={issuer}")).await.token().unwrap();
}

#[tokio::test]
async fn whoever_reads_german_is_told_in_german_why_they_are_not_logged_in() {
    let lab = Lab::start().await;
    let server = server_of(&lab, "").await;
    let back = async |away: &Away, query: &str| {
        let path = format!("/oidc/lab/callback?state={}&{query}", away.state);
        let headers = format!("Cookie: {}\r\nAccept-Language: de\r\n", away.cookie);
        let shown = send(&server, "GET", &path, &headers, "").await;
        assert!(shown.status >= 400 && shown.body.contains("Du bist nicht angemeldet"), "{shown:?}");
        shown.problem()
    };
    let away = Away::go(&server, &lab, "lab").await;
    away.is(&lab, &server, "sub-1", json!({}));
    let told = back(&away, "code=the-code").await;
    assert!(told.starts_with("Kein Konto hier ist mit dieser Anmeldung verknüpft."), "{told}");
    let told = back(&away, "code=the-code").await;
    assert!(told.starts_with("The Lab: Diese Anmeldung wurde in einem anderen Browser"), "{told}");
    let told = back(&Away::go(&server, &lab, "lab").await, "error=access_denied").await;
    assert!(told.starts_with("The Lab: Die Anmeldung wurde dort abgelehnt (access_denied)."), "{told}");
    let away = Away::go(&server, &lab, "lab").await;
    away.is(&lab, &server, "sub-1", json!({}));
    lab.say(|says| says.claims["iss"] = json!("https://evil.example"));
    let told = back(&away, "code=the-code").await;
    assert!(told.contains("Sag denen, die diesen Server betreiben: its token is another server"), "{told}");
    let away = Away::go(&server, &lab, "lab").await;
    lab.say(|says| says.is_down = true);
    let told = back(&away, "code=the-code").await;
    assert!(told.starts_with("The Lab: 127.0.0.1 ist nicht zu erreichen"), "{told}");
}
