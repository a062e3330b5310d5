//! `parlour who`.

use clap::Args;
use serde_json::json;

use super::channels::flags;
use super::connect::{Place, Server};
use super::output::Output;

/// Show who is connected.
#[derive(Debug, Args)]
pub(super) struct Who {
    #[command(flatten)]
    server: Server,
}

impl Who {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let place = Place::find(self.server.address.as_deref())?;
        let session = place.enter().await?.session;
        let view = session.view();
        let mut rows = Vec::new();
        for member in view.members.values() {
            let channel =
                view.channels.get(&member.channel).map_or("-".to_owned(), |channel| view.path(channel));
            let you = if member.session == view.own_session { " (you)" } else { "" };
            rows.push(vec![
                format!("{}{you}{}", member.name, flags(member)),
                channel.clone(),
                member.client.clone(),
                member.session.to_string(),
            ]);
            output.object(&json!({
                "session": member.session, "user": member.user, "name": member.name, "channel": channel,
                "mute": member.mute, "deaf": member.deaf, "suppressed": member.suppressed, "client": member.client,
            }));
        }
        output.table(&["Name", "Channel", "Client", "Session"], rows);
        session.close().await;
        Ok(())
    }
}
