//! Signed tokens (JWT, RFC 7519) as this server makes them, and reads them again. The header names the key, which alone
//! says the algorithm: what the token says of it is believed of nobody (RFC 8725, section 3.1).

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SecureRandom;
use serde_json::{Map, Value, json};

use super::SigningKey;
use crate::id::Timestamp;

/// Bytes of a token that is read at most.
pub const MAX_JWT: usize = 8 * 1024;

/// What a token is for. One is never taken for the other (RFC 8725, section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Access (RFC 9068, section 2.1).
    Access,
    /// Telling a client who somebody is (OpenID Connect Core 1.0, section 2).
    Id,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Id => "JWT",
        }
    }
}

/// A token of these claims.
pub fn sign(key: &SigningKey, kind: Type, claims: &Value, random: &dyn SecureRandom) -> Option<String> {
    let header = json!({ "alg": key.algorithm().name(), "kid": key.id(), "typ": kind.name() });
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = key.sign(signed.as_bytes(), random)?;
    Some(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}

/// The claims of a token that one of these keys signed, of this kind, for this issuer, where one is said. Whether it has
/// expired by `now` is asked, too, unless no time is given.
pub fn verify<'k>(
    token: &str,
    kind: Type,
    keys: impl IntoIterator<Item = &'k SigningKey>,
    issuer: Option<&str>,
    now: Option<Timestamp>,
) -> Option<Map<String, Value>> {
    if token.len() > MAX_JWT {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let object = |part: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok()
    };
    let header = object(header)?;
    let said = |name: &str| header.get(name).and_then(Value::as_str);
    let key = keys.into_iter().find(|key| said("kid") == Some(key.id()))?;
    let is_kind = said("typ").is_some_and(|typ| typ.eq_ignore_ascii_case(kind.name()));
    // What has to be understood isn't (RFC 7515, section 4.1.11).
    if said("alg") != Some(key.algorithm().name()) || !is_kind || header.contains_key("crit") {
        return None;
    }
    if !key.signed(signed.as_bytes(), &BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?) {
        return None;
    }
    let claims = object(claims)?;
    let expires = claims.get("exp").and_then(Value::as_u64)?;
    let is_late = now.is_some_and(|now| expires <= now.0 / 1_000);
    let is_ours = issuer.is_none_or(|issuer| claims.get("iss").and_then(Value::as_str) == Some(issuer));
    (is_ours && !is_late).then_some(claims)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::hmac;
    use ring::rand::SystemRandom;

    use super::super::Algorithm;
    use super::*;

    const ISSUER: &str = "https://voice.example";

    fn key(algorithm: Algorithm) -> SigningKey {
        let random = SystemRandom::new();
        SigningKey::read(algorithm, &SigningKey::generate(algorithm, &random).unwrap(), &random).unwrap()
    }

    fn encode(value: &Value) -> String {
        BASE64URL_NOPAD.encode(value.to_string().as_bytes())
    }

    #[test]
    fn a_token_is_good_for_its_kind_issuer_key_and_time_alone() {
        let random = SystemRandom::new();
        for algorithm in Algorithm::ALL {
            let keys = [key(algorithm)];
            let token =
                sign(&keys[0], Type::Access, &json!({ "iss": ISSUER, "exp": 100, "sub": "7" }), &random)
                    .unwrap();
            let read = |kind, keys: &[SigningKey], issuer, now| {
                verify(&token, kind, keys, Some(issuer), Some(Timestamp(now)))
            };
            assert_eq!(read(Type::Access, &keys, ISSUER, 99_999).unwrap()["sub"], "7");
            assert!(read(Type::Access, &keys, ISSUER, 100_000).is_none());
            assert!(verify(&token, Type::Access, &keys, Some(ISSUER), None).is_some());
            assert!(read(Type::Id, &keys, ISSUER, 1).is_none());
            assert!(read(Type::Access, &keys, "https://other.example", 1).is_none());
            assert!(read(Type::Access, &[key(algorithm)], ISSUER, 1).is_none());
            assert!(read(Type::Access, &[], ISSUER, 1).is_none());
        }
    }

    #[test]
    fn no_other_algorithm_is_believed() {
        let keys = [key(Algorithm::Es256), key(Algorithm::EdDsa)];
        let claims = encode(&json!({ "iss": ISSUER, "exp": 100 }));
        for key in &keys {
            let header = |alg: &str| encode(&json!({ "alg": alg, "kid": key.id(), "typ": "at+jwt" }));
            let public = key.public()["x"].as_str().unwrap().to_owned();
            for (alg, secret) in [
                ("none", None),
                ("None", None),
                ("HS256", Some(public.as_bytes())),
                ("HS256", Some(key.id().as_bytes())),
            ] {
                let signed = format!("{}.{claims}", header(alg));
                let signature = secret.map_or(Vec::new(), |secret| {
                    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes())
                        .as_ref()
                        .to_vec()
                });
                let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
                assert!(verify(&token, Type::Access, &keys, Some(ISSUER), None).is_none(), "{alg}");
            }
            // The right signature under the other's name.
            let other = if key.algorithm() == Algorithm::Es256 { "EdDSA" } else { "ES256" };
            let signed = format!("{}.{claims}", header(other));
            let signature = key.sign(signed.as_bytes(), &SystemRandom::new()).unwrap();
            let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
            assert!(verify(&token, Type::Access, &keys, Some(ISSUER), None).is_none());
            // What has to be understood.
            let crit = encode(
                &json!({ "alg": key.algorithm().name(), "kid": key.id(), "typ": "at+jwt", "crit": ["b64"], "b64": false }),
            );
            let signed = format!("{crit}.{claims}");
            let signature = key.sign(signed.as_bytes(), &SystemRandom::new()).unwrap();
            let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
            assert!(verify(&token, Type::Access, &keys, Some(ISSUER), None).is_none());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_token_survives_a_change(at: usize, by in 1..=127_u8, text: String) {
            let keys = [key(Algorithm::EdDsa)];
            let token = sign(&keys[0], Type::Id, &json!({ "iss": ISSUER, "exp": 100, "name": text }), &SystemRandom::new()).unwrap();
            let mut bytes = token.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= by;
            if let Ok(changed) = String::from_utf8(bytes) {
                prop_assert!(verify(&changed, Type::Id, &keys, Some(ISSUER), None).is_none(), "{}", changed);
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let keys = [key(Algorithm::EdDsa)];
            let _ = verify(&text, Type::Id, &keys, Some(ISSUER), None);
            let _ = verify(&format!("{}.{text}.", encode(&json!({ "kid": keys[0].id() }))), Type::Id, &keys, Some(ISSUER), None);
        }
    }
}
