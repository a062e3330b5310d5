//! Generates the messages of the control protocol from `src/protocol/protocol.proto`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=src/protocol/protocol.proto");
    let files = protox::compile(["protocol.proto"], ["src/protocol"])?;
    let mut config = prost_build::Config::new();
    // Fields of bytes share the buffer they were decoded from.
    config.bytes(["."]);
    config.compile_fds(files)?;
    Ok(())
}
