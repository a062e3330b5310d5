//! A program asks, in a real browser: what the page's policy holds, and that whoever is logged in isn't asked twice.

use crate::stage::{PASSWORD, Stage, create_user, run};
use crate::support::{Process, as_profile};

#[test]
fn a_program_asks_on_a_page_that_nobody_frames_and_whose_form_leads_to_it_alone() {
    let home = Stage::enter();
    let process = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let boss = format!("parlour://boss@{}", process.address);
    as_profile(
        home.path(),
        "boss",
        &["claim", &process.claim.clone().unwrap(), &boss, "--password-stdin"],
        PASSWORD,
    );
    create_user(home.path(), "ben");
    let scope = "openid profile view";
    let add = ["oauth", "client", "add", "Forge <b>", "--redirect", "http://127.0.0.1/cb"];
    let add = [&add[..], &["--scope", scope]].concat();
    let made = as_profile(home.path(), "boss", &add, "");
    let client = made[0]["client"].to_string();
    let result = run(
        "consent.mjs",
        &[
            ("SERVER", process.address.to_string()),
            ("CLIENT", client),
            ("OUT", home.path().display().to_string()),
            ("SHOTS", std::env::var("SCREENSHOTS").unwrap_or_default()),
        ],
        |word| panic!("{word}"),
    );
    println!("{result:#}");
    for holds in ["framed", "stolen"] {
        assert_eq!(result[holds], "blocked", "{result}");
    }
    assert_eq!(result["violations"], serde_json::json!([]), "of axe-core");
    let text = |name: &str| result[name].as_str().unwrap().to_owned();
    assert!(text("asked").contains("Forge <b> asks for your permission"), "{result}");
    assert!(text("wrong").contains("The name or the password is wrong"), "{result}");
    assert!(text("german").contains("bittet um deine Erlaubnis"), "{result}");
    for back in ["byPassword", "bySession", "silently"] {
        assert!(
            text(back).contains("/cb?code=") && text(back).contains("&state=s-1&iss="),
            "{back}: {result}"
        );
    }
    assert_eq!(text("who"), "ben");
    assert!(text("denied").contains("error=access_denied"), "{result}");
    for said in
        ["Forge <b>", "It is told: a number for the account, name and picture", "It may: view", "since "]
    {
        assert!(text("allowed").contains(said), "{said}: {result}");
    }
    assert!(text("changed").contains("programs that acted for you: 1."), "{result}");
    assert!(text("useless").contains("needs an address to come back to"), "{result}");
    let registered = text("registered");
    for said in [
        "the e-mail address, all of it",
        "to do: view, change and take away what is there, as an assistant",
        "https://wiki.example.org/cb",
        "https://wiki.example.org/other",
    ] {
        assert!(registered.contains(said), "{said}: {result}");
    }
    assert!(!registered.contains("the roles"), "{result}");
    assert!(text("secret").len() > 40, "{result}");
    assert_eq!(result["forgotten"], 0, "a secret is shown once");
    assert_eq!(result["errors"], serde_json::json!([]));
}
