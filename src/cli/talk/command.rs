//! What one can type behind a slash. One table says what there is; reading, completion and help are made of it.

mod form;
mod line;
mod reading;
mod table;

pub(super) use form::{Asked, Command, Open, Part};
pub(super) use line::{find, read};
pub(super) use table::COMMANDS;

#[cfg(test)]
mod tests;
