//! What the tests of the page share: a machine to themselves, scripts that drive browsers, voices, and how alike what is heard is to them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use parlour::audio::{Source, compare};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{self, Process};

pub(crate) const PASSWORD: &str = "parlour-demo";
pub(crate) const RATE: usize = 48_000;

/// Where the modules of `tests/browser/package.json` are.
pub(crate) fn modules() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let modules = target.join("browser");
    assert!(
        modules.join("node_modules/playwright-core").exists(),
        "the browser's tests need what `make setup-browser` installs in {}",
        modules.display()
    );
    modules
}

/// A test of the page, from its server's start to the last look at what was heard: one after the other, since browsers that take
/// each other's processor stutter.
pub(crate) struct Stage {
    home: TempDir,
    since: Instant,
    _alone: support::Alone,
}

impl Stage {
    /// Waits until no other test is on it.
    pub(crate) fn enter() -> Self {
        let alone = support::alone();
        Self { home: tempfile::tempdir().unwrap(), since: Instant::now(), _alone: alone }
    }

    pub(crate) fn path(&self) -> &Path {
        self.home.path()
    }

    /// Has a script look at the page of a server with demo accounts, which is started with a setting in its environment, and answers with what
    /// it saw: no error, and nothing that the page's policy forbids. `more` is what the script is told besides.
    pub(crate) fn see(&self, script: &str, (setting, value): (&str, &str), more: &[(&str, String)]) -> Value {
        let mut server = support::parlour(self.path());
        server.env(setting, value);
        let process = Process::serve_with(server, "127.0.0.1:0", &["--demo"]);
        let mut variables = vec![
            ("SERVER", process.address.to_string()),
            ("OUT", self.path().display().to_string()),
            ("SHOTS", std::env::var("SCREENSHOTS").unwrap_or_default()),
        ];
        variables.extend_from_slice(more);
        let result = run(script, &variables, |word| assert_eq!(word, "", "it stopped"));
        println!("{result:#}");
        for nothing in ["violations", "errors"] {
            assert_eq!(result[nothing], serde_json::json!([]), "{nothing}");
        }
        result
    }
}

impl Drop for Stage {
    /// Tells how long it was on, wherever what a test prints goes.
    fn drop(&mut self) {
        let thread = std::thread::current();
        let took = self.since.elapsed().as_secs_f64();
        let _ = writeln!(std::io::stderr(), "{took:.1} s: {}", thread.name().unwrap_or_default());
    }
}

/// Runs a script of `tests/browser`, tells of each word that it prints, and answers with the object that it prints last.
pub(crate) fn run(script: &str, variables: &[(&str, String)], mut tell: impl FnMut(&str)) -> Value {
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

/// A sentence of the sample, of the three in it, as a file of its own. It is about as loud all the way, so that a second of it
/// says how loud it is.
pub(crate) fn sentence(number: usize, directory: &Path) -> PathBuf {
    let all = Source::open(Path::new("tests/data/speech.wav")).unwrap().samples().unwrap();
    let part = all.len() / 3;
    let said = levelled(&all[number * part..(number + 1) * part]);
    let path = directory.join(format!("voice-{number}.wav"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for sample in said {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    path
}

/// Speech whose quiet parts are as loud as the others, but for pauses.
fn levelled(speech: &[i16]) -> Vec<i16> {
    const PART: usize = RATE / 20;
    const LOUD: f64 = 3_000.0;
    let gains: Vec<f64> = speech
        .chunks(PART)
        .map(|part| {
            let power = part.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / part.len() as f64;
            (LOUD / power.sqrt().max(1.0)).min(8.0)
        })
        .collect();
    let gain = |index: usize| {
        // From the middle of one part to the middle of the next.
        let at = (index as f64 / PART as f64 - 0.5).clamp(0.0, (gains.len() - 1) as f64);
        let (before, share) = (at.floor() as usize, at.fract());
        gains[before] * (1.0 - share) + gains[(before + 1).min(gains.len() - 1)] * share
    };
    let louder = speech.iter().enumerate().map(|(index, sample)| f64::from(*sample) * gain(index));
    louder.map(|sample| sample.clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16).collect()
}

/// How alike a recording is to each of some voices that were said again and again: the median over pieces short enough that
/// the clocks of two browsers without sound cards, which differ by a thousandth, don't matter. All pieces have to come from
/// about the same place of the voice, as time goes on.
pub(crate) fn likeness(voices: &[PathBuf], recording: &Path) -> Vec<f64> {
    let samples = |path: &Path| Source::open(path).unwrap().samples().unwrap();
    let heard = samples(recording);
    let energy = |sound: &[i16]| sound.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let pieces: Vec<(usize, &[i16])> = heard.chunks_exact(PIECE).enumerate().collect();
    let most = pieces.iter().map(|(_, piece)| energy(piece)).fold(0.0, f64::max);
    let loud: Vec<_> = pieces.into_iter().filter(|(_, piece)| energy(piece) > most / 8.0).collect();
    voices.iter().map(|voice| likeness_of(&samples(voice), &loud)).collect()
}

/// Samples of a piece that is compared.
const PIECE: usize = RATE * 2 / 5;

/// How much of a sound there is that says where it is: the mean of so many samples each.
fn coarse(sound: &[i16], step: usize) -> Vec<i16> {
    let mean = |part: &[i16]| part.iter().map(|sample| i32::from(*sample)).sum::<i32>() / step as i32;
    sound.chunks_exact(step).map(|part| mean(part) as i16).collect()
}

/// How alike two sounds of one length are.
fn correlation(one: &[i16], other: &[i16]) -> f64 {
    let (mut product, mut own, mut others) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        product += a * b;
        own += a * a;
        others += b * b;
    }
    product / (own * others).sqrt().max(1.0)
}

/// The same of one voice and the loud pieces of a recording, with their numbers.
fn likeness_of(voice: &[i16], loud: &[(usize, &[i16])]) -> f64 {
    const ABOUT: usize = RATE / 10;
    let length = voice.len();
    let twice = voice.repeat(3);
    // A few of them say where it is.
    let roughly = coarse(&twice[..2 * length], 16);
    let begins: Vec<usize> = loud
        .iter()
        .take(7)
        .map(|(number, piece)| {
            let found = 16 * compare(&coarse(piece, 16), &roughly).offset.max(0) as usize;
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
        let about = &twice[at - ABOUT..(at + PIECE + ABOUT).min(twice.len())];
        let found = 4 * compare(&coarse(piece, 4), &coarse(about, 4)).offset.max(0) as usize;
        let places = found.saturating_sub(6)..=(found + 6).min(about.len() - PIECE);
        places.map(|place| correlation(piece, &about[place..place + PIECE])).fold(0.0, f64::max)
    });
    let mut alike: Vec<f64> = alike.collect();
    alike.sort_by(f64::total_cmp);
    alike[alike.len() / 2]
}

/// The loudest sample of each voice in a directory of recordings that is more than noise, by the file's name.
pub(crate) fn voices_in(directory: &Path) -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| {
        let sound = Source::open(path).and_then(Source::samples);
        sound.is_ok_and(|sound| sound.iter().any(|sample| sample.unsigned_abs() > 300))
    });
    files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

pub(crate) fn create_user(home: &Path, name: &str) {
    let mut create = support::parlour(home);
    create.args(["user", "create", name, "--password-stdin", "--data-dir"]).arg(home.join("data"));
    let mut create = create.stdin(Stdio::piped()).spawn().unwrap();
    create.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(create.wait().unwrap().success());
}
