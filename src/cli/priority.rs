//! `parlour priority`.

use clap::Args;
use serde_json::json;

use super::connect::Server;
use super::output::Output;
use super::person::find;
use crate::client::Moderation;
use crate::id::SessionId;

/// Make somebody a priority speaker: the others are turned down while they speak, as long as they stay in the channel.
#[derive(Debug, Args)]
pub(super) struct Priority {
    /// Who: the name, a guest's with or without its ~, or a session's number.
    user: String,
    /// No longer.
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    server: Server,
}

impl Priority {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter().await?;
        let view = session.view();
        let member = find(&view, &self.user)?;
        let what = Moderation { priority: Some(!self.off), ..Moderation::default() };
        session.moderate(SessionId(member.session), what).await?;
        let words = if self.off { "has priority no more" } else { "has priority" };
        output.line(format!("{} {words}.", member.name));
        output.object(&json!({ "name": member.name, "session": member.session, "priority": !self.off }));
        session.close().await;
        Ok(())
    }
}
