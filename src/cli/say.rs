//! `parlour say`.

use clap::Args;
use serde_json::json;

use super::connect::{RemoteServer, Server};
use super::output::Output;
use crate::id::{ChannelId, SessionId};

/// Send a text message.
#[derive(Debug, Args)]
pub(super) struct Say {
    /// The message.
    #[arg(required = true)]
    text: Vec<String>,
    /// To the people in this channel. Default: the address's channel, or the first one.
    #[arg(long, value_name = "CHANNEL", conflicts_with = "session")]
    to: Option<String>,
    /// To one session, by the number that `parlour who` shows.
    #[arg(long, value_name = "NUMBER")]
    session: Option<u64>,
    #[command(flatten)]
    server: Server,
}

impl Say {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let remote = RemoteServer::find(self.server.address.as_deref())?;
        let session = remote.enter().await?.session;
        let (text, view) = (self.text.join(" "), session.view());
        let path = self.to.as_deref().unwrap_or(&remote.address.channel);
        let to = if let Some(number) = self.session {
            session.text_session(SessionId(number), &text).await?;
            view.member(SessionId(number)).map_or_else(|| number.to_string(), |member| member.name.clone())
        } else {
            let first = view.children(None).first().map(|channel| view.path(channel)).unwrap_or_default();
            let channel = view.find(if path.is_empty() { &first } else { path })?;
            session.text_channel(ChannelId(channel.id), &text).await?;
            view.path(channel)
        };
        output.line(format!("Sent to {to}."));
        output.object(&json!({ "to": to, "sent": true }));
        session.close().await;
        Ok(())
    }
}
