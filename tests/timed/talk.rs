//! Two live clients talk to each other through a real server, with files as their microphones and loudspeakers. What arrives is
//! compared with what was said, so the machine has to keep up with both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::keyboard::{Hands, XServer};
use crate::support::{Alone, Process, alone, channel_id, eventually, eventually_within};
use parlour::audio::device::{Backend, FileDevices, Files, Pace};
use parlour::audio::{Decoder, Encoder, Source, compare};
use parlour::client::{Address, Credentials, InMemory, Keeper, Session, Target, Trust, connect};
use parlour::id::SessionId;
use parlour::talk::{
    Action, ActionError, Ask, Choice, Connection, Device, KeyDoes, Mode, Note, Options, Picture, Push,
    StartError, Switch, Talk, To, ask,
};

/// The password of a demonstration's accounts.
const DEMO: &str = "parlour-demo";

/// Speech that lasts so many samples from so many on, in a file.
fn speech(home: &Path, name: &str, from: usize, samples: usize) -> (PathBuf, Vec<i16>) {
    let whole = Source::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/speech.wav").as_ref()).unwrap();
    let part = whole.samples().unwrap()[from..from + samples].to_vec();
    let path = home.join(name);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(&path, spec).unwrap();
    for sample in &part {
        file.write_sample(*sample).unwrap();
    }
    file.finalize().unwrap();
    (path, part)
}

/// Somebody with a live client.
struct Person {
    talk: Talk,
    devices: FileDevices,
    loudspeaker: PathBuf,
}

/// A demonstration's server, and where its files are.
struct Place {
    _alone: Alone,
    process: Option<Process>,
    home: tempfile::TempDir,
    address: Address,
}

impl Place {
    fn new() -> Self {
        let (alone, home) = (alone(), tempfile::tempdir().unwrap());
        let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
        let address = process.address.to_string().parse().unwrap();
        Self { _alone: alone, process: Some(process), home, address }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    async fn enter(address: Address, name: String) -> anyhow::Result<(Session, Keeper)> {
        let connected = connect(&address, Trust::FirstUse, "test/1").await?;
        let fingerprint = connected.fingerprint();
        let session = connected.log_in(Credentials::password(&name, DEMO, "test")).await?;
        session.join(channel_id(&session, "General")).await?;
        let store = Arc::new(InMemory::new(session.logged_in()));
        Ok((session, Keeper::new(address, fingerprint, store, "test/1".to_owned())))
    }

    /// Somebody comes in, hears a file by their microphone, and what they hear is written to another one.
    async fn person(&self, name: &str, microphone: Option<&Path>, choices: Vec<Choice>) -> Person {
        let loudspeaker = self.path(&format!("{name}.wav"));
        let files =
            Files { microphone: microphone.map(Path::to_owned), loudspeaker: Some(loudspeaker.clone()) };
        let devices = FileDevices::new(files, Pace::Steady).unwrap();
        let options = Options {
            server: self.address.clone(),
            directory: self.path(&format!("{name}-settings")),
            backend: Backend::File(devices.clone()),
            choices,
        };
        let (address, name) = (self.address.clone(), name.to_owned());
        let talk = Talk::start(options, || Self::enter(address, name)).await.unwrap();
        Person { talk, devices, loudspeaker }
    }
}

impl Person {
    /// What was heard so far.
    fn heard(&self) -> Vec<i16> {
        self.devices.flush().unwrap();
        Source::open(&self.loudspeaker).unwrap().samples().unwrap()
    }

    fn picture(&self) -> Arc<Picture> {
        self.talk.watch().borrow().clone()
    }

    async fn session(&self, name: &str) -> SessionId {
        let find = |picture: &Picture| {
            let mut members = picture.view.members.values();
            members.find(|member| member.name == name).map(|member| SessionId(member.session))
        };
        self.until("somebody is seen", |picture| find(picture).is_some()).await;
        find(&self.picture()).unwrap()
    }

    async fn until(&self, what: &str, is: impl Fn(&Picture) -> bool) {
        let mut watch = self.talk.watch();
        let waited =
            tokio::time::timeout(Duration::from_secs(15), watch.wait_for(|picture| is(picture))).await;
        assert!(waited.is_ok(), "not in time: {what}; {:?}", self.picture());
    }

