//! `parlour channels`.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::connect::Server;
use super::output::{Output, paint, styled};
use super::span::Span;
use super::words::flags;
use crate::client::View;
use crate::id::ChannelId;
use crate::protocol::wire::{Channel, Member};

/// Show the channels and who is in them.
#[derive(Debug, Args)]
pub(super) struct Channels {
    #[command(flatten)]
    server: Server,
}

impl Channels {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter().await?;
        let view = session.view();
        output.line(paint(&session.welcome().server_name, "1", styled()));
        draw(output, &view, None, "");
        for channel in view.channels.values() {
            output.object(&object(&view, channel));
        }
        session.close().await;
        Ok(())
    }
}

fn object(view: &View, channel: &Channel) -> Value {
    let id = ChannelId(channel.id);
    let names = |people: Vec<&Member>| people.iter().map(|member| member.name.clone()).collect::<Vec<_>>();
    let recorded = (channel.recorded_since_ms > 0).then_some(&channel.recorded_by);
    json!({
        "id": channel.id, "path": view.path(channel), "description": channel.description,
        "position": channel.position, "people": names(view.people(Some(id))),
        "listening": names(view.listening(id)), "password": channel.password, "limit": channel.user_limit,
        "temporary_ms": channel.temporary_ms, "links": links(view, channel), "recorded_by": recorded,
    })
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
        let marks = marks(view, channel);
        output.line(format!("{indent}{branch} {name}{dash}{}{marks}", channel.description));
        draw(output, view, Some(ChannelId(channel.id)), &format!("{indent}{below}"));
    }
}

/// What is special about a channel, in brackets.
fn marks(view: &View, channel: &Channel) -> String {
    let mut words = Vec::new();
    if channel.password {
        words.push("password".to_owned());
    }
    if channel.user_limit > 0 {
        let there = view.people(Some(ChannelId(channel.id))).len();
        words.push(format!("{there} of {}", channel.user_limit));
    }
    if let Some(empty) = channel.temporary_ms {
        words.push(format!("temporary, {}", Span(Duration::from_millis(empty))));
    }
    let links = links(view, channel);
    if !links.is_empty() {
        words.push(format!("linked with {}", links.join(" and ")));
    }
    let plain = if words.is_empty() { String::new() } else { format!("  [{}]", words.join("; ")) };
    let mut marks = if plain.is_empty() { plain } else { paint(&plain, "2", styled()) };
    if channel.recorded_since_ms > 0 {
        let recorded = format!("● recorded by {}", channel.recorded_by);
        marks = format!("{marks}  {}", paint(&recorded, "1;31", styled()));
    }
    marks
}

/// The paths of those that a channel is linked with.
fn links(view: &View, channel: &Channel) -> Vec<String> {
    channel.links.iter().filter_map(|id| view.channels.get(id)).map(|other| view.path(other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_about_a_channel_is_marked() {
        let mut view = View::default();
        let bar = Channel { id: 2, name: "Bar".to_owned(), ..Channel::default() };
        let hall = Channel {
            id: 1,
            password: true,
            user_limit: 5,
            temporary_ms: Some(600_000),
            links: vec![2, 9],
            recorded_by: "anna".to_owned(),
            recorded_since_ms: 1,
            ..Channel::default()
        };
        view.channels.extend([(1, hall.clone()), (2, bar.clone())]);
        assert_eq!(
            marks(&view, &hall),
            "  [password; 0 of 5; temporary, 10m; linked with Bar]  ● recorded by anna"
        );
        assert_eq!(marks(&view, &bar), "");
    }
}
