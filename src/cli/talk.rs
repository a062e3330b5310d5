//! `parlour talk`.

mod headless;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::connect::{Entered, JoinPassword, RemoteServer, directory, join};
use super::output::Output;
use crate::audio::device::{Backend, FileDevices, Files, Pace};
use crate::talk::{Choice, Mode, Options, Quality, Talk as Live, control_path};

/// Sit down and talk: hear a channel and speak into it.
#[derive(Debug, Args)]
pub(super) struct Talk {
    /// The server, and perhaps the channel: parlour://[user@]host[:port][/+TAG][/Channel/Sub]. Default: the one logged in to last.
    #[arg(env = "PARLOUR_ADDRESS")]
    address: Option<String>,
    /// The channel to join. Default: the address's, or the first one.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    #[command(flatten)]
    password: JoinPassword,
    /// Come in as a guest of this name, where the server lets guests in.
    #[arg(long, value_name = "NAME")]
    guest: Option<String>,
    /// Without a screen, for a box in a corner: what happens is printed, and `parlour ptt` and its kin say what to do.
    #[arg(long)]
    headless: bool,
    #[command(flatten)]
    this_time: ThisTime,
    #[command(flatten)]
    sound: Sound,
    #[command(flatten)]
    control: ControlPath,
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
    #[arg(long, conflicts_with_all = ["microphone_file", "loudspeaker_file"])]
    no_sound: bool,
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

/// [`Mode`] as it is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    /// While one speaks.
    VoiceActivation,
    /// While a key is pressed.
    PushToTalk,
    /// All the time.
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
    /// 32 kbit/s.
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
        let Self { microphone_file: microphone, loudspeaker_file: loudspeaker, no_sound } = self;
        if *no_sound {
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
        let live = self.start(output).await?;
        headless::run(live, control, output).await
    }

    /// Connects, logs in, joins and begins to hear.
    async fn start(self, output: Output) -> anyhow::Result<Live> {
        let mut remote = RemoteServer::find(self.address.as_deref())?;
        let options = Options {
            server: remote.address.clone(),
            directory: directory(),
            backend: self.sound.backend()?,
            choices: self.this_time.choices(),
        };
        let Self { channel, password, guest, .. } = self;
        let enter = move || async move {
            let Entered { session, keeper } = remote.enter_as(guest.as_deref(), output).await?;
            join(&session, &remote, channel.as_deref(), &password, output).await?;
            Ok((session, keeper))
        };
        Live::start(options, enter).await
    }
}
