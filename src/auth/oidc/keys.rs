//! The keys by which a provider signs (RFC 7517), and the algorithms that are believed. There is none with a shared secret,
//! and no "none": what a token says of its algorithm only chooses among these, and the key has to be of that kind (RFC 8725,
//! section 3.1).

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::Distrust;

/// Keys that are read of a provider at most; those after them are as if they weren't there.
pub const MAX_KEYS: usize = 64;

/// How a token may be signed (RFC 7518, section 3.1; RFC 8037, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256, as PKCS #1 pads it.
    Rs256,
    /// RSA with SHA-256, as PSS pads it.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Each.
    pub const ALL: [Self; 4] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa];

    /// What tokens call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The one of a name, to the letter.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// A provider's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct PublicKey {
    id: Option<String>,
    /// The one algorithm that it is for, where that is said.
    only: Option<String>,
    half: Half,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Half {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256([u8; 65]),
    Ed25519([u8; 32]),
}

#[derive(Deserialize)]
struct Shown {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl PublicKeys {
    /// Reads a set of keys. Those that are for something else, or of a kind that isn't known, are passed over (section 5).
    pub fn read(document: &[u8]) -> Result<Self, Distrust> {
        let set: Value = serde_json::from_slice(document).map_err(|_| Distrust::Unreadable("keys"))?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or(Distrust::Lacks("keys", "keys"))?;
        let read =
            keys.iter().take(MAX_KEYS).filter_map(|key| PublicKey::read(Shown::deserialize(key).ok()?));
        Ok(Self(read.collect()))
    }

    /// Whether one of them signed these bytes so. A token that names no key is signed by the only one that fits.
    pub(super) fn check(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), Distrust> {
        let fitting = self.0.iter().filter(|key| key.fits(algorithm));
        let named: Vec<_> = match id {
            Some(id) => fitting.filter(|key| key.id.as_deref() == Some(id)).collect(),
            None => fitting.collect(),
        };
        if named.is_empty() || id.is_none() && named.len() > 1 {
            return Err(Distrust::UnknownKey);
        }
        let is_right = named.iter().any(|key| key.half.signed(algorithm, signed, signature));
        if is_right { Ok(()) } else { Err(Distrust::Signature) }
    }
}

impl PublicKey {
    fn read(shown: Shown) -> Option<Self> {
        let is_to_sign = shown.r#use.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = shown.key_ops.is_none_or(|all| all.iter().any(|one| one == "verify"));
        if !is_to_sign || !verifies {
            return None;
        }
        let bytes = |text: Option<String>| BASE64URL_NOPAD.decode(text?.as_bytes()).ok();
        let half = match (shown.kty.as_str(), shown.crv.as_deref()) {
            ("RSA", _) => {
                // What counts them has no zeros in front.
                let number = |text| {
                    let bytes: Vec<u8> = bytes(text)?;
                    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
                };
                Half::Rsa { n: number(shown.n)?, e: number(shown.e)? }
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(shown.x)?, bytes(shown.y)?);
                if x.len() != 32 {
                    return None;
                }
                // 4, and both coordinates of the point (SEC 1, section 2.3.3).
                Half::P256([&[4], &x[..], &y].concat().try_into().ok()?)
            }
            ("OKP", Some("Ed25519")) => Half::Ed25519(bytes(shown.x)?.try_into().ok()?),
            _ => return None,
        };
        Some(Self { id: shown.kid, only: shown.alg, half })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match self.half {
            Half::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
            Half::P256(_) => algorithm == Algorithm::Es256,
            Half::Ed25519(_) => algorithm == Algorithm::EdDsa,
        };
        kind && self.only.as_deref().is_none_or(|only| only == algorithm.name())
    }
}

