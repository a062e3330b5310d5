//! `parlour channels`.

use clap::Args;
use serde_json::json;

use super::connect::{Place, Server};
use super::output::{Output, paint, styled};
use crate::client::View;
use crate::id::ChannelId;
use crate::protocol::wire::Member;

/// Show the channels and who is in them.
#[derive(Debug, Args)]
pub(super) struct Channels {
    #[command(flatten)]
    server: Server,
}

impl Channels {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let place = Place::find(self.server.address.as_deref())?;
        let session = place.enter().await?.session;
        let view = session.view();
        output.line(paint(&session.welcome().server_name, "1", styled()));
        draw(output, &view, None, "");
        for channel in view.channels.values() {
            let people: Vec<_> =
                view.people(Some(ChannelId(channel.id))).iter().map(|member| &member.name).collect();
            output.object(&json!({
                "id": channel.id, "path": view.path(channel), "description": channel.description,
                "position": channel.position, "people": people,
            }));
        }
        session.close().await;
        Ok(())
    }
}

/// Draws what is below a channel; the server's checks keep the tree free of cycles and eight deep.
fn draw(output: Output, view: &View, parent: Option<ChannelId>, indent: &str) {
    let people = parent.map_or_else(Vec::new, |channel| view.people(Some(channel)));
    let children = view.children(parent);
    let count = people.len() + children.len();
    for (index, member) in people.into_iter().enumerate() {
        let branch = if index + 1 == count { "└─" } else { "├─" };
        output.line(format!("{indent}{branch} {}{}", paint(&member.name, "32", styled()), flags(member)));
    }
    let first = count - children.len();
    for (index, channel) in children.into_iter().enumerate() {
        let last = first + index + 1 == count;
        let (branch, below) = if last { ("└─", "   ") } else { ("├─", "│  ") };
        let dash = if channel.description.is_empty() { "" } else { "  · " };
        let name = paint(&channel.name, "1;36", styled());
        output.line(format!("{indent}{branch} {name}{dash}{}", channel.description));
        draw(output, view, Some(ChannelId(channel.id)), &format!("{indent}{below}"));
    }
}

/// What is to be known of a member, in words.
pub(super) fn flags(member: &Member) -> String {
    let words = [(member.mute, "muted"), (member.deaf, "deaf"), (member.suppressed, "may not speak")];
    let said: Vec<_> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}
