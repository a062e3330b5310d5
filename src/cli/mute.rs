//! `parlour mute`.

use clap::Args;
use serde_json::json;

use super::connect::Server;
use super::output::Output;
use super::person::find;
use crate::client::Moderation;
use crate::id::SessionId;

/// Mute somebody until it is taken back, also when they come again.
#[derive(Debug, Args)]
pub(super) struct Mute {
    /// Who: the name, a guest's with or without its ~, or a session's number.
    user: String,
    /// Deafen them, too.
    #[arg(long, conflicts_with = "suppress")]
    deaf: bool,
    /// Suppress them instead: they aren't heard as long as they stay in the channel.
    #[arg(long)]
    suppress: bool,
    /// Take it back.
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    server: Server,
}

impl Mute {
    /// What is to hold for them, and how that is said.
    fn what(&self) -> (Moderation, &'static str) {
        let (on, none) = (Some(!self.off), Moderation::default());
        match (self.suppress, self.deaf, self.off) {
            (true, _, false) => {
                (Moderation { suppress: on, ..none }, "isn't heard as long as they stay here")
            }
            (true, _, true) => (Moderation { suppress: on, ..none }, "is suppressed no more"),
            (false, true, false) => (Moderation { mute: on, deaf: on, ..none }, "is muted and deafened"),
            (false, false, false) => (Moderation { mute: on, ..none }, "is muted"),
            (false, _, true) => (Moderation { mute: on, deaf: on, ..none }, "may speak and hear again"),
        }
    }

    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter().await?;
        let view = session.view();
        let member = find(&view, &self.user)?;
        let (what, words) = self.what();
        session.moderate(SessionId(member.session), what).await?;
        output.line(format!("{} {words}.", member.name));
        output.object(&json!({
            "name": member.name, "session": member.session, "mute": what.mute, "deaf": what.deaf,
            "suppress": what.suppress,
        }));
        session.close().await;
        Ok(())
    }
}
