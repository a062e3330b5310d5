//! An address, as people type it: what is read of it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::client::Address;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(address) = text.parse::<Address>() else { return };
    let home = address.home().parse::<Address>().expect("what names a server in a profile is an address");
    assert_eq!(home.home(), address.home());
    assert_eq!(address.to_string().parse::<Address>().as_ref(), Ok(&address));
});
