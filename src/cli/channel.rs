//! `parlour channel`.

mod flags;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::caller::Caller;
use super::connect::JoinPassword;
use super::operate;
use super::output::{Output, counted};
use super::role::named;
use crate::admin::{Answer, Limit};
use crate::client::{ChannelEdit, NamedOverwrite, NewChannel, NewOverwrite, OverwriteFor, View};
use crate::id::ChannelId;
use crate::permission::{Permissions, Subject};
use crate::protocol::wire::{self, request};
pub(super) use flags::{Channel, Exception};
use flags::{Command, Options};

/// The columns of a list of channels.
const COLUMNS: &[(&str, &str)] = &[
    ("id", "Channel"),
    ("path", "Path"),
    ("description", "Description"),
    ("position", "Position"),
    ("password", "Password"),
    ("limit", "Limit"),
    ("overwrites", "Exceptions"),
];

/// The columns of a list of exceptions.
const OVERWRITES: &[(&str, &str)] =
    &[("for", "For"), ("name", "Name"), ("allow", "Allows"), ("deny", "Denies"), ("where", "Where")];

impl Channel {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let columns = if matches!(self.command, Command::Overwrites { .. }) { OVERWRITES } else { COLUMNS };
        let caller = Caller::of(&self.acting).await?;
        let answer = self.command.run(&caller, output).await;
        caller.close().await;
        operate::print(&answer?, columns, output);
        Ok(())
    }
}

impl Command {
    async fn run(self, caller: &Caller, output: Output) -> anyhow::Result<Answer> {
        let view = caller.view().await?;
        match self {
            Self::List(limit) => list(caller, &view, limit).await,
            Self::Create { path, description, position, temporary, options } => {
                let (parent, name) = place_of(&view, &path)?;
                let new = NewChannel {
                    parent,
                    name,
                    description,
                    position,
                    password: options.password(output)?.unwrap_or_default(),
                    user_limit: options.limit.unwrap_or(0),
                    temporary: temporary.map(|span| span.0),
                    voice: options.voice(wire::VoicePolicy::default()).unwrap_or_default(),
                };
                let id = caller.created(request::Body::CreateChannel(new.into())).await?;
                shown(caller, ChannelId(id), "created").await
            }
            Self::Edit { path, rename, description, position, below, options } => {
                let edit = ChannelEdit { name: rename, description, position, ..ChannelEdit::default() };
                let password = options.password(output)?;
                let edit = ChannelEdit { password, ..edit };
                edit_channel(caller, &view, &path, edit, below.as_deref(), &options).await
            }
            Self::Delete { path } => {
                let channel = view.find(&path)?;
                let (path, below) = (view.path(channel), below(&view, ChannelId(channel.id)));
                let remove = wire::RemoveChannel { channel: channel.id };
                caller.done(request::Body::RemoveChannel(remove)).await?;
                let below = counted(below as u64, "channel");
                Ok(Answer { text: format!("{path} is deleted, with {below} below it."), rows: Vec::new() })
            }
            Self::Allow(exception) => allow(caller, &view, exception).await,
            Self::Overwrites { path } => {
                let found = caller.overwrites(ChannelId(view.find(&path)?.id)).await?;
                Ok(Answer { text: String::new(), rows: found.iter().map(overwrite_row).collect() })
            }
            Self::Link { path, other, remove } => {
                let (one, other) = (view.find(&path)?, view.find(&other)?);
                let link = wire::LinkChannels { channel: one.id, other: other.id, linked: !remove };
                caller.done(request::Body::LinkChannels(link)).await?;
                let (one, other) = (view.path(one), view.path(other));
                let text = if remove {
                    format!("{one} and {other} don't hear each other any more.")
                } else {
                    format!("{one} and {other} hear each other.")
                };
                Ok(Answer { text, rows: vec![json!({ "channel": one, "other": other, "linked": !remove })] })
            }
            Self::Listen { path, volume, off, password } => {
                listen(caller, &view, &path, (volume, off), &password, output).await
            }
        }
    }
}

/// The channel that a new one of this path is below, and its name.
fn place_of(view: &View, path: &str) -> anyhow::Result<(Option<ChannelId>, String)> {
    match path.trim_matches('/').rsplit_once('/') {
        Some((above, name)) => {
            let found = view.find(above).with_context(|| format!("create {above} first"))?;
            Ok((Some(ChannelId(found.id)), name.to_owned()))
        }
        None => Ok((None, path.trim_matches('/').to_owned())),
    }
}

async fn list(caller: &Caller, view: &View, limit: Limit) -> anyhow::Result<Answer> {
    let mut rows = Vec::new();
    let after = view.channels.values().filter(|channel| limit.after.is_none_or(|after| channel.id > after));
    for channel in after.take(limit.limit) {
        rows.push(row(caller, view, channel).await);
    }
    Ok(Answer { text: String::new(), rows })
}

