//! A password that somebody chooses, as it is asked how easy it is to guess.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::auth::{check_guessing, check_password};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (name, password) = text.split_once('\n').unwrap_or(("alice", text));
    if check_password(password).is_ok() {
        let _ = check_guessing(password, &[name.to_owned()]);
    }
});
