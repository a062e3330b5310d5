//! Something that happened, as JSON.

use std::ops::Deref;
use std::sync::OnceLock;

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

/// What every event has.
pub const COMMON: [&str; 5] = ["number", "at", "by", "event", "kind"];

/// The words of events, and what each has besides. What an element is on is in one of its fields.
pub const WORDS: [(&str, &[&str]); 25] = [
    ("channel-created", &["channel", "parent", "name"]),
    ("channel-changed", &["channel"]),
    ("channels-removed", &["channels"]),
    ("channels-linked", &["channel", "other", "linked"]),
    ("organization-changed", &[]),
    ("role-created", &["role", "name"]),
    ("role-changed", &["role"]),
    ("role-removed", &["role"]),
    ("role-granted", &["user", "role", "until"]),
    ("role-revoked", &["user", "role"]),
    ("overwrite-set", &["channel", "role", "user"]),
    ("overwrite-removed", &["channel", "role", "user"]),
    ("account-changed", &["user"]),
    ("profile-changed", &["user"]),
    ("bans-changed", &[]),
    ("arrived", &["session", "user", "name"]),
    ("departed", &["session", "user", "name"]),
    ("moved", &["session", "from", "to"]),
    ("presence", &["session", "channel"]),
    ("moderated", &["session", "channel"]),
    ("kicked", &["session", "name", "reason"]),
    ("text-sent", &["from", "author", "name", "channel", "session", "text"]),
    ("recording-began", &["channel"]),
    ("recording-ended", &["channel"]),
    ("element-changed", &["channel", "user", "recording", "name", "version"]),
];

/// Something that happened, as far as those know of it who are told the same. It becomes text once for all of them.
#[derive(Debug)]
pub struct Shown {
    happened: Happened,
    text: OnceLock<(&'static str, String)>,
}

impl Shown {
    pub(super) fn new(happened: Happened) -> Self {
        Self { happened, text: OnceLock::new() }
    }

    /// Its word, and all that there is to say of it ([`told`]) as JSON.
    pub fn text(&self) -> (&'static str, &str) {
        let (word, all) = self.text.get_or_init(|| {
            let (word, all) = told(&self.happened);
            (word, all.to_string())
        });
        (word, all)
    }
}

impl Deref for Shown {
    type Target = Happened;

    fn deref(&self) -> &Happened {
        &self.happened
    }
}

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::{OrganizationId, RecordingId, RoleId, SessionId, Timestamp};

    /// One event of each kind.
    fn one_of_each() -> Vec<Event> {
        let (channel, role, user, session) = (ChannelId(1), RoleId(2), UserId(3), SessionId(4));
        let (name, subject) = ("a".to_owned(), Subject::Role(role));
        let element = |on| Event::ElementChanged { on, recorded: None, name: "a".to_owned(), version: 1 };
        vec![
            Event::ChannelCreated { channel, parent: None, name: name.clone() },
            Event::ChannelChanged { channel },
            Event::ChannelsRemoved { channels: vec![channel] },
            Event::ChannelsLinked { channel, other: channel, linked: true },
            Event::OrganizationChanged,
            Event::RoleCreated { role, name: name.clone() },
            Event::RoleChanged { role },
            Event::RoleRemoved { role },
            Event::RoleGranted { user, role, until: None },
            Event::RoleRevoked { user, role },
            Event::OverwriteSet { channel, subject },
            Event::OverwriteRemoved { channel, subject },
            Event::AccountChanged { user },
            Event::ProfileChanged { user, connected: true },
            Event::BansChanged,
            Event::Arrived { session, user: None, name: name.clone() },
            Event::Departed { session, user: None, name: name.clone() },
            Event::Moved { session, from: None, to: None },
            Event::Presence { session, channel: None },
            Event::Moderated { session, channel: None },
            Event::Kicked { session, name: name.clone(), reason: name.clone() },
            Event::TextSent {
                from: session,
                author: None,
                name: name.clone(),
                to: To::Channel(channel),
                text: name,
            },
            Event::RecordingBegan { channel },
            Event::RecordingEnded { channel },
            element(ElementPlace::Channel(channel)),
            element(ElementPlace::User(user)),
            element(ElementPlace::Recording(RecordingId(5))),
        ]
    }

    #[test]
    fn the_words_are_those_that_are_told_with_the_fields_that_they_have() {
        let mut told_of = BTreeSet::new();
        for event in one_of_each() {
            let happened = Happened {
                organization: OrganizationId::FIRST,
                number: 1,
                at: Timestamp(1),
                by: Doer::Server,
                event,
            };
            let (word, all) = told(&happened);
            let (_, fields) = WORDS.iter().find(|(known, _)| *known == word).expect(word);
            let mut has: BTreeSet<&str> = all.as_object().unwrap().keys().map(String::as_str).collect();
            assert!(COMMON.iter().all(|common| has.remove(common)), "{word}");
            if word == "element-changed" {
                assert!(has.iter().all(|field| fields.contains(field)), "{word}: {has:?}");
            } else {
                assert_eq!(has, fields.iter().copied().collect(), "{word}");
            }
            told_of.insert(word);
        }
        assert_eq!(told_of, WORDS.iter().map(|(word, _)| *word).collect());
    }
}
