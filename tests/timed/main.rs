//! What measures time, and therefore needs the machine to itself: cargo runs one binary of tests after the other, and
//! each test of this one waits for [`support::alone`].

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints its figures"
)]

#[path = "../support/mod.rs"]
mod support;

mod devices;
mod hostile;
mod links;
mod load;
mod memory;
mod mouth_to_ear;
mod organizations;
mod talk;
