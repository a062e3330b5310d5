//! The page, in a real browser: Debian's Chromium, driven by playwright-core. `make test` installs both; where they are
//! missing, these tests say so and fail.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

mod consent;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use parlour::audio::{Source, compare};
use parlour::permission::Permissions;
use parlour::protocol::{MAX_REQUEST, decode, encode, wire};
use serde_json::Value;
use support::Process;

const PASSWORD: &str = "parlour-demo";
const RATE: usize = 48_000;

/// Script as far as each kind of text can hold it: what a careless page would run.
const EVIL_USER: &str = "<script>ran=1;\"onclick=\"ran=1";
const EVIL_CHANNEL: &str = "<img src=x onerror=globalThis.ran=1>";
const EVIL_WORDS: &str = "</p><svg onload=globalThis.ran=1><iframe srcdoc='<script>parent.ran=1</script>'></iframe> javascript:ran=1";

/// Where the modules of `tests/browser/package.json` are.
fn modules() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let modules = target.join("browser");
    assert!(
        modules.join("node_modules/playwright-core").exists(),
        "the browser's tests need what `make setup-browser` installs in {}",
        modules.display()
    );
    modules
}

/// Runs a script of `tests/browser`, tells of each word that it prints, and answers with the object that it prints last.
fn run(script: &str, variables: &[(&str, String)], mut tell: impl FnMut(&str)) -> Value {
    // Browsers that take each other's processor stutter.
    let _alone = support::alone();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(script);
    let mut child = Command::new("node")
        .arg(path)
        .env("BROWSER_MODULES", modules())
        .env("PARLOUR", env!("CARGO_BIN_EXE_parlour"))
        .env("PASSWORD", PASSWORD)
        .envs(variables.iter().map(|(name, value)| (*name, value.as_str())))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut result = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match serde_json::from_str(&line) {
            Ok(object) => result = Some(object),
            Err(_) => tell(&line),
        }
    }
    assert!(child.wait().unwrap().success(), "{script} failed; what it saw is above");
    result.unwrap()
}

