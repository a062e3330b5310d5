//! The secret of a webhook, and what it signs (Standard Webhooks 1.0, "Signature scheme").

use std::fmt;

use data_encoding::BASE64;
use ring::hmac;

/// What every secret begins with where it is shown, so that it is known for what it is.
const MARK: &str = "whsec_";

/// How long a secret may be, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// Signatures of a message that are looked at: a sender has two while one secret takes the place of another.
const MOST_SIGNATURES: usize = 8;

/// What a receiver and this server have in common.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Bytes of one that is made here.
    pub const LEN: usize = 32;

    /// The one of these bytes; none where they are fewer than 24 or more than 64.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        LENGTHS.contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// The one of a text, as it is shown.
    pub fn read(text: &str) -> Option<Self> {
        Self::of(&BASE64.decode(text.strip_prefix(MARK)?.as_bytes()).ok()?)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it is shown: `whsec_` and base 64.
    pub fn shown(&self) -> String {
        format!("{MARK}{}", BASE64.encode(&self.0))
    }

    /// The signature of a message.
    fn sign(&self, id: &str, at: u64, body: &[u8]) -> String {
        let mut signed = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        signed.update(format!("{id}.{at}.").as_bytes());
        signed.update(body);
        format!("v1,{}", BASE64.encode(signed.sign().as_ref()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Whether a message is signed by a secret: one of its signatures, which have spaces between them, is enough. Takes as long whatever is
/// wrong with one.
pub fn is_signed(secret: &Secret, id: &str, at: u64, body: &[u8], signatures: &str) -> bool {
    let signed = [format!("{id}.{at}.").as_bytes(), body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.0);
    let is_one = |text: &str| {
        let signature = text.strip_prefix("v1,").and_then(|text| BASE64.decode(text.as_bytes()).ok());
        signature.is_some_and(|signature| hmac::verify(&key, &signed, &signature).is_ok())
    };
    signatures.split(' ').take(MOST_SIGNATURES).any(is_one)
}

/// The headers of a delivery: the message's identifier, which has no full stop; when it is sent, in seconds since 1970; and a
/// signature by each of the secrets, of which a receiver needs one. There are two for as long as one takes the place of the other.
pub fn headers(secrets: &[Secret], id: &str, at: u64, body: &[u8]) -> [(&'static str, String); 3] {
    let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(id, at, body)).collect();
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the reference implementations' tests.
    #[test]
    fn a_message_is_signed_as_the_specification_signs_it() {
        let secret = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let told = headers(std::slice::from_ref(&secret), id, at, body);
        assert_eq!(
            told.map(|(name, value)| format!("{name}: {value}")),
            [
                format!("webhook-id: {id}"),
                format!("webhook-timestamp: {at}"),
                format!("webhook-signature: {signature}")
            ]
        );
        // One that takes its place signs first, and the one of before beside it.
        let next = Secret::of(&[7; Secret::LEN]).unwrap();
        let [.., (_, both)] = headers(&[next.clone(), secret], id, at, body);
        let [.., (_, own)] = headers(&[next], id, at, body);
        assert_eq!(both, format!("{own} {signature}"));
        assert_ne!(own, signature);
        let secret = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert!(is_signed(&secret, id, at, body, &both) && is_signed(&secret, id, at, body, signature));
        assert!(!is_signed(&secret, id, at, body, &own) && !is_signed(&secret, id, at, b"{}", &both));
        assert!(!is_signed(&secret, id, at + 1, body, &both) && !is_signed(&secret, "x", at, body, &both));
        assert!(!is_signed(&secret, id, at, body, "") && !is_signed(&secret, id, at, body, "v1,?"));
    }

    #[test]
    fn a_secret_has_a_length_and_a_form_and_is_not_shown_by_chance() {
        for (length, fits) in [(0, false), (23, false), (24, true), (32, true), (64, true), (65, false)] {
            let secret = Secret::of(&vec![0xf8; length]);
            assert_eq!(secret.is_some(), fits, "{length}");
            let Some(secret) = secret else { continue };
            assert_eq!(Secret::read(&secret.shown()).as_ref(), Some(&secret));
            assert_eq!((secret.bytes().len(), format!("{secret:?}")), (length, "Secret(..)".to_owned()));
        }
        let text = Secret::of(&[0xf8; 32]).unwrap().shown();
        let bare = text.strip_prefix(MARK).unwrap();
        for wrong in
            ["", "whsec_", bare, &text[..text.len() - 1], &format!("{text}="), &text.replace('+', "-")]
        {
            assert_eq!(Secret::read(wrong), None, "{wrong}");
        }
    }
}
