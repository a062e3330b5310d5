//! What a client sends, as the server reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::protocol::wire::Request;
use parlour::protocol::{MAX_REQUEST, decode};

fuzz_target!(|bytes: &[u8]| {
    let _ = decode::<Request>(bytes, MAX_REQUEST);
});
