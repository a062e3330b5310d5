//! The live client without a screen: one speaks and hears, sees who is there, and does what one does in a channel. What is
//! shown is a [`Picture`], what moves all the time are [`Meters`], what is told once is a [`Note`], and what one does is an
//! [`Action`].

mod action;
mod kept;
mod note;
mod picture;
mod settings;

pub use action::{Action, ActionError, Push};
pub use kept::KeptError;
pub use note::Note;
pub use picture::{
    Bookmark, Connection, Device, Hearing, Line, Meters, Own, Picture, SILENCE, TEXTS, Talking, To,
    VoiceMeter,
};
pub use settings::{Chimes, Choice, Echo, Mode, Quality, Settings};
