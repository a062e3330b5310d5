//! The program as a person meets it: first start, mistakes, and the README's commands.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{self, PASSWORD, Process, parlour};

const DEMO_PASSWORD: &str = "parlour-demo";

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a command that must succeed, and answers with what it printed.
fn prints(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs a command that must fail with one sentence, and answers with that.
fn complains(command: &mut Command) -> String {
    let output = run(command.env("PARLOUR_LOG", "error"));
    assert!(!output.status.success(), "{command:?} succeeded");
    let said = text(&output.stderr);
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    said
}

#[test]
fn the_first_start_needs_nothing_and_says_what_is_next() {
    let home = tempfile::tempdir().unwrap();
    let mut child =
        parlour(home.path()).args(["serve", "--listen", "0.0.0.0:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut screen = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        screen.push_str(&line);
        screen.push('\n');
        if line.contains("Become it with") {
            break;
        }
    }
    assert!(screen.contains("parlour://") && !screen.contains("0.0.0.0"), "{screen}");
    assert!(screen.contains("Identity") && screen.contains("Claim code:"), "{screen}");
    let data = home.path().join("data");
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    for file in ["parlour.redb", "identity.key", "parlour.sock"] {
        let mode = std::fs::metadata(data.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let asked = Instant::now();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert!(!data.join("parlour.sock").exists());
}

#[test]
fn mistakes_get_a_sentence_that_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let taken = server.address.to_string();
    let other = tempfile::tempdir().unwrap();
    let serve = |home: &Path, more: &[&str]| complains(parlour(home).arg("serve").args(more));
    let said = serve(other.path(), &["--listen", &taken]);
    assert!(said.contains("is in use") && said.contains("--listen"), "{said}");
    let said = serve(home.path(), &["--listen", "127.0.0.1:0"]);
    assert!(said.contains("another Parlour has"), "{said}");
    let file = other.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let said = serve(other.path(), &["--data-dir", file.join("below").to_str().unwrap()]);
    assert!(said.contains("can't use the data directory") && said.contains("--data-dir"), "{said}");
    let broken = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(broken.path().join("data")).unwrap();
    std::fs::write(broken.path().join("data/parlour.redb"), vec![7; 8192]).unwrap();
    let said = serve(broken.path(), &["--listen", "127.0.0.1:0"]);
    assert!(said.contains("is not a sound Parlour database") && said.contains("backup"), "{said}");
    let said = serve(other.path(), &["--demo", "--listen", "0.0.0.0:0"]);
    assert!(said.contains("--demo-for-everyone"), "{said}");
    let said = complains(parlour(other.path()).env("PARLOUR_LIMITS_MAX_SESSION", "3").arg("serve"));
    assert!(said.contains("did you mean `PARLOUR_LIMITS_MAX_SESSIONS`?"), "{said}");
    let said = complains(
        parlour(other.path())
            .args(["login", &format!("demo@{taken}")])
            .env("PARLOUR_PASSWORD", "wrong password"),
    );
    assert!(said.contains("the name or the password is wrong"), "{said}");
    let said = complains(parlour(other.path()).args(["who", "--server", "demo@localhost:1"]));
    assert!(said.contains("you aren't logged in") && said.contains("parlour login"), "{said}");
    let said = complains(parlour(other.path()).args(["admin", "claim-code"]));
    assert!(said.contains("no server is running"), "{said}");
    let said = complains(parlour(other.path()).args(["play", "nothing.wav"]));
    assert!(said.contains("can't play nothing.wav"), "{said}");
}

#[test]
fn a_new_claim_code_makes_an_administrator_through_the_running_server() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let said = prints(parlour(home.path()).args(["--json", "admin", "claim-code"]));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let code = said["claim_code"].as_str().unwrap();
    let address = format!("ann@{}", server.address);
    let claim = |code: &str| {
        let mut command = parlour(home.path());
        let file = home.path().join("code");
        std::fs::write(&file, code).unwrap();
        command.args(["claim", "-", &address]).env("PARLOUR_PASSWORD", PASSWORD);
        command.stdin(std::fs::File::open(file).unwrap());
        command
    };
    assert!(
        complains(&mut claim(server.claim.as_deref().unwrap()))
            .contains("claim code is wrong, used or expired")
    );
    assert!(prints(&mut claim(code)).contains("You are ann, the administrator"));
    prints(parlour(home.path()).args(["user", "create", "ben"]).env("PARLOUR_PASSWORD", PASSWORD));
    assert!(prints(parlour(home.path()).arg("who")).contains("ann (you)"));
    assert!(prints(parlour(home.path()).arg("status")).contains("round trip"));
    let usage = prints(parlour(home.path()).args(["settings", "usage"]));
    assert!(usage.contains("accounts    2 of "), "ann and ben: {usage}");
    let usage = prints(parlour(home.path()).args(["--json", "settings", "usage"]));
    let usage: serde_json::Value = serde_json::from_str(&usage).unwrap();
    assert_eq!((&usage["users"], &usage["channels"]), (&2.into(), &5.into()), "{usage}");
    let status = prints(parlour(home.path()).args(["--json", "admin", "status"]));
    assert!(status.contains("\"requests_answered\":"), "{status}");
    prints(parlour(home.path()).arg("logout"));
    assert!(complains(parlour(home.path()).arg("who")).contains("you aren't logged in"));
}

#[test]
fn settings_show_where_they_come_from() {
    let home = tempfile::tempdir().unwrap();
    let shown = prints(parlour(home.path()).args(["config", "show"]).env("PARLOUR_NAME", "Club"));
    assert!(shown.contains("$PARLOUR_NAME") && shown.contains("limits.idle_seconds"), "{shown}");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/config/parlour.toml");
    assert!(prints(parlour(home.path()).args(["config", "check", sample])).contains("is fine"));
    let page = prints(parlour(home.path()).args(["completions", "man"]));
    assert!(page.contains(".TH parlour"), "{page}");
}

#[test]
fn a_mix_and_an_ogg_file_are_recorded_and_played_again() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let as_user = |name: &str| {
        let mut command = parlour(&home.path().join(name));
        command
            .env("PARLOUR_PASSWORD", DEMO_PASSWORD)
            .env("PARLOUR_ADDRESS", format!("{name}@{}/Social", server.address));
        command
    };
    for name in ["alice", "bob", "charlie"] {
        std::fs::create_dir_all(home.path().join(name)).unwrap();
        prints(as_user(name).arg("login"));
    }
    let (mix, files) = (home.path().join("mix.wav"), home.path().join("files"));
    let recorder = |name: &str, out: &Path| {
        let mut command = as_user(name);
        command.args(["--json", "record", "--for", "4"]).arg(out).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("recording"), "{line}");
        child
    };
    let mut recorders = [recorder("bob", &mix), recorder("charlie", &files)];
    let tone = home.path().join("tone.wav");
    write_tone(&tone);
    assert!(prints(as_user("alice").arg("play").arg(&tone)).contains("Sent 75 frames"));
    for child in &mut recorders {
        assert!(child.wait().unwrap().success());
    }
    let ogg: PathBuf = std::fs::read_dir(&files).unwrap().next().unwrap().unwrap().path();
    assert!(ogg.file_name().unwrap().to_str().unwrap().starts_with("alice-"));
    let samples = |path: &Path| parlour::audio::Source::open(path).unwrap().samples().unwrap();
    let original = samples(&tone);
    for recording in [&mix, &ogg] {
        let recording = samples(recording);
        assert!((187_200..206_400).contains(&recording.len()), "{} samples", recording.len());
        let found = parlour::audio::compare(&original, &recording);
        assert!(found.correlation > 0.9, "{found:?}");
    }
    assert!(prints(as_user("bob").arg("play").arg(&ogg)).contains("Sent 2"));
    // Whoever is done has left: nobody else is listed until a time-out notices.
    let there = prints(as_user("charlie").args(["--json", "who"]));
    assert_eq!(there.lines().count(), 1, "{there}");
}

