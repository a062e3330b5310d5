//! `parlour talk`.

mod acting;
mod bars;
mod command;
mod complete;
mod effect;
mod end;
mod entry;
#[cfg(target_os = "linux")]
mod global;
mod going;
mod headless;
mod hold;
mod input;
mod keyboard;
mod keys;
mod log;
mod meter;
mod overlay;
mod plain;
mod run;
#[cfg(test)]
mod sample;
mod screen;
mod shown;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod theme;
mod tree;
mod why;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::connect::{Place, directory};
use super::output::Output;
use crate::audio::device::{Backend, FileDevices, Files, Pace};
use crate::talk::{Choice, Connection, Mode, Quality, Talk as Live, control_path};
use end::{Next, Signals};
use going::Going;
use theme::Theme;

/// Sit down and talk: hear a channel and speak into it.
#[derive(Debug, Args)]
pub(super) struct Talk {
    #[command(flatten)]
    place: Place,
    /// Without a screen, for a box in a corner: what happens is printed, and `parlour ptt` and its kin say what to do.
    #[arg(long)]
    headless: bool,
    /// Lines of text only, as a screen reader wants them: what happens is a line, and what is typed is one.
    #[arg(long, conflicts_with = "headless")]
    plain: bool,
    /// The colours of the screen. Without `NO_COLOR` they are chosen by what the terminal shows, and on what.
    #[arg(long, value_name = "COLOURS", value_enum, conflicts_with_all = ["headless", "plain"])]
    theme: Option<ThemeName>,
    #[command(flatten)]
    this_time: ThisTime,
    #[command(flatten)]
    sound: Sound,
    #[command(flatten)]
    control: ControlPath,
    #[cfg(target_os = "linux")]
    #[command(flatten)]
    keys: global::GlobalKeys,
}

/// Choices for this time only.
#[derive(Debug, Args)]
struct ThisTime {
    /// When one is heard, for this time only.
    #[arg(long, value_name = "MODE", value_enum)]
    mode: Option<ModeName>,
    /// How good one's voice is, for this time only; a channel may take less.
    #[arg(long, value_name = "QUALITY", value_enum)]
    quality: Option<QualityName>,
    /// The microphone, as `parlour devices` lists it, for this time only.
    #[arg(long, value_name = "DEVICE")]
    microphone: Option<String>,
    /// The loudspeaker, likewise.
    #[arg(long, value_name = "DEVICE")]
    loudspeaker: Option<String>,
}

/// Where sound comes from and goes to, where it isn't the machine's devices.
#[derive(Debug, Args)]
struct Sound {
    /// Play a sound file as the microphone; silence follows it.
    #[arg(long, value_name = "FILE")]
    microphone_file: Option<PathBuf>,
    /// Write what is heard to a WAV file instead of playing it. What is there is replaced.
    #[arg(long, value_name = "FILE")]
    loudspeaker_file: Option<PathBuf>,
    /// Use no microphone and no loudspeaker.
    #[arg(long = "no-sound", conflicts_with_all = ["microphone_file", "loudspeaker_file"])]
    none: bool,
}

/// Where the control socket is.
#[derive(Clone, Debug, Args)]
pub(super) struct ControlPath {
    /// The control socket, by which `parlour ptt` and its kin reach `parlour talk`. Default: in the directory that the system has for
    /// a user's sockets.
    #[arg(long, value_name = "PATH", env = "PARLOUR_TALK_CONTROL")]
    control: Option<PathBuf>,
}

impl ControlPath {
    pub(super) fn path(&self) -> PathBuf {
        self.control.clone().unwrap_or_else(|| control_path(&directory()))
    }
}

/// [`Theme`] as it is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ThemeName {
    /// For a dark background.
    Dark,
    /// For a light one.
    Light,
    /// The sixteen colours that the terminal's owner has chosen.
    Terminal,
    /// No colours.
    None,
}

impl From<ThemeName> for Theme {
    fn from(name: ThemeName) -> Self {
        match name {
            ThemeName::Dark => Self::Dark,
            ThemeName::Light => Self::Light,
            ThemeName::Terminal => Self::Sixteen,
            ThemeName::None => Self::Mono,
        }
    }
}

