//! `parlour move`.

use clap::Args;
use serde_json::json;

use super::connect::Server;
use super::output::Output;
use super::person::find;
use crate::id::{ChannelId, SessionId};

/// Move somebody to another channel.
#[derive(Debug, Args)]
pub(super) struct MoveSession {
    /// Who: the name, a guest's with or without its ~, or a session's number.
    user: String,
    /// The channel's path; `.` for none.
    channel: String,
    #[command(flatten)]
    server: Server,
}

impl MoveSession {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter().await?;
        let view = session.view();
        let member = find(&view, &self.user)?;
        let channel = match self.channel.as_str() {
            "." | "-" => None,
            path => Some(view.find(path)?),
        };
        let to = channel.map(|channel| ChannelId(channel.id));
        session.move_session(SessionId(member.session), to).await?;
        let path = channel.map(|channel| view.path(channel));
        output.line(match &path {
            Some(path) => format!("{} is in {path}.", member.name),
            None => format!("{} is in no channel.", member.name),
        });
        output.object(&json!({ "name": member.name, "session": member.session, "channel": path }));
        session.close().await;
        Ok(())
    }
}
