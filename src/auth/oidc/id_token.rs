//! The token by which a provider tells who somebody is (OpenID Connect Core 1.0, section 2), checked as section 3.1.3.7 and
//! RFC 8725 say.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, SHA512, digest};
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::{Algorithm, Distrust, Members, PublicKeys};
use crate::id::Timestamp;

/// Bytes of a token that is read at most.
pub const MAX_ID_TOKEN: usize = 32 * 1024;

/// By how much the provider's clock may be off.
pub const SKEW: Duration = Duration::from_secs(120);

const WHAT: &str = "token";

/// What a token has to say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// By whom it is, to the letter.
    pub issuer: &'a str,
    /// For whom.
    pub client: &'a str,
    /// For which log-in.
    pub nonce: &'a str,
    /// When it is read.
    pub now: Timestamp,
    /// Since when the person has to have logged in there, where that was asked for.
    pub anew: Option<Timestamp>,
    /// The access token that came with it, where one did.
    pub access_token: Option<&'a str>,
}

/// The claims of a token that one of these keys signed and that says what it has to.
pub fn check_id_token(token: &str, keys: &PublicKeys, expected: Expected<'_>) -> Result<Members, Distrust> {
    let unreadable = || Distrust::Unreadable(WHAT);
    if token.len() > MAX_ID_TOKEN {
        return Err(Distrust::TooLong(WHAT));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or_else(unreadable)?;
    let (header, claims) = signed.split_once('.').ok_or_else(unreadable)?;
    let object = |part: &str| -> Option<Members> {
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok()
    };
    let header = object(header).ok_or_else(unreadable)?;
    let said = |name: &str| header.get(name).and_then(Value::as_str);
    let name = said("alg").ok_or(Distrust::Lacks(WHAT, "alg"))?;
    let algorithm = Algorithm::named(name).ok_or_else(|| {
        Distrust::Algorithm(name.chars().filter(char::is_ascii_alphanumeric).take(16).collect())
    })?;
    // What has to be understood isn't (RFC 7515, section 4.1.11); and a token of another kind isn't taken for this one.
    if header.contains_key("crit") || said("typ").is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
        return Err(Distrust::Kind);
    }
    if header.get("kid").is_some_and(|id| !id.is_string()) {
        return Err(unreadable());
    }
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| unreadable())?;
    keys.check(algorithm, said("kid"), signed.as_bytes(), &signature)?;
    let claims = object(claims).ok_or_else(unreadable)?;
    check_claims(&claims, expected)?;
    check_access_token(&claims, algorithm, expected.access_token)?;
    Ok(claims)
}

fn check_claims(claims: &Members, expected: Expected<'_>) -> Result<(), Distrust> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(Distrust::Issuer);
    }
    let (is_for_it, others) = match claims.get("aud") {
        Some(Value::String(one)) => (one == expected.client, 0),
        Some(Value::Array(all)) => {
            let own = all.iter().filter(|one| one.as_str() == Some(expected.client)).count();
            (own > 0, all.len() - own)
        }
        _ => (false, 0),
    };
    // Of several it has to say to whom it was given.
    let party = claims.get("azp");
    let is_given = party.map_or(others == 0, |party| party.as_str() == Some(expected.client));
    if !is_for_it || !is_given {
        return Err(Distrust::Audience);
    }
    let now = seconds(expected.now);
    let skew = SKEW.as_secs_f64();
    let time = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(time) => time.as_f64().map(Some).ok_or(Distrust::Unreadable(WHAT)),
    };
    if time("exp")?.ok_or(Distrust::Lacks(WHAT, "exp"))? + skew <= now {
        return Err(Distrust::Expired);
    }
    let made = time("iat")?.ok_or(Distrust::Lacks(WHAT, "iat"))?;
    if made - skew > now || time("nbf")?.is_some_and(|from| from - skew > now) {
        return Err(Distrust::Early);
    }
    let logged_in = time("auth_time")?;
    if let Some(anew) = expected.anew {
        // Who is asked by `max_age` has to say when that was (section 3.1.2.1).
        let was = logged_in.ok_or(Distrust::NoTime)?;
        if was + skew < seconds(anew) {
            return Err(Distrust::NotAnew);
        }
    }
    let nonce = text("nonce").ok_or(Distrust::Nonce)?;
    if bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) { Ok(()) } else { Err(Distrust::Nonce) }
}

