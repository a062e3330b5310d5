//! How a client proves itself: by a secret in the header or in the form, in one way at a time, or not at all where it
//! can't keep one (RFC 6749, section 2.3; RFC 8252).

use std::fmt;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::{Form, OAuthError};
use crate::auth::TokenHash;
use crate::id::OAuthClientId;

/// Random bytes of a client's secret.
pub const CLIENT_SECRET: usize = 32;

/// What every secret begins with, so that scanners of published sources know one.
const MARK: &str = "prs_";

/// A client's secret as whoever registers the client gets it, once.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(String);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

impl ClientSecret {
    /// A secret of bytes that must be random.
    pub fn from_random(bytes: [u8; CLIENT_SECRET]) -> Self {
        Self(format!("{MARK}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// What is kept.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(&self.0).into())
    }

    /// The whole, for its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What a client shows of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientProof {
    /// Which it says that it is.
    pub client: OAuthClientId,
    /// The hash of the secret that it shows.
    pub secret: Option<TokenHash>,
}

impl fmt::Debug for ClientProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientProof").field("client", &self.client).finish_non_exhaustive()
    }
}

impl ClientProof {
    /// Reads the header `Authorization`, if there is one, and the form.
    pub fn read(authorization: Option<&str>, form: &Form) -> Result<Self, OAuthError> {
        if form.get("client_assertion").is_some() || form.get("client_assertion_type").is_some() {
            return Err(OAuthError::ClientInvalid);
        }
        let named = form.get("client_id");
        let Some(header) = authorization else {
            let client = number(named.ok_or(OAuthError::Missing("client_id"))?)?;
            return Ok(Self { client, secret: form.get("client_secret").map(hash) });
        };
        if form.get("client_secret").is_some() {
            return Err(OAuthError::TwoProofs);
        }
        let (name, secret) = basic(header).ok_or(OAuthError::ClientInvalid)?;
        if named.is_some_and(|named| named != name) {
            return Err(OAuthError::TwoProofs);
        }
        Ok(Self { client: number(&name)?, secret: Some(hash(&secret)) })
    }
}

fn number(text: &str) -> Result<OAuthClientId, OAuthError> {
    let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    let number = if is_plain { text.parse().ok() } else { None };
    number.map(OAuthClientId).ok_or(OAuthError::ClientInvalid)
}

fn hash(secret: &str) -> TokenHash {
    TokenHash(Sha256::digest(secret).into())
}

/// Name and password of the header (RFC 7617), both written as a form writes them (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(credentials.trim().as_bytes()).ok()?).ok()?;
    let (name, secret) = text.split_once(':')?;
    let plain = |part: &str| {
        let part = part.replace('+', " ");
        percent_decode_str(&part).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    Some((plain(name)?, plain(secret)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(header: Option<&str>, form: &str) -> Result<ClientProof, OAuthError> {
        let header = header.map(|text| format!("Basic {}", BASE64.encode(text.as_bytes())));
        ClientProof::read(header.as_deref(), &Form::parse(form.as_bytes()).unwrap())
    }

    #[test]
    fn a_client_proves_itself_in_one_way() {
        let secret = ClientSecret::from_random([7; CLIENT_SECRET]);
        let text = secret.reveal();
        let proven = Ok(ClientProof { client: OAuthClientId(12), secret: Some(secret.hash()) });
        assert_eq!(read(Some(&format!("12:{text}")), ""), proven);
        assert_eq!(read(Some(&format!("12:{text}")), "client_id=12"), proven);
        assert_eq!(read(None, &format!("client_id=12&client_secret={text}")), proven);
        assert_eq!(read(None, "client_id=12"), Ok(ClientProof { client: OAuthClientId(12), secret: None }));
        let twice = format!("client_id=12&client_secret={text}");
        assert_eq!(read(Some(&format!("12:{text}")), &twice), Err(OAuthError::TwoProofs));
        assert_eq!(read(Some(&format!("12:{text}")), "client_id=13"), Err(OAuthError::TwoProofs));
        assert_eq!(read(None, ""), Err(OAuthError::Missing("client_id")));
        for odd in [
            "client_id=x",
            "client_id=012",
            "client_id=99999999999999999999999",
            "client_id=12&client_assertion=x",
        ] {
            assert_eq!(read(None, odd), Err(OAuthError::ClientInvalid), "{odd}");
        }
        let bearer = ClientProof::read(Some("Bearer x"), &Form::parse(b"client_id=12").unwrap());
        assert_eq!(bearer, Err(OAuthError::ClientInvalid));
        assert!(!format!("{secret:?}").contains(&text[4..]));
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(header: String, basic: Vec<u8>) {
            let form = Form::parse(b"client_id=1").unwrap();
            let _ = ClientProof::read(Some(&header), &form);
            let _ = ClientProof::read(Some(&format!("Basic {}", BASE64.encode(&basic))), &form);
        }
    }
}
