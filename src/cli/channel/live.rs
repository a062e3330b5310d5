//! `parlour channel` as the person who is logged in.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{Command, Exception, Options};
use crate::admin::{Answer, Limit};
use crate::cli::output::counted;
use crate::cli::role::live::named;
use crate::client::{
    ChannelEdit, NamedOverwrite, NewChannel, NewOverwrite, OverwriteFor, RequestError, Session, View,
};
use crate::id::ChannelId;
use crate::permission::{Permissions, Subject};
use crate::protocol::ErrorCode;
use crate::protocol::wire;

/// Does a command over the protocol.
pub(super) async fn run(session: &Session, command: Command) -> anyhow::Result<Answer> {
    let view = session.view();
    match command {
        Command::List(limit) => list(session, &view, limit).await,
        Command::Create { path, description, position, temporary, options } => {
            let (parent, name) = match path.trim_matches('/').rsplit_once('/') {
                Some((above, name)) => {
                    let found = view.find(above).with_context(|| format!("create {above} first"))?;
                    (Some(ChannelId(found.id)), name.to_owned())
                }
                None => (None, path.trim_matches('/').to_owned()),
            };
            let new = NewChannel {
                parent,
                name,
                description,
                position,
                password: options.password()?.unwrap_or_default(),
                user_limit: options.limit.unwrap_or(0),
                temporary: temporary.map(|span| span.0),
                voice: options.voice(wire::VoicePolicy::default()).unwrap_or_default(),
            };
            let row = json!({
                "path": path.trim_matches('/'), "description": new.description, "position": position,
                "password": !new.password.is_empty(), "limit": (new.user_limit > 0).then_some(new.user_limit),
            });
            let id = session.create_channel_with(new).await?;
            Ok(changed(format!("{} is created.", path.trim_matches('/')), id, row))
        }
        Command::Edit { path, rename, description, position, below, options } => {
            let edit = ChannelEdit { name: rename, description, position, ..ChannelEdit::default() };
            edit_channel(session, &view, &path, edit, below.as_deref(), &options).await
        }
        Command::Delete { path } => {
            let channel = view.find(&path)?;
            let (path, below) = (view.path(channel), below(&view, ChannelId(channel.id)));
            session.remove_channel(ChannelId(channel.id)).await?;
            let below = counted(below as u64, "channel");
            Ok(said(format!("{path} is deleted, with {below} below it.")))
        }
        Command::Allow(exception) => allow(session, &view, exception).await,
        Command::Overwrites { path } => {
            let found = patiently(session, ChannelId(view.find(&path)?.id)).await?;
            Ok(Answer { text: String::new(), rows: found.iter().map(overwrite_row).collect() })
        }
        Command::Link { path, other, remove } => {
            let (one, other) = (view.find(&path)?, view.find(&other)?);
            session.link_channels(ChannelId(one.id), ChannelId(other.id), !remove).await?;
            let (one, other) = (view.path(one), view.path(other));
            let text = if remove {
                format!("{one} and {other} don't hear each other any more.")
            } else {
                format!("{one} and {other} hear each other.")
            };
            Ok(Answer { text, rows: vec![json!({ "channel": one, "other": other, "linked": !remove })] })
        }
        Command::Listen { path, volume, off } => {
            let channel = view.find(&path)?;
            let (id, path) = (ChannelId(channel.id), view.path(channel));
            let text = if off {
                session.stop_listening(id).await?;
                format!("You don't hear {path} any more unless you are there.")
            } else {
                session.listen(id, volume).await?;
                format!("You hear {path} without being there, at {volume} %.")
            };
            Ok(Answer { text, rows: vec![json!({ "channel": path, "listening": !off, "volume": volume })] })
        }
    }
}

async fn list(session: &Session, view: &View, limit: Limit) -> anyhow::Result<Answer> {
    let asks = Permissions::MANAGE_ROLES.bits() | Permissions::INSPECT.bits();
    let mut rows = Vec::new();
    let after = view.channels.values().filter(|channel| limit.after.is_none_or(|after| channel.id > after));
    for channel in after.take(limit.limit) {
        let overwrites = match channel.permissions & asks {
            0 => None,
            _ => patiently(session, ChannelId(channel.id)).await.ok().map(|overwrites| overwrites.len()),
        };
        let mut row = row(view, channel);
        row["overwrites"] = json!(overwrites);
        rows.push(row);
    }
    Ok(Answer { text: String::new(), rows })
}

