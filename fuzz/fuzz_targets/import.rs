//! An export, as `parlour db import` reads it: what can be read whole becomes a database, or a clear error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::id::Timestamp;
use parlour::store::{Store, check_export};

fuzz_target!(|bytes: &[u8]| {
    let Ok(rows) = check_export(&mut &bytes[..]) else { return };
    let directory = tempfile::tempdir().expect("there is room for a database");
    let path = directory.path().join("parlour.redb");
    if let Ok(loaded) = Store::import(&path, &mut &bytes[..], Timestamp(1)) {
        assert_eq!(loaded, rows);
    }
});
