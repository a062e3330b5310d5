//! What people do in the page.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use parlour::audio::Source;
use serde_json::Value;

use crate::stage::{PASSWORD, Stage, create_user, likeness, run, sentence, voices_in};
use crate::support::{self, Process};

/// Script as far as each kind of text can hold it: what a careless page would run.
const EVIL_USER: &str = "<script>ran=1;\"onclick=\"ran=1";
const EVIL_CHANNEL: &str = "<img src=x onerror=globalThis.ran=1>";
const EVIL_WORDS: &str = "</p><svg onload=globalThis.ran=1><iframe srcdoc='<script>parent.ran=1</script>'></iframe> javascript:ran=1";

/// Claiming, logging in, talking, writing, moving, being gone and coming back: in words and pictures.
#[test]
fn a_new_user_s_journey() {
    let home = Stage::enter();
    let start = |address: &str| Process::serve(home.path(), address, &[]);
    let mut process = Some(start("127.0.0.1:0"));
    let address = process.as_ref().unwrap().address;
    let claim = process.as_ref().unwrap().claim.clone().unwrap();
    create_user(home.path(), "ben");
    create_user(home.path(), EVIL_USER);
    let voices: Vec<_> = (0..2).map(|number| sentence(number, home.path()).display().to_string()).collect();
    // Where pictures are wanted: `SCREENSHOTS=docs/screenshots cargo test --test browser journey`.
    let shots = std::env::var("SCREENSHOTS").unwrap_or_default();
    let result = run(
        "journey.mjs",
        &[
            ("SERVER", address.to_string()),
            ("CLAIM", claim),
            ("VOICES", voices.join(":")),
            ("OUT", home.path().display().to_string()),
            ("SHOTS", shots),
            ("EVIL_USER", EVIL_USER.to_owned()),
            ("EVIL_CHANNEL", EVIL_CHANNEL.to_owned()),
            ("EVIL_WORDS", EVIL_WORDS.to_owned()),
        ],
        |word| match word {
            "stop" => process.take().unwrap().kill(),
            "start" => {
                // For who comes with script in every text; before, it would stand in the pictures.
                let mut create = support::parlour(home.path());
                create.args(["channel", "create", EVIL_CHANNEL, "--description", EVIL_WORDS, "--data-dir"]);
                assert!(create.arg(home.path().join("data")).status().unwrap().success());
                process = Some(start(&address.to_string()));
            }
            other => panic!("{other}"),
        },
    );
    println!("{result:#}");
    assert_eq!(result["violations"], serde_json::json!([]));
    assert_eq!(result["errors"], serde_json::json!([]));
    assert_eq!(result["foreign"], serde_json::json!([]), "no request leaves the server's origin");
    assert_eq!(result["policy"], serde_json::json!([]));
    assert_eq!(result["foreignBlocked"], serde_json::json!([]));
    assert_eq!(result["ran"], 0, "what somebody writes never runs");
    assert!(result["weight"].as_f64().unwrap() < 150.0 * 1024.0, "{}", result["weight"]);
    assert!(result["interactive"].as_f64().unwrap() < 5_000.0, "{} ms", result["interactive"]);
    assert!(result["refused"].as_str().unwrap().contains("allow the microphone"));
    assert!(result["wrongClaim"].as_str().unwrap().contains("claim code"), "{}", result["wrongClaim"]);
    let page = result["address"].as_str().unwrap();
    assert_eq!(page, format!("https://{address}/"), "a page's address holds no secret");
    assert_eq!(result["copied"], format!("https://{address}/#/General"));
}

