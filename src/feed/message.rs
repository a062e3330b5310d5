//! What is sent to a webhook: something that happened, or that something is missing. It is kept until it is delivered, so it
//! is read from what an earlier version wrote.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Happened, told};
use crate::id::{HookId, Timestamp, UserId};

/// What is sent to a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// Something happened, as far as its owner may know of it.
    Happened(Happened),
    /// Something is missing here.
    Missed(Missing),
    /// Nothing: its owner tries whether messages arrive.
    Test {
        /// When.
        at: Timestamp,
    },
}

/// What is missing, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum Missing {
    /// Messages that aren't kept: so many waited, or the database couldn't be read or written.
    NotKept {
        /// How many those are.
        count: u64,
        /// When the first of them was sent.
        since: Timestamp,
        /// When the last of them was sent.
        until: Timestamp,
    },
    /// What happened while the webhook was off.
    Off {
        /// When it was turned on.
        until: Timestamp,
    },
    /// What happened in the last moments before the server began anew; nobody is connected since.
    Restart {
        /// When it began.
        until: Timestamp,
    },
}

impl Message {
    /// The message as it is kept.
    pub fn to_text(&self) -> String {
        // Fails for no value of this type: it has no map with keys that aren't text.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The message that was kept; nothing where another version wrote it that says more than this one knows.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// By what its receiver knows it again, as the message of a number to a webhook, however often it is sent
    /// ("webhook-id"). What happened has the same one even where it waits twice, since it wasn't known whether it was written.
    pub fn id(&self, user: UserId, hook: HookId, number: u64) -> String {
        match self {
            Self::Happened(happened) => format!("msg_{user}_{hook}_{}", happened.number),
            Self::Missed(_) | Self::Test { .. } => format!("msg_{user}_{hook}_{}-{number}", self.at().0),
        }
    }

    /// The word for what it tells of.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Happened(happened) => told(happened).0,
            Self::Missed(_) => "missed",
            Self::Test { .. } => "test",
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Happened(happened) => happened.at,
            Self::Missed(
                Missing::NotKept { until, .. } | Missing::Off { until } | Missing::Restart { until },
            ) => *until,
            Self::Test { at } => *at,
        }
    }

    /// What its receiver reads (Standard Webhooks, "Payload"): a word for what it is, when it happened, and all that there is
    /// to say of it. Of something that happened that is what those are told who follow it otherwise ([`told`]).
    pub fn payload(&self) -> Value {
        let data = match self {
            Self::Happened(happened) => told(happened).1,
            Self::Missed(missing) => missing.told(),
            Self::Test { .. } => json!({}),
        };
        json!({ "type": self.word(), "timestamp": self.at().to_string(), "data": data })
    }

    /// The message, kept as text, that stands for two of which the second came later: that both are missing.
    pub fn cut(first: &str, second: &str) -> String {
        let (first, second) = (Missing::of(first), Missing::of(second));
        let missing = match (first, second) {
            (Some((count, since, _)), Some((more, _, until))) => {
                Missing::NotKept { count: count + more, since, until }
            }
            (Some((count, since, until)), None) | (None, Some((count, since, until))) => {
                Missing::NotKept { count: count + 1, since, until }
            }
            (None, None) => Missing::NotKept { count: 2, since: Timestamp(0), until: Timestamp(0) },
        };
        Self::Missed(missing).to_text()
    }
}

impl Missing {
    /// How many are missing where a message isn't sent, kept as text, and from when to when they were sent.
    fn of(text: &str) -> Option<(u64, Timestamp, Timestamp)> {
        Some(match Message::from_text(text)? {
            Message::Missed(Self::NotKept { count, since, until }) => (count, since, until),
            other => (1, other.at(), other.at()),
        })
    }

    fn told(&self) -> Value {
        match self {
            Self::NotKept { count, since, until } => json!({
                "why": "not-kept", "count": count.to_string(),
                "since": since.to_string(), "until": until.to_string(),
            }),
            Self::Off { until } => json!({ "why": "off", "until": until.to_string() }),
            Self::Restart { until } => json!({ "why": "restart", "until": until.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{Doer, Event, To};
    use crate::id::{ChannelId, OrganizationId, SessionId, UserId};

    fn text(at: u64) -> Message {
        let event = Event::TextSent {
            from: SessionId(7),
            author: Some(UserId(3)),
            name: "alice".to_owned(),
            to: To::Channel(ChannelId(5)),
            text: "tea?".to_owned(),
        };
        let by = Doer::Member { session: SessionId(7), user: Some(UserId(3)), name: "alice".to_owned() };
        Message::Happened(Happened {
            organization: OrganizationId(1),
            number: at,
            at: Timestamp(at),
            by,
            event,
        })
    }

    #[test]
    fn what_is_kept_is_read_again_and_an_earlier_version_s_too() {
        let missing = Missing::NotKept { count: 2, since: Timestamp(1), until: Timestamp(2) };
        for message in [text(1_000), Message::Missed(missing), Message::Test { at: Timestamp(7) }] {
            assert_eq!(Message::from_text(&message.to_text()), Some(message));
        }
        let kept = r#"{"happened":{"organization":1,"number":9,"at":"1970-01-01T00:00:01Z","by":"server","event":{"moved":{"session":7,"from":null,"to":5}}}}"#;
        let read = Message::from_text(kept).unwrap();
        assert_eq!(read.to_text(), kept);
        assert_eq!(Message::from_text("{\"unheard-of\":{}}"), None);
    }

    #[test]
    fn a_receiver_reads_what_those_are_told_who_follow() {
        let payload = text(1_000).payload();
        let Message::Happened(happened) = text(1_000) else { panic!() };
        assert_eq!(payload["type"], "text-sent");
        assert_eq!(payload["timestamp"], "1970-01-01T00:00:01Z");
        assert_eq!(payload["data"], told(&happened).1);
        assert_eq!(payload["data"]["text"], "tea?");
    }

    #[test]
    fn what_is_cut_off_is_counted() {
        let one = Message::cut(&text(1).to_text(), &text(2).to_text());
        let more = Message::cut(&one, &text(5).to_text());
        let missing = Missing::NotKept { count: 3, since: Timestamp(1), until: Timestamp(5) };
        assert_eq!(Message::from_text(&more), Some(Message::Missed(missing.clone())));
        assert_eq!(Message::Missed(missing).payload()["data"]["count"], "3");
        let unread = Message::cut("?", "?");
        assert!(matches!(
            Message::from_text(&unread),
            Some(Message::Missed(Missing::NotKept { count: 2, .. }))
        ));
    }
}
