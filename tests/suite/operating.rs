//! The transcripts of the documentation: each command is run, and prints what stands there.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::hook::receiver::Receiver;
use crate::support::{Process, parlour};

const PASSWORD: &str = "seven small red boats";

/// What a command says that goes on beside others, once it does what it is for.
const GOES_ON: &str = "Ctrl-C stops";

/// How long it may take to say so.
const PATIENCE: Duration = Duration::from_secs(10);

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

impl Step<'_> {
    /// What was printed has every line of the transcript, in which `…` stands for anything.
    fn check(&self, printed: &str) {
        for line in &self.prints {
            let found = *line == "…" || has(printed, line);
            let (who, words) = (self.who, &self.words);
            assert!(found, "{who}$ parlour {words:?} doesn't print\n{line}\nbut\n{printed}");
        }
    }
}

/// Whether what was printed has the line.
fn has(printed: &str, line: &str) -> bool {
    let mut parts = line.trim_end().split('…');
    let (first, rest): (_, Vec<_>) = (parts.next().unwrap_or_default(), parts.collect());
    printed.lines().map(str::trim_end).any(|candidate| {
        let Some(mut left) = candidate.strip_prefix(first) else { return false };
        let Some((last, between)) = rest.split_last() else { return left.is_empty() };
        for part in between {
            match left.find(part) {
                Some(at) => left = &left[at + part.len()..],
                None => return false,
            }
        }
        left.ends_with(last)
    })
}

/// A command that goes on beside others.
struct Beside<'a> {
    step: Step<'a>,
    child: Child,
    printed: [JoinHandle<String>; 2],
}

impl<'a> Beside<'a> {
    /// Starts it, and waits until it says that it goes on.
    fn start(step: Step<'a>, command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, going) = lines(child.stdout.take().unwrap());
        let (err, _) = lines(child.stderr.take().unwrap());
        let going = going.recv_timeout(PATIENCE).is_ok();
        let beside = Self { step, child, printed: [out, err] };
        assert!(going, "{:?} doesn't go on: {}", beside.step.words.clone(), beside.finish().1);
        beside
    }

    /// Waits for its end, and answers with what it printed.
    fn finish(mut self) -> (Step<'a>, String) {
        self.child.wait().unwrap();
        let printed = self.printed.map(|lines| lines.join().unwrap());
        (self.step, printed.concat())
    }
}

/// Reads what is printed, and tells when it says that it goes on.
fn lines(from: impl Read + Send + 'static) -> (JoinHandle<String>, mpsc::Receiver<()>) {
    let (tell, told) = channel();
    let read = std::thread::spawn(move || {
        let mut all = String::new();
        for line in BufReader::new(from).lines() {
            let line = line.unwrap();
            if line.contains(GOES_ON) {
                // The one who waits may have gone.
                let _ = tell.send(());
            }
            all.push_str(&line);
            all.push('\n');
        }
        all
    });
    (read, told)
}

fn otp(secret: &str) -> String {
    let target = Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap();
    let script = format!("import pyotp;print(pyotp.TOTP('{secret}').now())");
    let output = Command::new(target.join("python/bin/python")).args(["-c", &script]).output();
    let output = output.unwrap_or_else(|error| panic!("`make setup-python` installs pyotp: {error}"));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs the transcript of docs/operating.md below a heading against a server with these variables, and answers with the words that it
/// made known.
fn follow(heading: &str, variables: &[(&str, &str)]) -> HashMap<&'static str, String> {
    follow_in(include_str!("../../docs/operating.md"), heading, variables, &[])
}