/// What one may do shown with its reason, moderation, whispers, recordings, roles and a channel's permissions: a moderator
/// and a member in browsers, and a native client that hears no whisper to somebody else.
#[test]
fn roles_and_moderation_in_the_page() {
    let home = Stage::enter();
    let mut server = support::parlour(home.path());
    server.env("PARLOUR_RECORDING_QUOTA_MIB", "100");
    let process = Process::serve_with(server, "127.0.0.1:0", &["--demo"]);
    let voices: Vec<PathBuf> = (0..2).map(|number| sentence(number, home.path())).collect();
    let words: Vec<_> = voices.iter().map(|voice| voice.display().to_string()).collect();
    let result = run(
        "roles.mjs",
        &[
            ("SERVER", process.address.to_string()),
            ("VOICES", words.join(":")),
            ("OUT", home.path().display().to_string()),
            ("SHOTS", std::env::var("SCREENSHOTS").unwrap_or_default()),
            ("EVIL_WORDS", EVIL_WORDS.to_owned()),
        ],
        |_| (),
    );
    println!("{result:#}");
    for nothing in ["violations", "errors", "foreign"] {
        assert_eq!(result[nothing], serde_json::json!([]), "{nothing}");
    }
    assert_eq!(result["ran"], 0, "what somebody writes never runs");
    let text = |name: &str| result[name].as_str().unwrap_or_default();
    assert_eq!(text("greyed"), "true");
    assert!(
        text("reason").contains("mute others") && text("reason").contains("No role of yours"),
        "{result}"
    );
    assert!(text("reasonKick").contains("kick"), "{result}");
    let loudness = |name: &str| result[name].as_f64().unwrap();
    let loud = loudness("loud");
    assert!(loud > 0.01, "{result}");
    for heard in ["whispered", "again", "listened"] {
        assert!(loudness(heard) > loud * 0.3, "{heard}: {result}");
    }
    for silent in ["afterWhisper", "silenced"] {
        assert!(loudness(silent) < loud * 0.01, "{silent}: {result}");
    }
    // Who whispers to somebody else leaves no sound with the native client, which hears who speaks to all.
    let recorded = std::fs::read_dir(home.path().join("bob-hears")).unwrap();
    let sounds = recorded.filter_map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name()?.to_string_lossy().into_owned();
        let loudest =
            Source::open(&path).ok()?.samples().ok()?.iter().map(|sample| sample.unsigned_abs()).max()?;
        (loudest > 300).then_some(name)
    });
    let sounds: Vec<String> = sounds.collect();
    assert!(sounds.len() == 1 && sounds[0].contains("demo"), "the native client heard {sounds:?}");
    let fetched = std::fs::read(home.path().join("fetched.opus")).unwrap();
    assert!(fetched.starts_with(b"OggS") && fetched.len() > 4_000, "{} bytes", fetched.len());
    assert!(text("until").contains("until"), "{result}");
    assert!(text("preview").contains("kick") && text("wouldLose").contains("join"), "{result}");
    assert!(text("badge").contains("<img"), "the role's name is text: {result}");
    assert_eq!(text("kickAgain"), "true", "a role that was taken allows nothing");
    assert!(
        result["before"].is_null() && text("denied").contains("Denied by Social for role Member."),
        "{result}"
    );
    assert!(result["inspected"].as_array().unwrap().len() >= 2, "{result}");
    assert!(text("kicked").starts_with("Too loud <img"), "{result}");
    assert_eq!(result["reasons"], 0, "a kick without a reason shows none");
    assert_eq!(result["microphones"], serde_json::json!([1, 0]), "nobody is listened to whose session ended");
    assert_eq!(result["stayedAway"], 0, "who is kicked doesn't come back by themselves");
}

