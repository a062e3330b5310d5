//! What follows from a key, a command or a click, to be done outside of the screen.

use super::why::Question;
use crate::client::Target;
use crate::talk::{Action, Push};

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// By the live client.
    Act(Action),
    /// The key to talk, at once.
    Push(Push),
    /// The key to whisper is down: these are spoken to until it comes up.
    WhisperDown(Vec<Target>),
    /// It is up.
    WhisperUp,
    /// The server is asked why.
    Ask(Question),
    /// Another server is gone to.
    Connect(String),
    /// The connection's figures are shown and copied.
    Statistics,
    /// The devices that there are now are looked up.
    ListDevices,
    /// All of the screen is drawn again.
    Redraw,
    /// The terminal is the shell's for a while.
    Suspend,
    /// It ends.
    Quit,
}
