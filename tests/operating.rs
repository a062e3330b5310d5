//! The transcript of docs/operating.md: each command is run, and prints what stands there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use support::{Process, parlour};

const PASSWORD: &str = "seven small red boats";

/// A command and the lines that it prints.
struct Step<'a> {
    who: &'a str,
    words: Vec<String>,
    prints: Vec<&'a str>,
}

fn steps(transcript: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for line in transcript.lines() {
        match line.split_once("$ parlour ") {
            Some((who, command)) => steps.push(Step { who, words: words(command), prints: Vec::new() }),
            None => steps.last_mut().unwrap().prints.push(line),
        }
    }
    steps
}

/// Words as a shell takes them: those in quotes are one.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('"').enumerate();
    parts
        .flat_map(|(place, part)| {
            if place % 2 == 1 {
                vec![part.to_owned()]
            } else {
                part.split_whitespace().map(str::to_owned).collect()
            }
        })
        .collect()
}

/// Whether what was printed has the line, in which `…` stands for anything.
fn has(printed: &str, line: &str) -> bool {
    printed.lines().any(|candidate| {
        let (mut rest, mut first) = (candidate.trim_end(), true);
        for part in line.trim_end().split('…') {
            match rest.find(part) {
                Some(0) => rest = &rest[part.len()..],
                Some(at) if !first => rest = &rest[at + part.len()..],
                _ => return false,
            }
            first = false;
        }
        rest.is_empty() || line.trim_end().ends_with('…')
    })
}

fn otp(secret: &str) -> String {
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let script = format!("import pyotp;print(pyotp.TOTP('{secret}').now())");
    let output = Command::new(target.join("python/bin/python")).args(["-c", &script]).output();
    let output = output.unwrap_or_else(|error| panic!("`make setup-python` installs pyotp: {error}"));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_transcript_is_what_happens() {
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating.md")).unwrap();
    let transcript = document.split("```transcript\n").nth(1).unwrap().split("```").next().unwrap();
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let here = format!("127.0.0.1:{}", server.address.port());
    let mut known = HashMap::from([("CLAIM", server.claim.clone().unwrap())]);
    tone(&home.path().join("tone.wav"));
    let is_code = |word: &&str| word.len() == 24 && word.split('-').all(|group| group.len() == 4);
    for step in steps(transcript) {
        let words = step.words.iter().map(|word| {
            let word = word.replace("localhost", &here);
            known.get(word.as_str()).cloned().unwrap_or(word)
        });
        let mut command = parlour(home.path());
        command.env("PARLOUR_CONFIG_DIR", home.path().join(step.who)).current_dir(home.path());
        let output = command.env("PARLOUR_PASSWORD", PASSWORD).args(words).output().unwrap();
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        for line in step.prints {
            assert!(
                line == "…" || has(&printed, line),
                "{}$ parlour {:?} doesn't print\n{line}\nbut\n{printed}",
                step.who,
                step.words
            );
        }
        if let Some(code) = printed.split_whitespace().find(is_code) {
            let name = if printed.contains("In a browser") { "INVITE" } else { "RECOVERY" };
            known.insert(name, code.to_owned());
        }
        if let Some((_, secret)) = printed.split_once("or type: ") {
            known.insert("CODE", otp(secret.split_whitespace().next().unwrap()));
        }
    }
    assert_eq!(known.len(), 4, "{:?}", known.keys());
}

fn tone(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for number in 0..24_000_i32 {
        writer.write_sample((f64::from(number) * 0.06).sin().mul_add(8_000.0, 0.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}
