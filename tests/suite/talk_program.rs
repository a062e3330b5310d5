//! `parlour talk --headless`, and the commands that reach it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Process, channel_id, eventually, outside, parlour, silence};
use parlour::client::{Address, Credentials, Session, Trust, VoiceIn, connect};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A `parlour talk --headless`, which ends when it is dropped.
struct Headless {
    child: Child,
    said: Value,
}

impl Headless {
    fn start(command: &mut Command) -> Self {
        let (child, said) = outside::start(command);
        Self { child, said }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Headless {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that lets guests in, and what the commands of this test have in common.
struct Place {
    _process: Process,
    home: tempfile::TempDir,
    address: Address,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = parlour(home.path());
        command.env("PARLOUR_SESSIONS_GUESTS", "true");
        let process = Process::serve_with(command, "127.0.0.1:0", &["--demo"]);
        let address = process.address.to_string().parse().unwrap();
        Self { _process: process, home, address }
    }

    fn control(&self) -> PathBuf {
        self.home.path().join("talk.sock")
    }

    fn talk(&self, more: &[&str]) -> Headless {
        let speech = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/speech.wav");
        let mut command = parlour(self.home.path());
        command.args(["--json", "talk", "--headless", "--guest", "box", "--microphone-file", speech]);
        command.arg("--control").arg(self.control()).args(more).arg(self.address.to_string());
        Headless::start(command.stderr(Stdio::inherit()))
    }

    /// Runs a command that reaches it, and answers with what it says.
    fn tell(&self, words: &[&str]) -> Value {
        let mut command = parlour(self.home.path());
        let output = command.arg("--json").args(words).arg("--control").arg(self.control()).output().unwrap();
        let said = if output.status.success() { output.stdout } else { output.stderr };
        serde_json::from_slice(&said).unwrap()
    }

    async fn listener(&self) -> (Session, VoiceIn) {
        let connected = connect(&self.address, Trust::FirstUse, "test/1").await.unwrap();
        let session = connected.log_in(Credentials::password("alice", "parlour-demo", "test")).await.unwrap();
        session.join(channel_id(&session, "General")).await.unwrap();
        let voice = session.voice();
        (session, voice)
    }
}

fn words(said: &Value) -> Vec<&str> {
    said["status"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

async fn hears(voice: &mut VoiceIn) -> bool {
    tokio::time::timeout(Duration::from_secs(10), voice.next()).await.is_ok_and(|heard| heard.is_ok())
}

#[tokio::test]
async fn a_box_in_a_corner_is_pushed_held_and_ended_by_others() {
    let place = Place::new();
    let (session, mut voice) = place.listener().await;
    let mut headless = place.talk(&["--mode", "push-to-talk"]);
    assert_eq!((&headless.said["event"], &headless.said["channel"]), (&"talking".into(), &"General".into()));
    let name = headless.said["name"].as_str().unwrap().to_owned();
    assert!(silence(&mut voice).await, "nobody pushed the key");
    assert!(words(&place.tell(&["ptt", "down"])).contains(&"pressed"));
    assert!(hears(&mut voice).await);
    place.tell(&["ptt", "up"]);
    eventually("it is heard no more", async || silence(&mut voice).await.then_some(())).await;
    assert!(words(&place.tell(&["mute-me"])).contains(&"mute"));
    let is_mute = |session: &Session| session.view().members.values().any(|one| one.name == name && one.mute);
    eventually("others see it", async || is_mute(&session).then_some(())).await;
    assert!(!words(&place.tell(&["deafen-me", "off"])).contains(&"deaf"));
    assert!(!words(&place.tell(&["mute-me", "off"])).contains(&"mute"));

    // It is held for longer than a moment, as by a machine that sleeps, and goes on.
    place.tell(&["ptt", "toggle"]);
    assert!(hears(&mut voice).await);
    headless.signal(Signal::STOP);
    tokio::time::sleep(Duration::from_secs(4)).await;
    while !silence(&mut voice).await {}
    headless.signal(Signal::CONT);
    assert!(hears(&mut voice).await);
    let statistics = place.tell(&["talk-status", "--statistics"]);
    assert!(statistics["statistics"].as_str().unwrap().contains("connected, round trip"), "{statistics}");

    headless.signal(Signal::TERM);
    assert!(headless.child.wait().unwrap().success());
    let is_gone = |session: &Session| session.view().members.values().all(|one| one.name != name);
    eventually("it is gone", async || is_gone(&session).then_some(())).await;
    assert!(!Path::exists(&place.control()));
    let nobody = place.tell(&["ptt", "down"]).to_string();
    assert!(nobody.contains("no parlour talk runs here"), "{nobody}");
}

#[test]
fn an_address_that_is_none_leaves_one_where_one_was() {
    let place = Place::new();
    let mut command = parlour(place.home.path());
    command.args(["talk", "--plain", "--guest", "box", "--no-sound"]).arg(place.address.to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut typed, said) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut said = said.lines().map(Result::unwrap);
    let mut says = |words: &str| said.any(|line| line.contains(words));
    assert!(says("Connected to"));
    writeln!(typed, "/connect parlour://:0/").unwrap();
    assert!(says("You are where you were") && says("Connected to"));
    // The next line isn't lost.
    writeln!(typed, "/quit").unwrap();
    assert!(child.wait().unwrap().success());
}
