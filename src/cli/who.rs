//! `parlour who`.

use clap::Args;
use serde_json::json;

use super::connect::Server;
use super::output::Output;
use super::words::state;
use crate::client::View;
use crate::protocol::wire::event;

/// Show who is connected.
#[derive(Debug, Args)]
pub(super) struct Who {
    #[command(flatten)]
    server: Server,
}

impl Who {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter().await?;
        // Only what is asked for tells who talks and who is idle.
        let mut view = View::default();
        view.apply(&event::Body::Snapshot(session.list().await?));
        let mut rows = Vec::new();
        for member in view.members.values() {
            let channel =
                view.channels.get(&member.channel).map_or("-".to_owned(), |channel| view.path(channel));
            let you = if member.session == session.id().0 { " (you)" } else { "" };
            let role = view.highest_role(member).map(|role| role.name.as_str()).unwrap_or_default();
            let mut words = state(member);
            if !member.status.is_empty() {
                words.push(format!("\"{}\"", member.status));
            }
            rows.push(vec![
                format!("{}{you}", member.name),
                channel.clone(),
                words.join(", "),
                role.to_owned(),
                member.client.clone(),
                member.session.to_string(),
            ]);
            let roles: Vec<_> = member.roles.iter().filter_map(|id| view.role((*id).into())).collect();
            output.object(&json!({
                "session": member.session, "user": member.user, "name": member.name, "channel": channel,
                "mute": member.mute, "deaf": member.deaf, "suppressed": member.suppressed, "client": member.client,
                "muted": member.muted, "deafened": member.deafened, "priority": member.priority,
                "away": member.away, "status": member.status, "idle_ms": member.idle_ms,
                "talking": member.talking, "role": role,
                "roles": roles.iter().map(|role| &role.name).collect::<Vec<_>>(),
            }));
        }
        output.table(&["Name", "Channel", "State", "Role", "Client", "Session"], rows);
        session.close().await;
        Ok(())
    }
}
