//! The live client without a screen: one speaks and hears, sees who is there, and does what one does in a channel. What is
//! shown is a [`Picture`], what moves all the time are [`Meters`], what is told once is a [`Note`], and what one does is an
//! [`Action`].
//!
//! Three threads share the work. The microphone's cleans, judges, encodes and sends what it hears (`mouth`); the loudspeaker's
//! puts packets in their places, decodes and mixes them (`ear`); and one holds the connection (`network`), so that nothing that a
//! screen does delays any voice. What they have in common is in `shared`.

mod act;
mod action;
mod changes;
mod control;
mod devices;
mod ear;
mod figures;
mod framing;
mod handle;
mod kept;
mod live;
mod mouth;
mod network;
mod note;
mod picture;
mod settings;
mod shared;
mod sleep;
mod traffic;
mod whisper;

pub use action::{Action, ActionError, Push};
pub use control::{Ask, Control, ControlError, Switch, ask, control_path};
pub use handle::{Options, StartError, Talk};
pub use kept::KeptError;
pub use note::Note;
pub use picture::{
    Bookmark, Connection, Device, Hearing, Line, Meters, Own, Picture, SILENCE, TEXTS, Talking, To,
    VoiceMeter,
};
pub use settings::{Chimes, Choice, Echo, Mode, OutOfRange, Quality, Settings};
