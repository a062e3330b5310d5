//! `parlour devices`.

use std::f32::consts::TAU;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::output::{DoesNotHold, Output, printable};
use crate::audio::SAMPLE_RATE;
use crate::audio::device::{BLOCK, Backend, Change, Choice, Device, DeviceEvent, EVENTS, Events, Side};

/// Microphones and loudspeakers of this machine.
#[derive(Debug, Args)]
pub(super) struct Devices {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them. Without a command that is done, too.
    List {
        /// Show the monitors, too: microphones that hear what a loudspeaker plays.
        #[arg(long)]
        all: bool,
    },
    /// Try them: three notes from the loudspeaker, and what the microphone hears is played back.
    ///
    /// The exit code is 1 when the microphone heard nothing.
    Test(Test),
}

#[derive(Debug, Args)]
struct Test {
    /// The microphone, by its name or part of it. Default: the machine's.
    #[arg(long, value_name = "NAME", default_value = "default")]
    microphone: String,
    /// The loudspeaker, by its name or part of it. Default: the machine's.
    #[arg(long, value_name = "NAME", default_value = "default")]
    loudspeaker: String,
    /// Seconds to listen for.
    #[arg(long = "for", default_value_t = 4, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
}

/// How long a device may take to begin.
const BEGINS: Duration = Duration::from_secs(5);

/// The notes of the test, in hertz, and how long each is.
const NOTES: [f32; 3] = [523.25, 659.25, 783.99];
const NOTE: usize = SAMPLE_RATE as usize / 4;

/// Quieter than this all the time is a microphone that hears nothing, in decibels below the loudest there can be.
const NOTHING: f32 = -70.0;

/// How often the level is shown.
const SHOWN: Duration = Duration::from_millis(50);

impl Devices {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        match self.command {
            None => list(output, false),
            Some(Command::List { all }) => list(output, all),
            Some(Command::Test(test)) => test.run(output).await,
        }
    }
}

fn list(output: Output, all: bool) -> anyhow::Result<()> {
    let devices = Backend::System.list()?;
    let mut rows = Vec::new();
    for device in devices.iter().filter(|device| all || !device.is_monitor) {
        let Device { side, id, name, is_default, is_monitor } = device;
        output.object(&json!({
            "kind": side.to_string(), "id": id, "name": name, "default": is_default, "monitor": is_monitor,
        }));
        let marks = [(*is_default, "default"), (*is_monitor, "monitor")];
        let marks: Vec<_> = marks.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        rows.push(vec![side.to_string(), name.clone(), marks.join(", "), id.clone()]);
    }
    if rows.is_empty() {
        output.line("The sound server has no device. Plug one in; `parlour devices list --all` shows what is only a monitor.");
        return Ok(());
    }
    output.table(&["Kind", "Name", "", "Id"], rows);
    if let Err(why) = Choice::Default.find(Side::Microphone, &devices) {
        output.line(format!("By default nothing is heard: {why}."));
    }
    Ok(())
}

impl Test {
    async fn run(self, output: Output) -> anyhow::Result<()> {
        let devices = Backend::System.list()?;
        let [microphone, loudspeaker] = [&self.microphone, &self.loudspeaker].map(|name| Choice::of(name));
        microphone.find(Side::Microphone, &devices)?;
        loudspeaker.find(Side::Loudspeaker, &devices)?;
        let (events, mut told) = mpsc::channel(EVENTS);
        let tape = Arc::new(Mutex::new(Tape::default()));

        let played = Arc::clone(&tape);
        let backend = Backend::System;
        let player =
            backend.open_loudspeaker(loudspeaker, events.clone(), move |block| lock(&played).play(block));
        let loudspeaker = begins(&mut told, output).await?;
        output.line(format!("Three notes come from {loudspeaker}."));
        lock(&tape).begin(Part::Notes);
        while lock(&tape).is_playing() {
            sleep(SHOWN).await;
        }

        let (microphone, loudest, gaps) = self.listen(&tape, microphone, events, &mut told, output).await?;
        lock(&tape).begin(Part::Heard);
        let heard_nothing = loudest < NOTHING;
        if heard_nothing {
            output.line(
                "The microphone heard nothing. Is it muted, by a key on it or in the machine's settings?",
            );
        } else {
            output.line("That is what it heard.");
            while lock(&tape).is_playing() {
                sleep(SHOWN).await;
            }
        }
        let state = player.state();
        output.object(&json!({
            "microphone": microphone, "loudspeaker": loudspeaker, "loudest_dbov": loudest.round(),
            "microphone_gaps": gaps, "loudspeaker_gaps": state.gaps,
        }));
        if heard_nothing { Err(DoesNotHold.into()) } else { Ok(()) }
    }

