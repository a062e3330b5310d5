//! What others made and the page loads is what was looked at, with its licence beside it.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// Each file, the SHA-256 of its bytes, and where it comes from.
const VENDORED: [(&str, &str, &str); 2] = [
    (
        "libopus.wasm",
        "703ed72e2f5ccb988fedafd996d34ff36b3464bb8fcae6bc1c458c0a30f65579",
        "libopus-wasm 0.4.0 (build/libopus.mjs)",
    ),
    ("pbf.js", "f321bd4934fd67cea4a5be18eece9ff576e3db0cbc2915a9fb1bd7ebbcd3422a", "pbf 5"),
];

#[test]
fn what_others_made_is_unchanged_and_has_its_licence() {
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/page/vendor");
    let mut there: Vec<String> =
        fs::read_dir(&vendor).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    let mut known = Vec::new();
    for (name, hash, origin) in VENDORED {
        let found = HEXLOWER.encode(&Sha256::digest(fs::read(vendor.join(name)).unwrap()));
        assert_eq!(found, hash, "{name} isn't the file of {origin}");
        let (stem, _) = name.split_once('.').unwrap();
        known.extend([name.to_owned(), format!("{stem}.LICENSE.txt")]);
    }
    known.sort();
    assert_eq!(there, known);
}
