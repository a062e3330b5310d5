//! One-time codes by the clock (RFC 6238), as authenticator apps make them: HMAC-SHA-1, six digits, 30 s.

use std::fmt;

use data_encoding::BASE32;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use subtle::ConstantTimeEq;

use crate::id::Timestamp;

/// Bytes of a secret: as many as the hash makes (RFC 4226, section 4).
pub const TOTP_SECRET: usize = 20;

/// Seconds that a code is shown for.
const STEP: u64 = 30;

/// Steps by which the person's clock may be off, either way (RFC 6238, section 5.2).
pub const DRIFT: u64 = 1;

const DIGITS: u32 = 1_000_000;

/// The secret that a person's device shares.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret([u8; TOTP_SECRET]);

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

impl TotpSecret {
    /// A secret of bytes that must be random.
    pub fn from_random(bytes: [u8; TOTP_SECRET]) -> Self {
        Self(bytes)
    }

    /// The secret of bytes that were kept.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// What is kept, sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As a person types it into an app: base 32 (RFC 4648, section 6), which has no padding at this length.
    pub fn base32(&self) -> String {
        BASE32.encode(&self.0)
    }

    /// The step of a code that is right now, or was or will be a step ago; none for a wrong one. That no step is
    /// taken twice is for whoever keeps them. Takes as long for a wrong code as for a right one.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let mut digits = [0_u8; 6];
        let mut count = 0;
        for digit in code.bytes().filter(|byte| *byte != b' ') {
            if !digit.is_ascii_digit() || count == digits.len() {
                return None;
            }
            digits[count] = digit;
            count += 1;
        }
        if count != digits.len() {
            return None;
        }
        let present = now.0 / 1_000 / STEP;
        let mut found = None;
        for step in present.saturating_sub(DRIFT)..=present + DRIFT {
            if bool::from(self.code(step).as_bytes().ct_eq(&digits)) {
                found = Some(step);
            }
        }
        found
    }

    /// The code of a step (RFC 4226, section 5.3).
    fn code(&self, step: u64) -> String {
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let hash = sign(&key, &step.to_be_bytes());
        let hash = hash.as_ref();
        let offset = usize::from(hash[hash.len() - 1] & 15);
        let mut four = [0; 4];
        four.copy_from_slice(&hash[offset..offset + 4]);
        format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % DIGITS)
    }

    /// The address that a QR code carries to an app, in the form that they have agreed on.
    pub fn uri(&self, server: &str, user: &str) -> String {
        let word = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let (server, user) = (word(server), word(user));
        format!(
            "otpauth://totp/{server}:{user}?secret={}&issuer={server}&algorithm=SHA1&digits=6&period=30",
            self.base32()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> TotpSecret {
        TotpSecret::from_random(*b"12345678901234567890")
    }

    #[test]
    fn the_vectors_of_the_rfc() {
        // RFC 6238, appendix B, the last six of their eight digits.
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = Timestamp(second * 1_000);
            assert_eq!(secret().step_of(code, at), Some(second / 30), "{second}");
        }
        assert_eq!(secret().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_clock_may_be_one_step_off_and_no_more() {
        let at = |second: u64| Timestamp(second * 1_000);
        let code = secret().code(100);
        for second in [2_970, 3_000, 3_029, 3_059] {
            assert_eq!(secret().step_of(&code, at(second)), Some(100), "{second}");
        }
        for second in [2_969, 3_060] {
            assert_eq!(secret().step_of(&code, at(second)), None, "{second}");
        }
        let spaced = format!("{} {}", &code[..3], &code[3..]);
        assert_eq!(secret().step_of(&spaced, at(3_000)), Some(100));
        for wrong in ["", "12345", "1234567", "12a456", "١٢٣٤٥٦"] {
            assert_eq!(secret().step_of(wrong, at(3_000)), None, "{wrong}");
        }
    }
}
