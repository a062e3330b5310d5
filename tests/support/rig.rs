//! Two people who talk with the program as it is, on a sound server and a server of their own; and what goes in at one's
//! mouth beside what comes out at the other's ear.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use parlour::audio::device::{BLOCK, Backend, Choice, Microphone};
use parlour::audio::{SAMPLE_RATE, compare};
use tempfile::TempDir;

use super::quality::quality;
use super::sound::{SoundServer, Told};

/// The loudspeakers of the rig. What "mouth" plays is what the speaker's microphone hears, and the listener hears by "ear"; the
/// listener's microphone hears "quiet", and the speaker's loudspeaker is "away", and both are silent.
pub const SINKS: [&str; 4] = ["mouth", "ear", "quiet", "away"];

/// Samples of a part of what was said that is looked for in what was heard: half a second.
const PART: usize = SAMPLE_RATE as usize / 2;

/// The longest way that is measured, in samples: a second.
const LONGEST: usize = SAMPLE_RATE as usize;

/// How alike a part has to be to what was heard for its delay to count.
const ALIKE: f64 = 0.4;

/// Amplitude of speech: what is before its first and after its last such sample is the room, which voice activation doesn't send.
const LOUD: u16 = 1_000;

/// Blocks before and after one whose times of arrival say when it came: a second.
const AROUND: usize = 200;

/// A server and two people in one channel.
pub struct Rig {
    pub speaker: Person,
    pub listener: Person,
    pub sound: SoundServer,
    server: Child,
    _home: TempDir,
}

impl Rig {
    /// Starts all of it. Both people have the settings that everybody begins with.
    pub fn start(sound: SoundServer) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut serve = program(home.path());
        serve.env("PARLOUR_SESSIONS_GUESTS", "true").args(["--json", "serve", "--demo"]);
        let (server, said, _) = start(serve.args(["--listen", "127.0.0.1:0"]));
        let address = format!("parlour://{}/General", said["addresses"][0].as_str().unwrap());
        let person = |name: &str, microphone: &str, loudspeaker: &str| {
            let mut talk = program(home.path());
            talk.envs(sound.environment()).env("PARLOUR_CONFIG_DIR", home.path().join(name));
            talk.args(["--json", "talk", &address, "--headless", "--guest", name]);
            talk.args(["--microphone", microphone, "--loudspeaker", loudspeaker, "--control"]);
            Person::start(talk.arg(home.path().join(format!("{name}.sock"))))
        };
        let speaker = person("anna", "mouth.monitor", "away");
        let listener = person("ben", "quiet.monitor", "ear");
        Self { speaker, listener, sound, server, _home: home }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Somebody's program; ends when dropped.
pub struct Person {
    child: Child,
    /// What it has printed since it began to talk, a line each.
    said: Arc<Mutex<Vec<String>>>,
}

impl Person {
    fn start(command: &mut Command) -> Self {
        let (child, _, lines) = start(command);
        let said = Arc::new(Mutex::new(Vec::new()));
        let more = Arc::clone(&said);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| more.lock().unwrap().push(line));
        });
        Self { child, said }
    }

    /// Stops the process, or lets it go on.
    pub fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }

    /// Waits until it says something with such words that it hasn't said when this was asked last; ten seconds at most.
    pub fn says(&self, words: &str) {
        let start = Instant::now();
        loop {
            let mut said = self.said.lock().unwrap();
            if let Some(at) = said.iter().position(|line| line.contains(words)) {
                said.drain(..=at);
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{words:?} isn't said, but {said:?}");
            drop(said);
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command of the program, with a home of its own.
fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARLOUR_")) {
        command.env_remove(name);
    }
    command.env_remove("PULSE_SINK").env_remove("PULSE_SOURCE").env("XDG_CONFIG_HOME", home);
    command.env("PARLOUR_CONFIG_DIR", home.join("profile")).env("PARLOUR_DATA_DIR", home.join("data"));
    command.env("PARLOUR_DISCOVERY_ENABLED", "false");
    command
}

/// Starts what prints a line of JSON when it is ready, and answers with that and with the lines to come.
fn start(command: &mut Command) -> (Child, serde_json::Value, Lines<BufReader<ChildStdout>>) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    (child, said, lines)
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// From mouth to ear, in milliseconds: the median of all parts of the speech.
    pub delay: f64,
    /// The parts of the speech that were found in what was heard, of all.
    pub found: f64,
    /// How good it is, by PESQ.
    pub quality: f64,
}