/// An invite's link leads to an account and into the channel; the account is looked after in the page.
#[test]
fn a_friend_comes_by_a_link_and_looks_after_the_account() {
    let home = Stage::enter();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let server = process.address.to_string();
    let mut login = support::parlour(home.path());
    login.args(["login", &format!("parlour://demo@{server}"), "--password-stdin"]);
    let mut login = login.stdin(Stdio::piped()).spawn().unwrap();
    login.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(login.wait().unwrap().success());
    let mut invite = support::parlour(home.path());
    let made = invite.args(["--json", "invite", "create", "--channel", "Social"]).output().unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let result = run(
        "invited.mjs",
        &[
            ("SERVER", server.clone()),
            ("DATA", home.path().join("data").display().to_string()),
            ("LINK", made["link"].as_str().unwrap().to_owned()),
            ("VOICE", sentence(0, home.path()).display().to_string()),
            ("OUT", home.path().display().to_string()),
            ("SHOTS", std::env::var("SCREENSHOTS").unwrap_or_default()),
        ],
        |_| (),
    );
    println!("{result:#}");
    for nothing in ["violations", "errors", "foreign"] {
        assert_eq!(result[nothing], serde_json::json!([]), "{nothing}");
    }
    assert_eq!(result["address"], format!("https://{server}/#/Social"), "the address keeps no code");
    assert_eq!(result["codes"], 10);
    assert_eq!(result["key"], true, "a program's key is shown once");
    let qr = result["qr"].as_str().unwrap();
    assert!(qr.starts_with("otpauth://totp/Parlour:fay?secret=SECRET&issuer=Parlour"), "{qr}");
}

