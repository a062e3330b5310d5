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
#[cfg(target_os = "linux")]
mod global;
mod handle;
mod kept;
#[cfg(target_os = "linux")]
mod key;
mod live;
mod mouth;
mod network;
mod note;
mod picture;
mod rest;
mod settings;
mod shared;
mod sleep;
mod traffic;
mod voicing;
mod whisper;
#[cfg(target_os = "linux")]
mod x11;

pub use action::{Action, ActionError, Push};
pub use control::{Ask, Control, ControlError, Switch, ask, control_path};
#[cfg(target_os = "linux")]
pub use global::KeyDoes;
pub use handle::{Options, StartError, Talk};
pub use kept::{KeptError, KeptKeys};
#[cfg(target_os = "linux")]
pub use key::{Chord, ChordError, MOST_KEYS};
pub use note::Note;
pub use picture::{
    Bookmark, Connection, Device, Hearing, Line, Meters, Own, Picture, SILENCE, TEXTS, Talking, To,
    VoiceMeter,
};
pub use settings::{Chimes, Choice, Echo, Mode, OutOfRange, Quality, Settings};
#[cfg(target_os = "linux")]
pub use x11::{GlobalKeys, GlobalKeysError};
