//! How good speech sounds (PESQ), which `tests/independent/quality.py` says.

use std::path::{Path, PathBuf};
use std::process::Command;

use hound::{SampleFormat, WavSpec, WavWriter};

/// 15.7 s of a person reading, from -1 to 1, at 48 kHz.
pub fn speech() -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/speech.wav");
    let samples = parlour::audio::Source::open(&path).unwrap().samples().unwrap();
    samples.into_iter().map(|sample| f32::from(sample) / 32_768.0).collect()
}

/// What ITU-T P.862.2 makes of each of `heard` (1 is bad, 4.64 the original), which begin where `original` does. Samples
/// at 48 kHz, from -1 to 1.
pub fn quality(original: &[f32], heard: &[&[f32]]) -> Vec<f64> {
    // Beside this binary, in `target/debug/deps`.
    let binary = std::env::current_exe().unwrap();
    let python = binary.ancestors().nth(3).unwrap().join("python/bin/python");
    assert!(python.exists(), "this needs what `make setup-python` installs: {} is missing", python.display());
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = std::iter::once(original)
        .chain(heard.iter().copied())
        .enumerate()
        .map(|(number, samples)| {
            let path = directory.path().join(format!("{number}.wav"));
            write(&path, samples);
            path
        })
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/quality.py");
    let done = Command::new(python).arg(script).args(files).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let scores = String::from_utf8(done.stdout).unwrap();
    let scores: Vec<f64> = scores.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(scores.len(), heard.len());
    scores
}

/// Writes a WAV file of one channel, 16 bit, 48 kHz.
pub fn write(path: &Path, samples: &[f32]) {
    let spec =
        WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).unwrap();
    for sample in samples {
        let sample = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0);
        writer.write_sample(sample as i16).unwrap();
    }
    writer.finalize().unwrap();
}