    /// Listens, shows the level meanwhile, and answers with the microphone's name, the loudest level and how often
    /// sound was missing.
    async fn listen(
        &self,
        tape: &Arc<Mutex<Tape>>,
        choice: Choice,
        events: Events,
        told: &mut mpsc::Receiver<DeviceEvent>,
        output: Output,
    ) -> anyhow::Result<(String, f32, u64)> {
        let heard = Arc::clone(tape);
        let microphone =
            Backend::System.open_microphone(choice, events, move |block| lock(&heard).hear(block));
        let name = begins(told, output).await?;
        output.line(format!("Say something: {name} listens for {} seconds.", self.seconds));
        let bar = ProgressBar::new(60);
        let style = ProgressStyle::with_template("{bar:60} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let mut loudest = f32::NEG_INFINITY;
        let until = Instant::now() + Duration::from_secs(self.seconds.into());
        while Instant::now() < until {
            sleep(SHOWN).await;
            while let Ok(event) = told.try_recv() {
                bar.suspend(|| output.line(event.to_string()));
            }
            let level = lock(tape).take_level();
            loudest = loudest.max(level);
            bar.set_position((level + 60.0).clamp(0.0, 60.0) as u64);
            bar.set_message(format!("{level:.0} dB"));
        }
        bar.finish_and_clear();
        Ok((name, loudest.max(-100.0), microphone.state().gaps))
    }
}

/// Waits until a device works, and answers with its name.
async fn begins(told: &mut mpsc::Receiver<DeviceEvent>, output: Output) -> anyhow::Result<String> {
    let mut why = None;
    let works = async {
        while let Some(event) = told.recv().await {
            match event.change {
                Change::Works { name, .. } | Change::Moved { name } => return Some(printable(&name)),
                Change::Lost { .. } => {
                    output.line(event.to_string());
                    why = Some(event);
                }
            }
        }
        None
    };
    if let Ok(Some(name)) = timeout(BEGINS, works).await {
        return Ok(name);
    }
    match why {
        Some(event) => bail!("it doesn't begin: {event}"),
        None => bail!("the device doesn't begin; try another one"),
    }
}

/// What is played: nothing, the notes, or what was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Nothing,
    Notes,
    Heard,
}

/// What was heard, and what is played.
#[derive(Debug, Default)]
struct Tape {
    part: Part,
    at: usize,
    heard: Vec<f32>,
    /// The sum of the squares, and how many, since the level was taken.
    energy: (f32, usize),
}

/// Most samples that are heard and played back: as long as the test listens at most.
const LONGEST: usize = 60 * SAMPLE_RATE as usize;

impl Tape {
    fn begin(&mut self, part: Part) {
        (self.part, self.at) = (part, 0);
    }

    fn is_playing(&self) -> bool {
        self.part != Part::Nothing
    }

    fn hear(&mut self, block: &[f32; BLOCK]) {
        self.energy.0 += block.iter().map(|sample| sample * sample).sum::<f32>();
        self.energy.1 += BLOCK;
        if self.part == Part::Nothing && self.heard.len() < LONGEST {
            self.heard.extend_from_slice(block);
        }
    }

    fn play(&mut self, block: &mut [f32; BLOCK]) {
        for sample in block {
            let next = match self.part {
                Part::Nothing => return,
                Part::Notes => note(self.at),
                Part::Heard => self.heard.get(self.at).copied(),
            };
            match next {
                Some(next) => *sample = next,
                None => self.part = Part::Nothing,
            }
            self.at += 1;
        }
    }

    /// The level since this was asked last, in decibels below the loudest there can be.
    fn take_level(&mut self) -> f32 {
        let (sum, count) = std::mem::take(&mut self.energy);
        10.0 * (sum / count.max(1) as f32).max(1e-10).log10()
    }
}

/// A sample of the notes, each of which fades; `None` after the last.
fn note(at: usize) -> Option<f32> {
    let (within, pitch) = ((at % NOTE) as f32, NOTES.get(at / NOTE)?);
    let rises = (within / 240.0).min(1.0);
    let fades = 1.0 - within / NOTE as f32;
    Some(0.25 * rises * fades * (TAU * pitch * within / SAMPLE_RATE as f32).sin())
}

fn lock(tape: &Mutex<Tape>) -> MutexGuard<'_, Tape> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_played_and_then_what_was_heard() {
        let mut tape = Tape::default();
        let mut block = [0.0; BLOCK];
        tape.play(&mut block);
        assert!(block.iter().all(|sample| sample.abs() < 1e-6), "nothing to begin with");
        tape.begin(Part::Notes);
        let mut played = 0;
        while tape.is_playing() {
            tape.play(&mut block);
            played += 1;
        }
        assert_eq!(played, NOTES.len() * NOTE / BLOCK + 1);
        tape.hear(&[0.5; BLOCK]);
        assert!((tape.take_level() + 6.0).abs() < 0.1);
        assert!((tape.take_level() + 100.0).abs() < 0.1, "nothing since");
        tape.begin(Part::Heard);
        block.fill(0.0);
        tape.play(&mut block);
        assert!(block.iter().all(|sample| (sample - 0.5).abs() < 1e-6));
    }
}
