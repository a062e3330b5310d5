//! A WAV or Ogg Opus file, as `parlour play` reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::audio::Source;

fuzz_target!(|bytes: &[u8]| {
    let _ = Source::read(std::io::Cursor::new(bytes));
});
