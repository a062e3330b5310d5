//! Plugins in the page.

use crate::stage::Stage;

/// A plugin that writes "Hi" down.
const CODE: &str = r#"(module
    (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
    (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
    (import "extism:host/env" "log_warn" (func $warn (param i64)))
    (func (export "greet") (result i32) (local $at i64)
        (local.set $at (call $alloc (i64.const 2)))
        (call $store (local.get $at) (i32.const 72))
        (call $store (i64.add (local.get $at) (i64.const 1)) (i32.const 105))
        (call $warn (local.get $at))
        (i32.const 0))
    (data "a part of the code is larger than what is sent at once"))"#;

const MANIFEST: &str = r#"name = "door"
version = "1.2"
description = "Greets <b>whoever</b> comes"
functions = ["greet"]
grants = ["kv", "http:api.example.org"]

[quotas]
ms = 250
memory_kib = 1024
"#;

#[test]
fn a_plugin_is_looked_at_installed_granted_more_and_removed_in_the_page() {
    let home = Stage::enter();
    // More than is sent at once.
    let code = CODE.replace("a part", &"a part ".repeat(8_000));
    let file = |name: &str, bytes: &[u8]| {
        let path = home.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let files = [
        ("CODE", file("door.wasm", &wat::parse_str(code).unwrap())),
        ("MANIFEST", file("door.toml", MANIFEST.as_bytes())),
        ("BROKEN", file("broken.toml", MANIFEST.replace("functions", "function").as_bytes())),
    ];
    let result = home.see("plugins.mjs", ("PARLOUR_LIMITS_REQUEST_BURST", "1000"), &files);
    let text = |name: &str| result[name].as_str().unwrap().to_owned();
    assert!(text("nothing").contains("Choose both files."), "{result}");
    assert!(text("broken").contains("function"), "{result}");
    assert!(text("plain").contains("It was granted nothing."), "what isn't ticked isn't granted: {result}");
    assert_eq!(result["ticked"], 0, "nothing is accepted for anybody");
    for said in [
        "keep something",
        "ask the server api.example.org",
        "250 ms",
        "1,024 KiB",
        "Greets <b>whoever</b> comes",
    ] {
        assert!(text("asked").contains(said), "{said}: {result}");
    }
    let listed = text("listed");
    assert!(
        listed.contains("Granted: keep something") && listed.contains("wasn’t granted it: ask the server"),
        "{listed}"
    );
    for said in ["greet · warn", "memory_kib = 1024", "SHA-256 of its code: ", "Functions: greet"] {
        assert!(text("shown").contains(said), "{said}: {result}");
    }
    assert_eq!(result["granted"], serde_json::json!(["kv", "http:api.example.org"]));
    assert!(text("german").contains("sich von einem Aufruf zum nächsten etwas merken"), "{result}");
    assert_eq!(result["members"], 0, "whoever may not is shown nothing of it");
}
