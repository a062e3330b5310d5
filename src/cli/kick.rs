//! `parlour kick`.

use clap::Args;
use serde_json::json;

use super::connect::Server;
use super::output::Output;
use super::person::find;
use crate::id::SessionId;

/// End somebody's connection. They may come back; `parlour ban` keeps them out.
#[derive(Debug, Args)]
pub(super) struct Kick {
    /// Who: the name, a guest's with or without its ~, or a session's number.
    user: String,
    /// Why; they are told.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    server: Server,
}

impl Kick {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter().await?;
        let view = session.view();
        let member = find(&view, &self.user)?;
        session.kick(SessionId(member.session), &self.reason).await?;
        output.line(format!("{} is out, and may come back; to keep them out: parlour ban add", member.name));
        output.object(&json!({ "name": member.name, "session": member.session, "kicked": true }));
        session.close().await;
        Ok(())
    }
}
