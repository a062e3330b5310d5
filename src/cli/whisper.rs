//! `parlour whisper`.

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::connect::{RemoteServer, Server};
use super::output::Output;
use super::person::find;
use super::play::sound::Sound;
use super::play::{Player, report};
use super::role::named;
use crate::client::{Session, Target};
use crate::id::{ChannelId, SessionId};

/// Play a sound file to chosen people, channels or roles, rather than into one's own channel.
#[derive(Debug, Args)]
pub(super) struct Whisper {
    #[command(flatten)]
    sound: Sound,
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
    #[command(flatten)]
    server: Server,
}

impl Whisper {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        if self.people.is_empty() && self.channels.is_empty() && self.roles.is_empty() {
            bail!("to whom? Say --to USER, --channel PATH or --role ROLE");
        }
        let source = self.sound.open().await?;
        let remote = RemoteServer::find(self.server.address.as_deref())?;
        let entered = remote.enter().await?;
        let (targets, names) = self.targets(&entered.session).await?;
        let encoder = self.sound.encoder(self.takes(&entered.session)?, output)?;
        let seconds = source.length().map(|length| length.as_secs_f64());
        let names = names.join(", ");
        output.line(format!("Whispering {} to {names}. Ctrl-C stops.", self.sound.described(&source)));
        output.object(&json!({ "event": "whispering", "to": names, "seconds": seconds }));
        let player = Player::new(encoder, None, output).toward(targets);
        report(&player.play(source, entered).await?, output);
        Ok(())
    }

    /// Bits a second that all of the channels take; 0 for any number.
    fn takes(&self, session: &Session) -> anyhow::Result<u32> {
        let view = session.view();
        let channels = self.channels.iter().map(|path| view.find(path)).collect::<Result<Vec<_>, _>>()?;
        let bitrates = channels.iter().map(|channel| channel.voice.map_or(0, |voice| voice.bitrate));
        Ok(bitrates.filter(|bitrate| *bitrate > 0).min().unwrap_or(0))
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