impl Half {
    fn signed(&self, algorithm: Algorithm, bytes: &[u8], signature: &[u8]) -> bool {
        let verified = match (self, algorithm) {
            (Self::Rsa { n, e }, Algorithm::Rs256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, bytes, signature)
            }
            (Self::Rsa { n, e }, Algorithm::Ps256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, bytes, signature)
            }
            (Self::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(bytes, signature)
            }
            (Self::Ed25519(key), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, key).verify(bytes, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// RFC 7515, appendix A.2: a token signed by RS256, and the key that it is checked with.
    const RS256_SIGNED: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const RS256_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const RS256_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

    fn rsa() -> Value {
        json!({ "kty": "RSA", "kid": "1", "n": RS256_N, "e": "AQAB" })
    }

    fn set(keys: &[Value]) -> PublicKeys {
        PublicKeys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    fn check(keys: &PublicKeys, algorithm: Algorithm, id: Option<&str>) -> Result<(), Distrust> {
        let signature = BASE64URL_NOPAD.decode(RS256_SIGNATURE.as_bytes()).unwrap();
        keys.check(algorithm, id, RS256_SIGNED.as_bytes(), &signature)
    }

    #[test]
    fn the_standard_s_example_is_signed_by_its_key_and_no_other() {
        let keys = set(&[rsa()]);
        assert_eq!(check(&keys, Algorithm::Rs256, Some("1")), Ok(()));
        assert_eq!(check(&keys, Algorithm::Rs256, None), Ok(()));
        assert_eq!(check(&keys, Algorithm::Ps256, Some("1")), Err(Distrust::Signature));
        for other in [Algorithm::Es256, Algorithm::EdDsa] {
            assert_eq!(check(&keys, other, Some("1")), Err(Distrust::UnknownKey));
        }
        assert_eq!(check(&keys, Algorithm::Rs256, Some("2")), Err(Distrust::UnknownKey));
        assert_eq!(check(&PublicKeys::default(), Algorithm::Rs256, None), Err(Distrust::UnknownKey));
    }

    #[test]
    fn a_key_is_for_what_it_says_alone() {
        let with = |name: &str, value: Value| {
            let mut key = rsa();
            key[name] = value;
            check(&set(&[key]), Algorithm::Rs256, Some("1"))
        };
        assert_eq!(with("use", json!("sig")), Ok(()));
        assert_eq!(with("key_ops", json!(["verify"])), Ok(()));
        for (name, value) in [
            ("use", json!("enc")),
            ("key_ops", json!(["encrypt"])),
            ("alg", json!("RS512")),
            ("kty", json!("oct")),
            ("n", json!("=")),
            ("e", Value::Null),
        ] {
            assert_eq!(with(name, value), Err(Distrust::UnknownKey), "{name}");
        }
        // Of two that fit, a token has to name one.
        let two = set(&[rsa(), {
            let mut other = rsa();
            other["kid"] = json!("2");
            other
        }]);
        assert_eq!(check(&two, Algorithm::Rs256, None), Err(Distrust::UnknownKey));
        assert_eq!(check(&two, Algorithm::Rs256, Some("2")), Ok(()));
        assert!(Algorithm::named("none").is_none() && Algorithm::named("HS256").is_none());
        assert!(Algorithm::named("rs256").is_none());
    }

    #[test]
    fn there_are_so_many_keys() {
        let mut many = vec![json!({ "kty": "EC" }); MAX_KEYS];
        many.push(rsa());
        assert_eq!(check(&set(&many), Algorithm::Rs256, Some("1")), Err(Distrust::UnknownKey));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, x: Vec<u8>, y: Vec<u8>) {
            let _ = PublicKeys::read(&bytes);
            let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
            let keys = set(&[
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&x), "y": encode(&y) }),
                json!({ "kty": "RSA", "n": encode(&x), "e": encode(&y) }),
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&x) }),
            ]);
            for algorithm in Algorithm::ALL {
                prop_assert!(keys.check(algorithm, None, &x, &y).is_err());
            }
        }
    }
}
