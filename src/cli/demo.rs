//! `parlour demo`: the main job on real input. A server, a speaker and two listeners run as processes of
//! their own and talk over the real endpoint; what was heard is compared with what was said.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::output::Output;
use super::serve::DEMO_PASSWORD;
use super::trace;
use crate::audio::{Comparison, SAMPLE_RATE, Source, compare};

/// Show that voice gets through: a server, a speaker and two listeners on this machine.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The speech to play: WAV, FLAC, MP3, Ogg, AAC or M4A.
    #[arg(default_value = "tests/data/speech.wav")]
    file: PathBuf,
    /// Deafen this listener (alice or bob), to see the demonstration fail.
    #[arg(long, value_name = "LISTENER")]
    deafen: Option<String>,
}

/// A frame that takes longer than this comes too late for a listener's buffer of usual size.
const LATE_MS: f64 = 60.0;

/// Below this a recording isn't what was said.
const LIKENESS: f64 = 0.9;

/// How long a part may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(20);

const LISTENERS: [&str; 2] = ["alice", "bob"];

impl Demo {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        if let Some(name) = self.deafen.as_deref().filter(|name| !LISTENERS.contains(name)) {
            bail!("there is no listener {name}; there are alice and bob");
        }
        let original = Source::open(&self.file)
            .and_then(Source::samples)
            .with_context(|| format!("can't play {}", self.file.display()))?;
        let directory = scratch()?;
        let result = self.play_through(output, &original, &directory).await;
        // What was recorded is of no further use, whether it was right or not.
        let _ = std::fs::remove_dir_all(&directory);
        let listeners = result?;
        report(output, &listeners);
        let failed: Vec<_> = listeners.iter().filter_map(Listener::complaint).collect();
        if failed.is_empty() {
            output.line("Every frame arrived, and both recordings are what was said.");
            Ok(())
        } else {
            bail!("the demonstration failed: {}", failed.join("; "))
        }
    }

    async fn play_through(
        &self,
        output: Output,
        original: &[i16],
        directory: &Path,
    ) -> anyhow::Result<Vec<Listener>> {
        output.line("Starting a server on loopback …");
        let data = directory.join("server");
        let serve = ["serve", "--demo", "--listen", "127.0.0.1:0", "--log", "error", "--data-dir"];
        let mut server = Part::start(directory, serve.map(Into::into).into_iter().chain([data]))?;
        let listening = server.event("listening").await?;
        let address = listening["addresses"][0].as_str().context("the server said no address")?.to_owned();
        let mut listeners = Vec::new();
        for name in LISTENERS {
            output.line(format!("{name} comes in and records …"));
            listeners.push(self.listener(name, &address, directory).await?);
        }
        let length = Duration::from_secs_f64(original.len() as f64 / f64::from(SAMPLE_RATE));
        output.line(format!("demo speaks for {:.1} s …", length.as_secs_f64()));
        let sent_to = directory.join("sent.jsonl");
        log_in("demo", &address, directory).await?;
        let play = ["play", "--trace"].map(Into::into).into_iter();
        let mut speaker =
            Part::start(&directory.join("demo"), play.chain([sent_to.clone(), self.file.clone()]))?;
        speaker.event("playing").await?;
        let said = tokio::time::timeout(length + PATIENCE, speaker.event("done"));
        said.await.context("the speaker didn't finish in time")??;
        tokio::time::sleep(Duration::from_millis(400)).await;
        let sent: HashMap<u16, u64> =
            trace::read(&sent_to)?.iter().map(|frame| (frame.seq, frame.t_ns)).collect();
        let mut results = Vec::new();
        for (name, mut part) in listeners {
            part.stop()?;
            let done = part.event("done").await?;
            results.push(Listener::measure(name, &done, &sent, &directory.join(name), original)?);
        }
        server.stop()?;
        server.event("stopped").await?;
        Ok(results)
    }

    async fn listener(
        &self,
        name: &'static str,
        address: &str,
        directory: &Path,
    ) -> anyhow::Result<(&'static str, Part)> {
        log_in(name, address, directory).await?;
        let home = directory.join(name);
        let (trace, out) = (home.join("heard.jsonl"), home.join("recording"));
        let mut arguments: Vec<PathBuf> = vec!["record".into(), "--trace".into(), trace, out];
        arguments.extend((self.deafen.as_deref() == Some(name)).then(|| "--deaf".into()));
        let mut part = Part::start(&home, arguments)?;
        part.event("recording").await?;
        Ok((name, part))
    }
}

/// Logs a demonstration's user in, in a profile of its own.
async fn log_in(name: &str, address: &str, directory: &Path) -> anyhow::Result<()> {
    let home = directory.join(name);
    std::fs::create_dir_all(&home)?;
    let address = format!("parlour://{name}@{address}");
    let mut part = Part::start(&home, ["login".into(), address.into()])?;
    let status = part.child.wait().await?;
    if status.success() { Ok(()) } else { bail!("{name} couldn't log in") }
}

