//! A configuration file, and the same from the environment and from flags.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::config::{Config, KEYS, Sources};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = Config::read(text) {
        assert_eq!(config.entries().count(), KEYS.len());
    }
    let Some((first, value)) = text.split_once('=') else { return };
    let name = first.trim();
    let environment = vec![(format!("PARLOUR_{}", name.to_uppercase()), value.to_owned())];
    let _ = Config::load(&Sources { environment, ..Sources::default() });
    let flags: Vec<_> =
        KEYS.iter().filter(|key| key.name == name).map(|key| (key.name, value.to_owned())).collect();
    let _ = Config::load(&Sources { flags, ..Sources::default() });
});
