//! Generates the messages of the control protocol from `src/protocol/protocol.proto`, for Rust and for the
//! browser's page, and packs that page.

#![expect(clippy::print_stdout, reason = "it is how a build script talks to cargo")]

mod page;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=src/protocol/protocol.proto");
    println!("cargo:rerun-if-changed={}", page::PAGE);
    let files = protox::compile(["protocol.proto"], ["src/protocol"])?;
    let schema = page::schema(&files)?;
    let mut config = prost_build::Config::new();
    // Fields of bytes share the buffer they were decoded from.
    config.bytes(["."]);
    config.compile_fds(files)?;
    page::pack(schema)
}
