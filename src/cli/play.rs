//! `parlour play`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::connect::{Entered, JoinPassword, RemoteServer, join};
use super::output::{Output, counted};
use super::trace::{Frame, Trace, now_ns};
use crate::audio::{Encoder, Source};
use crate::client::{Restored, Session, Speaker, Target};
use crate::id::FlowId;

/// Play a sound file into a channel.
#[derive(Debug, Args)]
pub(super) struct Play {
    /// The file: WAV or Ogg Opus.
    file: PathBuf,
    /// The server, and perhaps the channel: parlour://[user@]host[:port][/Channel/Sub].
    #[arg(env = "PARLOUR_ADDRESS")]
    address: Option<String>,
    /// The channel to play into. Default: the address's, or the first one.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    #[command(flatten)]
    password: JoinPassword,
    /// Come in as a guest of this name, where the server lets guests in.
    #[arg(long, value_name = "NAME")]
    guest: Option<String>,
    /// Bits a second of Opus.
    #[arg(long, default_value_t = 32_000, value_parser = clap::value_parser!(i32).range(6_000..=256_000))]
    bitrate: i32,
    /// Loss to prepare for, in percent: speech is repeated in the next packet.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(i32).range(0..=50))]
    expected_loss: i32,
    /// Write when each frame was sent to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// The flow that whispers go on.
const WHISPER: FlowId = FlowId(2);

/// A frame's length.
const FRAME_TIME: Duration = Duration::from_millis(20);

impl Play {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let source =
            Source::open(&self.file).with_context(|| format!("can't play {}", self.file.display()))?;
        let trace = self.trace.as_deref().map(Trace::create).transpose()?;
        let mut player = Player::new(self.bitrate, trace, output)?;
        player.encoder.set_expected_loss(self.expected_loss)?;
        let mut remote = RemoteServer::find(self.address.as_deref())?;
        let entered = remote.enter_as(self.guest.as_deref(), output).await?;
        let channel = join(&entered.session, &remote, self.channel.as_deref(), &self.password).await?;
        output.line(format!(
            "Playing {} ({:.1} s) into {channel} as {}. Ctrl-C stops.",
            self.file.display(),
            source.duration().as_secs_f64(),
            entered.session.logged_in().name,
        ));
        output.object(
            &json!({ "event": "playing", "channel": channel, "seconds": source.duration().as_secs_f64() }),
        );
        report(&player.play(&source, entered).await?, output);
        Ok(())
    }
}

/// Says what was sent.
pub(super) fn report(played: &Played, output: Output) {
    let seconds = played.sent as f64 * FRAME_TIME.as_secs_f64();
    let dropped = match played.dropped {
        0 => String::new(),
        dropped => format!(", {} dropped here", counted(dropped, "frame")),
    };
    output.line(format!("Sent {} ({seconds:.1} s){dropped}.", counted(played.sent, "frame")));
    output.object(&json!({
        "event": "done", "frames_sent": played.sent, "frames_dropped": played.dropped, "seconds": seconds,
        "whole": played.whole,
    }));
}

/// Sends a sound file in real time.
pub(super) struct Player {
    encoder: Encoder,
    trace: Option<Trace>,
    output: Output,
    /// Whom it speaks to; the channel where it names nobody.
    targets: Vec<Target>,
    sent: u64,
    dropped: u64,
}

/// What came of it.
pub(super) struct Played {
    sent: u64,
    dropped: u64,
    whole: bool,
}

impl Player {
    /// One that encodes at so many bits a second, and speaks to the channel.
    pub(super) fn new(bitrate: i32, trace: Option<Trace>, output: Output) -> anyhow::Result<Self> {
        let encoder = Encoder::new(bitrate)?;
        Ok(Self { encoder, trace, output, targets: Vec::new(), sent: 0, dropped: 0 })
    }

    /// Speaks to these instead.
    pub(super) fn toward(self, targets: Vec<Target>) -> Self {
        Self { targets, ..self }
    }

    /// The speaker to them.
    async fn speaker(&self, session: &Session) -> anyhow::Result<Speaker> {
        if self.targets.is_empty() {
            return Ok(session.speaker());
        }
        session.set_voice_target(WHISPER, &self.targets).await?;
        Ok(session.speaker_on(WHISPER))
    }

    pub(super) async fn play(mut self, source: &Source, entered: Entered) -> anyhow::Result<Played> {
        let Entered { mut session, keeper } = entered;
        let mut speaker = self.speaker(&session).await?;
        let frames = source.frames();
        let bar = progress(self.output, frames.len() as u64);
        let mut tick = interval_at(Instant::now(), FRAME_TIME);
        // Deadlines are absolute: after a hiccup the frames that are due follow at once.
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut whole = true;
        for frame in frames {
            tokio::select! {
                _ = tick.tick() => (),
                _ = tokio::signal::ctrl_c() => {
                    whole = false;
                    break;
                }
                _ = session.closed() => {
                    bar.set_message("connection lost, coming back");
                    match keeper.restore(&session).await {
                        Restored::Session(restored) => session = restored,
                        Restored::Over(reason) => bail!("the connection ended: {reason}"),
                    }
                    if !self.targets.is_empty() {
                        session.set_voice_target(WHISPER, &self.targets).await?;
                    }
                    speaker.continue_in(session.clone());
                    tick.reset();
                    bar.set_message("");
                }
            }
            self.send(&mut speaker, &frame)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        drop(speaker);
        session.close().await;
        if let Some(trace) = self.trace {
            trace.finish()?;
        }
        Ok(Played { sent: self.sent, dropped: self.dropped, whole })
    }

    fn send(&mut self, speaker: &mut Speaker, frame: &[i16; 960]) -> anyhow::Result<()> {
        let packet = self.encoder.encode(frame)?;
        let Some(header) = speaker.send(&packet) else {
            self.dropped += 1;
            return Ok(());
        };
        self.sent += 1;
        if let Some(trace) = &mut self.trace {
            let (ssrc, seq) = (header.ssrc.0, header.sequence);
            trace.add(&Frame { t_ns: now_ns(), ssrc, seq, bytes: packet.len() })?;
        }
        Ok(())
    }
}

fn progress(output: Output, frames: u64) -> ProgressBar {
    if output.is_json() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("  {bar:40.green} {percent:>3} %  {eta} left  {msg}");
    ProgressBar::new(frames).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
