//! Somebody logs in by another server, in a real browser.

use crate::stage::{Stage, run};

#[test]
fn a_press_on_the_page_leads_to_another_server_and_back_to_one_s_account() {
    let home = Stage::enter();
    let variables = [
        ("OUT", home.path().display().to_string()),
        ("SHOTS", std::env::var("SCREENSHOTS").unwrap_or_default()),
    ];
    let result = run("provider.mjs", &variables, |word| panic!("{word}"));
    println!("{result:#}");
    assert_eq!(result["violations"], serde_json::json!([]), "of axe-core");
    assert_eq!(result["icon"], true);
    // No secret stands in the address, and none in a cookie that a script reads.
    let address = result["address"].as_str().unwrap();
    assert!(address.starts_with("https://127.0.0.1:") && address.ends_with('/'), "{result}");
    assert_eq!((result["name"].as_str(), result["cookie"].as_str()), (Some("anna"), Some("")));
    assert_eq!(result["linked"], 2);
    assert_eq!(result["invited"][0], "berta");
    assert!(result["invited"][1].as_str().unwrap().ends_with("/#/Social"), "{result}");
    let refused = result["refused"].as_str().unwrap();
    assert!(refused.contains("nicht angemeldet") && refused.contains("access_denied"), "{result}");
    assert_eq!(result["errors"], serde_json::json!([]));
}
