//! What is pressed in the page comes to something, whatever is drawn meanwhile.

use serde_json::{Value, json};

use crate::stage::{Stage, run, sentence};
use crate::support::{self, Process};

/// Runs a script on a server that lets guests in, with other settings of it.
fn press(script: &str, settings: &[(&str, &str)]) -> Value {
    let home = Stage::enter();
    let mut server = support::parlour(home.path());
    server.env("PARLOUR_SESSIONS_GUESTS", "true").envs(settings.iter().copied());
    let process = Process::serve_with(server, "127.0.0.1:0", &["--demo"]);
    let result = run(
        script,
        &[
            ("SERVER", process.address.to_string()),
            ("VOICES", sentence(0, home.path()).display().to_string()),
            ("OUT", home.path().display().to_string()),
        ],
        |_| (),
    );
    println!("{result:#}");
    assert_eq!(result["errors"], json!([]), "{script}");
    result
}

/// A hundred presses of Mute and Unmute at random moments, with the mouse, slowly, by keys and by touch, while four people talk,
/// come and go: each shows within 100 ms, and holds on the server.
#[test]
fn a_hundred_presses_while_people_come_and_go() {
    let result = press("presses.mjs", &[]);
    assert_eq!(result["presses"], 100);
    assert!(result["redraws"].as_u64().unwrap() >= 100, "too little was drawn meanwhile: {result}");
    for nothing in ["lost", "late", "notHeld"] {
        assert_eq!(result[nothing], json!([]), "{nothing}");
    }
    assert_eq!(result["sameButton"], true);
}

/// In every view what can be pressed is the same element after people, channels and roles have come and gone.
#[test]
fn what_can_be_pressed_outlives_every_redraw() {
    let result = press("stays.mjs", &[]);
    for nothing in ["gone", "focus"] {
        assert_eq!(result[nothing], json!([]), "{nothing}");
    }
    assert_eq!(result["selected"], "line", "what is selected stays selected");
    assert_eq!(result["typed"], "half a sentence", "what is typed stays");
    assert_eq!(result["cell"][0], result["cell"][1], "three presses of a cell come full circle");
    assert_eq!(result["cell"][2], true);
    assert_eq!(result["keyStays"], true);
}

/// What the server refuses shows at first, and is taken back with a sentence.
#[test]
fn what_the_server_refuses_is_taken_back_with_a_sentence() {
    let few = [("PARLOUR_LIMITS_REQUESTS_PER_SECOND", "1"), ("PARLOUR_LIMITS_REQUEST_BURST", "25")];
    let result = press("refused.mjs", &few);
    assert_eq!(result["atOnce"], json!(["true", "true"]), "it shows before the server has answered");
    assert!(result["said"].as_str().unwrap().contains("Too many requests"), "{result}");
    assert_eq!(result["shown"], result["held"], "the page shows what the server holds");
    assert_eq!(result["shown"], "false");
    assert_eq!(result["away"][0], result["away"][1], "{result}");
}