/// The page of a second organization, entered by an invite's link: who is in it is heard and seen, and nobody of the first
/// one is, though they are in a channel of the same name. Its e-mails lead there, and a browser may be in both.
#[test]
fn the_page_of_a_second_organization() {
    let home = Stage::enter();
    let mut server = support::parlour(home.path());
    server.env("PARLOUR_MAIL_PAGE", "https://voice.example.org/");
    let process = Process::serve_with(server, "127.0.0.1:0", &["--demo"]);
    let server = process.address.to_string();
    let data = home.path().join("data").display().to_string();
    let ask = |args: &[&str], input: &str| support::as_profile(home.path(), "boss-profile", args, input);
    let made = ask(&["org", "create", "raid", "--name", "The Raid", "--data-dir", &data], "");
    let claim = made[0]["claim_code"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    ask(&["claim", &claim, &format!("parlour://boss@{server}/+raid"), "--password-stdin"], PASSWORD);
    let invite = ask(&["invite", "create", "--channel", "Social"], "");
    let link = invite[0]["link"].as_str().unwrap_or_else(|| panic!("{invite:?}")).to_owned();
    assert!(link.starts_with(&format!("https://{server}/+raid/i/")), "{link}");
    let voices: Vec<PathBuf> = (0..2).map(|number| sentence(number, home.path())).collect();
    let words: Vec<_> = voices.iter().map(|voice| voice.display().to_string()).collect();
    let result = run(
        "organizations.mjs",
        &[
            ("SERVER", server.clone()),
            ("LINK", link),
            ("DATA", data),
            ("VOICES", words.join(":")),
            ("OUT", home.path().display().to_string()),
            ("SHOTS", std::env::var("SCREENSHOTS").unwrap_or_default()),
        ],
        |_| (),
    );
    println!("{result:#}");
    for nothing in ["violations", "errors", "foreign"] {
        assert_eq!(result[nothing], serde_json::json!([]), "{nothing}");
    }
    let text = |name: &str| result[name].as_str().unwrap();
    assert!(text("nobody").contains("no organization at this address"), "{result}");
    assert_eq!(text("title"), "The Raid");
    assert_eq!(result["manifest"]["name"], "The Raid");
    assert_eq!(text("address"), format!("https://{server}/+raid/#/Social"), "the address keeps no code");
    for used in ["proven", "reset"] {
        assert_eq!(text(used), format!("https://{server}/+raid/"), "{used}");
    }
    let members = result["members"].as_array().unwrap();
    assert!(members.len() == 2, "those of the first organization are not there: {members:?}");
    assert_eq!(text("foreignName"), "", "a name of one isn't proposed in another");
    let kept =
        ["parlour.+raid.name", "parlour.+raid.token", "parlour.name", "parlour.settings", "parlour.token"];
    let found: Vec<&str> = result["kept"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(kept.iter().all(|key| found.contains(key)), "{found:?}");
    // Who hears whom.
    let boss = voices_in(&home.path().join("boss-hears"));
    assert!(boss.len() == 1 && boss[0].contains("fay"), "{boss:?}");
    let charlie = voices_in(&home.path().join("charlie-hears"));
    assert!(charlie.len() == 1 && charlie[0].contains("demo"), "{charlie:?}");
    let alike = likeness(&voices, &home.path().join("fay-hears.wav"));
    assert!(alike[1] > 0.8 && alike[0] < 0.4, "{alike:?}");
}

/// Guests come back after a restart; whoever is banned reads why and until when, in their language, and whoever has no account any
/// more that it was deleted; no e-mail is promised where none is sent, and a link leads where others reach the page.
#[test]
fn whoever_is_sent_away_reads_why_and_what_to_do() {
    let home = Stage::enter();
    let start = |address: &str, guests: bool| {
        let mut server = support::parlour(home.path());
        server.env("PARLOUR_SESSIONS_GUESTS", guests.to_string());
        server.env("PARLOUR_WEB_PUBLIC_ADDRESS", "https://voice.example.org");
        Process::serve_with(server, address, &[])
    };
    let mut process = Some(start("127.0.0.1:0", true));
    let address = process.as_ref().unwrap().address;
    let claim = process.as_ref().unwrap().claim.clone().unwrap();
    let boss = format!("parlour://boss@{address}");
    support::as_profile(home.path(), "boss", &["claim", &claim, &boss, "--password-stdin"], PASSWORD);
    create_user(home.path(), "ben");
    create_user(home.path(), "eve");
    create_user(home.path(), "dan");
    let ban = |args: &[&str]| {
        let mut ban = support::parlour(home.path());
        ban.args(["ban", "add"]).args(args).arg("--data-dir").arg(home.path().join("data"));
        assert!(ban.status().unwrap().success());
    };
    let result = run(
        "ended.mjs",
        &[("SERVER", address.to_string()), ("OUT", home.path().display().to_string())],
        |word| match word {
            "stop" => process.take().unwrap().kill(),
            "start" => process = Some(start(&address.to_string(), true)),
            "ban ben" => ban(&["--user", "ben", "--reason", "Too loud <b>", "--for", "7d"]),
            "ban eve" => ban(&["--user", "eve"]),
            "delete dan" => {
                let mut delete = support::parlour(home.path());
                delete.args(["user", "delete", "dan", "--data-dir"]).arg(home.path().join("data"));
                assert!(delete.status().unwrap().success());
            }
            "close" => {
                process.take().unwrap().kill();
                process = Some(start(&address.to_string(), false));
            }
            other => panic!("{other}"),
        },
    );
    println!("{result:#}");
    for nothing in ["violations", "errors"] {
        assert_eq!(result[nothing], serde_json::json!([]), "{nothing}");
    }
    let text = |name: &str| result[name].as_str().unwrap();
    assert_eq!(text("proposed"), "gina", "whoever was a guest is asked for no account");
    for told in ["banned", "again"] {
        assert!(
            text(told).contains("You are banned from this server until")
                && text(told).contains("The reason given: “Too loud <b>”"),
            "{told}: {result}"
        );
    }
    for told in ["german", "reloaded"] {
        assert!(text(told).contains("Du bist auf diesem Server gesperrt."), "{told}: {result}");
    }
    assert!(text("deleted").contains("Your account was deleted"), "{result}");
    assert_eq!(
        text("still"),
        text("deleted"),
        "what was pressed before takes nobody into a room that isn't there"
    );
    assert_eq!(text("copied"), "https://voice.example.org/#/General", "others can open it");
    assert!(text("lead").contains("sends no e-mails"), "{result}");
    assert!(text("notice").contains("ask them for it"), "{result}");
}