async fn edit_channel(
    session: &Session,
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
        Some("" | "/") => Some(None),
        Some(path) => Some(Some(ChannelId(view.find(path)?.id))),
    };
    let edit = ChannelEdit {
        password: options.password()?,
        user_limit: options.limit,
        voice: options.voice(channel.voice.unwrap_or_default()),
        ..edit
    };
    if edit != ChannelEdit::default() {
        session.edit_channel_with(id, edit.clone()).await?;
    }
    if let Some(parent) = parent {
        session.move_channel(id, parent, edit.position.unwrap_or(channel.position)).await?;
    }
    let name = edit.name.unwrap_or_else(|| channel.name.clone());
    let parent = parent.unwrap_or((channel.parent != 0).then_some(ChannelId(channel.parent)));
    let above = parent.and_then(|parent| view.channels.get(&parent.0)).map(|above| view.path(above) + "/");
    let path = above.unwrap_or_default() + &name;
    let limit = edit.user_limit.unwrap_or(channel.user_limit);
    let row = json!({
        "path": path, "description": edit.description.as_ref().unwrap_or(&channel.description),
        "position": edit.position.unwrap_or(channel.position),
        "password": edit.password.map_or(channel.password, |password| !password.is_empty()),
        "limit": (limit > 0).then_some(limit),
    });
    Ok(changed(format!("{path} is changed."), id, row))
}

async fn allow(session: &Session, view: &View, exception: Exception) -> anyhow::Result<Answer> {
    let path = view.path(view.find(&exception.path)?);
    let (whom, allow, deny) = (exception.whom().to_owned(), exception.allow, exception.deny);
    let reach = exception.reach;
    session.set_overwrite(exception.resolved(session).await?).await?;
    if allow.is_empty() && deny.is_empty() {
        return Ok(said(format!("{path} makes no exception for {whom} any more.")));
    }
    let text = format!("In {path}, {whom} is allowed {allow} and denied {deny} ({reach}).");
    let row = json!({ "channel": path, "name": whom, "allow": allow, "deny": deny, "reach": reach });
    Ok(Answer { text, rows: vec![row] })
}

impl Exception {
    fn whom(&self) -> &str {
        self.role.as_deref().or(self.user.as_deref()).unwrap_or_default()
    }

    /// The overwrite with numbers in place of names.
    pub(in crate::cli) async fn resolved(self, session: &Session) -> anyhow::Result<NewOverwrite> {
        let channel = ChannelId(session.view().find(&self.path)?.id);
        let subject = match (self.role, self.user) {
            (Some(role), _) => OverwriteFor::Role(named(&session.roles().await?, &role)?.id),
            (None, user) => OverwriteFor::User(user.unwrap_or_default()),
        };
        Ok(NewOverwrite { channel, subject, allow: self.allow, deny: self.deny, reach: self.reach })
    }
}

/// The overwrites of a channel, asked for again where the server wants a pause.
async fn patiently(session: &Session, channel: ChannelId) -> Result<Vec<NamedOverwrite>, RequestError> {
    loop {
        match session.overwrites(channel).await {
            Err(RequestError::Refused { code: Some(ErrorCode::RateLimited), retry_after_ms, .. })
                if retry_after_ms > 0 =>
            {
                tokio::time::sleep(Duration::from_millis(retry_after_ms.min(5_000))).await;
            }
            answer => return answer,
        }
    }
}

/// How many channels are below one.
fn below(view: &View, channel: ChannelId) -> usize {
    view.children(Some(channel)).iter().map(|child| 1 + below(view, ChannelId(child.id))).sum()
}

fn said(text: String) -> Answer {
    Answer { text, rows: Vec::new() }
}

fn changed(text: String, id: ChannelId, mut row: Value) -> Answer {
    row["id"] = json!(id);
    Answer { text, rows: vec![row] }
}

fn row(view: &View, channel: &wire::Channel) -> Value {
    let voice = channel.voice.unwrap_or_default();
    let links: Vec<_> =
        channel.links.iter().filter_map(|id| view.channels.get(id)).map(|other| view.path(other)).collect();
    json!({
        "id": channel.id, "path": view.path(channel), "description": channel.description,
        "position": channel.position, "password": channel.password,
        "limit": (channel.user_limit > 0).then_some(channel.user_limit), "links": links,
        "temporary_ms": channel.temporary_ms, "bitrate": voice.bitrate, "frame_ms": voice.frame_ms,
        "last_speakers": voice.last_speakers,
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