async fn edit_channel(
    caller: &Caller,
    view: &View,
    path: &str,
    edit: ChannelEdit,
    below: Option<&str>,
    options: &Options,
) -> anyhow::Result<Answer> {
    let channel = view.find(path)?;
    let id = ChannelId(channel.id);
    let parent = match below {
        None => None,
        Some("" | "/") => Some(0),
        Some(path) => Some(view.find(path)?.id),
    };
    let edit = ChannelEdit {
        user_limit: options.limit,
        voice: options.voice(channel.voice.unwrap_or_default()),
        ..edit
    };
    let position = edit.position.unwrap_or(channel.position);
    if edit != ChannelEdit::default() {
        caller.done(request::Body::EditChannel(edit.of(id))).await?;
    }
    if let Some(parent) = parent {
        let to = wire::MoveChannel { channel: id.0, parent, position };
        caller.done(request::Body::MoveChannel(to)).await?;
    }
    shown(caller, id, "changed").await
}

async fn allow(caller: &Caller, view: &View, exception: Exception) -> anyhow::Result<Answer> {
    let path = view.path(view.find(&exception.path)?);
    let (whom, allow, deny) = (exception.whom().to_owned(), exception.allow, exception.deny);
    let reach = exception.reach;
    caller.done(request::Body::SetOverwrite(exception.resolved(view)?.into())).await?;
    if allow.is_empty() && deny.is_empty() {
        let text = format!("{path} makes no exception for {whom} any more.");
        return Ok(Answer { text, rows: Vec::new() });
    }
    let text = format!("In {path}, {whom} is allowed {allow} and denied {deny} ({reach}).");
    let row = json!({ "channel": path, "name": whom, "allow": allow, "deny": deny, "reach": reach });
    Ok(Answer { text, rows: vec![row] })
}

async fn listen(
    caller: &Caller,
    view: &View,
    path: &str,
    (volume, off): (u32, bool),
    password: &JoinPassword,
    output: Output,
) -> anyhow::Result<Answer> {
    if matches!(caller, Caller::Owner(_)) {
        bail!(
            "it is somebody who listens: log in with `parlour login`, and leave --data-dir and --organization out"
        );
    }
    let channel = view.find(path)?;
    let (id, path) = (channel.id, view.path(channel));
    let password = if off { String::new() } else { password.of(&path, output)? };
    let listen = wire::Listen { channel: id, on: !off, volume: if off { 0 } else { volume }, password };
    caller.done(request::Body::Listen(listen)).await?;
    let text = if off {
        format!("You don't hear {path} any more unless you are there.")
    } else {
        format!("You hear {path} without being there, at {volume} %.")
    };
    Ok(Answer { text, rows: vec![json!({ "channel": path, "listening": !off, "volume": volume })] })
}

impl Exception {
    fn whom(&self) -> &str {
        self.role.as_deref().or(self.user.as_deref()).unwrap_or_default()
    }

    /// The overwrite with numbers in place of names.
    pub(super) fn resolved(self, view: &View) -> anyhow::Result<NewOverwrite> {
        let channel = ChannelId(view.find(&self.path)?.id);
        let subject = match (self.role, self.user) {
            (Some(role), _) => OverwriteFor::Role(named(&view.roles, &role)?.id),
            (None, user) => OverwriteFor::User(user.unwrap_or_default()),
        };
        Ok(NewOverwrite { channel, subject, allow: self.allow, deny: self.deny, reach: self.reach })
    }
}

/// How many channels are below one.
fn below(view: &View, channel: ChannelId) -> usize {
    view.children(Some(channel)).iter().map(|child| 1 + below(view, ChannelId(child.id))).sum()
}

/// Says what became of a channel, and shows it as it is now.
async fn shown(caller: &Caller, id: ChannelId, what: &str) -> anyhow::Result<Answer> {
    let view = caller.view().await?;
    // Whoever may make a channel need not see it, and somebody else may have deleted it meanwhile.
    let Some(channel) = view.channels.get(&id.0) else {
        return Ok(Answer { text: format!("Channel {id} is {what}."), rows: vec![json!({ "id": id })] });
    };
    let text = format!("{} is {what}.", view.path(channel));
    Ok(Answer { text, rows: vec![row(caller, &view, channel).await] })
}

async fn row(caller: &Caller, view: &View, channel: &wire::Channel) -> Value {
    let voice = channel.voice.unwrap_or_default();
    let links: Vec<_> =
        channel.links.iter().filter_map(|id| view.channels.get(id)).map(|other| view.path(other)).collect();
    let asks = Permissions::MANAGE_ROLES.bits() | Permissions::INSPECT.bits();
    let overwrites = match channel.permissions & asks {
        0 => None,
        _ => caller.overwrites(ChannelId(channel.id)).await.ok().map(|overwrites| overwrites.len()),
    };
    json!({
        "id": channel.id, "path": view.path(channel), "description": channel.description,
        "position": channel.position, "password": channel.password,
        "limit": (channel.user_limit > 0).then_some(channel.user_limit), "links": links,
        "temporary_ms": channel.temporary_ms, "bitrate": voice.bitrate, "frame_ms": voice.frame_ms,
        "last_speakers": voice.last_speakers, "overwrites": overwrites,
        "permissions": Permissions::from_bits(channel.permissions),
    })
}

fn overwrite_row(NamedOverwrite { name, overwrite }: &NamedOverwrite) -> Value {
    let kind = match overwrite.subject {
        Subject::Role(_) => "role",
        Subject::User(_) => "user",
    };
    json!({
        "for": kind, "name": name, "allow": overwrite.allow, "deny": overwrite.deny,
        "where": overwrite.reach.to_string(), "reach": overwrite.reach,
    })
}
