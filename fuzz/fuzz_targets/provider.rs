//! What another server says of itself, of its keys and of somebody who logs in by it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::auth::oidc::{Expected, Identity, Metadata, PublicKeys, check_id_token};
use parlour::id::Timestamp;

fuzz_target!(|bytes: &[u8]| {
    let _ = Metadata::read(bytes, "https://id.example");
    let keys = PublicKeys::read(bytes).unwrap_or_default();
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let expected = Expected {
        issuer: "https://id.example",
        client: "parlour",
        nonce: "n",
        now: Timestamp(1_000_000),
        anew: Some(Timestamp(900_000)),
        access_token: Some("access"),
    };
    assert!(check_id_token(text, &keys, expected).is_err(), "nobody guesses a signature");
    let (document, token) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(keys) = PublicKeys::read(document.as_bytes()) {
        let _ = check_id_token(token, &keys, expected);
    }
    if let Ok(claims) = serde_json::from_str(text) {
        let _ = Identity::of("https://id.example", &claims, Some(&claims), "realm_access.roles");
    }
});
