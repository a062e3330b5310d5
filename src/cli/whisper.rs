//! `parlour whisper`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::connect::{RemoteServer, Server};
use super::output::Output;
use super::person::find;
use super::play::{Player, report};
use super::role::named;
use crate::audio::Source;
use crate::client::{Session, Target};
use crate::id::{ChannelId, SessionId};

/// Play a sound file to chosen people, channels or roles, rather than into one's own channel.
#[derive(Debug, Args)]
pub(super) struct Whisper {
    /// The file: WAV or Ogg Opus.
    file: PathBuf,
    /// A whisper to somebody; may be given several times.
    #[arg(long = "to", value_name = "USER")]
    people: Vec<String>,
    /// A shout to everybody in a channel; may be given several times.
    #[arg(long = "channel", value_name = "PATH")]
    channels: Vec<String>,
    /// In the channels below those, too.
    #[arg(long, requires = "channels")]
    subtree: bool,
    /// In the channels linked with those, too.
    #[arg(long, requires = "channels")]
    links: bool,
    /// A shout to who has a role, wherever they are; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Bits a second of Opus.
    #[arg(long, default_value_t = 32_000, value_parser = clap::value_parser!(i32).range(6_000..=256_000))]
    bitrate: i32,
    #[command(flatten)]
    server: Server,
}

impl Whisper {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        if self.people.is_empty() && self.channels.is_empty() && self.roles.is_empty() {
            bail!("to whom? Say --to USER, --channel PATH or --role ROLE");
        }
        let source =
            Source::open(&self.file).with_context(|| format!("can't play {}", self.file.display()))?;
        let remote = RemoteServer::find(self.server.address.as_deref())?;
        let entered = remote.enter().await?;
        let (targets, names) = self.targets(&entered.session).await?;
        let seconds = source.duration().as_secs_f64();
        let names = names.join(", ");
        output.line(format!("Whispering {} ({seconds:.1} s) to {names}. Ctrl-C stops.", self.file.display()));
        output.object(&json!({ "event": "whispering", "to": names, "seconds": seconds }));
        let player = Player::new(self.bitrate, None, output)?.toward(targets);
        report(&player.play(&source, entered).await?, output);
        Ok(())
    }

    /// Whom it goes to, and how they are called.
    async fn targets(&self, session: &Session) -> anyhow::Result<(Vec<Target>, Vec<String>)> {
        let (view, mut targets, mut names) = (session.view(), Vec::new(), Vec::new());
        for name in &self.people {
            let member = find(&view, name)?;
            targets.push(Target::Session(SessionId(member.session)));
            names.push(member.name.clone());
        }
        for path in &self.channels {
            let channel = view.find(path)?;
            let (subtree, links) = (self.subtree, self.links);
            targets.push(Target::Channel { channel: ChannelId(channel.id), subtree, links });
            let below = if subtree { " and below" } else { "" };
            let linked = if links { " and what is linked with it" } else { "" };
            names.push(format!("{}{below}{linked}", view.path(channel)));
        }
        if !self.roles.is_empty() {
            let roles = session.roles().await?;
            for name in &self.roles {
                let role = named(&roles, name)?;
                targets.push(Target::Role(role.id));
                names.push(format!("role {}", role.name));
            }
        }
        Ok((targets, names))
    }
}
