//! Something that happened, as JSON.

use serde_json::{Map, Value, json};

use super::{Doer, Event, Happened, Kind, To};
use crate::id::{ChannelId, ElementPlace, UserId};
use crate::permission::Subject;

/// The kinds of things by their words, as a follower names them.
pub const KINDS: [(Kind, &str); 8] = [
    (Kind::Channels, "channels"),
    (Kind::Rights, "rights"),
    (Kind::Accounts, "accounts"),
    (Kind::Presence, "presence"),
    (Kind::Moderation, "moderation"),
    (Kind::Texts, "texts"),
    (Kind::Recordings, "recordings"),
    (Kind::Elements, "elements"),
];

/// What happened, by its word, and all that there is to say of it. Identifiers are strings, as in every answer.
pub fn told(happened: &Happened) -> (&'static str, Value) {
    let (word, about) = event(&happened.event);
    let kind = KINDS.iter().find(|(kind, _)| *kind == happened.event.kind()).map(|(_, word)| *word);
    let mut all = Map::new();
    all.insert("number".to_owned(), happened.number.to_string().into());
    all.insert("at".to_owned(), happened.at.to_string().into());
    all.insert("by".to_owned(), doer(&happened.by));
    all.insert("event".to_owned(), word.into());
    all.insert("kind".to_owned(), kind.into());
    if let Value::Object(about) = about {
        all.extend(about);
    }
    (word, all.into())
}

fn doer(by: &Doer) -> Value {
    match by {
        Doer::Server => json!({ "who": "server" }),
        Doer::Operator => json!({ "who": "operator" }),
        Doer::Member { session, user, name } => {
            json!({ "who": "member", "session": number(session.0), "user": user_of(*user), "name": name })
        }
        Doer::Account { user, way } => {
            json!({ "who": "account", "user": number(user.0), "way": way.to_string() })
        }
    }
}

fn number(identifier: u64) -> Value {
    identifier.to_string().into()
}

fn user_of(user: Option<UserId>) -> Value {
    user.map_or(Value::Null, |user| number(user.0))
}

fn channel_of(channel: Option<ChannelId>) -> Value {
    channel.map_or(Value::Null, |channel| number(channel.0))
}

fn event(event: &Event) -> (&'static str, Value) {
    match event {
        Event::ChannelCreated { channel, parent, name } => (
            "channel-created",
            json!({ "channel": number(channel.0), "parent": channel_of(*parent), "name": name }),
        ),
        Event::ChannelChanged { channel } => ("channel-changed", json!({ "channel": number(channel.0) })),
        Event::ChannelsRemoved { channels } => {
            let channels: Vec<_> = channels.iter().map(|channel| number(channel.0)).collect();
            ("channels-removed", json!({ "channels": channels }))
        }
        Event::ChannelsLinked { channel, other, linked } => (
            "channels-linked",
            json!({ "channel": number(channel.0), "other": number(other.0), "linked": linked }),
        ),
        Event::OrganizationChanged => ("organization-changed", json!({})),
        Event::RoleCreated { role, name } => {
            ("role-created", json!({ "role": number(role.0), "name": name }))
        }
        Event::RoleChanged { role } => ("role-changed", json!({ "role": number(role.0) })),
        Event::RoleRemoved { role } => ("role-removed", json!({ "role": number(role.0) })),
        Event::RoleGranted { user, role, until } => {
            let until = until.map(|until| until.to_string());
            ("role-granted", json!({ "user": number(user.0), "role": number(role.0), "until": until }))
        }
        Event::RoleRevoked { user, role } => {
            ("role-revoked", json!({ "user": number(user.0), "role": number(role.0) }))
        }
        Event::OverwriteSet { channel, subject } => ("overwrite-set", overwrite(*channel, *subject)),
        Event::OverwriteRemoved { channel, subject } => ("overwrite-removed", overwrite(*channel, *subject)),
        Event::AccountChanged { user } => ("account-changed", json!({ "user": number(user.0) })),
        Event::ProfileChanged { user, .. } => ("profile-changed", json!({ "user": number(user.0) })),
        Event::BansChanged => ("bans-changed", json!({})),
        Event::Arrived { session, user, name } => {
            ("arrived", json!({ "session": number(session.0), "user": user_of(*user), "name": name }))
        }
        Event::Departed { session, user, name } => {
            ("departed", json!({ "session": number(session.0), "user": user_of(*user), "name": name }))
        }
        Event::Moved { session, from, to } => (
            "moved",
            json!({ "session": number(session.0), "from": channel_of(*from), "to": channel_of(*to) }),
        ),
        Event::Presence { session, channel } => {
            ("presence", json!({ "session": number(session.0), "channel": channel_of(*channel) }))
        }
        Event::Moderated { session, channel } => {
            ("moderated", json!({ "session": number(session.0), "channel": channel_of(*channel) }))
        }
        Event::Kicked { session, name, reason } => {
            ("kicked", json!({ "session": number(session.0), "name": name, "reason": reason }))
        }
        Event::TextSent { from, author, name, to, text } => {
            let (channel, session) = match to {
                To::Channel(channel) => (number(channel.0), Value::Null),
                To::Session(session, _) => (Value::Null, number(session.0)),
            };
            let author = user_of(*author);
            let about = json!({
                "from": number(from.0), "author": author, "name": name,
                "channel": channel, "session": session, "text": text,
            });
            ("text-sent", about)
        }
        Event::RecordingBegan { channel } => ("recording-began", json!({ "channel": number(channel.0) })),
        Event::ElementChanged { on, name, version, .. } => ("element-changed", element(*on, name, *version)),
        Event::RecordingEnded { channel } => ("recording-ended", json!({ "channel": number(channel.0) })),
    }
}

/// A version of 0 is none: it was removed.
fn element(on: ElementPlace, name: &str, version: u64) -> Value {
    let (place, id) = match on {
        ElementPlace::Channel(channel) => ("channel", channel.0),
        ElementPlace::User(user) => ("user", user.0),
        ElementPlace::Recording(recording) => ("recording", recording.0),
    };
    json!({ place: number(id), "name": name, "version": number(version) })
}

fn overwrite(channel: ChannelId, subject: Subject) -> Value {
    let (role, user) = match subject {
        Subject::Role(role) => (number(role.0), Value::Null),
        Subject::User(user) => (Value::Null, number(user.0)),
    };
    json!({ "channel": number(channel.0), "role": role, "user": user })
}