/// A directory of this run.
fn scratch() -> anyhow::Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("parlour-demo-{}", std::process::id()));
    std::fs::create_dir_all(&directory).with_context(|| format!("can't make {}", directory.display()))?;
    Ok(directory)
}

/// A process of this program; it is killed when dropped before its end.
struct Part {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Part {
    /// Starts a subcommand that prints JSON, with `home` as its profile.
    fn start(home: &Path, arguments: impl IntoIterator<Item = PathBuf>) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("can't find this program's own file")?;
        let mut command = Command::new(program);
        command
            .arg("--json")
            .args(arguments)
            .env("PARLOUR_CONFIG_DIR", home)
            .env("PARLOUR_PASSWORD", DEMO_PASSWORD);
        command.env_remove("PARLOUR_ADDRESS").env_remove("PARLOUR_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("can't start a part of the demonstration")?;
        let stdout = child.stdout.take().context("a part of the demonstration has no output")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    /// Waits for a line with this event.
    async fn event(&mut self, name: &str) -> anyhow::Result<Value> {
        let next = async {
            while let Some(line) = self.lines.next_line().await? {
                let value: Value = serde_json::from_str(&line)?;
                if value["event"] == name {
                    return Ok(value);
                }
            }
            bail!("a part of the demonstration ended before it was {name}")
        };
        let patience = if name == "done" { Duration::from_secs(3_700) } else { PATIENCE };
        tokio::time::timeout(patience, next).await.with_context(|| format!("nothing was {name} in time"))?
    }

    /// Asks the process to end.
    fn stop(&self) -> anyhow::Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(id.context("a part of the demonstration ended early")?, Signal::TERM)?;
        Ok(())
    }
}

/// What one listener heard.
struct Listener {
    name: &'static str,
    sent: usize,
    received: usize,
    late: usize,
    p50_ms: f64,
    p99_ms: f64,
    comparison: Comparison,
}

impl Listener {
    fn measure(
        name: &'static str,
        done: &Value,
        sent: &HashMap<u16, u64>,
        home: &Path,
        original: &[i16],
    ) -> anyhow::Result<Self> {
        let heard: HashMap<u16, u64> = trace::read(&home.join("heard.jsonl"))?
            .iter()
            .rev()
            .map(|frame| (frame.seq, frame.t_ns))
            .collect();
        let delays =
            sent.iter().filter_map(|(seq, at)| Some(heard.get(seq)?.saturating_sub(*at) as f64 / 1e6));
        let mut delays: Vec<f64> = delays.collect();
        delays.sort_by(f64::total_cmp);
        let percentile = |share: f64| {
            let index = ((delays.len() as f64 - 1.0) * share).round().max(0.0) as usize;
            delays.get(index).copied().unwrap_or(f64::NAN)
        };
        let file = done["speakers"]
            .as_array()
            .and_then(|speakers| speakers.first())
            .and_then(|s| s["file"].as_str());
        let comparison = match file {
            Some(file) => compare(original, &Source::open(Path::new(file))?.samples()?),
            None => Comparison { correlation: 0.0, offset: 0 },
        };
        let late = delays.iter().filter(|delay| **delay > LATE_MS).count();
        let (p50_ms, p99_ms) = (percentile(0.5), percentile(0.99));
        Ok(Self { name, sent: sent.len(), received: delays.len(), late, p50_ms, p99_ms, comparison })
    }

    fn lost(&self) -> usize {
        self.sent - self.received
    }

    /// What is wrong with it, if anything.
    fn complaint(&self) -> Option<String> {
        if self.lost() > 0 {
            return Some(format!("{} missed {} of {} frames", self.name, self.lost(), self.sent));
        }
        let correlation = self.comparison.correlation;
        (correlation < LIKENESS)
            .then(|| format!("{}'s recording correlates only {correlation:.3}", self.name))
    }
}

fn report(output: Output, listeners: &[Listener]) {
    let header = [
        "Listener",
        "Sent",
        "Received",
        "Lost",
        "Late",
        "Delay p50",
        "Delay p99",
        "Correlation",
        "Begins at",
    ];
    let mut rows = Vec::new();
    for listener in listeners {
        let Comparison { correlation, offset } = listener.comparison;
        let begins = offset as f64 / f64::from(SAMPLE_RATE);
        rows.push(vec![
            listener.name.to_owned(),
            listener.sent.to_string(),
            listener.received.to_string(),
            listener.lost().to_string(),
            listener.late.to_string(),
            format!("{:.2} ms", listener.p50_ms),
            format!("{:.2} ms", listener.p99_ms),
            format!("{correlation:.4}"),
            format!("{begins:.2} s"),
        ]);
        output.object(&json!({
            "listener": listener.name, "sent": listener.sent, "received": listener.received,
            "lost": listener.lost(), "late": listener.late, "p50_ms": listener.p50_ms, "p99_ms": listener.p99_ms,
            "correlation": correlation, "begins_s": begins,
        }));
    }
    output.table(&header, rows);
}
