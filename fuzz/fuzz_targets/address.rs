//! An address, a claim code and names, as people type them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::auth::ClaimCode;
use parlour::client::Address;
use parlour::name::{check_channel_name, check_user_name};

fuzz_target!(|text: &str| {
    let _ = text.parse::<Address>();
    let _ = ClaimCode::parse(text);
    let _ = check_user_name(text);
    let _ = check_channel_name(text);
});
