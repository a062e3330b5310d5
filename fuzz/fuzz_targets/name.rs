//! What accounts, channels and organizations are called: a name that is taken is taken again as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::name::{check_channel_name, check_organization_name, check_tag, check_user_name, folded, look};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for check in [check_user_name, check_channel_name, check_organization_name, check_tag] {
        if let Ok(name) = check(text) {
            assert_eq!(check(&name).as_ref(), Ok(&name), "what was taken is taken as it is");
            let folded_name = folded(&name);
            assert_eq!(folded(&folded_name), folded_name);
            assert!(!look(&name).is_empty());
        }
    }
});
