//! A plugin's module: it is refused, or what it does ends within its bounds.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use parlour::plugin::{Answered, Host, HttpAsked, Manifest, Module};

/// The call's own bound is a tenth of that; a machine that is busy may take longer.
const LONGEST: Duration = Duration::from_secs(2);

/// Keeps nothing, and reaches nobody.
struct Nobody;

impl Host for Nobody {
    fn value(&mut self, _: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn keep(&mut self, _: Vec<(String, Option<Vec<u8>>)>) -> Result<(), String> {
        Ok(())
    }

    fn ask(&mut self, _: &'static str, _: &[u8], _: Duration) -> Result<Vec<u8>, String> {
        Err("nobody is there".to_owned())
    }

    fn http(&mut self, _: HttpAsked, _: Duration) -> Result<Answered, String> {
        Err("nobody is there".to_owned())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = "name = \"fuzz\"\nfunctions = [\"run\"]\ngrants = [\"kv\", \"http:a\"]\n[quotas]\nms = 200\nfuel = 100000";
    let manifest = Manifest::read(text).expect("the manifest is one");
    let Ok(module) = Module::load(bytes, &manifest) else { return };
    let outcome = module.call("run", b"input", Arc::from(manifest.grants), Box::new(Nobody), None);
    assert!(outcome.took < LONGEST, "{outcome:?}");
});