/// Plays speech at the mouth, and hears what comes of it at the ear.
pub fn listen(backend: &Backend, speech: Vec<f32>) -> Heard {
    let since = Instant::now();
    let [mouth, ear] = ["mouth.monitor", "ear.monitor"].map(|device| Recorder::open(backend, device, since));
    let lasts = Duration::from_secs_f64(speech.len() as f64 / f64::from(SAMPLE_RATE));
    let (events, mut told) = Told::new();
    let mut samples = speech.into_iter();
    let player = backend.open_loudspeaker(Choice::of("mouth"), events, move |block| {
        for (sample, next) in block.iter_mut().zip(&mut samples) {
            *sample = next;
        }
    });
    told.works();
    sleep(lasts + Duration::from_millis(1_500));
    drop(player);
    examine(&mouth.finish(), &ear.finish())
}

/// Compares what was said with what was heard.
fn examine(said: &Tape, heard: &Tape) -> Heard {
    let is_loud = |sample: &i16| sample.unsigned_abs() > LOUD;
    let first = said.samples.iter().position(is_loud).unwrap();
    let last = said.samples.iter().rposition(is_loud).unwrap();
    let (mut delays, mut offsets, mut parts) = (Vec::new(), Vec::new(), 0);
    for at in (first..last.saturating_sub(PART)).step_by(PART) {
        let part = &said.samples[at..at + PART];
        if part.iter().filter(|sample| is_loud(sample)).count() < PART / 8 {
            continue;
        }
        parts += 1;
        // From when it was said on.
        let begins = heard.sample_at(said.time_of(at)).min(heard.samples.len());
        let until = (begins + PART + LONGEST).min(heard.samples.len());
        let found = compare(part, &heard.samples[begins..until]);
        if let Ok(offset) = usize::try_from(found.offset)
            && found.correlation > ALIKE
        {
            delays.push((heard.time_of(begins + offset) - said.time_of(at)) * 1e3);
            offsets.push((begins + offset) as f64 - at as f64);
        }
    }
    assert!(!delays.is_empty(), "nothing of what was said is heard");
    let found = delays.len() as f64 / f64::from(parts);
    let offset = median(&mut offsets) as i64;
    let from = usize::try_from(first as i64 + offset).unwrap_or(0).min(heard.samples.len());
    let to = (from + last - first).min(heard.samples.len());
    let [original, heard] = [&said.samples[first..last], &heard.samples[from..to]]
        .map(|samples| samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect::<Vec<f32>>());
    Heard { delay: median(&mut delays), found, quality: quality(&original, &[&heard])[0] }
}

/// The middle one of some figures.
pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Hears a device until it is asked for what it heard.
struct Recorder {
    microphone: Microphone,
    tape: Arc<Mutex<Tape>>,
}

/// Sound, and for each block when the first one would have come, had it taken as long.
#[derive(Default)]
struct Tape {
    samples: Vec<i16>,
    begun: Vec<f64>,
}

impl Recorder {
    fn open(backend: &Backend, device: &str, since: Instant) -> Self {
        let tape = Arc::new(Mutex::new(Tape::default()));
        let (events, mut told) = Told::new();
        let heard = Arc::clone(&tape);
        let microphone = backend.open_microphone(Choice::of(device), events, move |block: &[f32; BLOCK]| {
            let mut tape = heard.lock().unwrap();
            let before = seconds(tape.samples.len());
            tape.begun.push(since.elapsed().as_secs_f64() - before);
            tape.samples.extend(block.iter().map(|sample| (sample * 32_767.0) as i16));
        });
        told.works();
        Self { microphone, tape }
    }

    fn finish(self) -> Tape {
        drop(self.microphone);
        std::mem::take(&mut *self.tape.lock().unwrap())
    }
}

impl Tape {
    /// When a sample came, in seconds: as most blocks around it say, since one may come late.
    fn time_of(&self, sample: usize) -> f64 {
        let block = (sample / BLOCK).min(self.begun.len() - 1);
        let around = block.saturating_sub(AROUND)..(block + AROUND).min(self.begun.len());
        median(&mut self.begun[around].to_vec()) + seconds(sample)
    }

    /// Which sample came at a time.
    fn sample_at(&self, time: f64) -> usize {
        let begun = median(&mut self.begun.clone());
        ((time - begun).max(0.0) * f64::from(SAMPLE_RATE)) as usize
    }
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}
