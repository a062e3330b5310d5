//! What a change costs as more people are there: in the live state alone, and with a server and people who are connected to it. "state" or
//! "connected" chooses one of these.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

mod connected;
#[path = "../../tests/support/outside.rs"]
mod outside;
mod state;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    if is_chosen("state") {
        state::measure();
    }
    if is_chosen("connected") {
        connected::measure().await;
    }
}