/// [`Mode`] as it is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    /// While one speaks.
    #[value(alias = "voice")]
    VoiceActivation,
    /// While a key is pressed.
    #[value(alias = "push")]
    PushToTalk,
    /// All the time.
    #[value(alias = "always")]
    Continuous,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::VoiceActivation => Self::VoiceActivation,
            ModeName::PushToTalk => Self::PushToTalk,
            ModeName::Continuous => Self::Continuous,
        }
    }
}

/// [`Quality`] as it is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum QualityName {
    /// 16 kbit/s.
    Low,
    /// 48 kbit/s.
    Speech,
    /// 64 kbit/s.
    High,
    /// 128 kbit/s.
    Music,
}

impl From<QualityName> for Quality {
    fn from(name: QualityName) -> Self {
        match name {
            QualityName::Low => Self::Low,
            QualityName::Speech => Self::Speech,
            QualityName::High => Self::High,
            QualityName::Music => Self::Music,
        }
    }
}

impl ThisTime {
    fn choices(&self) -> Vec<Choice> {
        let Self { mode, quality, microphone, loudspeaker } = self;
        let mode = mode.map(|mode| Choice::Mode(mode.into()));
        let quality = quality.map(|quality| Choice::Quality(quality.into()));
        let microphone = microphone.clone().map(|name| Choice::Microphone(Some(name)));
        let loudspeaker = loudspeaker.clone().map(|name| Choice::Loudspeaker(Some(name)));
        [mode, quality, microphone, loudspeaker].into_iter().flatten().collect()
    }
}

impl Sound {
    fn backend(&self) -> anyhow::Result<Backend> {
        let Self { microphone_file: microphone, loudspeaker_file: loudspeaker, none } = self;
        if *none {
            return Ok(Backend::None);
        }
        if microphone.is_none() && loudspeaker.is_none() {
            return Ok(Backend::System);
        }
        let files = Files { microphone: microphone.clone(), loudspeaker: loudspeaker.clone() };
        Ok(Backend::File(FileDevices::new(files, Pace::Steady)?))
    }
}

impl Talk {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let control = self.control.path();
        let is_headless = self.headless || output.is_json();
        if !is_headless && !self.plain {
            // Nobody connects to be told that there is no screen.
            terminal::check()?;
        }
        let mut signals = Signals::take(!is_headless)?;
        let going = Going {
            choices: self.this_time.choices(),
            backend: self.sound.backend()?,
            #[cfg(target_os = "linux")]
            keys: self.keys.clone(),
            output,
        };
        let (mut place, mut problem) = (self.place.clone(), None);
        let Some(mut live) = going.start(&place, &mut signals).await? else { return Ok(()) };
        if is_headless {
            return headless::run(live, control, output, &mut signals).await;
        }
        let mut lines = self.plain.then(plain::typed).transpose()?;
        loop {
            let of_this = live.control(control.clone());
            let (of_this, unreached) = match of_this {
                Ok(of_this) => (Some(of_this), None),
                Err(error) => (None, Some(format!("parlour ptt and its kin don't reach this one: {error}"))),
            };
            let problems = problem.take().into_iter().chain(unreached).collect();
            let (backend, theme) = (going.backend.clone(), self.theme.map(Theme::from));
            let (next, left) = if let Some(lines) = &mut lines {
                plain::run(live, backend, problems, &mut signals, lines).await?
            } else {
                run::run(live, backend, theme, problems, &mut signals).await?
            };
            drop(of_this);
            let Some(left) = left else { return Ok(()) };
            let Next::Connect(address) = next else {
                leave(left, self.plain, output).await;
                return Ok(());
            };
            output.line(format!("Going to {address} ..."));
            match going.elsewhere(&address, &place, left, &mut signals).await? {
                Some(went) => (live, place, problem) = went,
                None => return Ok(()),
            }
        }
    }
}

/// Leaves the server. Why the connection ended is said once more where the screen with it is gone.
async fn leave(live: Live, is_plain: bool, output: Output) {
    let ended = live.watch().borrow().connection.clone();
    live.stop().await;
    if let Connection::Over { reason } = ended
        && !is_plain
    {
        output.line(format!("The connection has ended: {reason}"));
    }
}
