//! The one binary: server, client and tools.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    ExitCode::from(parlour::cli::Cli::parse().run())
}
