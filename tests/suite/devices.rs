//! `parlour devices` as a person types it, on a sound server of the test's own.

use std::path::Path;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::support::parlour;
use crate::support::sound::{SoundServer, Told, play};

fn devices(home: &Path, sound: &SoundServer) -> Command {
    let mut command = parlour(home);
    command.envs(sound.environment()).env_remove("PULSE_SINK").env_remove("PULSE_SOURCE").arg("devices");
    command
}

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn devices_are_listed_without_what_is_only_a_monitor() {
    let home = tempfile::tempdir().unwrap();
    let sound = SoundServer::start(&["ear"]);
    sound.control(&["load-module", "module-remap-source", "source_name=desk", "master=ear.monitor"]);
    let ids = |more: &[&str]| {
        let listed = objects(&devices(home.path(), &sound).arg("--json").args(more).output().unwrap());
        listed.iter().map(|device| device["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]), ["desk", "ear"]);
    assert_eq!(ids(&["list"]), ["desk", "ear"]);
    assert_eq!(ids(&["list", "--all"]), ["ear.monitor", "desk", "ear"]);
    let table = String::from_utf8(devices(home.path(), &sound).output().unwrap().stdout).unwrap();
    assert!(table.contains("loudspeaker  ear"), "{table}");
}

#[test]
fn a_test_of_devices_plays_notes_and_says_how_loud_the_microphone_was() {
    let home = tempfile::tempdir().unwrap();
    let sound = SoundServer::start(&["ear", "mouth"]);
    let test = |more: &[&str]| {
        let mut command = devices(home.path(), &sound);
        command.args(["--json", "test", "--microphone", "mouth.monitor", "--loudspeaker", "ear"]).args(more);
        command.output().unwrap()
    };
    let silent = test(&["--for", "1"]);
    assert_eq!(silent.status.code(), Some(1), "nothing is heard");
    let (events, mut told) = Told::new();
    let _tone = play(&sound.backend(), "mouth", events);
    assert_eq!(told.works(), "mouth");
    sleep(Duration::from_millis(100));
    let loud = test(&["--for", "1"]);
    assert!(loud.status.success(), "{}", String::from_utf8_lossy(&loud.stderr));
    let said = &objects(&loud)[0];
    assert_eq!((&said["microphone"], &said["loudspeaker"]), (&"Monitor of mouth".into(), &"ear".into()));
    assert!((-12.0..-6.0).contains(&said["loudest_dbov"].as_f64().unwrap()), "{said}");
}

#[test]
fn what_can_t_be_had_is_said_with_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let sound = SoundServer::absent();
    let complaint = |command: &mut Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = complaint(&mut devices(home.path(), &sound));
    assert!(said.contains("the sound server can't be reached at "), "{said}");
    let said = complaint(devices(home.path(), &sound).env("PULSE_SERVER", "tcp:desk:4713"));
    assert!(said.contains("only a sound server of this machine is used"), "{said}");
    let sound = SoundServer::start(&["ear"]);
    let said = complaint(devices(home.path(), &sound).args(["test", "--loudspeaker", "headset"]));
    // The monitor comes first: there is no microphone.
    assert!(said.contains("there is no microphone but "), "{said}");
    let said = complaint(devices(home.path(), &sound).args([
        "test",
        "--microphone",
        "ear.monitor",
        "--loudspeaker",
        "headset",
    ]));
    assert!(said.contains("no loudspeaker is called \"headset\"; parlour devices lists them"), "{said}");
}

/// What the program with sound is linked with: nothing that a server without sound hasn't.
#[test]
fn sound_needs_no_library() {
    let output = Command::new("ldd").arg(env!("CARGO_BIN_EXE_parlour")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let is_known = |name: &&str| {
        let file = name.rsplit('/').next().unwrap();
        ["linux-vdso.so", "libc.so", "libm.so", "libgcc_s.so", "ld-linux"]
            .iter()
            .any(|known| file.starts_with(known))
    };
    assert!(names.len() > 2 && names.iter().all(is_known), "{text}");
}
