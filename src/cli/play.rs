//! `parlour play`.

mod reader;
pub(super) mod sound;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use reader::FrameReader;
use sound::Sound;

use super::connect::{Entered, Place};
use super::output::{Output, counted};
use super::trace::{Frame, Trace, now_ns};
use crate::audio::{Encoder, Faults, Source};
use crate::client::{Keeper, Restored, Session, Speaker, Target};
use crate::id::FlowId;

/// Play a sound file into a channel.
#[derive(Debug, Args)]
pub(super) struct Play {
    #[command(flatten)]
    sound: Sound,
    #[command(flatten)]
    place: Place,
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

/// How long nothing may come from a pipe before it is a pause: what comes then isn't sent all at once.
const STARVED: Duration = Duration::from_millis(100);

impl Play {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let source = self.sound.open().await?;
        let trace = self.trace.as_deref().map(Trace::create).transpose()?;
        let mut remote = self.place.remote()?;
        let entered = self.place.enter(&mut remote, output).await?;
        let channel = self.place.join(&entered.session, &remote, output).await?;
        let takes = entered.session.view().find(&channel)?.voice.map_or(0, |voice| voice.bitrate);
        let mut encoder = self.sound.encoder(takes, output)?;
        encoder.set_expected_loss(self.expected_loss)?;
        let seconds = source.length().map(|length| length.as_secs_f64());
        output.line(format!(
            "Playing {} into {channel} as {}. Ctrl-C stops.",
            self.sound.described(&source),
            entered.session.logged_in().name,
        ));
        output.object(&json!({ "event": "playing", "channel": channel, "seconds": seconds }));
        report(&Player::new(encoder, trace, output).play(source, entered).await?, output);
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
    let Faults { cut_off, damaged } = played.faults;
    output.line(format!("Sent {} ({seconds:.1} s){dropped}.", counted(played.sent, "frame")));
    if damaged > 0 {
        output.line(format!("The file is damaged: {} concealed or left out.", counted(damaged, "place")));
    }
    if cut_off {
        output.line("The file ends before the end that it announces; what is there was played.");
    }
    output.object(&json!({
        "event": "done", "frames_sent": played.sent, "frames_dropped": played.dropped, "seconds": seconds,
        "whole": played.whole, "damaged": damaged, "cut_off": cut_off,
    }));
}

/// Sends a sound in real time.
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
    faults: Faults,
}

impl Player {
    /// One that speaks to the channel.
    pub(super) fn new(encoder: Encoder, trace: Option<Trace>, output: Output) -> Self {
        Self { encoder, trace, output, targets: Vec::new(), sent: 0, dropped: 0 }
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

    pub(super) async fn play(mut self, source: Source, entered: Entered) -> anyhow::Result<Played> {
        let Entered { mut session, keeper } = entered;
        let mut speaker = self.speaker(&session).await?;
        let bar = progress(self.output, source.length());
        let mut reader = FrameReader::start(source)?;
        let mut tick = interval_at(Instant::now(), FRAME_TIME);
        // Deadlines are absolute: after a hiccup the frames that are due follow at once.
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (mut next, mut asked) = (None, Instant::now());
        let ended = loop {
            tokio::select! {
                frame = reader.next(), if next.is_none() => match frame {
                    Ok(None) => break Ok(true),
                    Err(error) => break Err(error),
                    Ok(frame) => {
                        let waited = asked.elapsed();
                        if waited > STARVED {
                            speaker.pause((waited.as_millis() / FRAME_TIME.as_millis()) as u32);
                            tick.reset_immediately();
                        }
                        next = frame;
                    }
                },
                _ = tick.tick(), if next.is_some() => {
                    if let Some(frame) = next.take() {
                        self.send(&mut speaker, &frame)?;
                        bar.inc(1);
                    }
                    asked = Instant::now();
                }
                _ = tokio::signal::ctrl_c() => break Ok(false),
                _ = session.closed() => {
                    bar.set_message("connection lost, coming back");
                    session = self.come_back(&keeper, &session).await?;
                    speaker.continue_in(session.clone());
                    asked = Instant::now();
                    tick.reset();
                    bar.set_message("");
                }
            }
        };
        bar.finish_and_clear();
        drop(speaker);
        session.close().await;
        if let Some(trace) = self.trace {
            trace.finish()?;
        }
        let whole = ended.context("the rest of the file can't be played")?;
        Ok(Played { sent: self.sent, dropped: self.dropped, whole, faults: reader.faults() })
    }

    /// Another session after the connection was lost, with the same targets.
    async fn come_back(&self, keeper: &Keeper, lost: &Session) -> anyhow::Result<Session> {
        let session = match keeper.restore(lost).await {
            Restored::Session(restored) => restored,
            Restored::Over(reason) => bail!("the connection ended: {reason}"),
        };
        if !self.targets.is_empty() {
            session.set_voice_target(WHISPER, &self.targets).await?;
        }
        Ok(session)
    }

    fn send(&mut self, speaker: &mut Speaker, frame: &[i16]) -> anyhow::Result<()> {
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

fn progress(output: Output, length: Option<Duration>) -> ProgressBar {
    if output.is_json() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let frames = length.map(|length| length.as_millis().div_ceil(FRAME_TIME.as_millis()) as u64);
    let template = match frames {
        Some(_) => "  {bar:40.green} {percent:>3} %  {eta} left  {msg}",
        None => "  {elapsed} played  {msg}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    frames.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(style)
}
