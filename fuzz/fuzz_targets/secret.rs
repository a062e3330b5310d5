//! Codes, keys and tokens, as people type them and clients send them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::auth::{ApiKeySecret, OneTimeCode, SealKey, TokenKey, TotpSecret};
use parlour::id::Timestamp;

fuzz_target!(|bytes: &[u8]| {
    assert!(TokenKey::new(b"fuzz").read(bytes).is_none(), "nobody guesses a token");
    assert!(SealKey::new(b"fuzz").open(1, bytes).is_none(), "nobody guesses what is sealed");
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = OneTimeCode::parse(text);
    let _ = ApiKeySecret::parse(text);
    let _ = TotpSecret::from_random([7; 20]).step_of(text, Timestamp(0));
});
