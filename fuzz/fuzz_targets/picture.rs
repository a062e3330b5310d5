//! A picture that somebody sends: what becomes of it is small enough, or it is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::bounds::MAX_PICTURE;
use parlour::picture::made_anew;

fuzz_target!(|bytes: &[u8]| {
    let Ok(made) = made_anew(bytes) else { return };
    assert!(!made.is_empty() && made.len() <= MAX_PICTURE);
    assert!(made.starts_with(b"\x89PNG") || made.starts_with(b"\xff\xd8"));
});
