//! What the tests of the page share: a machine to themselves, scripts that drive browsers, voices, and how alike what is heard is to them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use parlour::audio::{Source, compare};
use serde_json::Value;
use tempfile::TempDir;

use crate::support;

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
    _alone: support::Alone,
}

impl Stage {
    /// Waits until no other test is on it.
    pub(crate) fn enter() -> Self {
        Self { _alone: support::alone(), home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.home.path()
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

/// A sentence of the sample, of the three in it, as a file of its own.
pub(crate) fn sentence(number: usize, directory: &Path) -> PathBuf {
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
pub(crate) fn likeness(voice: &Path, recording: &Path) -> f64 {
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