/// A sentence of the sample, of the three in it, as a file of its own.
fn sentence(number: usize, directory: &Path) -> PathBuf {
    let all = Source::open(Path::new("tests/data/speech.wav")).unwrap().samples().unwrap();
    let part = all.len() / 3;
    let path = directory.join(format!("voice-{number}.wav"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for sample in &all[number * part..(number + 1) * part] {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
    path
}

/// How alike a recording is to a voice that was said again and again: the median over pieces short enough that the
/// clocks of two browsers without sound cards, which differ by a thousandth, don't matter. All pieces have to come
/// from about the same place of the voice, as time goes on.
fn likeness(voice: &Path, recording: &Path) -> f64 {
    const PIECE: usize = RATE * 2 / 5;
    const ABOUT: usize = RATE / 10;
    let samples = |path| Source::open(path).unwrap().samples().unwrap();
    let (voice, heard) = (samples(voice), samples(recording));
    let energy = |sound: &[i16]| sound.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let pieces: Vec<(usize, &[i16])> = heard.chunks_exact(PIECE).enumerate().collect();
    let most = pieces.iter().map(|(_, piece)| energy(piece)).fold(0.0, f64::max);
    let loud: Vec<_> = pieces.into_iter().filter(|(_, piece)| energy(piece) > most / 8.0).collect();
    let length = voice.len();
    let twice = voice.repeat(3);
    // A few of them say where it is.
    let begins: Vec<usize> = loud
        .iter()
        .take(7)
        .map(|(number, piece)| {
            let found = compare(piece, &twice[..2 * length]).offset.max(0) as usize;
            (found + number * (length - PIECE % length)) % length
        })
        .collect();
    let near = |one: usize, other: usize| {
        let apart = one.abs_diff(other);
        apart.min(length - apart) < ABOUT
    };
    let begin =
        *begins.iter().max_by_key(|one| begins.iter().filter(|other| near(**one, **other)).count()).unwrap();
    let alike = loud.iter().map(|(number, piece)| {
        let at = (begin + number * PIECE) % length + length;
        compare(piece, &twice[at - ABOUT..(at + PIECE + ABOUT).min(twice.len())]).correlation
    });
    let mut alike: Vec<f64> = alike.collect();
    alike.sort_by(f64::total_cmp);
    alike[alike.len() / 2]
}

fn conversation(way: &str) {
    let home = tempfile::tempdir().unwrap();
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
        let alike: Vec<f64> = voices.iter().map(|voice| likeness(voice, &recording)).collect();
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

fn create_user(home: &Path, name: &str) {
    let mut create = support::parlour(home);
    create.args(["user", "create", name, "--password-stdin", "--data-dir"]).arg(home.join("data"));
    let mut create = create.stdin(Stdio::piped()).spawn().unwrap();
    create.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(create.wait().unwrap().success());
}

/// Claiming, logging in, talking, writing, moving, being gone and coming back: in words and pictures.
#[test]
fn a_new_user_s_journey() {
    let home = tempfile::tempdir().unwrap();
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
}

/// The page's files, in a directory of their own with what the build adds and what a compiler of types wants.
fn copy_page(home: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = home.join("page");
    let own = root.join("src/http/page");
    let generated = Path::new(env!("OUT_DIR")).join("page");
    for (from, to) in
        [(own.join("vendor"), page.join("vendor")), (own, page.clone()), (generated, page.clone())]
    {
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    std::fs::write(page.join("package.json"), "{ \"type\": \"module\" }\n").unwrap();
    page
}

/// The jitter buffer holds what the network does, and a clock that differs by 200 millionths for ten minutes.
#[test]
fn the_page_s_jitter_buffer_holds_loss_jitter_and_drift() {
    let home = tempfile::tempdir().unwrap();
    let page = copy_page(home.path()).display().to_string();
    let voice = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/speech.wav");
    let result = run("jitter.mjs", &[("PAGE", page), ("VOICE", voice.display().to_string())], |_| ());
    println!("{result:#}");
    let figure = |run: &str, name: &str| result[run][name].as_f64().unwrap();
    for run in ["clean", "wireless", "faster", "slower"] {
        assert!(figure(run, "median") > 0.99, "{run}");
    }
    assert!(figure("lossy", "median") > 0.9 && figure("lossy", "least") > 0.7);
    for run in ["faster", "slower"] {
        assert!(figure(run, "last") < 40.0, "{run}: the queue grows");
    }
    assert!(figure("clean", "waiting") < 25.0);
}

/// What the page reads from permissions, without a browser; and that what crosses the wire means the same at both ends.
#[test]
fn the_page_reads_permissions_rightly() {
    let home = tempfile::tempdir().unwrap();
    let page = copy_page(home.path()).display().to_string();
    // The highest identifier of the last organization of 8192, and all the permissions there will ever be.
    let last = (8191 << 40) | ((1 << 40) - 1);
    let role = |id, allow| wire::Role { id, allow, ..wire::Role::default() };
    let roles = wire::Roles { roles: vec![role(last, u64::MAX), role(1, 1 << 63), role(2, 0)] };
    let event = wire::Event { number: 1, body: Some(wire::event::Body::RolesAre(roles)) };
    let event = serde_json::to_string(&encode(&event).to_vec()).unwrap();
    let result = run("permission.mjs", &[("PAGE", page), ("EVENT", event)], |_| ());
    assert_eq!(result["failed"], serde_json::json!([]), "{result:#}");
    let named: Vec<String> =
        Permissions::NAMED.iter().map(|(permission, _)| permission.bits().to_string()).collect();
    assert_eq!(result["bits"], serde_json::json!(named));
    assert_eq!(
        result["roles"],
        serde_json::json!([
            [last.to_string(), u64::MAX.to_string()],
            ["1", (1_u64 << 63).to_string()],
            ["2", "0"]
        ])
    );
    let asked = wire::Why { channel: last, permissions: u64::MAX, ..wire::Why::default() };
    let asked = wire::Request::from(wire::request::Body::Why(asked));
    let written: Vec<u8> = serde_json::from_value(result["asked"].clone()).unwrap();
    assert_eq!(decode::<wire::Request>(&written, MAX_REQUEST).unwrap(), asked);
}

/// What one may do shown with its reason, moderation, whispers, recordings, roles and a channel's permissions: a moderator
/// and a member in browsers, and a native client that hears no whisper to somebody else.
#[test]
fn roles_and_moderation_in_the_page() {
    let home = tempfile::tempdir().unwrap();
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
    assert_eq!(result["stayedAway"], 0, "who is kicked doesn't come back by themselves");
}

/// Capture to playback. The bound is wide, as the machine may be busy; the figure is printed.
#[test]
fn what_is_said_is_heard_soon() {
    let home = tempfile::tempdir().unwrap();
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

/// An invite's link leads to an account and into the channel; the account is looked after in the page.
#[test]
fn a_friend_comes_by_a_link_and_looks_after_the_account() {
    let home = tempfile::tempdir().unwrap();
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

/// The loudest sample of each voice in a directory of recordings that is more than noise, by the file's name.
fn voices_in(directory: &Path) -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| {
        let sound = Source::open(path).and_then(Source::samples);
        sound.is_ok_and(|sound| sound.iter().any(|sample| sample.unsigned_abs() > 300))
    });
    files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

/// The page of a second organization, entered by an invite's link: who is in it is heard and seen, and nobody of the first
/// one is, though they are in a channel of the same name. Its e-mails lead there, and a browser may be in both.
#[test]
fn the_page_of_a_second_organization() {
    let home = tempfile::tempdir().unwrap();
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
    let alike: Vec<f64> =
        voices.iter().map(|voice| likeness(voice, &home.path().join("fay-hears.wav"))).collect();
    assert!(alike[1] > 0.8 && alike[0] < 0.4, "{alike:?}");
}

/// Firefox, with a sound server of its own: what it hears from a native client, and what one hears of it.
#[test]
fn firefox_loads_logs_in_listens_and_talks() {
    let home = tempfile::tempdir().unwrap();
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
        let alike: Vec<f64> = voices.iter().map(|voice| likeness(voice, &recording)).collect();
        println!("{}: {alike:.3?}", recording.file_name().unwrap().display());
        assert!(alike[speaker] > 0.8 && alike[1 - speaker] < 0.4, "{}: {alike:?}", recording.display());
    }
}

/// A microphone that is unplugged is replaced and comes back, a sound that the browser pauses goes on, and each is said with
/// what to do; and whoever went in to listen only may speak after all.
#[test]
fn a_microphone_goes_and_comes_back_and_a_paused_sound_goes_on() {
    let home = tempfile::tempdir().unwrap();
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

/// Guests come back after a restart; whoever is banned reads why and until when, in their language; and no e-mail is promised
/// where none is sent.
#[test]
fn whoever_is_sent_away_reads_why_and_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let start = |address: &str, guests: bool| {
        let mut server = support::parlour(home.path());
        server.env("PARLOUR_SESSIONS_GUESTS", guests.to_string());
        Process::serve_with(server, address, &[])
    };
    let mut process = Some(start("127.0.0.1:0", true));
    let address = process.as_ref().unwrap().address;
    let claim = process.as_ref().unwrap().claim.clone().unwrap();
    let boss = format!("parlour://boss@{address}");
    support::as_profile(home.path(), "boss", &["claim", &claim, &boss, "--password-stdin"], PASSWORD);
    create_user(home.path(), "ben");
    create_user(home.path(), "eve");
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
    assert!(text("lead").contains("sends no e-mails"), "{result}");
    assert!(text("notice").contains("ask them for it"), "{result}");
}

/// What the page's comments say of types; `any` says nothing.
fn untyped(source: &str) -> bool {
    let comments = source.split("/**").skip(1).filter_map(|rest| rest.split("*/").next());
    let mut depth = 0_usize;
    let in_braces = comments.flat_map(str::chars).map(move |letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => (),
        }
        if depth > 0 { letter } else { ' ' }
    });
    in_braces.collect::<String>().split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "any")
}

/// The page's modules have the types that their comments say, and each says one.
#[test]
fn the_page_s_types_hold() {
    assert!(
        untyped("/** @param {Map<number, any>} map */") && !untyped("/** For any of {them}. */ // {any}")
    );
    let home = tempfile::tempdir().unwrap();
    let page = copy_page(home.path());
    for file in std::fs::read_dir(&page).unwrap().map(|file| file.unwrap().path()) {
        let own = file.extension().is_some_and(|end| end == "js");
        let untyped = own && untyped(&std::fs::read_to_string(&file).unwrap());
        assert!(!untyped, "{} has a type `any`: say which it is", file.display());
    }
    let types = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    // What browsers have that TypeScript's library lacks yet.
    std::fs::copy(types.join("missing.d.ts"), page.join("missing.d.ts")).unwrap();
    std::fs::copy(types.join("pbf.d.ts"), page.join("vendor/pbf.d.ts")).unwrap();
    std::fs::remove_file(page.join("vendor/pbf.js")).unwrap();
    std::fs::copy(types.join("tsconfig.json"), page.join("tsconfig.json")).unwrap();
    let compiler = modules().join("node_modules/typescript/bin/tsc");
    let output = Command::new("node").arg(compiler).args(["-p", "."]).current_dir(page).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
