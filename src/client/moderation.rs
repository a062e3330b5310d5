//! What is done to other people who are connected, and what one says of oneself.

use super::{RequestError, Session};
use crate::id::SessionId;
use crate::protocol::wire::{self, request};

/// What is to hold for somebody; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moderation {
    /// Not heard, until it is taken back; also when they come again.
    pub mute: Option<bool>,
    /// Hears nobody, likewise.
    pub deaf: Option<bool>,
    /// Not heard, only while they stay in the channel.
    pub suppress: Option<bool>,
    /// The others are turned down while they speak, only while they stay in the channel.
    pub priority: Option<bool>,
}

/// What one says of oneself; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnState {
    /// Says nothing.
    pub mute: Option<bool>,
    /// Hears nothing.
    pub deaf: Option<bool>,
    /// Isn't at the keyboard.
    pub away: Option<bool>,
    /// A line for the others, 128 bytes at most.
    pub status: Option<String>,
    /// Where this session's position counts, 128 bytes at most: only those with the same bytes are told positions
    /// ([`Speaker::set_position`](super::Speaker::set_position)); empty for nowhere.
    pub position_context: Option<Vec<u8>>,
}

impl Session {
    /// Sets what is given for somebody, priority for oneself, too.
    pub async fn moderate(&self, session: SessionId, what: Moderation) -> Result<(), RequestError> {
        let Moderation { mute, deaf, suppress, priority } = what;
        let moderate = wire::Moderate { session: session.0, mute, deaf, suppress, priority };
        self.done(request::Body::Moderate(moderate)).await
    }

    /// Ends somebody's connection, and tells them why.
    pub async fn kick(&self, session: SessionId, reason: &str) -> Result<(), RequestError> {
        let kick = wire::Kick { session: session.0, reason: reason.to_owned() };
        self.done(request::Body::Kick(kick)).await
    }

    /// Keeps a note on somebody, 1000 characters at most; an empty one is none.
    pub async fn set_note(&self, name: &str, text: &str) -> Result<(), RequestError> {
        let note = wire::SetNote { name: name.to_owned(), text: text.to_owned() };
        self.done(request::Body::SetNote(note)).await
    }

    /// Sets what is given for oneself.
    pub async fn set_own_state(&self, state: OwnState) -> Result<(), RequestError> {
        let OwnState { mute, deaf, away, status, position_context } = state;
        let position_context = position_context.map(Into::into);
        self.done(request::Body::SetSelf(wire::SetSelf { mute, deaf, away, status, position_context })).await
    }
}
