//! Proof that whoever exchanges a code asked for it (PKCE, RFC 7636), by S256 only.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Form, OAuthError};

/// What the verifier of a code hashes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// Reads the challenge of a request, which has to be there (RFC 9700, section 2.1.1).
    pub fn of(form: &Form) -> Result<Self, OAuthError> {
        if form.get("code_challenge_method") != Some("S256") {
            return Err(OAuthError::Challenge);
        }
        let bytes = form.get("code_challenge").and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(OAuthError::Challenge)
    }

    /// Whether this is the verifier: 43 to 128 characters that need no escape (RFC 7636, section 4.1).
    pub fn is_met_by(&self, verifier: &str) -> bool {
        let is_one = (43..=128).contains(&verifier.len())
            && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'));
        let hash: [u8; 32] = Sha256::digest(verifier).into();
        is_one && bool::from(hash.ct_eq(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_standard_s_example_is_met_and_nothing_else_is() {
        let form = b"code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
        let challenge = Challenge::of(&Form::parse(form).unwrap()).unwrap();
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"));
        assert!(!challenge.is_met_by(""));
        for weak in [
            &b"code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"[..],
            b"code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=plain",
            b"code_challenge=E9Melhoa2Owv&code_challenge_method=S256",
            b"code_challenge_method=S256",
            b"",
        ] {
            assert_eq!(Challenge::of(&Form::parse(weak).unwrap()), Err(OAuthError::Challenge));
        }
    }

    proptest! {
        #[test]
        fn the_verifier_meets_its_challenge_and_no_other_does(verifier in "[A-Za-z0-9._~-]{43,128}", other in "[A-Za-z0-9._~-]{43,128}") {
            let challenge = Challenge(Sha256::digest(&verifier).into());
            prop_assert!(challenge.is_met_by(&verifier));
            prop_assert_eq!(challenge.is_met_by(&other), other == verifier);
        }
    }
}
