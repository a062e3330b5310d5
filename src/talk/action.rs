//! What one does with a live client.

use thiserror::Error;

use super::picture::To;
use super::settings::{Choice, OutOfRange};
use super::{KeptError, Settings};
use crate::client::{RequestError, Target};
use crate::id::{ChannelId, SessionId};

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Enter a channel, leaving the one before.
    Join {
        /// Which.
        channel: ChannelId,
        /// What must be known to enter it; empty for nothing.
        password: String,
    },
    /// Leave the channel, and stay connected.
    Leave,
    /// Say nothing from now on, or be heard again. Whoever is heard again isn't deaf any more.
    Mute(bool),
    /// Hear nothing from now on, or hear again. The microphone is closed meanwhile.
    Deafen(bool),
    /// Be away from the keyboard, or be back. The microphone is closed meanwhile.
    Away(bool),
    /// Say something of oneself to the others: 128 bytes at most; empty for nothing.
    Status(String),
    /// Push the key to talk.
    Push(Push),
    /// Speak to these instead of the channel, 32 at most; to the channel again with none. Once they were spoken to, it
    /// takes no time to do so again.
    Whisper(Vec<Target>),
    /// Hear somebody louder or less loud: in percent of how they come, 0 to 200. It lasts.
    Volume {
        /// Whom.
        session: SessionId,
        /// How loud.
        percent: u16,
    },
    /// Don't hear somebody, or hear them again. It lasts.
    LocalMute {
        /// Whom.
        session: SessionId,
        /// Whether they aren't to be heard.
        mute: bool,
    },
    /// Write something.
    Text {
        /// To whom.
        to: To,
        /// What.
        text: String,
    },
    /// Choose something that lasts.
    Choose(Choice),
    /// Hear oneself by way of the server, without being heard by anybody else.
    EchoTest(bool),
    /// Keep a server at hand under a name; one of the same name is replaced.
    Bookmark {
        /// What one calls it.
        name: String,
        /// Where it is.
        address: String,
    },
    /// Keep it no more.
    RemoveBookmark {
        /// What one calls it.
        name: String,
    },
}

/// What is done to the key to talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// It goes down. Twice within [`Settings::LATCH`], it stays down.
    Down,
    /// It comes up.
    Up,
    /// It goes down to stay, or comes up: for whoever can't tell when a key comes up.
    Toggle,
}

/// Why something wasn't done. Nothing has changed then.
#[derive(Debug, Error)]
pub enum ActionError {
    /// The server refuses it, or the connection ended meanwhile.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// There is no connection now.
    #[error("there is no connection to the server now; it is being tried again")]
    Disconnected,
    /// It can't be kept.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// Whom it is about isn't there.
    #[error("they aren't connected any more")]
    Nobody,
    /// A number is out of its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// There are as many bookmarks as may be.
    #[error("there are {0} bookmarks, which is the most; remove one first")]
    ManyBookmarks(usize),
    /// A bookmark has no name, or no address.
    #[error("a bookmark has a name of 1 to 64 characters and an address such as parlour://host/Channel")]
    Bookmark,
    /// There is no bookmark of this name.
    #[error("there is no bookmark \"{0}\"")]
    NoBookmark(String),
}

impl Settings {
    /// How soon a second push of the key to talk makes it stay down.
    pub const LATCH: std::time::Duration = std::time::Duration::from_millis(300);
}
