//! What one is told once.

use std::fmt;

use super::picture::{Line, To};
use crate::id::SessionId;

/// Something that happened. Its `Display` is a sentence for a person, without a period where it ends with what somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Somebody wrote to the channel, or to oneself.
    Text(Line),
    /// Somebody came into the channel that one is in.
    Came {
        /// Who.
        session: SessionId,
        /// Their name.
        name: String,
    },
    /// Somebody left it.
    Left {
        /// Who.
        session: SessionId,
        /// Their name.
        name: String,
    },
    /// One is in another channel, or in none.
    Moved {
        /// Its path; `None` for none.
        channel: Option<String>,
    },
    /// One says nothing from now on, or is heard again.
    Muted {
        /// Which of them.
        mute: bool,
        /// A moderator did it.
        by_others: bool,
    },
    /// One hears nothing from now on, or hears again.
    Deafened {
        /// Which of them.
        deaf: bool,
        /// A moderator did it.
        by_others: bool,
    },
    /// The channel is recorded from now on, or no more.
    Recorded {
        /// Who has it recorded; `None` for no more.
        by: Option<String>,
    },
    /// One talks, and is muted.
    TalkingWhileMuted,
    /// The server is at its limit, and doesn't pass on one's voice.
    Busy,
    /// Something became of a microphone or a loudspeaker, in words.
    Device(String),
    /// The connection was lost, and one is coming back. Why, in words.
    Lost(String),
    /// One is back.
    Back,
    /// The connection has ended for good. Why, in words.
    Over(String),
    /// Something that one has set couldn't be done when one came back, in words.
    NotRestored(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(Line { name, to: To::Person(_), text, .. }) => write!(f, "{name} (to you): {text}"),
            Self::Text(Line { name, text, .. }) => write!(f, "{name}: {text}"),
            Self::Came { name, .. } => write!(f, "{name} came in."),
            Self::Left { name, .. } => write!(f, "{name} left."),
            Self::Moved { channel: Some(channel) } => write!(f, "You are in {channel}."),
            Self::Moved { channel: None } => f.write_str("You are in no channel."),
            Self::Muted { mute: true, by_others: true } => f.write_str("A moderator muted you."),
            Self::Muted { mute: false, by_others: true } => f.write_str("A moderator lets you speak again."),
            Self::Muted { mute: true, by_others: false } => f.write_str("You are muted."),
            Self::Muted { mute: false, by_others: false } => f.write_str("You aren't muted any more."),
            Self::Deafened { deaf: true, by_others: true } => f.write_str("A moderator deafened you."),
            Self::Deafened { deaf: false, by_others: true } => {
                f.write_str("A moderator lets you hear again.")
            }
            Self::Deafened { deaf: true, by_others: false } => f.write_str("You are deaf."),
            Self::Deafened { deaf: false, by_others: false } => f.write_str("You hear again."),
            Self::Recorded { by: Some(by) } => write!(f, "This channel is being recorded by {by}."),
            Self::Recorded { by: None } => f.write_str("This channel isn't recorded any more."),
            Self::TalkingWhileMuted => f.write_str("You talk, and are muted."),
            Self::Busy => f.write_str("The server is at its limit: nobody hears you now."),
            Self::Device(words) | Self::NotRestored(words) => f.write_str(words),
            Self::Lost(reason) => write!(f, "The connection was lost ({reason}). Coming back ..."),
            Self::Back => f.write_str("You are back."),
            Self::Over(reason) => write!(f, "The connection has ended: {reason}"),
        }
    }
}