    async fn act(&self, action: Action) {
        self.talk.act(action).await.unwrap();
    }
}

/// Speech as it comes: nothing is taken out, so that it can be compared.
fn plain(mode: Mode) -> Vec<Choice> {
    vec![Choice::Mode(mode), Choice::NoiseSuppression(false), Choice::Gain(false)]
}

fn loudness(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

#[tokio::test]
async fn what_one_says_the_other_hears() {
    let place = Place::new();
    let (file, said) = speech(place.home.path(), "said.wav", 0, 4 * 48_000);
    let bob = place.person("bob", None, plain(Mode::PushToTalk)).await;
    let alice = place.person("alice", Some(&file), plain(Mode::Continuous)).await;
    let of_alice = bob.session("alice").await;
    bob.until("alice talks", |picture| picture.talking.contains_key(&of_alice)).await;
    alice.until("it is sent", |picture| picture.own.sending).await;
    let found = eventually_within(Duration::from_secs(20), "what alice says", async || {
        let found = parts(&said, &bob.heard());
        is_whole(&found).then_some(found)
    })
    .await;
    println!("{found:.2?}");
    let meters = bob.talk.meters();
    assert!(meters.voice(of_alice).is_some() && meters.received_bits > 0, "{meters:?}");
    assert!(alice.talk.meters().sent_bits > 10_000, "{:?}", alice.talk.meters());
    let statistics = bob.talk.statistics();
    assert!(statistics.contains("voice 1:") && !statistics.contains("alice"), "{statistics}");
    // Nobody hears oneself.
    assert!(loudness(&alice.heard()) < 1.0);
    alice.talk.stop().await;
    bob.until("alice is gone", |picture| picture.view.member(of_alice).is_none()).await;
}

/// A file with speech after two seconds of silence, and three seconds of silence behind it.
fn speech_in_silence(home: &Path, name: &str) -> (PathBuf, Vec<i16>) {
    let (path, said) = speech(home, name, 0, 3 * 48_000);
    let spec = hound::WavReader::open(&path).unwrap().spec();
    let mut file = hound::WavWriter::create(&path, spec).unwrap();
    let silence = |seconds: usize| std::iter::repeat_n(0, seconds * 48_000);
    for sample in silence(2).chain(said.iter().copied()).chain(silence(3)) {
        file.write_sample(sample).unwrap();
    }
    file.finalize().unwrap();
    (path, said)
}

/// Speech as a live client's codec has it, which filters low frequencies out and turns the phase of others.
fn coded(said: &[i16]) -> Vec<i16> {
    let (mut encoder, mut decoder) = (Encoder::live(48_000).unwrap(), Decoder::new().unwrap());
    said.chunks_exact(960)
        .flat_map(|frame| decoder.decode(&encoder.encode(frame).unwrap()).unwrap())
        .collect()
}

/// How alike what was heard is to each quarter of a second of speech, wherever near its place it is: a machine that has other things
/// to do has it a little later, and what the playout took out or put in is within one piece of it or another. The first and the
/// last are those with the first and the last word.
fn parts(said: &[i16], heard: &[i16]) -> Vec<f64> {
    let said = &coded(said);
    // A breath before the first word is no syllable.
    let is_loud = |sample: &i16| sample.abs() > 1_500;
    let first = said.iter().position(is_loud).unwrap();
    let last = said.iter().rposition(is_loud).unwrap();
    let whole = compare(said, heard);
    let at = |place: i64| usize::try_from(whole.offset + place).unwrap_or(0).min(heard.len());
    let piece = |from: usize| {
        let near = &heard[at(from as i64 - NEAR)..at((from + PIECE) as i64 + NEAR)];
        compare(&said[from..from + PIECE], near).correlation
    };
    let part = |from: usize| {
        [0, 2_000, 4_000, 6_000].map(|later| piece(from + later)).into_iter().fold(0.0, f64::max)
    };
    // Opus makes other noise of the noise between two words.
    let is_word = |from: &usize| loudness(&said[*from..*from + PART]) > 500.0;
    let mut parts: Vec<f64> = (first..last - 2 * PART).step_by(PART).filter(is_word).map(part).collect();
    parts.push(part(last - PART));
    parts
}

/// A quarter of a second, the pieces of it that are looked for, and how far from their places.
const PART: usize = 12_000;
const PIECE: usize = 6_000;
const NEAR: i64 = 24_000;

/// Whether all of it was heard.
fn is_whole(parts: &[f64]) -> bool {
    parts.iter().all(|part| *part > 0.5)
}

#[tokio::test]
async fn no_syllable_is_lost_by_push_to_talk_over_the_control_socket() {
    let place = Place::new();
    let (file, said) = speech_in_silence(place.home.path(), "said.wav");
    let bob = place.person("bob", None, plain(Mode::PushToTalk)).await;
    let alice = place.person("alice", Some(&file), plain(Mode::PushToTalk)).await;
    let path = place.path("alice.sock");
    let control = alice.talk.control(path.clone()).unwrap();
    let began = Instant::now();
    let push = async |push| {
        let (path, before) = (path.clone(), Instant::now());
        let answer = tokio::task::spawn_blocking(move || ask(&path, Ask::Push(push))).await.unwrap().unwrap();
        println!("{push:?} took {:?}: {answer}", before.elapsed());
        assert!(before.elapsed() < Duration::from_secs(1));
    };
    // It is pressed within the two seconds before the speech, and let go soon after its end.
    push(Push::Down).await;
    alice.until("it is sent", |picture| picture.own.pressed && picture.own.sending).await;
    assert!(began.elapsed() < Duration::from_millis(1_900), "the machine is too busy for this test");
    tokio::time::sleep_until((began + Duration::from_millis(5_300)).into()).await;
    push(Push::Up).await;
    alice.until("it is sent no more", |picture| !picture.own.pressed && !picture.own.sending).await;
    bob.until("bob has heard the end", |picture| picture.talking.is_empty()).await;
    let found = parts(&said, &bob.heard());
    println!("{found:.2?}");
    assert!(is_whole(&found), "{found:.2?}");
    drop(control);
    assert!(!path.exists());
}

#[tokio::test]
async fn no_syllable_is_lost_by_voice_activation() {
    let place = Place::new();
    let (file, said) = speech_in_silence(place.home.path(), "said.wav");
    let bob = place.person("bob", None, plain(Mode::PushToTalk)).await;
    let alice = place.person("alice", Some(&file), plain(Mode::VoiceActivation)).await;
    alice.until("it is sent", |picture| picture.own.sending).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    alice.until("it is sent no more", |picture| !picture.own.sending).await;
    bob.until("bob has heard the end", |picture| picture.talking.is_empty()).await;
    let found = parts(&said, &bob.heard());
    println!("{found:.2?}");
    assert!(is_whole(&found), "{found:.2?}");
}

#[tokio::test]
async fn one_comes_back_when_the_server_does_and_is_as_one_had_set_oneself() {
    let mut place = Place::new();
    let (file, _) = speech(place.home.path(), "said.wav", 0, 15 * 48_000);
    let bob = place.person("bob", None, plain(Mode::PushToTalk)).await;
    let alice = place.person("alice", Some(&file), plain(Mode::Continuous)).await;
    alice.until("it is sent", |picture| picture.own.sending).await;
    let mut notes = alice.talk.notes();
    let listen = place.address.server();
    place.process.take().unwrap().kill();
    let is_returning = |picture: &Picture| matches!(picture.connection, Connection::Returning { .. });
    alice.until("the connection is lost", is_returning).await;
    bob.until("bob's, too", is_returning).await;
    // What is set meanwhile is told later. Nothing else is done.
    alice.act(Action::Status("back soon".to_owned())).await;
    let leave = alice.talk.act(Action::Leave).await;
    assert!(matches!(leave, Err(ActionError::Disconnected)), "{leave:?}");
    assert_eq!(alice.picture().microphone, Device::Closed, "nobody is listened to for nothing");
    place.process = Some(Process::serve(place.home.path(), &listen, &["--demo"]));
    let is_back = |picture: &Picture| picture.connection == Connection::Connected;
    alice.until("alice is back", is_back).await;
    bob.until("bob is back", is_back).await;
    alice
        .until("where she was", |picture| picture.channel().is_some_and(|channel| channel.name == "General"))
        .await;
    let of_alice = bob.session("alice").await;
    bob.until("bob hears alice again", |picture| picture.talking.contains_key(&of_alice)).await;
    bob.until("and sees what she set", |picture| {
        picture.view.member(of_alice).unwrap().status == "back soon"
    })
    .await;
    let mut told = Vec::new();
    while let Ok(note) = notes.try_recv() {
        told.push(note);
    }
    assert!(
        matches!(told.iter().find(|note| !matches!(note, Note::Device(_))), Some(Note::Lost(_))),
        "{told:?}"
    );
    assert!(told.contains(&Note::Back), "{told:?}");
}

#[tokio::test]
async fn the_microphone_is_closed_while_one_is_deaf_or_away() {
    let place = Place::new();
    let (file, _) = speech(place.home.path(), "said.wav", 0, 15 * 48_000);
    let alice = place.person("alice", Some(&file), plain(Mode::Continuous)).await;
    let is_open = |picture: &Picture| matches!(picture.microphone, Device::Open(_)) && picture.own.sending;
    let is_closed = |picture: &Picture| picture.microphone == Device::Closed && !picture.own.sending;
    alice.until("it is open", is_open).await;
    for (on, off) in
        [(Action::Deafen(true), Action::Deafen(false)), (Action::Away(true), Action::Away(false))]
    {
        alice.act(on).await;
        alice.until("it is closed", is_closed).await;
        alice.act(off).await;
        alice.until("it is open again", is_open).await;
    }
    // Whoever is muted may want to be told that they talk; and whoever wants to be heard wants to hear.
    let mut notes = alice.talk.notes();
    alice.act(Action::Mute(true)).await;
    alice.until("nothing is sent", |picture| !picture.own.sending).await;
    assert!(matches!(alice.picture().microphone, Device::Open(_)));
    let told = async { while notes.recv().await.unwrap() != Note::TalkingWhileMuted {} };
    tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
    alice.act(Action::Deafen(true)).await;
    alice.act(Action::Mute(false)).await;
    let own = alice.picture().own.clone();
    assert!(!own.mute && !own.deaf);
    alice.until("it is sent again", is_open).await;
}

#[tokio::test]
async fn whom_one_does_not_want_to_hear_one_does_not_hear_the_next_time_either() {
    let place = Place::new();
    let (file, _) = speech(place.home.path(), "said.wav", 0, 15 * 48_000);
    let bob = place.person("bob", None, plain(Mode::PushToTalk)).await;
    let alice = place.person("alice", Some(&file), plain(Mode::Continuous)).await;
    let of_alice = bob.session("alice").await;
    eventually("she is heard", async || (loudness(&bob.heard()) > 10.0).then_some(())).await;
    bob.act(Action::LocalMute { session: of_alice, mute: true }).await;
    bob.act(Action::Volume { session: of_alice, percent: 150 }).await;
    bob.until("she still talks", |picture| picture.talking.contains_key(&of_alice)).await;
    let refused = bob.talk.act(Action::Volume { session: of_alice, percent: 201 }).await.unwrap_err();
    assert_eq!(refused.to_string(), "a volume in percent can be from 0 to 200; 201 was given");
    let gone = bob.talk.act(Action::LocalMute { session: SessionId(99_999), mute: true }).await;
    assert!(matches!(gone, Err(ActionError::Nobody)), "{gone:?}");
    bob.talk.stop().await;

    let bob = place.person("bob", None, plain(Mode::PushToTalk)).await;
    bob.until("she talks", |picture| picture.talking.contains_key(&of_alice)).await;
    let hearing = bob.picture().people[&of_alice];
    assert!(hearing.mute && hearing.volume == 150);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(loudness(&bob.heard()) < 1.0, "nothing of her is heard");
    bob.act(Action::LocalMute { session: of_alice, mute: false }).await;
    eventually("she is heard again", async || (loudness(&bob.heard()) > 10.0).then_some(())).await;
    drop(alice);
}

#[tokio::test]
async fn a_whisper_reaches_whom_it_is_for_and_texts_reach_everybody() {
    let place = Place::new();
    let (file, _) = speech(place.home.path(), "said.wav", 0, 15 * 48_000);
    let bob = place.person("bob", None, plain(Mode::PushToTalk)).await;
    let charlie = place.person("charlie", None, plain(Mode::PushToTalk)).await;
    let alice = place.person("alice", Some(&file), plain(Mode::PushToTalk)).await;
    let (of_alice, of_bob) = (bob.session("alice").await, alice.session("bob").await);
    alice.act(Action::Whisper(vec![Target::Session(of_bob)])).await;
    alice.talk.push(Push::Toggle);
    let whispers = |picture: &Picture| picture.talking.get(&of_alice).is_some_and(|talking| talking.whisper);
    bob.until("alice whispers to bob", whispers).await;
    assert_eq!(charlie.picture().talking.len(), 0, "{:?}", charlie.picture().talking);
    alice.act(Action::Whisper(Vec::new())).await;
    charlie.until("alice speaks to everybody", |picture| picture.talking.contains_key(&of_alice)).await;
    // An echo is for oneself alone.
    alice.act(Action::EchoTest(true)).await;
    alice.until("she hears herself", |picture| !picture.talking.is_empty()).await;
    charlie.until("nobody else does", |picture| picture.talking.is_empty()).await;
    alice.act(Action::EchoTest(false)).await;

    let general = bob.picture().view.own_channel().unwrap().id.into();
    bob.act(Action::Text { to: To::Channel(general), text: "hello".to_owned() }).await;
    for (person, own) in [(&alice, false), (&bob, true), (&charlie, false)] {
        person
            .until("the text", |picture| picture.texts.back().is_some_and(|line| line.text == "hello"))
            .await;
        let line = person.picture().texts.back().unwrap().clone();
        assert_eq!((line.name.as_str(), line.to, line.own), ("bob", To::Channel(general), own));
    }
}

#[tokio::test]
async fn other_programs_switch_things_and_read_what_is_set() {
    let place = Place::new();
    let alice = place.person("alice", None, plain(Mode::PushToTalk)).await;
    let path = place.path("alice.sock");
    let _control = alice.talk.control(path.clone()).unwrap();
    let second = alice.talk.control(path.clone()).unwrap_err().to_string();
    assert!(second.contains("another parlour talk has the control socket"), "{second}");
    let ask = async |what| {
        let path = path.clone();
        tokio::task::spawn_blocking(move || ask(&path, what)).await.unwrap()
    };
    assert_eq!(ask(Ask::Status).await.unwrap(), "connected");
    assert_eq!(ask(Ask::Mute(Switch::Toggle)).await.unwrap(), "connected mute");
    assert_eq!(ask(Ask::Deafen(Switch::On)).await.unwrap(), "connected mute deaf");
    assert_eq!(ask(Ask::Mute(Switch::Off)).await.unwrap(), "connected");
    assert_eq!(ask(Ask::Away(Switch::On)).await.unwrap(), "connected away");
    assert_eq!(ask(Ask::Push(Push::Toggle)).await.unwrap(), "connected away latched");
    assert!(ask(Ask::Statistics).await.unwrap().contains("connected, round trip"));
    let is_away =
        |picture: &Picture| picture.view.own().is_some_and(|own| own.away && !own.mute && !own.deaf);
    alice.until("the server knows it", is_away).await;
}

#[tokio::test]
async fn what_is_wrong_at_the_start_is_said() {
    let place = Place::new();
    let start = async |choices, settings: &str| {
        let directory = place.path("settings");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("talk.toml"), settings).unwrap();
        let options = Options { server: place.address.clone(), directory, backend: Backend::None, choices };
        let enter = || async { Err(anyhow::anyhow!("nobody lets one in")) };
        Talk::start::<anyhow::Error, _, _>(options, enter).await.unwrap_err()
    };
    assert_eq!(start(vec![], "").await.to_string(), "nobody lets one in");
    let refused = start(vec![Choice::Threshold(2.0)], "").await;
    assert!(matches!(refused.downcast_ref(), Some(StartError::Choice(_))), "{refused}");
    let damaged = start(vec![], "settings = 1").await.to_string();
    assert!(damaged.contains("talk.toml is damaged"), "{damaged}");
}

#[tokio::test]
async fn keys_push_and_mute_while_another_program_has_the_focus() {
    let place = Place::new();
    let mut alice = place.person("alice", None, plain(Mode::PushToTalk)).await;
    let server = XServer::start();
    let keys = [("F8", KeyDoes::Push), ("ctrl+F9", KeyDoes::Mute), ("F10", KeyDoes::Deafen)];
    let keys = keys.map(|(key, does)| (key.parse().unwrap(), does)).to_vec();
    alice.talk.watch_keys(Some(&server.display), keys).unwrap();
    let hands = Hands::on(&server);
    let (f8, f9, f10, ctrl) = (0xffc5, 0xffc6, 0xffc7, 0xffe3);
    hands.key(f8, true);
    alice.until("one is heard", |picture| picture.own.pressed && picture.own.sending).await;
    hands.key(f8, false);
    alice.until("one isn't any more", |picture| !picture.own.pressed && !picture.own.sending).await;
    for is_mute in [true, false] {
        for (key, is_down) in [(ctrl, true), (f9, true), (f9, false), (ctrl, false)] {
            hands.key(key, is_down);
        }
        alice.until("one is mute, and then not", |picture| picture.own.mute == is_mute).await;
    }
    hands.key(f10, true);
    alice.until("one is deaf", |picture| picture.own.deaf).await;
    drop(server);
    alice.talk.stop().await;
}