fn seconds(time: Timestamp) -> f64 {
    time.0 as f64 / 1_000.0
}

/// The access token has to be the one whose hash the claims hold, where they hold one (section 3.1.3.6).
fn check_access_token(claims: &Members, algorithm: Algorithm, shown: Option<&str>) -> Result<(), Distrust> {
    let (Some(hash), Some(shown)) = (claims.get("at_hash"), shown) else { return Ok(()) };
    let by = if algorithm == Algorithm::EdDsa { &SHA512 } else { &SHA256 };
    let whole = digest(by, shown.as_bytes());
    let half = BASE64URL_NOPAD.encode(&whole.as_ref()[..whole.as_ref().len() / 2]);
    if hash.as_str() == Some(&half) { Ok(()) } else { Err(Distrust::AccessToken) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::hmac;
    use ring::rand::SystemRandom;
    use serde_json::json;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::auth::oauth::{self, SigningKey, Type};

    const ISSUER: &str = "https://id.example";
    const NOW: u64 = 1_000_000;

    fn key(algorithm: oauth::Algorithm) -> SigningKey {
        let random = SystemRandom::new();
        SigningKey::read(algorithm, &SigningKey::generate(algorithm, &random).unwrap(), &random).unwrap()
    }

    fn keys(shown: &[&SigningKey]) -> PublicKeys {
        let all: Vec<_> = shown.iter().map(|key| key.public()).collect();
        PublicKeys::read(json!({ "keys": all }).to_string().as_bytes()).unwrap()
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "aud": "parlour", "sub": "7", "nonce": "n", "exp": NOW + 60, "iat": NOW, "auth_time": NOW,
        })
    }

    fn expected() -> Expected<'static> {
        Expected {
            issuer: ISSUER,
            client: "parlour",
            nonce: "n",
            now: Timestamp(NOW * 1_000),
            anew: Some(Timestamp(NOW * 1_000)),
            access_token: None,
        }
    }

    fn signed(key: &SigningKey, claims: &Value) -> String {
        oauth::sign(key, Type::Id, claims, &SystemRandom::new()).unwrap()
    }

    #[test]
    fn a_token_that_says_what_it_has_to_is_believed() {
        for algorithm in oauth::Algorithm::ALL {
            let (own, other) = (key(algorithm), key(algorithm));
            let token = signed(&own, &claims());
            assert_eq!(check_id_token(&token, &keys(&[&other, &own]), expected()).unwrap()["sub"], "7");
            assert_eq!(check_id_token(&token, &keys(&[&other]), expected()), Err(Distrust::UnknownKey));
        }
    }

    #[test]
    fn whoever_was_to_log_in_anew_is_believed_only_with_the_time_of_it() {
        let own = key(oauth::Algorithm::Es256);
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove("auth_time");
        let token = signed(&own, &claims);
        assert_eq!(check_id_token(&token, &keys(&[&own]), expected()), Err(Distrust::NoTime));
        let not_anew = Expected { anew: None, ..expected() };
        assert_eq!(check_id_token(&token, &keys(&[&own]), not_anew).unwrap()["sub"], "7");
    }

    #[test]
    fn a_token_that_lies_is_not() {
        let own = key(oauth::Algorithm::Es256);
        let with = |changes: &[(&str, Value)]| {
            let mut claims = claims();
            for (name, value) in changes {
                claims[*name] = value.clone();
            }
            check_id_token(&signed(&own, &claims), &keys(&[&own]), expected()).map(drop)
        };
        let skew = SKEW.as_secs();
        let two = json!(["parlour", "other"]);
        for good in [
            vec![],
            vec![("aud", json!(["parlour"]))],
            vec![("aud", two.clone()), ("azp", json!("parlour"))],
            vec![("exp", json!(NOW + 1 - skew))],
            vec![("iat", json!(NOW + skew))],
            vec![("auth_time", json!(NOW - skew))],
            vec![("exp", json!((NOW + 60) as f64 + 0.5))],
        ] {
            assert_eq!(with(&good), Ok(()), "{good:?}");
        }
        for (changes, why) in [
            (vec![("iss", json!("https://id.example/"))], Distrust::Issuer),
            (vec![("iss", Value::Null)], Distrust::Issuer),
            (vec![("aud", json!("parlour2"))], Distrust::Audience),
            (vec![("aud", json!([]))], Distrust::Audience),
            (vec![("aud", Value::Null)], Distrust::Audience),
            (vec![("aud", two.clone())], Distrust::Audience),
            (vec![("aud", two), ("azp", json!("other"))], Distrust::Audience),
            (vec![("azp", json!("other"))], Distrust::Audience),
            (vec![("exp", json!(NOW - skew))], Distrust::Expired),
            (vec![("exp", json!("soon"))], Distrust::Unreadable(WHAT)),
            (vec![("exp", Value::Null)], Distrust::Unreadable(WHAT)),
            (vec![("iat", json!(NOW + skew + 1))], Distrust::Early),
            (vec![("nbf", json!(NOW + skew + 1))], Distrust::Early),
            (vec![("auth_time", json!(NOW - skew - 1))], Distrust::NotAnew),
            (vec![("auth_time", json!("lately"))], Distrust::Unreadable(WHAT)),
            (vec![("auth_time", Value::Null)], Distrust::Unreadable(WHAT)),
            (vec![("nonce", json!("m"))], Distrust::Nonce),
            (vec![("nonce", Value::Null)], Distrust::Nonce),
        ] {
            assert_eq!(with(&changes), Err(why), "{changes:?}");
        }
    }

    #[test]
    fn no_algorithm_is_believed_that_needs_no_private_key() {
        let own = key(oauth::Algorithm::EdDsa);
        let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let public = own.public()["x"].as_str().unwrap().to_owned();
        for (name, secret) in
            [("none", None), ("NONE", None), ("HS256", Some(public.as_bytes())), ("RS384", None)]
        {
            let signed =
                format!("{}.{}", encode(&json!({ "alg": name, "kid": own.id() })), encode(&claims()));
            let signature = secret.map_or(Vec::new(), |secret| {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes()).as_ref().to_vec()
            });
            let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
            let refused = check_id_token(&token, &keys(&[&own]), expected());
            assert_eq!(refused, Err(Distrust::Algorithm(name.to_owned())));
        }
        // One that is for something else.
        let access = oauth::sign(&own, Type::Access, &claims(), &SystemRandom::new()).unwrap();
        assert_eq!(check_id_token(&access, &keys(&[&own]), expected()), Err(Distrust::Kind));
        // The right signature under another's name.
        let ec = key(oauth::Algorithm::Es256);
        let token = signed(&ec, &claims());
        let header = encode(&json!({ "alg": "EdDSA", "kid": ec.id() }));
        let renamed = format!("{header}.{}", token.split_once('.').unwrap().1);
        assert_eq!(check_id_token(&renamed, &keys(&[&ec]), expected()), Err(Distrust::UnknownKey));
    }

    #[test]
    fn the_access_token_is_the_one_that_it_came_with() {
        let own = key(oauth::Algorithm::Es256);
        let mut said = claims();
        said["at_hash"] = BASE64URL_NOPAD.encode(&Sha256::digest("right")[..16]).into();
        let token = signed(&own, &said);
        let with = |access_token| {
            let expected = Expected { access_token, ..expected() };
            check_id_token(&token, &keys(&[&own]), expected).map(drop)
        };
        assert_eq!(with(Some("right")), Ok(()));
        assert_eq!(with(None), Ok(()));
        assert_eq!(with(Some("wrong")), Err(Distrust::AccessToken));
        assert_eq!(
            check_id_token(&"x".repeat(MAX_ID_TOKEN + 1), &keys(&[&own]), expected()),
            Err(Distrust::TooLong(WHAT))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_token_survives_a_change(at: usize, by in 1..=127_u8) {
            let own = key(oauth::Algorithm::EdDsa);
            let mut bytes = signed(&own, &claims()).into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= by;
            if let Ok(changed) = String::from_utf8(bytes) {
                prop_assert!(check_id_token(&changed, &keys(&[&own]), expected()).is_err(), "{}", changed);
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let own = key(oauth::Algorithm::EdDsa);
            prop_assert!(check_id_token(&text, &keys(&[&own]), expected()).is_err());
        }
    }
}