#[test]
fn a_pipe_is_played_in_stereo_within_what_the_channel_takes() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let as_alice = || {
        let mut command = parlour(&home.path().join("alice"));
        command.env("PARLOUR_PASSWORD", DEMO_PASSWORD);
        command.env("PARLOUR_ADDRESS", format!("alice@{}/Social", server.address));
        command
    };
    std::fs::create_dir_all(home.path().join("alice")).unwrap();
    prints(as_alice().arg("login"));
    let (tone, trace) = (home.path().join("tone.wav"), home.path().join("trace.jsonl"));
    write_tone(&tone);
    let bytes_a_frame = || {
        let mut command = as_alice();
        command.args(["play", "-", "--stereo", "--trace"]).arg(&trace);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&std::fs::read(&tone).unwrap()).unwrap();
        let said = text(&child.wait_with_output().unwrap().stdout);
        assert!(said.contains("Playing standard input") && said.contains("Sent 75 frames"), "{said}");
        let frames = std::fs::read_to_string(&trace).unwrap();
        let bytes =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["bytes"].as_u64().unwrap();
        frames.lines().map(bytes).sum::<u64>() / frames.lines().count() as u64
    };
    let free = bytes_a_frame();
    assert!(free > 120, "{free} bytes a frame aren't 96 kbit/s");
    prints(parlour(home.path()).args(["channel", "edit", "Social", "--bitrate", "24k"]));
    let bound = bytes_a_frame();
    assert!(bound < 75, "{bound} bytes a frame aren't 24 kbit/s");
    let said = complains(as_alice().args(["play", "-", "--stereo", "--bitrate", "200000"]));
    assert!(said.contains("128000 at most"), "{said}");
    let said = complains(as_alice().arg("play").arg("Cargo.toml"));
    assert!(said.contains("convert it to one of them"), "{said}");
}

