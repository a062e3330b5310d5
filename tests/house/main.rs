//! The house in order: the sources, the dependencies and the documents, held to what is written of them. No server runs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod circles;
mod fuzz;
mod licences;
mod makefile;
mod protocol;
mod structure;
mod tokens;
mod vectors;
mod vendored;
