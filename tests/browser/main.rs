//! The page, in a real browser: Debian's Chromium, driven by playwright-core. `make test` installs both; where they are
//! missing, these tests say so and fail.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

#[path = "../support/mod.rs"]
mod support;

mod consent;
mod flows;
mod hooks;
mod lossy;
mod origins;
mod people;
mod pieces;
mod plugins;
mod presses;
mod profile;
mod provider;
mod stage;
mod voices;