/// A second and a half that rises from 200 Hz to 800 Hz, in stereo at 44.1 kHz.
fn write_tone(path: &Path) {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for index in 0..66_150 {
        let time = f64::from(index) / 44_100.0;
        let sample = ((200.0 * time + 200.0 * time * time) * std::f64::consts::TAU).sin() * 12_000.0;
        writer.write_sample(sample as i16).unwrap();
        writer.write_sample(sample as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// `make demo` is this, from a release build.
#[test]
fn the_demonstration_succeeds_and_a_deafened_listener_makes_it_fail() {
    let home = tempfile::tempdir().unwrap();
    let demo = |more: &[&str]| {
        let mut command = parlour(home.path());
        command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("demo").args(more);
        command
    };
    let shown = prints(&mut demo(&[]));
    assert!(shown.contains("Correlation") && shown.contains("alice") && shown.contains("bob"), "{shown}");
    let said = complains(&mut demo(&["--deafen", "bob"]));
    assert!(said.contains("bob missed 787 of 787 frames"), "{said}");
}

/// The commands in a piece of the README, without their remarks.
fn commands(block: &str) -> Vec<Vec<&str>> {
    let line = |line| str::split(line, '#').next().unwrap_or_default().split_whitespace().collect();
    block.lines().map(line).filter(|words: &Vec<_>| words.first() == Some(&"parlour")).collect()
}

/// The README's commands for a tree with officers and guests, as whom `serve --demo` calls otherwise.
#[test]
fn the_readme_s_club_is_built_and_moderated() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let block = readme.split("Who may do what").nth(1).unwrap().split("On a home network").next().unwrap();
    let server = Process::serve(home, "127.0.0.1:0", &["--demo"]);
    let address = format!("parlour://{}", server.address);
    let login = |name: &str| {
        let address = address.replace("//", &format!("//{name}@"));
        support::as_profile(home, name, &["login", &address, "--password-stdin"], DEMO_PASSWORD);
    };
    ["demo", "bob", "charlie"].into_iter().for_each(login);
    let mut command = parlour(home);
    command.env("PARLOUR_CONFIG_DIR", home.join("charlie")).arg("--json");
    command.args(["record", "out", "--channel", "Social", "--for", "60"]).current_dir(home);
    let mut eve = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    BufReader::new(eve.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    write_tone(&home.join("tone.wav"));
    let block = block.replace("ben", "bob").replace("eve", "charlie").replace("FILE.wav", "tone.wav");
    let commands = commands(&block);
    assert_eq!(commands.len(), 15, "{commands:?}");
    for words in commands {
        let words: Vec<_> = words.iter().map(|word| word.trim_matches('"')).collect();
        // A reason of two words is one here.
        let words = words.join(" ").replace("too loud", "too-loud");
        let mut command = parlour(home);
        command.current_dir(home).env("PARLOUR_CONFIG_DIR", home.join("demo"));
        prints(command.args(words.split(' ').skip(1)));
    }
    let ended = eve.wait_with_output().unwrap();
    assert!(text(&ended.stdout).contains("too-loud"), "{ended:?}");
}

/// The commands of the README's first screen, as they stand there, against a server of its first command.
#[test]
fn the_readme_s_commands_work() {
    let home = tempfile::tempdir().unwrap();
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let block = readme.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let commands = commands(block);
    assert_eq!(commands[0], ["parlour", "serve", "--demo"]);
    assert!(commands.len() >= 5, "{commands:?}");
    let server = Process::serve(home.path(), "127.0.0.1:0", &commands[0][2..]);
    let here = format!("localhost:{}", server.address.port());
    for words in &commands[1..] {
        let words = words.iter().map(|word| word.replace("localhost", &here).replace("FILE.wav", "tone.wav"));
        write_tone(&home.path().join("tone.wav"));
        let mut command = parlour(home.path());
        command.current_dir(home.path()).env("PARLOUR_PASSWORD", DEMO_PASSWORD).args(words.skip(1));
        prints(&mut command);
    }
}
