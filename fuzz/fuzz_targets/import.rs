//! An export, as `parlour db import` reads it: what can be read whole becomes a database, or a clear error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::id::Timestamp;
use parlour::store::{check_export, import_on};
use redb::backends::InMemoryBackend;

fuzz_target!(|bytes: &[u8]| {
    let Ok(rows) = check_export(&mut &bytes[..]) else { return };
    // In memory: a disk would be waited for at each commit.
    if let Ok(loaded) = import_on(InMemoryBackend::new(), &mut &bytes[..], Timestamp(1)) {
        assert_eq!(loaded, rows);
    }
});