/// The same of another page, with other addresses than it has.
fn follow_in(
    page: &str,
    heading: &str,
    variables: &[(&str, &str)],
    addresses: &[(&str, &str)],
) -> HashMap<&'static str, String> {
    let below = page.split(&format!("## {heading}\n")).nth(1).unwrap();
    let transcript = below.split("```transcript\n").nth(1).unwrap().split("```").next().unwrap();
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/config"), home.path().join("config"))
        .unwrap();
    let mut serve = parlour(home.path());
    serve.envs(variables.iter().copied());
    let server = Process::serve_with(serve, "127.0.0.1:0", &[]);
    let here = format!("127.0.0.1:{}", server.address.port());
    let mut known = HashMap::from([("CLAIM", server.claim.clone().unwrap())]);
    tone(&home.path().join("tone.wav"), 0.5);
    tone(&home.path().join("minutes.wav"), 3.0);
    tone(&home.path().join("noise.wav"), 30.0);
    tone(&home.path().join("waits.wav"), 6.0);
    let is_code = |word: &&str| word.len() == 24 && word.split('-').all(|group| group.len() == 4);
    let mut beside: HashMap<&str, Beside<'_>> = HashMap::new();
    for step in steps(transcript) {
        // Another command of the same person would take its place.
        if let Some((before, printed)) = beside.remove(step.who).map(Beside::finish) {
            before.check(&printed);
        }
        let goes_on = step.words.last().is_some_and(|word| word == "&");
        let words = step.words.iter().filter(|word| *word != "&").map(|word| {
            let word = word.replace("localhost", &here);
            let word = addresses.iter().fold(word, |word, (written, real)| word.replace(written, real));
            known.get(word.as_str()).cloned().unwrap_or(word)
        });
        let mut words: Vec<_> = words.collect();
        let mut command = parlour(home.path());
        // What a shell gives on standard input.
        if let Some(at) = words.iter().position(|word| word == "<<<") {
            let input = home.path().join("input");
            std::fs::write(&input, &words[at + 1]).unwrap();
            command.stdin(std::fs::File::open(input).unwrap());
            words.truncate(at);
        }
        command.env("PARLOUR_CONFIG_DIR", home.path().join(step.who)).current_dir(home.path());
        command.env("PARLOUR_PASSWORD", PASSWORD).args(words);
        if goes_on {
            beside.insert(step.who, Beside::start(step, &mut command));
            continue;
        }
        let output = command.output().unwrap();
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        step.check(&printed);
        if let Some(code) = printed.split_whitespace().find(is_code) {
            let name = if printed.contains("In a browser") { "INVITE" } else { "RECOVERY" };
            known.insert(name, code.to_owned());
        }
        if let Some((_, secret)) = printed.split_once("or type: ") {
            known.insert("CODE", otp(secret.split_whitespace().next().unwrap()));
        }
    }
    for (step, printed) in beside.into_values().map(Beside::finish) {
        step.check(&printed);
    }
    known
}

#[test]
fn the_transcript_is_what_happens() {
    let known = follow("A friend comes: a transcript", &[]);
    assert_eq!(known.len(), 4, "{:?}", known.keys());
}

#[test]
fn the_club_s_transcript_is_what_happens() {
    follow("A club: a transcript", &[("PARLOUR_SESSIONS_GUESTS", "true")]);
}

#[tokio::test]
async fn the_transcript_of_whoever_waits_in_support_is_what_happens() {
    const WRITTEN: &str = "http://127.0.0.1:9000/webhook/SECRET";
    let room = Receiver::start().await;
    let url = room.url();
    let followed = tokio::task::spawn_blocking(move || {
        let page = include_str!("../../docs/flows.md");
        let networks = [("PARLOUR_HOOKS_NETWORKS", "127.0.0.1")];
        follow_in(page, "Somebody waits in Support: a transcript", &networks, &[(WRITTEN, &url)])
    });
    followed.await.unwrap();
    let came = room.wait(1).await;
    assert_eq!(came[0].body["text"], "ben waits in Support.");
}

fn tone(path: &Path, seconds: f64) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for number in 0..(48_000.0 * seconds) as i32 {
        writer.write_sample((f64::from(number) * 0.06).sin().mul_add(8_000.0, 0.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}
