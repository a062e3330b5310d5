//! An address, codes, keys, tokens and names, as people type them and clients send them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::auth::{ApiKeySecret, OneTimeCode, SealKey, TokenKey, TotpSecret};
use parlour::client::Address;
use parlour::id::Timestamp;
use parlour::name::{check_channel_name, check_user_name, look};

fuzz_target!(|bytes: &[u8]| {
    let _ = TokenKey::new(b"fuzz").read(bytes);
    let _ = SealKey::new(b"fuzz").open(1, bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = text.parse::<Address>();
    let _ = OneTimeCode::parse(text);
    let _ = ApiKeySecret::parse(text);
    let _ = TotpSecret::from_random([7; 20]).step_of(text, Timestamp(0));
    let _ = check_user_name(text);
    let _ = check_channel_name(text);
    let _ = look(text);
});
