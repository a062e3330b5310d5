//! Who hears whom, and how soon.

use std::path::PathBuf;

use crate::stage::{Stage, likeness, run, sentence};
use crate::support::Process;

fn conversation(way: &str) {
    let home = Stage::enter();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let voices: Vec<PathBuf> = (0..3).map(|number| sentence(number, home.path())).collect();
    let words: Vec<_> = voices.iter().map(|voice| voice.display().to_string()).collect();
    let out = home.path().display().to_string();
    let result = run(
        "conversation.mjs",
        &[
            ("SERVER", process.address.to_string()),
            ("NATIVE", process.address.to_string()),
            ("OUT", out),
            ("VOICES", words.join(":")),
            ("WAY", way.to_owned()),
        ],
        |_| (),
    );
    println!("{way}: {result}");
    let charlie = |name: &str| {
        let directory = std::fs::read_dir(home.path().join("charlie-hears")).unwrap();
        let mut files = directory.map(|file| file.unwrap().path());
        files.find(|file| file.file_name().unwrap().to_string_lossy().contains(name)).unwrap()
    };
    let file = |name: &str| home.path().join(name);
    let heard = [
        (0, file("bob-hears-alice.wav")),
        (0, charlie("alice")),
        (1, file("alice-hears-bob.wav")),
        (1, charlie("bob")),
        (2, file("alice-hears-native.wav")),
        (2, file("bob-hears-native.wav")),
    ];
    let compared = heard.map(|(speaker, recording)| {
        let alike = likeness(&voices, &recording);
        println!("{}: {alike:.3?}", recording.file_name().unwrap().display());
        (speaker, recording, alike)
    });
    for (speaker, recording, alike) in compared {
        for (number, alike) in alike.iter().enumerate() {
            let right = if number == speaker { *alike > 0.8 } else { *alike < 0.4 };
            assert!(right, "{}: voice {number} {alike}", recording.display());
        }
    }
    let loudness = |name: &str| result[name].as_f64().unwrap();
    let loud = loudness("loud");
    assert!(loud > 0.01, "{result}");
    for silent in ["muted", "deaf", "none", "released", "again"] {
        assert!(loudness(silent) < loud * 0.01, "{silent}: {result}");
    }
    assert!((0.35..0.65).contains(&(loudness("half") / loud)), "{result}");
    for held in ["held", "button"] {
        assert!((0.5..2.0).contains(&(loudness(held) / loud)), "{held}: {result}");
    }
    assert_eq!(result["errors"], serde_json::json!([]));
    assert_eq!(result["foreign"], serde_json::json!([]));
}

#[test]
fn two_browsers_and_native_clients_hear_each_other_over_webtransport() {
    conversation("auto");
}

#[test]
fn the_same_over_a_websocket() {
    conversation("websocket");
}

/// Capture to playback. The bound is wide, as the machine may be busy; the figure is printed.
#[test]
fn what_is_said_is_heard_soon() {
    let home = Stage::enter();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let voices: Vec<_> = (0..2).map(|number| sentence(number, home.path()).display().to_string()).collect();
    let server = process.address.to_string();
    let result = run(
        "delay.mjs",
        &[("SERVER", server), ("VOICES", voices.join(":")), ("WAY", "auto".to_owned())],
        |_| (),
    );
    println!("{result}");
    assert!(result["found"].as_u64().unwrap() >= 8, "{result}");
    assert!(result["median"].as_f64().unwrap() < 150.0, "{result}");
}

/// Firefox, with a sound server of its own: what it hears from a native client, and what one hears of it.
#[test]
fn firefox_loads_logs_in_listens_and_talks() {
    let home = Stage::enter();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let voices: Vec<PathBuf> = (0..2).map(|number| sentence(number, home.path())).collect();
    let words: Vec<_> = voices.iter().map(|voice| voice.display().to_string()).collect();
    let result = run(
        "firefox.mjs",
        &[
            ("SERVER", process.address.to_string()),
            ("OUT", home.path().display().to_string()),
            ("VOICES", words.join(":")),
        ],
        |_| (),
    );
    println!("{result}");
    assert_eq!(result["way"], "webtransport", "{result}");
    assert_eq!(result["errors"], serde_json::json!([]));
    let mut recorded =
        std::fs::read_dir(home.path().join("charlie-hears")).unwrap().map(|file| file.unwrap().path());
    let talked = recorded.find(|file| file.file_name().unwrap().to_string_lossy().contains("alice")).unwrap();
    for (speaker, recording) in [(0, talked), (1, home.path().join("alice-hears.wav"))] {
        let alike = likeness(&voices, &recording);
        println!("{}: {alike:.3?}", recording.file_name().unwrap().display());
        assert!(alike[speaker] > 0.8 && alike[1 - speaker] < 0.4, "{}: {alike:?}", recording.display());
    }
}

/// A microphone that is unplugged is replaced and comes back, a sound that the browser pauses goes on, and each is said with
/// what to do; and whoever went in to listen only may speak after all.
#[test]
fn a_microphone_goes_and_comes_back_and_a_paused_sound_goes_on() {
    let home = Stage::enter();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let voices: Vec<_> = (0..2).map(|number| sentence(number, home.path()).display().to_string()).collect();
    let result = run(
        "sound.mjs",
        &[
            ("SERVER", process.address.to_string()),
            ("VOICES", voices.join(":")),
            ("OUT", home.path().display().to_string()),
        ],
        |_| (),
    );
    println!("{result:#}");
    for nothing in ["violations", "errors"] {
        assert_eq!(result[nothing], serde_json::json!([]), "{nothing}");
    }
    let holds = [
        "listenerIsSilent",
        "noticeGone",
        "choiceStays",
        "another",
        "back",
        "silentWithout",
        "goesOn",
        "silentWhilePaused",
        "usualSpeaker",
        "speakerBack",
    ];
    for what in holds {
        assert_eq!(result[what], true, "{what}: {result}");
    }
    let text = |name: &str| result[name].as_str().unwrap();
    assert!(text("onlyListens").contains("nobody hears you"), "{result}");
    assert!(text("instead").contains("is used in its place"), "{result}");
    assert!(text("missing").contains("There is no microphone"), "{result}");
    assert!(text("stillGone").contains("is gone"), "{result}");
    assert_eq!(result["loggedOut"], 0, "nobody is listened to who logged out");
}
