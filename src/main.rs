//! The one binary: server, client and tools.

use std::process::ExitCode;

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(parlour::cli::Cli::from_arguments().run())
}
